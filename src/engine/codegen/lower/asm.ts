/**
 * Inline assembly. A template is translated to the operations it stands for, on values that the optimiser cannot see
 * through: what the author says there is done there, also when C's rules would make it superfluous (a mask that is there
 * for the verifier, a comparison that must be this one).
 */
import { type AsmOperand, type AsmStmt, type Expr, integerOf, sizeOf } from '../../c/index.ts';
import type { Block, Callee, Inst } from '../ir.ts';
import {
  type AsmAddress,
  type AsmInsn,
  type AsmTarget,
  type AsmText,
  type AsmValue,
  labelIndex,
  parseAsm,
} from '../asm-parse.ts';
import { asPrinted, calleeOf, operandOf, sizeAsPrinted, symbolOf } from './asm-operands.ts';
import type { Lowering } from './context.ts';
import { lowerExpr } from './expr.ts';
import { addressOf, loadPlace, lowerPlace, type Place, storePlace } from './place.ts';

export function lowerAsm(lw: Lowering, s: AsmStmt): void {
  lw.at(s);
  const text = parseAsm(s.template);
  if ('unknown' in text) {
    unsupported(lw, s, text.unknown);
    return;
  }
  if (text.insns.length === 0) {
    barrier(lw, s, s.clobbers.includes('memory') || s.volatile);
    return;
  }
  new Translation(lw, s, text).run();
}

function unsupported(lw: Lowering, s: AsmStmt, insn: string): void {
  lw.cx.error(
    s,
    'codegen/asm',
    `this inline assembly is not supported: '${insn.slice(0, 60)}'`,
    'Supported are barriers (empty templates) and moves, arithmetic, byte swaps, loads, stores, comparisons with jumps, ' +
      'may_goto and helper calls on the operands of the statement. Write the rest in C.',
  );
}

/** Thrown with the text of what cannot be translated; caught in `run`. */
class Untranslatable extends Error {}

/** One statement under translation. Operands and registers live in slots, which mem2reg makes values of again. */
class Translation {
  readonly #lw: Lowering;
  readonly #s: AsmStmt;
  readonly #text: AsmText;
  readonly #operands: readonly AsmOperand[];
  readonly #slots = new Map<string, Inst>();
  /** Operands that are constants where an instruction takes a number. */
  readonly #constants = new Map<AsmOperand, Inst>();
  readonly #blocks = new Map<number, Block>();
  /** Inputs that an instruction writes. */
  readonly #written = new Set<AsmOperand>();

  constructor(lw: Lowering, s: AsmStmt, text: AsmText) {
    this.#lw = lw;
    this.#s = s;
    this.#text = text;
    this.#operands = [...s.outputs, ...s.inputs];
  }

  run(): void {
    const { b } = this.#lw;
    try {
      const places = this.#s.outputs.map((o) => (o.constraint.includes('m') ? null : lowerPlace(this.#lw, o.expr)));
      this.#bind(places);
      const jumps = this.#text.insns.map((i, n) => this.#inside(i, n));
      for (const n of jumps) if (n !== null && !this.#blocks.has(n)) this.#blocks.set(n, this.#lw.func.addBlock());
      this.#text.insns.forEach((insn, n) => {
        this.#enter(n);
        this.#translate(insn, n);
      });
      this.#enter(this.#text.insns.length);
      this.#s.outputs.forEach((o, n) => {
        const place = places[n];
        if (place) storeWide(this.#lw, place, b.opaque(b.load('i64', this.#slot(o), 8)));
      });
      this.#keepWrittenInputs();
      if (this.#s.clobbers.includes('memory')) b.fence();
    } catch (e) {
      if (!(e instanceof Untranslatable)) throw e;
      unsupported(this.#lw, this.#s, e.message);
    }
  }

  /** Gives operands their values. */
  #bind(places: readonly (Place | null)[]): void {
    const { b } = this.#lw;
    const { outputs, inputs } = this.#s;
    outputs.forEach((o, n) => {
      const place = places[n];
      if (o.constraint.startsWith('+') && place)
        b.store(this.#slot(o), b.opaque(wide(this.#lw, loadPlace(this.#lw, place))), 8);
    });
    for (const i of inputs) {
      if (i.constraint.includes('m') && !/[rgi]/.test(i.constraint)) continue;
      const plain = lowerExpr(this.#lw, widest(i))!;
      const value = wide(this.#lw, plain);
      const tied = /^\d+$/.test(i.constraint)
        ? outputs[Number(i.constraint)]
        : outputs.find((o) => i.constraint === `[${o.name}]`);
      if (tied !== undefined) b.store(this.#slot(tied), b.opaque(value), 8);
      else if (/[in]/.test(i.constraint) && (value.op === 'const' || !/[rg]/.test(i.constraint)))
        this.#constants.set(i, plain.op === 'const' ? b.i64(asPrinted(plain.value, i.expr)) : value);
      else b.store(this.#slot(i), b.opaque(value, /[in]/.test(i.constraint) ? sizeAsPrinted(i.expr) : 0), 8);
    }
  }

  /**
   * A statement may not write an operand that is only an input, but clang does not look, and as a variable's register is
   * mostly its only one, policies count on the variable having the new value then (`"r"(size)` for what is `"+r"(size)`).
   */
  #keepWrittenInputs(): void {
    const { b } = this.#lw;
    for (const o of this.#written) {
      let e = o.expr;
      while (e.kind === 'cast' && (e.cast === 'lvalueToRvalue' || e.cast === 'noop' || e.cast === 'integral'))
        e = e.operand;
      if (e.kind === 'var') storeWide(this.#lw, lowerPlace(this.#lw, e), b.opaque(b.load('i64', this.#slot(o), 8)));
    }
  }

  #slot(key: AsmOperand | number): Inst {
    const name = typeof key === 'number' ? `r${key}` : `%${this.#operands.indexOf(key)}`;
    let slot = this.#slots.get(name);
    if (slot === undefined) {
      slot = this.#lw.b.alloca(8, 8, '(asm)');
      this.#slots.set(name, slot);
    }
    return slot;
  }

  #operand(v: AsmValue & { kind: 'operand' }): AsmOperand {
    const found = operandOf(this.#operands, v.ref);
    if (found === undefined) throw new Untranslatable(`%[${v.ref}] is not an operand`);
    return found;
  }

  #read(v: AsmValue, narrow = false): Inst {
    const { b } = this.#lw;
    let value: Inst;
    if (v.kind === 'number') value = b.i64(v.value);
    else if (v.kind === 'symbol') {
      const found = symbolOf(this.#lw.cx, v.name);
      if (found === null) throw new Untranslatable(`${v.name}, which is not in this file`);
      value = b.cast('bitcast', 'i64', b.global(found.symbol));
    } else if (v.kind === 'operand') {
      const o = this.#operand(v);
      value = this.#constants.get(o) ?? b.load('i64', this.#slot(o), 8);
    } else {
      if (v.number === 10) throw new Untranslatable('r10, the frame pointer: use a local variable');
      if (!this.#slots.has(`r${v.number}`)) throw new Untranslatable(`r${v.number} is read and was not set here`);
      value = b.load('i64', this.#slot(v.number), 8);
    }
    return narrow ? b.cast('trunc', 'i32', value) : value;
  }

  #write(to: AsmValue, value: Inst): void {
    const { b } = this.#lw;
    if (to.kind === 'number' || to.kind === 'symbol') throw new Untranslatable('a number cannot be written to');
    if (to.kind === 'register' && to.number === 10) throw new Untranslatable('r10 is read only');
    const operand = to.kind === 'operand' ? this.#operand(to) : null;
    if (operand !== null && this.#s.inputs.includes(operand)) this.#written.add(operand);
    const slot = this.#slot(operand ?? (to as AsmValue & { kind: 'register' }).number);
    b.store(slot, wide(this.#lw, value), 8);
  }

  /** Index of the instruction within the statement that this one jumps to. */
  #inside(i: AsmInsn, n: number): number | null {
    if (i.op !== 'if' && i.op !== 'goto' && i.op !== 'may_goto') return null;
    const t = i.target;
    if (t.kind === 'outside') return null;
    const to = t.kind === 'relative' ? n + 1 + t.by : labelIndex(this.#text, t, n);
    if (to === undefined || to < 0 || to > this.#text.insns.length)
      throw new Untranslatable(`a jump out of the statement`);
    return to;
  }

  #targetBlock(t: AsmTarget, i: AsmInsn, n: number): Block {
    if (t.kind !== 'outside') return this.#blocks.get(this.#inside(i, n)!)!;
    const { labels } = this.#s;
    const name = /^\d+$/.test(t.ref) ? labels[Number(t.ref) - this.#operands.length] : t.ref;
    // A `__label__` has a number behind its name.
    const full = labels.find((l) => l === name || l.replace(/\.\d+$/, '') === name);
    if (full === undefined) throw new Untranslatable(`label ${t.ref} is not in the list`);
    return this.#lw.label(full);
  }

  #enter(n: number): void {
    const block = this.#blocks.get(n);
    // A comparison before it goes on here already.
    if (block === undefined || block === this.#lw.b.block) return;
    this.#lw.b.br(block);
    this.#lw.b.block = block;
  }

  #address(a: AsmAddress): Inst {
    const { b } = this.#lw;
    const offset = this.#read(a.offset);
    if (offset.op !== 'const') throw new Untranslatable('an offset that is not a constant');
    const base = this.#memory(a.base) ?? b.cast('bitcast', 'ptr', this.#read(a.base));
    return b.ptrAdd(base, Number(a.negative ? -offset.value : offset.value));
  }

  /** Where an operand that is in memory stands; null for others. */
  #memory(v: AsmValue): Inst | null {
    if (v.kind !== 'operand') return null;
    const o = this.#operand(v);
    if (!o.constraint.includes('m') || /[rg]/.test(o.constraint)) return null;
    return addressOf(this.#lw, lowerPlace(this.#lw, o.expr));
  }

  #translate(i: AsmInsn, n: number): void {
    const { b } = this.#lw;
    switch (i.op) {
      case 'move':
      case 'load64':
        this.#write(i.to, this.#read(i.from, isNarrow(i.to)));
        return;
      case 'negate':
        this.#write(i.to, b.bin('sub', isNarrow(i.to) ? b.i32(0) : b.i64(0), this.#read(i.from, isNarrow(i.to))));
        return;
      case 'extend':
        this.#write(i.to, b.cast('sextin', isNarrow(i.to) ? 'i32' : 'i64', this.#read(i.from, isNarrow(i.to)), i.size));
        return;
      case 'swap': {
        const mask = i.size === 8 ? -1n : (1n << BigInt(i.size * 8)) - 1n;
        const from = this.#read(i.from);
        this.#write(i.to, i.how === 'le' ? b.bin('and', from, b.i64(mask)) : b.bswap(from, i.size));
        return;
      }
      case 'alu': {
        if (i.bin === 'sdiv' || i.bin === 'srem') throw new Untranslatable('signed division');
        const narrow = isNarrow(i.to);
        this.#write(i.to, b.bin(i.bin, this.#read(i.to, narrow), this.#read(i.from, narrow)));
        return;
      }
      case 'load': {
        const { size, signed } = i.address;
        const loaded = b.load(size === 8 ? 'i64' : 'i32', this.#address(i.address), size, true);
        this.#write(i.to, signed && size < 8 ? b.cast('sextin', 'i64', wide(this.#lw, loaded), size) : loaded);
        return;
      }
      case 'store': {
        const { size } = i.address;
        b.store(this.#address(i.address), this.#read(i.from, size < 8), size, true);
        return;
      }
      case 'atomic': {
        const { size } = i.address;
        if (i.bin !== 'add' && i.bin !== 'and' && i.bin !== 'or' && i.bin !== 'xor')
          throw new Untranslatable('an atomic operation that BPF does not have');
        if (size < 4) throw new Untranslatable('an atomic operation on fewer than 4 bytes');
        b.atomic(i.bin, this.#address(i.address), this.#read(i.from, size === 4), size, false);
        return;
      }
      case 'if': {
        const next = this.#blocks.get(n + 1) ?? this.#lw.func.addBlock();
        const to = this.#targetBlock(i.target, i, n);
        const narrow = isNarrow(i.left);
        const left = this.#read(i.left, narrow);
        const right = this.#read(i.right, narrow);
        if (i.pred === 'set') b.condbr('ne', b.bin('and', left, right), narrow ? b.i32(0) : b.i64(0), to, next, 0);
        else b.condbr(i.pred, left, right, to, next, 0);
        b.block = next;
        return;
      }
      case 'may_goto': {
        const next = this.#blocks.get(n + 1) ?? this.#lw.func.addBlock();
        b.mayGoto(this.#targetBlock(i.target, i, n), next);
        b.block = next;
        return;
      }
      case 'goto':
        b.br(this.#targetBlock(i.target, i, n));
        b.block = this.#lw.func.addBlock();
        return;
      case 'call':
        this.#call(i.callee);
        return;
      case 'exit':
        b.ret(this.#lw.func.returns === 'void' ? null : narrowTo(this.#lw, this.#read({ kind: 'register', number: 0, narrow: false }))); // prettier-ignore
        b.block = this.#lw.func.addBlock();
        return;
      case 'gotol':
      case 'fetch':
      case 'packet':
      case 'data':
        throw new Untranslatable(`${i.op}: only in a naked function`);
    }
  }

  /** r1 to r5 as far as they were set here are the arguments; r0 has the result. */
  #call(text: string): void {
    const { b } = this.#lw;
    const args: Inst[] = [];
    let count = 5;
    while (count > 0 && !this.#slots.has(`r${count}`)) count--;
    for (let n = 1; n <= count; n++) args.push(this.#read({ kind: 'register', number: n, narrow: false }));
    const result = b.call(this.#callee(text), 'i64', args);
    for (let n = 1; n <= 5; n++) this.#slots.delete(`r${n}`);
    b.store(this.#slot(0), result, 8);
  }

  #callee(text: string): Callee {
    const find = (ref: string): Expr => this.#operand({ kind: 'operand', ref, narrow: false }).expr;
    const callee = calleeOf(this.#lw.cx, text, find);
    if (callee === null) throw new Untranslatable(`call ${text}`);
    return callee;
  }
}

const isNarrow = (v: AsmValue): boolean => (v.kind === 'operand' || v.kind === 'register') && v.narrow;

/**
 * An operand as clang hands it over: `"r"((short)x)` names the whole register of x, for a conversion that only drops bits
 * makes no instruction there. bpf_cmp_likely() and bpf_nop_mov() count on it.
 */
function widest(o: AsmOperand): Expr {
  let e = o.expr;
  while (e.kind === 'cast' && e.cast === 'integral' && sizeOf(e.type) < 4 && sizeOf(e.operand.type) > sizeOf(e.type))
    e = e.operand;
  return e;
}

function wide(lw: Lowering, v: Inst): Inst {
  return v.type === 'i32' ? lw.b.cast('zext', 'i64', v) : lw.b.cast('bitcast', 'i64', v);
}

function narrowTo(lw: Lowering, v: Inst): Inst {
  if (lw.func.returns === 'i32') return lw.b.cast('trunc', 'i32', v);
  return lw.func.returns === 'ptr' ? lw.b.cast('bitcast', 'ptr', v) : v;
}

function storeWide(lw: Lowering, p: Place, v: Inst): void {
  const int = integerOf(p.type);
  storePlace(lw, p, int === null ? lw.b.cast('bitcast', 'ptr', v) : int.size === 8 ? v : lw.b.cast('trunc', 'i32', v));
}

/** `asm volatile("" : "+r"(x))` hides a value, `asm volatile("" ::: "memory")` orders memory. */
function barrier(lw: Lowering, s: AsmStmt, memory: boolean): void {
  const b = lw.b;
  s.outputs.forEach((o, n) => {
    if (o.constraint.includes('m')) return;
    const place = lowerPlace(lw, o.expr);
    const tied = s.inputs.find((i) => i.constraint === String(n) || (o.name !== '' && i.constraint === `[${o.name}]`));
    const value = tied !== undefined ? lowerExpr(lw, tied.expr)! : loadPlace(lw, place);
    storePlace(lw, place, b.opaque(value));
  });
  for (const i of s.inputs) {
    if (/^\d+$/.test(i.constraint) || i.constraint.includes('i') || i.constraint.includes('m')) continue;
    const v = lowerExpr(lw, i.expr);
    if (v !== null) b.opaque(v);
  }
  if (memory && (s.clobbers.includes('memory') || s.outputs.length === 0)) b.fence();
}
