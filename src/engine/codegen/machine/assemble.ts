/** Inline assembly as it is written → eBPF instructions: the bodies of naked functions. */
import {
  BPF_ABS, BPF_ALU, BPF_ALU64, BPF_ATOMIC, BPF_CMPXCHG, BPF_END, BPF_FETCH, BPF_IND, BPF_JMP, BPF_JMP32, BPF_K, BPF_LD,
  BPF_LDX, BPF_MEM, BPF_MEMSX, BPF_MOV, BPF_NEG, BPF_PSEUDO_CALL, BPF_PSEUDO_KFUNC_CALL, BPF_ST, BPF_STX, BPF_X, BPF_XCHG,
  BPF_ADD, BPF_AND, BPF_JSET, BPF_OR, BPF_XOR,
  OP_CALL, OP_EXIT, OP_GOTOL, OP_JA, OP_LD_IMM64, OP_MAY_GOTO, sizeBits,
} from '../../bpf/index.ts'; // prettier-ignore
import type { AsmConstant, Callee } from '../ir.ts';
import {
  type AsmAddress,
  type AsmInsn,
  type AsmTarget,
  type AsmText,
  type AsmValue,
  labelIndex,
} from '../asm-parse.ts';
import type { CodeReloc } from './emit.ts';
import { ALU, insnWord, JUMP } from './opcodes.ts';

export interface AsmContext {
  /** Throws `AsmProblem` when there is no such operand. */
  operand(ref: string): AsmConstant;
  /** The address of what has this name. Throws `AsmProblem` when nothing has. */
  symbol(name: string): AsmConstant;
  /** The register that holds an operand; null when it stands for its value itself. */
  register(ref: string): number | null;
  /** What `call` names: an operand, a number, or a function. */
  callee(text: string): Callee;
}

/** Says which instruction cannot be assembled. */
export class AsmProblem extends Error {}

/** Instructions, two words each, and what the linker or loader fills in. */
export interface Assembled {
  readonly words: number[];
  readonly relocs: CodeReloc[];
  /** Instructions, counting `ll` once. */
  readonly count: number;
}

const ATOMIC_OPERATIONS = {
  add: BPF_ADD | BPF_FETCH,
  and: BPF_AND | BPF_FETCH,
  or: BPF_OR | BPF_FETCH,
  xor: BPF_XOR | BPF_FETCH,
  xchg: BPF_XCHG,
  cmpxchg: BPF_CMPXCHG,
};

/** The instructions of one statement. Throws `AsmProblem`. */
export function assemble(text: AsmText, cx: AsmContext): Assembled {
  return new Assembler(text, cx).run();
}

class Assembler {
  readonly #text: AsmText;
  readonly #cx: AsmContext;
  readonly #words: number[] = [];
  readonly #relocs: CodeReloc[] = [];

  constructor(text: AsmText, cx: AsmContext) {
    this.#text = text;
    this.#cx = cx;
  }

  run(): Assembled {
    const { insns } = this.#text;
    const slots: number[] = [];
    let slot = 0;
    for (const i of insns) {
      slots.push(slot);
      slot += i.op === 'load64' ? 2 : 1;
    }
    slots.push(slot);
    insns.forEach((i, n) => {
      this.#insn(i, (t) => this.#distance(t, n, slots));
    });
    return { words: this.#words, relocs: this.#relocs, count: insns.length };
  }

  /** From the slot behind instruction `n`; numbers in the text count slots. */
  #distance(t: AsmTarget, n: number, slots: readonly number[]): number {
    if (t.kind === 'relative') return t.by;
    if (t.kind === 'outside') throw new AsmProblem(`%l[${t.ref}]: a naked function has no labels in C`);
    const to = labelIndex(this.#text, t, n);
    if (to === undefined) throw new AsmProblem(`no label ${t.name}`);
    return slots[to]! - slots[n]! - 1;
  }

  #put(op: number, dst: number, src: number, off: number, imm: number): void {
    if (off < -32768 || off > 32767) throw new AsmProblem(`offset ${off} does not fit in 16 bits`);
    this.#words.push(insnWord(op, dst, src, off), imm >>> 0);
  }

  /** Operands in registers are these registers. */
  #value(v: AsmValue): AsmValue {
    if (v.kind !== 'operand') return v;
    const number = this.#cx.register(v.ref);
    return number === null ? v : { kind: 'register', number, narrow: v.narrow };
  }

  #register(of: AsmValue): number {
    const v = this.#value(of);
    if (v.kind !== 'register') throw new AsmProblem('an operand where a register has to be');
    return v.number;
  }

  #number(v: AsmValue): bigint {
    if (v.kind === 'number') return v.value;
    if (v.kind === 'register') throw new AsmProblem(`r${v.number} where a number has to be`);
    if (v.kind === 'symbol') throw new AsmProblem(`${v.name} where a number has to be`);
    const c = this.#cx.operand(v.ref);
    if (c.kind !== 'number') throw new AsmProblem(`%[${v.ref}] is no number`);
    return c.value;
  }

  #imm(v: AsmValue): number {
    return Number(BigInt.asIntN(32, this.#number(v)));
  }

  #offset(a: AsmAddress): number {
    const by = this.#number(a.offset);
    return Number(BigInt.asIntN(64, a.negative ? -by : by));
  }

  /** An instruction whose second operand is a register or a number. */
  #binary(op: number, dst: number, from: AsmValue, off = 0): void {
    const src = this.#value(from);
    if (src.kind === 'register') this.#put(op | BPF_X, dst, src.number, off, 0);
    else this.#put(op | BPF_K, dst, 0, off, this.#imm(src));
  }

  #insn(i: AsmInsn, distance: (t: AsmTarget) => number): void {
    switch (i.op) {
      case 'move':
        return this.#binary(alu(i.to) | BPF_MOV, this.#register(i.to), i.from);
      case 'negate':
        this.#same(i.to, i.from);
        return this.#put(alu(i.to) | BPF_NEG, this.#register(i.to), 0, 0, 0);
      case 'extend':
        return this.#put(alu(i.to) | BPF_MOV | BPF_X, this.#register(i.to), this.#register(i.from), i.size * 8, 0);
      case 'swap': {
        this.#same(i.to, i.from);
        const op = i.how === 'bswap' ? BPF_ALU64 | BPF_K : BPF_ALU | (i.how === 'be' ? BPF_X : BPF_K);
        return this.#put(op | BPF_END, this.#register(i.to), 0, 0, i.size * 8);
      }
      case 'alu': {
        const signed = i.bin === 'sdiv' || i.bin === 'srem';
        return this.#binary(alu(i.to) | ALU[i.bin], this.#register(i.to), i.from, signed ? 1 : 0);
      }
      case 'load': {
        const { size, signed, base } = i.address;
        const op = BPF_LDX | (signed ? BPF_MEMSX : BPF_MEM) | sizeBits(size)!;
        return this.#put(op, this.#register(i.to), this.#register(base), this.#offset(i.address), 0);
      }
      case 'store': {
        const op = BPF_MEM | sizeBits(i.address.size)!;
        const [dst, off] = [this.#register(i.address.base), this.#offset(i.address)];
        const from = this.#value(i.from);
        if (from.kind === 'register') return this.#put(BPF_STX | op, dst, from.number, off, 0);
        return this.#put(BPF_ST | op, dst, 0, off, this.#imm(from));
      }
      case 'atomic':
        return this.#atomic(i.address, i.from, ALU[i.bin]);
      case 'fetch':
        if (i.how !== 'cmpxchg') this.#same(i.to, i.from);
        return this.#atomic(i.address, i.from, ATOMIC_OPERATIONS[i.how]);
      case 'if': {
        const op = (isNarrow(i.left) ? BPF_JMP32 : BPF_JMP) | (i.pred === 'set' ? BPF_JSET : JUMP[i.pred]);
        return this.#binary(op, this.#register(i.left), i.right, distance(i.target));
      }
      case 'goto':
        return this.#put(OP_JA, 0, 0, distance(i.target), 0);
      case 'gotol':
        return this.#put(OP_GOTOL, 0, 0, 0, distance(i.target));
      case 'may_goto':
        return this.#put(OP_MAY_GOTO, 0, 0, distance(i.target), 0);
      case 'load64':
        return this.#load64(i.to, i.from);
      case 'packet': {
        const op = BPF_LD | sizeBits(i.size)!;
        const at = this.#value(i.at);
        if (at.kind === 'register') return this.#put(op | BPF_IND, 0, at.number, 0, 0);
        return this.#put(op | BPF_ABS, 0, 0, 0, this.#imm(at));
      }
      case 'data': {
        const bits = BigInt.asUintN(64, this.#number(i.value));
        this.#words.push(Number(bits & 0xffffffffn), Number(bits >> 32n));
        return;
      }
      case 'call':
        return this.#call(this.#cx.callee(i.callee));
      case 'exit':
        return this.#put(OP_EXIT, 0, 0, 0, 0);
    }
  }

  #same(a: AsmValue, b: AsmValue): void {
    if (this.#register(a) !== this.#register(b)) throw new AsmProblem('this instruction works on one register');
  }

  #atomic(a: AsmAddress, from: AsmValue, code: number): void {
    if (a.size < 4) throw new AsmProblem('an atomic operation on fewer than 4 bytes');
    const op = BPF_STX | BPF_ATOMIC | sizeBits(a.size)!;
    this.#put(op, this.#register(a.base), this.#register(from), this.#offset(a), code);
  }

  #load64(to: AsmValue, from: AsmValue): void {
    const c: AsmConstant =
      from.kind === 'operand'
        ? this.#cx.operand(from.ref)
        : from.kind === 'symbol'
          ? this.#cx.symbol(from.name)
          : { kind: 'number', value: this.#number(from) };
    let bits = 0n;
    if (c.kind === 'number') bits = BigInt.asUintN(64, c.value);
    else {
      const { symbol, addend } = c;
      this.#relocs.push({ insn: this.#words.length >> 1, target: { kind: 'address', symbol, addend } });
    }
    this.#put(OP_LD_IMM64, this.#register(to), 0, 0, Number(bits & 0xffffffffn));
    this.#words.push(0, Number(bits >> 32n));
  }

  #call(c: Callee): void {
    if (c.kind === 'helper') return this.#put(OP_CALL, 0, 0, 0, c.id);
    if (c.kind === 'indirect' || c.kind === 'forbidden') throw new AsmProblem('a call of no function');
    const kind = c.kind === 'local' ? 'call' : 'kfunc';
    this.#relocs.push({ insn: this.#words.length >> 1, target: { kind, decl: c.decl } });
    this.#put(OP_CALL, 0, c.kind === 'local' ? BPF_PSEUDO_CALL : BPF_PSEUDO_KFUNC_CALL, 0, -1);
  }
}

const isNarrow = (v: AsmValue): boolean => v.kind === 'register' && v.narrow;
const alu = (to: AsmValue): number => (isNarrow(to) ? BPF_ALU : BPF_ALU64);
