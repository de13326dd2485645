/** Shape of the program before any state: reserved fields, jumps, reachability, places where states are kept. */
import {
  BPF_ABS,
  BPF_ALU,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_CLASS,
  BPF_END,
  BPF_EXIT,
  BPF_IND,
  BPF_JA,
  BPF_JCOND,
  BPF_JMP,
  BPF_JMP32,
  BPF_JSLE,
  BPF_K,
  BPF_LD,
  BPF_LDX,
  BPF_MEM,
  BPF_MEMSX,
  BPF_MODE,
  BPF_NEG,
  BPF_OP,
  BPF_PSEUDO_BTF_ID,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_VALUE,
  BPF_SIZE,
  BPF_SRC,
  BPF_ST,
  BPF_STX,
  BPF_DW,
  BPF_W,
  OP_LD_IMM64,
} from '../bpf/index.ts';
import { checkMapForType } from './map-compat.ts';
import type { Env } from './env.ts';
import { E2BIG, EBUSY, EINVAL, ENOTSUPP } from './env.ts';
import { RB_ADD } from './graph.ts';
import { isAsyncCallbackHelper, isSyncCallbackHelper } from './helper-protos.ts';
import { checkTableOffset, isIndirectJump, isInsnArray, jumpTable, useInsnArray } from './indirect-jumps.ts';
import { kfuncOf } from './kfuncs.ts';
import { checkFields, checkRegisters } from './reserved-fields.ts';

/** States are compared and kept here. */
export const PRUNE_POINT = 1;
/** Control flow may arrive from elsewhere: recorded in the history. */
export const JMP_POINT = 2;
/** A checkpoint is made on each visit. */
export const FORCE_CHECKPOINT = 4;
/** A helper that calls back. */
export const CALLS_CALLBACK = 8;
/** The step of an open-coded iterator. */
export const ITER_NEXT = 16;
/** A jump that leaves a loop when the kernel's budget is used up. */
export const MAY_GOTO = 32;
/** A jump leads here. */
export const JUMP_TARGET = 64;
const WQ_SET_CALLBACK = 'bpf_wq_set_callback';

const BPF_MAXINSNS_PRIVILEGED = 1_000_000;
const HASH_ONLY_SLEEPABLE = new Set([
  'hash',
  'lru_hash',
  'array',
  'percpu_hash',
  'percpu_array',
  'lru_percpu_hash',
  'array_of_maps',
  'hash_of_maps',
  'ringbuf',
  'user_ringbuf',
  'inode_storage',
  'sk_storage',
  'task_storage',
  'cgrp_storage',
]);
/** Since 6.6 / 6.11 also these. */
const SLEEPABLE_NEWER = new Set(['queue', 'stack', 'arena']);
/** 7.2 has these, too. */
const SLEEPABLE_7_2 = new Set(['lpm_trie', 'prog_array', 'insn_array']);

const SLEEPABLE_MAPS = 'Sleepable programs can only use array, hash, ringbuf and local storage maps';

/** Finds the functions: from the loader's table and from the calls themselves. */
export function findSubprogs(env: Env): void {
  const { insns, prog } = env;
  // The loader's, too: nothing calls the function that exceptions end in.
  const starts = new Set<number>([0, ...prog.subprogs.map((s) => s.start)]);
  for (let i = 0; i < insns.count; i++) {
    const call = insns.op[i] === (BPF_JMP | BPF_CALL) && insns.src[i] === BPF_PSEUDO_CALL;
    const func = insns.op[i] === OP_LD_IMM64 && insns.src[i] === BPF_PSEUDO_FUNC;
    if (!call && !func) continue;
    const target = i + insns.imm[i] + 1;
    if (target < 0 || target >= insns.count) env.fail(EINVAL, 'bad-call', 'call to invalid destination');
    starts.add(target);
  }
  const sorted = [...starts].sort((a, b) => a - b);
  sorted.forEach((start, n) => {
    const known = prog.subprogs.find((s) => s.start === start);
    env.subprogs.push({
      name: known?.name ?? (n === 0 ? prog.name : `subprog_${n}`),
      start,
      end: sorted[n + 1] ?? insns.count,
      global: n > 0 && known?.linkage === 'global',
      funcTypeId: known?.funcTypeId ?? 0,
      stackDepth: 0,
      isCallback: false,
      changesPacket: false,
      mightSleep: false,
      isAsyncCallback: false,
      isExceptionCallback: false,
      hasTailCall: false,
      argsStored: 0,
      argsCalledFor: 0,
    });
  });
}

/** All jumps stay in their function, and no function runs into the next. */
export function checkSubprogs(env: Env): void {
  const { insns } = env;
  for (const sub of env.subprogs) {
    for (let i = sub.start; i < sub.end; i++) {
      const op = insns.op[i];
      const cls = op & BPF_CLASS;
      if (
        (cls === BPF_JMP || cls === BPF_JMP32) &&
        (op & BPF_OP) !== BPF_EXIT &&
        (op & BPF_OP) !== BPF_CALL &&
        !(env.rules.indirectJumps && isIndirectJump(op))
      ) {
        const to = i + (op === (BPF_JMP32 | BPF_JA) ? insns.imm[i] : insns.off[i]) + 1;
        if (to < sub.start || to >= sub.end) {
          env.insn = i;
          env.fail(EINVAL, 'jump-out-of-range', `jump out of range from insn ${i} to ${to}`);
        }
      }
      if (i === sub.end - 1) {
        const ends =
          op === (BPF_JMP | BPF_EXIT) ||
          op === (BPF_JMP | BPF_JA) ||
          op === (BPF_JMP32 | BPF_JA) ||
          (env.rules.indirectJumps && isIndirectJump(op));
        if (!ends) {
          env.insn = i;
          env.fail(EINVAL, 'no-exit', 'last insn is not an exit or jmp');
        }
      }
    }
  }
}

/** Opcodes that the kernel's interpreter knows. */
function knownOpcode(env: Env, op: number): boolean {
  const cls = op & BPF_CLASS;
  const v4 = env.rules.cpuV4;
  if (cls === BPF_ALU || cls === BPF_ALU64) {
    const o = op & BPF_OP;
    if (o > BPF_END) return false;
    if (o === BPF_END) return cls === BPF_ALU || (v4 && (op & BPF_SRC) === BPF_K);
    return o !== BPF_NEG || (op & BPF_SRC) === BPF_K;
  }
  if (cls === BPF_JMP) {
    const o = op & BPF_OP;
    if (isIndirectJump(op)) return env.rules.indirectJumps;
    if (o === BPF_JA || o === BPF_CALL || o === BPF_EXIT) return (op & BPF_SRC) === BPF_K;
    return o <= BPF_JSLE || (v4 && o === BPF_JCOND && (op & BPF_SRC) === BPF_K);
  }
  if (cls === BPF_JMP32) {
    const o = op & BPF_OP;
    // Debian's 6.1 has it, too.
    if (o === BPF_JA) return (op & BPF_SRC) === BPF_K;
    return o !== BPF_CALL && o !== BPF_EXIT && o <= BPF_JSLE;
  }
  const mode = op & BPF_MODE;
  const size = op & BPF_SIZE;
  if (cls === BPF_LDX) return mode === BPF_MEM || (v4 && mode === BPF_MEMSX && size !== BPF_DW);
  if (cls === BPF_ST) return mode === BPF_MEM;
  if (cls === BPF_STX) {
    const atomic = mode === BPF_ATOMIC && (size === BPF_W || size === BPF_DW || env.rules.acquireRelease);
    return mode === BPF_MEM || atomic;
  }
  if (cls === BPF_LD) return op === OP_LD_IMM64 || ((mode === BPF_ABS || mode === BPF_IND) && size !== BPF_DW);
  return false;
}

/** Reserved fields of loads, ld_imm64 pairs and the maps they name. */
export function checkEncoding(env: Env): void {
  const { insns } = env;
  if (insns.count === 0 || insns.count > BPF_MAXINSNS_PRIVILEGED)
    env.fail(E2BIG, 'too-large', 'program has no or too many instructions');
  for (let i = 0; i < insns.count; i++) {
    env.spend(0.2);
    env.insn = i;
    const op = insns.op[i];
    if (env.rules.fieldsFirst) checkRegisters(env, i);
    else if ((op & BPF_CLASS) === BPF_LDX) {
      const mode = op & BPF_MODE;
      if ((mode !== BPF_MEM && !(env.rules.cpuV4 && mode === BPF_MEMSX)) || insns.imm[i] !== 0) {
        env.fail(EINVAL, 'reserved-fields', 'BPF_LDX uses reserved fields');
      }
    }
    if (op === OP_LD_IMM64) {
      if (
        i === insns.count - 1 ||
        insns.op[i + 1] !== 0 ||
        insns.dst[i + 1] !== 0 ||
        insns.src[i + 1] !== 0 ||
        insns.off[i + 1] !== 0
      ) {
        env.fail(EINVAL, 'bad-ld-imm64', 'invalid bpf_ld_imm64 insn');
      }
      if (env.rules.fieldsFirst && insns.off[i] !== 0) {
        env.fail(EINVAL, 'reserved-fields', 'BPF_LD_IMM64 uses reserved fields');
      }
      checkLdImm(env, i);
      i++;
      continue;
    }
    if (!knownOpcode(env, op)) env.fail(EINVAL, 'unknown-opcode', `unknown opcode ${op.toString(16).padStart(2, '0')}`);
    if (env.rules.fieldsFirst) checkFields(env, i);
  }
}

function checkLdImm(env: Env, i: number): void {
  const { insns } = env;
  const src = insns.src[i];
  if (src === 0 || src === BPF_PSEUDO_FUNC || src === BPF_PSEUDO_BTF_ID) return;
  if (src !== BPF_PSEUDO_MAP_FD && src !== BPF_PSEUDO_MAP_VALUE)
    env.fail(EINVAL, 'bad-ld-imm64', 'unrecognized bpf_ld_imm64 insn');
  const map = env.obj.maps[insns.imm[i]];
  // Negative: a file descriptor that the loader did not know (see `hideRawMaps`).
  if (map === undefined) {
    const fd = insns.imm[i] < 0 ? -1 - insns.imm[i] : insns.imm[i];
    // The loader's standard streams are files, but no maps.
    env.fail(fd <= 2 ? EINVAL : 9, 'bad-map', `fd ${fd} is not pointing to valid bpf_map`);
  }
  checkMapForType(env, map);
  if (
    env.prog.attach.sleepable &&
    !HASH_ONLY_SLEEPABLE.has(map.type) &&
    !(env.rules.cpuV4 && SLEEPABLE_NEWER.has(map.type)) &&
    !(env.rules.indirectJumps && SLEEPABLE_7_2.has(map.type))
  ) {
    env.fail(EINVAL, 'map-not-for-sleepable', SLEEPABLE_MAPS);
  }
  if (map.type === 'arena') {
    if (env.arena !== null && env.arena !== map) env.fail(EBUSY, 'arena', 'Only one arena per program');
    env.arena = map;
  }
  if (isInsnArray(map)) useInsnArray(env, map);
  if (src === BPF_PSEUDO_MAP_FD) {
    if (insns.imm[i + 1] !== 0) env.fail(EINVAL, 'bad-ld-imm64', 'unrecognized bpf_ld_imm64 insn');
    return;
  }
  const off = insns.imm[i + 1] >>> 0;
  if (!env.rules.fieldsFirst && off >= 1 << 29)
    env.fail(EINVAL, 'map-value-offset', `direct value offset of ${off} is not allowed`);
  if (map.type === 'arena') return;
  if (isInsnArray(map)) {
    checkTableOffset(env, map, off);
    return;
  }
  if (map.type !== 'array') env.fail(EINVAL, 'map-value-direct', 'no direct value access support for this map type');
  if (map.maxEntries !== 1)
    env.fail(
      ENOTSUPP,
      'map-value-direct',
      `invalid access to map value pointer, value_size=${map.valueSize} off=${off}`,
    );
  if (off >= map.valueSize)
    env.fail(EINVAL, 'map-value-offset', `invalid access to map value pointer, value_size=${map.valueSize} off=${off}`);
}

/** Where a jump at `i` goes, besides the next instruction. */
export const jumpTarget = (env: Env, i: number): number =>
  i + 1 + (env.insns.op[i] === (BPF_JMP32 | BPF_JA) ? env.insns.imm[i] : env.insns.off[i]);

interface Edge {
  readonly to: number;
  /** May it lead back to an instruction on the way here? */
  readonly backOk: boolean;
}

/** Where control goes after `i`; marks the points on the way. */
function edgesOf(env: Env, i: number): readonly Edge[] {
  const { insns, points } = env;
  const mark = (at: number, bits: number): void => {
    if (at >= 0 && at < points.length) points[at] |= bits;
  };
  const strict = !env.rules.backEdgesByJumpOnly;
  const op = insns.op[i];
  const cls = op & BPF_CLASS;
  if (op === OP_LD_IMM64) {
    const edges: Edge[] = [{ to: i + 2, backOk: strict }];
    if (insns.src[i] === BPF_PSEUDO_FUNC) {
      const to = i + insns.imm[i] + 1;
      mark(i, PRUNE_POINT);
      mark(i + 2, PRUNE_POINT | JMP_POINT);
      mark(to, PRUNE_POINT | JMP_POINT);
      edges.push({ to, backOk: true });
    }
    return edges;
  }
  if (cls !== BPF_JMP && cls !== BPF_JMP32) return [{ to: i + 1, backOk: strict }];
  switch (op & BPF_OP) {
    case BPF_EXIT:
      return [];
    case BPF_CALL: {
      if (insns.src[i] === 0 && env.rules.iterateCallbacks && isSyncCallbackHelper(insns.imm[i])) {
        mark(i, PRUNE_POINT | JMP_POINT | FORCE_CHECKPOINT | CALLS_CALLBACK);
      }
      if (insns.src[i] === 0 && isAsyncCallbackHelper(insns.imm[i])) mark(i, PRUNE_POINT);
      if (insns.src[i] === BPF_PSEUDO_KFUNC_CALL) {
        const k = kfuncOf(env, i);
        if (k?.role === RB_ADD) mark(i, PRUNE_POINT | JMP_POINT | FORCE_CHECKPOINT | CALLS_CALLBACK);
        if (k?.role === WQ_SET_CALLBACK) mark(i, PRUNE_POINT);
        if (k?.flags.has('iter_next')) mark(i, PRUNE_POINT | FORCE_CHECKPOINT | ITER_NEXT);
      }
      // After each call control flow may come back from a callee.
      mark(i + 1, PRUNE_POINT | JMP_POINT);
      const edges: Edge[] = [{ to: i + 1, backOk: strict }];
      if (insns.src[i] === BPF_PSEUDO_CALL) {
        const to = i + insns.imm[i] + 1;
        mark(i, PRUNE_POINT);
        mark(to, PRUNE_POINT | JMP_POINT);
        edges.push({ to, backOk: strict });
      }
      return edges;
    }
    case BPF_JA: {
      if (isIndirectJump(op)) {
        const table = jumpTable(env, i);
        mark(i, PRUNE_POINT);
        for (const to of table) mark(to, JMP_POINT | JUMP_TARGET);
        // The kernel looks at the last one first.
        return table.map((to) => ({ to, backOk: true })).reverse();
      }
      const to = jumpTarget(env, i);
      mark(to, PRUNE_POINT | JMP_POINT | JUMP_TARGET);
      return [{ to, backOk: true }];
    }
    default: {
      const to = jumpTarget(env, i);
      mark(i, PRUNE_POINT);
      if (op === (BPF_JMP | BPF_JCOND)) mark(i, FORCE_CHECKPOINT | MAY_GOTO);
      mark(to, PRUNE_POINT | JMP_POINT | JUMP_TARGET);
      return [
        { to: i + 1, backOk: true },
        { to, backOk: true },
      ];
    }
  }
}

const ON_THE_WAY = 1;
const DONE = 2;

/** Marks the points, depth first as the kernel does, and finds what cannot be reached. */
export function checkCfg(env: Env): void {
  const { insns } = env;
  const seen = new Uint8Array(insns.count);
  const work: { insn: number; edges: readonly Edge[]; next: number }[] = [];
  const visit = (insn: number): void => {
    env.spend(1);
    seen[insn] = ON_THE_WAY;
    work.push({ insn, edges: edgesOf(env, insn), next: 0 });
  };
  visit(0);
  let callbackDone = false;
  for (;;) {
    if (work.length === 0) {
      // Nothing calls the function that exceptions end in.
      if (callbackDone || env.exceptionCallback < 0) break;
      callbackDone = true;
      const { start } = env.subprogs[env.exceptionCallback];
      if (seen[start] !== 0) break;
      visit(start);
    }
    const at = work[work.length - 1];
    const edge = at.edges[at.next++];
    if (edge === undefined) {
      seen[at.insn] = DONE;
      work.pop();
      continue;
    }
    if (edge.to < 0 || edge.to >= insns.count) {
      env.insn = at.insn;
      env.fail(EINVAL, 'jump-out-of-range', `jump out of range from insn ${at.insn} to ${edge.to}`);
    }
    if (seen[edge.to] === 0) visit(edge.to);
    else if (seen[edge.to] === ON_THE_WAY && !edge.backOk) {
      env.insn = at.insn;
      env.fail(EINVAL, 'back-edge', `back-edge from insn ${at.insn} to ${edge.to}`);
    }
  }
  for (let i = 0; i < insns.count; i++) {
    if (!seen[i]) {
      env.insn = i;
      env.fail(EINVAL, 'unreachable', `unreachable insn ${i}`);
    }
    if (insns.op[i] === OP_LD_IMM64) {
      if (seen[i + 1]) {
        env.insn = i;
        env.fail(EINVAL, 'jump-into-ld-imm64', `jump into the middle of ldimm64 insn ${i}`);
      }
      i++;
    }
  }
}
