/**
 * Where knowledge was lost: from the refused instruction back along the recorded path, following the value through
 * copies, spills and calls, to the place where it stopped (or never began) to be what the instruction needs.
 */
import {
  BPF_ALU,
  BPF_ALU64,
  BPF_CALL,
  BPF_CLASS,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_LOAD_ACQ,
  BPF_MEM,
  BPF_MODE,
  BPF_MOV,
  BPF_NEG,
  BPF_OP,
  BPF_PSEUDO_CALL,
  BPF_SIZE,
  BPF_SRC,
  BPF_ST,
  BPF_STORE_REL,
  BPF_STX,
  BPF_X,
  BPF_EXIT,
  BPF_DW,
} from '../bpf/index.ts';
import type { Env } from './env.ts';
import type { History, Written } from './history.ts';
import type { Held } from './record.ts';
import type { Reg } from './reg.ts';
import type { LostKind } from './types.ts';

/** Is a value what the instruction needs? */
export type Good = (r: Reg) => boolean;

export interface Lost {
  readonly kind: LostKind;
  /** Position on the path; -1 = the entry. */
  readonly at: number;
  /** The place that held the value there. */
  readonly place: string;
}

const MAX_HOPS = 500;
const isGood = (h: Held | null, good: Good): boolean => h !== null && h.reg !== null && good(h.reg);
const frameOf = (place: string): number => Number(place.slice(0, place.indexOf(':')));

/** A number that decides whether a pointer or a size is in bounds, rather than the pointer: followed on its own. */
const isPointerSum = (h: Held | null): boolean => h?.reg !== undefined && h.reg !== null && h.reg.isPointer;

class Walk {
  readonly #env: Env;
  readonly #h: History;
  readonly #good: Good;
  /** The newest comparison that told something, but not enough. */
  #check = -1;

  constructor(env: Env, h: History, good: Good) {
    this.#env = env;
    this.#h = h;
    this.#good = good;
  }

  from(place: string, before: number): Lost {
    let at = before;
    for (let hop = 0; hop < MAX_HOPS; hop++) {
      const w = this.#h.lastWrite(place, at);
      if (w === null)
        return { kind: frameOf(place) === 0 && /R[1-5]$/.test(place) ? 'argument' : 'never-set', at: -1, place };
      if (w.at < 0) return { kind: w.now === null ? 'never-set' : 'argument', at: -1, place };
      const next = this.#step(place, w);
      if (!('move' in next)) return this.#weak(next);
      // The frame pointer: the address is made here.
      if (next.move.endsWith(':R10')) return this.#weak({ kind: 'arithmetic', at: w.at, place });
      place = next.move;
      at = w.at;
    }
    return { kind: 'arithmetic', at, place };
  }

  /** With a comparison on the way that was too weak, that is the place to look at. */
  #weak(l: Lost): Lost {
    const began = l.kind === 'call-result' || l.kind === 'load' || l.kind === 'argument' || l.kind === 'arithmetic';
    return began && this.#check > l.at ? { ...l, kind: 'weak-check', at: this.#check } : l;
  }

  #step(place: string, w: Written): Lost | { readonly move: string } {
    const { insns } = this.#env;
    const i = this.#h.insns[w.at];
    const op = insns.op[i];
    const cls = op & BPF_CLASS;
    const end = (kind: LostKind): Lost => ({ kind, at: w.at, place });
    const before = this.#h.at(place, w.at);
    const isSlot = place.includes('fp-');
    if (cls === BPF_JMP || cls === BPF_JMP32) {
      const o = op & BPF_OP;
      if (cls === BPF_JMP && o === BPF_CALL) return this.#call(place, w, i);
      if (cls === BPF_JMP && o === BPF_EXIT) return this.#back(place, w, i);
      if (w.begin === 'may-goto-on' || w.begin === 'may-goto-end') return end('widened');
      // A comparison: it makes a pointer NULL, or tells more of a number.
      if (isGood(before, this.#good) && !isGood(w.now, this.#good)) return end('branch');
      if (w.now?.reg?.isNull === true && before?.reg?.isScalar !== true) return end('branch');
      if (this.#check < 0 && w.now?.reg?.isScalar === true && before?.reg?.isScalar === true) this.#check = w.at;
      return { move: place };
    }
    if (isSlot) return this.#store(place, w, i);
    if (cls === BPF_LDX) return this.#load(place, w, i);
    if (cls === BPF_LD) return end((op & BPF_MODE) === 0 ? 'constant' : 'load');
    if (cls === BPF_ALU || cls === BPF_ALU64) return this.#alu(place, w, i);
    if (this.#env.insns.imm[i] === BPF_LOAD_ACQ) return this.#load(place, w, i);
    // An atomic operation that gives back what was there.
    return end('load');
  }

  #alu(place: string, w: Written, i: number): Lost | { readonly move: string } {
    const { insns } = this.#env;
    const op = insns.op[i];
    const end = (kind: LostKind): Lost => ({ kind, at: w.at, place });
    const isX = (op & BPF_SRC) === BPF_X;
    const src = `${frameOf(place)}:R${insns.src[i]}`;
    const own = `${frameOf(place)}:R${insns.dst[i]}`;
    // Numbers of the same origin learn and forget together.
    if (own !== place) return { move: place };
    const source = isX ? this.#h.at(src, w.at) : null;
    if ((op & BPF_OP) === BPF_MOV) {
      if (!isX) return end('constant');
      const whole = (op & BPF_CLASS) === BPF_ALU64 && insns.off[i] === 0;
      if (whole) return { move: src };
      return isGood(source, this.#good) ? end('narrowed') : { move: src };
    }
    const before = this.#h.at(place, w.at);
    if ((op & BPF_OP) === BPF_NEG || !isX) {
      const narrow = (op & BPF_CLASS) === BPF_ALU && isGood(before, this.#good);
      return isGood(before, this.#good) ? end(narrow ? 'narrowed' : 'arithmetic') : this.#dependsOn(before, w, place);
    }
    // Of a pointer and a number: the number decides how far it reaches.
    if (isPointerSum(w.now)) {
      const number = isPointerSum(before) ? src : place;
      const base = isPointerSum(before) ? before : source;
      if (!isGood(base, this.#good)) return { move: number === src ? place : src };
      return { move: number };
    }
    if (before !== null && before.reg?.num.isConst === true && source?.reg?.num.isConst === false) return { move: src };
    if (!isGood(before, this.#good)) return this.#dependsOn(before, w, place);
    return isGood(source, this.#good) ? end('arithmetic') : { move: src };
  }

  /** Arithmetic on something that was not good already. */
  #dependsOn(before: Held | null, w: Written, place: string): Lost | { readonly move: string } {
    return before === null ? { kind: 'arithmetic', at: w.at, place } : { move: place };
  }

  #load(place: string, w: Written, i: number): Lost | { readonly move: string } {
    const { insns } = this.#env;
    const op = insns.op[i];
    const end = (kind: LostKind): Lost => ({ kind, at: w.at, place });
    if (place !== `${frameOf(place)}:R${insns.dst[i]}`) return { move: place };
    const base = this.#h.at(`${frameOf(place)}:R${insns.src[i]}`, w.at)?.reg ?? null;
    const frame = insns.src[i] === 10 ? frameOf(place) : base?.kind === 'fp' ? base.frame : -1;
    if (frame < 0) return end('load');
    if (base !== null && base.kind === 'fp' && !base.num.isConst) return end('stack-variable');
    const off = insns.off[i] + (base !== null && base.kind === 'fp' ? base.off + base.num.constNumber : 0);
    const slot = `${frame}:fp-${Math.ceil(-off / 8) * 8}`;
    const held = this.#h.at(slot, w.at);
    const whole = (op & BPF_SIZE) === BPF_DW && off % 8 === 0;
    if (held !== null && held.reg !== null && held.types?.[7] === 1) {
      if (!whole && isGood(held, this.#good)) return end('stack-partial');
      return { move: slot };
    }
    const wrote = this.#h.lastWrite(slot, w.at);
    if (wrote === null || wrote.at < 0) return end('never-set');
    return { move: slot };
  }

  /** A slot of the stack was written. */
  #store(place: string, w: Written, i: number): Lost | { readonly move: string } {
    const { insns } = this.#env;
    const op = insns.op[i];
    const cls = op & BPF_CLASS;
    const end = (kind: LostKind): Lost => ({ kind, at: w.at, place });
    if (cls !== BPF_ST && cls !== BPF_STX) return { move: place };
    const here = frameAt(this.#h, w.at);
    const base = insns.dst[i] === 10 ? null : (this.#h.at(`${here}:R${insns.dst[i]}`, w.at)?.reg ?? null);
    if (base !== null && base.kind === 'fp' && !base.num.isConst) return end('stack-variable');
    const whole = (op & BPF_SIZE) === BPF_DW;
    const before = this.#h.at(place, w.at);
    if (cls === BPF_STX && ((op & BPF_MODE) === BPF_MEM || insns.imm[i] === BPF_STORE_REL)) {
      const src = `${here}:R${insns.src[i]}`;
      // A spill that keeps what it is.
      if (w.now?.types?.[7] === 1) return { move: src };
      if (before?.types?.[7] === 1 && isGood(before, this.#good)) return end('stack-overwritten');
      return isGood(this.#h.at(src, w.at), this.#good)
        ? end(whole ? 'stack-overwritten' : 'stack-partial')
        : { move: src };
    }
    return cls === BPF_ST ? end(before?.types?.[7] === 1 ? 'stack-overwritten' : 'constant') : end('stack-overwritten');
  }

  #call(place: string, w: Written, i: number): Lost | { readonly move: string } {
    const { insns } = this.#env;
    const end = (kind: LostKind): Lost => ({ kind, at: w.at, place });
    const n = frameOf(place);
    const caller = frameAt(this.#h, w.at);
    if (n > caller) {
      // An argument of the function that was entered; callbacks get theirs from the kernel.
      if (insns.src[i] === BPF_PSEUDO_CALL && /R[1-5]$/.test(place))
        return { move: `${n - 1}:${place.slice(place.indexOf(':') + 1)}` };
      return end('argument');
    }
    if (
      w.begin === 'iterator-next' ||
      w.begin === 'iterator-end' ||
      w.begin === 'callback' ||
      w.begin === 'callback-skipped'
    ) {
      if (!/R[0-5]$/.test(place)) return end('widened');
    }
    const before = this.#h.at(place, w.at);
    if (place.endsWith(':R0') && w.now !== null) return end('call-result');
    if (w.now === null) return end('call-destroyed');
    if (place.includes('fp-')) return end('call-overwrote');
    return end((before?.reg?.refId ?? 0) !== 0 && w.now.reg?.isScalar === true ? 'released' : 'call-destroyed');
  }

  /** An EXIT: what the caller has of it. */
  #back(place: string, w: Written, i: number): Lost | { readonly move: string } {
    const n = frameOf(place);
    if (w.begin === 'callback-return' || this.#env.subprogs[this.#env.subprogContaining(i)]?.isCallback === true) {
      return { kind: 'widened', at: w.at, place };
    }
    return place.endsWith(':R0') ? { move: `${n + 1}:R0` } : { move: place };
  }
}

/** The frame that an instruction of the path ran in: the innermost that there was. */
function frameAt(h: History, at: number): number {
  let n = 0;
  while (h.at(`${n + 1}:fn`, at) !== null) n++;
  return n;
}

/** Follows the value of a register before the refused instruction. */
export function lostBefore(env: Env, h: History, place: string, good: Good): Lost {
  return new Walk(env, h, good).from(place, h.insns.length - 1);
}

/** When the last place that held a reference lost it; null = it was held to the end. */
export function copyLost(h: History, id: number): Lost | null {
  let newest: Lost | null = null;
  for (const [place, list] of h.places()) {
    for (let i = list.length - 1; i >= 0; i--) {
      if (list[i].now?.reg?.refId !== id) continue;
      const gone = list[i + 1] as Written | undefined;
      if (gone === undefined) return null;
      if (newest === null || gone.at > newest.at) newest = { kind: 'copy-lost', at: gone.at, place };
      break;
    }
  }
  return newest;
}

/** When a section (`lock`, `rcu`, `preempt`) was entered that is still open, or left. */
export function lastChange(h: History, place: string): number {
  return h.lastWrite(place, h.insns.length)?.at ?? -1;
}
