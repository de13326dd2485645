/** Loops through callbacks and iterators: numbers that nothing depends on are forgotten, so that rounds become alike. */
import type { Env } from './env.ts';
import { IdMap } from './equal.ts';
import type { Reg } from './reg.ts';
import { unknownReg } from './reg.ts';
import type { Kept, KeptState } from './kept.ts';
import { settlePrecision } from './precision.ts';
import { checkpointsAt } from './prune.ts';
import type { State } from './state.ts';
import { isSpill } from './stack-slot.ts';

const same = (a: Reg, b: Reg, ids: IdMap): boolean => a.num.same(b.num) && a.off === b.off && ids.same(a.id, b.id);

/** The value of a place now, given what it was in an earlier round. */
function widen(prev: KeptState, k: Kept, cur: Reg, ids: IdMap): Reg {
  const old = prev.reg(k);
  if (!old.isScalar || !cur.isScalar || prev.isPrecise(k) || same(old, cur, ids)) return cur;
  return unknownReg(cur.origin);
}

/** Forgets in `cur` what differs from the state of an earlier round (widen_imprecise_scalars). */
export function widenTo(env: Env, prev: KeptState, cur: State): void {
  settlePrecision(env);
  const ids = new IdMap();
  for (let n = prev.frames.length - 1; n >= 0; n--) {
    const f = prev.frames[n];
    const g = cur.frames[n];
    for (let i = 0; i < 10; i++) {
      if ((g.precise & (1 << i)) === 0) g.regs[i] = widen(prev, f.regs[i], g.regs[i], ids);
    }
    for (let i = 0; i < f.stack.length && i < g.stack.length; i++) {
      if (!isSpill(prev.types(f.stack[i])) || !g.stack[i].isSpill) continue;
      g.putSlotReg(i, widen(prev, f.stack[i], g.stack[i].reg, ids));
    }
  }
}

/** Compares with the last checkpoint at the same instruction on this path. */
export function widenImprecise(env: Env, insn: number): void {
  const prev = previousEntry(env, env.state, insn);
  if (prev !== null) widenTo(env, prev, env.state);
}

/** The last checkpoint at an instruction on the way to `of`, with the same call chain (find_prev_entry). */
export function previousEntry(env: Env, of: State | KeptState | null, insn: number): KeptState | null {
  if (of === null) return null;
  for (const c of checkpointsAt(env, of, insn)) {
    const st = c.state;
    if (st.insn !== insn || st.branches === 0 || st.frames.length !== of.frames.length) continue;
    if (!st.frames.every((f, i) => f.callsite === of.frames[i].callsite)) continue;
    if (st.dfsDepth < of.dfsDepth) return st;
  }
  return null;
}
