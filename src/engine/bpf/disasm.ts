/** Instructions as text, in the words of the kernel's verifier log and of bpftool (kernel/bpf/disasm.c of 6.12). */
import { hex, joinU64 } from '../../base/index.ts';
import { helperName } from './helpers.ts';
import {
  BPF_ABS,
  BPF_ADDR_SPACE_CAST,
  BPF_ALU,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_CLASS,
  BPF_CMPXCHG,
  BPF_DIV,
  BPF_DW,
  BPF_END,
  BPF_FETCH,
  BPF_IMM,
  BPF_IND,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_LOAD_ACQ,
  BPF_MEM,
  BPF_MEMSX,
  BPF_MOD,
  BPF_MODE,
  BPF_MOV,
  BPF_NEG,
  BPF_OP,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_SIZE,
  BPF_SRC,
  BPF_ST,
  BPF_STORE_REL,
  BPF_STX,
  BPF_X,
  BPF_XCHG,
  OP_CALLX,
  OP_EXIT,
  OP_GOTOL,
  OP_JA,
  OP_LD_IMM64,
  OP_MAY_GOTO,
  OP_MOV64_REG,
} from './isa.ts';
import type { InsnArray } from './program.ts';

/** Where the text depends on more than the instruction. Each may return undefined for the plain form. */
export interface DisasmNames {
  /** Right side of an ld_imm64, e.g. `map[id:3]`; plain: the full 64-bit number in hex. */
  readonly imm64?: (pc: number) => string | undefined;
  /** Name of a kernel function by its BTF id. Plain: `kernel-function`. */
  readonly kfunc?: (btfId: number) => string | undefined;
  /** What follows `call pc` for a call within the program; plain: the signed slot difference. */
  readonly localCall?: (pc: number) => string | undefined;
}

const CLASSES = ['ld', 'ldx', 'st', 'stx', 'alu', 'jmp', 'jmp32', 'alu64'];
const ALU = [
  '+=',
  '-=',
  '*=',
  '/=',
  '|=',
  '&=',
  '<<=',
  '>>=',
  'neg',
  '%=',
  '^=',
  '=',
  's>>=',
  'endian',
  '(null)',
  '(null)',
];
const JUMPS = [
  'jmp',
  '==',
  '>',
  '>=',
  '&',
  '!=',
  's>',
  's>=',
  'call',
  'exit',
  '<',
  '<=',
  's<',
  's<=',
  '(null)',
  '(null)',
];
const ATOMIC_OPS: Readonly<Record<number, string>> = { 0x00: 'add', 0x40: 'or', 0x50: 'and', 0xa0: 'xor' };
/** By size bits >> 3: W, H, B, DW. */
const SIZES = ['u32', 'u16', 'u8', 'u64'];
const SIGNED_SIZES = ['s32', 's16', 's8', '(null)'];

const plus = (n: number): string => (n < 0 ? `${n}` : `+${n}`);
const hex2 = (n: number): string => n.toString(16).padStart(2, '0');

/** The instruction at slot `pc`, without the opcode prefix: `r1 = *(u64 *)(r1 +0)`. */
export function disasmInsn(insns: InsnArray, pc: number, names: DisasmNames = {}): string {
  const op = insns.op[pc];
  const off = insns.off[pc];
  const imm = insns.imm[pc];
  const dst = insns.dst[pc];
  const src = insns.src[pc];
  const operation = op & BPF_OP;
  const size = SIZES[(op & BPF_SIZE) >> 3];
  switch (op & BPF_CLASS) {
    case BPF_ALU:
    case BPF_ALU64: {
      const wide = (op & BPF_CLASS) === BPF_ALU64;
      const r = wide ? 'r' : 'w';
      if (operation === BPF_END) {
        const how = wide ? 'bswap' : (op & BPF_SRC) !== 0 ? 'be' : 'le';
        return `r${dst} = ${how}${imm} r${dst}`;
      }
      if (operation === BPF_NEG) return `${r}${dst} = -${r}${dst}`;
      if (op === OP_MOV64_REG && off === BPF_ADDR_SPACE_CAST) {
        return `r${dst} = addr_space_cast(r${src}, ${imm >>> 16}, ${imm & 0xffff})`;
      }
      if (op === OP_MOV64_REG && off === -1) return `r${dst} = &(void __percpu *)(r${src})`;
      const signed = (operation === BPF_DIV || operation === BPF_MOD) && off === 1;
      const sign = (signed ? 's' : '') + ALU[operation >> 4];
      if ((op & BPF_SRC) === BPF_X) {
        const extend = operation === BPF_MOV && (off === 8 || off === 16 || off === 32) ? `(s${off})` : '';
        return `${r}${dst} ${sign} ${extend}${r}${src}`;
      }
      return `${r}${dst} ${sign} ${imm}`;
    }
    case BPF_STX: {
      const place = `*(${size} *)(r${dst} ${plus(off)})`;
      if ((op & BPF_MODE) === BPF_MEM) return `${place} = r${src}`;
      if ((op & BPF_MODE) !== BPF_ATOMIC) break;
      const pointer = `(${size} *)(r${dst} ${plus(off)})`;
      const wide = (op & BPF_SIZE) === BPF_DW ? '64' : '';
      if (imm === BPF_XCHG) return `r${src} = atomic${wide}_xchg(${pointer}, r${src})`;
      if (imm === BPF_CMPXCHG) return `r0 = atomic${wide}_cmpxchg(${pointer}, r0, r${src})`;
      if (imm === BPF_LOAD_ACQ) return `r${dst} = load_acquire((${size} *)(r${src} ${plus(off)}))`;
      if (imm === BPF_STORE_REL) return `store_release(${pointer}, r${src})`;
      const atomic = ATOMIC_OPS[imm & ~BPF_FETCH];
      if (atomic === undefined) break;
      return (imm & BPF_FETCH) !== 0
        ? `r${src} = atomic${wide}_fetch_${atomic}(${pointer}, r${src})`
        : `lock ${place} ${ALU[imm >> 4]} r${src}`;
    }
    case BPF_ST:
      if ((op & BPF_MODE) === BPF_MEM) return `*(${size} *)(r${dst} ${plus(off)}) = ${imm}`;
      return (op & BPF_MODE) === 0xc0 ? 'nospec' : `BUG_st_${hex2(op)}`;
    case BPF_LDX:
      if ((op & BPF_MODE) === BPF_MEM) return `r${dst} = *(${size} *)(r${src} ${plus(off)})`;
      if ((op & BPF_MODE) === BPF_MEMSX)
        return `r${dst} = *(${SIGNED_SIZES[(op & BPF_SIZE) >> 3]} *)(r${src} ${plus(off)})`;
      return `BUG_ldx_${hex2(op)}`;
    case BPF_LD:
      if ((op & BPF_MODE) === BPF_ABS) return `r0 = *(${size} *)skb[${imm}]`;
      if ((op & BPF_MODE) === BPF_IND) return `r0 = *(${size} *)skb[r${src} + ${imm}]`;
      if (op === (BPF_LD | BPF_IMM | BPF_DW)) {
        const high = pc + 1 < insns.count ? insns.imm[pc + 1] : 0;
        return `r${dst} = ${names.imm64?.(pc) ?? hex(joinU64(imm, high))}`;
      }
      return `BUG_ld_${hex2(op)}`;
    case BPF_JMP:
    case BPF_JMP32:
      return jump(insns, pc, names);
  }
  return `BUG_${hex2(op)}`;
}

function jump(insns: InsnArray, pc: number, names: DisasmNames): string {
  const op = insns.op[pc];
  const off = insns.off[pc];
  const imm = insns.imm[pc];
  const dst = insns.dst[pc];
  const src = insns.src[pc];
  if ((op & BPF_OP) === BPF_CALL) {
    if (op === OP_CALLX) return `callx r${dst}`;
    if (src === BPF_PSEUDO_CALL) return `call pc${names.localCall?.(pc) ?? plus(imm)}`;
    if (src === BPF_PSEUDO_KFUNC_CALL) return `call ${names.kfunc?.(imm) ?? 'kernel-function'}#${imm}`;
    return `call ${helperName(imm)}#${imm}`;
  }
  if (op === OP_JA) return `goto pc${plus(off)}`;
  if (op === (OP_JA | BPF_X)) return `gotox r${dst}`;
  if (op === OP_MAY_GOTO && src === 0) return `may_goto pc${plus(off)}`;
  if (op === OP_GOTOL) return `gotol pc${plus(imm)}`;
  if (op === OP_EXIT) return 'exit';
  const r = (op & BPF_CLASS) === BPF_JMP32 ? 'w' : 'r';
  const right = (op & BPF_SRC) === BPF_X ? `${r}${src}` : hex(imm);
  return `if ${r}${dst} ${JUMPS[(op & BPF_OP) >> 4]} ${right} goto pc${plus(off)}`;
}

/** With the opcode in front, as the verifier log and bpftool have it: `(07) r1 += 8`. */
export function disasmWithOpcode(insns: InsnArray, pc: number, names: DisasmNames = {}): string {
  const op = insns.op[pc];
  return `(${hex2(op)}) ${disasmInsn(insns, pc, names)}`;
}

/** Slots that an instruction takes: 2 for ld_imm64. */
export const insnSlots = (op: number): 1 | 2 => (op === OP_LD_IMM64 ? 2 : 1);

/** `alu64`, `jmp32`, ... of an opcode. */
export const insnClassName = (op: number): string => CLASSES[op & BPF_CLASS];
