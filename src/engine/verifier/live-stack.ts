/**
 * Stack slots that may be read later, computed before any path is walked (7.1 on; liveness.c). A function is looked at once for
 * each call that gives it pointers to the stack, with what these may point to; what it reads and writes of its callers' frames
 * counts at the call. Other functions are looked at on their own.
 */
import { BPF_CALL, BPF_JMP, BPF_PSEUDO_CALL } from '../bpf/index.ts';
import { CALLS_CALLBACK } from './cfg.ts';
import type { ConstRegs } from './const-regs.ts';
import { fetchedInto } from './const-regs.ts';
import type { Env } from './env.ts';
import { E2BIG, EINVAL } from './env.ts';
import type { Flow } from './flow.ts';
import type { Places, Track, Tracks } from './frame-pointers.ts';
import {
  follow,
  isFp,
  join,
  MIXED,
  moved,
  none,
  sameTrack,
  single,
  STACK_SLOTS,
  TRACKED_REGS,
} from './frame-pointers.ts';
import { FN } from './helper-protos.ts';
import type { LivenessLog } from './live-log.ts';
import { allHalves, FrameMasks, HALF, halvesBetween, noHalves, type Halves } from './stack-masks.ts';
import { MAX_STACK_ARGS } from './stack-args.ts';
import { callArity, callUse, memoryUse, type StackBytes } from './stack-use.ts';

const MAX_CALLS = 10_000;

/** There are at most 16 frames. */
const instanceKey = (callsite: number, depth: number): number => callsite * 16 + depth;

/** A function as called from one place (or on its own), with masks for its frame and those below it. */
export class Instance {
  readonly subprog: number;
  readonly depth: number;
  /** The call; at depth 0 the function's beginning. */
  readonly callsite: number;
  readonly start: number;
  readonly count: number;
  readonly frames: (FrameMasks | null)[];
  done = false;

  constructor(subprog: number, depth: number, callsite: number, start: number, count: number) {
    this.subprog = subprog;
    this.depth = depth;
    this.callsite = callsite;
    this.start = start;
    this.count = count;
    this.frames = new Array<FrameMasks | null>(depth + 1).fill(null);
  }

  masks(frame: number): FrameMasks {
    return (this.frames[frame] ??= new FrameMasks(this.count));
  }

  read(frame: number, insn: number, set: Halves): void {
    this.masks(frame).read(insn - this.start, set);
  }

  /** Adds the halves of a frame that may be read at an instruction or later in this function. */
  addLive(insn: number, frame: number, to: Halves): void {
    this.frames[frame]?.addLive(insn - this.start, to);
  }

  anew(): Instance {
    return new Instance(this.subprog, this.depth, this.callsite, this.start, this.count);
  }

  /** Takes in what another look found. */
  merge(other: Instance): void {
    other.frames.forEach((theirs, f) => {
      const ours = this.frames[f];
      if (ours !== null) ours.merge(theirs);
      else if (theirs !== null) {
        theirs.writes.fill(0);
        this.frames[f] = theirs;
      }
    });
  }
}

/** Callbacks of helpers: register with the function, register with its context, and where the callback gets that. */
const CALLBACKS: Readonly<Record<number, readonly [number, number, number]>> = {
  [FN.loop]: [2, 3, 2],
  [FN.forEachMapElem]: [2, 3, 4],
  [FN.findVma]: [3, 4, 3],
  [FN.userRingbufDrain]: [2, 3, 2],
};

export class LiveStack {
  readonly #instances = new Map<number, Instance>();
  readonly #env: Env;
  readonly #flow: Flow;
  readonly #known: ConstRegs;
  readonly #log: LivenessLog | null;
  /** Places before each instruction of a function, as last looked at. */
  readonly #places: ((Places | null)[] | null)[];
  /** Slots of the caller at each call that enters a function. */
  readonly #atCall = new Map<number, Tracks>();
  #calls = 0;
  /** What is live after an instruction: for `#finish`. */
  readonly #after: Halves = noHalves();

  constructor(env: Env, flow: Flow, known: ConstRegs, calleesFirst: readonly number[], log: LivenessLog | null) {
    this.#env = env;
    this.#flow = flow;
    this.#known = known;
    this.#log = log;
    this.#places = env.subprogs.map(() => null);
    // Callers first, so that functions that get pointers to the stack are reached with them.
    for (let k = calleesFirst.length - 1; k >= 0; k--) {
      const n = calleesFirst[k];
      if (this.#places[n] !== null && !env.subprogs[n].global) continue;
      this.#analyze(this.#instance(null, 0, n), null, []);
    }
    log?.instances([...this.#instances.values()]);
  }

  find(callsite: number, depth: number): Instance | undefined {
    return this.#instances.get(instanceKey(callsite, depth));
  }

  #instance(caller: Instance | null, callsite: number, subprog: number): Instance {
    const { start, end } = this.#env.subprogs[subprog];
    const depth = caller === null ? 0 : caller.depth + 1;
    const at = depth > 0 ? callsite : start;
    let found = this.find(at, depth);
    if (found === undefined) {
      found = new Instance(subprog, depth, at, start, end - start);
      this.#instances.set(instanceKey(at, depth), found);
    }
    return found;
  }

  /** Looks at a function with what its arguments may point to, and at those that it calls. */
  #analyze(instance: Instance, args: readonly Track[] | null, callsites: readonly number[]): void {
    const env = this.#env;
    if (++this.#calls > MAX_CALLS) {
      env.fail(E2BIG, 'too-complex', `liveness analysis exceeded complexity limit (${this.#calls} calls)`);
    }
    const now = instance.done ? instance.anew() : instance;
    const places = this.#solve(now, args, callsites);
    const { subprog, start } = now;
    this.#places[subprog] = places;
    this.#record(now, places);
    this.#log?.places(subprog, places);
    for (let p = this.#flow.starts[subprog]; p < this.#flow.starts[subprog + 1]; p++) {
      const i = this.#flow.order[p];
      env.spend(1);
      const entered = this.#entered(now, i, places[i - start]);
      if (entered === null || !entered.args.some(isFp)) continue;
      if (now.depth === env.rules.maxFrames - 1) env.fail(EINVAL, 'too-deep', '');
      const callee = this.#instance(now, i, entered.subprog);
      this.#analyze(callee, entered.args, [...callsites.slice(0, now.depth), i]);
      // What it reads of the frames below is read here.
      for (let f = 0; f < callee.depth; f++) {
        const masks = callee.frames[f];
        if (masks !== null) now.read(f, i, masks.liveAt(0));
      }
    }
    if (now !== instance) instance.merge(now);
    this.#finish(instance);
  }

  /** The function that a call enters, with what r0 to r10 may point to there. */
  #entered(from: Instance, i: number, places: Places | null): { subprog: number; args: Track[] } | null {
    const env = this.#env;
    const { insns } = env;
    if (places === null) return null;
    const { regs } = places;
    const args = new Array<Track>(regs.length).fill(none);
    if (insns.op[i] !== (BPF_JMP | BPF_CALL)) return null;
    if (insns.src[i] === BPF_PSEUDO_CALL) {
      const subprog = env.subprogAt(i + insns.imm[i] + 1);
      for (let r = 1; r <= 5; r++) args[r] = regs[r];
      for (let r = TRACKED_REGS; r < regs.length; r++) args[r] = regs[r];
      return subprog < 0 ? null : { subprog, args };
    }
    const how = insns.src[i] === 0 ? (CALLBACKS[insns.imm[i]] as (typeof CALLBACKS)[number] | undefined) : undefined;
    if (how === undefined || (env.points[i] & CALLS_CALLBACK) === 0) return null;
    const subprog = this.#known.subprog(i, how[0]);
    if (subprog < 0) {
      // One call, several callbacks: each may read everything.
      if (regs[how[1]].frame !== none.frame) for (let f = 0; f <= from.depth; f++) from.read(f, i, allHalves());
      return null;
    }
    args[how[2]] = regs[how[1]];
    return { subprog, args };
  }

  /** What all places may point to before each instruction: around the loops until nothing changes. */
  #solve(instance: Instance, args: readonly Track[] | null, callsites: readonly number[]): (Places | null)[] {
    const env = this.#env;
    const { start, count, depth, subprog } = instance;
    const { from, to, order, starts } = this.#flow;
    const places = new Array<Places | null>(count).fill(null);
    const tracked = TRACKED_REGS + (env.usesStackArgs ? MAX_STACK_ARGS : 0);
    const regs = Array.from({ length: tracked }, (_, r) =>
      r === 10 ? single(depth, 0) : r >= 1 && r <= 5 ? (args?.[r] ?? none) : none,
    );
    places[0] = { regs, stack: new Array<Track>(STACK_SLOTS).fill(none) };
    const callers = (frame: number): Tracks => this.#atCall.get(callsites[frame])!;
    this.#log?.analyzing(subprog, depth);
    for (let changed = true; changed;) {
      changed = false;
      for (let p = starts[subprog + 1] - 1; p >= starts[subprog]; p--) {
        const i = order[p];
        const before = places[i - start];
        if (before === null) continue;
        env.spend(1);
        const after = follow(env.insns, i, before, depth, fetchedInto(env, i), callers, args ?? []);
        this.#log?.step(i, before, after);
        for (let k = from[i]; k < from[i + 1]; k++) {
          const at = to[k] - start;
          if (at < 0 || at >= count) continue;
          const met = this.#meet(i, to[k], places[at], after);
          if (met === places[at]) continue;
          places[at] = met;
          changed = true;
        }
      }
    }
    return places;
  }

  #meet(from: number, to: number, old: Places | null, now: Places): Places {
    if (old === null) return now;
    const regs = this.#meetRow(from, to, old.regs, now.regs, true);
    const stack = this.#meetRow(from, to, old.stack, now.stack, false);
    return regs === old.regs && stack === old.stack ? old : { regs, stack };
  }

  #meetRow(from: number, to: number, old: Tracks, now: Tracks, areRegs: boolean): Tracks {
    if (old === now) return old;
    let out: Track[] | null = null;
    for (let n = 0; n < old.length; n++) {
      if (old[n] === now[n]) continue;
      const met = join(old[n], now[n]);
      if (sameTrack(met, old[n])) continue;
      out ??= old.slice();
      out[n] = met;
      this.#log?.join(from, to, areRegs ? n : -n - 1, old[n], now[n], met);
    }
    return out ?? old;
  }

  /** Notes what each instruction reads and writes of the stack. */
  #record(instance: Instance, places: readonly (Places | null)[]): void {
    const env = this.#env;
    const { insns, points } = env;
    const { order, starts } = this.#flow;
    for (let p = starts[instance.subprog + 1] - 1; p >= starts[instance.subprog]; p--) {
      const i = order[p];
      const at = places[i - instance.start];
      if (at === null) continue;
      const use = memoryUse(env, i);
      if (use !== null) touch(instance, i, moved(at.regs[use.reg], insns.off[i]), use.bytes);
      if (insns.op[i] !== (BPF_JMP | BPF_CALL)) continue;
      const local = insns.src[i] === BPF_PSEUDO_CALL;
      if (!local) {
        const args = Math.min(5, callArity(env, i) ?? 5);
        for (let r = 1; r <= args; r++) {
          if (isFp(at.regs[r])) touch(instance, i, at.regs[r], callUse(env, this.#known, i, r - 1));
        }
      }
      if (local || (points[i] & CALLS_CALLBACK) !== 0) this.#atCall.set(i, at.stack);
    }
  }

  /** What is live, from the ends to the beginning. */
  #finish(instance: Instance): void {
    const env = this.#env;
    instance.done = true;
    const { from, to, order, starts } = this.#flow;
    const { subprog, start, count } = instance;
    for (let changed = true; changed;) {
      changed = false;
      for (const masks of instance.frames) {
        if (masks === null) continue;
        env.spend(count / 8);
        for (let p = starts[subprog]; p < starts[subprog + 1]; p++) {
          const i = order[p];
          if (from[i] === from[i + 1]) continue;
          this.#after.fill(0);
          for (let k = from[i]; k < from[i + 1]; k++) masks.addLive(to[k] - start, this.#after);
          if (masks.update(i - start, this.#after)) changed = true;
        }
      }
    }
  }
}

/** An access of so many bytes through a pointer. */
function touch(instance: Instance, insn: number, t: Track, bytes: StackBytes): void {
  if (bytes === 0) return;
  if (t.frame === MIXED) {
    for (let f = 0; f <= instance.depth; f++) if ((t.mask & (1 << f)) !== 0) instance.read(f, insn, allHalves());
    return;
  }
  if (t.frame < 0 || t.frame > instance.depth) return;
  const reads = bytes === 'unknown' || bytes > 0;
  if (t.offs.length === 0) {
    if (reads) instance.read(t.frame, insn, allHalves());
    return;
  }
  // It writes to one of several places: none is surely written.
  if (!reads && t.offs.length !== 1) return;
  for (const off of t.offs) touchAt(instance, insn, t.frame, off, bytes);
}

function touchAt(instance: Instance, insn: number, frame: number, off: number, bytes: StackBytes): void {
  if (off >= 0) return;
  if (bytes === 'unknown') {
    instance.read(frame, insn, halvesBetween(0, Math.floor((-off - 1) / HALF)));
  } else if (bytes > 0) {
    const lo = Math.max(0, Math.trunc((-off - bytes) / HALF));
    instance.read(frame, insn, halvesBetween(lo, Math.floor((-off - 1) / HALF)));
  } else {
    // Only halves that are written whole.
    const hi = Math.floor(-off / HALF) - 1;
    const lo = Math.max(0, Math.trunc((-off + bytes + HALF - 1) / HALF));
    if (lo <= hi) instance.masks(frame).write(insn - instance.start, halvesBetween(lo, hi));
  }
}
