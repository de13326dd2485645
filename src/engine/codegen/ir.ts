/**
 * The intermediate representation: typed SSA over basic blocks.
 *
 * Values have type `i32`, `i64` or `ptr` (64 bit); 8- and 16-bit quantities exist in memory only (loads and stores say
 * their size) and as masked or `sextin`-ed values. Everything that must survive into the object (CO-RE accesses,
 * globals, maps, functions, kernel functions) is a first-class operation, so that no pass has to guess.
 *
 * The kernel verifier reads what we emit: casts are kept explicit and next to their uses, because a bound that was
 * checked in one register says nothing about an extended copy made *before* the check.
 */
import type { Dominators } from './opt/dominators.ts';
import { AssertionError } from '../../base/index.ts';
import type { CType, Field, FunctionDecl, Loc, VarDecl } from '../c/index.ts';

export type ValueType = 'i32' | 'i64' | 'ptr';
export type ResultType = ValueType | 'void';

export type BinOp =
  'add' | 'sub' | 'mul' | 'udiv' | 'sdiv' | 'urem' | 'srem' | 'and' | 'or' | 'xor' | 'shl' | 'lshr' | 'ashr';

export type Pred = 'eq' | 'ne' | 'ult' | 'ule' | 'ugt' | 'uge' | 'slt' | 'sle' | 'sgt' | 'sge';

/**
 * trunc: i64 → i32. zext, sext: i32 → i64. bitcast: between i64 and ptr.
 * sextin: sign-extends the low `size` bytes within the same type.
 */
export type CastOp = 'trunc' | 'zext' | 'sext' | 'bitcast' | 'sextin';

export type AtomicOp = 'add' | 'and' | 'or' | 'xor' | 'xchg' | 'cmpxchg';

export type MemSize = 1 | 2 | 4 | 8;

export type Op =
  | 'const'
  | 'undef'
  | 'param'
  | 'phi'
  | 'bin'
  | 'cast'
  | 'bswap'
  /** __builtin_constant_p: 1 once the operand is a constant, 0 when it did not become one. */
  | 'isconst'
  | 'cmp'
  | 'alloca'
  | 'start'
  | 'block'
  | 'load'
  | 'store'
  | 'global'
  | 'fieldptr'
  | 'coreimm'
  | 'call'
  | 'atomic'
  | 'opaque'
  | 'fence'
  | 'maygoto'
  | 'br'
  | 'condbr'
  | 'ret'
  | 'unreachable';

/** What an address-of names: a variable, a function, or an interned string literal. */
export type Symbol =
  | { readonly kind: 'var'; readonly decl: VarDecl }
  | { readonly kind: 'func'; readonly decl: FunctionDecl }
  | StringSymbol;

/** What an operand of inline assembly stands for when it is no register. */
export type AsmConstant =
  | { readonly kind: 'number'; readonly value: bigint }
  | { readonly kind: 'address'; readonly symbol: Symbol; readonly addend: number };

export interface StringSymbol {
  readonly kind: 'string';
  readonly bytes: Uint8Array;
  /** Its bytes, one in a character: equal for equal literals, of whatever function and unit. */
  readonly key: string;
}

export function stringSymbol(bytes: Uint8Array): StringSymbol {
  let key = '';
  for (const b of bytes) key += String.fromCharCode(b);
  return { kind: 'string', bytes, key };
}

export type Callee =
  | { readonly kind: 'helper'; readonly id: number; readonly name: string }
  | { readonly kind: 'local'; readonly decl: FunctionDecl }
  | { readonly kind: 'kfunc'; readonly decl: FunctionDecl }
  /** The pointer is the first argument; `end` is where the call ends in the source. */
  | { readonly kind: 'indirect'; readonly end: Loc }
  /** Of a function with the attribute `error`: nothing of it is to be left. */
  | { readonly kind: 'forbidden'; readonly decl: FunctionDecl; readonly end: Loc };

/** What a call of a function is: of one of this object, or of the kernel's; null when it is neither. */
export function functionCallee(decl: FunctionDecl): Extract<Callee, { kind: 'local' | 'kfunc' }> | null {
  if (decl.body !== null) return { kind: 'local', decl };
  return decl.attributes.section === '.ksyms' ? { kind: 'kfunc', decl } : null;
}

/** One step of a CO-RE access path. */
export type CoreStep =
  { readonly kind: 'field'; readonly field: Field } | { readonly kind: 'index'; readonly index: number };

/** What a CO-RE relocation is about; `type` as written in the source. */
export interface CoreAccess {
  readonly type: CType;
  /** First step: the index of the pointer itself (nearly always 0). */
  readonly steps: readonly CoreStep[];
  /** Enumerator for enum-value relocations. */
  readonly enumerator?: string;
}

/** Numbers of enum bpf_core_relo_kind (<linux/bpf.h>). */
export const CORE_KIND = {
  byteOff: 0,
  byteSize: 1,
  exists: 2,
  signed: 3,
  lshift: 4,
  rshift: 5,
  localTypeId: 6,
  targetTypeId: 7,
  typeExists: 8,
  typeSize: 9,
  enumvalExists: 10,
  enumvalValue: 11,
  typeMatches: 12,
} as const;

/** One operation. Which of the optional parts are there follows from `op`; `verifyFunction` knows. */
export class Inst {
  readonly id: number;
  op: Op;
  type: ResultType;
  args: Inst[];
  block: Block | null = null;
  loc: Loc;

  /** const */
  value = 0n;
  /** param */
  index = 0;
  bin: BinOp = 'add';
  /** bin: signed overflow is undefined in the source. */
  nsw = false;
  cast: CastOp = 'bitcast';
  /** cmp, condbr: compares args[0] with args[1]. A `maygoto` is only ever compared with 0, at the end of its block. */
  pred: Pred = 'eq';
  /** load, store, atomic: bytes moved. alloca: object size. sextin: bytes. bswap: 2, 4 or 8. opaque: 0, or those of the signed number that may stand for it in an instruction of assembly. */
  size = 0;
  /** alloca. load, store: what is known of the address. */
  align = 8;
  /** block: memcpy, memmove, memset, memcmp, strcmp (args[2]: most bytes) or strlen, `align` what is known of both addresses. alloca: for diagnostics. `start`: the storage of args[0], an alloca, begins here with no value. */
  name = '';
  volatile = false;
  /** block: where its size, or strlen's text, stands in the source. */
  where: { readonly loc: Loc; readonly end: Loc } | null = null;
  /** global */
  symbol: Symbol | null = null;
  /** global: bytes added to the symbol's address. */
  offset = 0;
  /** fieldptr (byte offset), coreimm. */
  access: CoreAccess | null = null;
  coreKind = 0;
  /** coreimm, fieldptr: value at compile time (fieldptr: byte offset). */
  coreValue = 0n;
  callee: Callee | null = null;
  atomic: AtomicOp = 'add';
  /** atomic: the old value is wanted. */
  fetch = false;
  /** br: [target]; condbr: [then, else]; phi: the predecessor of each argument. */
  targets: Block[] = [];
  /** condbr: which of its targets the source says is seldom taken (`__builtin_expect`, a jump in assembly); -1: none. */
  seldom: -1 | 0 | 1 = -1;

  constructor(id: number, op: Op, type: ResultType, args: Inst[], loc: Loc) {
    this.id = id;
    this.op = op;
    this.type = type;
    this.args = args;
    this.loc = loc;
  }

  /** The same with another number, in no block yet. */
  copy(id: number): Inst {
    const c = new Inst(id, this.op, this.type, this.args.slice(), this.loc);
    c.value = this.value;
    c.index = this.index;
    c.bin = this.bin;
    c.nsw = this.nsw;
    c.cast = this.cast;
    c.pred = this.pred;
    c.size = this.size;
    c.align = this.align;
    c.name = this.name;
    c.volatile = this.volatile;
    c.where = this.where;
    c.symbol = this.symbol;
    c.offset = this.offset;
    c.access = this.access;
    c.coreKind = this.coreKind;
    c.coreValue = this.coreValue;
    c.callee = this.callee;
    c.atomic = this.atomic;
    c.fetch = this.fetch;
    c.seldom = this.seldom;
    if (this.targets.length > 0) c.targets = this.targets.slice();
    return c;
  }
}

const NO_BLOCKS: readonly Block[] = [];

export class Block {
  readonly id: number;
  insts: Inst[] = [];
  preds: Block[] = [];
  /** Set on a loop's header by `#pragma unroll`: 'full', a count, or 'disable'. */
  unroll: 'none' | 'full' | 'disable' | number = 'none';

  constructor(id: number) {
    this.id = id;
  }

  get terminator(): Inst {
    const last = this.insts[this.insts.length - 1];
    // Asked for all the time: the text is made only when it is needed.
    if (last === undefined || !isTerminator(last)) throw new AssertionError(`block ${this.id} has no terminator`);
    return last;
  }

  get succs(): readonly Block[] {
    const t = this.terminator;
    return t.op === 'br' || t.op === 'condbr' ? t.targets : NO_BLOCKS;
  }

  /** Phis come first. */
  phis(): Inst[] {
    const out: Inst[] = [];
    for (const i of this.insts) {
      if (i.op !== 'phi') break;
      out.push(i);
    }
    return out;
  }
}

/** A function under compilation. `blocks[0]` is the entry. */
export class Func {
  readonly decl: FunctionDecl;
  readonly name: string;
  readonly params: Inst[] = [];
  blocks: Block[] = [];
  returns: ResultType = 'void';
  /** What was worked out of the edges between the blocks, see opt/dominators.ts. */
  dominators: { readonly edges: readonly Block[]; readonly tree: Dominators } | null = null;
  #nextInst = 0;
  #nextBlock = 0;
  readonly #consts = { i32: new Map<bigint, Inst>(), i64: new Map<bigint, Inst>(), ptr: new Map<bigint, Inst>() };
  readonly #undefs = new Map<ValueType, Inst>();

  constructor(decl: FunctionDecl) {
    this.decl = decl;
    this.name = decl.name;
  }

  get instLimit(): number {
    return this.#nextInst;
  }

  get blockLimit(): number {
    return this.#nextBlock;
  }

  /** A new operation that stands in no block yet. */
  create(op: Op, type: ResultType, args: Inst[], loc: Loc): Inst {
    return new Inst(this.#nextInst++, op, type, args, loc);
  }

  /** Another operation like this one, with the same arguments and targets. */
  clone(i: Inst): Inst {
    return i.copy(this.#nextInst++);
  }

  /** The whole function once more, all numbers as they are: what is done to one does not show in the other. */
  copy(): Func {
    const f = new Func(this.decl);
    f.returns = this.returns;
    f.#nextInst = this.#nextInst;
    f.#nextBlock = this.#nextBlock;
    const blocks = new Array<Block>(this.#nextBlock);
    for (const b of this.blocks) f.blocks.push((blocks[b.id] = new Block(b.id)));
    const insts = new Array<Inst>(this.#nextInst);
    for (const p of this.params) f.params.push((insts[p.id] = p.copy(p.id)));
    for (const [type, c] of this.#undefs) f.#undefs.set(type, (insts[c.id] = c.copy(c.id)));
    for (const type of ['i32', 'i64', 'ptr'] as const)
      for (const [value, c] of this.#consts[type]) f.#consts[type].set(value, (insts[c.id] = c.copy(c.id)));
    for (const b of this.blocks) {
      const to = blocks[b.id];
      to.unroll = b.unroll;
      to.preds = b.preds.map((p) => blocks[p.id]);
      to.insts = b.insts.map((i) => {
        const c = i.copy(i.id);
        c.block = to;
        return (insts[i.id] = c);
      });
    }
    for (const b of f.blocks)
      for (const i of b.insts) {
        for (let n = 0; n < i.args.length; n++) i.args[n] = insts[i.args[n].id];
        for (let n = 0; n < i.targets.length; n++) i.targets[n] = blocks[i.targets[n].id];
      }
    return f;
  }

  addBlock(): Block {
    const b = new Block(this.#nextBlock++);
    this.blocks.push(b);
    return b;
  }

  /** Interned; values are kept sign-extended from their width. */
  constant(type: ValueType, value: bigint | number): Inst {
    const v = BigInt.asIntN(type === 'i32' ? 32 : 64, BigInt(value));
    const known = this.#consts[type];
    let c = known.get(v);
    if (c === undefined) {
      c = this.create('const', type, [], 0);
      c.value = v;
      known.set(v, c);
    }
    return c;
  }

  undef(type: ValueType): Inst {
    let c = this.#undefs.get(type);
    if (c === undefined) {
      c = this.create('undef', type, [], 0);
      this.#undefs.set(type, c);
    }
    return c;
  }

  addParam(type: ValueType): Inst {
    const p = this.create('param', type, [], 0);
    p.index = this.params.length;
    this.params.push(p);
    return p;
  }
}

export const isTerminator = (i: Inst): boolean =>
  i.op === 'br' || i.op === 'condbr' || i.op === 'ret' || i.op === 'unreachable';

/**
 * Whether only the loader knows where a symbol is, or that it is nowhere. It fills in the whole operand of the load then:
 * an offset cannot be part of it (libbpf, `bpf_object__relocate_data`).
 */
export const isExternal = (s: Symbol): boolean =>
  (s.kind === 'var' && s.decl.storage === 'extern') || (s.kind === 'func' && s.decl.body === null);

/** Must stay even when its result is unused. */
export function hasSideEffects(i: Inst): boolean {
  switch (i.op) {
    case 'store':
    case 'call':
    case 'atomic':
    case 'opaque':
    case 'fence':
    case 'maygoto':
      return true;
    // A mark on a variable lives as long as the variable: see removeDead.
    case 'start':
      return false;
    case 'load':
      return i.volatile;
    case 'block':
      return i.name !== 'strlen' && i.name !== 'strcmp' && i.name !== 'memcmp';
    default:
      return isTerminator(i);
  }
}

export const isConst = (i: Inst, value?: bigint): boolean =>
  i.op === 'const' && (value === undefined || i.value === value);

/** Values that stand outside blocks. */
export const isFloating = (i: Inst): boolean => i.op === 'const' || i.op === 'undef' || i.op === 'param';

export const NEGATED: Readonly<Record<Pred, Pred>> = {
  eq: 'ne',
  ne: 'eq',
  ult: 'uge',
  uge: 'ult',
  ule: 'ugt',
  ugt: 'ule',
  slt: 'sge',
  sge: 'slt',
  sle: 'sgt',
  sgt: 'sle',
};

/** The predicate with its operands exchanged. */
export const SWAPPED: Readonly<Record<Pred, Pred>> = {
  eq: 'eq',
  ne: 'ne',
  ult: 'ugt',
  ugt: 'ult',
  ule: 'uge',
  uge: 'ule',
  slt: 'sgt',
  sgt: 'slt',
  sle: 'sge',
  sge: 'sle',
};

const sizes: Readonly<Record<number, string>> = { 1: 'i8', 2: 'i16', 4: 'i32', 8: 'i64' };

/** Text of one operation, for tests and for people. */
export function printInst(i: Inst): string {
  const ref = (a: Inst): string =>
    a.op === 'const'
      ? a.type === 'ptr'
        ? `ptr ${a.value}`
        : `${a.type} ${a.value}`
      : a.op === 'undef'
        ? 'undef'
        : a.op === 'param'
          ? `%arg${a.index}`
          : `%${a.id}`;
  const args = i.args.map(ref).join(', ');
  const def = i.type === 'void' ? '' : `%${i.id} = `;
  const vol = i.volatile ? 'volatile ' : '';
  switch (i.op) {
    case 'phi':
      return `${def}phi ${i.type} ${i.args.map((a, n) => `[b${i.targets[n]?.id}: ${ref(a)}]`).join(' ')}`;
    case 'bin':
      return `${def}${i.bin}${i.nsw ? ' nsw' : ''} ${i.type} ${args}`;
    case 'cast':
      return `${def}${i.cast}${i.cast === 'sextin' ? i.size * 8 : ''} ${i.type} ${args}`;
    case 'bswap':
      return `${def}bswap${i.size * 8} ${i.type} ${args}`;
    case 'isconst':
      return `${def}isconst ${args}`;
    case 'cmp':
      return `${def}cmp ${i.pred} ${args}`;
    case 'alloca':
      return `${def}alloca ${i.size} align ${i.align} "${i.name}"`;
    case 'load':
      return `${def}load ${vol}${sizes[i.size]} to ${i.type} ${args}`;
    case 'store':
      return `store ${vol}${sizes[i.size]} ${args}`;
    case 'global': {
      const s = i.symbol!;
      return `${def}global @${s.kind === 'string' ? JSON.stringify(s.key) : s.decl.name}${i.offset !== 0 ? `+${i.offset}` : ''}`;
    }
    case 'fieldptr':
      return `${def}fieldptr ${args} +${i.coreValue} ${printSteps(i.access!)}`;
    case 'coreimm':
      return `${def}coreimm ${i.type} kind ${i.coreKind} ${i.coreValue} ${printSteps(i.access!)}`;
    case 'call': {
      const c = i.callee!;
      const name = c.kind === 'helper' ? `helper#${c.id}` : c.kind === 'indirect' ? '(pointer)' : `@${c.decl.name}`;
      return `${def}call ${i.type} ${name}(${args})`;
    }
    case 'atomic':
      return `${def}atomic ${i.atomic}${i.fetch ? ' fetch' : ''} ${sizes[i.size]} ${args}`;
    case 'br':
      return `br b${i.targets[0].id}`;
    case 'condbr':
      return `condbr ${i.pred} ${args} ? b${i.targets[0].id} : b${i.targets[1].id}`;
    default:
      return `${def}${i.op}${args === '' ? '' : ` ${args}`}`;
  }
}

const printSteps = (a: CoreAccess): string =>
  a.steps
    .map((s) => (s.kind === 'index' ? String(s.index) : `${s.field.name || '(anonymous)'}@${s.field.index}`))
    .join(':');

export function printFunc(f: Func): string {
  const lines = [`func @${f.name}(${f.params.map((p) => p.type).join(', ')}) ${f.returns} {`];
  for (const b of f.blocks) {
    lines.push(`b${b.id}:${b.preds.length > 0 ? `  ; from ${b.preds.map((p) => `b${p.id}`).join(' ')}` : ''}`);
    for (const i of b.insts) lines.push(`  ${printInst(i)}`);
  }
  lines.push('}');
  return lines.join('\n');
}
