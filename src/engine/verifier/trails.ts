/**
 * The ways of all paths of a run, as trees of steps that each know the step before. Kept as rows of integers, not as objects:
 * there are up to a million, and each time the garbage is collected, every object that lives is looked at while nothing else
 * can be done, not even noticing that the run is not wanted any more.
 */
import type { LinkedPlace } from './state.ts';

/** No step: where a trail begins. */
export const START = -1;

/** Growing rows of int32. */
export class Rows {
  protected data: Int32Array;
  protected count = 0;
  readonly #width: number;

  constructor(width: number) {
    this.#width = width;
    this.data = new Int32Array(width * 64);
  }

  /** The first place of a new row. */
  protected row(): number {
    const at = this.count++ * this.#width;
    if (at === this.data.length) {
      const more = new Int32Array(at * 2);
      more.set(this.data);
      this.data = more;
    }
    return at;
  }

  /** Without rows again. */
  protected reset(): void {
    this.count = 0;
  }
}

/** `stackAccess` of an argument on the stack: this and which one. Stack slots are below it. */
export const ARG_ACCESS = 16 * 64;

const INSN = 0;
const PREV = 1;
const BEFORE = 2;
const FLAGS = 3;
const WIDTH = 4;
/** Of the flags: what of dst and src is a stack pointer; from `SLOT` on the slot and one more, 0 = none. */
const STACK_REGS = 3;
const SLOT = 2;

/** What searches back for precision have to know: jumps, and accesses to spilled slots. A step is named by a number. */
export class JumpHistory extends Rows {
  readonly #linked = new Map<number, readonly LinkedPlace[]>();

  constructor() {
    super(WIDTH);
  }

  /** A step at `insn`, reached from `prev`, after the step `before` of its path (or `START`). */
  push(insn: number, prev: number, before: number): number {
    const at = this.row();
    const { data } = this;
    data[at + INSN] = insn;
    data[at + PREV] = prev;
    data[at + BEFORE] = before;
    return at;
  }

  insn(step: number): number {
    return this.data[step + INSN];
  }

  /** The instruction that ran before it. */
  prev(step: number): number {
    return this.data[step + PREV];
  }

  before(step: number): number {
    return this.data[step + BEFORE];
  }

  /** The spilled slot that is read or written: frame * 64 + slot; or an argument, from `ARG_ACCESS` on; -1 = none. */
  stackAccess(step: number): number {
    return (this.data[step + FLAGS] >> SLOT) - 1;
  }

  setStackAccess(step: number, place: number): void {
    this.data[step + FLAGS] = (this.data[step + FLAGS] & STACK_REGS) | ((place + 1) << SLOT);
  }

  /** Which of dst (1) and src (2) hold a stack pointer in a comparison. */
  stackRegs(step: number): number {
    return this.data[step + FLAGS] & STACK_REGS;
  }

  addStackRegs(step: number, which: number): void {
    this.data[step + FLAGS] |= which;
  }

  /** Places that share an id and are refined together; null = none. */
  linked(step: number): readonly LinkedPlace[] | null {
    return this.#linked.size === 0 ? null : (this.#linked.get(step) ?? null);
  }

  setLinked(step: number, places: readonly LinkedPlace[]): void {
    this.#linked.set(step, places);
  }
}

/** The branches on the way to a state, for explanations. A step is named by a number. */
export class BranchTrail extends Rows {
  constructor() {
    super(2);
  }

  /** A conditional jump at `insn` after the step `before` of its path (or `START`). */
  push(insn: number, taken: boolean, before: number): number {
    const at = this.row();
    this.data[at] = insn * 2 + (taken ? 1 : 0);
    this.data[at + 1] = before;
    return at;
  }

  /** Instruction and way as one number: `insn * 2`, and 1 more where the jump was taken. */
  branch(step: number): number {
    return this.data[step];
  }

  before(step: number): number {
    return this.data[step + 1];
  }
}
