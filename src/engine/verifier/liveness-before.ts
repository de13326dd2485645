/**
 * What 7.1 and later find out about a program before they walk it: decided branches, loops, live registers and stack. What is
 * dead is forgotten in the current state wherever states are compared, so checkpoints hold nothing that is not read later.
 */
import { CALLS_CALLBACK } from './cfg.ts';
import { ConstRegs, pruneDeadBranches } from './const-regs.ts';
import type { Env } from './env.ts';
import { EINVAL } from './env.ts';
import { calleesFirst, flowOf, loopNumbers } from './flow.ts';
import { LivenessLog, logLiveRegs, logOrder } from './live-log.ts';
import { liveRegisters } from './live-regs.ts';
import { LiveStack, type Instance } from './live-stack.ts';
import { baseId, NOT_INIT, type Reg } from './reg.ts';
import type { Frame, State } from './state.ts';
import { DEAD_SLOT, isObject, SLOT_MISC, SLOT_POISON, SLOT_SPILL, slotTypes, StackSlot } from './stack-slot.ts';
import { dropScalarId } from './stack.ts';
import { allHalves, halvesOfSlot, noHalves, type Halves } from './stack-masks.ts';

/** The instruction that a frame is at: the call that it waits for, or the current one. */
export const frameInsn = (frames: readonly { readonly callsite: number }[], n: number, insn: number): number =>
  n === frames.length - 1 ? insn : frames[n + 1].callsite;

const ALL: Halves = allHalves();

export class LivenessBefore {
  /** Bits of the registers that may be read at or after each instruction. */
  readonly regs: Uint16Array;
  /** Number of the loop that an instruction is in; 0 = none. */
  readonly loops: Int32Array;
  readonly #stack: LiveStack;
  /** What `forgetDead` works with: what the current frames are instances of, and the live halves of one of them. */
  readonly #around: (Instance | null)[] = [];
  readonly #live: Halves = noHalves();

  /** Rewrites jumps of the program that constants decide. Refuses functions that call each other in a circle. */
  constructor(env: Env) {
    let flow = flowOf(env);
    const known = new ConstRegs(env, flow);
    if (pruneDeadBranches(env, known)) flow = flowOf(env);
    const order = calleesFirst(env, flow, (from, to) => {
      // Without function info in BTF the kernel knows no names; ours are made up then.
      const name = (n: number): string => `${env.subprogs[n].name.replace(/^subprog_\d+$/, '')}()`;
      env.fail(EINVAL, 'too-deep', `recursive call from ${name(from)} to ${name(to)}`);
    });
    const log = env.log.level === 2;
    if (log) logOrder(env, order);
    this.loops = loopNumbers(env, flow);
    this.#stack = new LiveStack(env, flow, known, order, log ? new LivenessLog(env) : null);
    this.regs = liveRegisters(env, flow);
    if (log) logLiveRegs(env, this.regs, this.loops);
  }

  /** Bits of the registers that frame `n` may read at `insn` of the innermost one, or later. */
  liveRegs(frames: readonly { readonly callsite: number }[], n: number, insn: number): number {
    return this.regs[frameInsn(frames, n, insn)];
  }

  /** Forgets what the current state holds in places that are not read any more (clean_verifier_state()). */
  forgetDead(env: Env): void {
    const { frames, settled } = env.state;
    let known = frames.length;
    for (let n = frames.length - 1; n >= 0; n--) {
      if (n < settled && frames[n].isLikeForgotten) continue;
      // Instances from this frame inwards are needed.
      while (known > n) this.#around[--known] = this.#instanceOf(env, frames[known], known);
      this.#forgetDeadOf(env, n);
    }
    // What is live in frames that the running function knows nothing of depends on the calls alone.
    const own = this.#around[frames.length - 1];
    env.state.settled = own === null ? 0 : Math.max(0, frames.length - 1 - own.depth);
  }

  #forgetDeadOf(env: Env, n: number): void {
    const { frames } = env.state;
    const frame = frames[n];
    const { regs } = frame;
    const bits = this.liveRegs(frames, n, env.insn);
    for (let i = 0; i < 10; i++) {
      if ((bits & (1 << i)) === 0 && regs[i] !== NOT_INIT) regs[i] = NOT_INIT;
    }
    const live = this.#liveHalves(env, n);
    if (frame.isWithoutDead(live)) return;
    for (let i = 0; i < frame.stack.length; i++) {
      const halves = halvesOfSlot(live, i);
      const slot = frame.stack[i];
      if (halves === 3 || slot === DEAD_SLOT) continue;
      const rest = withoutHalves(slot, (halves & 1) !== 0, (halves & 2) !== 0);
      if (rest !== slot) frame.replaceSlot(i, rest);
    }
    frame.noteWithoutDead(live);
  }

  #instanceOf(env: Env, f: Frame, n: number): Instance | null {
    const { start } = env.subprogs[f.subprog];
    for (let depth = n; depth >= 0; depth--) {
      const found = this.#stack.find(depth > 0 ? f.callsite : start, depth);
      if (found !== undefined) return found;
    }
    return null;
  }

  /** Halves of frame `n` that may be read later: by the function that runs, or by its callers when it has returned. */
  #liveHalves(env: Env, n: number): Halves {
    const around = this.#around;
    const { frames } = env.state;
    const top = frames.length - 1;
    const own = around[top];
    if (own === null) return ALL;
    const live = this.#live.fill(0);
    // Instances of functions that get no pointers to the stack know no frames below their own.
    const at = n + own.depth - top;
    if (at >= 0 && at <= own.depth) own.addLive(env.insn, at, live);
    for (let i = n; i < top; i++) {
      const outer = around[i];
      if (outer === null) return ALL;
      const frame = n + outer.depth - i;
      if (frame < 0 || frame > outer.depth) return ALL;
      const call = frames[i + 1].callsite;
      const again = (env.points[call] & CALLS_CALLBACK) !== 0;
      outer.addLive(again ? call : call + 1, frame, live);
    }
    return live;
  }
}

/** What is left of a slot of which one half or none is read later. */
function withoutHalves(slot: StackSlot, lo: boolean, hi: boolean): StackSlot {
  const { types } = slot;
  const last = types[7];
  // Dynptrs and iterators are needed to know when they are overwritten.
  if (isObject(last)) return slot;
  if (!lo && !hi) return DEAD_SLOT;
  const out = types.slice();
  if (!hi && last === SLOT_SPILL) {
    // A part of a pointer must stay unreadable; zero would have to be needed precisely.
    if (!slot.reg.isScalar || slot.reg.isNull) return slot;
    for (let i = 0; i < 4; i++) if (out[i] === SLOT_SPILL) out[i] = SLOT_MISC;
  }
  for (let i = lo ? 4 : 0; i < (hi ? 4 : 8); i++) out[i] = SLOT_POISON;
  const rest = slotTypes(out);
  const reg = hi ? slot.reg : NOT_INIT;
  return rest === types && reg === slot.reg ? slot : new StackSlot(rest, reg);
}

/** Numbers that share their id with no other are not linked (bpf_clear_singular_ids()). */
export function dropLoneIds(st: State): void {
  // Few have an id at all.
  let counts: Map<number, number> | null = null;
  const count = ({ id }: Reg): void => {
    counts ??= new Map();
    counts.set(baseId(id), (counts.get(baseId(id)) ?? 0) + 1);
  };
  for (const f of st.frames) {
    for (const reg of f.regs) if (reg.id !== 0 && reg.isScalar) count(reg);
    for (const reg of f.outArgs) if (reg.id !== 0 && reg.isScalar) count(reg);
    if (f.kept?.hasIds === false && !f.isStackChanged) continue;
    for (const s of f.stack) if (s.reg.id !== 0 && s.isScalarSpill) count(s.reg);
  }
  const known = counts as Map<number, number> | null;
  if (known === null) return;
  st.mapValues((r) => (r.id !== 0 && r.isScalar && known.get(baseId(r.id)) === 1 ? dropScalarId(r) : r));
}
