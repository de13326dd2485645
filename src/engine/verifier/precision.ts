/**
 * Which numbers must be known precisely. States are equal although a number differs as long as nothing later depended on
 * its value; when something does (a branch decided, an offset, a size), the instructions are walked backwards and every
 * place that the number came from is marked in the checkpoints on the way. As Linux 6.8+ does it (several frames, stack
 * accesses through any pointer); what cannot be followed falls back to "everything is precise".
 */
import {
  BPF_ALU,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_CLASS,
  BPF_CMPXCHG,
  BPF_END,
  BPF_EXIT,
  BPF_FETCH,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_LOAD_ACQ,
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
} from '../bpf/index.ts';
import type { InsnArray } from '../bpf/index.ts';
import type { Env } from './env.ts';
import { RB_ADD } from './graph.ts';
import { isSyncCallbackHelper } from './helper-protos.ts';
import { kfuncRole } from './kfunc-table.ts';
import { SLOTS } from './demands.ts';
import type { Kept, KeptFrame, KeptState } from './kept.ts';
import { markAllPrecise, markPrecise61, propagatePrecision61 } from './precision-6-1.ts';
import { frameText, insnText } from './print.ts';
import type { LinkedPlace, PathEnd, TrailEnd } from './state.ts';
import { isSpill } from './stack-slot.ts';
import { ARG_ACCESS, START } from './trails.ts';

/** A set of stack slots (0 to 63). */
class SlotSet {
  private lo = 0;
  private hi = 0;

  get isEmpty(): boolean {
    return (this.lo | this.hi) === 0;
  }

  has(n: number): boolean {
    return ((n < 32 ? this.lo : this.hi) & (1 << (n & 31))) !== 0;
  }

  add(n: number): void {
    if (n < 32) this.lo |= 1 << n;
    else this.hi |= 1 << (n & 31);
  }

  /** Was it there? */
  delete(n: number): boolean {
    const had = this.has(n);
    if (n < 32) this.lo &= ~(1 << n);
    else this.hi &= ~(1 << (n & 31));
    return had;
  }

  clear(): void {
    this.lo = 0;
    this.hi = 0;
  }

  /** The first one from `n` on; -1 = none. */
  from(n: number): number {
    const lo = n < 32 ? this.lo & (-1 << n) : 0;
    if (lo !== 0) return 31 - Math.clz32(lo & -lo);
    const hi = n < 32 ? this.hi : n < 64 ? this.hi & (-1 << (n & 31)) : 0;
    return hi === 0 ? -1 : 63 - Math.clz32(hi & -hi);
  }
}

/** What still has to be found, by frame. One object for all searches of a run: they are many, and one at a time. */
export class Wanted {
  frame = 0;
  readonly regs: number[] = [];
  readonly slots: SlotSet[] = [];
  /** Arguments on the stack, as bits. */
  readonly args: number[] = [];

  /** Tells this search from others. */
  search = 0;
  /** Where it starts: before which instruction of which path. */
  from: TrailEnd;
  insn = 0;
  top = 0;
  /** Did a checkpoint learn something? */
  changed = false;

  constructor(from: TrailEnd) {
    this.from = from;
  }

  /** Begins a search. */
  begin(search: number, from: TrailEnd, insn: number, frameCount: number): this {
    this.search = search;
    this.changed = false;
    this.from = from;
    this.insn = insn;
    this.frame = frameCount - 1;
    this.top = this.frame;
    while (this.slots.length < frameCount) this.#add();
    for (let f = 0; f < this.slots.length; f++) {
      this.regs[f] = 0;
      this.args[f] = 0;
      this.slots[f].clear();
    }
    return this;
  }

  #add(): void {
    this.regs.push(0);
    this.args.push(0);
    this.slots.push(new SlotSet());
  }

  /** Backwards over its exit, into a function. */
  enter(): void {
    this.frame++;
    if (this.frame === this.slots.length) this.#add();
  }

  get empty(): boolean {
    for (let f = this.frame; f >= 0; f--) {
      if ((this.regs[f] | this.args[f]) !== 0 || !this.slots[f].isEmpty) return false;
    }
    return true;
  }

  has(reg: number): boolean {
    return (this.regs[this.frame] & (1 << reg)) !== 0;
  }

  add(reg: number): void {
    this.regs[this.frame] |= 1 << reg;
  }

  drop(reg: number): void {
    this.regs[this.frame] &= ~(1 << reg);
  }
}

function newSearch(env: Env, from: TrailEnd, insn: number, frameCount: number): Wanted {
  env.wanted ??= new Wanted(from);
  return env.wanted.begin(++env.searches, from, insn, frameCount);
}

/** Adds to the history of the current instruction (one entry each). Up to 6.7 that has jumps only. */
export function recordHistory(
  env: Env,
  what?: { readonly stackAccess?: number; readonly stackRegs?: number; readonly linked?: readonly LinkedPlace[] },
): void {
  if (what !== undefined && !env.rules.fullBacktrack) return;
  const { history, state } = env;
  if (env.curHistory === START) {
    state.history = env.curHistory = history.push(env.insn, env.prevInsn, state.history);
    state.historyCount++;
  }
  if (what?.stackAccess !== undefined) history.setStackAccess(env.curHistory, what.stackAccess);
  if (what?.stackRegs !== undefined) history.addStackRegs(env.curHistory, what.stackRegs);
  if (what?.linked !== undefined) history.setLinked(env.curHistory, what.linked);
}

/** The value of a register of the current frame matters. */
export function markPrecise(env: Env, regno: number): void {
  if (regno < 0) return;
  if (!env.reg(regno).isScalar) return;
  if (!env.rules.fullBacktrack) {
    markPrecise61(env, env.state.frames.length - 1, regno);
    return;
  }
  demandLater(env, env.state.frames.length - 1, regno);
}

/** The number spilled to a slot of a frame matters. */
export function markSlotPrecise(env: Env, frame: number, spi: number): void {
  demandLater(env, frame, SLOTS + spi);
}

/**
 * The kernel searches at once. Nothing but comparisons of states asks what was found, and what a search walks over never
 * changes, so it can wait for the next of these. A path that goes on and on without one is not searched at all.
 */
function demandLater(env: Env, frame: number, place: number): void {
  env.demands.add(env.state, env.insn, frame, place);
  // The log shows the searches where they belong.
  if (env.log.level === 2) settlePrecision(env);
}

/** Makes the searches that wait, in their order. To be called before asking what is needed precisely. */
export function settlePrecision(env: Env): void {
  const { demands } = env;
  if (demands.length === 0) return;
  for (let n = 0; n < demands.length; n++) {
    const w = newSearch(env, demands.from(n), demands.insn(n), demands.frameCount(n));
    const place = demands.place(n);
    if (place < SLOTS) w.regs[demands.frame(n)] |= 1 << place;
    else w.slots[demands.frame(n)].add(place - SLOTS);
    backtrack(env, w);
  }
  demands.clear();
}

/** What an equivalent old state needed precisely, we need precisely. */
export function propagatePrecision(env: Env, old: KeptState): void {
  if (env.rules.fullBacktrack) passPrecision(env, old, env.state, env.insn, env.state.frames.length);
  else propagatePrecision61(env, old);
}

/** The same for a path that ended. @returns did a checkpoint of it learn something? */
export const passPrecisionTo = (env: Env, old: KeptState, from: PathEnd): boolean =>
  passPrecision(env, old, from, from.insn, from.frameCount);

const needsPrecisely = (st: KeptState, k: Kept): boolean => st.isPrecise(k) && st.isRead(k) && st.reg(k).isScalar;

function passPrecision(env: Env, old: KeptState, from: TrailEnd, insn: number, frameCount: number): boolean {
  settlePrecision(env);
  const w = newSearch(env, from, insn, frameCount);
  const names: string[] | null = env.log.level === 2 ? [] : null;
  for (let n = old.frames.length - 1; n >= 0; n--) {
    const { regs, stack } = old.frames[n];
    for (let i = 0; i < 10; i++) {
      if (!needsPrecisely(old, regs[i])) continue;
      w.regs[n] |= 1 << i;
      names?.push(`r${i}`);
    }
    for (let i = 0; i < stack.length; i++) {
      if (!needsPrecisely(old, stack[i]) || !isSpill(old.types(stack[i]))) continue;
      w.slots[n].add(i);
      names?.push(`fp${-(i + 1) * 8}`);
    }
    if (names === null || names.length === 0) continue;
    env.log.line(`frame ${n}: propagating ${names.join(',')}`);
    names.length = 0;
  }
  backtrack(env, w);
  return w.changed;
}

/** A step back, as part of an instruction's work, and after how many the work is counted. */
const STEP = 0.1;
const SPEND_EVERY = 64;

/** Does an instruction without a step in the history leave alone what is wanted after it? False: it has to be looked at. */
function leaves(insns: InsnArray, i: number, w: Wanted): boolean {
  const cls = insns.op[i] & BPF_CLASS;
  return (cls === BPF_ALU || cls === BPF_ALU64 || cls === BPF_LDX) && !w.has(insns.dst[i]);
}

const CANNOT_FOLLOW = Symbol('cannot follow');

function backtrack(env: Env, w: Wanted): void {
  let st: TrailEnd = w.from;
  let first = st.firstInsn;
  let last = w.insn;
  let next = -1;
  let skip = true;
  const { insns } = env;
  const logged = env.log.level === 2;
  while (!w.empty) {
    if (logged) say(env, w.frame, () => `last_idx ${last} first_idx ${first} subseq_idx ${next} `);
    // Entry of a global function verified on its own: its arguments.
    if (last < 0) break;
    const { history } = env;
    let at = st.history;
    let walked = 0;
    for (let i = last; ;) {
      if (++walked === SPEND_EVERY) {
        env.spend(STEP * walked);
        walked = 0;
      }
      const recorded = at !== START && history.insn(at) === i;
      if (skip) skip = false;
      else if (recorded || logged || !leaves(insns, i, w)) {
        if (step(env, i, next, recorded ? at : START, w) === CANNOT_FOLLOW) {
          fallBack(env, w);
          return;
        }
        if (w.empty) return;
      }
      next = i;
      if (i === st.firstInsn && (at === START || (recorded && history.before(at) === START))) break;
      if (recorded) {
        i = history.prev(at);
        at = history.before(at);
      } else i--;
      if (i < 0) break;
    }
    env.spend(STEP * walked);
    const parent: KeptState | null = st.parent;
    if (parent === null) break;
    st = parent;
    if (!markIn(env, parent, w)) {
      fallBack(env, w);
      return;
    }
    next = first;
    last = st.lastInsn;
    first = st.firstInsn;
  }
  // What is left came in some way that was not followed; registers of a global function's entry are arguments.
  if (!w.empty) fallBack(env, w);
}

/** Marks a checkpoint; what was marked before needs no further search. False: frames do not fit (cannot follow). */
function markIn(env: Env, st: KeptState, w: Wanted): boolean {
  for (let f = w.frame; f >= 0; f--) {
    if (f >= st.frames.length) {
      if (w.regs[f] !== 0 || !w.slots[f].isEmpty) return false;
      continue;
    }
    const frame = st.frames[f];
    for (let i = 0; i < 10; i++) {
      if ((w.regs[f] & (1 << i)) === 0) continue;
      const k = frame.regs[i];
      if (!k.reg.isScalar || !demand(st, k, w)) w.regs[f] &= ~(1 << i);
    }
    if (!w.slots[f].isEmpty && !markSlots(st, frame, w.slots[f], w)) return false;
    frame.args.forEach((k, i) => {
      if ((w.args[f] & (1 << i)) !== 0 && !(k.reg.isScalar && demand(st, k, w))) w.args[f] &= ~(1 << i);
    });
    if (env.log.level === 2)
      say(env, f, () => `parent state ${wantedText(w, f)}: ${frameText(env, st.frameAt(f, env.rules.oneId))}`);
  }
  return true;
}

function demand(st: KeptState, k: Kept, w: Wanted): boolean {
  if (!st.isPrecise(k)) w.changed = true;
  return k.demand(st.depth, w.search);
}

/** False: a slot that the checkpoint does not have. */
function markSlots(st: KeptState, frame: KeptFrame, slots: SlotSet, w: Wanted): boolean {
  for (let s = slots.from(0); s >= 0; s = slots.from(s + 1)) {
    if (s >= frame.stack.length) return false;
    const k = frame.stack[s];
    if (!isSpill(k.types) || !k.reg.isScalar || !demand(st, k, w)) slots.delete(s);
  }
  return true;
}

/** A line of the level-2 log about the search. */
function say(env: Env, frame: number, text: () => string): void {
  if (env.log.level === 2) env.log.line(`mark_precise: frame${frame}: ${text()}`);
}

function wantedText(w: Wanted, frame: number): string {
  const regs: string[] = [];
  for (let i = 0; i < 11; i++) if (w.regs[frame] & (1 << i)) regs.push(`r${i}`);
  const slots: number[] = [];
  for (let s = w.slots[frame].from(0); s >= 0; s = w.slots[frame].from(s + 1)) slots.push(-(s + 1) * 8);
  return `regs=${regs.join(',')} stack=${slots.join(',')}`;
}

function fallBack(env: Env, w: Wanted): void {
  say(env, w.top, () => 'falling back to forcing all scalars precise');
  markAllPrecise(env, w.from, (frame, name) => {
    if (env.log.level === 2) env.log.line(`force_precise: frame${frame}: forcing ${name} to be precise`);
  });
}

/** Registers refined together are wanted together. */
function syncLinked(w: Wanted, linked: readonly LinkedPlace[] | null): void {
  if (linked === null) return;
  const wanted = linked.some((p) => (p.isReg ? (w.regs[p.frame] & (1 << p.at)) !== 0 : w.slots[p.frame].has(p.at)));
  if (!wanted) return;
  for (const p of linked) {
    if (p.isReg) w.regs[p.frame] |= 1 << p.at;
    else w.slots[p.frame].add(p.at);
  }
}

const ARGS = 0b111110;

/** One instruction backwards: from what is wanted after it to what is wanted before it. `h`: its step in the history. */
function step(env: Env, i: number, next: number, h: number, w: Wanted): typeof CANNOT_FOLLOW | undefined {
  const { insns } = env;
  const op = insns.op[i];
  const cls = op & BPF_CLASS;
  const dst = insns.dst[i];
  const src = insns.src[i];
  const isX = (op & BPF_SRC) === BPF_X;
  // The second half of a wide load.
  if (op === 0) return undefined;
  if (env.log.level === 2) say(env, w.frame, () => `${wantedText(w, w.frame)} before ${insnText(env, i)}`);
  const linked = h === START ? null : env.history.linked(h);
  const access = h === START ? -1 : env.history.stackAccess(h);
  syncLinked(w, linked);
  if (cls === BPF_ALU || cls === BPF_ALU64) {
    if (!w.has(dst)) return undefined;
    const o = op & BPF_OP;
    if (o === BPF_END || o === BPF_NEG) return undefined;
    if (o === BPF_MOV) {
      w.drop(dst);
      if (isX && src !== 10) w.add(src);
    } else if (isX && src !== 10) w.add(src);
    syncLinked(w, linked);
    return undefined;
  }
  const atomic = cls === BPF_STX && (op & BPF_MODE) === BPF_ATOMIC;
  const fetch = atomic && (insns.imm[i] & BPF_FETCH) !== 0;
  if (cls === BPF_LDX || fetch || (atomic && insns.imm[i] === BPF_LOAD_ACQ)) {
    const into = fetch ? (insns.imm[i] === BPF_CMPXCHG ? 0 : src) : dst;
    if (!w.has(into)) return undefined;
    w.drop(into);
    if (access >= ARG_ACCESS) w.args[w.frame - 1] |= 1 << (access - ARG_ACCESS);
    else if (access >= 0) w.slots[access >> 6].add(access & 63);
    return undefined;
  }
  if (cls === BPF_STX || cls === BPF_ST) {
    // A wanted number is the base of a store: a pointer difference that cannot be followed.
    if (w.has(dst)) return CANNOT_FOLLOW;
    if (access < 0) return undefined;
    if (access >= ARG_ACCESS) {
      const bit = 1 << (access - ARG_ACCESS);
      if ((w.args[w.frame] & bit) === 0) return undefined;
      w.args[w.frame] &= ~bit;
      if (cls === BPF_STX) w.add(src);
      return undefined;
    }
    const slots = w.slots[access >> 6];
    if (!slots.delete(access & 63)) return undefined;
    if (cls === BPF_STX) w.add(src);
    return undefined;
  }
  if (cls === BPF_JMP || cls === BPF_JMP32) {
    const o = op & BPF_OP;
    if (cls === BPF_JMP && o === BPF_CALL) return stepCall(env, i, next, w);
    if (cls === BPF_JMP && o === BPF_EXIT) {
      const call = next - 1;
      const fromCall = call >= 0 && insns.op[call] === (BPF_JMP | BPF_CALL) && insns.src[call] === BPF_PSEUDO_CALL;
      const r0 = fromCall && w.has(0);
      if (fromCall && w.regs[w.frame] & ARGS) return CANNOT_FOLLOW;
      w.drop(0);
      w.enter();
      if (r0) w.add(0);
      return undefined;
    }
    if (isX && (w.has(dst) || w.has(src))) {
      const flags = h === START ? 0 : env.history.stackRegs(h);
      if ((flags & 2) === 0 && src !== 10) w.add(src);
      if ((flags & 1) === 0 && dst !== 10) w.add(dst);
    }
    syncLinked(w, linked);
    return undefined;
  }
  if (cls === BPF_LD) w.drop(dst);
  syncLinked(w, linked);
  return undefined;
}

function stepCall(env: Env, i: number, next: number, w: Wanted): typeof CANNOT_FOLLOW | undefined {
  const { insns } = env;
  if (insns.src[i] === BPF_PSEUDO_CALL) {
    const sub = env.subprogAt(i + insns.imm[i] + 1);
    if (sub >= 0 && env.subprogs[sub].global) {
      if (w.regs[w.frame] & ARGS) return CANNOT_FOLLOW;
      w.drop(0);
      return undefined;
    }
    // Leaving the callee backwards: only its arguments may still be wanted.
    if (w.regs[w.frame] & ~ARGS || !w.slots[w.frame].isEmpty || w.frame === 0) return CANNOT_FOLLOW;
    w.regs[w.frame - 1] |= w.regs[w.frame] & ARGS;
    w.regs[w.frame] = 0;
    w.frame--;
    return undefined;
  }
  const callsBack =
    (insns.src[i] === 0 && isSyncCallbackHelper(insns.imm[i])) ||
    (insns.src[i] === BPF_PSEUDO_KFUNC_CALL && kfuncRole(env.btf.name(insns.imm[i])) === RB_ADD);
  if (callsBack && i !== next - 1) {
    if (w.regs[w.frame] & ~ARGS || !w.slots[w.frame].isEmpty || w.frame === 0) return CANNOT_FOLLOW;
    w.regs[w.frame] = 0;
    w.frame--;
    return undefined;
  }
  w.drop(0);
  return w.regs[w.frame] & ARGS ? CANNOT_FOLLOW : undefined;
}
