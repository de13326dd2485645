/** Loops through callbacks: numbers that nothing depends on are forgotten, so that iterations become alike. */
import type { Env } from './env.ts';
import type { Reg } from './reg.ts';
import { unknownReg } from './reg.ts';
import type { Cell, State } from './state.ts';

const same = (a: Reg, b: Reg): boolean => a.num.same(b.num) && a.id === b.id && a.off === b.off;

function widen(old: Cell, cur: Cell): void {
  if (!old.reg.isScalar || !cur.reg.isScalar || old.precise || cur.precise || same(old.reg, cur.reg)) return;
  cur.reg = unknownReg(cur.reg.origin);
}

/** Compares with the last checkpoint at the same instruction on this path. */
export function widenImprecise(env: Env, insn: number): void {
  const prev = previousEntry(env, insn);
  if (prev === null) return;
  prev.frames.forEach((f, n) => {
    const g = env.state.frames[n];
    for (let i = 0; i < 10; i++) widen(f.regs[i], g.regs[i]);
    for (let i = 0; i < f.stack.length && i < g.stack.length; i++) {
      if (f.stack[i].isSpill && g.stack[i].isSpill) widen(f.stack[i].cell, g.stack[i].cell);
    }
  });
}

function previousEntry(env: Env, insn: number): State | null {
  const list = env.explored.get(insn) ?? [];
  for (const c of list) {
    if (c.state.branches === 0 || c.state.frames.length !== env.state.frames.length) continue;
    if (!c.state.frames.every((f, i) => f.callsite === env.state.frames[i].callsite)) continue;
    for (let s = env.state.parent; s !== null; s = s.parent) if (s === c.state) return s;
  }
  return null;
}
