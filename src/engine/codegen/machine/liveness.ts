/** Which registers are live where, and removal of machine operations whose results are not used. */
import { forDefs, forUses, isPure, type MBlock, type MFunc, type MInst } from './mir.ts';

/** Registers live on leaving each block. */
export function liveOut(f: MFunc): Map<MBlock, Set<number>> {
  const gen = new Map<MBlock, Set<number>>();
  const kill = new Map<MBlock, Set<number>>();
  for (const b of f.blocks) {
    const g = new Set<number>();
    const k = new Set<number>();
    for (const i of b.insts) {
      forUses(i, (r) => void (k.has(r) || g.add(r)));
      forDefs(i, (r) => void k.add(r));
    }
    gen.set(b, g);
    kill.set(b, k);
  }
  const liveIn = new Map<MBlock, Set<number>>(f.blocks.map((b) => [b, new Set(gen.get(b))]));
  const out = new Map<MBlock, Set<number>>(f.blocks.map((b) => [b, new Set<number>()]));
  const preds = new Map<MBlock, MBlock[]>(f.blocks.map((b) => [b, []]));
  for (const b of f.blocks) for (const s of b.succs) preds.get(s)!.push(b);
  const work = [...f.blocks];
  const queued = new Set(work);
  while (work.length > 0) {
    const b = work.pop()!;
    queued.delete(b);
    const o = out.get(b)!;
    for (const s of b.succs) for (const r of liveIn.get(s)!) o.add(r);
    const i = liveIn.get(b)!;
    const k = kill.get(b)!;
    let grown = false;
    for (const r of o)
      if (!k.has(r) && !i.has(r)) {
        i.add(r);
        grown = true;
      }
    if (grown)
      for (const p of preds.get(b)!)
        if (!queued.has(p)) {
          queued.add(p);
          work.push(p);
        }
  }
  return out;
}

/** Drops pure operations whose result is dead, by liveness (so also partial chains of two-address operations). */
export function removeDeadMachine(f: MFunc): void {
  for (let changed = true; changed;) {
    changed = false;
    const out = liveOut(f);
    for (const b of f.blocks) {
      const live = new Set(out.get(b));
      const kept: MInst[] = [];
      for (let n = b.insts.length - 1; n >= 0; n--) {
        const i = b.insts[n];
        if (isPure(i)) {
          let needed = false;
          forDefs(i, (r) => {
            if (live.has(r)) needed = true;
          });
          if (!needed) {
            changed = true;
            continue;
          }
        }
        forDefs(i, (r) => void live.delete(r));
        forUses(i, (r) => void live.add(r));
        kept.push(i);
      }
      b.insts = kept.reverse();
    }
  }
}
