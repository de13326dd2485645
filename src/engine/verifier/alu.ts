/** ALU instructions: numbers and pointer arithmetic. */
import {
  BPF_ADD,
  BPF_ALU64,
  BPF_AND,
  BPF_ARSH,
  BPF_CLASS,
  BPF_DIV,
  BPF_END,
  BPF_LSH,
  BPF_MOD,
  BPF_MOV,
  BPF_NEG,
  BPF_OP,
  BPF_OR,
  BPF_RSH,
  BPF_SRC,
  BPF_SUB,
  BPF_X,
  BPF_XOR,
} from '../bpf/index.ts';
import { endian72 } from './alu-7-2.ts';
import { addRanges, aluScalar, movScalar32, signExtend32, signExtend64, subRanges64 } from './alu-values.ts';
import type { Env } from './env.ts';
import { EACCES, EINVAL } from './env.ts';
import { defineReg, useReg } from './liveness.ts';
import { markPrecise } from './precision.ts';
import { isPacket } from './packet.ts';
import type { Reg, RegKind } from './reg.ts';
import {
  ADD_CONST,
  ADD_CONST32,
  isUntrustedMemory,
  linkOf,
  MAYBE_NULL,
  pointerReg,
  scalarReg,
  unknownReg,
} from './reg.ts';
import { Scalar } from './scalar.ts';
import { assignScalarId, dropScalarId } from './stack.ts';
import { tnumAdd, tnumSub, tnumSubregIsConst } from './tnum.ts';
import { lts, ltu } from './wide.ts';

const MAX_VAR_OFF = 1 << 29;
const WORDS = ['+=', '-=', '*=', '/=', '|=', '&=', '<<=', '>>=', 'neg', '%=', '^=', '=', 's>>=', 'endian'];

/** Pointers that nothing may be added to. */
const NO_MATH: ReadonlySet<RegKind> = new Set(['pkt_end', 'insn', 'sock', 'sock_common', 'tcp_sock', 'xdp_sock']);

/** Executes the ALU instruction at `env.insn` on the abstract state. */
export function checkAlu(env: Env): void {
  const { insns, insn } = env;
  const op = insns.op[insn] & BPF_OP;
  if (op === BPF_END || op === BPF_NEG) unary(env, op);
  else if (op === BPF_MOV) mov(env);
  else if (op > BPF_END) env.fail(EINVAL, 'unknown-opcode', `invalid BPF_ALU opcode ${op.toString(16)}`);
  else binary(env, op);
}

function unary(env: Env, op: number): void {
  const { insns, insn } = env;
  const code = insns.op[insn];
  const dst = insns.dst[insn];
  const imm = insns.imm[insn];
  const isX = (code & BPF_SRC) === BPF_X;
  if (op === BPF_NEG) {
    if (isX || insns.src[insn] !== 0 || insns.off[insn] !== 0 || imm !== 0) {
      env.fail(EINVAL, 'reserved-fields', 'BPF_NEG uses reserved fields');
    }
  } else {
    const wide = (code & BPF_CLASS) === BPF_ALU64;
    const okWide = !wide || (env.rules.cpuV4 && !isX);
    if (insns.src[insn] !== 0 || insns.off[insn] !== 0 || (imm !== 16 && imm !== 32 && imm !== 64) || !okWide) {
      env.fail(EINVAL, 'reserved-fields', 'BPF_END uses reserved fields');
    }
  }
  useReg(env, dst);
  const r = env.reg(dst);
  const { bounds } = env.rules;
  defineReg(env, dst);
  // Privileged programs may turn pointers into numbers here.
  if (!r.isScalar || !bounds.alu) env.setReg(dst, unknownReg(insn));
  else if (op === BPF_NEG) {
    const bits = (code & BPF_CLASS) === BPF_ALU64 ? 64 : 32;
    env.setReg(dst, scalarReg(aluScalar(op, bits, r.num, r.num, bounds), insn));
  } else {
    // Little-endian machines: `le` only truncates.
    const swap = (code & BPF_CLASS) === BPF_ALU64 || isX;
    if (swap || imm < 64) env.setReg(dst, scalarReg(endian72(r.num, imm, swap, bounds), insn));
  }
}

function mov(env: Env): void {
  const { insns, insn } = env;
  const wide = (insns.op[insn] & BPF_CLASS) === BPF_ALU64;
  const isX = (insns.op[insn] & BPF_SRC) === BPF_X;
  const dst = insns.dst[insn];
  const srcNo = insns.src[insn];
  const off = insns.off[insn];
  const imm = insns.imm[insn];
  const bad = (): never => env.fail(EINVAL, 'reserved-fields', 'BPF_MOV uses reserved fields');
  if (!isX) {
    if (srcNo !== 0 || off !== 0) bad();
    defineReg(env, dst);
    env.setReg(dst, wide ? env.immediate(insn) : scalarReg(Scalar.constHalves(imm, 0), insn));
    return;
  }
  const v4 = env.rules.cpuV4;
  if (!v4 && off !== 0) bad();
  if (wide && v4 && off === 1) {
    if (imm !== 1 && imm !== 1 << 16)
      env.fail(EINVAL, 'arena', 'addr_space_cast insn can only convert between address space 1 and 0');
    if (env.arena === null) {
      env.fail(EINVAL, 'arena', 'addr_space_cast insn can only be used in a program that has an associated arena');
    }
    useReg(env, srcNo);
    defineReg(env, dst);
    env.setReg(dst, imm === 1 ? pointerReg('arena', 0, insn) : unknownReg(insn));
    return;
  }
  if (imm !== 0 || (off !== 0 && off !== 8 && off !== 16 && !(wide && off === 32))) bad();
  useReg(env, srcNo);
  defineReg(env, dst);
  const src = env.reg(srcNo);
  if (wide && off === 0) {
    const r = src.isScalar ? assignScalarId(env, src) : src;
    env.setReg(srcNo, r);
    env.setReg(dst, r);
    return;
  }
  if (!src.isScalar) {
    // The lower part of a pointer: some number.
    const n = wide ? Scalar.unknown() : movScalar32(Scalar.unknown(), env.rules.bounds);
    env.setReg(dst, scalarReg(n, insn));
    return;
  }
  // A copy that changes nothing keeps the link to its source (6.8 on).
  const same = env.rules.linkedScalars && (off === 0 ? src.num.width <= 32 : src.num.umaxNumber < 2 ** (off - 1));
  const r = same ? assignScalarId(env, src) : src;
  if (same) env.setReg(srcNo, r);
  const n =
    off === 0
      ? movScalar32(r.num, env.rules.bounds)
      : wide
        ? signExtend64(r.num, (off / 8) as 1 | 2 | 4, env.rules.bounds)
        : signExtend32(r.num, (off / 8) as 1 | 2, env.rules.bounds);
  env.rules.bounds.repair(n);
  const out = (same ? r : dropScalarId(r)).withNum(n);
  env.setReg(dst, out);
}

function binary(env: Env, op: number): void {
  const { insns, insn } = env;
  const isX = (insns.op[insn] & BPF_SRC) === BPF_X;
  const bits = (insns.op[insn] & BPF_CLASS) === BPF_ALU64 ? 64 : 32;
  const dst = insns.dst[insn];
  const srcNo = insns.src[insn];
  const off = insns.off[insn];
  const imm = insns.imm[insn];
  const signedDiv = env.rules.cpuV4 && off === 1 && (op === BPF_DIV || op === BPF_MOD);
  if ((off !== 0 && !signedDiv) || (isX ? imm !== 0 : srcNo !== 0)) {
    env.fail(EINVAL, 'reserved-fields', 'BPF_ALU uses reserved fields');
  }
  if (isX) useReg(env, srcNo);
  useReg(env, dst);
  if (!isX && imm === 0 && (op === BPF_DIV || op === BPF_MOD)) env.fail(EINVAL, 'div-by-zero', 'div by zero');
  if (!isX && (op === BPF_LSH || op === BPF_RSH || op === BPF_ARSH) && (imm < 0 || imm >= bits)) {
    env.fail(EINVAL, 'bad-shift', `invalid shift ${imm}`);
  }
  defineReg(env, dst);
  const d = env.reg(dst);
  const s = isX ? env.reg(srcNo) : env.immediate(insn);
  if (d.kind === 'arena' || s.kind === 'arena') {
    // Any arithmetic is fine: whatever comes out stays in the arena.
    if (d.kind !== 'arena') env.setReg(dst, s);
    return;
  }
  if (!d.isScalar && !s.isScalar) {
    // Only the difference of two pointers is a number.
    if (op === BPF_SUB) {
      env.setReg(dst, unknownReg(insn));
      return;
    }
    env.fail(EACCES, 'pointer-math', `R${dst} pointer ${WORDS[op >> 4]} pointer prohibited`, dst);
  }
  if (!s.isScalar) {
    markPrecise(env, dst);
    pointerMath(env, op, bits, dst, s, d, false);
  } else if (!d.isScalar) {
    if (isX) markPrecise(env, srcNo);
    pointerMath(env, op, bits, dst, d, s, true);
  } else {
    if (isX && d.precise) markPrecise(env, srcNo);
    scalarMath(env, op, bits, dst, d, s, isX && srcNo === dst);
  }
  const r = env.reg(dst);
  if (!r.num.isCleanConst && env.rules.bounds.broken(r.num)) {
    const n = r.num.clone();
    env.rules.bounds.repair(n);
    env.setReg(dst, r.withNum(n));
  }
}

function scalarMath(env: Env, op: number, bits: 32 | 64, dst: number, d: Reg, s: Reg, self: boolean): void {
  let left = d;
  if (
    (op === BPF_AND || op === BPF_OR) &&
    env.rules.forkBoolMask &&
    s.num.isConst &&
    env.rules.bounds.computes(op, bits, s.num) === 'range'
  ) {
    left = forkMask(env, dst, d);
  }
  const signed = env.insns.off[env.insn] === 1;
  const n = aluScalar(op, bits, left.num, s.num, env.rules.bounds, signed);
  let r: Reg = scalarReg(n, env.insn);
  r.precise = d.precise && env.rules.bounds.computes(op, bits, s.num) === 'range';
  if (env.rules.linksAnyConst) {
    if ((op === BPF_ADD || op === BPF_SUB) && d.id !== 0 && !self) r = linked(r, op, bits, d, s);
  } else if (env.rules.linkedScalars && op === BPF_ADD && bits === 64 && d.id !== 0 && s.num.isConst && !self) {
    const { vlo, vhi } = s.num.tnum;
    if (d.id < ADD_CONST && vhi === 0 && vlo >= 0) {
      r = r.copy();
      r.id = d.id + ADD_CONST;
      r.off = vlo;
    }
  }
  env.setReg(dst, r);
}

/** The sum or difference of a number and a constant, linked to the number where that is possible. */
function linked(r: Reg, op: number, bits: 32 | 64, d: Reg, s: Reg): Reg {
  const { tnum } = s.num;
  const { vlo, vhi } = tnum;
  if (bits === 64 ? !tnum.isConst || vhi !== vlo >> 31 : !tnumSubregIsConst(tnum)) return r;
  if (bits === 32 && d.num.umaxHi !== 0) return r;
  if (linkOf(d.id) !== 0 || (op === BPF_SUB && vlo === -0x8000_0000)) return r;
  const out = r.copy();
  out.id = d.id + (bits === 64 ? ADD_CONST : ADD_CONST32);
  out.off = op === BPF_SUB ? -vlo : vlo;
  return out;
}

/** A mask made of a comparison (0 or -1) is verified as two paths, so that what it selects stays known. */
function forkMask(env: Env, dst: number, d: Reg): Reg {
  const wide = d.num.sminNumber === -1 && d.num.smaxNumber === 0;
  if (!wide && !(d.num.s32min === -1 && d.num.s32max === 0)) return d;
  const other = env.push(env.insn, env.insn, 'other');
  const zero = d.num.clone();
  const ones = d.num.clone();
  if (wide) {
    zero.setConst(0n);
    ones.setConst(-1n);
  } else {
    zero.setConst32(0);
    ones.setConst32(-1);
  }
  other.cur.regs[dst] = d.withNum(zero);
  return d.withNum(ones);
}

/** Is a pointer's offset, or what is added to it, within reason? 7.2 has words of its own for pointers. */
function checkSaneOffset(env: Env, r: Reg, type: string, regno: number): void {
  const { num } = r;
  if (r.isPointer && env.rules.offsetsInOne) {
    const least = num.sminNumber + r.off;
    if (least >= MAX_VAR_OFF || least <= -MAX_VAR_OFF) {
      const offset = num.smin + BigInt(r.off);
      env.fail(EINVAL, 'pointer-out-of-bounds', `${type} pointer offset ${offset} is not allowed`, regno);
    }
    return;
  }
  if (num.isConst && (num.constNumber >= MAX_VAR_OFF || num.constNumber <= -MAX_VAR_OFF)) {
    env.fail(EINVAL, 'pointer-out-of-bounds', `math between ${type} pointer and ${num.constS64} is not allowed`, regno);
  }
  if (r.isPointer && (r.off >= MAX_VAR_OFF || r.off <= -MAX_VAR_OFF)) {
    env.fail(EINVAL, 'pointer-out-of-bounds', `${type} pointer offset ${r.off} is not allowed`, regno);
  }
  if (num.sminUnbounded) {
    env.fail(
      EINVAL,
      'pointer-unbounded',
      `math between ${type} pointer and register with unbounded min value is not allowed`,
      regno,
    );
  }
  if (num.sminNumber >= MAX_VAR_OFF || num.sminNumber <= -MAX_VAR_OFF) {
    env.fail(EINVAL, 'pointer-out-of-bounds', `value ${num.smin} makes ${type} pointer be out of bounds`, regno);
  }
}

/** `ptrLeft`: the pointer is the destination operand. */
function pointerMath(env: Env, op: number, bits: 32 | 64, dst: number, ptr: Reg, off: Reg, ptrLeft: boolean): void {
  const k = off.num;
  const known = k.isConst;
  const type = env.typeText(ptr);
  const empty =
    lts(k.smaxLo, k.smaxHi, k.sminLo, k.sminHi) ||
    ltu(k.umaxLo, k.umaxHi, k.uminLo, k.uminHi) ||
    (known && (k.sminLo !== k.smaxLo || k.sminHi !== k.smaxHi || k.uminLo !== k.umaxLo || k.uminHi !== k.umaxHi));
  if (empty) {
    env.setReg(dst, unknownReg(env.insn));
    return;
  }
  if (bits === 32) {
    if (op === BPF_SUB) {
      env.setReg(dst, unknownReg(env.insn));
      return;
    }
    env.fail(EACCES, 'pointer-math', `R${dst} 32-bit pointer arithmetic prohibited`, dst);
  }
  if (ptr.flags & MAYBE_NULL) {
    env.fail(EACCES, 'null-math', `R${dst} pointer arithmetic on ${type} prohibited, null-check it first`, dst);
  }
  const noMath = ptr.kind === 'map_ptr' || NO_MATH.has(ptr.kind) || (ptr.kind === 'flow_keys' && !known);
  const zeroWillDo = ptr.kind === 'map_ptr' || (env.rules.trust && ptr.kind !== 'insn');
  if (noMath && !(zeroWillDo && known && k.smin === 0n && op === BPF_ADD)) {
    env.fail(EACCES, 'pointer-math', `R${dst} pointer arithmetic on ${type} prohibited`, dst);
  }
  // Read with faults caught: its offset is of no interest.
  if (isUntrustedMemory(ptr)) {
    env.setReg(dst, ptr);
    return;
  }
  checkSaneOffset(env, off, type, dst);
  checkSaneOffset(env, ptr, type, dst);
  if (op !== BPF_ADD && op !== BPF_SUB) {
    const bitwise = op === BPF_AND || op === BPF_OR || op === BPF_XOR;
    const message = bitwise
      ? `R${dst} bitwise operator ${WORDS[op >> 4]} on pointer prohibited`
      : `R${dst} pointer arithmetic with ${WORDS[op >> 4]} operator prohibited`;
    env.fail(EACCES, 'pointer-math', message, dst);
  }
  const r = ptr.copy();
  if (op === BPF_SUB) {
    if (!ptrLeft) env.fail(EACCES, 'pointer-math', `R${dst} tried to subtract pointer from scalar`, dst);
    if (ptr.kind === 'fp') env.fail(EACCES, 'pointer-math', `R${dst} subtraction from stack pointer prohibited`, dst);
  }
  const fixed = op === BPF_ADD ? ptr.off + k.sminNumber : ptr.off - k.sminNumber;
  const n = ptr.num.clone();
  if (known && fixed === (fixed | 0)) r.off = fixed;
  else {
    if (op === BPF_ADD) {
      (env.rules.bounds.add ?? addRanges)(n, k);
      n.tnum = tnumAdd(n.tnum, k.tnum);
    } else {
      (env.rules.bounds.sub64 ?? subRanges64)(n, k);
      n.tnum = tnumSub(n.tnum, k.tnum);
    }
    if (isPacket(ptr)) {
      // What was known of the way to the end does not hold for the moved pointer; going back leaves it true.
      r.id = env.newId();
      if (op === BPF_ADD || k.sminHi < 0) r.memSize = 0;
    }
  }
  n.unbound32();
  r.num = n;
  // Before ranges and known bits learn from each other: what they make of it is not looked at.
  checkSaneOffset(env, r, type, dst);
  const synced = n.clone();
  env.rules.bounds.sync(synced);
  r.num = synced;
  env.setReg(dst, r);
}
