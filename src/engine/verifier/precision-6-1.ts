/**
 * Precision marks as 6.1 makes them (__mark_chain_precision() and backtrack_insn() of its kernel/bpf/verifier.c): one
 * register or slot of one frame at a time. Calls between functions, callbacks and returns cannot be followed backwards: then
 * every number on the path is marked. Stack slots are followed only through r10 itself.
 */
import {
  BPF_ABS,
  BPF_ALU,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_CLASS,
  BPF_CMPXCHG,
  BPF_END,
  BPF_EXIT,
  BPF_FETCH,
  BPF_IND,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_MODE,
  BPF_MOV,
  BPF_NEG,
  BPF_OP,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_SRC,
  BPF_ST,
  BPF_STX,
  BPF_X,
  disasmInsn,
} from '../bpf/index.ts';
import type { Env } from './env.ts';
import { EFAULT } from './env.ts';
import { isSyncCallbackHelper } from './helper-protos.ts';
import { frameText } from './print.ts';
import type { Kept, KeptFrame } from './kept.ts';
import { KeptState } from './kept.ts';
import type { PathState, TrailEnd } from './state.ts';
import { State } from './state.ts';
import { isSpill } from './stack-slot.ts';
import { START } from './trails.ts';

/** What has to be found before an instruction: registers as bits, stack slots by index. */
interface Wanted {
  regs: number;
  /** Tells this search from others. */
  readonly search: number;
  readonly slots: Set<number>;
}

const FP = 10;

const slotMask = (w: Wanted): string => {
  let mask = 0n;
  for (const s of w.slots) mask |= 1n << BigInt(s);
  return mask.toString(16);
};

const empty = (w: Wanted): boolean => w.regs === 0 && w.slots.size === 0;

/** False: cannot be followed. */
function stepBack(env: Env, i: number, w: Wanted): boolean {
  const { insns } = env;
  const op = insns.op[i];
  if (op === 0) return true;
  if (env.log.level === 2) {
    env.log.line(`regs=${w.regs.toString(16)} stack=${slotMask(w)} before ${i}: (${hex2(op)}) ${disasmInsn(insns, i)}`);
  }
  const cls = op & BPF_CLASS;
  const o = op & BPF_OP;
  const mode = op & BPF_MODE;
  const isX = (op & BPF_SRC) === BPF_X;
  const dreg = 1 << insns.dst[i];
  const sreg = 1 << insns.src[i];
  const slot = (-insns.off[i] - 1) >> 3;
  const fetch = cls === BPF_STX && mode === BPF_ATOMIC && (insns.imm[i] & BPF_FETCH) !== 0;
  if (cls === BPF_ALU || cls === BPF_ALU64) {
    if ((w.regs & dreg) === 0 || o === BPF_END || o === BPF_NEG) return true;
    if (o === BPF_MOV) w.regs &= ~dreg;
    if (isX) w.regs |= sreg;
    return true;
  }
  if (cls === BPF_LDX || fetch) {
    const into = fetch ? (insns.imm[i] === BPF_CMPXCHG ? 1 : sreg) : dreg;
    const base = fetch ? insns.dst[i] : insns.src[i];
    if ((w.regs & into) === 0) return true;
    w.regs &= ~into;
    if (base === FP) w.slots.add(slot);
    return true;
  }
  if (cls === BPF_STX || cls === BPF_ST) {
    if (w.regs & dreg) return false;
    if (insns.dst[i] !== FP || !w.slots.delete(slot)) return true;
    if (cls === BPF_STX) w.regs |= sreg;
    return true;
  }
  if (cls === BPF_JMP || cls === BPF_JMP32) {
    if (o === BPF_CALL) return overCall(env, i, w);
    if (o === BPF_EXIT) return false;
    if (isX && w.regs & (dreg | sreg)) w.regs |= dreg | sreg;
    return true;
  }
  if (cls === BPF_LD && w.regs & dreg) {
    w.regs &= ~dreg;
    return mode !== BPF_ABS && mode !== BPF_IND;
  }
  return true;
}

function overCall(env: Env, i: number, w: Wanted): boolean {
  const { insns } = env;
  if (insns.src[i] === BPF_PSEUDO_CALL) return false;
  if (insns.src[i] === BPF_PSEUDO_KFUNC_CALL && insns.imm[i] === 0) return false;
  if (insns.src[i] === 0 && isSyncCallbackHelper(insns.imm[i])) return false;
  w.regs &= ~1;
  if (w.regs & 0x3f) env.fail(EFAULT, 'internal', `BUG regs ${w.regs.toString(16)}`);
  return true;
}

const hex2 = (n: number): string => n.toString(16).padStart(2, '0');

/** `st` and what is before it: one cell of `frame` matters, and what it came from. */
function follow(env: Env, frame: number, w: Wanted): void {
  let st: PathState = env.state;
  let first = st.firstInsn;
  let last = env.insn;
  let skip = true;
  for (;;) {
    if (env.log.level === 2) env.log.line(`last_idx ${last} first_idx ${first}`);
    if (last < 0) {
      // The entry of a global function: its arguments.
      for (let i = 1; i <= 5; i++) if (w.regs & (1 << i)) markArgument(st, i);
      return;
    }
    const { history } = env;
    let at = st.history;
    for (let i = last; ;) {
      env.spend(0.1);
      if (skip) skip = false;
      else if (!stepBack(env, i, w)) {
        markAllPrecise(env, st);
        return;
      }
      if (empty(w)) return;
      const recorded = at !== START && history.insn(at) === i;
      if (i === st.firstInsn && (at === START || (recorded && history.before(at) === START))) break;
      if (recorded) {
        i = history.prev(at);
        at = history.before(at);
      } else i--;
      if (i < 0) break;
    }
    const { parent } = st;
    if (parent === null) return;
    st = parent;
    const marks = markIn(parent, parent.frames[frame], w);
    if (marks === 'cannot follow') {
      markAllPrecise(env, st);
      return;
    }
    if (env.log.level === 2) {
      const had = marks === 'new' ? "didn't have" : 'already had';
      const text = frameText(env, parent.frameAt(frame));
      env.log.line(`parent ${had} regs=${w.regs.toString(16)} stack=${slotMask(w)} marks:${text}`);
    }
    if (empty(w) || marks === 'known') return;
    last = st.lastInsn;
    first = st.firstInsn;
  }
}

function markArgument(st: PathState, regno: number): void {
  if (st instanceof KeptState) {
    const k = st.frames[0].regs[regno];
    if (k.reg.isScalar) k.preciseTo = Math.max(k.preciseTo, st.depth);
  } else if (st instanceof State) {
    const f = st.frames[0];
    if (f.regs[regno].isScalar) f.precise |= 1 << regno;
  }
}

function markIn(st: KeptState, frame: KeptFrame | undefined, w: Wanted): 'new' | 'known' | 'cannot follow' {
  if (frame === undefined) return 'cannot follow';
  let fresh = false;
  const mark = (k: Kept): void => {
    if (k.demand(st.depth, w.search)) fresh = true;
  };
  for (let i = 0; i < 11; i++) {
    if ((w.regs & (1 << i)) === 0) continue;
    if (!frame.regs[i].reg.isScalar) w.regs &= ~(1 << i);
    else mark(frame.regs[i]);
  }
  for (const s of [...w.slots]) {
    if (s >= frame.stack.length) return 'cannot follow';
    const k = frame.stack[s];
    if (!isSpill(k.types) || !k.reg.isScalar) w.slots.delete(s);
    else mark(k);
  }
  return fresh ? 'new' : 'known';
}

/** Every number in the checkpoints on the way to `from` matters. What was marked so before is not looked at again. */
export function markAllPrecise(
  env: Env,
  from: TrailEnd,
  marked: (frame: number, name: string) => void = () => undefined,
): void {
  const search = ++env.searches;
  for (let st = from.parent; st !== null && !st.allPrecise; st = st.parent) {
    const { depth } = st;
    env.spend(st.frames.length);
    st.allPrecise = true;
    for (let n = 0; n < st.frames.length; n++) {
      const { regs, stack } = st.frames[n];
      for (let i = 0; i < 10; i++) {
        const k = regs[i];
        if (k.reg.isScalar && k.demand(depth, search)) marked(n, `r${i}`);
      }
      for (let i = 0; i < stack.length; i++) {
        const k = stack[i];
        if (isSpill(k.types) && k.reg.isScalar && k.demand(depth, search)) marked(n, `fp${-(i + 1) * 8}`);
      }
    }
  }
}

/** The value of a register of frame `frame` matters. */
export function markPrecise61(env: Env, frame: number, regno: number): void {
  if (env.state.frames[frame].regs[regno].isScalar)
    follow(env, frame, { regs: 1 << regno, slots: new Set(), search: ++env.searches });
}

/** What an equivalent old state needed precisely, we need precisely. */
export function propagatePrecision61(env: Env, old: KeptState): void {
  const needed = (k: Kept): boolean => old.reg(k).isScalar && old.isPrecise(k) && old.isRead(k);
  for (let f = old.frames.length - 1; f >= 0; f--) {
    const { regs, stack } = old.frames[f];
    for (let i = 0; i < 10; i++) {
      if (!needed(regs[i])) continue;
      if (env.log.level === 2) env.log.line(`frame ${f}: propagating r${i}`);
      markPrecise61(env, f, i);
    }
    stack.forEach((k, n) => {
      if (!isSpill(old.types(k)) || !needed(k)) return;
      if (env.log.level === 2) env.log.line(`frame ${f}: propagating fp${(-n - 1) * 8}`);
      const mine = env.state.frames[f].stack[n];
      if (mine?.isScalarSpill) follow(env, f, { regs: 0, slots: new Set([n]), search: ++env.searches });
    });
  }
}
