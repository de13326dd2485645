/** Instruction selection: IR in SSA form → machine operations, phis replaced by copies. */
import {
  BPF_ADD,
  BPF_ARSH,
  BPF_ATOMIC_ADD,
  BPF_ATOMIC_AND,
  BPF_ATOMIC_OR,
  BPF_ATOMIC_XOR,
  BPF_CMPXCHG,
  BPF_FETCH,
  BPF_LSH,
  BPF_XCHG,
} from '../../bpf/index.ts';
import { assert } from '../../../base/index.ts';
import { type Block, CORE_KIND, type Func, type Inst, type Pred, SWAPPED } from '../ir.ts';
import { splitCriticalEdges } from '../opt/cfg.ts';
import { dominators, reversePostorder } from '../opt/dominators.ts';
import { asksForOneNumber } from '../opt/widening.ts';
import { countUses, splitAddress } from '../opt/util.ts';
import { FIRST_VIRTUAL, type FrameSlot, MBlock, type MFunc, MInst, R0 } from './mir.ts';
import { ALU, JUMP } from './opcodes.ts';

const ATOMIC = {
  add: BPF_ATOMIC_ADD,
  and: BPF_ATOMIC_AND,
  or: BPF_ATOMIC_OR,
  xor: BPF_ATOMIC_XOR,
  xchg: BPF_XCHG,
  cmpxchg: BPF_CMPXCHG,
};

const fitsImm = (v: bigint): boolean => v >= -0x80000000n && v <= 0x7fffffffn;

export function selectFunction(f: Func): MFunc {
  splitCriticalEdges(f);
  return new Selector(f).run();
}

class Selector {
  readonly #f: Func;
  readonly #out: MFunc;
  readonly #blocks = new Map<Block, MBlock>();
  readonly #regs = new Map<Inst, number>();
  readonly #slots = new Map<Inst, FrameSlot>();
  readonly #zext = new Map<Inst, boolean>();
  readonly #uses: Map<Inst, number>;
  #cur!: MBlock;
  #loc = 0;

  constructor(f: Func) {
    this.#f = f;
    this.#uses = countUses(f);
    this.#out = { name: f.name, blocks: [], slots: [], nextReg: FIRST_VIRTUAL };
  }

  run(): MFunc {
    const f = this.#f;
    const asks = asksForOneNumber(f);
    const order = reversePostorder(f, (b) => {
      const { seldom } = b.terminator;
      return seldom === 0 || (seldom === -1 && (asksForEquality(b) || asks.has(b)));
    });
    const dom = dominators(f);
    for (const b of order) {
      const m = new MBlock(b.id);
      this.#blocks.set(b, m);
      this.#out.blocks.push(m);
    }
    for (const b of order)
      for (const i of b.insts)
        if (i.op === 'alloca') {
          const slot = { size: i.size, align: i.align, name: i.name, loc: i.loc, spill: false, offset: 0 };
          this.#slots.set(i, slot);
          this.#out.slots.push(slot);
        }
    // Loop depth from back edges: a block is in the loop when it reaches the back edge without leaving the header.
    for (const b of order)
      for (const s of b.succs) {
        if (!dom.dominates(s, b)) continue;
        const inside = new Set<Block>([s]);
        const work = [b];
        while (work.length > 0) {
          const x = work.pop()!;
          if (inside.has(x)) continue;
          inside.add(x);
          work.push(...x.preds);
        }
        for (const x of inside) {
          const m = this.#blocks.get(x);
          if (m !== undefined) m.weight = Math.min(m.weight * 10, 100000);
        }
      }
    order.forEach((b, n) => {
      this.#cur = this.#blocks.get(b)!;
      this.#cur.succs = b.succs.map((s) => this.#blocks.get(s)!);
      if (n === 0) this.#params();
      for (const i of b.insts) {
        this.#loc = i.loc;
        this.#select(i, b);
      }
    });
    return this.#out;
  }

  #params(): void {
    this.#loc = this.#f.decl.loc;
    for (const p of this.#f.params) {
      if ((this.#uses.get(p) ?? 0) === 0) continue;
      const m = this.#emit('mov');
      m.dst = this.#reg(p);
      m.src = p.index + 1;
    }
  }

  #emit(kind: MInst['kind']): MInst {
    const m = new MInst(kind, this.#loc);
    this.#cur.insts.push(m);
    return m;
  }

  #fresh(): number {
    return this.#out.nextReg++;
  }

  /** Follows operations that change nothing in the register: their value is their operand's register. */
  #root(v: Inst): Inst {
    let x = v;
    while (x.op === 'cast') {
      if (x.cast === 'bitcast' || x.cast === 'trunc') x = x.args[0];
      else if (x.cast === 'zext' && this.#zeroExtended(x.args[0])) x = x.args[0];
      else break;
    }
    return x;
  }

  /** An i32 whose register has a zero upper half, because every 32-bit operation clears it. */
  #zeroExtended(v: Inst): boolean {
    const known = this.#zext.get(v);
    if (known !== undefined) return known;
    let result: boolean;
    switch (v.op) {
      case 'bin':
      case 'cmp':
      case 'load':
      case 'const':
      case 'undef':
      case 'coreimm':
        result = true;
        break;
      case 'bswap':
        result = true;
        break;
      case 'atomic':
        result = v.size === 4;
        break;
      case 'cast':
        result = v.cast === 'sextin';
        break;
      case 'phi':
        // Assume it holds while the arguments are asked (loops), then settle.
        this.#zext.set(v, true);
        result = v.args.every((a) => this.#zeroExtended(a));
        if (!result) this.#zext.clear();
        break;
      default:
        result = false;
    }
    this.#zext.set(v, result);
    return result;
  }

  #reg(v: Inst): number {
    const root = this.#root(v);
    let r = this.#regs.get(root);
    if (r === undefined) {
      r = this.#fresh();
      this.#regs.set(root, r);
    }
    return r;
  }

  /** A register with the value: constants are made on the spot. */
  #use(v: Inst): number {
    const root = this.#root(v);
    if (root.op === 'const' || root.op === 'undef') {
      const r = this.#fresh();
      this.#constant(r, root, v.type === 'i32');
      return r;
    }
    if (root.op === 'alloca') {
      const m = this.#emit('frame');
      m.slot = this.#slots.get(root)!;
      m.dst = this.#fresh();
      return m.dst;
    }
    return this.#reg(v);
  }

  #constant(dst: number, c: Inst, w: boolean): void {
    const value = c.op === 'undef' ? 0n : c.value;
    if (w || fitsImm(value)) {
      const m = this.#emit('movi');
      m.dst = dst;
      m.imm = Number(BigInt.asIntN(32, value));
      m.w = w;
    } else if (value >= 0n && value <= 0xffffffffn) {
      const m = this.#emit('movi');
      m.dst = dst;
      m.imm = Number(BigInt.asIntN(32, value));
      m.w = true;
    } else {
      const m = this.#emit('ld64');
      m.dst = dst;
      m.imm64 = value;
    }
  }

  #move(dst: number, v: Inst): void {
    const root = this.#root(v);
    if (root.op === 'const' || root.op === 'undef') this.#constant(dst, root, v.type === 'i32');
    else if (root.op === 'alloca') {
      const m = this.#emit('frame');
      m.slot = this.#slots.get(root)!;
      m.dst = dst;
    } else {
      const m = this.#emit('mov');
      m.dst = dst;
      m.src = this.#reg(v);
    }
  }

  /** Sets the base and offset of a memory operation; `base` says which register field holds the address. */
  #address(m: MInst, p: Inst, base: 'src' | 'dst'): void {
    let { base: root, offset } = splitAddress(p);
    root = this.#root(root);
    if (root.op === 'bin') {
      const again = splitAddress(root);
      root = this.#root(again.base);
      offset += again.offset;
    }
    if (offset >= -32768 && offset <= 32767) {
      const slot = this.#slots.get(root);
      if (slot !== undefined) {
        m.slot = slot;
        m.off = offset;
        return;
      }
      if (root.op === 'fieldptr' && offset === 0 && root.coreValue <= 32767n) {
        m.core = { access: root.access!, kind: CORE_KIND.byteOff };
        m.off = Number(root.coreValue);
        m[base] = this.#use(root.args[0]);
        return;
      }
      m.off = offset;
      m[base] = this.#use(root);
      return;
    }
    m[base] = this.#use(p);
  }

  #select(i: Inst, b: Block): void {
    switch (i.op) {
      case 'phi':
      case 'alloca':
        return;
      case 'bin':
        this.#bin(i);
        return;
      case 'cast':
        this.#cast(i);
        return;
      case 'bswap': {
        const d = this.#reg(i);
        this.#move(d, i.args[0]);
        const m = this.#emit('end');
        m.dst = d;
        m.size = i.size;
        return;
      }
      case 'cmp': {
        const [a, c, pred] = this.#operands(i);
        const lhs = this.#use(a);
        const imm = this.#immediate(c);
        const src = imm === null ? this.#use(c) : -1;
        const m = this.#emit('setcc');
        m.dst = this.#reg(i);
        m.lhs = lhs;
        m.src = src;
        m.imm = imm ?? 0;
        m.code = JUMP[pred];
        m.w = a.type === 'i32';
        return;
      }
      case 'load': {
        const m = new MInst('load', this.#loc);
        this.#address(m, i.args[0], 'src');
        m.dst = this.#reg(i);
        m.size = i.size;
        m.volatile = i.volatile;
        this.#cur.insts.push(m);
        return;
      }
      case 'store': {
        const m = new MInst('store', this.#loc);
        this.#address(m, i.args[0], 'dst');
        m.size = i.size;
        const imm = this.#immediate(i.args[1]);
        if (imm !== null) m.imm = imm;
        else m.src = this.#use(i.args[1]);
        this.#cur.insts.push(m);
        return;
      }
      case 'global': {
        const m = this.#emit('ld64');
        m.dst = this.#reg(i);
        m.symbol = i.symbol;
        m.imm64 = BigInt(i.offset);
        return;
      }
      case 'fieldptr': {
        const d = this.#reg(i);
        this.#move(d, i.args[0]);
        const m = this.#emit('alu');
        m.code = BPF_ADD;
        m.dst = d;
        m.imm = Number(i.coreValue);
        m.core = { access: i.access!, kind: CORE_KIND.byteOff };
        return;
      }
      case 'coreimm': {
        // libbpf writes 64-bit results (type ids, enumerators) to ld_imm64 and others to the immediate of a move.
        const wide = i.coreKind >= CORE_KIND.enumvalExists && i.coreKind !== CORE_KIND.typeMatches;
        const ids = i.coreKind === CORE_KIND.localTypeId || i.coreKind === CORE_KIND.targetTypeId;
        const m = this.#emit(wide || ids ? 'ld64' : 'movi');
        m.dst = this.#reg(i);
        m.imm64 = i.coreValue;
        m.imm = Number(BigInt.asIntN(32, i.coreValue));
        m.core = { access: i.access!, kind: i.coreKind };
        return;
      }
      case 'call':
        this.#call(i);
        return;
      case 'atomic':
        this.#atomic(i);
        return;
      case 'opaque':
        this.#move(this.#reg(i), i.args[0]);
        this.#cur.insts.at(-1)!.apart = i.volatile;
        return;
      case 'fence':
      case 'maygoto':
        return;
      case 'br':
        this.#phiCopies(b, i.targets[0]);
        this.#jump(i.targets[0]);
        return;
      case 'condbr': {
        if (i.args[0].op === 'maygoto') {
          const [ended, on] = i.pred === 'ne' ? i.targets : [...i.targets].reverse();
          this.#emit('jmay').target = this.#blocks.get(ended)!;
          this.#jump(on);
          return;
        }
        const [a, c, pred] = this.#operands(i);
        const lhs = this.#use(a);
        const imm = this.#immediate(c);
        const src = imm === null ? this.#use(c) : -1;
        const m = this.#emit('jcc');
        m.dst = lhs;
        m.src = src;
        m.imm = imm ?? 0;
        m.code = JUMP[pred];
        m.w = a.type === 'i32';
        m.target = this.#blocks.get(i.targets[0])!;
        this.#jump(i.targets[1]);
        return;
      }
      case 'ret': {
        if (i.args.length > 0) this.#move(R0, i.args[0]);
        else {
          // A void BPF program must still give r0 a value before it exits.
          const zero = this.#emit('movi');
          zero.dst = R0;
          zero.w = true;
        }
        const m = this.#emit('exit');
        m.hasResult = true;
        return;
      }
      case 'unreachable': {
        // Never reached, but the kernel wants every path to end in exit with r0 set.
        const zero = this.#emit('movi');
        zero.dst = R0;
        zero.w = true;
        this.#emit('exit').hasResult = true;
        return;
      }
      default:
        assert(false, `cannot select ${i.op}`);
    }
  }

  #jump(to: Block): void {
    this.#emit('ja').target = this.#blocks.get(to)!;
  }

  /** Comparison operands with a constant on the right. */
  #operands(i: Inst): [Inst, Inst, Pred] {
    const [a, c] = i.args;
    return this.#immediate(a) !== null && this.#immediate(c) === null ? [c, a, SWAPPED[i.pred]] : [a, c, i.pred];
  }

  #immediate(v: Inst): number | null {
    const r = this.#root(v);
    if (r.op === 'undef') return 0;
    if (r.op !== 'const') return null;
    const value =
      v.type === 'i32'
        ? BigInt.asIntN(32, r.value)
        : v.type !== r.type && r.type === 'i32'
          ? BigInt.asUintN(32, r.value)
          : r.value;
    return fitsImm(value) ? Number(value) : null;
  }

  #bin(i: Inst): void {
    let [a, c] = i.args;
    const commutes = i.bin === 'add' || i.bin === 'mul' || i.bin === 'and' || i.bin === 'or' || i.bin === 'xor';
    // The operand that is used again is better left alone: the other one's register becomes the result.
    if (
      commutes &&
      i.type !== 'ptr' &&
      c.op !== 'const' &&
      (this.#uses.get(a) ?? 0) > 1 &&
      (this.#uses.get(c) ?? 0) === 1
    )
      [a, c] = [c, a];
    const d = this.#reg(i);
    const w = i.type === 'i32';
    // `0 - x` stays a subtraction: verifiers before 7.2 forget all they know of a number at BPF_NEG.
    if (i.bin === 'and' && i.type === 'i64' && c.op === 'const' && c.value === 0xffffffffn) {
      const src = this.#use(a);
      const m = this.#emit('movw');
      m.dst = d;
      m.src = src;
      return;
    }
    const imm = this.#immediate(c);
    const slot = i.bin === 'add' && imm !== null && !w ? this.#slots.get(this.#root(a)) : undefined;
    if (slot !== undefined) {
      const m = this.#emit('frame');
      m.dst = d;
      m.slot = slot;
      m.off = imm!;
      return;
    }
    const src = imm === null ? this.#use(c) : -1;
    this.#move(d, a);
    const m = this.#emit('alu');
    m.code = ALU[i.bin];
    m.dst = d;
    m.src = src;
    m.imm = imm ?? 0;
    m.w = w;
  }

  #cast(i: Inst): void {
    if (this.#root(i) !== i) return;
    const d = this.#reg(i);
    const shift = (code: number, amount: number, w: boolean): void => {
      const m = this.#emit('alu');
      m.code = code;
      m.dst = d;
      m.imm = amount;
      m.w = w;
    };
    if (i.cast === 'zext') {
      const src = this.#use(i.args[0]);
      const m = this.#emit('movw');
      m.dst = d;
      m.src = src;
      return;
    }
    this.#move(d, i.args[0]);
    if (i.cast === 'sext') {
      // The verifier knows this pair and keeps the bounds of a non-negative value (kernel/bpf/verifier.c, since 5.13).
      shift(BPF_LSH, 32, false);
      shift(BPF_ARSH, 32, false);
    } else {
      const w = i.type === 'i32';
      const amount = (w ? 32 : 64) - i.size * 8;
      shift(BPF_LSH, amount, w);
      shift(BPF_ARSH, amount, w);
    }
  }

  #call(i: Inst): void {
    // Values are computed first; then the argument registers are filled without anything in between.
    i.args.forEach((a, n) => this.#move(n + 1, a));
    const m = this.#emit('call');
    m.callee = i.callee;
    m.argCount = i.args.length;
    if (i.type !== 'void' && (this.#uses.get(i) ?? 0) > 0) {
      const r = this.#emit('mov');
      r.dst = this.#reg(i);
      r.src = R0;
    }
  }

  #atomic(i: Inst): void {
    const used = (this.#uses.get(i) ?? 0) > 0;
    const always = i.atomic === 'xchg' || i.atomic === 'cmpxchg';
    const m = new MInst('atomic', this.#loc);
    this.#address(m, i.args[0], 'dst');
    const fetch = always || used;
    const value = this.#fresh();
    this.#move(value, i.args[1]);
    m.src = value;
    m.size = i.size;
    m.code = ATOMIC[i.atomic] | (fetch ? BPF_FETCH : 0);
    m.hasResult = fetch;
    if (i.atomic === 'cmpxchg') {
      this.#move(R0, i.args[2]);
      m.lhs = R0;
    }
    this.#cur.insts.push(m);
    if (used) {
      const r = this.#emit('mov');
      r.dst = this.#reg(i);
      r.src = i.atomic === 'cmpxchg' ? R0 : value;
    }
  }

  /** Copies for the phis of `to` on the edge from `from`, as one parallel assignment. */
  #phiCopies(from: Block, to: Block): void {
    let pending: { dst: number; src: number; value: Inst }[] = [];
    const constants: { dst: number; value: Inst }[] = [];
    for (const phi of to.phis()) {
      if ((this.#uses.get(phi) ?? 0) === 0) continue;
      const value = phi.args[phi.targets.indexOf(from)];
      const root = this.#root(value);
      const dst = this.#reg(phi);
      if (root.op === 'undef') continue;
      if (root.op === 'const' || root.op === 'alloca') constants.push({ dst, value });
      else {
        const src = this.#reg(value);
        if (src !== dst) pending.push({ dst, src, value });
      }
    }
    while (pending.length > 0) {
      const ready = pending.find((p) => !pending.some((q) => q.src === p.dst));
      if (ready !== undefined) {
        const m = this.#emit('mov');
        m.dst = ready.dst;
        m.src = ready.src;
        pending = pending.filter((p) => p !== ready);
        continue;
      }
      // A cycle: park one source.
      const first = pending[0];
      const m = this.#emit('mov');
      m.dst = this.#fresh();
      m.src = first.src;
      pending = pending.map((p) => (p.src === first.src ? { ...p, src: m.dst } : p));
    }
    for (const c of constants) this.#move(c.dst, c.value);
  }
}

/**
 * Two pointers are seldom equal, and a number is seldom 0: what is done then stands out of the way, as clang lays it out. The
 * verifier walks the code as it stands, and what it learns on its first way decides how much of the others it has to walk.
 */
function asksForEquality(b: Block): boolean {
  const t = b.terminator;
  if (t.op !== 'condbr' || t.pred !== 'eq') return false;
  const [x, y] = t.args;
  return y.op === 'const' ? x.type !== 'ptr' && y.value === 0n : x.type === 'ptr' && y.type === 'ptr';
}
