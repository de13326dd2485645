/**
 * 64-bit numbers as two 32-bit halves, the form in which the hot paths of this folder compute: `lo` and `hi` are int32
 * (`x | 0`) whatever the signedness of the whole. BigInt only comes in at the edges (`bigU`, `bigS`).
 */

/** a < b, unsigned. */
export const ltu = (aLo: number, aHi: number, bLo: number, bHi: number): boolean =>
  aHi === bHi ? aLo >>> 0 < bLo >>> 0 : aHi >>> 0 < bHi >>> 0;

/** a < b, signed. */
export const lts = (aLo: number, aHi: number, bLo: number, bHi: number): boolean =>
  aHi === bHi ? aLo >>> 0 < bLo >>> 0 : aHi < bHi;

/** Carry out of `aLo + …` when the wrapped sum of the lower halves is `sumLo`. */
export const carry = (aLo: number, sumLo: number): number => (sumLo >>> 0 < aLo >>> 0 ? 1 : 0);
/** Borrow of the lower half of `a - b`. */
export const borrow = (aLo: number, bLo: number): number => (aLo >>> 0 < bLo >>> 0 ? 1 : 0);

/** Upper half of `a + b`. The lower one is `(aLo + bLo) | 0`. */
export const addHi = (aLo: number, aHi: number, bLo: number, bHi: number): number =>
  (aHi + bHi + carry(aLo, (aLo + bLo) | 0)) | 0;
/** Upper half of `a - b`. The lower one is `(aLo - bLo) | 0`. */
export const subHi = (aLo: number, aHi: number, bLo: number, bHi: number): number => (aHi - bHi - borrow(aLo, bLo)) | 0;

/** Shifts by 0 to 63. */
export const shlLo = (lo: number, n: number): number => (n < 32 ? lo << n : 0);
export const shlHi = (lo: number, hi: number, n: number): number =>
  n === 0 ? hi : n < 32 ? (hi << n) | (lo >>> (32 - n)) : lo << (n - 32);
export const shrLo = (lo: number, hi: number, n: number): number =>
  n === 0 ? lo : n < 32 ? (lo >>> n) | (hi << (32 - n)) : (hi >>> (n - 32)) | 0;
export const shrHi = (hi: number, n: number): number => (n < 32 ? (hi >>> n) | 0 : 0);
export const sarLo = (lo: number, hi: number, n: number): number =>
  n === 0 ? lo : n < 32 ? (lo >>> n) | (hi << (32 - n)) : hi >> (n - 32);
export const sarHi = (hi: number, n: number): number => (n < 32 ? hi >> n : hi >> 31);

/** Upper half of the 64-bit product of two unsigned 32-bit numbers. The lower one is `Math.imul(a, b)`. */
export function mulHi32(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const mid = a1 * b0 + ((a0 * b0) >>> 16);
  const mid2 = a0 * b1 + (mid & 0xffff);
  return (a1 * b1 + Math.floor(mid / 0x1_0000) + Math.floor(mid2 / 0x1_0000)) | 0;
}
/** Upper half of the wrapped 64-bit product. The lower one is `Math.imul(aLo, bLo)`. */
export const mulHi = (aLo: number, aHi: number, bLo: number, bHi: number): number =>
  (mulHi32(aLo, bLo) + Math.imul(aLo, bHi) + Math.imul(aHi, bLo)) | 0;

/** Bits needed for the unsigned number: 0 for 0. */
export const bitLength = (lo: number, hi: number): number => (hi === 0 ? 32 - Math.clz32(lo) : 64 - Math.clz32(hi));

/** The nearest double: exact up to 2^53, and keeps the order beyond. */
export const numberU = (lo: number, hi: number): number => (hi >>> 0) * 0x1_0000_0000 + (lo >>> 0);
export const numberS = (lo: number, hi: number): number => hi * 0x1_0000_0000 + (lo >>> 0);

export const bigU = (lo: number, hi: number): bigint => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
export const bigS = (lo: number, hi: number): bigint => (BigInt(hi) << 32n) | BigInt(lo >>> 0);
export const loOf = (v: bigint): number => Number(BigInt.asIntN(32, v));
/**
 * Of a 64-bit value. Not as `asIntN(32, v >> 32n)`: V8 of Node 20 aborts (RepresentationChangerError) when it optimises that
 * for a `v` in which two results of `asIntN` or `asUintN` meet. test/unit/base/bigint.test.ts looks for the form.
 */
export const hiOf = (v: bigint): number => Number(v >> 32n) | 0;
