/** Conditional jumps: which way is possible, and what each way tells. */
import {
  BPF_CLASS,
  BPF_JCOND,
  BPF_JEQ,
  BPF_JMP,
  BPF_JMP32,
  BPF_JNE,
  BPF_JSLE,
  BPF_OP,
  BPF_SRC,
  BPF_X,
} from '../bpf/index.ts';
import { addRanges, movScalar32 } from './alu-values.ts';
import type { Env } from './env.ts';
import { EINVAL } from './env.ts';
import { useReg } from './liveness.ts';
import { flipJump } from './jump-ops.ts';
import { markPrecise, recordHistory } from './precision.ts';
import { printTouched } from './print.ts';
import { releaseState } from './refs.ts';
import { learnRange, packetBranch } from './packet.ts';
import type { Reg, RegKind } from './reg.ts';
import { ADD_CONST, ADD_CONST32, baseId, isUntrustedMemory, linkOf, MAYBE_NULL, RCU, scalarReg } from './reg.ts';
import { Scalar } from './scalar.ts';
import { isSocket } from './sockets.ts';
import { dropScalarId } from './stack.ts';
import type { StackSlot } from './stack-slot.ts';
import { SLOT_SPILL } from './stack-slot.ts';
import type { LinkedPlace, State } from './state.ts';
import { tnumAdd } from './tnum.ts';
import { isTrusted } from './trust.ts';
import { previousEntry, widenTo } from './widen.ts';

const MAX_VAR_OFF = 1 << 29;

/** Executes a conditional jump; leaves `env.insn` before the next instruction of the current path. */
export function checkJump(env: Env): void {
  const { insns, insn } = env;
  const code = insns.op[insn];
  const op = code & BPF_OP;
  if (op > BPF_JSLE) {
    if (op === BPF_JCOND && env.rules.cpuV4) {
      mayGoto(env);
      return;
    }
    env.fail(EINVAL, 'unknown-opcode', `invalid BPF_JMP/JMP32 opcode ${op.toString(16)}`);
  }
  const isX = (code & BPF_SRC) === BPF_X;
  const jmp32 = (code & BPF_CLASS) === BPF_JMP32;
  const dstNo = insns.dst[insn];
  const srcNo = insns.src[insn];
  const bad = (): never => env.fail(EINVAL, 'reserved-fields', 'BPF_JMP/JMP32 uses reserved fields');
  if (env.rules.linkedScalars) useReg(env, dstNo);
  if (isX) {
    if (insns.imm[insn] !== 0) bad();
    useReg(env, dstNo);
    useReg(env, srcNo);
  } else {
    useReg(env, dstNo);
    if (srcNo !== 0) bad();
  }
  let dst = env.reg(dstNo);
  let src = isX ? env.reg(srcNo) : env.immediate(insn);
  const stackRegs = (dst.kind === 'fp' ? 1 : 0) | (isX && src.kind === 'fp' ? 2 : 0);
  if (stackRegs !== 0) recordHistory(env, { stackRegs });
  // 7.2 collects before it looks whether the branch is decided; what does not fit loses its link in any case.
  let linked = env.rules.linksAnyConst ? collectOperands(env, dstNo, isX ? srcNo : -1) : null;
  dst = env.reg(dstNo);
  if (isX) src = env.reg(srcNo);
  const pred = predict(env, op, jmp32, dst, src, isX);
  if (pred >= 0) {
    if (dst.isScalar) markPrecise(env, dstNo);
    if (isX && src.isScalar) markPrecise(env, srcNo);
    env.state.path = env.branchTrail.push(insn, pred === 1, env.state.path);
    printTouched(env);
    if (pred === 1) env.insn += insns.off[insn];
    return;
  }
  linked ??= collectOperands(env, dstNo, isX ? srcNo : -1);
  if (isX) src = env.reg(srcNo);
  if (linked.length > 1) recordHistory(env, { linked });
  const before = env.state.path;
  const other = env.push(insn + insns.off[insn] + 1, insn, 'taken');
  other.path = env.branchTrail.push(insn, true, before);
  env.state.path = env.branchTrail.push(insn, false, before);
  refine(env, other, op, jmp32, dstNo, isX ? srcNo : -1, src, linked);
  pointerChecks(env, other, op, jmp32, isX, dstNo, srcNo);
  printTouched(env);
}

const BPF_MAY_GOTO = 0;

/** `may_goto`: leaves a loop when the kernel's budget is used up. Verified like an iterator that ends some day. */
function mayGoto(env: Env): void {
  const { insns, insn } = env;
  const bad =
    insns.src[insn] !== BPF_MAY_GOTO || insns.dst[insn] !== 0 || insns.imm[insn] !== 0 || insns.off[insn] === 0;
  if (bad || insns.op[insn] !== (BPF_JMP | BPF_JCOND)) {
    env.fail(EINVAL, 'reserved-fields', `invalid may_goto off ${insns.off[insn]} imm ${insns.imm[insn]}`);
  }
  const before = previousEntry(env, env.state.parent, insn);
  const more = env.push(insn + 1, insn, 'may-goto-on');
  more.mayGotoDepth++;
  if (before !== null) widenTo(env, before, more);
  env.insn += insns.off[insn];
}

/** What 6.1 knows of (reg_type_not_null()). */
const NOT_NULL_61: ReadonlySet<RegKind> = new Set(['map_value', 'map_key', 'sock', 'sock_common', 'tcp_sock']);

/** Known never to be NULL. */
function notNull(env: Env, r: Reg): boolean {
  if (r.mayBeNull || r.isScalar) return false;
  if (!env.rules.eqLiftsNull) return NOT_NULL_61.has(r.kind);
  if (r.num.sminNumber <= -MAX_VAR_OFF || r.num.smaxNumber >= MAX_VAR_OFF) return false;
  return (
    r.kind === 'map_value' ||
    r.kind === 'map_key' ||
    (r.kind === 'mem' && !isUntrustedMemory(r)) ||
    r.kind === 'buf' ||
    r.kind === 'map_ptr' ||
    isSocket(r) ||
    (r.kind === 'ptr_' && isTrusted(r))
  );
}

function predict(env: Env, op: number, jmp32: boolean, dst: Reg, src: Reg, isX: boolean): -1 | 0 | 1 {
  if (isX && !jmp32 && (dst.kind === 'pkt_end' || src.kind === 'pkt_end')) return packetBranch(op, dst, src);
  if (dst.isScalar && src.isScalar) {
    const { bounds } = env.rules;
    const self = isX && env.insns.src[env.insn] === env.insns.dst[env.insn];
    if (self && bounds.branchTakenSame) return bounds.branchTakenSame(op, jmp32, dst.num);
    return bounds.branchTaken(op, jmp32, dst.num, src.num);
  }
  if (!env.rules.eqLiftsNull) {
    // 6.1: only a pointer on the left, and the low half counts like the whole.
    if (!src.isScalar || !(isX ? (jmp32 ? (src.num.tnum.mask & 0xffff_ffffn) === 0n : src.num.isConst) : true))
      return -1;
    const v = jmp32 ? src.num.tnum.value & 0xffff_ffffn : src.num.tnum.value;
    if (dst.isScalar || !notNull(env, dst) || v !== 0n) return -1;
    return op === BPF_JEQ ? 0 : op === BPF_JNE ? 1 : -1;
  }
  if (jmp32) return -1;
  let o = op;
  let [ptr, num] = [dst, src];
  if (!(num.isScalar && num.num.isConst)) {
    o = flipJump(op);
    [ptr, num] = [src, dst];
  }
  if (!num.isScalar || !num.num.isConst || !notNull(env, ptr) || !num.num.isZero) return -1;
  return o === BPF_JEQ ? 0 : o === BPF_JNE ? 1 : -1;
}

/** All numbers that learn from a comparison of two registers (`srcNo` -1: with a constant). */
function collectOperands(env: Env, dstNo: number, srcNo: number): LinkedPlace[] {
  const linked: LinkedPlace[] = [];
  for (const regno of [srcNo, dstNo]) {
    if (regno < 0) continue;
    // The first collection may have taken the second one's link.
    const r = env.reg(regno);
    if (r.isScalar && r.id !== 0) collectLinked(env, r.id, linked);
  }
  return linked;
}

/**
 * All numbers with the same origin (up to a constant). Those of which there is no more room lose their link; what both operands
 * are linked to is there twice.
 */
function collectLinked(env: Env, id: number, out: LinkedPlace[]): void {
  const base = baseId(id);
  const st = env.state;
  const add = (reg: Reg, frame: number, at: number, isReg: boolean): void => {
    if (!reg.isScalar || baseId(reg.id) !== base) return;
    const place = { frame, at, isReg };
    if (out.length < env.rules.maxLinked) out.push(place);
    else st.putValue(place, dropScalarId(reg));
  };
  for (let f = st.frames.length - 1; f >= 0; f--) {
    const frame = st.frames[f];
    const live = env.before?.liveRegs(st.frames, f, env.insn) ?? ~0;
    for (let i = 0; i < 10; i++) {
      if ((live & (1 << i)) === 0) continue;
      add(frame.regs[i], f, i, true);
    }
    // Up to 6.7 numbers spilled to half a slot are not looked for.
    const linked = (s: StackSlot): boolean => (env.rules.fullBacktrack ? s.isSpill : s.types[0] === SLOT_SPILL);
    for (let i = 0; i < frame.stack.length; i++) if (linked(frame.stack[i])) add(frame.stack[i].reg, f, i, false);
  }
}

/** Differences of int32 offsets have 33 bits. */
const deltaOf = (v: number): Scalar => (v === (v | 0) ? Scalar.int32(v) : Scalar.constant(BigInt(v)));

/** What one of the linked numbers learned, the others learn too. */
function syncLinked(env: Env, st: State, known: Reg, knownAt: number, places: readonly LinkedPlace[]): void {
  const { bounds } = env.rules;
  for (const p of places) {
    const r = st.valueAt(p);
    const self = p.isReg && p.at === knownAt && p.frame === st.frames.length - 1;
    if (self || !r.isScalar || baseId(r.id) !== baseId(known.id)) continue;
    const links = [linkOf(r.id), linkOf(known.id)];
    // What was added in 32 bits says nothing of what was added in 64.
    if (links.includes(ADD_CONST) && links.includes(ADD_CONST32)) continue;
    if (env.rules.oneId) {
      if (p.isReg) env.log.touchReg(p.at);
      else env.log.touchSlot(p.at);
    }
    const plain = (links[0] === 0 && links[1] === 0) || r.off === known.off;
    if (plain) {
      st.putValue(p, known);
      continue;
    }
    const delta = deltaOf(r.off - known.off);
    const n = known.num.clone();
    (bounds.add ?? addRanges)(n, delta);
    n.tnum = tnumAdd(n.tnum, delta.tnum);
    if (env.rules.linksAnyConst) {
      const whole = links.includes(ADD_CONST32) ? movScalar32(n, bounds) : n;
      bounds.sync(whole);
      st.putValue(p, r.withNum(whole));
    } else st.putValue(p, r.withNum(n));
  }
}

function refine(
  env: Env,
  other: State,
  op: number,
  jmp32: boolean,
  dstNo: number,
  srcNo: number,
  src: Reg,
  linked: readonly LinkedPlace[],
): void {
  const here = env.state.cur;
  const there = other.cur;
  const dst = here.regs[dstNo];
  if (!dst.isScalar || !src.isScalar) return;
  const same = srcNo === dstNo;
  const takenDst = dst.num.clone();
  const fallDst = dst.num.clone();
  const takenSrc = same ? takenDst : src.num.clone();
  const fallSrc = same ? fallDst : src.num.clone();
  env.rules.bounds.refine(op, jmp32, [takenDst, takenSrc], [fallDst, fallSrc]);
  here.regs[dstNo] = dst.withNum(fallDst);
  there.regs[dstNo] = dst.withNum(takenDst);
  if (srcNo >= 0 && !same) {
    here.regs[srcNo] = src.withNum(fallSrc);
    there.regs[srcNo] = src.withNum(takenSrc);
    if (src.id !== 0) {
      syncLinked(env, env.state, here.regs[srcNo], srcNo, linked);
      syncLinked(env, other, there.regs[srcNo], srcNo, linked);
    }
  }
  if (dst.id !== 0) {
    syncLinked(env, env.state, here.regs[dstNo], dstNo, linked);
    syncLinked(env, other, there.regs[dstNo], dstNo, linked);
  }
}

function pointerChecks(
  env: Env,
  other: State,
  op: number,
  jmp32: boolean,
  isX: boolean,
  dstNo: number,
  srcNo: number,
): void {
  const dst = env.reg(dstNo);
  const eq = op === BPF_JEQ;
  if (!eq && op !== BPF_JNE) {
    if (isX && !jmp32) learnRange(op, dst, dstNo, env.reg(srcNo), srcNo, env.state, other);
    return;
  }
  if (jmp32) return;
  if (isX) {
    const src = env.reg(srcNo);
    if (!env.rules.eqLiftsNull || dst.isScalar || src.isScalar || dst.kind === 'ptr_' || src.kind === 'ptr_') return;
    // Equal to something that is not NULL.
    const st = eq ? other : env.state;
    const lift = (regno: number, r: Reg): void => {
      if (!r.mayBeNull) return;
      st.cur.regs[regno] = nonNull(env, r);
    };
    if (notNull(env, dst)) lift(srcNo, src);
    if (notNull(env, src)) lift(dstNo, dst);
    return;
  }
  if (env.insns.imm[env.insn] !== 0 || !dst.mayBeNull) return;
  const { id, refId } = dst;
  resolveNull(env, env.state, id, refId, !eq);
  resolveNull(env, other, id, refId, eq);
}

/** The pointer after its NULL check. A map of maps yields the inner map. */
function nonNull(env: Env, r: Reg): Reg {
  const n = r.copy();
  n.flags &= ~MAYBE_NULL;
  if (r.kind === 'map_value' && (r.map?.type === 'sockmap' || r.map?.type === 'sockhash')) n.kind = 'sock';
  else if (r.kind === 'map_value' && r.map?.type === 'xskmap') n.kind = 'xdp_sock';
  else if (
    r.kind === 'map_value' &&
    r.map !== null &&
    r.map.innerMap !== undefined &&
    r.map.type.endsWith('_of_maps')
  ) {
    n.kind = 'map_ptr';
    n.map = env.obj.maps[r.map.innerMap];
    if (n.map !== undefined && (env.fields(n.map).timer >= 0 || env.fields(n.map).wq >= 0)) n.mapUid = r.id;
  }
  return n;
}

/** All copies of a pointer are known to be NULL, or not. */
function resolveNull(env: Env, st: State, id: number, refId: number, isNull: boolean): void {
  if (isNull && refId !== 0 && refId === id) releaseState(env, st.cur, id);
  st.mapValues((r) => {
    if (!r.mayBeNull || r.id !== id || (r.id === 0 && (r.flags & RCU) === 0)) return r;
    if (isNull) return scalarReg(Scalar.constant(0n), r.origin);
    const n = nonNull(env, r);
    if (!env.rules.oneId && !env.hasSpinLock(n)) n.id = 0;
    return n;
  });
}
