/** 64-bit arithmetic on register pairs that does not fit on one line. `r` holds (lo, hi) Int32 pairs; `d` is an index. */

/** r[d] *= b, modulo 2^64. */
export function mul64(r: Int32Array, d: number, blo: number, bhi: number): void {
  const alo = r[d];
  const ahi = r[d + 1];
  const a0 = alo & 0xffff;
  const a1 = alo >>> 16;
  const b0 = blo & 0xffff;
  const b1 = blo >>> 16;
  const low = Math.imul(a0, b0);
  const mid1 = (Math.imul(a1, b0) >>> 0) + (low >>> 16);
  const mid2 = (Math.imul(a0, b1) >>> 0) + (mid1 & 0xffff);
  const high = (Math.imul(a1, b1) >>> 0) + (mid1 >>> 16) + (mid2 >>> 16);
  r[d] = Math.imul(alo, blo);
  r[d + 1] = (high + Math.imul(ahi, blo) + Math.imul(alo, bhi)) | 0;
}

const big = (lo: number, hi: number): bigint => (BigInt(hi) << 32n) | BigInt(lo >>> 0);

function put(r: Int32Array, d: number, v: bigint): void {
  r[d] = Number(BigInt.asIntN(32, v));
  // Not by `asIntN`: see hiOf in verifier/wide.ts.
  r[d + 1] = Number(v >> 32n) | 0;
}

/** Unsigned division and modulo; by zero: quotient 0, remainder unchanged (RFC 9669, 4.1). */
export function divmod64(r: Int32Array, d: number, blo: number, bhi: number, mod: boolean): void {
  const alo = r[d];
  const ahi = r[d + 1];
  if ((blo | bhi) === 0) {
    if (!mod) r[d] = r[d + 1] = 0;
    return;
  }
  if ((ahi | bhi) === 0) {
    const a = alo >>> 0;
    const b = blo >>> 0;
    r[d] = mod ? a % b : (a - (a % b)) / b;
    return;
  }
  if (ahi >>> 0 < 0x200000 && bhi >>> 0 < 0x200000) {
    // Both below 2^53: doubles are exact, and a - a % b divides without rest.
    const a = (ahi >>> 0) * 4294967296 + (alo >>> 0);
    const b = (bhi >>> 0) * 4294967296 + (blo >>> 0);
    const q = mod ? a % b : (a - (a % b)) / b;
    r[d] = q;
    r[d + 1] = q / 4294967296;
    return;
  }
  const a = BigInt.asUintN(64, big(alo, ahi));
  const b = BigInt.asUintN(64, big(blo, bhi));
  put(r, d, mod ? a % b : a / b);
}

/** Signed division truncating towards zero; by zero as above; INT64_MIN / -1 = INT64_MIN, remainder 0. */
export function sdivmod64(r: Int32Array, d: number, blo: number, bhi: number, mod: boolean): void {
  if ((blo | bhi) === 0) {
    if (!mod) r[d] = r[d + 1] = 0;
    return;
  }
  const a = big(r[d], r[d + 1]);
  const b = big(blo, bhi);
  put(r, d, mod ? a % b : a / b);
}

/** Unsigned 32-bit division and modulo; the upper half becomes 0. */
export function divmod32(r: Int32Array, d: number, b: number, mod: boolean): void {
  const a = r[d] >>> 0;
  const v = b >>> 0;
  if (v === 0) {
    if (!mod) r[d] = 0;
  } else r[d] = mod ? a % v : (a - (a % v)) / v;
  r[d + 1] = 0;
}

/** Signed 32-bit division and modulo; INT32_MIN / -1 = INT32_MIN. */
export function sdivmod32(r: Int32Array, d: number, b: number, mod: boolean): void {
  const a = r[d];
  if (b === 0) {
    if (!mod) r[d] = 0;
  } else if (mod) r[d] = b === -1 ? 0 : a % b;
  else r[d] = (a / b) | 0;
  r[d + 1] = 0;
}

export function lsh64(r: Int32Array, d: number, n: number): void {
  const lo = r[d];
  if (n === 0) return;
  if (n < 32) {
    r[d + 1] = (r[d + 1] << n) | (lo >>> (32 - n));
    r[d] = lo << n;
  } else {
    r[d + 1] = lo << (n - 32);
    r[d] = 0;
  }
}

export function rsh64(r: Int32Array, d: number, n: number): void {
  const hi = r[d + 1];
  if (n === 0) return;
  if (n < 32) {
    r[d] = (r[d] >>> n) | (hi << (32 - n));
    r[d + 1] = hi >>> n;
  } else {
    r[d] = hi >>> (n - 32);
    r[d + 1] = 0;
  }
}

export function arsh64(r: Int32Array, d: number, n: number): void {
  const hi = r[d + 1];
  if (n === 0) return;
  if (n < 32) {
    r[d] = (r[d] >>> n) | (hi << (32 - n));
    r[d + 1] = hi >> n;
  } else {
    r[d] = hi >> (n - 32);
    r[d + 1] = hi >> 31;
  }
}

export const bswap32 = (v: number): number => (v << 24) | ((v & 0xff00) << 8) | ((v >>> 8) & 0xff00) | (v >>> 24);
