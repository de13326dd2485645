/**
 * A loop's counter is a number that the verifier knows exactly in every round, and must: its test against a constant ends
 * the loop. Whatever is compared with it becomes as important (`backtrack_insn()` in kernel/bpf/verifier.c marks both
 * sides of a comparison precise), and when that other value changes from round to round and path to path, no two states
 * are alike any more: `for (i = 0; i < 1024; i++) { if (i >= limit) break; ... limit++; }` runs out of instructions. A copy
 * of a known number is not tied to the number: it is compared instead.
 */
import type { Block, Func, Inst } from '../ir.ts';
import { dominators, naturalLoops } from './dominators.ts';

export function isolateCounters(f: Func): void {
  for (const { header, blocks: inside } of naturalLoops(dominators(f))) {
    const phis = header.phis();
    const counters = new Set<Inst>();
    for (const p of phis) {
      const next = stepOf(p, inside);
      if (next !== null && endsLoop([p, next], inside)) counters.add(p).add(next);
    }
    if (counters.size === 0) continue;
    const carried = new Set(phis.filter((p) => !counters.has(p) && p.type !== 'ptr'));
    for (const b of inside) isolate(f, b, counters, carried);
  }
}

/** The value of a counter in the next round: constants come in from outside, a constant is added inside. */
function stepOf(phi: Inst, inside: ReadonlySet<Block>): Inst | null {
  let next: Inst | null = null;
  for (let n = 0; n < phi.args.length; n++) {
    const a = phi.args[n];
    if (!inside.has(phi.targets[n])) {
      if (a.op !== 'const') return null;
    } else {
      if (a.op !== 'bin' || a.bin !== 'add' || a.args[0] !== phi || a.args[1].op !== 'const') return null;
      if (next !== null && next !== a) return null;
      next = a;
    }
  }
  return next;
}

/** Whether a comparison of one of the values with a constant leaves the loop. */
function endsLoop(values: readonly Inst[], inside: ReadonlySet<Block>): boolean {
  for (const b of inside) {
    const t = b.terminator;
    if (t.op !== 'condbr' || t.targets.every((s) => inside.has(s))) continue;
    if (values.includes(t.args[0]) && t.args[1].op === 'const') return true;
  }
  return false;
}

/** Comparisons of a counter with a value that the loop carries on. */
function isolate(f: Func, b: Block, counters: ReadonlySet<Inst>, carried: ReadonlySet<Inst>): void {
  const isCarried = (v: Inst): boolean =>
    carried.has(v) || (v.op === 'bin' && v.args[1].op === 'const' && carried.has(v.args[0]));
  for (const i of [...b.insts]) {
    if (i.op !== 'condbr' && i.op !== 'cmp') continue;
    const side = counters.has(i.args[0]) && isCarried(i.args[1]) ? 0 : 1;
    if (!counters.has(i.args[side]) || !isCarried(i.args[1 - side])) continue;
    const copy = f.create('opaque', i.args[side].type, [i.args[side]], i.loc);
    copy.volatile = true; // in a register of its own
    copy.block = b;
    b.insts.splice(b.insts.indexOf(i), 0, copy);
    i.args[side] = copy;
  }
}
