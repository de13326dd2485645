/** Which registers are live where, and removal of machine operations whose results are not used. */
import { forDefs, forUses, isPure, type MBlock, type MFunc, type MInst } from './mir.ts';

/** Sets of registers, a row of bits for each block. */
class Rows {
  readonly bits: Uint32Array;
  /** Words of a row. */
  readonly width: number;

  constructor(blocks: number, registers: number) {
    this.width = (registers + 31) >> 5;
    this.bits = new Uint32Array(blocks * this.width);
  }

  has(row: number, r: number): boolean {
    return (this.bits[row * this.width + (r >> 5)] & (1 << (r & 31))) !== 0;
  }

  add(row: number, r: number): void {
    this.bits[row * this.width + (r >> 5)] |= 1 << (r & 31);
  }

  remove(row: number, r: number): void {
    this.bits[row * this.width + (r >> 5)] &= ~(1 << (r & 31));
  }
}

/** Registers live on leaving each block, by its place among the blocks. */
function liveRows(f: MFunc): Rows {
  const { blocks } = f;
  const n = blocks.length;
  const place = new Map<MBlock, number>(blocks.map((b, i) => [b, i]));
  const succs = blocks.map((b) => b.succs.map((s) => place.get(s)!));
  const preds: number[][] = blocks.map(() => []);
  succs.forEach((list, b) => list.forEach((s) => preds[s].push(b)));
  // What a block reads before it writes it is live on entering; what it writes does not go further up.
  const liveIn = new Rows(n, f.nextReg);
  const kill = new Rows(n, f.nextReg);
  blocks.forEach((b, i) => {
    const use = (r: number): void => {
      if (!kill.has(i, r)) liveIn.add(i, r);
    };
    const define = (r: number): void => kill.add(i, r);
    for (const inst of b.insts) {
      forUses(inst, use);
      forDefs(inst, define);
    }
  });
  const out = new Rows(n, f.nextReg);
  const work = blocks.map((_, i) => i);
  const queued = new Uint8Array(n).fill(1);
  while (work.length > 0) {
    const b = work.pop()!;
    queued[b] = 0;
    const { width } = out;
    let grown = false;
    for (const s of succs[b]) for (let w = 0; w < width; w++) out.bits[b * width + w] |= liveIn.bits[s * width + w];
    for (let at = b * width; at < (b + 1) * width; at++) {
      const more = (liveIn.bits[at] | (out.bits[at] & ~kill.bits[at])) >>> 0;
      if (more === liveIn.bits[at]) continue;
      liveIn.bits[at] = more;
      grown = true;
    }
    if (!grown) continue;
    for (const p of preds[b]) {
      if (queued[p] === 1) continue;
      queued[p] = 1;
      work.push(p);
    }
  }
  return out;
}

/** Registers live on leaving each block. Sets, in an order that register allocation goes by. */
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
    const out = liveRows(f);
    f.blocks.forEach((b, at) => {
      const kept: MInst[] = [];
      let needed = false;
      const ask = (r: number): void => {
        if (out.has(at, r)) needed = true;
      };
      const define = (r: number): void => out.remove(at, r);
      const use = (r: number): void => out.add(at, r);
      for (let n = b.insts.length - 1; n >= 0; n--) {
        const i = b.insts[n];
        if (isPure(i)) {
          needed = false;
          forDefs(i, ask);
          if (!needed) {
            changed = true;
            continue;
          }
        }
        forDefs(i, define);
        forUses(i, use);
        kept.push(i);
      }
      if (kept.length < b.insts.length) b.insts = kept.reverse();
    });
  }
}
