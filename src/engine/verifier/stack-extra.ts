/** Stack that the kernel takes for instructions of its own, after all checks; the log's last lines count it. */
import { BPF_JCOND, BPF_JMP } from '../bpf/index.ts';
import type { Env } from './env.ts';

/** bpf_loop() as instructions saves three registers. */
const LOOP_BYTES = 24;

/** The calls of bpf_loop() that may be replaced by the loop itself: flags 0 and one callback, on every path (5.18 on). */
export class InlinedLoops {
  /** By call: the callback; -1 = it stays a call. */
  readonly #callback = new Map<number, number>();

  /** The call at `insn` is verified once more. */
  called(insn: number, callback: number, noFlags: boolean): void {
    const known = this.#callback.get(insn) ?? callback;
    this.#callback.set(insn, noFlags && known === callback ? callback : -1);
  }

  has(insn: number): boolean {
    return (this.#callback.get(insn) ?? -1) >= 0;
  }
}

/** After the check of the stack: optimize_bpf_loop() and what do_misc_fixups() does for may_goto. */
export function takeExtraStack(env: Env): void {
  const { insns, visits } = env;
  for (const sub of env.subprogs) {
    let loop = false;
    let mayGoto = false;
    for (let i = sub.start; i < sub.end; i++) {
      loop ||= env.inlinedLoops.has(i);
      mayGoto ||= insns.op[i] === (BPF_JMP | BPF_JCOND) && visits[i] > 0;
    }
    if (loop) sub.stackDepth = 8 * Math.ceil(sub.stackDepth / 8) + LOOP_BYTES;
    if (mayGoto) sub.stackDepth += env.rules.mayGotoBytes;
  }
}
