/** What eight bytes of stack hold. */
import type { Reg } from './reg.ts';
import { NOT_INIT } from './reg.ts';

export const SLOT_INVALID = 0;
export const SLOT_SPILL = 1;
export const SLOT_MISC = 2;
export const SLOT_ZERO = 3;
/** One of the two slots of a dynptr. */
export const SLOT_DYNPTR = 4;
/** A slot of an open-coded iterator. */
export const SLOT_ITER = 5;

/** Not read any more: see `liveness-before.ts`. */
export const SLOT_POISON = 6;

const KNOWN_TYPES = new Map<number, readonly number[]>();
/** Programs have few; that a made-up one has more only costs memory of its own. */
const MAX_KNOWN_TYPES = 1 << 14;

/** Types of the eight bytes of a slot: one array for all slots that have the same, so that comparing them is cheap. */
export function slotTypes(types: readonly number[]): readonly number[] {
  let key = 0;
  for (let i = 0; i < 8; i++) key = key * 8 + types[i];
  const known = KNOWN_TYPES.get(key);
  if (known !== undefined) return known;
  if (KNOWN_TYPES.size < MAX_KNOWN_TYPES) KNOWN_TYPES.set(key, types);
  return types;
}

const eight = (type: number): readonly number[] => slotTypes(new Array<number>(8).fill(type));

/** Nothing was written. */
export const NO_BYTES: readonly number[] = eight(SLOT_INVALID);
/** Nothing of the slot is read any more. */
export const ALL_POISON: readonly number[] = eight(SLOT_POISON);
export const ALL_SPILL: readonly number[] = eight(SLOT_SPILL);
export const ALL_DYNPTR: readonly number[] = eight(SLOT_DYNPTR);
export const ALL_ITER: readonly number[] = eight(SLOT_ITER);

/** A byte that was never written, or is dead. */
export const isBlank = (t: number): boolean => t === SLOT_INVALID || t === SLOT_POISON;
/** A byte of a dynptr or an iterator. */
export const isObject = (t: number): boolean => t === SLOT_DYNPTR || t === SLOT_ITER;

/** What the bytes of a slot say of it. */
export const isSpill = (types: readonly number[]): boolean => types[7] === SLOT_SPILL;
export const isDynptr = (types: readonly number[]): boolean => types[0] === SLOT_DYNPTR;
export const isIter = (types: readonly number[]): boolean => types[0] === SLOT_ITER;

/** Eight bytes of stack; `types[0]` is the byte at the *highest* address, as the kernel counts. Never changed: replaced. */
export class StackSlot {
  /** One of `slotTypes`. */
  readonly types: readonly number[];
  readonly reg: Reg;

  constructor(types: readonly number[], reg: Reg) {
    this.types = types;
    this.reg = reg;
  }

  get isSpill(): boolean {
    return isSpill(this.types);
  }

  /** Holds more than data: a spilled register, a dynptr, an iterator. */
  get isSpecial(): boolean {
    return this.types[7] === SLOT_SPILL || isObject(this.types[7]);
  }

  get isDynptr(): boolean {
    return isDynptr(this.types);
  }

  get isIter(): boolean {
    return isIter(this.types);
  }

  get isScalarSpill(): boolean {
    return isSpill(this.types) && this.reg.isScalar;
  }
}

/** Nothing was written there. */
export const NO_SLOT: StackSlot = new StackSlot(NO_BYTES, NOT_INIT);
/** Nothing of it is read any more. */
export const DEAD_SLOT: StackSlot = new StackSlot(ALL_POISON, NOT_INIT);
