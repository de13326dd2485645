/**
 * Moves addresses of globals and maps down to their only user. They cost one instruction wherever they are made, and a
 * callee-saved register when they are made before a call that stands in between.
 */
import type { Func, Inst } from '../ir.ts';

export function sinkAddresses(f: Func): void {
  const users = new Map<Inst, Inst[]>();
  for (const b of f.blocks)
    for (const i of b.insts)
      for (const a of i.args) if (a.op === 'global') (users.get(a) ?? users.set(a, []).get(a)!).push(i);
  const moving = new Map<Inst, Inst[]>();
  const moved = new Set<Inst>();
  for (const [g, list] of users) {
    const user = list[0];
    if (list.length !== 1 || user.op === 'phi' || user.block === null) continue;
    (moving.get(user) ?? moving.set(user, []).get(user)!).push(g);
    moved.add(g);
  }
  for (const b of f.blocks) {
    if (!b.insts.some((i) => moved.has(i) || moving.has(i))) continue;
    const out: Inst[] = [];
    for (const i of b.insts) {
      if (moved.has(i)) continue;
      for (const g of moving.get(i) ?? []) {
        g.block = b;
        out.push(g);
      }
      out.push(i);
    }
    b.insts = out;
  }
}
