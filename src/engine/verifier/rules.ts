/** What differs between kernels beyond the facts of a profile: strategy objects and words, chosen once by version. */
import type { AttachRules } from './attach-rules.ts';
import { ATTACH_6_1, ATTACH_6_12, ATTACH_7_2 } from './attach-rules.ts';
import type { BoundsRules } from './bounds.ts';
import { BOUNDS_6_1 } from './bounds-6-1.ts';
import { BOUNDS_6_12 } from './bounds-6-12.ts';
import { BOUNDS_7_2 } from './bounds-7-2.ts';
import type { FieldRules } from './btf-fields.ts';
import { FIELDS_6_1, FIELDS_6_12 } from './btf-fields.ts';
import type { IterTargets } from './iter-targets.ts';
import { ITERS_6_1, ITERS_6_12, ITERS_7_2 } from './iter-targets.ts';
import type { KfuncTable } from './kfunc-table.ts';
import { HOOKS_7_0, kfuncTable } from './kfunc-table.ts';
import { KFUNCS_6_1 } from './kfuncs-6-1.ts';
import { KFUNCS_6_12 } from './kfuncs-6-12.ts';
import { KFUNCS_7_2 } from './kfuncs-7-2.ts';
import type { Scalar } from './scalar.ts';
import { S64_MAX, S64_MIN } from './scalar.ts';
import type { Tnum } from './tnum.ts';
import { tnumIn, tnumRange } from './tnum.ts';

type Version = readonly [number, number, number];

export interface KernelRules {
  readonly since: Version;
  readonly bounds: BoundsRules;
  /** cpu v4: sign extension, signed division, bswap. (gotol was backported to 6.1.) */
  readonly cpuV4: boolean;
  /** Loads that acquire and stores that release, of all sizes (6.15). */
  readonly acquireRelease: boolean;
  /** Functions with more than five arguments: the others are on the stack (7.1). */
  readonly stackArgs: boolean;
  /** Instruction arrays, and jumps through them (6.19). */
  readonly indirectJumps: boolean;
  /** Loops may be closed by jumps only, not by running or calling into an instruction on the way (before 6.8). */
  readonly backEdgesByJumpOnly: boolean;
  /** Pointer arguments of hooks are "trusted", and trust is tracked along field reads. */
  readonly trust: boolean;
  /** NULL may be passed to storage helpers' object argument. */
  readonly storageArgNull: boolean;
  /** Constants are spilled as registers even when 0, and partial fills keep ranges. */
  readonly spillZero: boolean;
  /** A spill of an unbounded number is a register, too. */
  readonly spillUnbounded: boolean;
  /** Ids are not given to constants; 32-bit moves, spills and fills that lose nothing keep the id; base + constant links. */
  readonly linkedScalars: boolean;
  /** Links by subtraction, of negative constants, and in 32 bits; loads from the stack link, too (7.0). */
  readonly linksAnyConst: boolean;
  /** How many places learn from one comparison together; those beyond lose their link. */
  readonly maxLinked: number;
  /** Places with equal ids are compared as such when pruning. */
  readonly compareScalarIds: boolean;
  /** When pruning, pointers other than into maps must be identical to the explored ones, ids included. */
  readonly identicalPointers: boolean;
  /** Spills through copies of r10 are followed when backtracking, also across calls. */
  readonly fullBacktrack: boolean;
  /** A store at a variable offset turns all bytes of a spilled register into data; else those it cannot hit stay unreadable. */
  readonly scrubOnVariableStore: boolean;
  /** `and`/`or` of a number in [-1, 0] are verified as two paths. */
  readonly forkBoolMask: boolean;
  /** Callbacks are visited until the state converges (else once). */
  readonly iterateCallbacks: boolean;
  /** A callback releases only references that its own frame acquired (until 6.13). */
  readonly callbackOwnRefs: boolean;
  /** Stack memory that a helper only reads keeps what is known of it (6.14). */
  readonly helperReadsKeep: boolean;
  /** Helpers whose first plain memory argument is known to be written (MEM_WRITE without MEM_UNINIT). */
  readonly memWriters: ReadonlySet<string>;
  /**
   * Locks, references and sections at the end of a program: checked in another order and named by what ends it (7.0,
   * check_resource_leak()).
   */
  readonly leakSummary: boolean;
  /** Pointers given to kernel functions must be trusted and not NULL whatever the function's flags are (6.20). */
  readonly kfuncArgsTrusted: boolean;
  /** bpf_set_retval() takes only what the function may return, and bpf_get_retval() gives only that (7.0). */
  readonly retvalInRange: boolean;
  /** The number of the processor is below the number of processors that the machine may have (6.3). */
  readonly cpuNumberBounded: boolean;
  /** Messages name a pointer argument that may be NULL by its register. */
  readonly argsByRegister: boolean;
  /** Looking up a constant key of an array yields no NULL. */
  readonly constMapKeys: boolean;
  /** The fixed part of a pointer's offset is not told apart from the rest. */
  readonly offsetsInOne: boolean;
  /** Fields that mean nothing are looked at in all instructions, before the walk (7.1). */
  readonly fieldsFirst: boolean;
  /** A pointer's id is that of its reference, too, and stays when it was compared with NULL. */
  readonly oneId: boolean;
  /**
   * Constant branches, live registers and stack slots and loops are found before the walk; what is dead is forgotten where states
   * are compared. Otherwise reads are noted along the paths.
   */
  readonly livenessBefore: boolean;
  /**
   * Pointers to anything but structs, read from kernel structs, and bpf_rdonly_cast() to void are memory that may be read at
   * any offset (6.17; btf_struct_walk(), WALK_PTR_UNTRUSTED).
   */
  readonly untrustedMemory: boolean;
  /** Hooks with pointer arguments that may be freed (bpf_lsm.c, untrusted_lsm_hooks), beyond those of all kernels. */
  readonly untrustedHooks: readonly string[];
  /** A size that may be 0 is an error of its own. */
  readonly zeroSizeMessage: boolean;
  /** Writes to memory that a helper fills are checked as writes. */
  readonly helperWrites: boolean;
  /** `*(ctx) = imm` is refused. */
  readonly refuseCtxImmStore: boolean;
  /** A pointer argument must be loaded whole. */
  readonly wholePointerArgs: boolean;
  /** Comparing two unequal pointers can lift "or null". */
  readonly eqLiftsNull: boolean;
  /** Map types that may be read through a map pointer etc. are named like this in messages. */
  readonly ringbufWord: string;
  readonly ringbufArg: string;
  /** `unknown func bpf_x#1` or `program of this type cannot use helper bpf_x#1`. */
  helperUnavailable(name: string, id: number): string;
  /** A helper that may sleep, in a program that must not. */
  sleepableHelper(name: string, id: number): string;
  tnumText(t: Tnum): string;
  /** Exit range: is it kept, and the words when not. */
  returnOk(s: Scalar, range: readonly [number, number], as32: boolean): boolean;
  returnMessage(s: Scalar, range: readonly [number, number], where: string): string;
  /** Messages about variable stack offsets name the fixed part, too. */
  readonly stackOffWords: boolean;
  /** What too many paths for later fail with: 6.1's callers take them for lack of memory. */
  readonly tooManyPathsErrno: 7 | 14;
  /** Spills around calls that keep registers are removed, and the stack that only they use (6.12). */
  readonly fastcall: boolean;
  /** Stack for a function's may_goto: rounds left, and on 7.2 when the loop began. */
  readonly mayGotoBytes: 8 | 16;
  /** Functions that call each other, callbacks included. */
  readonly maxFrames: number;
  /** What each function's stack is rounded up to. */
  readonly stackRound: 16 | 32;
  /** Special fields in map values and objects. */
  readonly fields: FieldRules;
  /** Kernel functions that programs may call. */
  readonly kfuncs: KfuncTable;
  /** Hooks of kernel functions for program types that older kernels have none for. */
  readonly kfuncHooks: Readonly<Record<string, string>>;
  /** RCU sections nest, and what may not sleep is told by the innermost kind of section (6.18). */
  readonly nestedRcu: boolean;
  /** Kernel functions whose results RCU protects are refused outside of its sections, not only their results' use (7.0). */
  readonly rcuSectionWanted: boolean;
  /** Numeric iterators, arenas and streams may be used while a lock is held (6.14). */
  readonly iteratorsUnderLock: boolean;
  /** Stores and new dynptrs end a dynptr that is in their way, and its slices (6.2); before, it is just in the way. */
  readonly dynptrsEnd: boolean;
  /** A dynptr that must be given up may be overwritten while there is a clone of it (7.0). */
  readonly clonesMayGo: boolean;
  /** Slices that bpf_dynptr_slice() made end when their dynptr is given up (7.0). */
  readonly slicesEnd: boolean;
  /** Whether a kernel function may sleep here is checked before its arguments (else after them). */
  readonly kfuncSleepsFirst: boolean;
  /** Arguments of tracepoints that may be NULL are known. */
  readonly tracepointNulls: boolean;
  /** Where tracing programs may attach. */
  readonly attach: AttachRules;
  /** What iterators hand out. */
  readonly iterTargets: IterTargets;
  /**
   * Global functions may be called wherever what they call may be: those that sleep not in sections that must not. Else not with
   * preemption disabled (until 6.14).
   */
  readonly sleepingGlobals: boolean;
  /** Global functions may return nothing (7.0). */
  readonly voidGlobals: boolean;
  /** Timers and work queues in programs that may interrupt anything (7.0). */
  readonly timersInTracing: boolean;
  /** Programs that may run in an NMI do not free objects with fields that must not be torn down there (7.0). */
  readonly nmiSafeDrops: boolean;
  /** A tail call in a function is verified as one that happens, too (7.0). */
  readonly tailCallReturns: boolean;
  /** What a timer's callback must return. */
  readonly asyncReturn: readonly [number, number];
  /** After a tail call that did not happen, pointers into the packet are void. */
  readonly tailCallChangesPacket: boolean;
}

const hex = (v: bigint): string => '0x' + v.toString(16);

const RULES_6_1: KernelRules = {
  since: [6, 1, 0],
  bounds: BOUNDS_6_1,
  cpuV4: false,
  acquireRelease: false,
  indirectJumps: false,
  stackArgs: false,
  backEdgesByJumpOnly: true,
  trust: false,
  storageArgNull: false,
  spillZero: false,
  spillUnbounded: false,
  linkedScalars: false,
  linksAnyConst: false,
  maxLinked: Infinity,
  compareScalarIds: false,
  identicalPointers: true,
  fullBacktrack: false,
  scrubOnVariableStore: false,
  forkBoolMask: false,
  iterateCallbacks: false,
  callbackOwnRefs: true,
  helperReadsKeep: false,
  memWriters: new Set(),
  leakSummary: false,
  kfuncArgsTrusted: false,
  retvalInRange: false,
  cpuNumberBounded: false,
  argsByRegister: false,
  constMapKeys: false,
  offsetsInOne: false,
  fieldsFirst: false,
  oneId: false,
  livenessBefore: false,
  untrustedMemory: false,
  untrustedHooks: [],
  zeroSizeMessage: false,
  helperWrites: true,
  refuseCtxImmStore: true,
  wholePointerArgs: false,
  eqLiftsNull: false,
  ringbufWord: 'alloc_',
  ringbufArg: 'alloc_mem',
  sleepableHelper: () => 'helper call might sleep in a non-sleepable prog',
  helperUnavailable: (name, id) => `unknown func ${name}#${id}`,
  tnumText: (t) => `(${hex(t.value)}; ${hex(t.mask)})`,
  returnOk: (s, [lo, hi]) => tnumIn(tnumRange(BigInt(lo), BigInt(hi)), s.tnum),
  returnMessage(s, [lo, hi], where) {
    const unknown = s.tnum.mask === 0xffff_ffff_ffff_ffffn;
    const has = unknown ? 'has unknown scalar value' : `has value ${this.tnumText(s.tnum)}`;
    return `At ${where} the register R0 ${has} should have been in ${this.tnumText(tnumRange(BigInt(lo), BigInt(hi)))}`;
  },
  stackOffWords: false,
  tooManyPathsErrno: 14,
  fastcall: false,
  mayGotoBytes: 8,
  maxFrames: 8,
  stackRound: 32,
  fields: FIELDS_6_1,
  kfuncs: kfuncTable(KFUNCS_6_1),
  kfuncHooks: {},
  nestedRcu: false,
  rcuSectionWanted: false,
  iteratorsUnderLock: false,
  dynptrsEnd: false,
  clonesMayGo: false,
  slicesEnd: false,
  kfuncSleepsFirst: false,
  tracepointNulls: false,
  tailCallReturns: false,
  sleepingGlobals: false,
  voidGlobals: false,
  timersInTracing: false,
  nmiSafeDrops: false,
  attach: ATTACH_6_1,
  iterTargets: ITERS_6_1,
  asyncReturn: [0, 0],
  tailCallChangesPacket: false,
};

const RULES_6_12: KernelRules = {
  since: [6, 12, 0],
  bounds: BOUNDS_6_12,
  cpuV4: true,
  acquireRelease: false,
  indirectJumps: false,
  stackArgs: false,
  backEdgesByJumpOnly: false,
  trust: true,
  storageArgNull: true,
  spillZero: true,
  spillUnbounded: true,
  linkedScalars: true,
  linksAnyConst: false,
  maxLinked: 6,
  compareScalarIds: true,
  identicalPointers: false,
  fullBacktrack: true,
  scrubOnVariableStore: true,
  forkBoolMask: true,
  iterateCallbacks: true,
  callbackOwnRefs: true,
  helperReadsKeep: false,
  memWriters: new Set(),
  leakSummary: false,
  kfuncArgsTrusted: false,
  retvalInRange: false,
  cpuNumberBounded: true,
  argsByRegister: false,
  constMapKeys: false,
  offsetsInOne: false,
  fieldsFirst: false,
  oneId: false,
  livenessBefore: false,
  untrustedMemory: false,
  untrustedHooks: [],
  zeroSizeMessage: true,
  helperWrites: true,
  refuseCtxImmStore: false,
  wholePointerArgs: true,
  eqLiftsNull: true,
  ringbufWord: 'ringbuf_',
  ringbufArg: 'ringbuf_mem',
  sleepableHelper: () => 'helper call might sleep in a non-sleepable prog',
  helperUnavailable: (name, id) => `program of this type cannot use helper ${name}#${id}`,
  tnumText(t) {
    if (t.mask === 0n) return t.value <= 0xffffn ? `${t.value}` : hex(t.value);
    return `(${hex(t.value)}; ${hex(t.mask)})`;
  },
  returnOk: (s, [lo, hi], as32) =>
    as32 ? lo <= s.s32min && s.s32max <= hi : BigInt(lo) <= s.smin && s.smax <= BigInt(hi),
  returnMessage(s, [lo, hi], where) {
    const smin = s.smin > S64_MIN ? ` smin=${s.smin}` : '';
    const smax = s.smax < S64_MAX ? ` smax=${s.smax}` : '';
    return `At ${where} the register R0 has${smin + smax || ' unknown scalar value'} should have been in [${lo}, ${hi}]`;
  },
  stackOffWords: true,
  tooManyPathsErrno: 7,
  fastcall: true,
  mayGotoBytes: 8,
  maxFrames: 8,
  stackRound: 16,
  fields: FIELDS_6_12,
  kfuncs: kfuncTable(KFUNCS_6_12),
  kfuncHooks: {},
  nestedRcu: false,
  rcuSectionWanted: false,
  iteratorsUnderLock: false,
  dynptrsEnd: true,
  clonesMayGo: false,
  slicesEnd: false,
  kfuncSleepsFirst: true,
  tracepointNulls: true,
  tailCallReturns: false,
  sleepingGlobals: false,
  voidGlobals: false,
  timersInTracing: false,
  nmiSafeDrops: false,
  attach: ATTACH_6_12,
  iterTargets: ITERS_6_12,
  asyncReturn: [0, 0],
  tailCallChangesPacket: true,
};

const RULES_7_2: KernelRules = {
  ...RULES_6_12,
  callbackOwnRefs: false,
  since: [7, 1, 0],
  acquireRelease: true,
  indirectJumps: true,
  stackArgs: true,
  bounds: BOUNDS_7_2,
  linksAnyConst: true,
  maxLinked: 5,
  tnumText(t) {
    if (t.mask !== 0n) return `(${hex(t.value)}; ${hex(t.mask)})`;
    const signed = BigInt.asIntN(64, t.value);
    return signed >= -0x8000n && signed <= 0xffffn ? `${signed}` : hex(t.value);
  },
  sleepableHelper: (name, id) => `sleepable helper ${name}#${id} in non-sleepable prog`,
  helperReadsKeep: true,
  memWriters: new Set([
    'bpf_d_path',
    'bpf_snprintf',
    'bpf_snprintf_btf',
    'bpf_read_branch_records',
    'bpf_fib_lookup',
    'bpf_sysctl_get_name',
    'bpf_load_hdr_opt',
  ]),
  leakSummary: true,
  attach: ATTACH_7_2,
  tailCallReturns: true,
  sleepingGlobals: true,
  voidGlobals: true,
  timersInTracing: true,
  nmiSafeDrops: true,
  iterTargets: ITERS_7_2,
  clonesMayGo: true,
  slicesEnd: true,
  kfuncArgsTrusted: true,
  kfuncs: kfuncTable(KFUNCS_7_2),
  kfuncHooks: HOOKS_7_0,
  nestedRcu: true,
  rcuSectionWanted: true,
  iteratorsUnderLock: true,
  retvalInRange: true,
  argsByRegister: true,
  maxFrames: 16,
  mayGotoBytes: 16,
  constMapKeys: true,
  offsetsInOne: true,
  fieldsFirst: true,
  oneId: true,
  livenessBefore: true,
  untrustedMemory: true,
  untrustedHooks: ['bdev_alloc_security', 'bdev_free_security'],
};

/** Newest first. */
const ALL: readonly KernelRules[] = [RULES_7_2, RULES_6_12, RULES_6_1];

/** The rules of the newest generation that is not newer than the kernel (the oldest for kernels before it). */
export function rulesFor(version: Version): KernelRules {
  const notAfter = (a: Version, b: Version): boolean =>
    a[0] !== b[0] ? a[0] < b[0] : a[1] !== b[1] ? a[1] < b[1] : a[2] <= b[2];
  return ALL.find((r) => notAfter(r.since, version)) ?? ALL[ALL.length - 1];
}
