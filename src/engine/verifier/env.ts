/** What one verification run knows: program, platform, the current state, the work list and the counters. */
import type { Btf, InsnArray } from '../bpf/index.ts';
import { kernelMapNames } from '../loader/index.ts';
import type { LineRecord, LoadedObject, LoadedProgram, MapDef } from '../loader/index.ts';
import type { CtxField, CtxTable } from './ctx-fields.ts';
import type { Fastcalls } from './fastcall.ts';
import type { KeptState } from './kept.ts';
import type { LivenessBefore } from './liveness-before.ts';
import { Log } from './log.ts';
import type { LoopVisits } from './loop-visits.ts';
import { park, unpark } from './parked.ts';
import type { Reg } from './reg.ts';
import { Demands } from './demands.ts';
import type { Wanted } from './precision.ts';
import { constReg, NON_OWN, RCU, typeName } from './reg.ts';
import { InlinedLoops } from './stack-extra.ts';
import type { KernelRules } from './rules.ts';
import { rulesFor } from './rules.ts';
import type { Frame } from './state.ts';
import { State } from './state.ts';
import type { VerifierHook, VerifierPlatform, VerifyOptions } from './types.ts';
import type { FieldRecord } from './btf-fields.ts';
import { declTags, type DeclTags } from './btf-tags.ts';
import type { Begin, Recorder } from './record.ts';
import { Fields } from './map-fields.ts';
import { BranchTrail, JumpHistory, START } from './trails.ts';

export const EPERM = 1;
export const ENOENT = 2;
export const E2BIG = 7;
export const EACCES = 13;
export const EBUSY = 16;
export const EEXIST = 17;
export const EFAULT = 14;
export const EINVAL = 22;
export const ECANCELED = 125;
export const EOPNOTSUPP = 95;
export const ENOTSUPP = 524;

/**
 * The program is refused: thrown at the place of the check, caught once in `verify.ts`. No Error: collecting a stack trace that
 * nobody reads takes longer than verifying many a program.
 */
export class Refusal {
  readonly message: string;
  readonly errno: number;
  /** Stable id of the explanation. */
  readonly reason: string;
  /** The register that the check is about; -1 = none. */
  readonly regno: number;

  constructor(errno: number, reason: string, message: string, regno = -1) {
    this.message = message;
    this.errno = errno;
    this.reason = reason;
    this.regno = regno;
  }
}

/**
 * A place of the work list. A class, not a literal: V8 moves the literals of a line to the old generation once it saw that
 * those of a long list live long, and from there each would keep its state from being collected.
 */
class Pending {
  readonly state: State;
  readonly insn: number;
  readonly prev: number;
  readonly logLength: number;
  /** Shares places with others of the list, see `parked.ts`. */
  parked = false;

  constructor(state: State, insn: number, prev: number, logLength: number) {
    this.state = state;
    this.insn = insn;
    this.prev = prev;
    this.logLength = logLength;
  }
}

/** A checkpoint, with how often it was of use. A class for the same reason as `Pending`. */
export class Checkpoint {
  readonly state: KeptState;
  hits = 0;
  misses = 0;

  constructor(state: KeptState) {
    this.state = state;
  }
}

export interface SubprogInfo {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly global: boolean;
  readonly funcTypeId: number;
  stackDepth: number;
  isCallback: boolean;
  /** It, or a function that it calls, may move the packet. */
  changesPacket: boolean;
  /** It, or a function that it calls, may sleep. */
  mightSleep: boolean;
  isAsyncCallback: boolean;
  isExceptionCallback: boolean;
  hasTailCall: boolean;
  /** How many arguments it has by BTF; undefined = was not asked yet. */
  args?: number;
  /** Of a static function: what its arguments are; null = they are not compared; undefined = was not asked yet. */
  argKinds?: readonly ('scalar' | 'ctx')[] | null;
  /** Of a static function: it was called with something else than its BTF says. */
  unreliable?: boolean;
  /** Arguments that it stores on the stack, and that its calls take from there. */
  argsStored: number;
  argsCalledFor: number;
}

const COMPLEXITY_LIMIT_JMP_SEQ = 8192;
const POLL_EVERY = 256;
/** So many places of a state are copied while an instruction is looked at. */
const PLACES_AS_INSN = 8;
/** Queued states that are left alone, see `#queue`: most programs never have more. */
const NEWEST = 128;
const MAX_SPARE = 128;

export class Env {
  readonly obj: LoadedObject;
  readonly prog: LoadedProgram;
  readonly platform: VerifierPlatform;
  readonly rules: KernelRules;
  /** The program's; where decided branches are rewritten, a copy. */
  insns: InsnArray;
  readonly btf: Btf;
  readonly hook: VerifierHook | undefined;
  readonly log: Log;
  readonly cancelled: ((insnsProcessed: number) => boolean) | undefined;
  readonly observe: VerifyOptions['observe'];
  readonly recorder: Recorder | null;
  readonly strictPruning: boolean;
  readonly strictAlignment: boolean;
  readonly testStateFreq: boolean;
  readonly logStats: boolean;
  /** Fields of contexts and sockets, resolved against the kernel's BTF. */
  readonly ctxFields = new Map<CtxTable, readonly CtxField[]>();
  readonly subprogs: SubprogInfo[] = [];
  readonly visits: Uint32Array;

  state: State;
  insn = 0;
  prevInsn = -1;
  idGen = 0;
  pending: Pending[] = [];
  explored = new Map<number, Checkpoint[]>();
  /** Bits per slot: see `cfg.ts`. */
  readonly points: Uint8Array;
  /** What was found out before the walk, and the loops on the way; null where the kernel notes reads on the way. */
  before: LivenessBefore | null = null;
  loops: LoopVisits | null = null;
  /** Spills around calls that keep registers; null where the kernel knows of none. */
  fastcalls: Fastcalls | null = null;
  readonly inlinedLoops = new InlinedLoops();
  /** Type of the pointer used by each load or store: mixing some is an error. */
  readonly pointerAt = new Map<number, string>();
  readonly history = new JumpHistory();
  readonly branchTrail = new BranchTrail();
  /** The step of `history` that the current instruction has; START = none so far. */
  curHistory = START;
  readonly #patience: number;
  readonly #immediates: Reg[] = [];
  #work = 0;
  /** States of paths that ended, to be used again: paths are short, and a state has up to 600 places. */
  readonly #spare: State[] = [];

  /** Searches back for precision so far. */
  searches = 0;
  /** Searches that wait until somebody asks what they find. */
  readonly demands = new Demands();
  /** What they work with from 6.8 on; null = there was none. */
  wanted: Wanted | null = null;
  insnsProcessed = 0;
  jumpsProcessed = 0;
  prevInsnsProcessed = 0;
  prevJumpsProcessed = 0;
  totalStates = 0;
  peakStates = 0;
  maxStatesPerInsn = 0;
  /** Checkpoints that the longest walk of a read mark went through. */
  longestMarkRead = 0;
  maxStackDepth = 0;
  /** Global functions that still have to be verified on their own. */
  readonly globalsCalled = new Set<number>();
  /** Declaration tags of the object's BTF. */
  readonly tags: DeclTags;
  /** Locks, timers, kptrs and the like in map values and objects. */
  readonly specials: Fields;
  /** Callbacks of timers and work queues, and the function that exceptions end in. */
  exceptionCallback = -1;
  seenException = false;
  /** Which map a call that visits one by callback was given. */
  readonly mapOfCall = new Map<number, MapDef>();
  #mapNames: readonly string[] | null = null;
  /** What the kernel calls the maps, for its log. */
  get mapNames(): readonly string[] {
    return (this.#mapNames ??= kernelMapNames(this.obj));
  }

  /** The arena that the program uses. */
  arena: MapDef | null = null;
  /** Is there a load or a store of an argument on the stack? */
  usesStackArgs = false;
  /** Instruction arrays that the program uses, and where its indirect jumps may go, by instruction. */
  readonly insnArrays: MapDef[] = [];
  readonly jumpTables = new Map<number, readonly number[]>();
  /** Why the arguments of the last called global function did not fit. */
  globalArgsErrno = EINVAL;

  constructor(
    obj: LoadedObject,
    prog: LoadedProgram,
    platform: VerifierPlatform,
    opts: VerifyOptions,
    recorder: Recorder | null = null,
  ) {
    this.obj = obj;
    this.prog = prog;
    this.platform = platform;
    this.rules = rulesFor(platform.version);
    this.insns = prog.insns;
    this.btf = platform.btf;
    this.hook = prog.attach.hook === null ? undefined : platform.hook(prog.attach.hook);
    this.log = new Log(opts.logLevel ?? 0);
    this.cancelled = opts.cancelled;
    this.#patience = opts.patience ?? Infinity;
    this.observe = opts.observe;
    this.recorder = recorder;
    this.strictPruning = opts.strictPruning === true;
    this.strictAlignment = opts.strictAlignment ?? false;
    this.logStats = opts.logStats ?? false;
    this.testStateFreq = opts.testStateFreq ?? false;
    this.points = new Uint8Array(prog.insns.count);
    this.visits = new Uint32Array(prog.insns.count);
    this.state = new State([]);
    this.tags = declTags(obj.btf);
    this.specials = new Fields(obj.btf, platform.btf, this.tags, this.rules.fields);
  }

  /**
   * So much was done (about an instruction's worth each): looks now and then whether the run is still wanted. Comparing
   * states and searching back for precision may cost a thousand times what the instruction did that caused it.
   */
  spend(work: number): void {
    this.#work += work;
    if (this.#work < POLL_EVERY) return;
    this.#work = 0;
    if (this.insnsProcessed > this.#patience || this.cancelled?.(this.insnsProcessed)) {
      throw new Refusal(ECANCELED, 'cancelled', 'verification was cancelled');
    }
  }

  /** Refuses the program with the kernel's words. */
  fail(errno: number, reason: string, message: string, regno = -1): never {
    this.log.line(message);
    throw new Refusal(errno, reason, message, regno);
  }

  /** Refuses where the kernel says nothing; the message is ours. */
  failWordless(errno: number, reason: string, message: string): never {
    throw new Refusal(errno, reason, message);
  }

  /** Runs a check whose refusal the kernel comments with one more line: the last of the log. */
  also(message: string, check: () => void): void {
    try {
      check();
    } catch (e) {
      if (!(e instanceof Refusal)) throw e;
      this.fail(e.errno, e.reason, message, e.regno);
    }
  }

  get frame(): Frame {
    return this.state.cur;
  }

  reg(regno: number): Reg {
    return this.state.cur.regs[regno];
  }

  setReg(regno: number, reg: Reg): void {
    this.state.cur.regs[regno] = reg;
  }

  /** The immediate operand of an instruction, sign-extended. One for all visits: never to be changed. */
  immediate(insn: number): Reg {
    return (this.#immediates[insn] ??= constReg(this.insns.imm[insn], insn));
  }

  /** The frame whose stack a register points to. */
  frameOf(reg: Reg): Frame {
    return this.state.frames[reg.frame];
  }

  typeText(reg: Reg): string {
    return typeName(reg.kind, reg.flags, this.rules.ringbufWord);
  }

  newId(): number {
    return ++this.idGen;
  }

  /** Special fields (locks, timers, kptrs) in the values of a map. */
  fields(map: MapDef): FieldRecord {
    return this.specials.ofMap(map);
  }

  /** May this place sleep? Programs that may, and callbacks of work queues. */
  get inSleepable(): boolean {
    return this.prog.attach.sleepable || this.state.inSleepable;
  }

  /** Are RCU-protected pointers safe here? */
  get inRcu(): boolean {
    return this.state.rcuLocks > 0 || this.state.lockMap !== null || !this.inSleepable;
  }

  /** What forbids sleeping here, as 7.2 names it; null = nothing does. */
  get noSleepIn(): string | null {
    const st = this.state;
    if (st.rcuLocks > 0) return 'rcu_read_lock region';
    if (st.preemptLock > 0) return 'non-preemptible region';
    if (st.lockMap !== null) return 'lock region';
    return this.inSleepable ? null : 'non-sleepable prog';
  }

  /** Does the pointer lead to something with a spin lock? Then its id tells it apart. */
  hasSpinLock(r: Reg): boolean {
    return (this.specials.ofReg(r)?.spinLock ?? -1) >= 0;
  }

  /** The pointer as one that a list or tree owns (ref_set_non_owning). */
  nonOwning(r: Reg): Reg {
    const n = r.copy();
    n.flags |= NON_OWN;
    if ((this.specials.ofReg(r)?.refcount ?? -1) >= 0) n.flags |= RCU;
    return n;
  }

  /** Queues a copy of the current state to go on at `insn`; `how` says for the record what that way is. */
  push(insn: number, prev: number, how: Begin): State {
    for (const f of this.state.frames) this.spend((f.regs.length + f.stack.length) / PLACES_AS_INSN);
    const copy = this.state.copy(this.#spare.pop());
    copy.parent = this.state.parent;
    this.recorder?.queued(copy, how);
    this.#queue(new Pending(copy, insn, prev, this.log.length));
    if (copy.parent !== null) copy.parent.branches++;
    if (this.pending.length > COMPLEXITY_LIMIT_JMP_SEQ) {
      this.fail(
        this.rules.tooManyPathsErrno,
        'too-many-branches',
        `The sequence of ${this.pending.length} jumps is too complex.`,
      );
    }
    return copy;
  }

  /** Queues a state of its own, that does not go on from the current one. */
  pushState(state: State, insn: number, prev: number): void {
    this.recorder?.queued(state, 'async');
    this.#queue(new Pending(state, insn, prev, this.log.length));
  }

  /**
   * In a long list states share what they can. Not the newest ones: at the end of a list paths come and go all the time, and
   * sharing would cost more than it saves.
   */
  #queue(next: Pending): void {
    const at = this.pending.length - NEWEST;
    if (at > 0) {
      const below = this.pending[at - 1];
      const p = this.pending[at];
      if (!p.parked) {
        if (below.parked) park(p.state, below.state);
        p.parked = true;
      }
    }
    this.pending.push(next);
  }

  /** The current path ended: takes the newest queued state; false when all is explored. */
  pop(): boolean {
    const next = this.pending.pop();
    if (next === undefined) return false;
    if (next.parked) unpark(next.state, this.state);
    else if (this.#spare.length < MAX_SPARE) this.#spare.push(this.state);
    this.state = next.state;
    this.insn = next.insn;
    this.prevInsn = next.prev;
    if (this.log.level < 2) this.log.cut(next.logLength);
    return true;
  }

  subprogAt(slot: number): number {
    return this.subprogs.findIndex((s) => s.start === slot);
  }

  subprogContaining(slot: number): number {
    return this.subprogs.findIndex((s) => slot >= s.start && slot < s.end);
  }

  /** The C line of an instruction: the last record at or before it. */
  lineOf(insn: number): LineRecord | null {
    let found: LineRecord | null = null;
    for (const l of this.prog.lines) {
      if (l.insn > insn) break;
      found = l;
    }
    return found;
  }
}
