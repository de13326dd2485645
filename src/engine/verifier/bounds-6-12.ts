/** Range deduction of Linux 6.8 and later, as of 6.12 (kernel/bpf/verifier.c: reg_bounds_sync and its callers). */
import {
  BPF_ADD,
  BPF_AND,
  BPF_ARSH,
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JLE,
  BPF_JLT,
  BPF_JNE,
  BPF_JSET,
  BPF_JSGE,
  BPF_JSGT,
  BPF_JSLE,
  BPF_JSLT,
  BPF_LSH,
  BPF_MUL,
  BPF_OR,
  BPF_RSH,
  BPF_SUB,
  BPF_XOR,
} from '../bpf/index.ts';
import { toS64 } from '../../base/index.ts';
import type { BoundsRules } from './bounds.ts';
import { flipJump, isPowerOf2, negateJump, NOT_JSET } from './jump-ops.ts';
import type { Scalar } from './scalar.ts';
import { S32_MAX, S32_MIN } from './scalar.ts';
import {
  tnumAnd,
  tnumClearSubreg,
  tnumConst,
  tnumIntersect,
  tnumIsConst,
  tnumOr,
  tnumOverlap,
  tnumRange,
  tnumSubreg,
  tnumSubregIsConst,
  tnumWithSubreg,
} from './tnum.ts';

const LOW32 = 0xffff_ffffn;
const HIGH32 = LOW32 << 32n;
const u64 = (v: bigint): bigint => BigInt.asUintN(64, v);
const low = (v: bigint): number => Number(v & LOW32);
const high = (v: bigint): number => Number(BigInt.asUintN(64, v) >> 32n);

const narrowU32 = (s: Scalar, min: number, max: number): void => {
  if (min > s.u32min) s.u32min = min;
  if (max < s.u32max) s.u32max = max;
};
const narrowS32 = (s: Scalar, min: number, max: number): void => {
  if (min > s.s32min) s.s32min = min;
  if (max < s.s32max) s.s32max = max;
};
const narrowU64 = (s: Scalar, min: bigint, max: bigint): void => {
  if (min > s.umin) s.umin = min;
  if (max < s.umax) s.umax = max;
};
const narrowS64 = (s: Scalar, min: bigint, max: bigint): void => {
  if (min > s.smin) s.smin = min;
  if (max < s.smax) s.smax = max;
};

function deduce32(s: Scalar): void {
  const uminLow = low(s.umin);
  const umaxLow = low(s.umax);
  const sminLow = low(s.smin);
  const smaxLow = low(s.smax);
  const umaxHigh = high(s.umax);
  const uminHigh = high(s.umin);
  const sminHigh = high(s.smin);
  const smaxHigh = high(s.smax);
  // One upper half throughout: the lower halves are a range themselves.
  if (uminHigh === umaxHigh) {
    narrowU32(s, uminLow, umaxLow);
    if ((uminLow | 0) <= (umaxLow | 0)) narrowS32(s, uminLow | 0, umaxLow | 0);
  }
  if (sminHigh === smaxHigh) {
    if (sminLow <= smaxLow) narrowU32(s, sminLow, smaxLow);
    if ((sminLow | 0) <= (smaxLow | 0)) narrowS32(s, sminLow | 0, smaxLow | 0);
  }
  // Two neighbouring upper halves, lower halves going from negative to positive: a signed range.
  if ((uminHigh + 1) >>> 0 === umaxHigh && (uminLow | 0) < 0 && (umaxLow | 0) >= 0) {
    narrowS32(s, uminLow | 0, umaxLow | 0);
  }
  if ((sminHigh + 1) >>> 0 === smaxHigh && (sminLow | 0) < 0 && (smaxLow | 0) >= 0) {
    narrowS32(s, sminLow | 0, smaxLow | 0);
  }
  if ((s.u32min | 0) <= (s.u32max | 0)) narrowS32(s, s.u32min | 0, s.u32max | 0);
  const lo = s.s32min >>> 0;
  const hi = s.s32max >>> 0;
  if (lo <= hi) {
    narrowU32(s, lo, hi);
  } else if (s.u32max < lo) {
    // The signed range wraps in unsigned space and the unsigned one overlaps only its non-negative part...
    s.s32min = s.u32min | 0;
    s.u32max = Math.min(s.u32max, s.s32max >>> 0);
  } else if (hi < s.u32min) {
    // ... or only its negative part.
    s.s32max = s.u32max | 0;
    s.u32min = Math.max(s.u32min, s.s32min >>> 0);
  }
}

function deduce64(s: Scalar): void {
  const a = toS64(s.umin);
  const b = toS64(s.umax);
  if (a <= b) narrowS64(s, a, b);
  const lo = u64(s.smin);
  const hi = u64(s.smax);
  if (lo <= hi) {
    narrowU64(s, lo, hi);
  } else if (s.umax < lo) {
    s.smin = toS64(s.umin);
    if (hi < s.umax) s.umax = hi;
  } else if (hi < s.umin) {
    s.smax = toS64(s.umax);
    if (lo > s.umin) s.umin = lo;
  }
}

/** Puts what is known of the lower half into the 64-bit ranges. */
function deduceMixed(s: Scalar): void {
  const withLow = (v: bigint, lo: number): bigint => (u64(v) & HIGH32) | BigInt(lo);
  narrowU64(s, withLow(s.umin, s.u32min), withLow(s.umax, s.u32max));
  narrowS64(s, toS64(withLow(s.smin, s.u32min)), toS64(withLow(s.smax, s.u32max)));
  const lo = s.s32min >>> 0;
  const hi = s.s32max >>> 0;
  if (lo <= hi) {
    narrowU64(s, withLow(s.umin, lo), withLow(s.umax, hi));
    narrowS64(s, toS64(withLow(s.smin, lo)), toS64(withLow(s.smax, hi)));
  }
  // A sign-extended value whose lower half is not negative has a zero upper half.
  if (s.s32min >= 0 && s.smin >= BigInt(S32_MIN) && s.smax <= BigInt(S32_MAX)) {
    s.smin = s.umin = BigInt(s.s32min);
    s.smax = s.umax = BigInt(s.s32max);
    s.tnum = tnumIntersect(s.tnum, tnumRange(s.smin, u64(s.smax)));
  }
}

/** Learns bits from the ranges. Shared with 6.1. */
export function boundOffset(s: Scalar): void {
  const t64 = tnumIntersect(s.tnum, tnumRange(s.umin, s.umax));
  const t32 = tnumIntersect(tnumSubreg(t64), tnumRange(BigInt(s.u32min), BigInt(s.u32max)));
  s.tnum = tnumOr(tnumClearSubreg(t64), t32);
}

function sync(s: Scalar): void {
  s.narrowByTnum();
  for (let i = 0; i < 3; i++) {
    deduce32(s);
    deduce64(s);
    deduceMixed(s);
  }
  boundOffset(s);
  s.narrowByTnum();
}

/** Shared with 6.1's simpler form: one comparison of ranges. */
function compareRanges(op: number, jmp32: boolean, a: Scalar, b: Scalar): -1 | 0 | 1 {
  const umin1: number | bigint = jmp32 ? a.u32min : a.umin;
  const umax1: number | bigint = jmp32 ? a.u32max : a.umax;
  const smin1: number | bigint = jmp32 ? a.s32min : a.smin;
  const smax1: number | bigint = jmp32 ? a.s32max : a.smax;
  const umin2: number | bigint = jmp32 ? b.u32min : b.umin;
  const umax2: number | bigint = jmp32 ? b.u32max : b.umax;
  const smin2: number | bigint = jmp32 ? b.s32min : b.smin;
  const smax2: number | bigint = jmp32 ? b.s32max : b.smax;
  switch (op) {
    case BPF_JGT:
      return umin1 > umax2 ? 1 : umax1 <= umin2 ? 0 : -1;
    case BPF_JSGT:
      return smin1 > smax2 ? 1 : smax1 <= smin2 ? 0 : -1;
    case BPF_JLT:
      return umax1 < umin2 ? 1 : umin1 >= umax2 ? 0 : -1;
    case BPF_JSLT:
      return smax1 < smin2 ? 1 : smin1 >= smax2 ? 0 : -1;
    case BPF_JGE:
      return umin1 >= umax2 ? 1 : umax1 < umin2 ? 0 : -1;
    case BPF_JSGE:
      return smin1 >= smax2 ? 1 : smax1 < smin2 ? 0 : -1;
    case BPF_JLE:
      return umax1 <= umin2 ? 1 : umin1 > umax2 ? 0 : -1;
    case BPF_JSLE:
      return smax1 <= smin2 ? 1 : smin1 > smax2 ? 0 : -1;
    case BPF_JEQ:
      // Disjoint ranges (the caller has looked at the bits already).
      return umin1 > umax2 || umax1 < umin2 || smin1 > smax2 || smax1 < smin2 ? 0 : -1;
    default:
      return -1;
  }
}

function branchTaken(op: number, jmp32: boolean, a: Scalar, b: Scalar): -1 | 0 | 1 {
  const t1 = jmp32 ? tnumSubreg(a.tnum) : a.tnum;
  const t2 = jmp32 ? tnumSubreg(b.tnum) : b.tnum;
  if (op === BPF_JEQ || op === BPF_JNE) {
    const yes = op === BPF_JEQ ? 1 : 0;
    const no = op === BPF_JEQ ? 0 : 1;
    if (tnumIsConst(t1) && tnumIsConst(t2)) return t1.value === t2.value ? yes : no;
    if (!tnumOverlap(t1, t2)) return no;
    if (compareRanges(BPF_JEQ, jmp32, a, b) === 0) return no;
    if (!jmp32 && compareRanges(BPF_JEQ, true, a, b) === 0) return no;
    return -1;
  }
  if (op === BPF_JSET) {
    const [known, other] = tnumIsConst(t2) ? [t2, t1] : [t1, t2];
    if (!tnumIsConst(known)) return -1;
    if (other.value & known.value) return 1;
    return ((other.mask | other.value) & known.value) === 0n ? 0 : -1;
  }
  return compareRanges(op, jmp32, a, b);
}

/** Both are known to satisfy `a op b`. `NOT_JSET` stands for "no common bit". */
function learn(op: number, jmp32: boolean, a: Scalar, b: Scalar): void {
  if (op === BPF_JGE || op === BPF_JGT || op === BPF_JSGE || op === BPF_JSGT) return learn(flipJump(op), jmp32, b, a);
  const isConst = (s: Scalar): boolean => (jmp32 ? tnumSubregIsConst(s.tnum) : s.isConst);
  switch (op) {
    case BPF_JEQ:
      if (jmp32) {
        narrowU32(a, b.u32min, b.u32max);
        narrowS32(a, b.s32min, b.s32max);
        b.u32min = a.u32min;
        b.u32max = a.u32max;
        b.s32min = a.s32min;
        b.s32max = a.s32max;
        const t = tnumIntersect(tnumSubreg(a.tnum), tnumSubreg(b.tnum));
        a.tnum = tnumWithSubreg(a.tnum, t);
        b.tnum = tnumWithSubreg(b.tnum, t);
      } else {
        narrowU64(a, b.umin, b.umax);
        narrowS64(a, b.smin, b.smax);
        b.umin = a.umin;
        b.umax = a.umax;
        b.smin = a.smin;
        b.smax = a.smax;
        a.tnum = b.tnum = tnumIntersect(a.tnum, b.tnum);
      }
      return;
    case BPF_JNE: {
      if (!isConst(b)) [a, b] = [b, a];
      if (!isConst(b)) return;
      if (jmp32) {
        const v = low(b.tnum.value);
        if (a.u32min === v) a.u32min = (a.u32min + 1) >>> 0;
        if (a.u32max === v) a.u32max = (a.u32max - 1) >>> 0;
        if (a.s32min === (v | 0)) a.s32min = (a.s32min + 1) | 0;
        if (a.s32max === (v | 0)) a.s32max = (a.s32max - 1) | 0;
      } else {
        const v = b.tnum.value;
        if (a.umin === v) a.umin = u64(a.umin + 1n);
        if (a.umax === v) a.umax = u64(a.umax - 1n);
        if (a.smin === toS64(v)) a.smin = toS64(a.smin + 1n);
        if (a.smax === toS64(v)) a.smax = toS64(a.smax - 1n);
      }
      return;
    }
    case BPF_JSET:
    case NOT_JSET: {
      if (!isConst(b)) [a, b] = [b, a];
      if (!isConst(b)) return;
      const v = jmp32 ? b.tnum.value & LOW32 : b.tnum.value;
      if (op === BPF_JSET) {
        // Some bit of several is set: only a single one tells which.
        if (!isPowerOf2(v)) return;
        const t = tnumOr(jmp32 ? tnumSubreg(a.tnum) : a.tnum, tnumConst(v));
        a.tnum = jmp32 ? tnumWithSubreg(a.tnum, t) : t;
      } else {
        a.unbound();
        const t = tnumAnd(jmp32 ? tnumSubreg(a.tnum) : a.tnum, tnumConst(~v));
        a.tnum = jmp32 ? tnumWithSubreg(a.tnum, t) : t;
      }
      return;
    }
    case BPF_JLE:
      if (jmp32) {
        a.u32max = Math.min(a.u32max, b.u32max);
        b.u32min = Math.max(a.u32min, b.u32min);
      } else {
        if (b.umax < a.umax) a.umax = b.umax;
        if (a.umin > b.umin) b.umin = a.umin;
      }
      return;
    case BPF_JLT:
      if (jmp32) {
        a.u32max = Math.min(a.u32max, (b.u32max - 1) >>> 0);
        b.u32min = Math.max((a.u32min + 1) >>> 0, b.u32min);
      } else {
        const max = u64(b.umax - 1n);
        if (max < a.umax) a.umax = max;
        const min = u64(a.umin + 1n);
        if (min > b.umin) b.umin = min;
      }
      return;
    case BPF_JSLE:
      if (jmp32) {
        a.s32max = Math.min(a.s32max, b.s32max);
        b.s32min = Math.max(a.s32min, b.s32min);
      } else {
        if (b.smax < a.smax) a.smax = b.smax;
        if (a.smin > b.smin) b.smin = a.smin;
      }
      return;
    case BPF_JSLT:
      if (jmp32) {
        a.s32max = Math.min(a.s32max, (b.s32max - 1) | 0);
        b.s32min = Math.max((a.s32min + 1) | 0, b.s32min);
      } else {
        const max = toS64(b.smax - 1n);
        if (max < a.smax) a.smax = max;
        const min = toS64(a.smin + 1n);
        if (min > b.smin) b.smin = min;
      }
  }
}

function repair(s: Scalar): void {
  const v32 = low(s.tnum.value);
  const broken =
    s.umin > s.umax ||
    s.smin > s.smax ||
    s.u32min > s.u32max ||
    s.s32min > s.s32max ||
    (s.isConst && !s.isCleanConst) ||
    (tnumSubregIsConst(s.tnum) &&
      (s.u32min !== v32 || s.u32max !== v32 || s.s32min !== (v32 | 0) || s.s32max !== (v32 | 0)));
  if (broken) s.unbound();
}

export const BOUNDS_6_12: BoundsRules = {
  sync,
  truncate(s, bytes) {
    s.truncate64(bytes);
    if (bytes < 4) s.unbound32();
    sync(s);
  },
  computes(op, bits, src) {
    switch (op) {
      case BPF_ADD:
      case BPF_SUB:
      case BPF_AND:
      case BPF_XOR:
      case BPF_OR:
      case BPF_MUL:
        return 'range';
      case BPF_LSH:
      case BPF_RSH:
      case BPF_ARSH: {
        const known =
          bits === 32
            ? tnumSubregIsConst(src.tnum) && src.s32min === src.s32max && src.u32min === src.u32max
            : src.isConst && src.smin === src.smax && src.umin === src.umax;
        return known && src.umax < BigInt(bits) ? 'range' : 'unknown';
      }
      default:
        return 'unknown';
    }
  },
  bitwiseKeepsSigned: true,
  branchTaken,
  refine(op, jmp32, taken, other) {
    learn(negateJump(op), jmp32, other[0], other[1]);
    sync(other[0]);
    sync(other[1]);
    learn(op, jmp32, taken[0], taken[1]);
    sync(taken[0]);
    sync(taken[1]);
    for (const s of [...taken, ...other]) repair(s);
  },
  repair,
};
