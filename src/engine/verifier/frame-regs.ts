/** The registers of a frame. */
import { FrameFacts } from './frame-facts.ts';
import type { Kept, KeptRegs } from './kept.ts';
import type { Reg } from './reg.ts';
import { NOT_INIT } from './reg.ts';

export const REGS = 11;
/** The first register that survives calls. */
export const SAVED = 6;
/** Those that do not, r0 to r5, as bits. */
export const CALLER_SAVED = (1 << SAVED) - 1;
const NOWHERE: readonly null[] = new Array<null>(REGS).fill(null);

/** Values, and for each register, as bits, what happened to it since the last checkpoint. */
export class FrameRegs extends FrameFacts {
  readonly regs: Reg[] = new Array<Reg>(REGS).fill(NOT_INIT);
  /** Written: later reads do not reach back behind this point. */
  written = 0;
  /** Needed precisely: arguments of functions that are verified on their own, before 6.8. */
  precise = 0;
  /** Came from another frame. */
  #moved = 0;
  /**
   * Where reads are noted: the values' places in a checkpoint, and which that is. The last one, but for r0 to r5 of a frame
   * that waits for a call: those are not linked to what is kept meanwhile.
   */
  #from: readonly (Kept | null)[] = NOWHERE;
  #depthOf0 = 0;
  #depthOfArgs = 0;
  #depthOfRest = 0;
  /** The registers in the last checkpoint; null where the frame is newer. */
  keptRegs: KeptRegs | null = null;

  /** After a call r0 to r5 hold nothing. */
  dropCallerSaved(): void {
    for (let i = 0; i < SAVED; i++) this.regs[i] = NOT_INIT;
    this.written |= CALLER_SAVED;
  }

  /** A value with its past: an argument, or a result. Reads of it are noted where it was. */
  moveReg(n: number, from: FrameRegs): void {
    const bit = 1 << n;
    this.regs[n] = from.regs[n];
    this.written = (this.written & ~bit) | (from.written & bit);
    this.precise = (this.precise & ~bit) | (from.precise & bit);
    this.#moved |= bit;
    const places = this.#from.slice();
    places[n] = from.#from[n];
    this.#from = places;
    const depth = from.readDepth(n);
    if (n === 0) this.#depthOf0 = depth;
    else if (n < SAVED) this.#depthOfArgs = depth;
    else this.#depthOfRest = depth;
  }

  /** The place in a checkpoint where a read of register `n` is noted; null = nowhere. */
  readAt(n: number): Kept | null {
    return this.written & (1 << n) ? null : this.#from[n];
  }

  /** The checkpoint of `readAt`. */
  readDepth(n: number): number {
    return n >= SAVED ? this.#depthOfRest : n === 0 ? this.#depthOf0 : this.#depthOfArgs;
  }

  /** The same place as `readAt`, be the register written since. */
  placeBefore(n: number): Kept | null {
    return this.#from[n];
  }

  /** May register `n` be in a checkpoint what it is in the last one? */
  isReg(n: number, before: Kept): boolean {
    return this.regs[n] === before.reg && ((this.written | this.#moved) & (1 << n)) === 0;
  }

  /** A checkpoint keeps the registers as they are. From register `linked` on it is where reads are noted from now on. */
  keepRegsAs(kept: KeptRegs, linked: number, depth: number): void {
    this.written = this.precise = this.#moved = 0;
    this.keptRegs = kept;
    if (linked === REGS) return;
    this.#depthOfRest = depth;
    if (linked === 0) {
      this.#from = kept.places;
      this.#depthOf0 = this.#depthOfArgs = depth;
    } else if (kept.places.some((k, i) => i >= linked && this.#from[i] !== k)) {
      this.#from = [...this.#from.slice(0, linked), ...kept.places.slice(linked)];
    }
  }

  /** The same values with the same past. */
  hasLikeRegs(o: FrameRegs): boolean {
    if (this.written !== o.written || this.precise !== o.precise || this.#moved !== o.#moved) return false;
    if (this.#from !== o.#from || this.keptRegs !== o.keptRegs) return false;
    if (this.#depthOf0 !== o.#depthOf0 || this.#depthOfArgs !== o.#depthOfArgs) return false;
    if (this.#depthOfRest !== o.#depthOfRest) return false;
    for (let i = 0; i < REGS; i++) if (this.regs[i] !== o.regs[i]) return false;
    return true;
  }

  protected takeRegs(from: FrameRegs): this {
    const a = this.regs;
    const b = from.regs;
    // Registers are mostly the same in the state that is used again: comparing costs less than telling the garbage collector.
    for (let i = 0; i < REGS; i++) if (a[i] !== b[i]) a[i] = b[i];
    this.written = from.written;
    this.precise = from.precise;
    this.#moved = from.#moved;
    if (this.#from !== from.#from) this.#from = from.#from;
    this.#depthOf0 = from.#depthOf0;
    this.#depthOfArgs = from.#depthOfArgs;
    this.#depthOfRest = from.#depthOfRest;
    if (this.keptRegs !== from.keptRegs) this.keptRegs = from.keptRegs;
    return this;
  }
}
