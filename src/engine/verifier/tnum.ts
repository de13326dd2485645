/**
 * Tristate numbers: each bit of a 64-bit value is 0, 1 or unknown. `value` holds the known ones, `mask` the unknown bits
 * (and `value & mask == 0`). The algebra is that of Vishwanathan et al., "Sound, Precise, and Fast Abstract Interpretation
 * with Tristate Numbers" (CGO 2022), which the kernel uses; precision must match the kernel's, so no cleverer forms here.
 */
import { U64_MASK, toS64 } from '../../base/index.ts';

export interface Tnum {
  readonly value: bigint;
  readonly mask: bigint;
}

const LOW32 = 0xffff_ffffn;
const HIGH32 = U64_MASK ^ LOW32;
const u64 = (v: bigint): bigint => BigInt.asUintN(64, v);

export const TNUM_UNKNOWN: Tnum = { value: 0n, mask: U64_MASK };
export const tnumConst = (v: bigint): Tnum => ({ value: u64(v), mask: 0n });
export const tnumIsConst = (t: Tnum): boolean => t.mask === 0n;
export const tnumEqualsConst = (t: Tnum, v: bigint): boolean => t.mask === 0n && t.value === v;

/** The smallest tnum that contains the unsigned range. */
export function tnumRange(min: bigint, max: bigint): Tnum {
  const differing = u64(min) ^ u64(max);
  if (differing >> 63n) return TNUM_UNKNOWN;
  const bits = differing === 0n ? 0 : differing.toString(2).length;
  const delta = (1n << BigInt(bits)) - 1n;
  return { value: u64(min) & ~delta, mask: delta };
}

export const tnumLsh = (t: Tnum, n: number): Tnum => ({
  value: u64(t.value << BigInt(n)),
  mask: u64(t.mask << BigInt(n)),
});
export const tnumRsh = (t: Tnum, n: number): Tnum => ({ value: t.value >> BigInt(n), mask: t.mask >> BigInt(n) });

/** Arithmetic shift; with `bits` 32 only the lower half counts and the upper half of the result is 0. */
export function tnumArsh(t: Tnum, n: number, bits: 32 | 64): Tnum {
  if (bits === 64) return { value: u64(toS64(t.value) >> BigInt(n)), mask: u64(toS64(t.mask) >> BigInt(n)) };
  const part = (v: bigint): bigint => BigInt((Number(BigInt.asIntN(32, v)) >> n) >>> 0);
  return { value: part(t.value), mask: part(t.mask) };
}

export function tnumAdd(a: Tnum, b: Tnum): Tnum {
  const sum = u64(a.value + b.value);
  const carries = u64(a.mask + b.mask + sum) ^ sum;
  const mask = carries | a.mask | b.mask;
  return { value: sum & ~mask, mask };
}

export function tnumSub(a: Tnum, b: Tnum): Tnum {
  const diff = u64(a.value - b.value);
  const borrows = u64(diff + a.mask) ^ u64(diff - b.mask);
  const mask = borrows | a.mask | b.mask;
  return { value: diff & ~mask, mask };
}

export function tnumAnd(a: Tnum, b: Tnum): Tnum {
  const ones = a.value & b.value;
  return { value: ones, mask: (a.value | a.mask) & (b.value | b.mask) & ~ones };
}

export function tnumOr(a: Tnum, b: Tnum): Tnum {
  const ones = a.value | b.value;
  return { value: ones, mask: (a.mask | b.mask) & ~ones };
}

export function tnumXor(a: Tnum, b: Tnum): Tnum {
  const mask = a.mask | b.mask;
  return { value: (a.value ^ b.value) & ~mask, mask };
}

/** Sum of partial products, one per bit of `a` that is or may be set. */
export function tnumMul(a: Tnum, b: Tnum): Tnum {
  let uncertain: Tnum = { value: 0n, mask: 0n };
  let av = a.value;
  let am = a.mask;
  let bv = b.value;
  let bm = b.mask;
  while (av !== 0n || am !== 0n) {
    if (av & 1n) uncertain = tnumAdd(uncertain, { value: 0n, mask: bm });
    else if (am & 1n) uncertain = tnumAdd(uncertain, { value: 0n, mask: bv | bm });
    av >>= 1n;
    am >>= 1n;
    bv = u64(bv << 1n);
    bm = u64(bm << 1n);
  }
  return tnumAdd({ value: u64(a.value * b.value), mask: 0n }, uncertain);
}

/** Can both be the same number? */
export function tnumOverlap(a: Tnum, b: Tnum): boolean {
  const known = ~a.mask & ~b.mask;
  return (a.value & known) === (b.value & known);
}

export function tnumIntersect(a: Tnum, b: Tnum): Tnum {
  const mask = a.mask & b.mask;
  return { value: (a.value | b.value) & ~mask, mask };
}

/** Keeps the lower `bytes` bytes. */
export function tnumCast(t: Tnum, bytes: number): Tnum {
  const keep = (1n << BigInt(bytes * 8)) - 1n;
  return { value: t.value & keep, mask: t.mask & keep };
}

export const tnumSubreg = (t: Tnum): Tnum => ({ value: t.value & LOW32, mask: t.mask & LOW32 });
export const tnumClearSubreg = (t: Tnum): Tnum => ({ value: t.value & HIGH32, mask: t.mask & HIGH32 });
export const tnumWithSubreg = (t: Tnum, low: Tnum): Tnum => tnumOr(tnumClearSubreg(t), tnumSubreg(low));
export const tnumSubregIsConst = (t: Tnum): boolean => (t.mask & LOW32) === 0n;

export const tnumIsAligned = (t: Tnum, size: bigint): boolean => ((t.value | t.mask) & (size - 1n)) === 0n;

/** Is every number of `b` also one of `a`? */
export function tnumIn(a: Tnum, b: Tnum): boolean {
  if (b.mask & ~a.mask) return false;
  return a.value === (b.value & ~a.mask);
}
