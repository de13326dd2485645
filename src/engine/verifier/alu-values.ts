/** Arithmetic on `Scalar`s: the ranges and bits of `dst op src`. The kernel's precision, no more. */
import { BPF_ADD, BPF_AND, BPF_LSH, BPF_MUL, BPF_OR, BPF_RSH, BPF_SUB, BPF_XOR } from '../bpf/index.ts';
import { U64_MASK, toS64 } from '../../base/index.ts';
import type { BoundsRules } from './bounds.ts';
import { S32_MAX, S32_MIN, S64_MAX, S64_MIN, Scalar, U32_MAX } from './scalar.ts';
import {
  tnumAdd,
  tnumAnd,
  tnumArsh,
  tnumLsh,
  tnumMul,
  tnumOr,
  tnumRange,
  tnumRsh,
  tnumSub,
  tnumSubreg,
  tnumSubregIsConst,
  tnumConst,
  tnumXor,
} from './tnum.ts';

const u64 = (v: bigint): bigint => BigInt.asUintN(64, v);
const fitsS64 = (v: bigint): boolean => v >= S64_MIN && v <= S64_MAX;
const fitsS32 = (v: number): boolean => v >= S32_MIN && v <= S32_MAX;

/** Adds the ranges in place, 64 and 32 bits; the tnum stays as it is. */
export function addRanges(d: Scalar, s: Scalar): void {
  add32(d, s);
  const smin = d.smin + s.smin;
  const smax = d.smax + s.smax;
  const sfits = fitsS64(smin) && fitsS64(smax);
  d.smin = sfits ? smin : S64_MIN;
  d.smax = sfits ? smax : S64_MAX;
  const umin = d.umin + s.umin;
  const umax = d.umax + s.umax;
  const ufits = umin <= U64_MASK && umax <= U64_MASK;
  d.umin = ufits ? umin : 0n;
  d.umax = ufits ? umax : U64_MASK;
}

function add32(d: Scalar, s: Scalar): void {
  const smin = d.s32min + s.s32min;
  const smax = d.s32max + s.s32max;
  const sfits = fitsS32(smin) && fitsS32(smax);
  d.s32min = sfits ? smin : S32_MIN;
  d.s32max = sfits ? smax : S32_MAX;
  const umin = d.u32min + s.u32min;
  const umax = d.u32max + s.u32max;
  const ufits = umin <= U32_MAX && umax <= U32_MAX;
  d.u32min = ufits ? umin : 0;
  d.u32max = ufits ? umax : U32_MAX;
}

/** Subtracts the 64-bit ranges in place. */
export function subRanges64(d: Scalar, s: Scalar): void {
  const smin = d.smin - s.smax;
  const smax = d.smax - s.smin;
  const fits = fitsS64(smin) && fitsS64(smax);
  d.smin = fits ? smin : S64_MIN;
  d.smax = fits ? smax : S64_MAX;
  if (d.umin < s.umax) {
    d.umin = 0n;
    d.umax = U64_MASK;
  } else {
    d.umin -= s.umax;
    d.umax = u64(d.umax - s.umin);
  }
}

function subRanges32(d: Scalar, s: Scalar): void {
  const smin = d.s32min - s.s32max;
  const smax = d.s32max - s.s32min;
  const fits = fitsS32(smin) && fitsS32(smax);
  d.s32min = fits ? smin : S32_MIN;
  d.s32max = fits ? smax : S32_MAX;
  if (d.u32min < s.u32max) {
    d.u32min = 0;
    d.u32max = U32_MAX;
  } else {
    d.u32min -= s.u32max;
    d.u32max = (d.u32max - s.u32min) >>> 0;
  }
}

function mulRanges(d: Scalar, s: Scalar): void {
  if (s.s32min < 0 || d.s32min < 0 || s.u32max > 0xffff || d.u32max > 0xffff) {
    d.unbound32();
  } else {
    d.u32min *= s.u32min;
    d.u32max *= s.u32max;
    const fits = d.u32max <= S32_MAX;
    d.s32min = fits ? d.u32min : S32_MIN;
    d.s32max = fits ? d.u32max : S32_MAX;
  }
  if (s.smin < 0n || d.smin < 0n || s.umax > 0xffff_ffffn || d.umax > 0xffff_ffffn) {
    d.unbound64();
  } else {
    d.umin *= s.umin;
    d.umax *= s.umax;
    const fits = d.umax <= S64_MAX;
    d.smin = fits ? d.umin : S64_MIN;
    d.smax = fits ? d.umax : S64_MAX;
  }
}

/** `d.tnum` already is the result's, and "known" is asked of it, as the kernel does. */
function bitwiseRanges(op: number, d: Scalar, s: Scalar, rules: BoundsRules): void {
  const v32 = Number(d.tnum.value & 0xffff_ffffn);
  const m32 = Number(d.tnum.mask & 0xffff_ffffn);
  if (tnumSubregIsConst(s.tnum) && tnumSubregIsConst(d.tnum)) {
    d.u32min = d.u32max = v32;
    d.s32min = d.s32max = v32 | 0;
  } else {
    const signs = d.s32min < 0 || s.s32min < 0;
    if (op === BPF_AND) {
      d.u32min = v32;
      d.u32max = Math.min(d.u32max, s.u32max);
    } else if (op === BPF_OR) {
      d.u32min = Math.max(d.u32min, s.u32min);
      d.u32max = (v32 | m32) >>> 0;
    } else {
      d.u32min = v32;
      d.u32max = (v32 | m32) >>> 0;
    }
    const keep = rules.bitwiseKeepsSigned ? (d.u32min | 0) <= (d.u32max | 0) : !signs;
    d.s32min = keep ? d.u32min | 0 : S32_MIN;
    d.s32max = keep ? d.u32max | 0 : S32_MAX;
  }
  if (s.isConst && d.isConst) {
    d.setConst(d.tnum.value);
    return;
  }
  const signs = d.smin < 0n || s.smin < 0n;
  if (op === BPF_AND) {
    d.umin = d.tnum.value;
    if (s.umax < d.umax) d.umax = s.umax;
  } else if (op === BPF_OR) {
    if (s.umin > d.umin) d.umin = s.umin;
    d.umax = d.tnum.value | d.tnum.mask;
  } else {
    d.umin = d.tnum.value;
    d.umax = d.tnum.value | d.tnum.mask;
  }
  const keep = rules.bitwiseKeepsSigned ? toS64(d.umin) <= toS64(d.umax) : !signs;
  d.smin = keep ? toS64(d.umin) : S64_MIN;
  d.smax = keep ? toS64(d.umax) : S64_MAX;
  d.narrowByTnum();
}

function lsh32(d: Scalar, lo: number, hi: number): void {
  d.s32min = S32_MIN;
  d.s32max = S32_MAX;
  // 2^(31 - hi): above it the top bit may be shifted out.
  if (hi > 31 || d.u32max > 2 ** (31 - hi)) {
    d.u32min = 0;
    d.u32max = U32_MAX;
  } else {
    d.u32min = (d.u32min << lo) >>> 0;
    d.u32max = (d.u32max << hi) >>> 0;
  }
}

function shift64(op: number, d: Scalar, n: number): void {
  const by = BigInt(n);
  if (op === BPF_LSH) {
    // << 32 as first half of a sign extension keeps the signed range.
    d.smin = n === 32 ? BigInt(d.s32min) << 32n : S64_MIN;
    d.smax = n === 32 ? BigInt(d.s32max) << 32n : S64_MAX;
    if (d.umax > 1n << (63n - by)) {
      d.umin = 0n;
      d.umax = U64_MASK;
    } else {
      d.umin = u64(d.umin << by);
      d.umax = u64(d.umax << by);
    }
    lsh32(d, n, n);
    d.tnum = tnumLsh(d.tnum, n);
  } else if (op === BPF_RSH) {
    d.smin = S64_MIN;
    d.smax = S64_MAX;
    d.tnum = tnumRsh(d.tnum, n);
    d.umin >>= by;
    d.umax >>= by;
    d.unbound32();
  } else {
    d.smin >>= by;
    d.smax >>= by;
    d.tnum = tnumArsh(d.tnum, n, 64);
    d.umin = 0n;
    d.umax = U64_MASK;
    d.unbound32();
  }
  d.narrowByTnum();
}

function shift32(op: number, d: Scalar, n: number): void {
  const sub = tnumSubreg(d.tnum);
  if (op === BPF_LSH) {
    lsh32(d, n, n);
    d.tnum = tnumSubreg(tnumLsh(sub, n));
  } else if (op === BPF_RSH) {
    d.s32min = S32_MIN;
    d.s32max = S32_MAX;
    d.tnum = tnumRsh(sub, n);
    d.u32min >>>= n;
    d.u32max >>>= n;
  } else {
    d.s32min >>= n;
    d.s32max >>= n;
    d.tnum = tnumArsh(sub, n, 32);
    d.u32min = 0;
    d.u32max = U32_MAX;
  }
  d.unbound64();
  d.narrow32ByTnum();
}

/** `dst op src` as a new value. Operations whose range the kernel does not compute give an unknown number. */
export function aluScalar(op: number, bits: 32 | 64, dst: Scalar, src: Scalar, rules: BoundsRules): Scalar {
  const how = rules.computes(op, bits, src);
  if (how === 'opaque' && bits === 32) return movScalar32(Scalar.unknown(), rules);
  if (how !== 'range') return Scalar.unknown();
  const d = dst.clone();
  switch (op) {
    case BPF_ADD:
      addRanges(d, src);
      d.tnum = tnumAdd(d.tnum, src.tnum);
      break;
    case BPF_SUB:
      subRanges32(d, src);
      subRanges64(d, src);
      d.tnum = tnumSub(d.tnum, src.tnum);
      break;
    case BPF_MUL:
      d.tnum = tnumMul(d.tnum, src.tnum);
      mulRanges(d, src);
      break;
    case BPF_AND:
    case BPF_OR:
    case BPF_XOR:
      d.tnum =
        op === BPF_AND
          ? tnumAnd(d.tnum, src.tnum)
          : op === BPF_OR
            ? tnumOr(d.tnum, src.tnum)
            : tnumXor(d.tnum, src.tnum);
      bitwiseRanges(op, d, src, rules);
      break;
    default: {
      const n = bits === 64 ? Number(src.umin) : src.u32min;
      if (bits === 64) shift64(op, d, n);
      else shift32(op, d, n);
    }
  }
  if (bits === 32) d.zeroExtend32();
  rules.sync(d);
  return d;
}

/** Zero-extended lower half: `w1 = w2`. */
export function movScalar32(src: Scalar, rules: BoundsRules): Scalar {
  const d = src.clone();
  d.zeroExtend32();
  rules.sync(d);
  return d;
}

const TOP = { 1: 0x7f, 2: 0x7fff, 4: 0x7fff_ffff } as const;

/** Sign extension from 1, 2 or 4 bytes to 64 bits (cpu v4). */
export function signExtend64(src: Scalar, bytes: 1 | 2 | 4, rules: BoundsRules): Scalar {
  const bits = bytes * 8;
  if (src.isConst) return Scalar.constant(BigInt.asIntN(bits, src.tnum.value));
  const d = src.clone();
  if (u64(d.smin) >> BigInt(bits) === u64(d.smax) >> BigInt(bits)) {
    const a = BigInt.asIntN(bits, d.smax);
    const b = BigInt.asIntN(bits, d.smin);
    const max = a > b ? a : b;
    const min = a > b ? b : a;
    if (max >= 0n === min >= 0n) {
      d.smin = min;
      d.smax = max;
      d.umin = u64(min);
      d.umax = u64(max);
      d.s32min = Number(BigInt.asIntN(32, min));
      d.s32max = Number(BigInt.asIntN(32, max));
      d.u32min = d.s32min >>> 0;
      d.u32max = d.s32max >>> 0;
      d.tnum = tnumRange(u64(min), u64(max));
      rules.repair(d);
      return d;
    }
  }
  const max = TOP[bytes];
  d.unbound();
  d.smin = BigInt(-max - 1);
  d.smax = BigInt(max);
  d.s32min = -max - 1;
  d.s32max = max;
  d.tnum = { value: 0n, mask: U64_MASK };
  return d;
}

/** Sign extension from 1 or 2 bytes to 32 bits, zero-extended to 64 (cpu v4). */
export function signExtend32(src: Scalar, bytes: 1 | 2, rules: BoundsRules): Scalar {
  const bits = bytes * 8;
  const d = src.clone();
  if (src.isConst) {
    const v = Number(BigInt.asIntN(bits, src.tnum.value));
    d.tnum = tnumConst(BigInt(v));
    d.s32min = d.s32max = v;
    d.u32min = d.u32max = v >>> 0;
  } else {
    const a = Number(BigInt.asIntN(bits, BigInt(d.s32max)));
    const b = Number(BigInt.asIntN(bits, BigInt(d.s32min)));
    const max = Math.max(a, b);
    const min = Math.min(a, b);
    if (d.s32max >>> bits === d.s32min >>> bits && max >= 0 === min >= 0) {
      d.s32min = min;
      d.s32max = max;
      d.u32min = min >>> 0;
      d.u32max = max >>> 0;
      d.tnum = tnumSubreg(tnumRange(u64(BigInt(min)), u64(BigInt(max))));
    } else {
      const top = TOP[bytes];
      d.s32min = -top - 1;
      d.s32max = top;
      d.u32min = 0;
      d.u32max = U32_MAX;
      d.tnum = { value: 0n, mask: 0xffff_ffffn };
    }
  }
  d.zeroExtend32();
  rules.sync(d);
  return d;
}
