/** A random program compiled by us and by clang, run in the VM on the same inputs: what can be seen of each run. */
import type { LoadedObject } from '../../src/engine/loader/index.ts';
import type { KernelProfile } from '../../src/engine/kernel/index.ts';
import { verifyFunction } from '../../src/engine/codegen/ir-verify.ts';
import { PRELUDE } from './generator/index.ts';
import { compileClang, compileOurs, instantiate, load, readGlobal } from './compiler-support.ts';

export const INPUTS: readonly (readonly bigint[])[] = [
  [0n, 0n, 0n],
  [1n, 0xffffffffn, 0n],
  [0xffffffffffffffffn, 5n, 0n],
  [0x123456789abcdef0n, 0x80000000n, 0n],
  [0x8000000080000001n, 0x7fffffffn, 0n],
];

export interface Pair {
  readonly ours: LoadedObject;
  readonly theirs: LoadedObject;
  readonly oursBytes: Uint8Array;
  readonly theirsBytes: Uint8Array;
}

/** Clang itself fails: on a CO-RE query that its optimiser tore apart, say. Not a finding. */
export class ClangFailure extends Error {
  override readonly name = 'ClangFailure';
}

/** Both objects of several programs; a string when ours could not be made. clang: v4 has signed division; TBAA off, as the kernel has it. */
export function compileBoth(texts: readonly string[], kernel: KernelProfile, cpu = 'v4'): Pair | string {
  const source = PRELUDE + texts.join('\n');
  const broken: string[] = [];
  const r = compileOurs(source, kernel, { onFunction: (f) => void broken.push(...verifyFunction(f)) });
  if (broken.length > 0) return `broken IR: ${broken.join('; ')}`;
  const errors = r.diagnostics.filter((d) => d.severity === 'error');
  if (r.object === null || errors.length > 0)
    return `refused: ${errors.map((d) => `${d.range.line}: ${d.message}`).join('; ')}`;
  let theirsBytes: Uint8Array;
  try {
    theirsBytes = compileClang(source, [`-mcpu=${cpu}`, '-fno-strict-aliasing']);
  } catch (e) {
    throw new ClangFailure(String(e));
  }
  return { ours: load(r.object, kernel), theirs: load(theirsBytes, kernel), oursBytes: r.object, theirsBytes };
}

const hex = (b: Uint8Array): string => Buffer.from(b).toString('hex');

/** Everything a run leaves: return, fault, globals, maps, records, lines printed. */
export function outcome(object: LoadedObject, n: number, args: readonly bigint[]): string {
  const vm = instantiate(object, (at) => (at * 0x9d) ^ (at >> 3));
  const program = object.programs.find((p) => p.name === `p${n}`);
  if (program === undefined) return 'no program';
  const run = vm.run(program, args);
  const globals = ['out', 'glob', 'counter', 'word', 'wild', 'big', 'kept'].map(
    (g) => `${g}=${readGlobal(vm, object, `${g}${n}`)}`,
  );
  const maps = vm.maps
    .filter((m) => m.def.section === undefined && m.def.type !== 'ringbuf')
    .map(
      (m) =>
        `${m.def.name}: ${[...m.entries()]
          .map(([k, v]) => `${hex(k)}=${hex(v)}`)
          .sort()
          .join(' ')}`,
    )
    .sort();
  const records = run.ringRecords.map((r) => `record ${hex(r.bytes)}`);
  return [
    `r0 ${BigInt.asIntN(32, run.r0)} ${run.fault?.message ?? ''}`,
    ...globals,
    ...maps,
    ...records,
    ...run.printk,
  ].join('\n');
}

export type Verdict = 'same' | 'clang failed' | { readonly why: string };

/** What is to be said of each program, compiled together where that works. */
export function compareAll(texts: readonly ((n: number) => string)[], kernel: KernelProfile): Verdict[] {
  const judge = (pair: Pair | string, n: number): Verdict => {
    const why = typeof pair === 'string' ? pair : difference(pair, n);
    return why === null ? 'same' : { why };
  };
  try {
    const pair = compileBoth(
      texts.map((t, n) => t(n)),
      kernel,
    );
    if (typeof pair !== 'string' || texts.length === 1) return texts.map((_, n) => judge(pair, n));
  } catch (e) {
    if (!(e instanceof ClangFailure)) throw e;
    if (texts.length === 1) return ['clang failed'];
  }
  return texts.flatMap((t) => compareAll([() => t(0)], kernel));
}

/** The first input on which the two differ, or null. */
export function difference(pair: Pair, n: number): string | null {
  for (const args of INPUTS) {
    const [a, b] = [outcome(pair.ours, n, args), outcome(pair.theirs, n, args)];
    if (a !== b) return `inputs ${args.join(', ')}\n--- ours\n${a}\n--- clang\n${b}`;
  }
  return null;
}
