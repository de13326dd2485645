/** Relations between conditional jumps. */
import {
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JLE,
  BPF_JLT,
  BPF_JNE,
  BPF_JSET,
  BPF_JSGE,
  BPF_JSGT,
  BPF_JSLE,
  BPF_JSLT,
} from '../bpf/index.ts';

/** The opposite of JSET, which no instruction expresses. */
export const NOT_JSET = BPF_JSET | 0x08;

const FLIP: Readonly<Record<number, number>> = {
  [BPF_JGE]: BPF_JLE,
  [BPF_JGT]: BPF_JLT,
  [BPF_JLE]: BPF_JGE,
  [BPF_JLT]: BPF_JGT,
  [BPF_JSGE]: BPF_JSLE,
  [BPF_JSGT]: BPF_JSLT,
  [BPF_JSLE]: BPF_JSGE,
  [BPF_JSLT]: BPF_JSGT,
};
const NEGATE: Readonly<Record<number, number>> = {
  [BPF_JEQ]: BPF_JNE,
  [BPF_JNE]: BPF_JEQ,
  [BPF_JSET]: NOT_JSET,
  [BPF_JGE]: BPF_JLT,
  [BPF_JGT]: BPF_JLE,
  [BPF_JLE]: BPF_JGT,
  [BPF_JLT]: BPF_JGE,
  [BPF_JSGE]: BPF_JSLT,
  [BPF_JSGT]: BPF_JSLE,
  [BPF_JSLE]: BPF_JSGT,
  [BPF_JSLT]: BPF_JSGE,
};

/** `a op b` said as `b op' a`. */
export const flipJump = (op: number): number => FLIP[op] ?? op;
/** What holds when `a op b` does not. */
export const negateJump = (op: number): number => NEGATE[op] ?? op;
/** Exactly one of the 64 bits is set. */
export const isSingleBit = (lo: number, hi: number): boolean =>
  (lo === 0) !== (hi === 0) && (lo & (lo - 1)) === 0 && (hi & (hi - 1)) === 0;
