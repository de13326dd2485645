/** What a register (or a spilled slot) may hold. `Reg` objects are immutable once stored: change a copy. */
import type { Btf } from '../bpf/index.ts';
import type { MapDef } from '../loader/index.ts';
import { Scalar, SCALAR_UNKNOWN, SCALAR_ZERO } from './scalar.ts';
import { tnumIn } from './tnum.ts';

/** The kernel's bpf_reg_type without flags; the string is what the log prints. */
export type RegKind =
  | '?'
  | 'scalar'
  | 'ctx'
  | 'map_ptr'
  | 'map_value'
  | 'fp'
  | 'ptr_'
  | 'mem'
  | 'buf'
  | 'func'
  | 'map_key'
  | 'dynptr_ptr'
  | 'arena'
  /** An instruction of the program, from an instruction array. */
  | 'insn'
  // Networking programs:
  | 'pkt'
  | 'pkt_meta'
  | 'pkt_end'
  | 'flow_keys'
  | 'sock'
  | 'sock_common'
  | 'tcp_sock'
  | 'xdp_sock'
  | 'tp_buffer';

export const MAYBE_NULL = 1;
export const RDONLY = 2;
/** Memory of a ring buffer record (called `alloc_` in 6.1's log). */
export const RINGBUF = 4;
export const USER = 8;
export const PERCPU = 16;
export const RCU = 32;
export const UNTRUSTED = 64;
export const TRUSTED = 128;
/** Object of the program's own, from bpf_obj_new() and the like. */
export const ALLOC = 256;
/** Pointer to a node that a list or tree owns. */
export const NON_OWN = 512;
/** Slices of packet dynptrs. */
export const DYNPTR_SKB = 1024;
export const DYNPTR_XDP = 2048;

/** What a dynptr stands for. */
export type DynptrType = 'local' | 'ringbuf' | 'skb' | 'xdp' | 'file';
/** State of a dynptr (in its two stack slots, or behind a constant pointer to one). */
export interface DynptrInfo {
  readonly type: DynptrType;
  readonly first: boolean;
}
/** State of an open-coded iterator, in each of its stack slots. */
export interface IterInfo {
  readonly btfId: number;
  readonly state: 'active' | 'drained';
  readonly depth: number;
}

/** Marks a scalar's id as "base + constant" (6.12); `off` is the constant. */
export const ADD_CONST = 0x8000_0000;
/** The same, added in 32 bits (7.0). */
export const ADD_CONST32 = 0x4000_0000;
/** The id without the mark, and the mark; 0 = none. */
export const baseId = (id: number): number => id & 0x3fff_ffff;
export const linkOf = (id: number): number => id - baseId(id);

export class Reg {
  kind: RegKind;
  flags = 0;
  /** The number itself, or the variable part of a pointer's offset. */
  num: Scalar;
  /** Fixed part of the offset. */
  off = 0;
  id = 0;
  refId = 0;
  map: MapDef | null = null;
  mapUid = 0;
  /** Size of memory; for packets how far data is known to reach (negative: see `packet.ts`). */
  memSize = 0;
  btf: Btf | null = null;
  btfId = 0;
  frame = 0;
  subprog = 0;
  /** Of slices: the dynptr that they were taken from. */
  dynptrId = 0;
  dynptr: DynptrInfo | null = null;
  iter: IterInfo | null = null;
  /**
   * 6.1: a zero read from the stack, or computed from one since the last checkpoint. Searches back for precision end here, so
   * numbers that are combined with it are searched for at once.
   */
  precise = false;
  /** Instruction that made this value; for explanations only, never compared. */
  origin = -1;

  constructor(kind: RegKind, num: Scalar) {
    this.kind = kind;
    this.num = num;
  }

  copy(): Reg {
    const r = new Reg(this.kind, this.num);
    r.flags = this.flags;
    r.off = this.off;
    r.id = this.id;
    r.refId = this.refId;
    r.map = this.map;
    r.mapUid = this.mapUid;
    r.memSize = this.memSize;
    r.btf = this.btf;
    r.btfId = this.btfId;
    r.frame = this.frame;
    r.subprog = this.subprog;
    r.dynptrId = this.dynptrId;
    r.dynptr = this.dynptr;
    r.iter = this.iter;
    r.precise = this.precise;
    r.origin = this.origin;
    return r;
  }

  get isScalar(): boolean {
    return this.kind === 'scalar';
  }

  get isPointer(): boolean {
    return this.kind !== 'scalar';
  }

  get mayBeNull(): boolean {
    return (this.flags & MAYBE_NULL) !== 0;
  }

  /** The constant 0. */
  get isNull(): boolean {
    return this.kind === 'scalar' && this.num.isZero;
  }

  /** A copy with another number (the id goes too unless kept by the caller). */
  withNum(num: Scalar): Reg {
    const r = this.copy();
    r.num = num;
    return r;
  }
}

export const NOT_INIT: Reg = new Reg('?', SCALAR_UNKNOWN);

export function scalarReg(num: Scalar, origin = -1): Reg {
  const r = new Reg('scalar', num);
  r.origin = origin;
  return r;
}
export const unknownReg = (origin = -1): Reg => scalarReg(SCALAR_UNKNOWN, origin);
/** @param v a `number` must be an int32; it is sign-extended */
export const constReg = (v: bigint | number, origin = -1): Reg =>
  scalarReg(typeof v === 'number' ? Scalar.int32(v) : Scalar.constant(v), origin);

export function pointerReg(kind: RegKind, flags = 0, origin = -1): Reg {
  const r = new Reg(kind, SCALAR_ZERO);
  r.flags = flags;
  r.origin = origin;
  return r;
}

/** Memory of no known size that is only ever read, with faults caught. */
export const untrustedMemory = (origin: number): Reg => pointerReg('mem', RDONLY | UNTRUSTED, origin);
export const isUntrustedMemory = (r: Reg): boolean => r.kind === 'mem' && (r.flags & UNTRUSTED) !== 0;

/** Is every number that `cur` may be one that `old` may be? */
export const covers = (old: Reg, cur: Reg): boolean =>
  old.num.rangeContains(cur.num) && tnumIn(old.num.tnum, cur.num.tnum);

/** The same value for state comparison, ids and provenance aside. */
export function sameShape(a: Reg, b: Reg): boolean {
  return (
    a.kind === b.kind &&
    a.flags === b.flags &&
    a.off === b.off &&
    a.map === b.map &&
    a.mapUid === b.mapUid &&
    a.memSize === b.memSize &&
    a.btf === b.btf &&
    a.btfId === b.btfId &&
    a.dynptrId === b.dynptrId &&
    a.dynptr?.type === b.dynptr?.type &&
    a.subprog === b.subprog
  );
}

/** Type as the kernel's reg_type_str() spells it, e.g. `map_value_or_null`, `trusted_ptr_`. */
export function typeName(kind: RegKind, flags: number, ringbufWord: string): string {
  const prefix =
    (flags & RDONLY ? 'rdonly_' : '') +
    (flags & RINGBUF ? ringbufWord : '') +
    (flags & USER ? 'user_' : '') +
    (flags & PERCPU ? 'percpu_' : '') +
    (flags & RCU ? 'rcu_' : '') +
    (flags & UNTRUSTED ? 'untrusted_' : '') +
    (flags & TRUSTED ? 'trusted_' : '');
  const postfix = flags & MAYBE_NULL ? (kind === 'ptr_' ? 'or_null_' : '_or_null') : '';
  return prefix + kind + postfix;
}

/** Kinds that may be spilled with their type. */
export const isSpillable = (r: Reg): boolean => r.kind !== '?' && r.kind !== 'scalar' && r.kind !== 'insn';

/** A node that a list or tree owns, borrowed while the lock is held. */
export const isNonOwning = (r: Reg): boolean =>
  r.kind === 'ptr_' && (r.flags & ALLOC) !== 0 && (r.flags & NON_OWN) !== 0;
