/**
 * Which registers and stack slots may hold pointers to the stack, and to what offsets, on any path (7.1 on; liveness.c,
 * "arg tracking"). Precise up to four offsets of one frame, then the frame only, then a set of frames.
 */
import {
  accessSize,
  BPF_ADD,
  BPF_ALU,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_CLASS,
  BPF_DW,
  BPF_JMP,
  BPF_K,
  BPF_LD,
  BPF_LDX,
  BPF_LOAD_ACQ,
  BPF_MEM,
  BPF_MODE,
  BPF_MOV,
  BPF_OP,
  BPF_SIZE,
  BPF_SRC,
  BPF_ST,
  BPF_STX,
  BPF_SUB,
  type InsnArray,
} from '../bpf/index.ts';

import { argSlot, isArgLoad, isArgStore, MAX_STACK_ARGS } from './stack-args.ts';

/** What a place may point to. Never changed, as many instructions share one. */
export interface Track {
  /** The frame; or NONE, or MIXED. */
  readonly frame: number;
  /** Byte offsets from the frame pointer, ascending; none = not known. */
  readonly offs: readonly number[];
  /** With MIXED: bits of the frames. */
  readonly mask: number;
}

export const NONE = -1;
export const MIXED = -3;
const MAX_OFFSETS = 4;
export const STACK_SLOTS = 64;
/** r0 to r10; arguments on the stack come behind them. */
export const TRACKED_REGS = 11;
const NOWHERE: readonly number[] = [];

export const none: Track = { frame: NONE, offs: NOWHERE, mask: 0 };
export const single = (frame: number, off: number): Track => ({ frame, offs: [off], mask: 0 });
const anywhere = (frame: number): Track => ({ frame, offs: NOWHERE, mask: 0 });
const mixed = (mask: number): Track => ({ frame: MIXED, offs: NOWHERE, mask });

export const isFp = (t: Track): boolean => t.frame >= 0 || t.frame === MIXED;

/**
 * Registers r0 to r10, with arguments on the stack for the next call behind them where a program has such; or stack slots from the
 * frame pointer on. Never changed either.
 */
export type Tracks = readonly Track[];

export function sameTrack(a: Track, b: Track): boolean {
  if (a === b) return true;
  if (a.frame !== b.frame) return false;
  if (a.frame === MIXED) return a.mask === b.mask;
  return a.offs.length === b.offs.length && a.offs.every((o, i) => o === b.offs[i]);
}

export function trackText(t: Track): string {
  if (t.frame === NONE) return '_';
  if (t.frame === MIXED) return `IMP${t.mask.toString(16)}`;
  if (t.offs.length === 0) return `fp${t.frame} ?`;
  return t.offs.map((o) => `fp${t.frame}${o < 0 ? '' : '+'}${o}`).join('|');
}

function withOffsets(a: Track, b: Track): Track {
  const offs = [...new Set([...a.offs, ...b.offs])].sort((x, y) => x - y);
  return offs.length > MAX_OFFSETS ? anywhere(a.frame) : { frame: a.frame, offs, mask: 0 };
}

const framesOf = (t: Track): number => (t.frame >= 0 ? 1 << t.frame : t.mask);

/** What two ways make of a place. */
export function join(a: Track, b: Track): Track {
  if (a === b) return a;
  if (a.frame === b.frame && a.frame >= 0) {
    return a.offs.length === 0 || b.offs.length === 0 ? anywhere(a.frame) : withOffsets(a, b);
  }
  if (a.frame === NONE && b.frame === NONE) return a;
  // Something else on one way: the offset +0 beside the known one makes reads count, but not writes.
  if (b.frame === NONE && a.frame >= 0) return a.offs.length === 1 ? withOffsets(a, single(a.frame, 0)) : a;
  if (a.frame === NONE && b.frame >= 0) return b.offs.length === 1 ? withOffsets(b, single(b.frame, 0)) : b;
  return mixed(framesOf(a) | framesOf(b));
}

const fits16 = (v: number): boolean => v >= -32768 && v <= 32767;

/** Offsets moved by a constant; unknown when one leaves 16 bits. */
export function moved(t: Track, by: number): Track {
  if (t.offs.length === 0) return t;
  const offs = t.offs.map((o) => o + by);
  return fits16(by) && offs.every(fits16) ? { ...t, offs } : anywhere(t.frame);
}

/** 64-bit arithmetic of two registers. */
function combined(dst: Track, src: Track): Track {
  if (dst.frame >= 0 && (src.frame === NONE || src.frame === dst.frame)) return anywhere(dst.frame);
  if (src.frame >= 0 && dst.frame === NONE) return anywhere(src.frame);
  return dst.frame === NONE && src.frame === NONE ? dst : mixed(framesOf(dst) | framesOf(src));
}

/** The slot that begins at an offset; -1 = none does. */
const slotAt = (off: number): number => (off >= 0 || off < -STACK_SLOTS * 8 || off % 8 !== 0 ? -1 : -off / 8 - 1);

function put(row: Tracks, n: number, t: Track): Tracks {
  if (sameTrack(row[n], t)) return row;
  const out = row.slice();
  out[n] = t;
  return out;
}

/** An access of a function on frame `depth`, to its own stack. */
class Access {
  readonly #insns: InsnArray;
  readonly #i: number;
  readonly #regs: Tracks;

  constructor(insns: InsnArray, i: number, regs: Tracks) {
    this.#insns = insns;
    this.#i = i;
    this.#regs = regs;
  }

  /** What an aligned load of eight bytes finds. */
  fill(reg: number, stack: Tracks, depth: number): Track {
    const off = this.#insns.off[this.#i];
    const unknown = mixed((1 << (depth + 1)) - 1);
    if (reg === 10) {
      const slot = slotAt(off);
      return slot >= 0 ? stack[slot] : unknown;
    }
    const { offs } = this.#regs[reg];
    if (offs.length === 0) return unknown;
    let out: Track | null = null;
    for (const o of offs) {
      const slot = fits16(o + off) ? slotAt(o + off) : -1;
      if (slot < 0) return unknown;
      // The join begins with "none".
      out = join(out ?? none, stack[slot]);
    }
    return out ?? none;
  }

  /** A store of a register. */
  spill(reg: number, stack: Tracks, value: Track, size: number): Tracks {
    const off = this.#insns.off[this.#i];
    const now = size === 8 ? value : none;
    if (reg === 10) {
      const slot = slotAt(off);
      return slot >= 0 ? put(stack, slot, now) : stack;
    }
    const { offs } = this.#regs[reg];
    if (offs.length === 0) return stack.map((t) => join(t, now));
    let out = stack;
    for (const o of offs) {
      const slot = fits16(o + off) ? slotAt(o + off) : -1;
      if (slot < 0) continue;
      out = put(out, slot, offs.length === 1 ? now : join(out[slot], now));
    }
    return out;
  }

  /** A store of something else. */
  clear(reg: number, stack: Tracks, size: number): Tracks {
    const off = this.#insns.off[this.#i];
    if (reg === 10) return cleared(stack, off, size, true);
    const { offs } = this.#regs[reg];
    if (offs.length === 0) return stack.map((t) => join(t, none));
    let out = stack;
    for (const o of offs) {
      if (!fits16(o + off)) return out.map((t) => join(t, none));
      out = cleared(out, o + off, size, offs.length === 1);
    }
    return out;
  }
}

function cleared(stack: Tracks, off: number, size: number, surely: boolean): Tracks {
  let out = stack;
  for (let n = 0; n < STACK_SLOTS; n++) {
    const start = -(n + 1) * 8;
    if (start < off + size && start + 8 > off) out = put(out, n, surely ? none : join(out[n], none));
  }
  return out;
}

const mayBeOwn = (depth: number, reg: number, t: Track): boolean =>
  reg === 10 || t.frame === depth || (t.frame === MIXED && (t.mask & (1 << depth)) !== 0);

export interface Places {
  readonly regs: Tracks;
  readonly stack: Tracks;
}

/**
 * The places after an instruction of a function on frame `depth` (arg_track_xfer()). `fetched`: the register that an atomic
 * instruction loads into; `callers`: slots of a caller's stack when it called; `args`: what the function was entered with.
 */
export function follow(
  insns: InsnArray,
  i: number,
  { regs, stack }: Places,
  depth: number,
  fetched: number,
  callers: (frame: number) => Tracks,
  args: readonly Track[],
): Places {
  if (isArgStore(insns, i)) {
    const slot = argSlot(insns, i);
    if (slot >= MAX_STACK_ARGS) return { regs, stack };
    const stored = (insns.op[i] & BPF_CLASS) === BPF_STX ? regs[insns.src[i]] : none;
    return { regs: put(regs, TRACKED_REGS + slot, stored), stack };
  }
  if (isArgLoad(insns, i)) {
    const slot = argSlot(insns, i);
    return { regs: put(regs, insns.dst[i], slot < MAX_STACK_ARGS ? (args[TRACKED_REGS + slot] ?? none) : none), stack };
  }
  const op = insns.op[i];
  const d = insns.dst[i];
  const s = insns.src[i];
  const dst = regs[d];
  const src = regs[s];
  const o = op & BPF_OP;
  const access = new Access(insns, i, regs);
  switch (op & BPF_CLASS) {
    case BPF_ALU64:
      return { regs: put(regs, d, arithmetic(insns, i, dst, src)), stack };
    case BPF_ALU:
      return { regs: put(regs, d, none), stack };
    case BPF_JMP: {
      if (o !== BPF_CALL) return { regs, stack };
      let out = regs;
      for (let r = 0; r <= 5; r++) out = put(out, r, none);
      return { regs: out, stack };
    }
    case BPF_LDX: {
      let t = none;
      if ((op & BPF_MODE) === BPF_MEM && (op & BPF_SIZE) === BPF_DW) {
        if (mayBeOwn(depth, s, src)) t = access.fill(s, stack, depth);
        else if (src.frame >= 0 && src.frame < depth) t = access.fill(s, callers(src.frame), src.frame);
        else if (src.frame === MIXED && src.mask !== 0) t = src;
      }
      return { regs: put(regs, d, t), stack };
    }
    case BPF_LD:
      return { regs: (op & BPF_MODE) === 0 ? put(regs, d, none) : regs, stack };
    case BPF_STX: {
      const own = mayBeOwn(depth, d, dst);
      if ((op & BPF_MODE) === BPF_MEM) {
        return { regs, stack: own ? access.spill(d, stack, src, accessSize(op)) : stack };
      }
      if ((op & BPF_MODE) !== BPF_ATOMIC) return { regs, stack };
      const kept = own && insns.imm[i] !== BPF_LOAD_ACQ ? access.clear(d, stack, accessSize(op)) : stack;
      return { regs: fetched < 0 ? regs : put(regs, fetched, none), stack: kept };
    }
    case BPF_ST:
      if ((op & BPF_MODE) !== BPF_MEM || !mayBeOwn(depth, d, dst)) return { regs, stack };
      return { regs, stack: access.clear(d, stack, accessSize(op)) };
    default:
      return { regs, stack };
  }
}

function arithmetic(insns: InsnArray, i: number, dst: Track, src: Track): Track {
  const o = insns.op[i] & BPF_OP;
  if ((insns.op[i] & BPF_SRC) !== BPF_K) {
    if (o !== BPF_MOV) return combined(dst, src);
    // Otherwise a cast of address spaces, or a part of the pointer.
    return insns.off[i] === 0 ? src : none;
  }
  if (o === BPF_MOV) return none;
  if (dst.frame < 0) return dst;
  if (o === BPF_ADD) return moved(dst, insns.imm[i]);
  return o === BPF_SUB ? moved(dst, -insns.imm[i]) : anywhere(dst.frame);
}
