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
  const written = new Int32Array(f.nextReg).fill(-1);
  let count = 0;
  const entering: number[][] = [];
  for (let n = 0; n < blocks.length; n++) {
    const list: number[] = [];
    const seen = new Set<number>();
    const use = (r: number): void => {
      if (written[r] === n || seen.has(r)) return;
      seen.add(r);
      list.push(r);
      if (dense[r] < 0) dense[r] = count++;
    };
    const define = (r: number): void => void (written[r] = n);
    for (const i of blocks[n].insts) {
      forUses(i, use);
      forDefs(i, define);
    }
    entering.push(list);
  }
  const isIn = new Rows(blocks.length, count);
  const isOut = new Rows(blocks.length, count);
  const kill = new Rows(blocks.length, count);
  for (let n = 0; n < blocks.length; n++) {
    for (const r of entering[n]) isIn.add(n, dense[r]);
    const define = (r: number): void => {
      if (dense[r] >= 0) kill.add(n, dense[r]);
    };
    for (const i of blocks[n].insts) forDefs(i, define);
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
    succs[b].forEach((s, at) => {
      const list = entering[s];
      for (let n = taken[b][at]; n < list.length; n++) {
        const r = list[n];
        if (isOut.has(b, dense[r])) continue;
        isOut.add(b, dense[r]);
        o.push(r);
      }
      taken[b][at] = list.length;
    });
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
