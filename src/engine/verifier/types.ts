/** The verifier's port to kernel differences, and its results. */
import type { Btf } from '../bpf/index.ts';
import type { LineRecord } from '../loader/index.ts';
import type { Begin, Hit } from './record.ts';

/** What the verifier must know of one LSM hook of one kernel. */
export interface VerifierHook {
  readonly name: string;
  /** False: "attach_btf_id N points to disabled hook". */
  readonly attachable: boolean;
  readonly sleepable: boolean;
  readonly returnsVoid: boolean;
  /** Inclusive range that the kernel demands at exit; null = not checked (all of 6.1; void hooks). */
  readonly returnRange: readonly [number, number] | null;
}

/** Everything kernel-specific, as data: the verifier itself has no `if (version)`. */
export interface VerifierPlatform {
  /** Profile id, e.g. `6.12`. */
  readonly id: string;
  readonly version: readonly [number, number, number];
  readonly btf: Btf;
  /** How many processors the machine may have. */
  readonly cpus: number;
  hook(name: string): VerifierHook | undefined;
  readonly lsmHelpers: LsmHelpers;
  readonly tracing: TracingTargets;
}

/** Helper ids that LSM programs may call (measured). */
export interface LsmHelpers {
  readonly normal: ReadonlySet<number>;
  readonly sleepable: ReadonlySet<number>;
  /** Of lsm_cgroup programs, on all hooks. */
  readonly cgroup: ReadonlySet<number>;
  /** Of lsm_cgroup programs on one hook, besides. */
  cgroupHook(hook: string): ReadonlySet<number> | undefined;
}

/** Which kernel functions tracing programs may attach to, beyond what BTF tells (measured): questions about a name. */
export interface TracingTargets {
  /** fmod_ret may replace it although it is no `security_*`. */
  modifiable(func: string): boolean;
  sleepable(func: string): boolean;
  denied(func: string): boolean;
  noReturn(func: string): boolean;
  noAddress(func: string): boolean;
}

/** A segment of an explored path: from a fork, a call or a return to the next. */
export interface StateNode {
  /** In the order in which the verifier began them; not every number is there when the tree is truncated. */
  readonly id: number;
  /** The segment that it goes on from; -1 for a function's entry. */
  readonly parent: number;
  readonly begin: Begin;
  /** The instruction that led here (branch, call, exit); -1 for an entry. */
  readonly from: number;
  /** For `taken` and `not-taken`: the condition, in C where the line tells, otherwise the instruction's. */
  readonly condition?: string;
  /** Does `condition` hold here? Null where the compiler moved too much to tell. */
  readonly holds?: boolean | null;
  /** For entries and calls: the function that is entered. */
  readonly function?: string;
  readonly first: number;
  /** -1: pruned before its first instruction. */
  readonly last: number;
  /** Instructions on the segment. */
  readonly count: number;
  /** So many of them, at the beginning, are not in `steps`. */
  readonly skipped?: number;
  /** `start` is the whole state: the segments before are not known, or of no account (entries). */
  readonly full?: true;
  /** `split`: goes on in other segments. `open`: the exploration ended elsewhere. */
  readonly end: 'exit' | 'pruned' | 'error' | 'open' | 'split';
  /** On the path to the refusal. */
  readonly failing?: true;
  /** For `pruned`: the state that covers this one. */
  readonly cover?: {
    /** The segment that kept it, before its instruction number `step`; -1 = not recorded. */
    readonly node: number;
    readonly step: number;
    readonly insn: number;
    /**
     * `equal`: explored to its end, nothing that matters differs. `loop`: the same, while its loop is still explored.
     * `iterator`, `may-goto`, `callback`: one more round of a loop that ends by itself.
     */
    readonly hit: Hit;
    /** Place, value of the covering state, value here ('' = unset): where the two differ. At most 12. */
    readonly differs: readonly (readonly [string, string, string])[];
  };
  /** Places as the segment begins that differ from before the instruction that led here: `frame:R1=...`. */
  readonly start: readonly string[];
  /** Places of which nothing is known any more; `1:` is all of frame 1. */
  readonly startGone?: readonly string[];
  /**
   * Instruction, places that it changed, and places that it made unknown (left out when there are none). What the last
   * instruction of a segment changes stands in the `start` of those that go on from it.
   */
  readonly steps: readonly (
    readonly [number, readonly string[]] | readonly [number, readonly string[], readonly string[]]
  )[];
}

export interface StateTree {
  readonly nodes: readonly StateNode[];
  /** Too large to be kept whole: the first 20,000 instructions are there, and the last 20,000 of a failing path. */
  readonly truncated: boolean;
  /** Segments, kept or not. */
  readonly total: number;
}

export interface VerifyOptions {
  /** False: a refusal is not verified a second time for where knowledge was lost. */
  readonly explain?: boolean;
  /** Records the explored tree in `VerifierResult.states`. */
  readonly recordStates?: boolean;
  /** 0 none, 1 failing path, 2 all states: as the kernel's log_level. */
  readonly logLevel?: 0 | 1 | 2;
  /** Ends the exploration early with errno ECANCELED; asked about every millisecond. */
  readonly cancelled?: (insnsProcessed: number) => boolean;
  /** As if cancelled after about so many processed instructions. */
  readonly patience?: number;
  /** Statistics at the end of the log, as log_level 4. */
  readonly logStats?: boolean;
  /** As BPF_F_STRICT_ALIGNMENT: unaligned accesses are refused everywhere. */
  readonly strictAlignment?: boolean;
  /** As BPF_F_TEST_STATE_FREQ: a checkpoint at every place where there may be one. */
  readonly testStateFreq?: boolean;
  /** Called before each verified instruction with what is claimed of the current frame's registers at that moment. */
  readonly observe?: (insn: number, depth: number, claims: readonly Claim[]) => void;
  /**
   * A path ends only at a state whose numbers contain all of its own, whether anything depends on them or not. More is
   * explored than the kernel would, and what `observe` saw at an instruction then covers every run of the program.
   */
  readonly strictPruning?: boolean;
}

/** What the verifier claims of one register: see `observe.ts`. */
export interface Claim {
  /** As the log prints it, e.g. `scalar(umin=1,umax=8)`. */
  readonly text: string;
  /**
   * May the register hold `value` (64 bits, unsigned)? `framePointers[n]` is r10 of frame n, for pointers into the stack.
   * Null where the claim says nothing that could be checked here (pointers into other memory).
   */
  allows(value: bigint, framePointers: readonly bigint[]): boolean | null;
}

/** A place on the path to a refusal. */
export interface ExplainedPlace {
  readonly insn: number;
  /** Null when the object has no line for it. */
  readonly line: LineRecord | null;
}

/** How a value lost, or never had, what the refused instruction needs. */
export type LostKind =
  | 'argument'
  | 'call-result'
  | 'call-destroyed'
  | 'call-overwrote'
  | 'released'
  | 'load'
  | 'constant'
  | 'arithmetic'
  | 'narrowed'
  | 'stack-overwritten'
  | 'stack-partial'
  | 'stack-variable'
  | 'widened'
  | 'branch'
  | 'weak-check'
  | 'copy-lost'
  | 'acquired'
  | 'never-set'
  | 'section-left';

/** Why a program was refused, in words a policy author can act on. */
export interface Explanation {
  /** Stable id, e.g. `null-deref`, `return-range`, `unknown-helper`, `disabled-hook`. */
  readonly id: string;
  /** Plain English; may name C variables and lines. */
  readonly text: string;
  /** What the refused instruction needs. */
  readonly required: string;
  /** What the verifier knew instead. */
  readonly known: string;
  /** What to change. */
  readonly advice: string;
  /**
   * The branches that led here, oldest first, the last 64. Rounds of a loop are one entry each way, with the number of
   * times. `holds` is about `condition`; null where the line does not tell.
   */
  readonly path: readonly (ExplainedPlace & {
    readonly taken: boolean;
    readonly condition: string;
    readonly holds: boolean | null;
    readonly times: number;
    readonly what: string;
  })[];
  /**
   * Where on this path the knowledge was lost, or the value began without it. Null where nothing was lost: what the
   * instruction does is never allowed here, or it is about the program as a whole.
   */
  readonly lost: (ExplainedPlace & { readonly kind: LostKind; readonly what: string }) | null;
  /** What else has a part in it, e.g. the call that acquired what is not released. */
  readonly related: readonly (ExplainedPlace & { readonly what: string })[];
  /** For what is missing at the end of the program: the last place in C before it. */
  readonly leaves: (ExplainedPlace & { readonly holds: boolean | null }) | null;
}

export interface VerifierResult {
  readonly program: string;
  readonly accepted: boolean;
  /** As BPF_PROG_LOAD would return: 0, 13 (EACCES), 22 (EINVAL), 7 (E2BIG)... */
  readonly errno: number;
  /** The kernel's final error line; '' when accepted. */
  readonly message: string;
  /** Faulting instruction slot; -1 when not at an instruction. */
  readonly insn: number;
  readonly line: LineRecord | null;
  readonly explanation: Explanation | null;
  /** Kernel-format log, '' for logLevel 0. */
  readonly log: string;
  readonly insnsProcessed: number;
  readonly totalStates: number;
  readonly peakStates: number;
  readonly maxStackDepth: number;
  /** Times each slot was visited (the budget heat map). */
  readonly visits: Uint32Array;
  /** Only with `recordStates`. */
  readonly states?: StateTree;
}
