/** Verifier states: registers and stack of each frame, references, locks, and the chain of checkpoints. */
import { FrameStack } from './frame-stack.ts';
import type { KeptState } from './kept.ts';
import type { Reg } from './reg.ts';
import { START } from './trails.ts';

export class Frame extends FrameStack {
  copy(): Frame {
    return new Frame(this.callsite, this.frameno, this.subprog).become(this);
  }

  /** Is the same, with the same past. */
  isLike(o: Frame): boolean {
    return this.hasLikeFacts(o) && this.hasLikeStack(o) && this.hasLikeRegs(o);
  }

  /** Is a copy of `from` from now on, in the places it has. */
  become(from: Frame): this {
    return this.takeFacts(from).takeStack(from).takeRegs(from);
  }
}

export interface LinkedPlace {
  readonly frame: number;
  /** Register number, or stack slot with `isReg` false. */
  readonly at: number;
  readonly isReg: boolean;
}

/** What the current state and the checkpoints have in common. */
export class PathState {
  parent: KeptState | null = null;
  /** Paths that still have to be explored through this checkpoint. */
  branches = 1;
  insn = 0;
  firstInsn = 0;
  lastInsn = -1;
  /** The newest step of `env.history` since the checkpoint before, and how many there are. */
  history = START;
  historyCount = 0;
  /** The newest step of `env.branchTrail`. */
  path = START;
  lockMap: object | null = null;
  lockId = 0;
  /** How many RCU sections the path is in. */
  rcuLocks = 0;
  /** How often preemption was disabled. */
  preemptLock = 0;
  /** Work queue callbacks may sleep even in programs that may not. */
  inSleepable = false;
  mayGotoDepth = 0;
  callbackUnroll = 0;
  dfsDepth = 0;
  loopEntry: PathState | null = null;
  usedAsLoopEntry = false;

  /** All but `loopEntry`. */
  protected takePath(from: PathState): this {
    this.parent = from.parent;
    this.branches = from.branches;
    this.insn = from.insn;
    this.firstInsn = from.firstInsn;
    this.lastInsn = from.lastInsn;
    this.history = from.history;
    this.historyCount = from.historyCount;
    this.path = from.path;
    this.lockMap = from.lockMap;
    this.lockId = from.lockId;
    this.rcuLocks = from.rcuLocks;
    this.preemptLock = from.preemptLock;
    this.inSleepable = from.inSleepable;
    this.mayGotoDepth = from.mayGotoDepth;
    this.callbackUnroll = from.callbackUnroll;
    this.dfsDepth = from.dfsDepth;
    this.usedAsLoopEntry = from.usedAsLoopEntry;
    return this;
  }
}

/** What a search back needs of the state that it starts from. */
export type TrailEnd = Pick<PathState, 'parent' | 'firstInsn' | 'lastInsn' | 'history'>;

/** Where a path ended: states are used again, so what is needed of one later is taken from it. There may be many. */
export class PathEnd implements TrailEnd {
  readonly parent: KeptState | null;
  readonly firstInsn: number;
  readonly lastInsn: number;
  readonly history: number;
  /** How many functions it was in, and before which instruction it ended. */
  readonly frameCount: number;
  readonly insn: number;

  constructor(st: State, insn: number) {
    this.parent = st.parent;
    this.firstInsn = st.firstInsn;
    this.lastInsn = st.lastInsn;
    this.history = st.history;
    this.frameCount = st.frames.length;
    this.insn = insn;
  }
}

export class State extends PathState {
  frames: Frame[];
  /** How many outer frames are without what is dead, as long as the calls are the same and nothing is put there. */
  settled = 0;

  constructor(frames: Frame[]) {
    super();
    this.frames = frames;
  }

  get cur(): Frame {
    return this.frames[this.frames.length - 1];
  }

  /** @param into a state that is not needed any more, whose places are used again */
  copy(into: State = new State([])): State {
    into.takePath(this);
    into.loopEntry = null;
    into.settled = this.settled;
    into.takeFrames(this.frames);
    return into;
  }

  /** Back to the caller. */
  leave(): void {
    this.frames.pop();
    this.settled = Math.min(this.settled, this.frames.length - 1);
  }

  /** Has copies of these frames from now on, in the places it has. */
  takeFrames(from: readonly Frame[]): void {
    const { frames } = this;
    const n = from.length;
    if (frames.length > n) frames.length = n;
    for (let i = 0; i < n; i++) {
      if (i < frames.length) frames[i].become(from[i]);
      else frames.push(from[i].copy());
    }
  }

  /** Puts another value, or the same, into every place that holds one: registers, spilled slots and arguments of all frames. */
  mapValues(to: (r: Reg) => Reg): void {
    for (const f of this.frames) {
      for (let i = 0; i < f.regs.length; i++) f.regs[i] = to(f.regs[i]);
      for (let i = 0; i < f.stack.length; i++) if (f.stack[i].isSpill) f.putSlotReg(i, to(f.stack[i].reg));
      if (f.outArgs.length > 0) f.outArgs = f.outArgs.map((r) => (r.kind === '?' ? r : to(r)));
    }
  }

  valueAt(p: LinkedPlace): Reg {
    const f = this.frames[p.frame];
    return p.isReg ? f.regs[p.at] : f.stack[p.at].reg;
  }

  putValue(p: LinkedPlace, reg: Reg): void {
    const f = this.frames[p.frame];
    if (p.isReg) f.regs[p.at] = reg;
    else f.putSlotReg(p.at, reg);
  }
}
