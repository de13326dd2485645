/** Expressions → IR. A scalar gives its value, a record or array the address of its memory, void gives null. */
import { assertNever } from '../../../base/index.ts';
import {
  alignOf,
  type AssignExpr,
  type BinaryExpr,
  type CastExpr,
  type CastKind,
  type CompareOp,
  type CompoundAssignExpr,
  type CType,
  type Expr,
  type Initializer,
  evaluate,
  integerOf,
  isBool,
  qualifiersOf,
  sizeOf,
} from '../../c/index.ts';
import type { BinOp, Inst, Pred, ValueType } from '../ir.ts';
import { lowerBuiltin } from './builtins.ts';
import { lowerCall } from './call.ts';
import { leaveScope } from './cleanup.ts';
import { isAggregate, isSigned, type Lowering } from './context.ts';
import { lowerCoreInfo } from './core.ts';
import { branchOnEqualBytes, equalityOfBytes } from './equal-bytes.ts';
import { copyBytes, storeConstantBytes } from './memory.ts';
import {
  addressOf,
  loadPlace,
  lowerPlace,
  type Place,
  placeAt,
  pointerAlign,
  scaled,
  shift,
  storePlace,
} from './place.ts';
import { lowerStmt } from './stmt.ts';

export function lowerExpr(lw: Lowering, e: Expr): Inst | null {
  const b = lw.b;
  switch (e.kind) {
    case 'int':
      return b.constant(lw.valueType(e.type, e), e.value);
    case 'string':
    case 'var':
    case 'deref':
    case 'member':
    case 'index':
    case 'compoundLiteral':
      // An l-value where a value is wanted: an aggregate, by address.
      if (e.kind === 'member' && !isAggregate(e.type)) return loadPlace(lw, lowerPlace(lw, e));
      return addressOf(lw, lowerPlace(lw, e));
    case 'function':
      return b.global({ kind: 'func', decl: e.decl });
    case 'address': {
      lw.at(e);
      if (e.operand.kind === 'function') return b.global({ kind: 'func', decl: e.operand.decl });
      return addressOf(lw, lowerPlace(lw, e.operand));
    }
    case 'unary': {
      if (e.op === '!') return lowerTruth(lw, e, true);
      const v = lowerExpr(lw, e.operand)!;
      const t = v.type as ValueType;
      lw.at(e);
      return e.op === '-' ? b.bin('sub', b.constant(t, 0), v, isSigned(e.type)) : b.bin('xor', v, b.constant(t, -1));
    }
    case 'incdec': {
      const p = lowerPlace(lw, e.operand);
      lw.at(e);
      const old = loadPlace(lw, p);
      const int = integerOf(e.operand.type);
      let next: Inst;
      if (int === null) {
        const step = pointeeSize(e.operand.type);
        next = b.ptrAdd(old, e.op === '++' ? step : -step);
      } else if (isBool(e.operand.type)) {
        next = e.op === '++' ? b.i32(1) : b.bin('xor', old, b.i32(1));
      } else {
        const one = b.constant(old.type as ValueType, e.op === '++' ? 1 : -1);
        next = narrow(lw, b.bin('add', old, one, int.signed && int.size >= 4), e.operand.type);
      }
      const stored = storePlace(lw, p, next);
      return e.prefix ? stored : old;
    }
    case 'binary':
      return lowerBinary(lw, e);
    case 'compare': {
      if (equalityOfBytes(e) !== null) return lowerTruth(lw, e, false);
      const l = lowerExpr(lw, e.left)!;
      const r = lowerExpr(lw, e.right)!;
      lw.at(e);
      return b.cmp(predicate(e.op, e.left.type), ...sameType(lw, l, r));
    }
    case 'logical':
      return lowerTruth(lw, e, false);
    case 'pointerAdd': {
      const p = lowerExpr(lw, e.pointer)!;
      const index = lowerExpr(lw, e.index)!;
      lw.at(e);
      if (index.op === 'const') return b.ptrAdd(p, Number(index.value) * e.elementSize * (e.subtract ? -1 : 1));
      return b.bin(e.subtract ? 'sub' : 'add', p, scaled(lw, index, e.elementSize));
    }
    case 'pointerDiff': {
      const l = b.cast('bitcast', 'i64', lowerExpr(lw, e.left)!);
      const r = b.cast('bitcast', 'i64', lowerExpr(lw, e.right)!);
      lw.at(e);
      const bytes = b.bin('sub', l, r);
      if (e.elementSize <= 1) return bytes;
      if ((e.elementSize & (e.elementSize - 1)) === 0) return b.bin('ashr', bytes, b.i64(Math.log2(e.elementSize)));
      return signedDivide(lw, e, 'sdiv', bytes, b.i64(e.elementSize));
    }
    case 'assign':
      return lowerAssign(lw, e);
    case 'compoundAssign':
      return lowerCompoundAssign(lw, e);
    case 'conditional':
      return lowerConditional(lw, e, e.cond, e.then, e.else);
    case 'elvis': {
      const then = lw.func.addBlock();
      const otherwise = lw.func.addBlock();
      const done = lw.func.addBlock();
      const v = lowerExpr(lw, e.value)!;
      lw.at(e);
      b.condbr('ne', v, b.constant(v.type as ValueType, 0), then, otherwise);
      b.block = then;
      const x = convert(lw, v, e.cast, e.value.type, e.type, e);
      const thenEnd = b.block;
      b.br(done);
      b.block = otherwise;
      const y = lowerExpr(lw, e.otherwise);
      const elseEnd = b.block;
      b.br(done);
      b.block = done;
      return x === null || y === null
        ? null
        : b.phi(lw.valueType(e.type, e), [
            [thenEnd, x],
            [elseEnd, y],
          ]);
    }
    case 'comma':
      lowerExpr(lw, e.left);
      return lowerExpr(lw, e.right);
    case 'cast':
      return lowerCast(lw, e);
    case 'call':
      return lowerCall(lw, e);
    case 'builtin':
      return lowerBuiltin(lw, e);
    case 'preserveAccess': {
      const before = lw.preserve;
      lw.preserve = true;
      const v = lowerExpr(lw, e.operand);
      lw.preserve = before;
      return v;
    }
    case 'coreFieldInfo':
    case 'coreTypeInfo':
    case 'coreEnumValue':
    case 'btfTypeId':
      return lowerCoreInfo(lw, e);
    case 'statementExpr': {
      const depth = lw.cleanups.length;
      for (const s of e.body) lowerStmt(lw, s);
      const v = e.result === null ? null : lowerExpr(lw, e.result);
      leaveScope(lw, depth);
      return v;
    }
    case 'error':
      return b.i32(0);
    default:
      return assertNever(e);
  }
}

const pointeeSize = (t: CType): number => {
  let p = t;
  while (p.kind === 'typedef' || p.kind === 'qualified' || p.kind === 'tag')
    p = p.kind === 'typedef' ? p.target : p.base;
  return p.kind === 'pointer' ? Math.max(1, sizeOf(p.pointee)) : 1;
};

/** Two operands of a comparison in one register type. */
export function sameType(lw: Lowering, l: Inst, r: Inst): [Inst, Inst] {
  if (l.type === r.type) return [l, r];
  if (l.type === 'ptr' && r.op === 'const') return [l, lw.b.constant('ptr', r.value)];
  if (r.type === 'ptr' && l.op === 'const') return [lw.b.constant('ptr', l.value), r];
  return [lw.b.cast('bitcast', 'i64', l), lw.b.cast('bitcast', 'i64', r)];
}

export function predicate(op: CompareOp, operand: CType): Pred {
  const signed = isSigned(operand);
  switch (op) {
    case '==':
      return 'eq';
    case '!=':
      return 'ne';
    case '<':
      return signed ? 'slt' : 'ult';
    case '>':
      return signed ? 'sgt' : 'ugt';
    case '<=':
      return signed ? 'sle' : 'ule';
    case '>=':
      return signed ? 'sge' : 'uge';
  }
}

const ARITH: Readonly<Record<BinaryExpr['op'], (signed: boolean) => BinOp>> = {
  '+': () => 'add',
  '-': () => 'sub',
  '*': () => 'mul',
  '/': (s) => (s ? 'sdiv' : 'udiv'),
  '%': (s) => (s ? 'srem' : 'urem'),
  '&': () => 'and',
  '|': () => 'or',
  '^': () => 'xor',
  '<<': () => 'shl',
  '>>': (s) => (s ? 'ashr' : 'lshr'),
};

function lowerBinary(lw: Lowering, e: BinaryExpr): Inst {
  const l = lowerExpr(lw, e.left)!;
  const r = lowerExpr(lw, e.right)!;
  lw.at(e);
  return arithmetic(lw, e, e.op, l, r, e.type);
}

function arithmetic(lw: Lowering, node: Expr, op: BinaryExpr['op'], l: Inst, r: Inst, type: CType): Inst {
  const b = lw.b;
  const signed = isSigned(type);
  const ir = ARITH[op](signed);
  let right = r;
  if ((op === '<<' || op === '>>') && r.type !== l.type)
    right = l.type === 'i64' ? b.cast('zext', 'i64', r) : b.cast('trunc', 'i32', r);
  if (ir === 'sdiv' || ir === 'srem') return signedDivide(lw, node, ir, l, right);
  return b.bin(ir, l, right, signed && (op === '+' || op === '-' || op === '*'));
}

/**
 * cpu v3 has unsigned division only. By a constant: sign fix-ups around the unsigned operation (powers of two by
 * shifts). Otherwise it cannot be said: clang refuses it for BPF too.
 */
function signedDivide(lw: Lowering, node: Expr, op: 'sdiv' | 'srem', l: Inst, r: Inst): Inst {
  const b = lw.b;
  const t = l.type as ValueType;
  if (l.op === 'const' && r.op === 'const') return b.bin(op, l, r);
  if (r.op !== 'const' || r.value === 0n) {
    if (r.op !== 'const')
      lw.cx.error(
        node,
        'codegen/signed-division',
        'signed division by a variable is not available on BPF cpu v3',
        'Make one operand unsigned, or divide absolute values and restore the sign yourself.',
      );
    return b.bin(op === 'sdiv' ? 'udiv' : 'urem', l, r);
  }
  const bits = t === 'i64' ? 64 : 32;
  const d = r.value < 0n ? -r.value : r.value;
  const c = (v: bigint | number): Inst => b.constant(t, v);
  // sign = 0 or -1; |l| = (l ^ sign) - sign.
  const sign = b.bin('ashr', l, c(bits - 1));
  const magnitude = b.bin('sub', b.bin('xor', l, sign), sign);
  if (op === 'srem') {
    const rest = (d & (d - 1n)) === 0n ? b.bin('and', magnitude, c(d - 1n)) : b.bin('urem', magnitude, c(d));
    return b.bin('sub', b.bin('xor', rest, sign), sign);
  }
  const power = (d & (d - 1n)) === 0n ? BigInt(d.toString(2).length - 1) : null;
  const q = power !== null ? b.bin('lshr', magnitude, c(power)) : b.bin('udiv', magnitude, c(d));
  const signedQ = b.bin('sub', b.bin('xor', q, sign), sign);
  return r.value < 0n ? b.bin('sub', c(0), signedQ) : signedQ;
}

/** Brings the low bits of an i32/i64 computation into the range of a narrower C type. */
export function narrow(lw: Lowering, v: Inst, type: CType): Inst {
  const int = integerOf(type);
  if (int === null || int.size >= 4) return v;
  if (int.rank === 0) return lw.b.cmp('ne', v, lw.b.constant(v.type as ValueType, 0));
  if (int.signed) return lw.b.cast('sextin', 'i32', v, int.size);
  return lw.b.bin('and', v, lw.b.i32(int.size === 1 ? 0xff : 0xffff));
}

function lowerCast(lw: Lowering, e: CastExpr): Inst | null {
  switch (e.cast) {
    case 'lvalueToRvalue': {
      const p = lowerPlace(lw, e.operand);
      if (isAggregate(e.type)) return addressOf(lw, p);
      lw.at(e.operand);
      return loadPlace(lw, p);
    }
    case 'arrayDecay':
      return addressOf(lw, lowerPlace(lw, e.operand));
    case 'functionDecay':
      return lowerExpr(lw, e.operand);
    default: {
      const v = lowerExpr(lw, e.operand);
      if (e.cast === 'toVoid' || v === null) return null;
      return convert(lw, v, e.cast, e.operand.type, e.type, e);
    }
  }
}

/** One conversion of a value. */
export function convert(lw: Lowering, v: Inst, cast: CastKind, from: CType, to: CType, node: Expr): Inst | null {
  const b = lw.b;
  switch (cast) {
    case 'toVoid':
      return null;
    case 'toBool':
      if (v.op === 'cmp') return v;
      return b.cmp('ne', v, b.constant(v.type as ValueType, 0));
    case 'integral':
      return convertInteger(lw, v, from, to, node);
    case 'pointerToInt': {
      const int = integerOf(to);
      const wide = b.cast('bitcast', 'i64', v);
      if (int === null || int.size === 8) return wide;
      return narrow(lw, b.cast('trunc', 'i32', wide), to);
    }
    case 'intToPointer': {
      if (v.op === 'const') {
        const int = integerOf(from);
        const value = int !== null && !int.signed && int.size < 8 ? BigInt.asUintN(32, v.value) : v.value;
        return b.constant('ptr', value);
      }
      const wide = v.type === 'i32' ? b.cast(isSigned(from) ? 'sext' : 'zext', 'i64', v) : v;
      return b.cast('bitcast', 'ptr', wide);
    }
    default:
      // bitcast, noop, decays: same register contents; an integer/pointer mismatch is a reinterpretation.
      if (isAggregate(to)) return v;
      return v.type === 'i32' ? v : b.cast('bitcast', lw.valueType(to, node), v);
  }
}

function convertInteger(lw: Lowering, v: Inst, from: CType, to: CType, node: Expr): Inst {
  const b = lw.b;
  const f = integerOf(from);
  const t = integerOf(to);
  if (f === null || t === null || f.size > 8 || t.size > 8) {
    lw.valueType(f !== null && f.size > 8 ? from : to, node);
    return v;
  }
  if (t.rank === 0) return b.cmp('ne', v, b.constant(v.type as ValueType, 0));
  if (t.size === 8) return f.size === 8 ? v : b.cast(f.signed ? 'sext' : 'zext', 'i64', v);
  const low = f.size === 8 ? b.cast('trunc', 'i32', v) : v;
  if (t.size === 4) return low;
  // A narrower source of the same signedness (or an unsigned one into a wider signed type) already fits.
  if (f.size < t.size ? f.signed === t.signed || !f.signed : f.size === t.size && f.signed === t.signed) return low;
  return narrow(lw, low, to);
}

function lowerAssign(lw: Lowering, e: AssignExpr): Inst | null {
  if (isAggregate(e.type)) {
    const from = lowerExpr(lw, e.value)!;
    const to = lowerPlace(lw, e.target);
    lw.at(e);
    const address = addressOf(lw, to);
    copyBytes(lw, e, address, from, sizeOf(e.type), Math.min(8, to.align, valueAlign(e.value, from)));
    return address;
  }
  // The target's address first when it has side effects of its own makes no difference in C; the value first keeps
  // addresses (and their registers) short-lived.
  const v = lowerExpr(lw, e.value)!;
  const p = lowerPlace(lw, e.target);
  lw.at(e);
  return storePlace(lw, p, v);
}

/** Alignment of the memory behind an aggregate r-value: a packed structure may well be a variable of ours. */
const valueAlign = (e: Expr, address: Inst): number => Math.max(1, alignOf(e.type), pointerAlign(address));

function lowerCompoundAssign(lw: Lowering, e: CompoundAssignExpr): Inst {
  const b = lw.b;
  const value = lowerExpr(lw, e.value)!;
  const p = lowerPlace(lw, e.target);
  lw.at(e);
  const old = loadPlace(lw, p);
  if (e.elementSize !== 0) {
    const bytes = scaled(lw, value, e.elementSize);
    if (bytes.op === 'const') return storePlace(lw, p, b.ptrAdd(old, Number(bytes.value) * (e.op === '-' ? -1 : 1)));
    return storePlace(lw, p, b.bin(e.op === '-' ? 'sub' : 'add', old, bytes));
  }
  const left = convertInteger(lw, old, e.target.type, e.computeType, e);
  const result = arithmetic(lw, e, e.op, left, value, e.computeType);
  return storePlace(lw, p, convertInteger(lw, result, e.computeType, e.target.type, e));
}

function lowerConditional(lw: Lowering, e: Expr, cond: Expr, thenExpr: Expr, elseExpr: Expr): Inst | null {
  const b = lw.b;
  const then = lw.func.addBlock();
  const otherwise = lw.func.addBlock();
  const done = lw.func.addBlock();
  lowerCondition(lw, cond, then, otherwise);
  b.block = then;
  const x = lowerExpr(lw, thenExpr);
  const thenEnd = b.block;
  b.br(done);
  b.block = otherwise;
  const y = lowerExpr(lw, elseExpr);
  const elseEnd = b.block;
  b.br(done);
  b.block = done;
  if (x === null || y === null) return null;
  const type = isAggregate(e.type) ? 'ptr' : lw.valueType(e.type, e);
  return b.phi(type, [
    [thenEnd, x],
    [elseEnd, y],
  ]);
}

/** `a && b`, `!a` as int 0 or 1. */
function lowerTruth(lw: Lowering, e: Expr, negate: boolean): Inst {
  const b = lw.b;
  if (e.kind === 'unary' && negate) {
    const inner = e.operand;
    if (inner.kind !== 'logical' && equalityOfBytes(inner) === null) {
      const v = lowerExpr(lw, inner)!;
      lw.at(e);
      return b.cmp('eq', v, b.constant(v.type as ValueType, 0));
    }
  }
  const yes = lw.func.addBlock();
  const no = lw.func.addBlock();
  const done = lw.func.addBlock();
  lowerCondition(lw, e, yes, no);
  b.block = yes;
  b.br(done);
  b.block = no;
  b.br(done);
  b.block = done;
  return b.phi('i32', [
    [yes, b.i32(1)],
    [no, b.i32(0)],
  ]);
}

/** Branches on a scalar being non-zero. @param seldom which way the source says is seldom taken: 0 yes, 1 no */
export function lowerCondition(
  lw: Lowering,
  e: Expr,
  yes: Inst['targets'][0],
  no: Inst['targets'][0],
  seldom: Inst['seldom'] = -1,
): void {
  const b = lw.b;
  const bytes = equalityOfBytes(e);
  if (bytes !== null) {
    branchOnEqualBytes(lw, bytes.call, bytes.equal ? yes : no, bytes.equal ? no : yes);
    return;
  }
  switch (e.kind) {
    case 'unary':
      if (e.op === '!') {
        lowerCondition(lw, e.operand, no, yes, seldom === -1 ? -1 : seldom === 0 ? 1 : 0);
        return;
      }
      break;
    case 'logical': {
      const next = lw.func.addBlock();
      if (e.op === '&&') lowerCondition(lw, e.left, next, no, seldom);
      else lowerCondition(lw, e.left, yes, next, seldom);
      b.block = next;
      lowerCondition(lw, e.right, yes, no, seldom);
      return;
    }
    case 'compare': {
      const l = lowerExpr(lw, e.left)!;
      const r = lowerExpr(lw, e.right)!;
      lw.at(e);
      b.condbr(predicate(e.op, e.left.type), ...sameType(lw, l, r), yes, no, seldom);
      return;
    }
    case 'cast':
      // Truth is not changed by widening or by `!!`-like conversions.
      if (
        e.cast === 'toBool' ||
        (e.cast === 'integral' && sizeOf(e.type) >= sizeOf(e.operand.type) && !isBool(e.type))
      ) {
        lowerCondition(lw, e.operand, yes, no, seldom);
        return;
      }
      break;
    case 'builtin':
      if (e.name === 'expect') {
        const expected = evaluate(e.args[1]);
        lowerCondition(lw, e.args[0], yes, no, expected === null ? seldom : expected.value === 0n ? 0 : 1);
        return;
      }
      break;
    case 'comma':
      lowerExpr(lw, e.left);
      lowerCondition(lw, e.right, yes, no, seldom);
      return;
    default:
      break;
  }
  const v = lowerExpr(lw, e)!;
  lw.at(e);
  b.condbr('ne', v, b.constant(v.type as ValueType, 0), yes, no, seldom);
}

/** Initialises an automatic object. */
export function storeInit(lw: Lowering, p: Place, init: Initializer): void {
  if (init.kind === 'expr') {
    storeValue(lw, p, init.expr);
    return;
  }
  const size = sizeOf(init.type);
  const address = addressOf(lw, p);
  zeroUncovered(lw, init, address, size, p.align);
  for (const entry of init.entries) {
    if (entry.bitfield !== null) {
      const record = {
        ...placeAt(address, entry.type, p.align, p.own),
        bits: { offset: entry.bitfield.bitOffset, size: entry.bitfield.bitSize, room: size },
      };
      storePlace(lw, record, lowerExpr(lw, entry.value)!);
    } else
      storeValue(lw, shift({ ...placeAt(address, entry.type, p.align, p.own) }, entry.offset, entry.type), entry.value);
  }
}

/**
 * Zeroes what no entry writes: other fields, and padding too, because map keys and values are compared and copied whole
 * and the verifier wants every byte of them initialised.
 */
function zeroUncovered(
  lw: Lowering,
  init: Initializer & { kind: 'aggregate' },
  address: Inst,
  size: number,
  align: number,
): void {
  const covered = new Uint8Array(size);
  for (const e of init.entries) {
    if (e.bitfield === null && e.offset + sizeOf(e.type) <= size) covered.fill(1, e.offset, e.offset + sizeOf(e.type));
  }
  const node = init.entries[0]?.value ?? lw.decl;
  for (let at = 0; at < size;) {
    if (covered[at] === 1) {
      at++;
      continue;
    }
    let end = at;
    while (end < size && covered[end] === 0) end++;
    const aligned = Math.min(align, at === 0 ? 8 : at & -at);
    // Grow to the alignment of the whole first, so that the rest goes in large units.
    const stop = aligned < align ? Math.min(end, Math.ceil((at + 1) / align) * align) : end;
    storeConstantBytes(lw, node, lw.b.ptrAdd(address, at), new Uint8Array(stop - at), stop - at, aligned);
    at = stop;
  }
}

function storeValue(lw: Lowering, p: Place, e: Expr): void {
  if (e.kind === 'string') {
    storeConstantBytes(lw, e, addressOf(lw, p), e.bytes, sizeOf(p.type), p.align);
    return;
  }
  const v = lowerExpr(lw, e)!;
  lw.at(e);
  if (isAggregate(p.type)) copyBytes(lw, e, addressOf(lw, p), v, sizeOf(p.type), Math.min(p.align, valueAlign(e, v)));
  else storePlace(lw, { ...p, volatile: p.volatile || qualifiersOf(p.type).volatile }, v);
}
