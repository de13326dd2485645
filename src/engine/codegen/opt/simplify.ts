/** Folding and algebra on single operations, repeated until nothing changes. */
import { qualifiersOf, type VarDecl } from '../../c/index.ts';
import {
  type Func,
  type Inst,
  isExternal,
  isFloating,
  NEGATED,
  type Pred,
  stringSymbol,
  SWAPPED,
  type ValueType,
} from '../ir.ts';
import { type Dominators, dominators } from './dominators.ts';
import { knownLength, knownOrder } from './expand-blocks.ts';
import { foldBin, foldBswap, foldCompare } from './fold.ts';
import { applyReplacements, replacement, splitAddress } from './util.ts';

/**
 * An upper bound of an i32/i64 value read as unsigned, by what computes it. The kernel's verifier knows nothing of the
 * results of divisions: a mask or a check behind one is what gives it a bound, so that it must not be taken for needless.
 * `divisions`: they count all the same.
 */
export function unsignedMax(v: Inst, depth = 0, divisions = false): bigint {
  const all = v.type === 'i32' ? 0xffffffffn : 0xffffffffffffffffn;
  if (depth > 6) return all;
  switch (v.op) {
    case 'const':
      return BigInt.asUintN(v.type === 'i32' ? 32 : 64, v.value);
    case 'load':
      return v.size >= 8 ? all : (1n << BigInt(v.size * 8)) - 1n;
    case 'cmp':
      return 1n;
    case 'bswap':
      return v.size >= 8 ? all : (1n << BigInt(v.size * 8)) - 1n;
    case 'cast':
      return v.cast === 'zext' ? unsignedMax(v.args[0], depth + 1, divisions) : all;
    case 'phi': {
      if (depth > 2) return all;
      let max = 0n;
      for (const a of v.args) {
        if (a === v || a.op === 'undef') continue;
        const m = unsignedMax(a, depth + 2, divisions);
        if (m > max) max = m;
      }
      return max < all ? max : all;
    }
    case 'bin': {
      const [a, b] = v.args;
      switch (v.bin) {
        case 'and': {
          const x = unsignedMax(a, depth + 1, divisions);
          const y = unsignedMax(b, depth + 1, divisions);
          return x < y ? x : y;
        }
        case 'lshr':
          return b.op === 'const' ? unsignedMax(a, depth + 1, divisions) >> (b.value & 63n) : all;
        case 'urem':
          return divisions && b.op === 'const' && b.value > 0n ? b.value - 1n : all;
        case 'udiv':
          return divisions ? unsignedMax(a, depth + 1, divisions) : all;
        case 'or':
        case 'xor': {
          const m = unsignedMax(a, depth + 1, divisions) | unsignedMax(b, depth + 1, divisions);
          const bound = (1n << BigInt(m.toString(2).length)) - 1n;
          return bound < all ? bound : all;
        }
        case 'add': {
          const m = unsignedMax(a, depth + 1, divisions) + unsignedMax(b, depth + 1, divisions);
          return m < all ? m : all;
        }
        case 'shl': {
          if (b.op !== 'const') return all;
          const m = unsignedMax(a, depth + 1, divisions) << (b.value & 63n);
          return m < all ? m : all;
        }
        default:
          return all;
      }
    }
    default:
      return all;
  }
}

/** Known to be non-negative as a signed i32. */
export function nonNegative32(v: Inst): boolean {
  if (unsignedMax(v, 0, true) <= 0x7fffffffn) return true;
  // A counter that starts at a non-negative constant and only grows: signed overflow is undefined in C.
  if (v.op === 'phi')
    return v.args.every(
      (a) =>
        a === v ||
        (a.op === 'const' && a.value >= 0n) ||
        (a.op === 'bin' &&
          a.bin === 'add' &&
          a.nsw &&
          a.args[0] === v &&
          a.args[1].op === 'const' &&
          a.args[1].value >= 0n),
    );
  return (
    v.op === 'bin' &&
    v.bin === 'add' &&
    v.nsw &&
    v.args[1].op === 'const' &&
    v.args[1].value >= 0n &&
    v.args[0].op === 'phi' &&
    v.args[0].args.includes(v) &&
    nonNegative32(v.args[0])
  );
}

export function simplify(f: Func): boolean {
  let any = false;
  for (let round = 0; round < 20; round++) {
    const replaced = new Map<Inst, Inst>();
    let edited = false;
    let known: Dominators | null = null;
    const dom = (): Dominators => (known ??= dominators(f));
    for (const b of f.blocks)
      for (const i of b.insts) {
        if (replaced.size > 0) for (let n = 0; n < i.args.length; n++) i.args[n] = replacement(replaced, i.args[n]);
        const r = simplifyOne(f, i, dom);
        if (r === 'edited') edited = true;
        else if (r !== null && r !== i) replaced.set(i, r);
      }
    if (replaced.size > 0) {
      applyReplacements(f, replaced);
      for (const b of f.blocks) b.insts = b.insts.filter((i) => !replaced.has(i));
    }
    if (replaced.size === 0 && !edited) return any;
    any = true;
  }
  return any;
}

/** The number that an operand of assembly turned out to be, where an instruction has room for it. */
function asImmediate(f: Func, i: Inst): Inst | null {
  const [v] = i.args;
  if (i.size === 0 || v.op !== 'const') return null;
  const printed = BigInt.asIntN(i.size * 8, v.value);
  return printed === BigInt.asIntN(32, printed) ? f.constant(i.type as ValueType, printed) : null;
}

/** A value to use instead, `edited` when changed in place, null when there is nothing to do. */
function simplifyOne(f: Func, i: Inst, dom: () => Dominators): Inst | 'edited' | null {
  switch (i.op) {
    case 'opaque':
      return asImmediate(f, i);
    case 'phi': {
      let only: Inst | null = null;
      let unset = false;
      for (const a of i.args) {
        if (a === i || a === only) continue;
        if (a.op === 'undef') {
          unset = true;
          continue;
        }
        if (only !== null) return null;
        only = a;
      }
      if (only === null) return f.undef(i.type as ValueType);
      if (only.type !== i.type) return null;
      // A variable that some paths do not set may have on them what it has on the others, where that is there already (a
      // value of the same block may be the one of the round before).
      const there = isFloating(only) || (only.block !== i.block && dom().dominates(only.block!, i.block!));
      return unset && !there ? recomputed(f, i, only, dom) : only;
    }
    case 'bin':
      return simplifyBin(f, i);
    case 'cast':
      return simplifyCast(f, i);
    case 'cmp':
    case 'condbr':
      return simplifyCompare(f, i);
    case 'isconst':
      return i.args[0].op === 'const' ? f.constant('i32', 1) : null;
    case 'bswap':
      return i.args[0].op === 'const'
        ? f.constant(i.type as ValueType, foldBswap(BigInt.asUintN(64, i.args[0].value), i.size))
        : null;
    case 'load':
      return foldConstLoad(f, i) ?? foldAddressLoad(i);
    case 'store':
      return simplifyStore(i);
    case 'block': {
      const n = i.name === 'strlen' ? knownLength(i.args[0]) : i.name === 'strcmp' ? knownOrder(i) : null;
      return n === null ? null : f.constant(i.type as ValueType, n);
    }
    case 'fieldptr':
    default:
      return null;
  }
}

/** A phi of nothing and a value that can be computed where they meet as well: the value, made there. */
function recomputed(f: Func, phi: Inst, value: Inst, dom: () => Dominators): Inst | null {
  const block = phi.block!;
  const there = (a: Inst): boolean => isFloating(a) || (a.block !== block && dom().dominates(a.block!, block));
  const made: Inst[] = [];
  const make = (v: Inst, depth: number): Inst | null => {
    if (there(v)) return v;
    if (depth > 3 || (v.op !== 'bin' && v.op !== 'cast' && v.op !== 'fieldptr')) return null;
    const args = v.args.map((a) => make(a, depth + 1));
    if (args.includes(null)) return null;
    const copy = f.clone(v);
    copy.args = args as Inst[];
    copy.block = block;
    made.push(copy);
    return copy;
  };
  const result = make(value, 0);
  if (result !== null) block.insts.splice(block.phis().length, 0, ...made);
  return result;
}

/** A store keeps only the low bytes: what was done to the others does not matter. */
function simplifyStore(i: Inst): 'edited' | null {
  const bits = BigInt(i.size * 8);
  let v = i.args[1];
  for (;;) {
    const narrowed =
      v.op === 'cast'
        ? (v.cast === 'sextin' && v.size >= i.size) || ((v.cast === 'zext' || v.cast === 'sext') && i.size <= 4)
        : v.op === 'bin' &&
          v.bin === 'and' &&
          v.type !== 'ptr' &&
          v.args[1].op === 'const' &&
          BigInt.asUintN(Number(bits), v.args[1].value) === (1n << bits) - 1n;
    if (!narrowed) break;
    v = v.args[0];
  }
  if (v === i.args[1]) return null;
  i.args = [i.args[0], v];
  return 'edited';
}

function simplifyBin(f: Func, i: Inst): Inst | 'edited' | null {
  const type = i.type as ValueType;
  const [a, b] = i.args;
  if (a.op === 'undef' || b.op === 'undef') return type === 'ptr' ? null : f.constant(type, 0);
  if (a.op === 'const' && b.op === 'const') return f.constant(type, foldBin(i.bin, type, a.value, b.value));
  const commutes = i.bin === 'add' || i.bin === 'mul' || i.bin === 'and' || i.bin === 'or' || i.bin === 'xor';
  if (a.op === 'const' && commutes && type !== 'ptr') {
    i.args = [b, a];
    return 'edited';
  }
  if (a === b) {
    if (i.bin === 'sub' || i.bin === 'xor') return f.constant(type, 0);
    if (i.bin === 'and' || i.bin === 'or') return a;
  }
  if (b.op !== 'const') {
    if (a.op === 'const' && a.value === 0n && (i.bin === 'shl' || i.bin === 'lshr' || i.bin === 'ashr')) return a;
    return undone(i);
  }
  const c = b.value;
  const ones = -1n;
  switch (i.bin) {
    case 'add':
    case 'sub':
      if (c === 0n) return a;
      // (x ± c1) ± c2, pointers and integers alike.
      if (a.op === 'bin' && (a.bin === 'add' || a.bin === 'sub') && a.args[1].op === 'const' && a.type === type) {
        const inner = a.bin === 'add' ? a.args[1].value : -a.args[1].value;
        const sum = BigInt.asIntN(64, inner + (i.bin === 'add' ? c : -c));
        i.bin = 'add';
        i.nsw = false;
        i.args = [a.args[0], f.constant(type === 'ptr' ? 'i64' : type, sum)];
        return 'edited';
      }
      if (i.bin === 'sub' && type !== 'i32' ? c !== -(1n << 63n) : i.bin === 'sub' && c !== -(1n << 31n)) {
        i.bin = 'add';
        i.args = [a, f.constant(type === 'ptr' ? 'i64' : type, -c)];
        return 'edited';
      }
      if (a.op === 'global' && type === 'ptr' && i.bin === 'add' && !isExternal(a.symbol!)) {
        i.op = 'global';
        i.symbol = a.symbol;
        i.offset = a.offset + Number(c);
        i.args = [];
        return 'edited';
      }
      return null;
    case 'or':
    case 'xor':
      if (c === 0n) return a;
      if (i.bin === 'or' && c === ones) return b;
      if (i.bin === 'xor' && c === 1n && a.op === 'cmp') {
        i.op = 'cmp';
        i.pred = NEGATED[a.pred];
        i.args = [...a.args];
        return 'edited';
      }
      return null;
    case 'shl':
    case 'lshr':
    case 'ashr':
      if (c === 0n) return a;
      return null;
    case 'and': {
      if (c === 0n) return b;
      if (c === ones) return a;
      // The mask keeps everything that can be set.
      const mask = BigInt.asUintN(type === 'i32' ? 32 : 64, c);
      if ((mask & (mask + 1n)) === 0n && unsignedMax(a) <= mask) return a;
      if (a.op === 'bin' && a.bin === 'and' && a.args[1].op === 'const') {
        i.args = [a.args[0], f.constant(type, a.args[1].value & c)];
        return 'edited';
      }
      // Only the low bytes are kept: an in-register sign extension of at least as many changes nothing.
      if (a.op === 'cast' && a.cast === 'sextin' && mask < 1n << BigInt(a.size * 8)) {
        i.args = [a.args[0], b];
        return 'edited';
      }
      return null;
    }
    case 'mul':
      if (c === 0n) return b;
      if (c === 1n) return a;
      if (c > 0n && (c & (c - 1n)) === 0n) {
        i.bin = 'shl';
        i.args = [a, f.constant(type, c.toString(2).length - 1)];
        return 'edited';
      }
      return null;
    case 'udiv':
      if (c === 1n) return a;
      if (c > 0n && (c & (c - 1n)) === 0n) {
        i.bin = 'lshr';
        i.args = [a, f.constant(type, c.toString(2).length - 1)];
        return 'edited';
      }
      return null;
    case 'urem':
      if (c > 0n && (c & (c - 1n)) === 0n) {
        i.bin = 'and';
        i.args = [a, f.constant(type, c - 1n)];
        return 'edited';
      }
      return null;
    default:
      return null;
  }
}

/** `(x - y) + y` and `(x + y) - y` are x: the verifier, which does not see that, would lose what it knows of x. */
function undone(i: Inst): Inst | null {
  if (i.type === 'ptr' || (i.bin !== 'add' && i.bin !== 'sub')) return null;
  const [a, b] = i.args;
  const before = i.bin === 'add' ? 'sub' : 'add';
  if (a.op === 'bin' && a.bin === before && a.type === i.type) {
    if (a.args[1] === b) return a.args[0];
    if (before === 'add' && a.args[0] === b) return a.args[1];
  }
  return i.bin === 'add' && b.op === 'bin' && b.bin === 'sub' && b.type === i.type && b.args[1] === a
    ? b.args[0]
    : null;
}

function simplifyCast(f: Func, i: Inst): Inst | 'edited' | null {
  const type = i.type as ValueType;
  const a = i.args[0];
  if (a.op === 'undef') return i.cast === 'bitcast' || i.cast === 'trunc' ? f.undef(type) : f.constant(type, 0);
  if (a.op === 'const') {
    if (i.cast === 'zext') return f.constant(type, BigInt.asUintN(32, a.value));
    if (i.cast === 'sextin') return f.constant(type, BigInt.asIntN(i.size * 8, a.value));
    return f.constant(type, a.value);
  }
  switch (i.cast) {
    case 'bitcast':
      if (a.type === type) return a;
      if (a.op === 'cast' && a.cast === 'bitcast' && a.args[0].type === type) return a.args[0];
      return null;
    case 'trunc':
      if (a.op === 'cast' && (a.cast === 'zext' || a.cast === 'sext')) return a.args[0];
      return null;
    case 'sext':
      if (nonNegative32(a)) {
        i.cast = 'zext';
        return 'edited';
      }
      return null;
    case 'sextin':
      if (unsignedMax(a) < 1n << BigInt(i.size * 8 - 1)) return a;
      if (a.op === 'cast' && a.cast === 'sextin' && a.size <= i.size) return a;
      if (a.op === 'bin' && a.bin === 'and' && a.args[1].op === 'const') {
        const mask = (1n << BigInt(i.size * 8)) - 1n;
        if ((a.args[1].value & mask) === mask) {
          i.args = [a.args[0]];
          return 'edited';
        }
      }
      return null;
    default:
      return null;
  }
}

function simplifyCompare(f: Func, i: Inst): Inst | 'edited' | null {
  const [a, b] = i.args;
  const result = (v: boolean): Inst | 'edited' | null => {
    if (i.op === 'cmp') return f.constant('i32', v ? 1 : 0);
    if (a.op === 'const' && b.op === 'const') return null;
    // Left to the control-flow pass, which sees two constants.
    i.pred = 'eq';
    i.args = [f.constant('i32', v ? 1 : 0), f.constant('i32', 1)];
    return 'edited';
  };
  if (a.op === 'const' && b.op === 'const') {
    return i.op === 'cmp' ? result(foldCompare(i.pred, a.type as ValueType, a.value, b.value)) : null;
  }
  if (a.op === 'undef' || b.op === 'undef') return result(false);
  if (a.op === 'const') {
    i.args = [b, a];
    i.pred = SWAPPED[i.pred];
    return 'edited';
  }
  if (a === b)
    return result(i.pred === 'eq' || i.pred === 'ule' || i.pred === 'uge' || i.pred === 'sle' || i.pred === 'sge');
  if (b.op === 'const' && a.op === 'cast' && (a.cast === 'zext' || a.cast === 'sext')) {
    const narrow = narrowCompare(i.pred, a.cast, b.value);
    if (typeof narrow === 'boolean') return result(narrow);
    if (narrow !== null) {
      i.pred = narrow;
      i.args = [a.args[0], f.constant('i32', b.value)];
      return 'edited';
    }
  }
  // Addresses of objects are never null.
  if (b.op === 'const' && b.value === 0n && (i.pred === 'eq' || i.pred === 'ne')) {
    const base = splitAddress(a).base;
    if (base.op === 'alloca' || (base.op === 'global' && !isExternal(base.symbol!))) return result(i.pred === 'ne');
    // Arithmetic on a pointer stays within its object, so only NULL leads to NULL (as in clang: `inbounds`).
    if (a.op === 'bin' && a.type === 'ptr' && a.args[0].type === 'ptr') {
      i.args = [a.args[0], b];
      return 'edited';
    }
    // (x cmp y) != 0 is the comparison itself.
    if (a.op === 'cmp') {
      if (i.op === 'cmp' && i.pred === 'ne') return a;
      i.pred = i.pred === 'ne' ? a.pred : NEGATED[a.pred];
      i.args = [...a.args];
      return 'edited';
    }
    // Widening does not change whether a value is zero.
    if (a.op === 'cast' && (a.cast === 'zext' || a.cast === 'sext')) {
      i.args = [a.args[0], f.constant('i32', 0)];
      return 'edited';
    }
    if (a.op === 'cast' && a.cast === 'bitcast') {
      i.args = [a.args[0], f.constant(a.args[0].type as ValueType, 0)];
      return 'edited';
    }
  }
  if (b.op === 'const' && (i.pred === 'eq' || i.pred === 'ne') && a.op === 'cast' && a.cast === 'sextin') {
    // Equality needs no sign: compare the low bytes as they came from memory.
    const bits = a.size * 8;
    if (BigInt.asIntN(bits, b.value) !== b.value) return result(i.pred === 'ne');
    if (unsignedMax(a.args[0]) < 1n << BigInt(bits)) {
      i.args = [a.args[0], f.constant(a.type as ValueType, BigInt.asUintN(bits, b.value))];
      return 'edited';
    }
  }
  if (b.op === 'const' && b.value === 0n) {
    if (i.pred === 'ult') return result(false);
    if (i.pred === 'uge') return result(true);
    if (i.pred === 'ugt') {
      i.pred = 'ne';
      return 'edited';
    }
    if (i.pred === 'ule') {
      i.pred = 'eq';
      return 'edited';
    }
  }
  if (b.op === 'const' && (a.type === 'i32' || a.type === 'i64')) {
    const max = unsignedMax(a);
    const c = BigInt.asUintN(a.type === 'i32' ? 32 : 64, b.value);
    if (max < c) {
      if (i.pred === 'eq' || i.pred === 'ugt' || i.pred === 'uge') return result(false);
      if (i.pred === 'ne' || i.pred === 'ult' || i.pred === 'ule') return result(true);
    }
  }
  return null;
}

/**
 * A comparison of a widened i32 with a constant as one of 32 bits: its predicate, or what it always gives; null when it
 * has to stay. The check is made on the register that everything else is computed from.
 */
function narrowCompare(pred: Pred, widening: 'zext' | 'sext', c: bigint): Pred | boolean | null {
  const unsigned = pred === 'ult' || pred === 'ule' || pred === 'ugt' || pred === 'uge';
  const equality = pred === 'eq' || pred === 'ne';
  if (widening === 'sext') {
    if (c === BigInt.asIntN(32, c)) return !unsigned || c >= 0n ? pred : null;
    return equality ? pred === 'ne' : null;
  }
  if (c >= 0n && c <= 0xffffffffn) return equality || unsigned ? pred : UNSIGNED[pred]!;
  return equality ? pred === 'ne' : null;
}

/** For values that are not negative. */
const UNSIGNED: Partial<Record<Pred, Pred>> = { slt: 'ult', sle: 'ule', sgt: 'ugt', sge: 'uge' };

/** Reads of an address out of constant data: a callback or a text from a table whose index is known. */
function foldAddressLoad(i: Inst): 'edited' | null {
  if (i.volatile || i.size !== 8) return null;
  const { base, offset } = splitAddress(i.args[0]);
  const decl = base.op === 'global' && base.symbol?.kind === 'var' ? base.symbol.decl : null;
  if (decl === null || !isFrozen(decl)) return null;
  const reloc = decl.image?.relocs.find((r) => r.offset === base.offset + offset);
  if (reloc === undefined) return null;
  const { target } = reloc;
  if (target.kind === 'string') i.symbol = stringSymbol(target.bytes);
  else i.symbol = target.kind === 'var' ? { kind: 'var', decl: target } : { kind: 'func', decl: target };
  i.op = 'global';
  i.type = 'ptr';
  i.offset = reloc.addend;
  i.args = [];
  return 'edited';
}

/** Whether nobody can have changed a variable since it was written down. */
function isFrozen(d: VarDecl): boolean {
  const q = qualifiersOf(d.type);
  return d.storage !== 'extern' && q.const && !q.volatile && !d.attributes.weak && d.attributes.section === null;
}

/** Reads of constant data whose bytes are known. `volatile` objects are configuration: they are really loaded. */
function foldConstLoad(f: Func, i: Inst): Inst | null {
  if (i.volatile) return null;
  const { base, offset } = splitAddress(i.args[0]);
  if (base.op !== 'global' || base.symbol === null) return null;
  const at = base.offset + offset;
  let bytes: Uint8Array;
  if (base.symbol.kind === 'string') bytes = base.symbol.bytes;
  else if (base.symbol.kind === 'var') {
    const d = base.symbol.decl;
    if (!isFrozen(d) || d.image === null) return null;
    if (d.image.relocs.some((r) => r.offset < at + i.size && r.offset + 8 > at)) return null;
    bytes = d.image.bytes;
  } else return null;
  if (at < 0 || at + i.size > bytes.length) return null;
  let v = 0n;
  for (let n = i.size - 1; n >= 0; n--) v = (v << 8n) | BigInt(bytes[at + n]);
  return f.constant(i.type as ValueType, v);
}
