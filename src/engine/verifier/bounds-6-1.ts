/** Range deduction of Linux 5.7 to 6.7, as of 6.1 (kernel/bpf/verifier.c): only comparisons with constants refine. */
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
import { boundOffset } from './bounds-6-12.ts';
import { flipJump, isPowerOf2 } from './jump-ops.ts';
import type { Scalar } from './scalar.ts';
import { S32_MAX, S32_MIN, U32_MAX } from './scalar.ts';
import { tnumAnd, tnumClearSubreg, tnumConst, tnumIntersect, tnumOr, tnumSubreg, tnumSubregIsConst } from './tnum.ts';

const LOW32 = 0xffff_ffffn;
const u64 = (v: bigint): bigint => BigInt.asUintN(64, v);
const umaxOf = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const uminOf = (a: bigint, b: bigint): bigint => (a < b ? a : b);

function deduce32(s: Scalar): void {
  if (s.s32min >= 0 || s.s32max < 0) {
    const lo = Math.max(s.s32min >>> 0, s.u32min);
    const hi = Math.min(s.s32max >>> 0, s.u32max);
    s.s32min = lo | 0;
    s.u32min = lo;
    s.s32max = hi | 0;
    s.u32max = hi;
    return;
  }
  if ((s.u32max | 0) >= 0) {
    s.s32min = s.u32min | 0;
    const hi = Math.min(s.s32max >>> 0, s.u32max);
    s.s32max = hi | 0;
    s.u32max = hi;
  } else if ((s.u32min | 0) < 0) {
    const lo = Math.max(s.s32min >>> 0, s.u32min);
    s.s32min = lo | 0;
    s.u32min = lo;
    s.s32max = s.u32max | 0;
  }
}

function deduce64(s: Scalar): void {
  if (s.smin >= 0n || s.smax < 0n) {
    const lo = umaxOf(u64(s.smin), s.umin);
    const hi = uminOf(u64(s.smax), s.umax);
    s.smin = toS64(lo);
    s.umin = lo;
    s.smax = toS64(hi);
    s.umax = hi;
    return;
  }
  if (toS64(s.umax) >= 0n) {
    s.smin = toS64(s.umin);
    const hi = uminOf(u64(s.smax), s.umax);
    s.smax = toS64(hi);
    s.umax = hi;
  } else if (toS64(s.umin) < 0n) {
    const lo = umaxOf(u64(s.smin), s.umin);
    s.smin = toS64(lo);
    s.umin = lo;
    s.smax = toS64(s.umax);
  }
}

function sync(s: Scalar): void {
  s.narrowByTnum();
  deduce32(s);
  deduce64(s);
  boundOffset(s);
  s.narrowByTnum();
}

/** After a 64-bit comparison: the 32-bit ranges follow only when the 64-bit ones fit. */
function combine64Into32(s: Scalar): void {
  s.unbound32();
  const fits = (v: bigint): boolean => v >= BigInt(S32_MIN) && v <= BigInt(S32_MAX);
  if (fits(s.smin) && fits(s.smax)) {
    s.s32min = Number(s.smin);
    s.s32max = Number(s.smax);
  }
  if (s.umin <= BigInt(U32_MAX) && s.umax <= BigInt(U32_MAX)) {
    s.u32min = Number(s.umin);
    s.u32max = Number(s.umax);
  }
  sync(s);
}

/** After a 32-bit comparison: the 64-bit ranges follow only when the upper half is known to be 0. */
function combine32Into64(s: Scalar): void {
  const upper = tnumClearSubreg(s.tnum);
  if (upper.mask === 0n && upper.value === 0n) s.assign32Into64();
  else s.unbound64();
  sync(s);
}

/** Against a constant. */
function takenByConst(op: number, jmp32: boolean, s: Scalar, val: bigint): -1 | 0 | 1 {
  const t = jmp32 ? tnumSubreg(s.tnum) : s.tnum;
  const v: number | bigint = jmp32 ? Number(val & LOW32) : val;
  const sv: number | bigint = jmp32 ? Number(val & LOW32) | 0 : toS64(val);
  const umin: number | bigint = jmp32 ? s.u32min : s.umin;
  const umax: number | bigint = jmp32 ? s.u32max : s.umax;
  const smin: number | bigint = jmp32 ? s.s32min : s.smin;
  const smax: number | bigint = jmp32 ? s.s32max : s.smax;
  const bits = BigInt(v);
  switch (op) {
    case BPF_JEQ:
      return t.mask === 0n ? (t.value === bits ? 1 : 0) : -1;
    case BPF_JNE:
      return t.mask === 0n ? (t.value !== bits ? 1 : 0) : -1;
    case BPF_JSET:
      if (t.value & bits) return 1;
      return ((t.mask | t.value) & bits) === 0n ? 0 : -1;
    case BPF_JGT:
      return umin > v ? 1 : umax <= v ? 0 : -1;
    case BPF_JSGT:
      return smin > sv ? 1 : smax <= sv ? 0 : -1;
    case BPF_JLT:
      return umax < v ? 1 : umin >= v ? 0 : -1;
    case BPF_JSLT:
      return smax < sv ? 1 : smin >= sv ? 0 : -1;
    case BPF_JGE:
      return umin >= v ? 1 : umax < v ? 0 : -1;
    case BPF_JSGE:
      return smin >= sv ? 1 : smax < sv ? 0 : -1;
    case BPF_JLE:
      return umax <= v ? 1 : umin > v ? 0 : -1;
    case BPF_JSLE:
      return smax <= sv ? 1 : smin > sv ? 0 : -1;
    default:
      return -1;
  }
}

/** `yes`/`no`: the same register on the taken and on the other branch of `reg op val`. */
function refineByConst(op: number, jmp32: boolean, yes: Scalar, no: Scalar, val: bigint): void {
  const v32 = Number(val & LOW32);
  const sv = toS64(val);
  const sv32 = v32 | 0;
  let noT = no.tnum;
  let yesT = yes.tnum;
  let noT32 = tnumSubreg(no.tnum);
  let yesT32 = tnumSubreg(yes.tnum);
  switch (op) {
    case BPF_JEQ:
    case BPF_JNE: {
      const known = op === BPF_JEQ ? yes : no;
      if (jmp32) known.setConst32(v32);
      else known.setConst(val);
      if (op === BPF_JEQ) {
        yesT = yes.tnum;
        yesT32 = tnumSubreg(yes.tnum);
      } else {
        noT = no.tnum;
        noT32 = tnumSubreg(no.tnum);
      }
      break;
    }
    case BPF_JSET:
      no.unbound();
      if (jmp32) {
        noT32 = tnumAnd(noT32, tnumConst(BigInt(~v32 >>> 0)));
        if (isPowerOf2(BigInt(v32))) yesT32 = tnumOr(yesT32, tnumConst(BigInt(v32)));
      } else {
        noT = tnumAnd(noT, tnumConst(~val));
        if (isPowerOf2(val)) yesT = tnumOr(yesT, tnumConst(val));
      }
      break;
    case BPF_JGE:
    case BPF_JGT:
      if (jmp32) {
        no.u32max = Math.min(no.u32max, op === BPF_JGT ? v32 : (v32 - 1) >>> 0);
        yes.u32min = Math.max(yes.u32min, op === BPF_JGT ? (v32 + 1) >>> 0 : v32);
      } else {
        no.umax = uminOf(no.umax, op === BPF_JGT ? val : u64(val - 1n));
        yes.umin = umaxOf(yes.umin, op === BPF_JGT ? u64(val + 1n) : val);
      }
      break;
    case BPF_JSGE:
    case BPF_JSGT:
      if (jmp32) {
        no.s32max = Math.min(no.s32max, op === BPF_JSGT ? sv32 : (sv32 - 1) | 0);
        yes.s32min = Math.max(yes.s32min, op === BPF_JSGT ? (sv32 + 1) | 0 : sv32);
      } else {
        no.smax = uminOf(no.smax, op === BPF_JSGT ? sv : toS64(sv - 1n));
        yes.smin = umaxOf(yes.smin, op === BPF_JSGT ? toS64(sv + 1n) : sv);
      }
      break;
    case BPF_JLE:
    case BPF_JLT:
      if (jmp32) {
        no.u32min = Math.max(no.u32min, op === BPF_JLT ? v32 : (v32 + 1) >>> 0);
        yes.u32max = Math.min(yes.u32max, op === BPF_JLT ? (v32 - 1) >>> 0 : v32);
      } else {
        no.umin = umaxOf(no.umin, op === BPF_JLT ? val : u64(val + 1n));
        yes.umax = uminOf(yes.umax, op === BPF_JLT ? u64(val - 1n) : val);
      }
      break;
    case BPF_JSLE:
    case BPF_JSLT:
      if (jmp32) {
        no.s32min = Math.max(no.s32min, op === BPF_JSLT ? sv32 : (sv32 + 1) | 0);
        yes.s32max = Math.min(yes.s32max, op === BPF_JSLT ? (sv32 - 1) | 0 : sv32);
      } else {
        no.smin = umaxOf(no.smin, op === BPF_JSLT ? sv : toS64(sv + 1n));
        yes.smax = uminOf(yes.smax, op === BPF_JSLT ? toS64(sv - 1n) : sv);
      }
      break;
    default:
      return;
  }
  if (jmp32) {
    no.tnum = tnumOr(tnumClearSubreg(noT), tnumSubreg(noT32));
    yes.tnum = tnumOr(tnumClearSubreg(yesT), tnumSubreg(yesT32));
    combine32Into64(no);
    combine32Into64(yes);
  } else {
    no.tnum = noT;
    yes.tnum = yesT;
    combine64Into32(no);
    combine64Into32(yes);
  }
}

/** Both are known to be equal. */
function combineEqual(a: Scalar, b: Scalar): void {
  a.umin = b.umin = umaxOf(a.umin, b.umin);
  a.umax = b.umax = uminOf(a.umax, b.umax);
  a.smin = b.smin = umaxOf(a.smin, b.smin);
  a.smax = b.smax = uminOf(a.smax, b.smax);
  a.tnum = b.tnum = tnumIntersect(a.tnum, b.tnum);
  sync(a);
  sync(b);
}

const constFor = (s: Scalar, jmp32: boolean): boolean => s.isConst || (jmp32 && tnumSubregIsConst(s.tnum));

export const BOUNDS_6_1: BoundsRules = {
  sync,
  truncate(s, bytes) {
    s.truncate64(bytes);
    if (bytes < 4) combine64Into32(s);
  },
  computes(op, bits, src) {
    const known = bits === 32 ? tnumSubregIsConst(src.tnum) : src.isConst;
    const [smin, smax, umin, umax] =
      bits === 32 ? [src.s32min, src.s32max, src.u32min, src.u32max] : [src.smin, src.smax, src.umin, src.umax];
    // Contradictory ranges come from dead branches.
    if ((known && (smin !== smax || umin !== umax)) || smin > smax || umin > umax) return 'unknown';
    if (op === BPF_ADD || op === BPF_SUB || op === BPF_AND) return 'range';
    if (!known) return 'unknown';
    if (op === BPF_MUL || op === BPF_OR || op === BPF_XOR) return 'range';
    const shift = op === BPF_LSH || op === BPF_RSH || op === BPF_ARSH;
    return shift && umax < bits ? 'range' : 'opaque';
  },
  bitwiseKeepsSigned: false,
  branchTaken(op, jmp32, dst, src) {
    // Only `reg op constant`: a constant on the left is not looked at.
    if (!(jmp32 ? tnumSubregIsConst(src.tnum) : src.isConst)) return -1;
    return takenByConst(op, jmp32, dst, jmp32 ? src.tnum.value & LOW32 : src.tnum.value);
  },
  refine(op, jmp32, taken, other) {
    const [takenDst, takenSrc] = taken;
    const [dst, src] = other;
    if (constFor(src, jmp32)) refineByConst(op, jmp32, takenDst, dst, src.tnum.value);
    else if (constFor(dst, jmp32)) refineByConst(flipJump(op), jmp32, takenSrc, src, dst.tnum.value);
    else if (!jmp32 && op === BPF_JEQ) combineEqual(takenSrc, takenDst);
    else if (!jmp32 && op === BPF_JNE) combineEqual(src, dst);
  },
  repair() {
    // This generation does not look back.
  },
};
