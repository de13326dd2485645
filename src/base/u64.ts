/** Helpers for 64-bit values at the edges; hot paths use 32-bit halves in typed arrays. */
export const U64_MASK = 0xffff_ffff_ffff_ffffn;

/** Wraps any integer to an unsigned 64-bit value. */
export const toU64 = (v: bigint): bigint => BigInt.asUintN(64, v);
/** Wraps any integer to a signed 64-bit value. */
export const toS64 = (v: bigint): bigint => BigInt.asIntN(64, v);
/** Joins two 32-bit halves (given as any JS numbers, taken mod 2^32) to an unsigned 64-bit value. */
export const joinU64 = (lo: number, hi: number): bigint => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
/** `0x…` without leading zeros. */
export const hex = (v: bigint | number): string => '0x' + (typeof v === 'bigint' ? toU64(v) : v >>> 0).toString(16);
