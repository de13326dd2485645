/**
 * Calls through a pointer. BPF has no such instruction, but a pointer that turns out to name one function, after inlining
 * and unrolling, is as good as that function's name.
 */
import type { FunctionDecl } from '../../c/index.ts';
import type { UnitContext } from '../lower/context.ts';
import { type Func, functionCallee, type Inst, type ResultType } from '../ir.ts';

/**
 * Makes calls of known functions direct; true when there was one.
 *
 * @param definition the IR of a function that has a body
 */
export function resolveCalls(f: Func, definition: (d: FunctionDecl) => Func | undefined): boolean {
  let changed = false;
  for (const b of f.blocks)
    for (const i of b.insts) {
      if (i.op !== 'call' || i.callee?.kind !== 'indirect') continue;
      const decl = functionAt(i.args[0]);
      const known = decl === null ? null : functionCallee(decl);
      if (known?.kind === 'kfunc') {
        // The registers are what the call says; the kernel has its own mind about the types.
        i.callee = known;
        i.args.shift();
        changed = true;
        continue;
      }
      const callee = decl === null ? undefined : definition(decl);
      if (callee === undefined || !fits(i, callee)) continue;
      i.callee = { kind: 'local', decl: callee.decl };
      i.args.shift();
      changed = true;
    }
  return changed;
}

/**
 * What could not be made direct: the message says why.
 *
 * @param inlined everything was; else only calls are refused that stay what they are wherever the function is inlined
 */
export function refuseIndirectCalls(f: Func, cx: UnitContext, inlined: boolean): void {
  for (const b of f.blocks)
    for (const i of b.insts)
      if (i.op === 'call' && i.callee?.kind === 'indirect' && (inlined || !mayBecomeKnown(i.args[0])))
        cx.error(
          { loc: i.loc, end: i.callee.end },
          'codegen/indirect-call',
          'calls through a function pointer are not possible in BPF programs',
          'Which function this is does not follow from the program. Call the function directly, or let bpf_loop()/bpf_for_each_map_elem() call it back.',
        );
}

/** Calls of functions with the attribute `error` that were not optimised away. */
export function refuseForbiddenCalls(f: Func, cx: UnitContext): void {
  for (const b of f.blocks)
    for (const i of b.insts)
      if (i.op === 'call' && i.callee?.kind === 'forbidden') {
        const { decl, end } = i.callee;
        cx.error(
          { loc: i.loc, end },
          'codegen/forbidden-call',
          `call to '${decl.name}' declared with 'error' attribute: ${decl.attributes.error}`,
          'Its author meant that no such call is left: the condition in front of it has to be false, and known to be, at compile time.',
        );
      }
}

/** Whether a pointer depends on what inlining may make known. */
function mayBecomeKnown(pointer: Inst): boolean {
  if (functionAt(pointer) !== null) return true;
  const seen = new Set<Inst>();
  const work = [pointer];
  while (work.length > 0) {
    const i = work.pop()!;
    if (i.op === 'param' || (i.op === 'call' && i.callee!.kind !== 'helper')) return true;
    if (seen.has(i)) continue;
    seen.add(i);
    work.push(...i.args);
  }
  return false;
}

export const hasIndirectCalls = (f: Func): boolean =>
  f.blocks.some((b) => b.insts.some((i) => i.op === 'call' && i.callee?.kind === 'indirect'));

function functionAt(pointer: Inst): FunctionDecl | null {
  let p = pointer;
  while (p.op === 'cast' && p.cast === 'bitcast') p = p.args[0];
  return p.op === 'global' && p.offset === 0 && p.symbol?.kind === 'func' ? p.symbol.decl : null;
}

/** The call was written for another type when not: what then happens is not C's to say. */
function fits(call: Inst, callee: Func): boolean {
  const wide = (t: ResultType): ResultType => (t === 'ptr' ? 'i64' : t);
  return (
    call.args.length - 1 === callee.params.length &&
    (call.type === 'void' || wide(call.type) === wide(callee.returns)) &&
    callee.params.every((p, n) => wide(p.type) === wide(call.args[n + 1].type))
  );
}
