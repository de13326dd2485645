/** Emits operations at a cursor, folding constants on the way. */
import type { Loc } from '../../c/index.ts';
import {
  type AtomicOp,
  type BinOp,
  type Block,
  type Callee,
  type CastOp,
  type CoreAccess,
  type Func,
  type Inst,
  isExternal,
  isTerminator,
  NEGATED,
  type Pred,
  type ResultType,
  type Symbol,
  type ValueType,
} from '../ir.ts';
import { foldBin, foldBswap, foldCompare } from '../opt/fold.ts';

export class Builder {
  readonly func: Func;
  block: Block;
  loc: Loc = 0;
  /** Allocas go to the front of the entry block. */
  #allocas = 0;

  /** @param at where to begin; a new block without it */
  constructor(func: Func, at?: Block) {
    this.func = func;
    this.block = at ?? func.addBlock();
  }

  get terminated(): boolean {
    const last = this.block.insts[this.block.insts.length - 1];
    return last !== undefined && isTerminator(last);
  }

  add(i: Inst): Inst {
    // Code after a jump is unreachable: it goes to a block of its own, which is dropped later.
    if (this.terminated) this.block = this.func.addBlock();
    i.block = this.block;
    this.block.insts.push(i);
    return i;
  }

  #new(op: Inst['op'], type: ResultType, args: Inst[]): Inst {
    return this.func.create(op, type, args, this.loc);
  }

  i32 = (v: bigint | number): Inst => this.func.constant('i32', v);
  i64 = (v: bigint | number): Inst => this.func.constant('i64', v);
  constant = (type: ValueType, v: bigint | number): Inst => this.func.constant(type, v);

  alloca(size: number, align: number, name: string): Inst {
    const a = this.#new('alloca', 'ptr', []);
    a.size = size;
    a.align = align;
    a.name = name;
    const entry = this.func.blocks[0];
    a.block = entry;
    entry.insts.splice(this.#allocas++, 0, a);
    return a;
  }

  /** A block operation whose size, or whose string, may become known later. */
  blockOp(name: string, type: ResultType, args: Inst[], align: number, where: { loc: Loc; end: Loc }): Inst {
    const i = this.#new('block', type, args);
    i.name = name;
    i.align = align;
    i.where = where;
    return this.add(i);
  }

  /** Marks where a variable's storage begins. */
  start(slot: Inst): void {
    this.add(this.#new('start', 'void', [slot]));
  }

  bin(op: BinOp, a: Inst, b: Inst, nsw = false): Inst {
    const type = a.type as ValueType;
    if (a.op === 'const' && b.op === 'const') return this.constant(type, foldBin(op, type, a.value, b.value));
    if (
      b.op === 'const' &&
      b.value === 0n &&
      (op === 'add' || op === 'sub' || op === 'or' || op === 'xor' || op === 'shl')
    )
      return a;
    const i = this.#new('bin', type, [a, b]);
    i.bin = op;
    i.nsw = nsw;
    return this.add(i);
  }

  /** Pointer plus a constant number of bytes; chains collapse. */
  ptrAdd(p: Inst, bytes: number): Inst {
    if (bytes === 0) return p;
    if (p.op === 'global' && !isExternal(p.symbol!)) return this.global(p.symbol!, p.offset + bytes);
    return this.bin('add', p, this.i64(bytes));
  }

  cast(op: CastOp, type: ValueType, a: Inst, size = 0): Inst {
    if (op === 'bitcast' && a.type === type) return a;
    if (a.op === 'const') {
      if (op === 'zext') return this.constant(type, BigInt.asUintN(32, a.value));
      if (op === 'sextin') return this.constant(type, BigInt.asIntN(size * 8, a.value));
      return this.constant(type, a.value);
    }
    if (op === 'bitcast' && a.op === 'cast' && a.cast === 'bitcast' && a.args[0].type === type) return a.args[0];
    const i = this.#new('cast', type, [a]);
    i.cast = op;
    i.size = size;
    return this.add(i);
  }

  bswap(a: Inst, bytes: number): Inst {
    if (a.op === 'const') return this.constant(a.type as ValueType, foldBswap(BigInt.asUintN(64, a.value), bytes));
    const i = this.#new('bswap', a.type, [a]);
    i.size = bytes;
    return this.add(i);
  }

  /** Whether a value is known when all is inlined. */
  isConst(a: Inst): Inst {
    return a.op === 'const' ? this.i32(1) : this.add(this.#new('isconst', 'i32', [a]));
  }

  cmp(pred: Pred, a: Inst, b: Inst): Inst {
    if (a.op === 'const' && b.op === 'const')
      return this.i32(foldCompare(pred, a.type as ValueType, a.value, b.value) ? 1 : 0);
    const i = this.#new('cmp', 'i32', [a, b]);
    i.pred = pred;
    return this.add(i);
  }

  /** @param align what is known of the address, in bytes */
  load(type: ValueType, addr: Inst, size: number, volatile = false, align = size): Inst {
    const i = this.#new('load', type, [addr]);
    i.size = size;
    i.align = align;
    i.volatile = volatile;
    return this.add(i);
  }

  /** @param align what is known of the address, in bytes */
  store(addr: Inst, value: Inst, size: number, volatile = false, align = size): void {
    const i = this.#new('store', 'void', [addr, value]);
    i.size = size;
    i.align = align;
    i.volatile = volatile;
    this.add(i);
  }

  global(symbol: Symbol, offset = 0): Inst {
    const i = this.#new('global', 'ptr', []);
    i.symbol = symbol;
    i.offset = offset;
    return this.add(i);
  }

  fieldPtr(base: Inst, access: CoreAccess, offset: number): Inst {
    const i = this.#new('fieldptr', 'ptr', [base]);
    i.access = access;
    i.coreValue = BigInt(offset);
    return this.add(i);
  }

  coreImm(type: ValueType, kind: number, access: CoreAccess, value: bigint): Inst {
    const i = this.#new('coreimm', type, []);
    i.access = access;
    i.coreKind = kind;
    i.coreValue = value;
    return this.add(i);
  }

  call(callee: Callee, type: ResultType, args: Inst[]): Inst {
    const i = this.#new('call', type, args);
    i.callee = callee;
    return this.add(i);
  }

  atomic(op: AtomicOp, addr: Inst, value: Inst, size: number, fetch: boolean, expected: Inst | null = null): Inst {
    const type = fetch ? (size === 8 ? 'i64' : 'i32') : 'void';
    const i = this.#new('atomic', type, expected === null ? [addr, value] : [addr, value, expected]);
    i.atomic = op;
    i.size = size;
    i.fetch = fetch;
    return this.add(i);
  }

  /**
   * A copy the optimiser cannot see through (`barrier_var`).
   * @param immediate not 0: a number may take its place, the signed one of so many bytes
   */
  opaque(a: Inst, immediate = 0): Inst {
    const i = this.#new('opaque', a.type, [a]);
    i.size = immediate;
    return this.add(i);
  }

  fence(): void {
    this.add(this.#new('fence', 'void', []));
  }

  /**
   * Branches to `then` when the kernel's patience with the function's loops has come to its end (the instruction
   * `may_goto`): its own value, not 0 then, and the branch on it become one instruction.
   */
  mayGoto(then: Block, otherwise: Block): void {
    this.condbr('ne', this.add(this.#new('maygoto', 'i32', [])), this.i32(0), then, otherwise);
  }

  phi(type: ValueType, incoming: readonly (readonly [Block, Inst])[]): Inst {
    const i = this.#new(
      'phi',
      type,
      incoming.map((x) => x[1]),
    );
    i.targets = incoming.map((x) => x[0]);
    return this.add(i);
  }

  br(target: Block): void {
    if (this.terminated) return;
    const i = this.#new('br', 'void', []);
    i.targets = [target];
    this.add(i);
  }

  condbr(pred: Pred, a: Inst, b: Inst, then: Block, otherwise: Block, seldom: Inst['seldom'] = -1): void {
    if (this.terminated) return;
    if (a.op === 'const' && b.op === 'const') {
      this.br(foldCompare(pred, a.type as ValueType, a.value, b.value) ? then : otherwise);
      return;
    }
    if (then === otherwise) {
      this.br(then);
      return;
    }
    // A stored comparison that is tested against zero is that comparison.
    if (a.op === 'cmp' && b.op === 'const' && b.value === 0n && (pred === 'ne' || pred === 'eq')) {
      this.condbr(pred === 'ne' ? a.pred : NEGATED[a.pred], a.args[0], a.args[1], then, otherwise, seldom);
      return;
    }
    const i = this.#new('condbr', 'void', [a, b]);
    i.pred = pred;
    i.targets = [then, otherwise];
    i.seldom = seldom;
    this.add(i);
  }

  ret(value: Inst | null): void {
    if (this.terminated) return;
    this.add(this.#new('ret', 'void', value === null ? [] : [value]));
  }

  unreachable(): void {
    if (this.terminated) return;
    this.add(this.#new('unreachable', 'void', []));
  }
}

/** Recomputes predecessor lists; drops blocks that cannot be reached and their phi arguments. */
export function rebuildPreds(f: Func): void {
  const seen = new Uint8Array(f.blockLimit);
  const work = [f.blocks[0]];
  let count = 0;
  while (work.length > 0) {
    const b = work.pop()!;
    if (seen[b.id] === 1) continue;
    seen[b.id] = 1;
    count++;
    for (const s of b.succs) work.push(s);
  }
  if (count < f.blocks.length) f.blocks = f.blocks.filter((b) => seen[b.id] === 1);
  // In place: most lists stay as they are.
  const filled = new Int32Array(f.blockLimit);
  for (const b of f.blocks) for (const s of b.succs) s.preds[filled[s.id]++] = b;
  for (const b of f.blocks) if (b.preds.length !== filled[b.id]) b.preds.length = filled[b.id];
  for (const b of f.blocks)
    for (const phi of b.insts) {
      if (phi.op !== 'phi') break;
      if (phi.targets.every((t) => b.preds.includes(t))) continue;
      const keep = phi.targets.map((t) => b.preds.includes(t));
      phi.args = phi.args.filter((_, n) => keep[n]);
      phi.targets = phi.targets.filter((_, n) => keep[n]);
    }
}
