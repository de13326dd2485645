/** Typing of operators: from operands as parsed to checked nodes. */
import { isLvalue, type ArithOp, type CompareOp, type Expr, type Loc } from './ast.ts';
import { arith, compare, evaluate, stepSize } from './constant.ts';
import { markAddressTaken, type Context } from './context.ts';
import {
  assignConvert, boolOf, castNode, condition, errorExpr, floatError, integral, intExpr, isNullConstant, promote, rvalue,
  toLong, usualConversions,
} from './convert.ts'; // prettier-ignore
import { closest, type DiagnosticOptions } from './diagnostics.ts';
import { memberElsewhere, typeElsewhere } from './elsewhere.ts';
import { fieldNames, findField } from './layout.ts';
import { compatible, typeText } from './type-text.ts';
import {
  integerOf, INT, isComplete, isError, isInteger, isPointer, isVoid, LONG, pointerTo, qualifiersOf, qualify, strip, VOID,
  type CType,
} from './types.ts'; // prettier-ignore

export interface Span {
  readonly loc: Loc;
  readonly end: Loc;
}

export const spanOf = (a: Span, b: Span): Span => ({ loc: a.loc, end: b.end });

const invalidOperands = (cx: Context, a: Expr, b: Expr, at: Loc): Expr => {
  cx.diagnostics.error(
    'c/invalid-operands',
    `invalid operands to binary expression ('${typeText(a.type)}' and '${typeText(b.type)}')`,
    at,
    at,
  );
  return errorExpr(a.loc, b.end);
};

const isFloat = (e: Expr): boolean => strip(e.type).kind === 'float';

/** `left op right` for arithmetic, shifts, comparisons and logic. `at`: the operator. */
export function binary(cx: Context, op: ArithOp | CompareOp | '&&' | '||', left: Expr, right: Expr, at: Loc): Expr {
  if (op === '&&' || op === '||') return logical(cx, op, left, right);
  const a = rvalue(cx, left);
  const b = rvalue(cx, right);
  const span = spanOf(left, right);
  if (isError(a.type) || isError(b.type)) return errorExpr(span.loc, span.end);
  if (isFloat(a)) return floatError(cx, a);
  if (isFloat(b)) return floatError(cx, b);
  switch (op) {
    case '==': case '!=': case '<': case '>': case '<=': case '>=':
      return comparison(cx, op, a, b, at);
    case '+':
      if (isPointer(a.type) && isInteger(b.type)) return pointerAdd(cx, a, b, false, span);
      if (isInteger(a.type) && isPointer(b.type)) return pointerAdd(cx, b, a, false, span);
      break;
    case '-':
      if (isPointer(a.type) && isInteger(b.type)) return pointerAdd(cx, a, b, true, span);
      if (isPointer(a.type) && isPointer(b.type)) {
        const size = stepSize(a.type);
        if (size === 0 || stepSize(b.type) !== size) return invalidOperands(cx, a, b, at);
        return { kind: 'pointerDiff', left: a, right: b, elementSize: size, type: LONG, ...span };
      }
      break;
  } // prettier-ignore
  if (!isInteger(a.type) || !isInteger(b.type)) return invalidOperands(cx, a, b, at);
  if (op === '<<' || op === '>>') {
    const [x, y] = [promote(a), promote(b)];
    const bits = integerOf(x.type)!.size * 8;
    if (y.kind === 'int' && (y.value < 0n || y.value >= BigInt(bits))) {
      cx.diagnostics.warning(
        'c/shift-count',
        y.value < 0n ? 'shift count is negative' : 'shift count >= width of type',
        b.loc,
        b.end,
      );
    }
    return arithmetic(cx, op, x, y, x.type, span);
  }
  const [x, y, type] = usualConversions(a, b);
  if ((op === '/' || op === '%') && y.kind === 'int' && y.value === 0n) {
    cx.diagnostics.warning(
      'c/division-by-zero',
      `${op === '/' ? 'division' : 'remainder'} by zero is undefined`,
      at,
      at,
    );
  }
  return arithmetic(cx, op, x, y, type, span);
}

function arithmetic(_cx: Context, op: ArithOp, x: Expr, y: Expr, type: CType, span: Span): Expr {
  if (x.kind === 'int' && y.kind === 'int') {
    const v = arith(op, integerOf(type)!, x.value, y.value);
    if (v !== null) return intExpr(v, type, span.loc, span.end);
  }
  return { kind: 'binary', op, left: x, right: y, type, ...span };
}

function pointerAdd(cx: Context, pointer: Expr, index: Expr, subtract: boolean, span: Span): Expr {
  const pointee = (strip(pointer.type) as { pointee: CType }).pointee;
  if (strip(pointee).kind === 'record' && !isComplete(pointee)) {
    cx.diagnostics.error(
      'c/incomplete-type',
      `arithmetic on a pointer to an incomplete type '${typeText(pointee)}'`,
      span.loc,
      span.end,
    );
    return errorExpr(span.loc, span.end);
  }
  const elementSize = stepSize(pointer.type);
  const i = toLong(index);
  if (pointer.kind === 'int' && i.kind === 'int') {
    const step = i.value * BigInt(elementSize);
    return intExpr(BigInt.asUintN(64, pointer.value + (subtract ? -step : step)), pointer.type, span.loc, span.end);
  }
  return { kind: 'pointerAdd', pointer, index: i, elementSize, subtract, type: pointer.type, ...span };
}

function comparison(cx: Context, op: CompareOp, a: Expr, b: Expr, at: Loc): Expr {
  const span = spanOf(a, b);
  let x = a;
  let y = b;
  if (isInteger(a.type) && isInteger(b.type)) [x, y] = usualConversions(a, b);
  else if (isPointer(a.type) && isPointer(b.type)) {
    const p = (strip(a.type) as { pointee: CType }).pointee;
    const q = (strip(b.type) as { pointee: CType }).pointee;
    if (!isVoid(p) && !isVoid(q) && !compatible(p, q)) {
      cx.diagnostics.warning(
        'c/compare-pointers',
        `comparison of distinct pointer types ('${typeText(a.type)}' and '${typeText(b.type)}')`,
        at,
        at,
      );
    }
  } else if (isPointer(a.type) && isInteger(b.type)) y = mixed(cx, a, b, at);
  else if (isInteger(a.type) && isPointer(b.type)) x = mixed(cx, b, a, at);
  else return invalidOperands(cx, a, b, at);
  if (isStringLiteral(a) || isStringLiteral(b)) {
    cx.diagnostics.warning(
      'c/string-compare',
      'result of comparison against a string literal is unspecified (use an explicit string comparison function instead)',
      at,
      at,
      {
        explanation:
          'This compares addresses, not text. Compare with bpf_strncmp(text, size, "...") or, for a buffer of known size, __builtin_memcmp().',
      },
    );
  }
  if (x.kind === 'int' && y.kind === 'int') return boolOf(compare(op, x.value, y.value), span.loc, span.end);
  return { kind: 'compare', op, left: x, right: y, type: INT, ...span };
}

const isStringLiteral = (e: Expr): boolean =>
  e.kind === 'cast' && e.cast === 'arrayDecay' && e.operand.kind === 'string';

/** An integer compared with a pointer. */
function mixed(cx: Context, pointer: Expr, e: Expr, at: Loc): Expr {
  if (!isNullConstant(e) && e.kind !== 'int') {
    cx.diagnostics.warning(
      'c/compare-pointer-integer',
      `comparison between pointer and integer ('${typeText(pointer.type)}' and '${typeText(e.type)}')`,
      at,
      at,
    );
  }
  return castNode('intToPointer', pointer.type, toLong(e));
}

function logical(cx: Context, op: '&&' | '||', left: Expr, right: Expr): Expr {
  const a = condition(cx, left);
  const b = condition(cx, right);
  const span = spanOf(left, right);
  if (isError(a.type) || isError(b.type)) return errorExpr(span.loc, span.end);
  if (a.kind === 'int') {
    const truth = a.value !== 0n;
    if (truth !== (op === '&&')) return boolOf(truth, span.loc, span.end);
    if (b.kind === 'int') return boolOf(b.value !== 0n, span.loc, span.end);
  }
  return { kind: 'logical', op, left: a, right: b, type: INT, ...span };
}

export function unary(cx: Context, op: '+' | '-' | '~' | '!', operand: Expr, loc: Loc): Expr {
  const span = { loc, end: operand.end };
  if (op === '!') {
    const e = condition(cx, operand);
    if (isError(e.type)) return errorExpr(loc, operand.end);
    if (e.kind === 'int') return boolOf(e.value === 0n, span.loc, span.end);
    return { kind: 'unary', op, operand: e, type: INT, ...span };
  }
  const e = promote(rvalue(cx, operand));
  if (isError(e.type)) return errorExpr(loc, operand.end);
  if (isFloat(e)) return floatError(cx, e);
  if (!isInteger(e.type)) {
    cx.diagnostics.error(
      'c/invalid-operands',
      `invalid argument type '${typeText(e.type)}' to unary expression`,
      loc,
      operand.end,
    );
    return errorExpr(loc, operand.end);
  }
  if (op === '+') return { ...e, ...span };
  if (e.kind === 'int') {
    const t = integerOf(e.type)!;
    return intExpr(arith('-', t, op === '-' ? 0n : -1n, e.value)!, e.type, span.loc, span.end);
  }
  return { kind: 'unary', op, operand: e, type: e.type, ...span };
}

export function dereference(cx: Context, operand: Expr, loc: Loc): Expr {
  const p = rvalue(cx, operand);
  if (isError(p.type)) return errorExpr(loc, operand.end);
  const t = strip(p.type);
  if (t.kind !== 'pointer') {
    cx.diagnostics.error(
      'c/not-a-pointer',
      `indirection requires pointer operand ('${typeText(p.type)}' invalid)`,
      loc,
      operand.end,
    );
    return errorExpr(loc, operand.end);
  }
  if (p.kind === 'cast' && p.cast === 'functionDecay') return { ...p.operand, loc };
  if (p.kind === 'address' && isLvalue(p.operand)) return { ...p.operand, loc };
  return { kind: 'deref', pointer: p, type: t.pointee, loc, end: operand.end };
}

export function address(cx: Context, operand: Expr, loc: Loc): Expr {
  if (operand.kind === 'error') return operand;
  const span = { loc, end: operand.end };
  if (operand.kind === 'function') {
    markAddressTaken(operand);
    return { kind: 'address', operand, type: pointerTo(operand.type), ...span };
  }
  if (!isLvalue(operand)) {
    cx.diagnostics.error(
      'c/not-an-lvalue',
      `cannot take the address of an rvalue of type '${typeText(operand.type)}'`,
      loc,
      operand.end,
    );
    return errorExpr(loc, operand.end);
  }
  let inner: Expr = operand;
  while (inner.kind === 'preserveAccess') inner = inner.operand;
  if (inner.kind === 'member' && inner.field.bitSize > 0) {
    cx.diagnostics.error('c/bitfield-address', 'address of bit-field requested', loc, operand.end);
    return errorExpr(loc, operand.end);
  }
  markAddressTaken(operand);
  if (operand.kind === 'deref') return { ...operand.pointer, ...span };
  const node: Expr = { kind: 'address', operand, type: pointerTo(operand.type), ...span };
  // The classic `&((T *)0)->member`.
  if (!hasPreserve(operand)) {
    const c = evaluate(node);
    if (c !== null && c.base === null) return intExpr(BigInt.asUintN(64, c.value), node.type, span.loc, span.end);
  }
  return node;
}

function hasPreserve(e: Expr): boolean {
  for (;;) {
    if (e.kind === 'preserveAccess') return true;
    if (e.kind === 'member') {
      if (e.preserve) return true;
      e = e.base;
    } else if (e.kind === 'index') {
      if (e.pointer.kind !== 'cast') return false;
      e = e.pointer.operand;
    } else return false;
  }
}

/** Replaces the operator in front of the member's name. */
function operatorFix(cx: Context, at: Loc, from: string, to: string): DiagnosticOptions {
  const name = cx.sources.range(at, at);
  const text = cx.sources.lineText(name.file, name.line).slice(0, name.column - 1);
  const column = text.trimEnd().length - from.length + 1;
  if (at < 0 || column < 1 || !text.trimEnd().endsWith(from)) return {};
  const range = { ...name, column, endLine: name.line, endColumn: column + from.length };
  return { fixes: [cx.fix(`Change '${from}' to '${to}'`, range, to)] };
}

/** `base.name` or `base->name`. `at`: the name. */
export function member(cx: Context, base: Expr, name: string, arrow: boolean, at: Loc): Expr {
  let record: Expr = base;
  const d = cx.diagnostics;
  if (isError(base.type)) return errorExpr(base.loc, at);
  const bare = strip(base.type);
  if (arrow) {
    if (bare.kind === 'record') {
      d.error(
        'c/member-operator',
        `member reference type '${typeText(base.type)}' is not a pointer; did you mean to use '.'?`,
        at,
        at,
        operatorFix(cx, at, '->', '.'),
      );
      return errorExpr(base.loc, at);
    }
    const p = rvalue(cx, base);
    if (isError(p.type)) return errorExpr(base.loc, at);
    record = dereference(cx, p, base.loc);
    if (record.kind === 'error') return errorExpr(base.loc, at);
  } else if (bare.kind === 'pointer') {
    if (strip(bare.pointee).kind === 'record') {
      d.error(
        'c/member-operator',
        `member reference type '${typeText(base.type)}' is a pointer; did you mean to use '->'?`,
        at,
        at,
        operatorFix(cx, at, '.', '->'),
      );
    } else {
      d.error(
        'c/not-a-record',
        `member reference base type '${typeText(base.type)}' is not a structure or union`,
        base.loc,
        at,
      );
    }
    return errorExpr(base.loc, at);
  }
  const t = strip(record.type);
  if (t.kind !== 'record') {
    d.error(
      'c/not-a-record',
      `member reference base type '${typeText(record.type)}' is not a structure or union`,
      base.loc,
      at,
    );
    return errorExpr(base.loc, at);
  }
  if (!t.complete) {
    const more = typeElsewhere(cx, t);
    d.error('c/incomplete-type', `incomplete definition of type '${typeText(t)}'`, base.loc, at, more);
    return errorExpr(base.loc, at);
  }
  const path = findField(t, name, strip);
  if (path === null) {
    const guess = closest(name, fieldNames(t, strip));
    d.error(
      'c/unknown-member',
      `no member named '${name}' in '${typeText(t)}'` + (guess === null ? '' : `; did you mean '${guess}'?`),
      at,
      at,
      {
        ...(guess === null ? {} : { fixes: [cx.fix(`Change to '${guess}'`, cx.sources.range(at, at), guess)] }),
        ...(t.origin === 'btf' ? memberElsewhere(cx, t, name) : {}),
      },
    );
    return errorExpr(base.loc, at);
  }
  let e = record;
  for (const field of path) {
    const q = qualifiersOf(e.type);
    e = {
      kind: 'member',
      base: e,
      field,
      preserve: field.parent.preserveAccessIndex,
      type: qualify(field.type, { const: q.const, volatile: q.volatile }),
      loc: base.loc,
      end: at,
    };
  }
  return e;
}

export function subscript(cx: Context, base: Expr, index: Expr, end: Loc): Expr {
  let p = rvalue(cx, base);
  let i = rvalue(cx, index);
  if (isError(p.type) || isError(i.type)) return errorExpr(base.loc, end);
  if (isInteger(p.type) && isPointer(i.type)) [p, i] = [i, p];
  const t = strip(p.type);
  if (t.kind !== 'pointer' || !isInteger(i.type)) {
    cx.diagnostics.error(
      'c/not-an-array',
      t.kind === 'pointer' ? 'array subscript is not an integer' : 'subscripted value is not an array or pointer',
      t.kind === 'pointer' ? index.loc : base.loc,
      t.kind === 'pointer' ? index.end : base.end,
    );
    return errorExpr(base.loc, end);
  }
  if (!isComplete(t.pointee) && !isVoid(t.pointee)) {
    cx.diagnostics.error(
      'c/incomplete-type',
      `subscript of pointer to incomplete type '${typeText(t.pointee)}'`,
      base.loc,
      end,
    );
    return errorExpr(base.loc, end);
  }
  if (p.kind === 'cast' && p.cast === 'arrayDecay' && i.kind === 'int') {
    const array = strip(p.operand.type);
    if (
      array.kind === 'array' &&
      array.count !== null &&
      array.count > 0 &&
      (i.value < 0n || i.value >= BigInt(array.count))
    ) {
      // One past the end of a trailing array is a flexible array in old code.
      const trailing = p.operand.kind === 'member' && array.count <= 1;
      if (!trailing && cx.unevaluated === 0) {
        cx.diagnostics.warning(
          'c/array-bounds',
          i.value < 0n
            ? `array index ${i.value} is before the beginning of the array`
            : `array index ${i.value} is past the end of the array (that has type '${typeText(p.operand.type)}')`,
          index.loc,
          index.end,
        );
      }
    }
  }
  return { kind: 'index', pointer: p, index: toLong(i), type: t.pointee, loc: base.loc, end };
}

/** A modifiable l-value, or a diagnostic. */
function checkTarget(cx: Context, e: Expr, verb: string): boolean {
  if (e.kind === 'error') return false;
  if (!isLvalue(e) || strip(e.type).kind === 'array' || strip(e.type).kind === 'function') {
    const array = strip(e.type).kind === 'array';
    cx.diagnostics.error(
      'c/not-assignable',
      array ? `array type '${typeText(e.type)}' is not assignable` : `expression is not ${verb}`,
      e.loc,
      e.end,
    );
    return false;
  }
  if (qualifiersOf(e.type).const) {
    const what =
      e.kind === 'var' ? `variable '${e.decl.name}'` : e.kind === 'member' ? `data member '${e.field.name}'` : null;
    cx.diagnostics.error(
      'c/assign-const',
      what === null
        ? 'read-only variable is not assignable'
        : `cannot assign to ${what} with const-qualified type '${typeText(e.type)}'`,
      e.loc,
      e.end,
      e.kind === 'var' ? { notes: [cx.diagnostics.note(`'${e.decl.name}' declared const here`, e.decl.nameLoc)] } : {},
    );
    return false;
  }
  return true;
}

export function assign(cx: Context, target: Expr, value: Expr): Expr {
  const span = spanOf(target, value);
  const v = checkTarget(cx, target, 'assignable')
    ? assignConvert(cx, value, target.type, { what: 'assign' })
    : errorExpr(value.loc, value.end);
  if (isError(v.type)) return errorExpr(span.loc, span.end);
  return { kind: 'assign', target, value: v, type: v.type, ...span };
}

export function compoundAssign(cx: Context, op: ArithOp, target: Expr, value: Expr, at: Loc): Expr {
  const span = spanOf(target, value);
  const v = rvalue(cx, value);
  if (!checkTarget(cx, target, 'assignable') || isError(v.type)) return errorExpr(span.loc, span.end);
  const current = rvalue(cx, target);
  if (isFloat(v)) return floatError(cx, v);
  const type = current.type;
  if (isPointer(type) && isInteger(v.type) && (op === '+' || op === '-')) {
    return {
      kind: 'compoundAssign', op, target, value: toLong(v), computeType: type, elementSize: stepSize(type), type, ...span,
    }; // prettier-ignore
  }
  if (!isInteger(type) || !isInteger(v.type)) return invalidOperands(cx, current, v, at);
  const shift = op === '<<' || op === '>>';
  const [, right, common] = shift ? [null, promote(v), promote(current).type] : usualConversions(current, v);
  return { kind: 'compoundAssign', op, target, value: right, computeType: common, elementSize: 0, type, ...span };
}

export function incDec(cx: Context, op: '++' | '--', prefix: boolean, operand: Expr, span: Span): Expr {
  if (!checkTarget(cx, operand, 'assignable')) return errorExpr(span.loc, span.end);
  const type = rvalue(cx, operand).type;
  if (!isInteger(type) && !isPointer(type)) {
    cx.diagnostics.error(
      'c/invalid-operands',
      `cannot ${op === '++' ? 'increment' : 'decrement'} value of type '${typeText(type)}'`,
      span.loc,
      span.end,
    );
    return errorExpr(span.loc, span.end);
  }
  return { kind: 'incdec', op, prefix, operand, type, ...span };
}

/** `cond ? then : otherwise`; `then` null when omitted. */
export function conditional(cx: Context, cond: Expr, then: Expr | null, otherwise: Expr, at: Loc): Expr {
  const c = condition(cx, cond);
  const a = then === null ? c : rvalue(cx, then);
  const b = rvalue(cx, otherwise);
  const span = spanOf(cond, otherwise);
  if (isError(c.type) || isError(a.type) || isError(b.type)) return errorExpr(span.loc, span.end);
  let x = a;
  let y = b;
  let type: CType;
  const [at0, bt0] = [strip(a.type), strip(b.type)];
  if (isInteger(at0) && isInteger(bt0)) [x, y, type] = usualConversions(a, b);
  else if (at0.kind === 'void' || bt0.kind === 'void') {
    type = VOID;
    x = castNode('toVoid', VOID, a);
    y = castNode('toVoid', VOID, b);
  } else if (at0.kind === 'record' && at0 === bt0) type = a.type;
  else if (at0.kind === 'pointer' || bt0.kind === 'pointer') {
    const result = pointerResult(cx, a, b, at);
    if (result === null) return errorExpr(span.loc, span.end);
    type = result;
    const convert = (e: Expr): Expr =>
      e.type === type
        ? e
        : isPointer(e.type) && !(e.kind === 'int')
          ? castNode('bitcast', type, e)
          : castNode('intToPointer', type, isInteger(e.type) ? toLong(e) : e);
    x = convert(a);
    y = convert(b);
  } else {
    cx.diagnostics.error(
      'c/invalid-operands',
      `incompatible operand types ('${typeText(a.type)}' and '${typeText(b.type)}')`,
      at,
      at,
    );
    return errorExpr(span.loc, span.end);
  }
  if (c.kind === 'int') return { ...(c.value !== 0n ? x : y), ...span };
  if (then === null) {
    const cast = x === a ? 'noop' : x.kind === 'cast' ? x.cast : 'noop';
    // `promote` and a further conversion compose to one by their types.
    return {
      kind: 'elvis',
      value: a,
      cast: cast === 'toBool' ? 'toBool' : isInteger(type) ? 'integral' : cast,
      otherwise: y,
      type,
      ...span,
    };
  }
  return { kind: 'conditional', cond: c, then: x, else: y, type, ...span };
}

function pointerResult(cx: Context, a: Expr, b: Expr, at: Loc): CType | null {
  if (isNullConstant(a) && isPointer(b.type)) return b.type;
  if (isNullConstant(b) && isPointer(a.type)) return a.type;
  if (!isPointer(a.type) || !isPointer(b.type)) {
    cx.diagnostics.warning(
      'c/conditional-type',
      `pointer/integer type mismatch in conditional expression ('${typeText(a.type)}' and '${typeText(b.type)}')`,
      at,
      at,
    );
    return isPointer(a.type) ? a.type : b.type;
  }
  const p = (strip(a.type) as { pointee: CType }).pointee;
  const q = (strip(b.type) as { pointee: CType }).pointee;
  const quals = {
    const: qualifiersOf(p).const || qualifiersOf(q).const,
    volatile: qualifiersOf(p).volatile || qualifiersOf(q).volatile,
  };
  if (isVoid(p)) return pointerTo(qualify(p, quals));
  if (isVoid(q)) return pointerTo(qualify(q, quals));
  if (!compatible(p, q)) {
    cx.diagnostics.warning(
      'c/incompatible-pointer',
      `pointer type mismatch ('${typeText(a.type)}' and '${typeText(b.type)}')`,
      at,
      at,
    );
    return pointerTo(VOID);
  }
  return pointerTo(qualify(p, quals));
}

export function comma(cx: Context, left: Expr, right: Expr): Expr {
  const span = spanOf(left, right);
  const r = rvalue(cx, right);
  const l = left.kind === 'error' ? left : strip(left.type).kind === 'record' ? left : rvalue(cx, left);
  return { kind: 'comma', left: l, right: r, type: r.type, ...span };
}

export { integral };
