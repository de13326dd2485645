/**
 * Searches back for precision that were not made yet: from where, and for what. Kept as rows of integers, as the trails are:
 * an endless program has one for each round.
 */
import type { KeptState } from './kept.ts';
import type { State, TrailEnd } from './state.ts';
import { Rows } from './trails.ts';

/** Places from here on are stack slots, those below registers. */
export const SLOTS = 16;

const FIRST = 0;
const LAST = 1;
const HISTORY = 2;
const INSN = 3;
const FRAME = 4;
const FRAMES = 5;
const PLACE = 6;
const WIDTH = 7;

export class Demands extends Rows {
  #parents: (KeptState | null)[] = [];

  constructor() {
    super(WIDTH);
  }

  get length(): number {
    return this.#parents.length;
  }

  /** The number in `place` of a frame matters before instruction `insn` of the path of `state`. */
  add(state: State, insn: number, frame: number, place: number): void {
    const at = this.row();
    const { data } = this;
    data[at + FIRST] = state.firstInsn;
    data[at + LAST] = state.lastInsn;
    data[at + HISTORY] = state.history;
    data[at + INSN] = insn;
    data[at + FRAME] = frame;
    data[at + FRAMES] = state.frames.length;
    data[at + PLACE] = place;
    this.#parents.push(state.parent);
  }

  from(n: number): TrailEnd {
    const at = n * WIDTH;
    const { data } = this;
    return {
      parent: this.#parents[n],
      firstInsn: data[at + FIRST],
      lastInsn: data[at + LAST],
      history: data[at + HISTORY],
    };
  }

  insn(n: number): number {
    return this.data[n * WIDTH + INSN];
  }

  frame(n: number): number {
    return this.data[n * WIDTH + FRAME];
  }

  /** How many frames there were. */
  frameCount(n: number): number {
    return this.data[n * WIDTH + FRAMES];
  }

  place(n: number): number {
    return this.data[n * WIDTH + PLACE];
  }

  clear(): void {
    this.reset();
    this.#parents.length = 0;
  }
}
