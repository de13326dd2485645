/** Operations of the IR as bits of an eBPF instruction, and instructions as words and bytes. */
import {
  BPF_ADD, BPF_AND, BPF_ARSH, BPF_DIV, BPF_JEQ, BPF_JGE, BPF_JGT, BPF_JLE, BPF_JLT, BPF_JNE, BPF_JSGE, BPF_JSGT, BPF_JSLE,
  BPF_JSLT, BPF_LSH, BPF_MOD, BPF_MUL, BPF_OR, BPF_RSH, BPF_SUB, BPF_XOR,
} from '../../bpf/index.ts'; // prettier-ignore
import type { BinOp, Pred } from '../ir.ts';

/** Signed division has the operation of the unsigned one, and an offset of 1. */
export const ALU: Readonly<Record<BinOp, number>> = {
  add: BPF_ADD, sub: BPF_SUB, mul: BPF_MUL, udiv: BPF_DIV, sdiv: BPF_DIV, urem: BPF_MOD, srem: BPF_MOD, and: BPF_AND,
  or: BPF_OR, xor: BPF_XOR, shl: BPF_LSH, lshr: BPF_RSH, ashr: BPF_ARSH,
}; // prettier-ignore

export const JUMP: Readonly<Record<Pred, number>> = {
  eq: BPF_JEQ, ne: BPF_JNE, ult: BPF_JLT, ule: BPF_JLE, ugt: BPF_JGT, uge: BPF_JGE, slt: BPF_JSLT, sle: BPF_JSLE,
  sgt: BPF_JSGT, sge: BPF_JSGE,
}; // prettier-ignore

/** First word of an instruction; the second one is the immediate. */
export const insnWord = (op: number, dst: number, src: number, off: number): number =>
  (op | (dst << 8) | (src << 12) | ((off & 0xffff) << 16)) >>> 0;

/** Words as an object file has them. */
export function wordBytes(words: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  words.forEach((w, n) => view.setUint32(n * 4, w, true));
  return bytes;
}
