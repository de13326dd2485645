/** Fields of instructions that mean nothing and must be zero: since 7.1 wherever they stand, even where no path leads. */
import {
  BPF_ABS,
  BPF_ALU,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_CLASS,
  BPF_DIV,
  BPF_END,
  BPF_EXIT,
  BPF_JA,
  BPF_JCOND,
  BPF_JMP,
  BPF_JMP32,
  BPF_K,
  BPF_LD,
  BPF_LDX,
  BPF_MOD,
  BPF_MODE,
  BPF_MOV,
  BPF_NEG,
  BPF_OP,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_SRC,
  BPF_ST,
  BPF_STX,
  BPF_X,
} from '../bpf/index.ts';
import type { Env } from './env.ts';
import { EINVAL } from './env.ts';
import { isIndirectJump } from './indirect-jumps.ts';
import { isArgLoad, isArgStore } from './stack-args.ts';

/** Register numbers of an instruction. R11 has its place in loads and stores of arguments on the stack. */
export function checkRegisters(env: Env, i: number): void {
  const { insns } = env;
  const bad = (r: number): never => env.fail(EINVAL, 'bad-register', `R${r} is invalid`);
  if (insns.dst[i] > 10) {
    if (!isArgStore(insns, i)) bad(insns.dst[i]);
    env.usesStackArgs = true;
  }
  if (insns.src[i] > 10) {
    if (!isArgLoad(insns, i)) bad(insns.src[i]);
    env.usesStackArgs = true;
  }
}

/** An instruction with a known opcode other than a wide load (check_insn_fields()). */
export function checkFields(env: Env, i: number): void {
  const { insns } = env;
  const cls = insns.op[i] & BPF_CLASS;
  const bad = (name: string): never => env.fail(EINVAL, 'reserved-fields', `${name} uses reserved fields`);
  switch (cls) {
    case BPF_ALU:
    case BPF_ALU64:
      checkAlu(env, i, bad);
      return;
    case BPF_JMP:
    case BPF_JMP32:
      checkJmp(env, i, bad);
      return;
    case BPF_LDX:
      if (insns.imm[i] !== 0) bad('BPF_LDX');
      return;
    case BPF_STX:
      if ((insns.op[i] & BPF_MODE) !== BPF_ATOMIC && insns.imm[i] !== 0) bad('BPF_STX');
      return;
    case BPF_ST:
      if (insns.src[i] !== 0) bad('BPF_ST');
      return;
    case BPF_LD: {
      const absolute = (insns.op[i] & BPF_MODE) === BPF_ABS;
      if (insns.dst[i] !== 0 || insns.off[i] !== 0 || (absolute && insns.src[i] !== 0)) bad('BPF_LD_[ABS|IND]');
      return;
    }
    default:
  }
}

type Bad = (name: string) => never;

function checkAlu(env: Env, i: number, bad: Bad): void {
  const { insns } = env;
  const op = insns.op[i] & BPF_OP;
  const wide = (insns.op[i] & BPF_CLASS) === BPF_ALU64;
  const isX = (insns.op[i] & BPF_SRC) === BPF_X;
  const src = insns.src[i];
  const off = insns.off[i];
  const imm = insns.imm[i];
  if (op === BPF_NEG) {
    if (isX || src !== 0 || off !== 0 || imm !== 0) bad('BPF_NEG');
  } else if (op === BPF_END) {
    if (src !== 0 || off !== 0 || (imm !== 16 && imm !== 32 && imm !== 64) || (wide && isX)) bad('BPF_END');
  } else if (op === BPF_MOV) {
    if (!isX) {
      if (src !== 0 || off !== 0) bad('BPF_MOV');
    } else if (wide && off === 1) {
      const text = 'addr_space_cast insn can only convert between address space 1 and 0';
      if (imm !== 1 && imm !== 1 << 16) env.fail(EINVAL, 'arena', text);
    } else if (imm !== 0 || (off !== 0 && off !== 8 && off !== 16 && !(wide && off === 32))) bad('BPF_MOV');
  } else {
    const signed = off === 1 && (op === BPF_DIV || op === BPF_MOD);
    if ((off !== 0 && !signed) || (isX ? imm !== 0 : src !== 0)) bad('BPF_ALU');
  }
}

function checkJmp(env: Env, i: number, bad: Bad): void {
  const { insns } = env;
  const op = insns.op[i] & BPF_OP;
  const wide = (insns.op[i] & BPF_CLASS) === BPF_JMP;
  const isK = (insns.op[i] & BPF_SRC) === BPF_K;
  const src = insns.src[i];
  const dst = insns.dst[i];
  const imm = insns.imm[i];
  switch (op) {
    case BPF_CALL: {
      const kernel = src === BPF_PSEUDO_KFUNC_CALL;
      if (!isK || (!kernel && insns.off[i] !== 0) || src > BPF_PSEUDO_KFUNC_CALL || dst !== 0 || !wide) bad('BPF_CALL');
      return;
    }
    case BPF_JA:
      if (isIndirectJump(insns.op[i])) {
        if (src !== 0 || imm !== 0 || insns.off[i] !== 0) bad('BPF_JA|BPF_X');
        return;
      }
      if (src !== 0 || dst !== 0 || (wide ? imm !== 0 : insns.off[i] !== 0)) bad('BPF_JA');
      return;
    case BPF_EXIT:
      if (!isK || imm !== 0 || src !== 0 || dst !== 0 || !wide) bad('BPF_EXIT');
      return;
    case BPF_JCOND:
      if (!wide || !isK || src !== 0 || dst !== 0 || imm !== 0) {
        env.fail(EINVAL, 'reserved-fields', `invalid may_goto imm ${imm}`);
      }
      return;
    default:
      if (isK ? src !== 0 : imm !== 0) bad('BPF_JMP/JMP32');
  }
}
