/** Which registers are live where, and removal of machine operations whose results are not used. */
import { forDefs, forUses, isPure, type MBlock, type MFunc, type MInst } from './mir.ts';

/** Sets of registers, a row of bits for each block. */
class Rows {
  readonly #bits: Uint32Array;
  /** Words of a row. */
  readonly #width: number;

  constructor(blocks: number, registers: number) {
    this.#width = (registers + 31) >> 5;
    this.#bits = new Uint32Array(blocks * this.#width);
  }

  has(row: number, r: number): boolean {
    return (this.#bits[row * this.#width + (r >> 5)] & (1 << (r & 31))) !== 0;
  }

  add(row: number, r: number): void {
    this.#bits[row * this.#width + (r >> 5)] |= 1 << (r & 31);
  }
}

export interface Liveness {
  /** Registers live on leaving each block, by its place among the blocks; in an order that register allocation goes by. */
  readonly out: readonly (readonly number[])[];
  /** Whether some block reads a register from before it: others live and die in one block. */
  crosses(r: number): boolean;
}

/** Which registers are live where. What a block passes on only grows: each edge is gone along from where it ended before. */
export function liveness(f: MFunc): Liveness {
  const { blocks } = f;
  const place = new Map<MBlock, number>(blocks.map((b, n) => [b, n]));
  const succs = blocks.map((b) => b.succs.map((s) => place.get(s)!));
  const preds: number[][] = blocks.map(() => []);
  succs.forEach((list, b) => list.forEach((s) => preds[s].push(b)));
  // Most registers live and die in one block: only those that a block reads from before it need a bit in each.
  const dense = new Int32Array(f.nextReg).fill(-1);
  let count = 0;
  const entering: number[][] = [];
  /** What the blocks write, one after the other, and where each one's begins. */
  const writes: number[] = [];
  const starts: number[] = [];
  /** The last block, counted from 1, that reads a register from before it, or writes it. */
  const seen = new Int32Array(f.nextReg);
  let list: number[] = [];
  let mark = 0;
  const use = (r: number): void => {
    if (seen[r] === mark) return;
    seen[r] = mark;
    list.push(r);
    if (dense[r] < 0) dense[r] = count++;
  };
  const define = (r: number): void => {
    seen[r] = mark;
    writes.push(r);
  };
  for (let n = 0; n < blocks.length; n++) {
    list = [];
    mark = n + 1;
    starts.push(writes.length);
    const { insts } = blocks[n];
    for (let k = 0; k < insts.length; k++) {
      forUses(insts[k], use);
      forDefs(insts[k], define);
    }
    entering.push(list);
  }
  starts.push(writes.length);
  const isIn = new Rows(blocks.length, count);
  const isOut = new Rows(blocks.length, count);
  const kill = new Rows(blocks.length, count);
  for (let n = 0; n < blocks.length; n++) {
    for (const r of entering[n]) isIn.add(n, dense[r]);
    for (let k = starts[n]; k < starts[n + 1]; k++) if (dense[writes[k]] >= 0) kill.add(n, dense[writes[k]]);
  }
  const out: number[][] = blocks.map(() => []);
  /** How much of what each successor needs was taken over. */
  const taken = succs.map((list) => list.map(() => 0));
  const work = blocks.map((_, n) => n);
  const queued = new Uint8Array(blocks.length).fill(1);
  while (work.length > 0) {
    const b = work.pop()!;
    queued[b] = 0;
    const o = out[b];
    const before = o.length;
    for (let at = 0; at < succs[b].length; at++) {
      const needed = entering[succs[b][at]];
      for (let n = taken[b][at]; n < needed.length; n++) {
        const r = needed[n];
        if (isOut.has(b, dense[r])) continue;
        isOut.add(b, dense[r]);
        o.push(r);
      }
      taken[b][at] = needed.length;
    }
    const mine = entering[b];
    const had = mine.length;
    for (let n = before; n < o.length; n++) {
      const d = dense[o[n]];
      if (kill.has(b, d) || isIn.has(b, d)) continue;
      isIn.add(b, d);
      mine.push(o[n]);
    }
    if (mine.length === had) continue;
    for (const p of preds[b])
      if (queued[p] === 0) {
        queued[p] = 1;
        work.push(p);
      }
  }
  return { out, crosses: (r) => dense[r] >= 0 };
}

/** Drops pure operations whose result is dead, by liveness (so also partial chains of two-address operations). */
export function removeDeadMachine(f: MFunc): void {
  for (let again = true; again;) {
    // Only what read a register from before its block leaves more to drop elsewhere.
    again = false;
    const { out, crosses } = liveness(f);
    /** The last block, counted from 1, in which a register is needed below; 0: it is not. */
    const needed = new Int32Array(f.nextReg);
    f.blocks.forEach((b, at) => {
      for (const r of out[at]) needed[r] = at + 1;
      const kept: MInst[] = [];
      let live = false;
      const ask = (r: number): void => {
        if (needed[r] === at + 1) live = true;
      };
      const define = (r: number): void => void (needed[r] = 0);
      const use = (r: number): void => void (needed[r] = at + 1);
      const drop = (r: number): void => {
        if (crosses(r)) again = true;
      };
      for (let n = b.insts.length - 1; n >= 0; n--) {
        const i = b.insts[n];
        if (isPure(i)) {
          live = false;
          forDefs(i, ask);
          if (!live) {
            forUses(i, drop);
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
