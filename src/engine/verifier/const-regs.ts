/**
 * Registers that hold the same constant on every path, found before the walk (7.1 on): branches that these decide become jumps,
 * so that code that never runs makes nothing live, and sizes and maps of calls are known (const_fold.c).
 */
import {
  accessSize,
  BPF_ADD,
  BPF_ALU,
  BPF_ALU64,
  BPF_AND,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_CLASS,
  BPF_CMPXCHG,
  BPF_EXIT,
  BPF_FETCH,
  BPF_IMM,
  BPF_JA,
  BPF_JCOND,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_LOAD_ACQ,
  BPF_MEMSX,
  BPF_MODE,
  BPF_MOV,
  BPF_OP,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_VALUE,
  BPF_SRC,
  BPF_STX,
  BPF_SUB,
  BPF_X,
  OP_LD_IMM64,
} from '../bpf/index.ts';
import type { Env } from './env.ts';
import type { Flow } from './flow.ts';
import { frozenValue } from './memory.ts';
import { Scalar } from './scalar.ts';
import { isArgLoad } from './stack-args.ts';

type Known =
  | { readonly is: 'unseen' | 'unknown' }
  | { readonly is: 'number'; readonly value: bigint }
  | { readonly is: 'map'; readonly map: number }
  | { readonly is: 'map-value'; readonly map: number; readonly value: bigint }
  | { readonly is: 'function'; readonly subprog: number };

/** What r0 to r10 are known to be; never changed, as many instructions share one. */
export type KnownRegs = readonly Known[];

const UNSEEN: Known = { is: 'unseen' };
const UNKNOWN: Known = { is: 'unknown' };
const ALL_UNSEEN: KnownRegs = new Array<Known>(11).fill(UNSEEN);
const ALL_UNKNOWN: KnownRegs = new Array<Known>(11).fill(UNKNOWN);

const u64 = (v: bigint): bigint => BigInt.asUintN(64, v);
const constant = (v: bigint): Known => ({ is: 'number', value: u64(v) });

function same(a: Known, b: Known): boolean {
  if (a === b) return true;
  if (a.is !== b.is) return false;
  if (a.is === 'number' && b.is === 'number') return a.value === b.value;
  if (a.is === 'map' && b.is === 'map') return a.map === b.map;
  if (a.is === 'map-value' && b.is === 'map-value') return a.map === b.map && a.value === b.value;
  if (a.is === 'function' && b.is === 'function') return a.subprog === b.subprog;
  return true;
}

function put(regs: KnownRegs, n: number, k: Known): KnownRegs {
  if (same(regs[n], k)) return regs;
  const out = regs.slice();
  out[n] = k;
  return out;
}

/** What the walk starts with is the same for registers that a call overwrites. */
function afterCall(regs: KnownRegs): KnownRegs {
  let out = regs;
  for (let r = 0; r <= 5; r++) out = put(out, r, UNKNOWN);
  return out;
}

function moved(env: Env, i: number, src: Known): Known {
  const { insns } = env;
  const off = insns.off[i];
  if (off === 0) return src;
  if (src.is !== 'number' || (off !== 8 && off !== 16 && off !== 32)) return UNKNOWN;
  return constant(BigInt.asIntN(off, src.value));
}

function arithmetic(env: Env, i: number, regs: KnownRegs): Known {
  const { insns } = env;
  const op = insns.op[i] & BPF_OP;
  const isX = (insns.op[i] & BPF_SRC) === BPF_X;
  const dst = regs[insns.dst[i]];
  const src = regs[insns.src[i]];
  const imm = BigInt(insns.imm[i]);
  if (op === BPF_MOV) return isX ? moved(env, i, src) : constant(imm);
  if ((op === BPF_ADD || op === BPF_SUB) && !isX) {
    const by = op === BPF_ADD ? imm : -imm;
    if (dst.is === 'number') return constant(dst.value + by);
    return dst.is === 'map-value' ? { ...dst, value: u64(dst.value + by) } : UNKNOWN;
  }
  if (op === BPF_AND) {
    if (!isX) {
      if (dst.is === 'number') return constant(dst.value & u64(imm));
      return imm === 0n ? constant(0n) : UNKNOWN;
    }
    if (dst.is === 'number' && dst.value === 0n) return dst;
    if (src.is === 'number' && src.value === 0n) return src;
    if (dst.is === 'number' && src.is === 'number') return constant(dst.value & src.value);
  }
  return UNKNOWN;
}

function loadedImm(env: Env, i: number): Known {
  const { insns } = env;
  switch (insns.src[i]) {
    case 0:
      return constant((BigInt(insns.imm[i + 1] >>> 0) << 32n) | BigInt(insns.imm[i] >>> 0));
    case BPF_PSEUDO_FUNC: {
      const subprog = env.subprogAt(i + insns.imm[i] + 1);
      return subprog < 0 ? UNKNOWN : { is: 'function', subprog };
    }
    case BPF_PSEUDO_MAP_FD:
      return { is: 'map', map: insns.imm[i] };
    case BPF_PSEUDO_MAP_VALUE:
      return { is: 'map-value', map: insns.imm[i], value: BigInt(insns.imm[i + 1] >>> 0) };
    default:
      return UNKNOWN;
  }
}

/** A load from a map that nobody writes. */
function loaded(env: Env, i: number, from: Known): Known {
  const { insns } = env;
  if (from.is !== 'map-value') return UNKNOWN;
  const map = env.obj.maps[from.map];
  const off = Number(BigInt.asIntN(32, from.value)) + insns.off[i];
  const signed = (insns.op[i] & BPF_MODE) === BPF_MEMSX;
  if (off < 0) return UNKNOWN;
  const v = frozenValue(map, off, accessSize(insns.op[i]), signed);
  return v === null ? UNKNOWN : constant(v);
}

/** What the registers are after an instruction (const_reg_xfer()). */
function after(env: Env, i: number, regs: KnownRegs): KnownRegs {
  const { insns } = env;
  const op = insns.op[i];
  switch (op & BPF_CLASS) {
    case BPF_ALU:
    case BPF_ALU64: {
      let v = arithmetic(env, i, regs);
      if ((op & BPF_CLASS) === BPF_ALU) {
        v = v.is === 'number' ? constant(BigInt.asUintN(32, v.value)) : UNKNOWN;
      }
      return put(regs, insns.dst[i], v);
    }
    case BPF_LD:
      if (op === OP_LD_IMM64) return put(regs, insns.dst[i], loadedImm(env, i));
      return (op & BPF_MODE) === BPF_IMM ? regs : afterCall(regs);
    case BPF_LDX:
      return put(regs, insns.dst[i], isArgLoad(insns, i) ? UNKNOWN : loaded(env, i, regs[insns.src[i]]));
    case BPF_STX: {
      const into = fetchedInto(env, i);
      return into < 0 ? regs : put(regs, into, UNKNOWN);
    }
    case BPF_JMP:
      return op === (BPF_JMP | BPF_CALL) ? afterCall(regs) : regs;
    default:
      return regs;
  }
}

/** The register that an atomic instruction loads into; -1 = none. */
export function fetchedInto(env: Env, i: number): number {
  const { insns } = env;
  if ((insns.op[i] & BPF_CLASS) !== BPF_STX || (insns.op[i] & BPF_MODE) !== BPF_ATOMIC) return -1;
  if (insns.imm[i] === BPF_CMPXCHG) return 0;
  if (insns.imm[i] === BPF_LOAD_ACQ) return insns.dst[i];
  return (insns.imm[i] & BPF_FETCH) !== 0 ? insns.src[i] : -1;
}

/** Two ways meet. */
function meet(old: KnownRegs, now: KnownRegs): KnownRegs {
  if (old === now) return old;
  let out = old;
  for (let r = 0; r < 11; r++) {
    const a = old[r];
    const b = now[r];
    if (a.is === 'unseen') out = put(out, r, b);
    else if (a.is !== 'unknown' && !same(a, b)) out = put(out, r, UNKNOWN);
  }
  return out;
}

/** What is known of the registers before each instruction. */
export class ConstRegs {
  readonly #regs: KnownRegs[];

  constructor(env: Env, flow: Flow) {
    const { from, to, order } = flow;
    const regs = new Array<KnownRegs>(env.insns.count).fill(ALL_UNSEEN);
    for (const s of env.subprogs) regs[s.start] = ALL_UNKNOWN;
    for (let changed = true; changed;) {
      changed = false;
      for (let j = order.length - 1; j >= 0; j--) {
        const i = order[j];
        env.spend(0.3);
        const out = after(env, i, regs[i]);
        for (let k = from[i]; k < from[i + 1]; k++) {
          const met = meet(regs[to[k]], out);
          if (met === regs[to[k]]) continue;
          regs[to[k]] = met;
          changed = true;
        }
      }
    }
    this.#regs = regs;
  }

  /** The number, when it fits 32 bits; null = not known. */
  number(i: number, reg: number): bigint | null {
    const k = this.#regs[i][reg];
    return k.is === 'number' && k.value >> 32n === 0n ? k.value : null;
  }

  /** Index of the map that a register points to; -1 = not known. */
  map(i: number, reg: number): number {
    const k = this.#regs[i][reg];
    return k.is === 'map' ? k.map : -1;
  }

  /** The function that a register points to; -1 = not known. */
  subprog(i: number, reg: number): number {
    const k = this.#regs[i][reg];
    return k.is === 'function' ? k.subprog : -1;
  }
}

/** Conditional jumps that constants decide become plain ones. @returns did any? (bpf_prune_dead_branches()) */
export function pruneDeadBranches(env: Env, known: ConstRegs): boolean {
  const decided: [number, boolean][] = [];
  const { insns } = env;
  const { branchTaken } = env.rules.bounds;
  for (let i = 0; i < insns.count; i++) {
    const cls = insns.op[i] & BPF_CLASS;
    const op = insns.op[i] & BPF_OP;
    if (cls !== BPF_JMP && cls !== BPF_JMP32) continue;
    if (op === BPF_JA || op === BPF_CALL || op === BPF_EXIT || op === BPF_JCOND) continue;
    const dst = known.number(i, insns.dst[i]);
    const isX = (insns.op[i] & BPF_SRC) === BPF_X;
    const src = isX ? known.number(i, insns.src[i]) : BigInt(insns.imm[i]);
    if (dst === null || src === null) continue;
    const taken = branchTaken(op, cls === BPF_JMP32, Scalar.constant(dst), Scalar.constant(src));
    decided.push([i, taken === 1]);
  }
  if (decided.length === 0) return false;
  const copy = {
    count: insns.count,
    op: insns.op.slice(),
    dst: insns.dst.slice(),
    src: insns.src.slice(),
    off: insns.off.slice(),
    imm: insns.imm.slice(),
  };
  for (const [i, taken] of decided) {
    copy.op[i] = BPF_JMP | BPF_JA;
    copy.dst[i] = copy.src[i] = copy.imm[i] = 0;
    if (!taken) copy.off[i] = 0;
  }
  env.insns = copy;
  return true;
}
