/** Register and stack states as the log prints them. */
import {
  BPF_ATOMIC,
  BPF_CALL,
  BPF_CLASS,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_JMP,
  BPF_LOAD_ACQ,
  BPF_MODE,
  BPF_STORE_REL,
  BPF_STX,
  disasmInsn,
  helperName,
} from '../bpf/index.ts';
import type { Env } from './env.ts';
import { wholeOffset } from './offsets.ts';
import { isPacket } from './packet.ts';
import type { Reg } from './reg.ts';
import { baseId, linkOf, NON_OWN } from './reg.ts';
import type { Scalar } from './scalar.ts';
import { S32_MAX, S32_MIN, S64_MAX, S64_MIN, U32_MAX } from './scalar.ts';
import type { Frame } from './state.ts';
import type { StackSlot } from './stack-slot.ts';
import { LIVE_DONE, LIVE_READ, LIVE_WRITTEN } from './live-bits.ts';
import { isBlank } from './stack-slot.ts';

/** `0x…` of 64 bits in halves. */
const hex64 = (lo: number, hi: number): string =>
  hi === 0 ? `0x${(lo >>> 0).toString(16)}` : `0x${(hi >>> 0).toString(16)}${(lo >>> 0).toString(16).padStart(8, '0')}`;
const fits16 = (lo: number, hi: number): boolean => hi === lo >> 31 && lo >= -32768 && lo <= 32767;
/** Small numbers are decimal, others hexadecimal (6.8 on). */
const snum = (lo: number, hi: number): string => (fits16(lo, hi) ? `${lo}` : hex64(lo, hi));
const unum = (lo: number, hi: number): string => (hi === 0 && lo >>> 0 <= 0xffff ? `${lo}` : hex64(lo, hi));
const sint = (v: number): string => snum(v | 0, v < 0 ? -1 : 0);

function live(env: Env, bits: number): string {
  if (env.before !== null || (bits & (LIVE_READ | LIVE_WRITTEN | LIVE_DONE)) === 0) return '';
  return '_' + (bits & LIVE_READ ? 'r' : '') + (bits & LIVE_WRITTEN ? 'w' : '') + (bits & LIVE_DONE ? 'D' : '');
}

interface Bound {
  readonly name: string;
  readonly signed: boolean;
  readonly lo: number;
  readonly hi: number;
  omit: boolean;
}
const bound = (name: string, lo: number, hi: number, omit: boolean): Bound => ({
  name,
  signed: name.startsWith('s'),
  lo,
  hi,
  omit,
});
/** Signed 32-bit bounds are extended only when they are printed in decimal. */
const bound32 = (name: string, v: number, omit: boolean): Bound => bound(name, v, v < 0 && v >= -32768 ? -1 : 0, omit);

/** `smin=…,smax=…` with equal neighbours joined, as 6.8 and later print them. */
function ranges(s: Scalar): string[] {
  const all = [
    bound('smin', s.sminLo, s.sminHi, s.sminUnbounded),
    bound('smax', s.smaxLo, s.smaxHi, s.smaxLo === -1 && s.smaxHi === S32_MAX),
    bound('umin', s.uminLo, s.uminHi, (s.uminLo | s.uminHi) === 0),
    bound('umax', s.umaxLo, s.umaxHi, (s.umaxLo & s.umaxHi) === -1),
    bound32('smin32', s.s32min, s.s32min === S32_MIN),
    bound32('smax32', s.s32max, s.s32max === S32_MAX),
    bound('umin32', s.u32minBits, 0, s.u32minBits === 0),
    bound('umax32', s.u32maxBits, 0, s.u32maxBits === -1),
  ];
  const negative = (x: Bound): boolean => x.signed && x.hi < 0;
  const out: string[] = [];
  all.forEach((a, i) => {
    if (a.omit) return;
    let names = a.name;
    for (let j = i + 2; j < all.length; j += 2) {
      const b = all[j];
      if (b.omit || b.lo !== a.lo || b.hi !== a.hi || negative(a) !== negative(b)) continue;
      b.omit = true;
      names += '=' + b.name;
    }
    out.push(`${names}=${a.signed ? snum(a.lo, a.hi) : unum(a.lo, a.hi)}`);
  });
  return out;
}

function ranges61(s: Scalar, env: Env): string[] {
  const out: string[] = [];
  const u = (v: bigint): bigint => BigInt.asUintN(64, v);
  if (u(s.smin) !== s.umin && s.smin !== S64_MIN) out.push(`smin=${s.smin}`);
  if (u(s.smax) !== s.umax && s.smax !== S64_MAX) out.push(`smax=${s.smax}`);
  if (s.umin !== 0n) out.push(`umin=${s.umin}`);
  if ((s.umaxLo & s.umaxHi) !== -1) out.push(`umax=${s.umax}`);
  if (!s.tnum.isUnknown) out.push(`var_off=${env.rules.tnumText(s.tnum)}`);
  if (BigInt(s.s32min) !== s.smin && s.s32min !== S32_MIN) out.push(`s32_min=${s.s32min}`);
  if (BigInt(s.s32max) !== s.smax && s.s32max !== S32_MAX) out.push(`s32_max=${s.s32max}`);
  if (BigInt(s.u32min) !== s.umin && s.u32min !== 0) out.push(`u32_min=${s.u32min | 0}`);
  if (BigInt(s.u32max) !== s.umax && s.u32max !== U32_MAX) out.push(`u32_max=${s.u32max | 0}`);
  return out;
}

const hasMap = (r: Reg): boolean => r.kind === 'map_ptr' || r.kind === 'map_value' || r.kind === 'map_key';

const precisionMark = (r: Reg, precise: boolean): string => (r.isScalar && (precise || r.precise) ? 'P' : '');

/** A value as `R1=` shows it. */
export function regText(env: Env, frame: Pick<Frame, 'frameno'>, r: Reg, precise = false): string {
  const p = precisionMark(r, precise);
  if (!env.rules.trust) return p + regText61(env, r);
  const whole = env.rules.offsetsInOne && !r.isScalar;
  return p + regTextModern(env, frame, whole ? wholeOffset(r, env.rules.bounds) : r);
}

function regTextModern(env: Env, frame: Pick<Frame, 'frameno'>, r: Reg): string {
  if (r.isScalar && r.num.isConst) return snum(r.num.tnum.vlo, r.num.tnum.vhi);
  let head = env.typeText(r);
  if (r.kind === 'arena') return head;
  if (r.kind === 'fp') {
    if (frame.frameno !== r.frame) head += `[${r.frame}]`;
    if (r.num.isConst) return head + sint(r.num.constNumber + r.off);
  }
  if (r.kind === 'ptr_') head += r.btf?.name(r.btfId) ?? '';
  const a: string[] = [];
  const id = r.id === 0 && env.rules.oneId ? r.refId : r.id;
  if (id) {
    const link = r.isScalar && linkOf(id) !== 0;
    a.push(`id=${link ? baseId(id) : id}${link ? (r.off >= 0 ? '+' : '') + r.off : ''}`);
  }
  if (r.refId && !env.rules.oneId) a.push(`ref_obj_id=${r.refId}`);
  else if (r.refId && r.refId !== id) a.push(`parent_id=${r.refId}`);
  if (r.flags & NON_OWN) a.push('non_own_ref');
  if (hasMap(r) && r.map !== null) {
    const name = env.mapNames[r.map.index];
    if (name !== '') a.push(`map=${name}`);
    a.push(`ks=${r.map.keySize},vs=${r.map.valueSize}`);
  }
  if (!r.isScalar && r.off) a.push(`off=${sint(r.off)}`);
  if (isPacket(r)) a.push(`r=${r.memSize}`);
  if (r.kind === 'mem') a.push(`sz=${unum(r.memSize | 0, 0)}`);
  if (r.num.isConst) {
    if (!r.num.isZero) a.push(`imm=${snum(r.num.tnum.vlo, r.num.tnum.vhi)}`);
  } else {
    a.push(...ranges(r.num));
    if (!r.num.tnum.isUnknown) a.push(`var_off=${env.rules.tnumText(r.num.tnum)}`);
  }
  return `${head}(${a.join(',')})`;
}

function regText61(env: Env, r: Reg): string {
  if ((r.isScalar || r.kind === 'fp') && r.num.isConst) {
    return (r.isScalar ? '' : env.typeText(r)) + (r.num.constS64 + BigInt(r.isScalar ? 0 : r.off));
  }
  let head = env.typeText(r);
  if (r.kind === 'ptr_') head += r.btf?.name(r.btfId) ?? '';
  const a: string[] = [];
  if (r.id) a.push(`id=${r.id}`);
  if (r.refId && (r.kind === 'mem' || r.mayBeNull)) a.push(`ref_obj_id=${r.refId}`);
  if (!r.isScalar) a.push(`off=${r.off}`);
  if (isPacket(r)) a.push(`r=${r.memSize}`);
  if (hasMap(r) && r.map !== null) a.push(`ks=${r.map.keySize},vs=${r.map.valueSize}`);
  if (r.num.isConst) a.push(`imm=${r.num.tnum.value.toString(16)}`);
  else a.push(...ranges61(r.num, env));
  return `${head}(${a.join(',')})`;
}

const SLOT_CHARS = '?rm0dip';

/** ` R0=… R10=fp0 fp-8=…` of one frame; with `touchedOnly` what instructions touched since the last print. */
export function frameText(env: Env, frame: Frame, touchedOnly = false): string {
  let out = frame.frameno ? ` frame${frame.frameno}:` : '';
  frame.regs.forEach((r, i) => {
    if (r.kind === '?' || (touchedOnly && !env.log.hasReg(i))) return;
    out += ` R${i}${live(env, frame.regLive(i))}=${regText(env, frame, r, (frame.precise & (1 << i)) !== 0)}`;
  });
  const { stack } = frame;
  for (let i = 0; i < stack.length; i++) {
    if (touchedOnly && !env.log.hasSlot(i)) continue;
    // Dynptrs have two slots and are shown by the upper one.
    if (env.rules.trust && stack[i].isDynptr && i + 1 < stack.length) i++;
    out += slotText(env, frame, stack[i], i);
  }
  if (frame.refs.length > 0) out += ` refs=${frame.refs.map((r) => r.id).join(',')}`;
  if (frame.inCallback) out += ' cb';
  return out;
}

function dynptrText(env: Env, r: Reg): string {
  const a: string[] = [];
  if (r.id) a.push(`id=${r.id}`);
  if (r.refId) a.push(`${env.rules.oneId ? 'parent' : 'ref'}_id=${r.refId}`);
  // Of the first of its two slots; the kernel keeps that where a slice has the id of its dynptr.
  if (!env.rules.oneId) a.push('dynptr_id=1');
  return `dynptr_${r.dynptr?.type ?? '<invalid>'}(${a.join(',')})`;
}

/** ` fp-8=…` of one slot; '' = nothing was written there. */
export function slotText(env: Env, frame: Frame, s: StackSlot, i: number): string {
  if (s.types.every(isBlank)) return '';
  const at = ` fp${-(i + 1) * 8}${live(env, frame.slotLive(i))}=`;
  const chars = s.types.map((t) => SLOT_CHARS[t]).join('');
  if (env.rules.trust && s.isDynptr) return at + dynptrText(env, s.reg);
  if (env.rules.trust && s.isIter) {
    const { iter, refId } = s.reg;
    if (refId === 0 || iter === null) return '';
    const id = `${env.rules.oneId ? '' : 'ref_'}id=${refId}`;
    const type = env.btf.name(iter.btfId).replace(/^bpf_iter_/, '');
    return `${at}iter_${type}(${id},state=${iter.state},depth=${iter.depth})`;
  }
  if (!s.isSpill) return at + chars;
  if (env.rules.trust)
    return at + chars.slice(0, chars.indexOf('r')) + regText(env, frame, s.reg, frame.slotPrecise(i));
  const r = s.reg;
  if (!r.isScalar) return at + env.typeText(r);
  return at + precisionMark(r, frame.slotPrecise(i)) + (r.num.isConst ? `${r.num.constS64 + BigInt(r.off)}` : '');
}

/** What the last instruction touched, if anything: behind its line. */
export function printTouched(env: Env): void {
  if (env.log.level > 0 && env.log.touched) env.log.state(env.insn, frameText(env, env.frame, true));
}

/** The C line before an instruction, when it is another than the last printed. */
export function printLine(env: Env, insn: number): void {
  const l = env.lineOf(insn);
  const { lastLine } = env.log;
  // 6.1 tells apart what is at different columns of a line.
  const same = env.rules.trust ? l?.file === lastLine?.file && l?.line === lastLine?.line : l === lastLine;
  if (l === null || same) return;
  env.log.lastLine = l;
  env.log.line(env.rules.trust ? `; ${l.text.trim()} @ ${l.file.split('/').pop()}:${l.line}` : `; ${l.text.trim()}`);
}

/** A load-acquire or store-release where the kernel has none: its disassembler has no name for it either. */
function isUnknownAtomic({ insns, rules }: Env, insn: number): boolean {
  if (rules.acquireRelease || (insns.op[insn] & (BPF_CLASS | BPF_MODE)) !== (BPF_STX | BPF_ATOMIC)) return false;
  return insns.imm[insn] === BPF_LOAD_ACQ || insns.imm[insn] === BPF_STORE_REL;
}

function calledName({ insns, btf }: Env, insn: number): string {
  const id = insns.imm[insn];
  return insns.src[insn] === BPF_PSEUDO_KFUNC_CALL ? btf.name(id) || 'kernel-function' : helperName(id);
}

/** `12: (85) call bpf_map_lookup_elem#1`. */
export function insnText(env: Env, insn: number): string {
  const op = env.insns.op[insn];
  const hex = op.toString(16).padStart(2, '0');
  const text =
    op === (BPF_JMP | BPF_CALL) && env.insns.src[insn] !== BPF_PSEUDO_CALL
      ? `call ${calledName(env, insn)}#${env.insns.imm[insn]}`
      : isUnknownAtomic(env, insn)
        ? `BUG_${hex}`
        : disasmInsn(env.insns, insn);
  return text.startsWith('BUG_') ? `${insn}: ${text}` : `${insn}: (${hex}) ${text}`;
}

/** The instruction's line, after its C line. */
export function printInsn(env: Env, insn: number): void {
  if (env.log.level === 0) return;
  printLine(env, insn);
  env.log.insn(insnText(env, insn));
}
