/**
 * Pre-decoding: an instruction stream becomes an Int32Array of four words a slot that the interpreter reads without
 * further thought. Opcodes of the ISA keep their number; where the meaning depends on more than the opcode byte
 * (RFC 9669: signed division, sign-extending moves, byte swaps, the kinds of call) an operation above 255 stands for it.
 *
 *   word 0   operation | 2 * dst << 12 | 2 * src << 20    (registers are pairs of Int32, hence the factor)
 *   word 1   memory: offset; jumps and local calls: target as an index into `code`
 *   word 2   immediate (of ld_imm64: lower half)
 *   word 3   immediate sign-extended to the upper half (of ld_imm64: upper half)
 */
import {
  BPF_LDX,
  BPF_LOAD_ACQ,
  BPF_MEM,
  BPF_SIZE,
  BPF_STORE_REL,
  BPF_STX,
  OP_MAY_GOTO,
  type InsnArray,
} from '../bpf/index.ts';
import { KHI } from './memory.ts';

/** Operation 0: refuses to run; word 2 is an index into `messages`. */
export const OP_ILLEGAL = 0;
export const OP_CALL_LOCAL = 256;
export const OP_CALL_KFUNC = 257;
export const OP_CALLX = 258;
/** Address of a kernel variable; word 2 is its BTF id. */
export const OP_KSYM = 259;
const OP_SDIV32_K = 260; // + 1 for a register operand; + 2 smod32; + 4 sdiv64; + 6 smod64
const OP_MOVSX = 268; // 32<-8, 32<-16, 64<-8, 64<-16, 64<-32
const OP_LE = 273; // 16, 32, 64
const OP_BSWAP = 276; // 16, 32, 64
/** may_goto; word 1 is where it leaves to. */
const OP_LEAVE = 279;

/** Words a slot in `Decoded.code`. */
export const STRIDE = 4;

/** Function pointers (callbacks) live far above the arena: this upper half, and the slot times 8 below. */
export const FUNC_HI = -1;
export const FUNC_LO = 0xc0000000 | 0;

/** A program ready for the interpreter. Immutable, so runs and snapshots share it. */
export interface Decoded {
  readonly name: string;
  readonly insns: InsnArray;
  /** `count + 1` slots: the last one says that the program ran off its end. */
  readonly code: Int32Array;
  readonly count: number;
  readonly messages: readonly string[];
  /** 1 for the second slot of an ld_imm64, which is no instruction of its own. */
  readonly second: Uint8Array;
}

/** Resolves what pseudo ld_imm64 forms mean: addresses in the arena. */
export interface PseudoResolver {
  /** Address of the map's `struct bpf_map`, undefined when there is no such map. */
  mapAddr(index: number): number | undefined;
  /** Address of the map's only value (global data), undefined when it has none or the offset is outside. */
  mapValueAddr(index: number, offset: number): number | undefined;
}

const hex2 = (op: number): string => '0x' + op.toString(16).padStart(2, '0');

/** Decodes a program. Never fails: what cannot run becomes an instruction that faults when it is reached. */
export function decodeProgram(name: string, insns: InsnArray, resolve: PseudoResolver): Decoded {
  const n = insns.count;
  const code = new Int32Array((n + 1) * STRIDE);
  const second = new Uint8Array(n + 1);
  const messages: string[] = [];
  const illegal = (slot: number, message: string): void => {
    code[slot * STRIDE] = OP_ILLEGAL;
    code[slot * STRIDE + 2] = messages.length;
    messages.push(message);
  };
  const target = (slot: number): number => (slot >= 0 && slot < n ? slot : n) * STRIDE;

  for (let i = 0; i < n; i++) {
    const raw = insns.op[i];
    const dst = insns.dst[i];
    const src = insns.src[i];
    const off = insns.off[i];
    const imm = insns.imm[i];
    const cls = raw & 7;
    const p = i * STRIDE;
    let op: number = raw;
    let word1: number = off;
    let word2: number = imm;
    let word3 = imm >> 31;
    let why = '';

    if (dst > 10 || (src > 10 && raw !== 0x18)) why = `register r${dst > 10 ? dst : src} does not exist`;
    else if (cls === 4 || cls === 7) {
      const translated = decodeAlu(raw, off, imm);
      if (typeof translated === 'string') why = translated;
      else op = translated;
      if (dst === 10) why = 'frame pointer is read only';
    } else if (cls === 5 || cls === 6) {
      const kind = raw & 0xf0;
      if (raw === 0x05) word1 = target(i + 1 + off);
      else if (raw === 0x06) word1 = target(i + 1 + imm);
      else if (raw === 0x85) {
        if (src === 1) {
          op = OP_CALL_LOCAL;
          word1 = target(i + 1 + imm);
        } else if (src === 2) op = OP_CALL_KFUNC;
        else if (src !== 0) why = `call with source register ${src} is not defined`;
      } else if (raw === OP_MAY_GOTO && src === 0) {
        op = OP_LEAVE;
        word1 = target(i + 1 + off);
      } else if (raw === 0x8d) op = OP_CALLX;
      else if (raw === 0x95) op = raw;
      else if (kind === 0x00 || kind === 0x80 || kind === 0x90 || kind > 0xd0) why = `unknown opcode ${hex2(raw)}`;
      else word1 = target(i + 1 + off);
    } else if (raw === 0x18) {
      if (i + 1 >= n || insns.op[i + 1] !== 0) why = 'ld_imm64 without its second slot';
      else {
        second[i + 1] = 1;
        const upper = insns.imm[i + 1];
        word3 = upper;
        if (src === 1 || src === 5) {
          const at = resolve.mapAddr(imm);
          if (at === undefined) why = `ld_imm64 of map ${imm}, which does not exist`;
          else [word2, word3] = [at, KHI];
        } else if (src === 2 || src === 6) {
          const at = resolve.mapValueAddr(imm, upper);
          if (at === undefined) why = `ld_imm64 of map ${imm} value + ${upper}: no such address`;
          else [word2, word3] = [at, KHI];
        } else if (src === 3) op = OP_KSYM;
        else if (src === 4) [word2, word3] = [(FUNC_LO + (i + 1 + imm) * 8) | 0, FUNC_HI];
        else if (src !== 0) why = `ld_imm64 with source register ${src} is not defined`;
        if (dst === 10) why = 'frame pointer is read only';
      }
    } else if (cls === 0) {
      why =
        raw === 0
          ? 'jump into the middle of ld_imm64 or a reserved instruction'
          : (raw & 0xe0) === 0x20 || (raw & 0xe0) === 0x40
            ? `legacy packet access (opcode ${hex2(raw)}, ld_abs/ld_ind) is not available to LSM programs`
            : `unknown opcode ${hex2(raw)}`;
    } else if (cls === 1) {
      const mode = raw & 0xe0;
      if (mode !== 0x60 && !(mode === 0x80 && raw !== 0x99)) why = `unknown opcode ${hex2(raw)}`;
      else if (dst === 10) why = 'frame pointer is read only';
    } else if (cls === 2) {
      if ((raw & 0xe0) !== 0x60) why = `unknown opcode ${hex2(raw)}`;
    } else if ((raw & 0xe0) === 0xc0) {
      // One modelled CPU: nothing is seen out of order.
      if (imm === BPF_LOAD_ACQ || imm === BPF_STORE_REL) {
        op = BPF_MEM | (raw & BPF_SIZE) | (imm === BPF_LOAD_ACQ ? BPF_LDX : BPF_STX);
        if (imm === BPF_LOAD_ACQ && dst === 10) why = 'frame pointer is read only';
      } else if (raw !== 0xc3 && raw !== 0xdb) why = 'atomic operations exist for 4 and 8 bytes only';
      else if (!ATOMIC_OPS.has(imm)) why = `unknown atomic operation 0x${(imm >>> 0).toString(16)}`;
      else if (src === 10 && (imm & 1) !== 0) why = 'frame pointer is read only';
    } else if ((raw & 0xe0) !== 0x60) why = `unknown opcode ${hex2(raw)}`;

    if (why !== '') {
      illegal(i, why);
      continue;
    }
    code[p] = op | (dst << 13) | (src << 21);
    code[p + 1] = word1;
    code[p + 2] = word2;
    code[p + 3] = word3;
    if (raw === 0x18) illegal(++i, 'jump into the middle of ld_imm64 or a reserved instruction');
  }
  illegal(n, 'the program runs past its last instruction');
  return { name, insns, code, count: n, messages, second };
}

/** ADD, OR, AND, XOR with and without FETCH; XCHG; CMPXCHG (RFC 9669, 5.3). */
const ATOMIC_OPS: ReadonlySet<number> = new Set([0x00, 0x40, 0x50, 0xa0, 0x01, 0x41, 0x51, 0xa1, 0xe1, 0xf1]);

/** The operation for an ALU or ALU64 instruction, or why it has none. */
function decodeAlu(raw: number, off: number, imm: number): number | string {
  const wide = (raw & 7) === 7;
  const reg = (raw & 8) !== 0;
  const kind = raw & 0xf0;
  switch (kind) {
    case 0x30: // div
    case 0x90: // mod
      if (off === 0) return raw;
      if (off === 1) return OP_SDIV32_K + (reg ? 1 : 0) + (kind === 0x90 ? 2 : 0) + (wide ? 4 : 0);
      return `division with offset ${off} is not defined`;
    case 0xb0: // mov
      if (off === 0) return raw;
      if (!reg) return 'a move with sign extension needs a register';
      if (off === 8) return OP_MOVSX + (wide ? 2 : 0);
      if (off === 16) return OP_MOVSX + 1 + (wide ? 2 : 0);
      if (off === 32 && wide) return OP_MOVSX + 4;
      return `move with offset ${off} is not defined`;
    case 0xd0: {
      const size = imm === 16 ? 0 : imm === 32 ? 1 : imm === 64 ? 2 : -1;
      if (size < 0 || (wide && reg)) return `byte swap of ${imm} bits is not defined`;
      // The modelled machine is little-endian: to-little is a truncation, to-big and the unconditional swap are one.
      return !wide && !reg ? OP_LE + size : OP_BSWAP + size;
    }
    case 0x80:
      return reg ? `unknown opcode ${hex2(raw)}` : raw;
    case 0xe0:
    case 0xf0:
      return `unknown opcode ${hex2(raw)}`;
    default:
      return raw;
  }
}
