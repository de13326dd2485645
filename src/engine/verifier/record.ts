/**
 * What happened on the way: segments of explored paths, and the places (registers, stack slots, references, locks) that
 * each instruction changed. Values are compared by identity, which is cheap, as `Reg`s are never changed in place.
 * Two uses: the explored tree (`recordStates`), and the path that led to a refusal, which `lost.ts` reads.
 */
import type { Env } from './env.ts';
import type { Reg } from './reg.ts';
import type { KeptState } from './kept.ts';
import type { Frame, State } from './state.ts';
import type { Ref } from './frame-facts.ts';
import { isBlank, NO_BYTES } from './stack-slot.ts';

/** How a segment began. */
export type Begin =
  | 'entry'
  | 'taken'
  | 'not-taken'
  | 'call'
  | 'return'
  | 'callback'
  | 'callback-skipped'
  | 'callback-return'
  | 'async'
  | 'iterator-next'
  | 'iterator-end'
  | 'may-goto-on'
  | 'may-goto-end'
  | 'indirect'
  | 'other';

/** What a place holds. For slots of the stack `types` says what each byte is; `text` is for what is no value. */
export interface Held {
  readonly frame: number;
  readonly reg: Reg | null;
  readonly types: readonly number[] | null;
  readonly text: string;
}

/** A place is called `frame:R1`, `frame:fp-8`, `frame:refs`, `frame:fn`, `lock`, `rcu`, `preempt`; `frame:` is all of it. */
export interface Change {
  readonly place: string;
  /** Null: nothing is known there any more. */
  readonly now: Held | null;
}

export interface Step {
  readonly insn: number;
  /** Of the last step of a segment that goes on: in the `start` of each of its children. */
  changes: readonly Change[];
}

/** Why a path ended at a state that was explored before. */
export type Hit = 'equal' | 'loop' | 'iterator' | 'may-goto' | 'callback';

export interface Covering {
  readonly node: Segment | null;
  /** The state was kept before this step of the node. */
  readonly step: number;
  readonly hit: Hit;
  /** The instruction before which both states are. */
  readonly insn: number;
  /** Places where the two states differ: covering and covered value. */
  readonly differs: readonly { readonly place: string; readonly old: Held; readonly now: Held | null }[];
}

export interface Segment {
  readonly id: number;
  readonly parent: Segment | null;
  readonly begin: Begin;
  /** The instruction that led here; -1 at an entry. */
  readonly from: number;
  readonly first: number;
  start: readonly Change[];
  readonly steps: Step[];
  /** Instructions of the segment, recorded or not. */
  count: number;
  /** Not recorded at its beginning: then `start` is the whole state before the first recorded step. */
  skipped: number;
  /** `start` is the whole state, not what the step before changed. */
  full: boolean;
  last: number;
  end: 'exit' | 'pruned' | 'error' | 'open' | 'split';
  cover: Covering | null;
}

/** What a second run has to record: the end of the failing path. */
export interface Wanted {
  /** Segment → steps of it that are left out at its beginning. */
  readonly nodes: ReadonlyMap<number, number>;
}

export const MAX_STEPS = 20_000;
const MAX_DIFFERS = 12;

interface FrameSnap {
  readonly subprog: number;
  readonly callsite: number;
  readonly regs: Reg[];
  readonly types: (readonly number[])[];
  readonly slots: Reg[];
  refs: readonly Ref[];
}

interface Snap {
  readonly frames: FrameSnap[];
  lock: object | null;
  rcu: boolean;
  preempt: number;
}

const emptySnap = (): Snap => ({ frames: [], lock: null, rcu: false, preempt: 0 });
const copySnap = (s: Snap): Snap => ({
  ...s,
  frames: s.frames.map((f) => ({ ...f, regs: f.regs.slice(), types: f.types.slice(), slots: f.slots.slice() })),
});

const sameRefs = (a: readonly Ref[], b: readonly Ref[]): boolean =>
  a.length === b.length && a.every((r, i) => r.id === b[i].id);
const isUnset = (types: readonly number[]): boolean => types === NO_BYTES || types.every(isBlank);
const words = (frame: number, text: string): Held => ({ frame, reg: null, types: null, text });
const regHeld = (frame: number, reg: Reg): Held | null =>
  reg.kind === '?' ? null : { frame, reg, types: null, text: '' };
const slotHeld = (frame: number, reg: Reg, types: readonly number[]): Held | null =>
  isUnset(types) ? null : { frame, reg, types, text: '' };

interface Queued {
  readonly parent: Segment | null;
  readonly snap: Snap;
  /** Is `snap` up to date? */
  readonly live: boolean;
  readonly begin: Begin;
}

/** What goes on when something else was queued. */
const OTHER_WAY: Readonly<Partial<Record<Begin, Begin>>> = {
  taken: 'not-taken',
  'iterator-next': 'iterator-end',
  'may-goto-on': 'may-goto-end',
  callback: 'callback-skipped',
  indirect: 'indirect',
};

export class Recorder {
  /** Segments in the order they began; only those that are kept. */
  readonly nodes: Segment[] = [];
  truncated = false;
  /** Segments that began, kept or not. */
  total = 0;
  readonly #tree: boolean;
  readonly #wanted: Wanted | null;
  readonly #queued = new WeakMap<State, Queued>();
  readonly #owners = new WeakMap<KeptState, { readonly node: Segment; readonly step: number }>();
  #cur: Segment | null = null;
  #snap: Snap = emptySnap();
  /** Is the current segment being recorded, and `#snap` up to date? */
  #live = true;
  #steps = 0;
  #fork: Begin | null = null;

  /**
   * @param tree keep all segments, up to a limit; otherwise only what leads to the current state is kept
   * @param wanted in a second run: segments that are recorded whatever the limit
   */
  constructor(tree: boolean, wanted: Wanted | null = null) {
    this.#tree = tree;
    this.#wanted = wanted;
  }

  /** The segment that is being explored. */
  get current(): Segment | null {
    return this.#cur;
  }

  /** A state goes on later from here. */
  queued(state: State, begin: Begin): void {
    this.#queued.set(state, { parent: this.#cur, snap: copySnap(this.#snap), live: this.#live, begin });
    if (begin !== 'async') this.#fork = begin;
  }

  /** A checkpoint was kept in the current segment. */
  kept(state: KeptState): void {
    if (this.#cur !== null) this.#owners.set(state, { node: this.#cur, step: this.#cur.count });
  }

  /** The run arrived at `env.insn`. */
  arrive(env: Env): void {
    const cur = this.#cur;
    if (cur === null) {
      const q = this.#queued.get(env.state);
      this.#snap = q === undefined || q.begin === 'async' ? emptySnap() : q.snap;
      this.#begin(env, q?.parent ?? null, q?.begin ?? 'entry', q?.live ?? true);
      return;
    }
    const depth = this.#snap.frames.length;
    const now = env.state.frames.length;
    if (this.#fork !== null || now !== depth) {
      cur.end = 'split';
      this.#begin(
        env,
        cur,
        this.#fork === null ? stackMove(env, depth) : (OTHER_WAY[this.#fork] ?? 'other'),
        this.#live,
      );
      return;
    }
    if (this.#live) {
      const last = cur.steps.at(-1);
      const changes = this.#diff(env);
      if (last !== undefined) last.changes = changes;
    }
  }

  #begin(env: Env, parent: Segment | null, begin: Begin, live: boolean): void {
    this.#fork = null;
    const id = this.total++;
    const wanted = this.#wanted?.nodes.get(id);
    const node: Segment = {
      id,
      parent,
      begin,
      from: env.prevInsn,
      first: env.insn,
      start: [],
      steps: [],
      count: 0,
      skipped: 0,
      full: false,
      last: -1,
      end: 'open',
      cover: null,
    };
    this.#cur = node;
    const full = this.#tree && this.#steps >= MAX_STEPS;
    if (full) this.truncated = true;
    this.#live = !full || wanted === 0;
    if (this.#tree && (!full || wanted !== undefined)) this.nodes.push(node);
    if (!this.#live) {
      this.#follow(env);
      return;
    }
    // What was before is not known: this one begins with the whole state.
    node.full = !live || parent === null || begin === 'async';
    if (!live) this.#snap = emptySnap();
    node.start = this.#diff(env);
  }

  /** Keeps track of the depth of calls only. */
  #follow(env: Env): void {
    this.#snap = { ...emptySnap(), frames: env.state.frames.map((f) => snapOf(f)) };
  }

  step(env: Env): void {
    const cur = this.#cur;
    if (cur === null) return;
    cur.count++;
    cur.last = env.insn;
    const skip = this.#wanted?.nodes.get(cur.id);
    if (!this.#live && skip !== undefined && cur.count === skip + 1) {
      this.#live = true;
      cur.skipped = skip;
      cur.full = true;
      this.#snap = emptySnap();
      cur.start = this.#diff(env);
    }
    if (!this.#live) return;
    if (this.#tree && skip === undefined && this.#steps >= MAX_STEPS) {
      this.truncated = true;
      this.#live = false;
      return;
    }
    this.#steps++;
    cur.steps.push({ insn: env.insn, changes: [] });
  }

  ended(end: 'exit' | 'error'): void {
    if (this.#cur !== null) this.#cur.end = end;
    if (end === 'exit') this.#cur = null;
  }

  /** The path ends here, as the kept state `by` covers it. */
  pruned(env: Env, by: KeptState, hit: Hit): void {
    const cur = this.#cur;
    if (cur === null) return;
    cur.end = 'pruned';
    const owner = this.#owners.get(by);
    cur.cover = {
      node: owner?.node ?? null,
      step: owner?.step ?? 0,
      hit,
      insn: env.insn,
      differs: this.#tree && this.#live ? differences(by, env.state) : [],
    };
    this.#cur = null;
  }

  /** What changed since the last call. */
  #diff(env: Env): Change[] {
    const out: Change[] = [];
    const snap = this.#snap;
    const { frames } = env.state;
    for (let n = snap.frames.length - 1; n >= 0; n--) {
      const f = frames[n] as Frame | undefined;
      if (f !== undefined && f.subprog === snap.frames[n].subprog && f.callsite === snap.frames[n].callsite) continue;
      snap.frames.length = n;
      out.push({ place: `${n}:`, now: null });
    }
    frames.forEach((f, n) => {
      let s = snap.frames[n] as FrameSnap | undefined;
      if (s === undefined) {
        s = { subprog: f.subprog, callsite: f.callsite, regs: [], types: [], slots: [], refs: [] };
        snap.frames.push(s);
        out.push({ place: `${n}:fn`, now: words(n, env.subprogs[f.subprog].name) });
      }
      diffFrame(f, s, n, out);
    });
    const st = env.state;
    if (st.lockMap !== snap.lock) {
      snap.lock = st.lockMap;
      out.push({ place: 'lock', now: st.lockMap === null ? null : words(0, 'held') });
    }
    const rcu = st.rcuLocks > 0;
    if (rcu !== snap.rcu) {
      snap.rcu = rcu;
      out.push({ place: 'rcu', now: rcu ? words(0, 'held') : null });
    }
    if (st.preemptLock !== snap.preempt) {
      snap.preempt = st.preemptLock;
      out.push({ place: 'preempt', now: st.preemptLock > 0 ? words(0, `off ${st.preemptLock}`) : null });
    }
    return out;
  }
}

const snapOf = (f: Frame): FrameSnap => ({
  subprog: f.subprog,
  callsite: f.callsite,
  regs: [],
  types: [],
  slots: [],
  refs: [],
});

function diffFrame(f: Frame, s: FrameSnap, n: number, out: Change[]): void {
  for (let i = 0; i < 10; i++) {
    const r = f.regs[i];
    const before = s.regs[i] as Reg | undefined;
    if (r === before) continue;
    s.regs[i] = r;
    if (r.kind === '?' && (before === undefined || before.kind === '?')) continue;
    out.push({ place: `${n}:R${i}`, now: regHeld(n, r) });
  }
  f.stack.forEach((slot, i) => {
    const r = slot.reg;
    const before = s.types[i] as readonly number[] | undefined;
    if (r === s.slots[i] && slot.types === before) return;
    const unset = isUnset(slot.types);
    // A value behind bytes that are no spill does not show.
    const hidden = slot.types === before && !slot.isSpecial;
    s.slots[i] = r;
    s.types[i] = slot.types;
    if (hidden || (unset && (before === undefined || isUnset(before)))) return;
    out.push({ place: `${n}:fp-${(i + 1) * 8}`, now: slotHeld(n, r, slot.types) });
  });
  if (!sameRefs(s.refs, f.refs)) {
    s.refs = f.refs;
    out.push({ place: `${n}:refs`, now: f.refs.length === 0 ? null : words(n, f.refs.map((r) => r.id).join(',')) });
  }
}

/** A frame more or less than before: a call, a callback, or the way back. */
function stackMove(env: Env, depth: number): Begin {
  if (env.state.frames.length > depth) return env.frame.inCallback ? 'callback' : 'call';
  return env.subprogs[env.subprogContaining(env.prevInsn)]?.isCallback ? 'callback-return' : 'return';
}

function differences(old: KeptState, now: State): Covering['differs'] {
  const out: { place: string; old: Held; now: Held | null }[] = [];
  old.frames.forEach((f, n) => {
    const g = now.frames[n] as Frame | undefined;
    if (g === undefined) return;
    for (let i = 0; i < 10 && out.length < MAX_DIFFERS; i++) {
      const a = old.reg(f.regs[i]);
      const held = regHeld(n, a);
      if (a !== g.regs[i] && held !== null) out.push({ place: `${n}:R${i}`, old: held, now: regHeld(n, g.regs[i]) });
    }
    for (let i = 0; i < f.stack.length && out.length < MAX_DIFFERS; i++) {
      const a = f.stack[i];
      const types = old.types(a);
      const reg = old.reg(a);
      const held = slotHeld(n, reg, types);
      const b = g.stack[i] as (typeof g.stack)[number] | undefined;
      if (held === null || (b !== undefined && b.types === types && (b.reg === reg || !b.isSpecial))) continue;
      out.push({
        place: `${n}:fp-${(i + 1) * 8}`,
        old: held,
        now: b === undefined ? null : slotHeld(n, b.reg, b.types),
      });
    }
  });
  return out;
}

/** The segments from a function's entry to `last`, oldest first. */
export function pathTo(last: Segment | null): Segment[] {
  const out: Segment[] = [];
  for (let s = last; s !== null; s = s.parent) out.push(s);
  return out.reverse();
}

/** What a second run has to record so that the last steps of a path are there, up to the limit. */
export function endOfPath(last: Segment | null): Wanted {
  const nodes = new Map<number, number>();
  let room = MAX_STEPS;
  for (let s = last; s !== null && room > 0; s = s.parent) {
    nodes.set(s.id, Math.max(0, s.count - room));
    room -= s.count;
  }
  return { nodes };
}
