/**
 * The value domain: a tnum plus unsigned/signed ranges of 64 and 32 bits, kept consistent with each other.
 *
 * Instances are immutable once they are stored in a register; operations work on a clone. Everything outside of this
 * folder's value files (`tnum.ts`, `scalar.ts`, `bounds*.ts`, `alu-*.ts`) sees numbers only through `Scalar`, so that the
 * representation (BigInt today) can be changed without touching the checks. How ranges are deduced from each other differs
 * between kernels: see `bounds.ts`.
 */
import { U64_MASK, toS64 } from '../../base/index.ts';
import type { Tnum } from './tnum.ts';
import { TNUM_UNKNOWN, tnumCast, tnumConst, tnumSubreg } from './tnum.ts';

export const S64_MIN = -(1n << 63n);
export const S64_MAX = (1n << 63n) - 1n;
export const S32_MIN = -0x8000_0000;
export const S32_MAX = 0x7fff_ffff;
export const U32_MAX = 0xffff_ffff;

export class Scalar {
  tnum: Tnum;
  umin: bigint;
  umax: bigint;
  smin: bigint;
  smax: bigint;
  u32min: number;
  u32max: number;
  s32min: number;
  s32max: number;

  constructor(
    tnum: Tnum,
    umin: bigint,
    umax: bigint,
    smin: bigint,
    smax: bigint,
    u32min: number,
    u32max: number,
    s32min: number,
    s32max: number,
  ) {
    this.tnum = tnum;
    this.umin = umin;
    this.umax = umax;
    this.smin = smin;
    this.smax = smax;
    this.u32min = u32min;
    this.u32max = u32max;
    this.s32min = s32min;
    this.s32max = s32max;
  }

  static unknown(): Scalar {
    return new Scalar(TNUM_UNKNOWN, 0n, U64_MASK, S64_MIN, S64_MAX, 0, U32_MAX, S32_MIN, S32_MAX);
  }

  static constant(v: bigint): Scalar {
    const u = BigInt.asUintN(64, v);
    const s = toS64(v);
    const lo = Number(u & 0xffff_ffffn);
    return new Scalar(tnumConst(u), u, u, s, s, lo, lo, lo | 0, lo | 0);
  }

  clone(): Scalar {
    return new Scalar(
      this.tnum,
      this.umin,
      this.umax,
      this.smin,
      this.smax,
      this.u32min,
      this.u32max,
      this.s32min,
      this.s32max,
    );
  }

  get isConst(): boolean {
    return this.tnum.mask === 0n;
  }

  get isZero(): boolean {
    return this.tnum.mask === 0n && this.tnum.value === 0n;
  }

  /** Constant in all five views: false for the contradictory states of dead branches. */
  get isCleanConst(): boolean {
    return (
      this.tnum.mask === 0n &&
      this.umin === this.umax &&
      this.smin === this.smax &&
      this.umin === this.tnum.value &&
      this.smin === toS64(this.tnum.value) &&
      this.u32min === this.u32max &&
      this.s32min === this.s32max
    );
  }

  /** Signed value of a constant. */
  get constS64(): bigint {
    return toS64(this.tnum.value);
  }

  unbound64(): void {
    this.umin = 0n;
    this.umax = U64_MASK;
    this.smin = S64_MIN;
    this.smax = S64_MAX;
  }

  unbound32(): void {
    this.u32min = 0;
    this.u32max = U32_MAX;
    this.s32min = S32_MIN;
    this.s32max = S32_MAX;
  }

  unbound(): void {
    this.unbound64();
    this.unbound32();
  }

  setConst(v: bigint): void {
    this.assign(Scalar.constant(v));
  }

  /** Sets the lower half to a constant; the 64-bit ranges stay as they are. */
  setConst32(v: number): void {
    const lo = v >>> 0;
    this.tnum = { value: (this.tnum.value & ~0xffff_ffffn) | BigInt(lo), mask: this.tnum.mask & ~0xffff_ffffn };
    this.u32min = this.u32max = lo;
    this.s32min = this.s32max = lo | 0;
  }

  assign(o: Scalar): void {
    this.tnum = o.tnum;
    this.umin = o.umin;
    this.umax = o.umax;
    this.smin = o.smin;
    this.smax = o.smax;
    this.u32min = o.u32min;
    this.u32max = o.u32max;
    this.s32min = o.s32min;
    this.s32max = o.s32max;
  }

  /** Takes from the tnum what it says about the 32-bit ranges. */
  narrow32ByTnum(): void {
    const v = Number(this.tnum.value & 0xffff_ffffn);
    const m = Number(this.tnum.mask & 0xffff_ffffn);
    const smin = v | (m & 0x8000_0000) | 0;
    const smax = v | (m & 0x7fff_ffff) | 0;
    const umax = (v | m) >>> 0;
    if (smin > this.s32min) this.s32min = smin;
    if (smax < this.s32max) this.s32max = smax;
    if (v > this.u32min) this.u32min = v;
    if (umax < this.u32max) this.u32max = umax;
  }

  /** Takes from the tnum what it says about the 64-bit ranges. */
  narrow64ByTnum(): void {
    const { value, mask } = this.tnum;
    const smin = toS64(value | (mask & (1n << 63n)));
    const smax = toS64(value | (mask & S64_MAX));
    const umax = value | mask;
    if (smin > this.smin) this.smin = smin;
    if (smax < this.smax) this.smax = smax;
    if (value > this.umin) this.umin = value;
    if (umax < this.umax) this.umax = umax;
  }

  narrowByTnum(): void {
    this.narrow32ByTnum();
    this.narrow64ByTnum();
  }

  /** The 64-bit ranges of a zero-extended 32-bit value. */
  assign32Into64(): void {
    this.umin = BigInt(this.u32min);
    this.umax = BigInt(this.u32max);
    if (this.s32min >= 0 && this.s32max >= 0) {
      this.smin = BigInt(this.s32min);
      this.smax = BigInt(this.s32max);
    } else {
      this.smin = 0n;
      this.smax = 0xffff_ffffn;
    }
  }

  /** Upper half becomes 0. The caller still has to sync the bounds. */
  zeroExtend32(): void {
    this.tnum = tnumSubreg(this.tnum);
    this.assign32Into64();
  }

  /** First half of truncating to 1, 2 or 4 bytes: everything but the sync, which differs by kernel. */
  truncate64(bytes: number): void {
    const mask = (1n << BigInt(bytes * 8)) - 1n;
    this.tnum = tnumCast(this.tnum, bytes);
    if ((this.umin & ~mask) === (this.umax & ~mask)) {
      this.umin &= mask;
      this.umax &= mask;
    } else {
      this.umin = 0n;
      this.umax = mask;
    }
    // Both fit: the truncated value is below 2^32.
    this.smin = this.umin;
    this.smax = this.umax;
  }

  /** Identical in every view. */
  same(o: Scalar): boolean {
    return (
      this === o ||
      (this.tnum.value === o.tnum.value &&
        this.tnum.mask === o.tnum.mask &&
        this.umin === o.umin &&
        this.umax === o.umax &&
        this.smin === o.smin &&
        this.smax === o.smax &&
        this.u32min === o.u32min &&
        this.u32max === o.u32max &&
        this.s32min === o.s32min &&
        this.s32max === o.s32max)
    );
  }

  /** Are all of `o`'s ranges inside of ours? (The kernel compares all four.) */
  rangeContains(o: Scalar): boolean {
    return (
      this.umin <= o.umin &&
      this.umax >= o.umax &&
      this.smin <= o.smin &&
      this.smax >= o.smax &&
      this.u32min <= o.u32min &&
      this.u32max >= o.u32max &&
      this.s32min <= o.s32min &&
      this.s32max >= o.s32max
    );
  }

  /** Bits needed for the largest value. */
  get width(): number {
    return this.umax === 0n ? 0 : this.umax.toString(2).length;
  }
}

/** Shared constants: never modified (see the class comment). */
export const SCALAR_ZERO: Scalar = Scalar.constant(0n);
export const SCALAR_UNKNOWN: Scalar = Scalar.unknown();
