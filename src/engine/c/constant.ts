/** Constant evaluation of typed expressions: integers, and addresses of static objects for initial images. */
import type { ArithOp, CompareOp, Expr, FunctionDecl, StringExpr, VarDecl } from './ast.ts';
import { integerOf, isBool, isVoid, qualifiersOf, sizeOf, strip, wrapTo, type CType, type IntType } from './types.ts';

/** `base` null: a plain number. */
export interface Constant {
  readonly base: VarDecl | FunctionDecl | StringExpr | null;
  readonly value: bigint;
}

/** Integer arithmetic in a type; null for division by zero. */
export function arith(op: ArithOp, type: IntType, a: bigint, b: bigint): bigint | null {
  const bits = BigInt(type.size * 8);
  switch (op) {
    case '+': return wrapTo(type, a + b);
    case '-': return wrapTo(type, a - b);
    case '*': return wrapTo(type, a * b);
    case '&': return wrapTo(type, a & b);
    case '|': return wrapTo(type, a | b);
    case '^': return wrapTo(type, a ^ b);
    case '<<': return b < 0n || b >= bits ? null : wrapTo(type, a << b);
    case '>>': return b < 0n || b >= bits ? null : wrapTo(type, a >> b);
    case '/': return b === 0n ? null : wrapTo(type, a / b);
    case '%': return b === 0n ? null : wrapTo(type, a % b);
  } // prettier-ignore
}

export function compare(op: CompareOp, a: bigint, b: bigint): boolean {
  switch (op) {
    case '==': return a === b;
    case '!=': return a !== b;
    case '<': return a < b;
    case '>': return a > b;
    case '<=': return a <= b;
    case '>=': return a >= b;
  } // prettier-ignore
}

const number = (value: bigint): Constant => ({ base: null, value });
const wrap = (type: CType, value: bigint): bigint => {
  const t = integerOf(type);
  return t === null ? BigInt.asUintN(64, value) : wrapTo(t, value);
};

/** Whether a constant is not zero; null when only the loader knows: the address of a weak symbol. */
function truth(c: Constant): boolean | null {
  if (c.base === null) return c.value !== 0n;
  return c.base.kind !== 'string' && c.base.attributes.weak ? null : true;
}

/** The constant that an expression is, as a static initialiser may be; null when it is none. */
export function evaluate(e: Expr): Constant | null {
  switch (e.kind) {
    case 'int':
      return number(e.value);
    case 'cast': {
      if (e.cast === 'arrayDecay' || e.cast === 'functionDecay') return addressOf(e.operand);
      if (e.cast === 'lvalueToRvalue') return constVariable(e.operand);
      if (e.cast === 'toVoid') return null;
      const v = evaluate(e.operand);
      if (v === null) return null;
      if (v.base !== null && !isBool(e.type)) return sizeOf(e.type) === 8 ? v : null;
      if (v.base !== null) return truth(v) === null ? null : number(1n);
      return number(e.cast === 'toBool' ? (v.value === 0n ? 0n : 1n) : wrap(e.type, v.value));
    }
    case 'address':
      return addressOf(e.operand);
    case 'preserveAccess':
      return evaluate(e.operand);
    case 'pointerAdd': {
      const p = evaluate(e.pointer);
      const i = evaluate(e.index);
      if (p === null || i === null || i.base !== null) return null;
      const step = i.value * BigInt(e.elementSize);
      return { base: p.base, value: p.value + (e.subtract ? -step : step) };
    }
    case 'unary': {
      const v = evaluate(e.operand);
      if (v === null) return null;
      if (e.op === '!') return truth(v) === null ? null : number(truth(v) === true ? 0n : 1n);
      return v.base !== null ? null : number(wrap(e.type, e.op === '-' ? -v.value : ~v.value));
    }
    case 'binary': {
      const a = evaluate(e.left);
      const b = evaluate(e.right);
      const t = integerOf(e.type);
      if (a === null || b === null || t === null) return null;
      if (a.base !== null && b.base === null && t.size === 8 && (e.op === '+' || e.op === '-')) {
        return { base: a.base, value: e.op === '+' ? a.value + b.value : a.value - b.value };
      }
      if (a.base !== null || b.base !== null) return null;
      const v = arith(e.op, t, a.value, b.value);
      return v === null ? null : number(v);
    }
    case 'compare': {
      const a = evaluate(e.left);
      const b = evaluate(e.right);
      if (a === null || b === null || a.base !== b.base) return null;
      // Two literals of the same text are one object, maybe.
      if (a.base?.kind === 'string') return null;
      return number(compare(e.op, a.value, b.value) ? 1n : 0n);
    }
    case 'logical': {
      const a = evaluate(e.left);
      if (a === null) return null;
      const left = truth(a);
      if (left === null) return null;
      if (left !== (e.op === '&&')) return number(left ? 1n : 0n);
      const b = evaluate(e.right);
      const right = b === null ? null : truth(b);
      return right === null ? null : number(right ? 1n : 0n);
    }
    case 'conditional': {
      const c = evaluate(e.cond);
      const chosen = c === null ? null : truth(c);
      return chosen === null ? null : evaluate(chosen ? e.then : e.else);
    }
    case 'pointerDiff': {
      const a = evaluate(e.left);
      const b = evaluate(e.right);
      return a === null || b === null || a.base !== b.base ? null : number((a.value - b.value) / BigInt(e.elementSize));
    }
    case 'builtin':
      if (e.name === 'expect') return evaluate(e.args[0]!);
      if (e.name === 'constant_p') return number(evaluate(e.args[0]!) === null ? 0n : 1n);
      return null;
    case 'function':
    case 'string':
      return addressOf(e);
    default:
      return null;
  }
}

/** The value of a `const` integer with static storage, as clang folds it in the initialisers that follow. */
function constVariable(e: Expr): Constant | null {
  if (e.kind !== 'var' || e.decl.kind !== 'var') return null;
  const d = e.decl;
  const type = integerOf(d.type);
  const q = qualifiersOf(d.type);
  if (type === null || !q.const || q.volatile || d.attributes.weak || d.image === null) return null;
  if (d.image.relocs.length > 0 || d.image.bytes.length < type.size) return null;
  let v = 0n;
  for (let n = type.size - 1; n >= 0; n--) v = (v << 8n) | BigInt(d.image.bytes[n]!);
  return number(wrapTo(type, v));
}

/** The number that a `const` local was initialised with, for those who see through it (`__builtin_constant_p`, sizes of arrays); else null. */
export function constLocal(e: Expr): Constant | null {
  if (e.kind !== 'cast' || e.cast !== 'lvalueToRvalue' || e.operand.kind !== 'var') return null;
  const d = e.operand.decl;
  if (d.kind !== 'var' || d.storage !== 'auto' || d.init?.kind !== 'expr') return null;
  const q = qualifiersOf(d.type);
  return q.const && !q.volatile && integerOf(d.type) !== null ? evaluate(d.init.expr) : null;
}

/** Address of an l-value with static storage. */
function addressOf(e: Expr): Constant | null {
  switch (e.kind) {
    case 'var':
      return e.decl.kind === 'param' || e.decl.storage === 'auto' ? null : { base: e.decl, value: 0n };
    case 'function':
      return { base: e.decl, value: 0n };
    case 'string':
      return { base: e, value: 0n };
    case 'compoundLiteral':
      return e.variable.storage === 'auto' ? null : { base: e.variable, value: 0n };
    case 'deref':
      return evaluate(e.pointer);
    case 'preserveAccess':
      return addressOf(e.operand);
    case 'member': {
      const base = addressOf(e.base);
      return base === null ? null : { base: base.base, value: base.value + BigInt(e.field.bitOffset >> 3) };
    }
    case 'index': {
      const p = evaluate(e.pointer);
      const i = evaluate(e.index);
      if (p === null || i === null || i.base !== null) return null;
      return { base: p.base, value: p.value + i.value * BigInt(sizeOf(e.type)) };
    }
    default:
      return null;
  }
}

/** Size of what a pointer steps over: GNU C lets `void *` and function pointers step by one. */
export function stepSize(pointer: CType): number {
  const t = strip(pointer);
  if (t.kind !== 'pointer') return 1;
  return isVoid(t.pointee) || strip(t.pointee).kind === 'function' ? 1 : sizeOf(t.pointee);
}
