/** What is on the stack of a frame. */
import { FrameRegs } from './frame-regs.ts';
import type { KeptStack } from './kept.ts';
import { LIVE_WRITTEN } from './live-bits.ts';
import type { Reg } from './reg.ts';
import { sameHalves, type Halves } from './stack-masks.ts';
import { NO_SLOT, StackSlot } from './stack-slot.ts';

/**
 * The stack of a frame. Copies of a frame, and checkpoints, share one list of slots until one of them writes to it: there are
 * up to 64 slots, and most paths touch few of them.
 */
export class FrameStack extends FrameRegs {
  #slots: StackSlot[] = [];
  /** Somebody else has the same list. */
  #shared = false;
  /** As bits, of slots 0 to 31 and 32 to 63: what was put there since the last checkpoint, and what the program wrote whole. */
  #changedLo = 0;
  #changedHi = 0;
  #writtenLo = 0;
  #writtenHi = 0;
  /** The stack in the last checkpoint, and which one that is; null where the frame is newer. */
  kept: KeptStack | null = null;
  /** The live halves that the stack holds nothing besides of; null = something was put there since. */
  #without: Halves | null = null;
  keptDepth = 0;

  /** Changed through `putSlot` and the like. */
  get stack(): readonly StackSlot[] {
    return this.#slots;
  }

  /** Makes room for `bytes` of stack below the frame pointer. */
  grow(bytes: number): void {
    if (this.#slots.length * 8 >= bytes) return;
    const slots = this.#own();
    this.#without = null;
    while (slots.length * 8 < bytes) slots.push(NO_SLOT);
  }

  #own(): StackSlot[] {
    if (this.#shared) {
      this.#slots = this.#slots.slice();
      this.#shared = false;
    }
    return this.#slots;
  }

  /** Other contents for slot `n`. */
  putSlot(n: number, types: readonly number[], reg: Reg): void {
    this.replaceSlot(n, new StackSlot(types, reg));
  }

  replaceSlot(n: number, slot: StackSlot): void {
    this.#without = null;
    this.#own()[n] = slot;
    this.#noteChanged(n);
  }

  #noteChanged(n: number): void {
    if (n < 32) this.#changedLo |= 1 << n;
    else this.#changedHi |= 1 << (n & 31);
  }

  /** Another value for slot `n`, whose bytes are what they were. */
  putSlotReg(n: number, reg: Reg): void {
    const { types, reg: before } = this.#slots[n];
    if (reg !== before) this.putSlot(n, types, reg);
  }

  /** Slot `n` was written, be it with what was there: later reads do not reach back behind this point. */
  noteWritten(n: number): void {
    this.#noteChanged(n);
    if (n < 32) this.#writtenLo |= 1 << n;
    else this.#writtenHi |= 1 << (n & 31);
  }

  isWritten(n: number): boolean {
    return ((n < 32 ? this.#writtenLo : this.#writtenHi) & (1 << (n & 31))) !== 0;
  }

  /** May slot `n` be another than in the last checkpoint? */
  isChanged(n: number): boolean {
    return ((n < 32 ? this.#changedLo : this.#changedHi) & (1 << (n & 31))) !== 0;
  }

  get isStackChanged(): boolean {
    return (this.#changedLo | this.#changedHi) !== 0;
  }

  /** What is not in `live` was forgotten, and nothing was put there since. */
  isWithoutDead(live: Halves): boolean {
    return this.#without !== null && sameHalves(this.#without, live);
  }

  /** Nothing was put there since what is dead was forgotten. */
  get isLikeForgotten(): boolean {
    return this.#without !== null;
  }

  noteWithoutDead(live: Halves): void {
    this.#without = live.slice();
  }

  /** What is known of register `n`, as bits: for printing. */
  regLive(n: number): number {
    return this.written & (1 << n) ? LIVE_WRITTEN : 0;
  }

  /** What is known of slot `n`, as bits, and whether it is needed precisely: for printing. */
  slotLive(n: number): number {
    return this.isWritten(n) ? LIVE_WRITTEN : 0;
  }

  slotPrecise(_n: number): boolean {
    return false;
  }

  /** A checkpoint keeps the stack as it is: nothing is changed since. */
  keepAs(kept: KeptStack, depth: number): void {
    this.#changedLo = this.#changedHi = this.#writtenLo = this.#writtenHi = 0;
    this.#shared = true;
    this.kept = kept;
    this.keptDepth = depth;
  }

  /** The same slots with the same past. */
  hasLikeStack(o: FrameStack): boolean {
    return (
      this.#slots === o.#slots &&
      this.#changedLo === o.#changedLo &&
      this.#changedHi === o.#changedHi &&
      this.#writtenLo === o.#writtenLo &&
      this.#writtenHi === o.#writtenHi &&
      this.kept === o.kept &&
      this.keptDepth === o.keptDepth
    );
  }

  protected takeStack(from: FrameStack): this {
    from.#shared = this.#shared = true;
    this.#slots = from.#slots;
    this.#changedLo = from.#changedLo;
    this.#changedHi = from.#changedHi;
    this.#writtenLo = from.#writtenLo;
    this.#writtenHi = from.#writtenHi;
    this.#without = from.#without;
    this.kept = from.kept;
    this.keptDepth = from.keptDepth;
    return this;
  }
}
