/** hooks, lsm-order. */
import type { HookInfo } from '../../engine/lsm/index.ts';
import { EXIT, openEngine, print, printJson, requireKernel, type ExitCode } from '../context.ts';
import { table } from '../render.ts';

interface Options {
  readonly kernel: string;
  readonly json?: boolean;
}

const signature = (h: HookInfo): string => `(${h.args.map((a) => `${a.type} ${a.name}`).join(', ') || 'void'})`;

export function hooksCommand(root: string, name: string | undefined, o: Options): ExitCode {
  const engine = openEngine(root);
  const kernel = requireKernel(engine, o.kernel);
  const hooks = engine.hooks(kernel).filter((h) => name === undefined || h.name.includes(name));
  if (o.json === true) {
    printJson({ kernel, hooks });
    return EXIT.fine;
  }
  const rows = hooks.map((h) => [
    h.name,
    h.attachable ? (h.sleepable ? 'lsm, lsm.s' : 'lsm') : 'refused',
    h.returns === 'void' ? 'void' : String(h.defaultReturn),
    h.modules.join(','),
    signature(h),
  ]);
  print(table([['hook', 'attach', 'default', 'modules', 'arguments'], ...rows]));
  print(
    `${hooks.length} hooks, ${hooks.filter((h) => !h.attachable).length} refused, ${hooks.filter((h) => h.sleepable).length} sleepable, ${hooks.filter((h) => h.returns === 'void').length} void`,
  );
  return EXIT.fine;
}

export function lsmOrderCommand(root: string, o: Options & { readonly cmdline: string }): ExitCode {
  const engine = openEngine(root);
  const kernel = requireKernel(engine, o.kernel);
  const stack = engine.lsmOrder(kernel, o.cmdline);
  if (o.json === true) printJson({ kernel, cmdline: o.cmdline, ...stack });
  else {
    print(stack.text);
    for (const d of stack.dropped) process.stderr.write(`lsmith: ${d.name}: ${d.why}\n`);
  }
  return EXIT.fine;
}
