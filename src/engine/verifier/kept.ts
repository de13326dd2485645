/**
 * Checkpoints: states that were kept to end other paths at them. A program may leave tens of thousands of them on one path,
 * each with up to eight frames of registers and stack, so what did not change from one to the next is stored once. A `Kept`
 * stands for one place in a run of checkpoints that follow each other; which of them it belongs to is told by their depth.
 *
 * Stacks are kept as a whole: one that nothing was written to since the last checkpoint is the same `KeptStack`.
 *
 * That works for marks, too: reads are noted from the newest checkpoint back to the one before the last write, and so are
 * demands for precision. Within a run nothing was written, so marks always cover its older part, and a depth says which.
 */
import type { Visit } from './loop-visits.ts';
import type { Reg } from './reg.ts';
import { NOT_INIT } from './reg.ts';
import type { State } from './state.ts';
import type { StackSlot } from './stack-slot.ts';
import { LIVE_DONE, LIVE_READ, LIVE_WRITTEN } from './live-bits.ts';
import { Frame, PathState } from './state.ts';
import { NO_BYTES } from './stack-slot.ts';
import { FrameFacts } from './frame-facts.ts';
import { REGS, SAVED } from './frame-regs.ts';
import { START } from './trails.ts';

/** A place in checkpoints that follow each other on a path, from `first` on. */
export class Kept {
  readonly reg: Reg;
  /** Of stack slots. */
  readonly types: readonly number[];
  /** Written between checkpoint `first` and the one before. */
  readonly written: boolean;
  readonly first: number;
  /** Read later on: in checkpoints up to this one. */
  readTo = -1;
  /** Needed precisely: in checkpoints up to this one. */
  preciseTo = -1;
  /** The search that last moved `preciseTo`, and where that was before it. */
  #search = 0;
  #preciseBefore = -1;
  /** Where the value was before, and in which checkpoint. */
  readonly parent: Kept | null;
  readonly parentDepth: number;

  constructor(
    reg: Reg,
    types: readonly number[],
    written: boolean,
    depth: number,
    parent: Kept | null,
    parentDepth: number,
  ) {
    this.reg = reg;
    this.types = types;
    this.written = written;
    this.first = depth;
    this.parent = parent;
    this.parentDepth = parentDepth;
  }

  /**
   * A search backwards needs it precisely in the checkpoint of that depth, and will come to the older ones of the run.
   * False: was known before the search, which need not go on.
   */
  demand(depth: number, search: number): boolean {
    if (this.#search !== search) {
      this.#search = search;
      this.#preciseBefore = this.preciseTo;
    }
    if (this.preciseTo < depth) this.preciseTo = depth;
    return this.#preciseBefore < depth;
  }
}

/** The registers of a frame in checkpoints that follow each other. */
export class KeptRegs {
  readonly places: readonly Kept[];
  /** The last checkpoint that has them, or some of them. */
  last: number;

  constructor(places: readonly Kept[], depth: number) {
    this.places = places;
    this.last = depth;
  }
}

/** The stack of a frame in checkpoints that follow each other. */
export class KeptStack {
  readonly slots: readonly Kept[];
  /** The slots themselves: the very list that the state has until something is written. */
  readonly held: readonly StackSlot[];
  /** Are reads noted? Else it is known before the walk what is read. */
  readonly reads: boolean;
  /** Is there a value with an id, or one that depends on a reference? */
  readonly hasIds: boolean;
  /** The last checkpoint that has it, or places of it. */
  last: number;

  constructor(slots: readonly Kept[], held: readonly StackSlot[], reads: boolean, depth: number) {
    this.slots = slots;
    this.held = held;
    this.reads = reads;
    this.hasIds = held.some((s) => s.reg.id !== 0 || s.reg.refId !== 0);
    this.last = depth;
  }
}

export class KeptFrame extends FrameFacts {
  readonly regs: readonly Kept[];
  readonly stack: readonly Kept[];
  readonly allRegs: KeptRegs;
  readonly wholeStack: KeptStack;
  /** Arguments on the stack, for the next call. */
  readonly args: readonly Kept[];

  constructor(f: Frame, regs: KeptRegs, stack: KeptStack, depth: number) {
    super(f.callsite, f.frameno, f.subprog);
    this.takeFacts(f);
    this.regs = regs.places;
    this.allRegs = regs;
    this.stack = stack.slots;
    this.wholeStack = stack;
    this.args = f.outArgs.map((r) => new Kept(r, NO_BYTES, true, depth, null, 0));
  }
}

export class KeptState extends PathState {
  readonly frames: readonly KeptFrame[];
  /** Checkpoints before it on its path. */
  readonly depth: number;
  /** Explored completely: what was not read is forgotten. */
  clean = false;
  /** No longer compared with, but still on the way to something. */
  evicted = false;
  /** The loop that it is in, where loops are known before the walk. */
  loop: Visit | null = null;
  /** What is not read later was forgotten before it was kept. */
  readonly allRead: boolean;
  /** Every number in it, and in those before it, is needed precisely. */
  allPrecise = false;

  /** Keeps the current state, which goes on from here. */
  constructor(cur: State, insn: number, allRead = false) {
    super();
    this.allRead = allRead;
    const before = cur.parent;
    this.takePath(cur);
    this.insn = insn;
    this.branches = 1;
    this.depth = before === null ? 0 : before.depth + 1;
    const inner = cur.frames.length - 1;
    this.frames = cur.frames.map((f, n) => keepFrame(f, before?.frames[n], n === inner, !allRead, this.depth));
    cur.parent = this;
    cur.firstInsn = insn;
    cur.history = START;
    cur.historyCount = 0;
    cur.dfsDepth = this.dfsDepth + 1;
  }

  get cur(): KeptFrame {
    return this.frames[this.frames.length - 1];
  }

  /** May it be read later on? Where that is known before the walk, checkpoints hold nothing else. */
  isRead(k: Kept): boolean {
    return this.allRead || k.readTo >= this.depth;
  }

  isPrecise(k: Kept): boolean {
    return k.preciseTo >= this.depth;
  }

  /** What a place holds here. */
  reg(k: Kept): Reg {
    return this.clean && k.readTo < this.depth ? NOT_INIT : k.reg;
  }

  types(k: Kept): readonly number[] {
    return this.clean && k.readTo < this.depth ? NO_BYTES : k.types;
  }

  /** What is known of a place here, as bits. */
  liveBits(k: Kept): number {
    return (
      (this.isRead(k) ? LIVE_READ : 0) |
      (k.written && k.first === this.depth ? LIVE_WRITTEN : 0) |
      (this.clean ? LIVE_DONE : 0)
    );
  }

  /** A frame as one of a current state, for printing; with all references of the state, if wanted. */
  frameAt(n: number, allRefs = false): Frame {
    const kept = this.frames[n];
    const frame = new ShownFrame(this, kept);
    frame.refs = (allRefs ? this.cur : kept).refs;
    frame.inCallback = kept.inCallback;
    kept.regs.forEach((k, i) => {
      frame.regs[i] = this.reg(k);
      if (this.isPrecise(k)) frame.precise |= 1 << i;
    });
    frame.grow(kept.stack.length * 8);
    kept.stack.forEach((k, i) => frame.putSlot(i, this.types(k), this.reg(k)));
    return frame;
  }
}

/** A frame of a checkpoint, for printing. */
class ShownFrame extends Frame {
  readonly #state: KeptState;
  readonly #kept: KeptFrame;

  constructor(state: KeptState, kept: KeptFrame) {
    super(kept.callsite, kept.frameno, kept.subprog);
    this.#state = state;
    this.#kept = kept;
  }

  override regLive(n: number): number {
    return this.#state.liveBits(this.#kept.regs[n]);
  }

  override slotLive(n: number): number {
    return this.#state.liveBits(this.#kept.stack[n]);
  }

  override slotPrecise(n: number): boolean {
    return this.#state.isPrecise(this.#kept.stack[n]);
  }
}

/** A number that was precise since the last checkpoint only. */
function searched(reg: Reg): Reg {
  const r = reg.copy();
  r.precise = false;
  return r;
}

function keepFrame(f: Frame, before: KeptFrame | undefined, inner: boolean, reads: boolean, depth: number): KeptFrame {
  // From which register on later reads are noted here. Callers' r1 to r5 are dead, and r0 comes from the callee.
  const linked = !reads ? REGS : inner ? 0 : SAVED;
  const regs = keepRegs(f, linked, depth);
  f.keepRegsAs(regs, linked, depth);
  const stack = keepStack(f, reads, depth);
  f.keepAs(stack, depth);
  if (before?.allRegs === regs && stack === before.wholeStack && before.hasLikeFacts(f)) return before;
  return new KeptFrame(f, regs, stack, depth);
}

function keepRegs(f: Frame, linked: number, depth: number): KeptRegs {
  const before = f.keptRegs;
  // Places that another path took over from the last checkpoint go on there only.
  const goesOn = before !== null && before.last === depth - 1;
  if (goesOn) before.last = depth;
  let places: Kept[] | null = null;
  for (let i = 0; i < REGS; i++) {
    if (f.regs[i].precise) f.regs[i] = searched(f.regs[i]);
    const old = goesOn ? before.places[i] : null;
    const same = old !== null && f.isReg(i, old) && (f.placeBefore(i) === old) === i >= linked;
    if (same && places === null) continue;
    places ??= before !== null && i > 0 ? before.places.slice(0, i) : [];
    const written = (f.written & (1 << i)) !== 0;
    places.push(same ? old : new Kept(f.regs[i], NO_BYTES, written, depth, f.placeBefore(i), f.readDepth(i)));
  }
  return places === null ? before! : new KeptRegs(places, depth);
}

function keepStack(f: Frame, reads: boolean, depth: number): KeptStack {
  const before = f.kept;
  const n = f.stack.length;
  // Places that another path took over from the last checkpoint go on there only.
  const goesOn = before !== null && before.last === depth - 1;
  if (goesOn) {
    before.last = depth;
    if (!f.isStackChanged && before.slots.length === n) return before;
  }
  const slots: Kept[] = [];
  for (let i = 0; i < n; i++) {
    const old = before !== null && i < before.slots.length ? before.slots[i] : null;
    if (goesOn && old !== null && !f.isChanged(i)) {
      slots.push(old);
      continue;
    }
    const { types, reg } = f.stack[i];
    if (reg.precise) f.putSlotReg(i, searched(reg));
    slots.push(new Kept(f.stack[i].reg, types, f.isWritten(i), depth, reads ? old : null, f.keptDepth));
  }
  return new KeptStack(slots, f.stack, reads, depth);
}
