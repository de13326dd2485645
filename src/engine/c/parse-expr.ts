/** Expressions. Operands go straight into the checker, so what comes back is typed. */
import type { ArithOp, CompareOp, Expr, Loc, StringExpr, VarDecl } from './ast.ts';
import { builtinCall, call, LIBRARY_BUILTINS } from './builtins.ts';
import { constLocal, evaluate } from './constant.ts';
import { NO_ATTRIBUTES, type Mutable, type Sym } from './context.ts';
import { type EnumeratorSymbol } from './symbols.ts';
import { errorExpr, explicitCast, intExpr, rvalue } from './convert.ts';
import { typeElsewhere } from './elsewhere.ts';
import { findField } from './layout.ts';
import { parseChar, parseInteger, unescape } from './literals.ts';
import * as op from './operators.ts';
import { parseTypeName } from './parse-declarator.ts';
import { isTypeName } from './parse-type.ts';
import { hintsFor, isExplained, kernelConstant } from './suggest.ts';
import { parseCompoundLiteral } from './initializer.ts';
import { parseStatementExpression } from './parse-stmt.ts';
import { Flag } from './tokens.ts';
import { K, T, type Parser } from './parser.ts';
import { compatible, typeText } from './type-text.ts';
import {
  alignOf, arrayOf, CHAR, INT, isComplete, isError, isVoid, LLONG, LONG, qualifiersOf, sizeofValue, strip, UINT, ULLONG, ULONG,
  type CType,
} from './types.ts'; // prettier-ignore

export function parseExpression(p: Parser): Expr {
  let e = parseAssignment(p);
  while (p.is(T.Comma)) {
    p.advance();
    e = op.comma(p.cx, e, parseAssignment(p));
  }
  return e;
}

const ASSIGN_OPS: Partial<Record<number, ArithOp>> = {
  [T.StarEq]: '*', [T.SlashEq]: '/', [T.PercentEq]: '%', [T.PlusEq]: '+', [T.MinusEq]: '-', [T.ShlEq]: '<<',
  [T.ShrEq]: '>>', [T.AmpEq]: '&', [T.CaretEq]: '^', [T.PipeEq]: '|',
}; // prettier-ignore

export function parseAssignment(p: Parser): Expr {
  return p.nested(() => {
    const left = parseConditional(p);
    if (p.is(T.Eq)) {
      p.advance();
      return op.assign(p.cx, left, parseAssignment(p));
    }
    const compound = ASSIGN_OPS[p.tok.kind];
    if (compound === undefined) return left;
    const at = p.advance().loc;
    return op.compoundAssign(p.cx, compound, left, parseAssignment(p), at);
  });
}

export function parseConditional(p: Parser): Expr {
  const cond = parseBinary(p, 1);
  if (!p.is(T.Question)) return cond;
  const at = p.advance().loc;
  const then = p.is(T.Colon) ? null : parseExpression(p);
  if (!p.expect(T.Colon, 'in conditional expression', at)) return errorExpr(cond.loc, p.last);
  const otherwise = p.nested(() => parseConditional(p));
  return op.conditional(p.cx, cond, then, otherwise, at);
}

type BinaryOp = ArithOp | CompareOp | '&&' | '||';
const BINARY: Partial<Record<number, readonly [number, BinaryOp]>> = {
  [T.PipePipe]: [1, '||'], [T.AmpAmp]: [2, '&&'], [T.Pipe]: [3, '|'], [T.Caret]: [4, '^'], [T.Amp]: [5, '&'],
  [T.EqEq]: [6, '=='], [T.Ne]: [6, '!='], [T.Lt]: [7, '<'], [T.Gt]: [7, '>'], [T.Le]: [7, '<='], [T.Ge]: [7, '>='],
  [T.Shl]: [8, '<<'], [T.Shr]: [8, '>>'], [T.Plus]: [9, '+'], [T.Minus]: [9, '-'], [T.Star]: [10, '*'],
  [T.Slash]: [10, '/'], [T.Percent]: [10, '%'],
}; // prettier-ignore

/** Left-leaning trees are walked recursively later: a longer chain is generated text. */
const MAX_CHAIN = 1500;

function parseBinary(p: Parser, min: number): Expr {
  let left = parseCast(p);
  for (let chain = 0; ; chain++) {
    const entry = BINARY[p.tok.kind];
    if (entry === undefined || entry[0] < min) return left;
    if (chain > MAX_CHAIN) p.cx.diagnostics.fatal('c/nesting', 'expression has too many operators', p.tok.loc);
    const at = p.advance().loc;
    const before = left;
    const right = parseBinary(p, entry[0] + 1);
    if (entry[0] >= 3 && entry[0] <= 5) comparisonInside(p, entry[1], before, right);
    left = op.binary(p.cx, entry[1], left, right, at);
    if (entry[0] === 6 || entry[0] === 7) p.compared = { expr: left, op: entry[1], left: before, right };
  }
}

/** `flags & MASK == 0` compares first. */
function comparisonInside(p: Parser, operator: BinaryOp, left: Expr, right: Expr): void {
  const c = p.compared;
  if (c === null || (c.expr !== right && c.expr !== left)) return;
  const { cx } = p;
  const isRight = c.expr === right;
  const [open, close] = isRight ? [left, c.left] : [c.right, right];
  const start = cx.sources.range(open.loc, open.loc);
  const end = cx.sources.rangeAfter(close.end);
  const plain = open.loc > 0 && close.end > 0;
  cx.diagnostics.warning(
    'c/precedence',
    `${operator} has lower precedence than ${c.op}; ${c.op} will be evaluated first`,
    c.left.loc,
    c.right.end,
    plain
      ? {
          fixes: [
            {
              title: `Put parentheses around the '${operator}' expression`,
              edits: [
                { range: { ...start, endLine: start.line, endColumn: start.column }, text: '(' },
                { range: end, text: ')' },
              ],
            },
          ],
        }
      : {},
  );
}

function parseCast(p: Parser): Expr {
  if (!p.is(T.LParen) || !isTypeName(p, p.peek())) return parseUnary(p);
  return p.nested(() => {
    const open = p.advance().loc;
    const type = parseTypeName(p);
    p.expect(T.RParen, '', open);
    if (p.is(T.LBrace)) return parsePostfixOps(p, parseCompoundLiteral(p, type, open));
    return explicitCast(p.cx, parseCast(p), type, open);
  });
}

function parseUnary(p: Parser): Expr {
  const t = p.tok;
  switch (t.kind) {
    case T.PlusPlus:
    case T.MinusMinus: {
      p.advance();
      const e = p.nested(() => parseUnary(p));
      return op.incDec(p.cx, t.kind === T.PlusPlus ? '++' : '--', true, e, { loc: t.loc, end: e.end });
    }
    case T.Amp:
      p.advance();
      return op.address(
        p.cx,
        p.nested(() => parseCast(p)),
        t.loc,
      );
    case T.Star:
      p.advance();
      return op.dereference(
        p.cx,
        p.nested(() => parseCast(p)),
        t.loc,
      );
    case T.Plus:
    case T.Minus:
    case T.Tilde:
    case T.Bang: {
      p.advance();
      const e = p.nested(() => parseCast(p));
      return op.unary(p.cx, t.text as '+' | '-' | '~' | '!', e, t.loc);
    }
    case T.AmpAmp:
      if (p.cx.fn !== null) p.cx.fn.computedGoto = true;
      p.error('c/unsupported', 'address of a label is not supported: BPF has no computed goto');
      p.advance();
      p.accept(T.Ident);
      return errorExpr(t.loc, p.last);
    case T.Ident:
      switch (p.keyword()) {
        case K.sizeof:
        case K._Alignof:
          return parseSizeof(p);
        case K.__extension__:
          p.advance();
          return p.nested(() => parseCast(p));
      }
  }
  return parsePostfixOps(p, parsePrimary(p));
}

function parseSizeof(p: Parser): Expr {
  const t = p.advance();
  const isSize = t.text === 'sizeof';
  let type: CType;
  let bitfield = false;
  p.cx.unevaluated++;
  if (p.is(T.LParen) && isTypeName(p, p.peek())) {
    const open = p.advance().loc;
    type = parseTypeName(p);
    p.expect(T.RParen, '', open);
    if (p.is(T.LBrace)) type = parsePostfixOps(p, parseCompoundLiteral(p, type, open)).type;
  } else {
    const e = p.nested(() => parseUnary(p));
    type = e.type;
    bitfield = e.kind === 'member' && e.field.bitSize > 0;
  }
  p.cx.unevaluated--;
  const span = { loc: t.loc, end: p.last };
  if (isError(type)) return errorExpr(span.loc, span.end);
  if (bitfield) {
    p.error('c/sizeof', `invalid application of '${t.text}' to bit-field`, span.loc, span.end);
    return errorExpr(span.loc, span.end);
  }
  if (!isComplete(type) && !isVoid(type) && strip(type).kind !== 'function') {
    p.error(
      'c/incomplete-type',
      `invalid application of '${t.text}' to an incomplete type '${typeText(type)}'`,
      span.loc,
      span.end,
      typeElsewhere(p.cx, type),
    );
    return errorExpr(span.loc, span.end);
  }
  return intExpr(BigInt(isSize ? sizeofValue(type) : alignOf(type)), ULONG, span.loc, span.end);
}

export function parsePostfixOps(p: Parser, start: Expr): Expr {
  let e = start;
  for (let chain = 0; ; chain++) {
    if (chain > 500) p.cx.diagnostics.fatal('c/nesting', 'expression has too many operators', p.tok.loc);
    const t = p.tok;
    switch (t.kind) {
      case T.LParen: {
        p.advance();
        const args = parseArguments(p, t.loc);
        e = args === null ? errorExpr(e.loc, p.last) : callNamed(p, e, args);
        break;
      }
      case T.LBracket: {
        p.advance();
        const index = parseExpression(p);
        p.expect(T.RBracket, '', t.loc);
        e = op.subscript(p.cx, e, index, p.last);
        break;
      }
      case T.Dot:
      case T.Arrow: {
        p.advance();
        if (!p.is(T.Ident)) {
          p.error('c/syntax', 'expected identifier');
          return errorExpr(e.loc, p.last);
        }
        const name = p.advance();
        e = op.member(p.cx, e, name.text, t.kind === T.Arrow, name.loc);
        break;
      }
      case T.PlusPlus:
      case T.MinusMinus:
        p.advance();
        e = op.incDec(p.cx, t.kind === T.PlusPlus ? '++' : '--', false, e, { loc: e.loc, end: t.loc });
        break;
      default:
        return e;
    }
  }
}

/** After `(`. Null after a syntax error. */
function parseArguments(p: Parser, open: Loc): Expr[] | null {
  const args: Expr[] = [];
  if (p.accept(T.RParen)) return args;
  do args.push(parseAssignment(p));
  while (p.accept(T.Comma));
  if (p.expect(T.RParen, '', open)) return args;
  p.skipTo(T.RParen, T.Semi);
  p.accept(T.RParen);
  return null;
}

function callNamed(p: Parser, callee: Expr, args: Expr[]): Expr {
  if (callee.kind === 'function') {
    const builtin = LIBRARY_BUILTINS[callee.decl.name];
    if (builtin !== undefined && callee.decl.body === null && callee.decl.attributes.section === null) {
      return builtinCall(p.cx, builtin, args, callee.loc, p.last)!;
    }
  }
  return call(p.cx, callee, args, p.last);
}

function parsePrimary(p: Parser): Expr {
  const t = p.tok;
  switch (t.kind) {
    case T.Number:
      p.advance();
      return numberLiteral(p, t.text, t.loc);
    case T.Char: {
      p.advance();
      const c = parseChar(t.text);
      if ((t.flags & Flag.Bad) !== 0) p.error('c/unterminated-literal', "missing terminating ' character", t.loc);
      else if (c.count === 0) p.error('c/syntax', 'empty character constant', t.loc);
      else if (c.bad !== null)
        p.cx.diagnostics.warning('c/unknown-escape', `unknown escape sequence '${c.bad}'`, t.loc);
      return intExpr(BigInt(c.value), INT, t.loc, t.loc);
    }
    case T.String:
      return parseString(p);
    case T.LParen: {
      p.advance();
      if (p.is(T.LBrace)) {
        const e = parseStatementExpression(p, t.loc);
        p.expect(T.RParen, '', t.loc);
        return { ...e, loc: t.loc, end: p.last } as Expr;
      }
      const e = p.nested(() => parseExpression(p));
      if (!p.expect(T.RParen, '', t.loc)) {
        p.skipTo(T.RParen, T.Semi, T.Comma);
        p.accept(T.RParen);
        return errorExpr(t.loc, p.last);
      }
      return { ...e, loc: t.loc, end: p.last } as Expr;
    }
    case T.Ident:
      return p.keyword() === 0 ? parseName(p) : parseKeywordExpression(p);
    case T.Unknown:
      p.error('c/stray-character', `unexpected character ${p.describe()}`);
      p.advance();
      return errorExpr(t.loc, t.loc);
  }
  p.error('c/syntax', 'expected expression');
  return errorExpr(t.loc, t.loc);
}

function numberLiteral(p: Parser, text: string, loc: Loc): Expr {
  const n = parseInteger(text);
  if (n === null) {
    if (/^(0[xX][0-9a-fA-F.]*[pP]|[0-9]*\.|[0-9]+[eE])/.test(text) || /^\./.test(text)) {
      p.error('c/float', 'BPF has no floating point: use integers (scaled if need be)', loc);
    } else p.error('c/bad-number', `invalid number '${text}'`, loc);
    return errorExpr(loc, loc);
  }
  if (n.suffixError !== null) {
    p.error('c/bad-number', `invalid suffix '${n.suffixError}' on integer constant`, loc);
    return errorExpr(loc, loc);
  }
  if (n.value >= 1n << 64n) {
    p.error('c/bad-number', 'integer literal is too large to be represented in any integer type', loc);
    return errorExpr(loc, loc);
  }
  const v = n.value;
  const fits = (bits: bigint): boolean => v < 1n << bits;
  const candidates: [CType, bigint, boolean][] = [
    [INT, 31n, !n.unsigned && n.longs === 0],
    [UINT, 32n, n.longs === 0 && (n.unsigned || !n.decimal)],
    [LONG, 63n, !n.unsigned && n.longs < 2],
    [ULONG, 64n, n.longs < 2 && (n.unsigned || !n.decimal)],
    [LLONG, 63n, !n.unsigned],
    [ULLONG, 64n, true],
  ];
  const type = candidates.find(([, bits, allowed]) => allowed && fits(bits))![0];
  return intExpr(v, type, loc, loc);
}

export function parseString(p: Parser): StringExpr {
  const first = p.tok;
  const bytes: number[] = [];
  while (p.is(T.String)) {
    const t = p.advance();
    const open = t.text.indexOf('"');
    if ((t.flags & Flag.Bad) !== 0) p.error('c/unterminated-literal', "missing terminating '\"' character", t.loc);
    const { bytes: part, bad } = unescape(t.text.slice(open + 1, (t.flags & Flag.Bad) !== 0 ? undefined : -1));
    if (bad !== null) p.cx.diagnostics.warning('c/unknown-escape', `unknown escape sequence '${bad}'`, t.loc);
    for (const b of part) bytes.push(b);
  }
  bytes.push(0);
  return {
    kind: 'string',
    bytes: Uint8Array.from(bytes),
    type: arrayOf(CHAR, bytes.length),
    loc: first.loc,
    end: p.last,
  };
}

function parseName(p: Parser): Expr {
  const t = p.advance();
  const { cx } = p;
  const sym = cx.lookup(t.text);
  if (sym !== undefined) return reference(p, sym, t.text, t.loc);
  if (p.is(T.LParen)) {
    if (/^__(builtin|sync|atomic)_/.test(t.text)) return parseBuiltin(p, t.text, t.loc);
    const open = p.advance().loc;
    // The arguments of a macro that is not there are no expressions.
    const macro = isExplained(p, t.text);
    if (macro) cx.diagnostics.muted++;
    const args = parseArguments(p, open);
    if (macro) cx.diagnostics.muted--;
    if (args !== null || macro) unknownFunction(p, t.text, t.loc);
    return errorExpr(t.loc, p.last);
  }
  if (!p.pp.missingInclude) {
    const guess = isExplained(p, t.text) ? null : (cx.suggest(t.text) ?? kernelConstant(p, t.text));
    if (guess !== null) cx.markReferenced(guess);
    cx.diagnostics.error(
      'c/unknown-identifier',
      `use of undeclared identifier '${t.text}'` + (guess === null ? '' : `; did you mean '${guess}'?`),
      t.loc,
      t.loc,
      hintsFor(p, t.text, guess, t.loc),
    );
  } else cx.diagnostics.errors++;
  return errorExpr(t.loc, t.loc);
}

function unknownFunction(p: Parser, name: string, loc: Loc): void {
  const { cx } = p;
  if (p.pp.missingInclude) {
    cx.diagnostics.errors++;
    return;
  }
  const builtin = LIBRARY_BUILTINS[name];
  const similar = (): string | null => cx.suggest(name, (s) => s.kind === 'function' || s.kind === 'var');
  const guess = builtin ?? (isExplained(p, name) ? null : similar());
  if (guess !== null) cx.markReferenced(guess);
  cx.diagnostics.error(
    'c/unknown-function',
    `call to undeclared function '${name}'` + (guess === null ? '' : `; did you mean '${guess}'?`),
    loc,
    loc,
    builtin === undefined
      ? hintsFor(p, name, guess, loc)
      : { fixes: [cx.fix(`Change to '${builtin}'`, cx.sources.range(loc, loc), builtin)] },
  );
}

function reference(p: Parser, sym: Sym, name: string, loc: Loc): Expr {
  switch (sym.kind) {
    case 'enumerator':
      return enumeratorExpr(sym, loc);
    case 'typedef':
      p.error('c/unexpected-type', `unexpected type name '${name}': expected expression`, loc);
      return errorExpr(loc, loc);
    case 'function':
      if (p.cx.unevaluated === 0) (sym as Mutable<typeof sym>).referenced = true;
      return { kind: 'function', decl: sym, type: sym.type, loc, end: loc };
    default:
      // A helper's constant is not a use of the variable that holds it.
      if (
        p.cx.unevaluated === 0 &&
        !(sym.kind === 'var' && p.is(T.LParen) && sym.storage === 'static' && sym.image !== null)
      )
        (sym as Mutable<typeof sym>).referenced = true;
      return { kind: 'var', decl: sym, type: sym.type, loc, end: loc };
  }
}

const enumeratorExpr = (sym: EnumeratorSymbol, loc: Loc): Expr => ({
  kind: 'int',
  value: sym.value,
  type: sym.type,
  enumerator: { enum: sym.enum, name: sym.name },
  loc,
  end: loc,
});

const UNEVALUATED = new Set([
  '__builtin_preserve_field_info', '__builtin_preserve_type_info', '__builtin_btf_type_id', '__builtin_preserve_enum_value',
]); // prettier-ignore

function parseBuiltin(p: Parser, name: string, loc: Loc): Expr {
  const open = p.advance().loc;
  const quiet = UNEVALUATED.has(name);
  if (quiet) p.cx.unevaluated++;
  const args = parseArguments(p, open);
  if (quiet) p.cx.unevaluated--;
  if (args === null) return errorExpr(loc, p.last);
  const e = builtinCall(p.cx, name, args, loc, p.last);
  if (e !== undefined) return e;
  p.error('c/unknown-builtin', `builtin '${name}' is not supported for BPF`, loc);
  return errorExpr(loc, p.last);
}

function parseKeywordExpression(p: Parser): Expr {
  const t = p.tok;
  switch (p.keyword()) {
    case K._Generic:
      return parseGeneric(p);
    case K.__builtin_offsetof:
      return parseOffsetof(p);
    case K.__builtin_choose_expr: {
      p.advance();
      const open = p.tok.loc;
      p.expect(T.LParen, '');
      const cond = evaluate(rvalue(p.cx, parseAssignment(p)));
      p.expect(T.Comma, '');
      const a = parseQuietly(p, cond !== null && cond.value === 0n);
      p.expect(T.Comma, '');
      const b = parseQuietly(p, cond !== null && cond.value !== 0n);
      p.expect(T.RParen, '', open);
      if (cond === null) {
        p.error('c/not-constant', "'__builtin_choose_expr' requires a constant expression", t.loc, p.last);
        return errorExpr(t.loc, p.last);
      }
      return { ...(cond.value !== 0n || cond.base !== null ? a : b), loc: t.loc, end: p.last } as Expr;
    }
    case K.__builtin_types_compatible_p: {
      p.advance();
      const open = p.tok.loc;
      p.expect(T.LParen, '');
      const a = parseTypeName(p);
      p.expect(T.Comma, '');
      const b = parseTypeName(p);
      p.expect(T.RParen, '', open);
      return intExpr(strictlyCompatible(a, b) ? 1n : 0n, INT, t.loc, p.last);
    }
    case K.__func__:
    case K.__FUNCTION__:
    case K.__PRETTY_FUNCTION__: {
      p.advance();
      const bytes = [...new TextEncoder().encode(p.cx.fn?.decl.name ?? ''), 0];
      return {
        kind: 'string',
        bytes: Uint8Array.from(bytes),
        type: arrayOf(CHAR, bytes.length),
        loc: t.loc,
        end: t.loc,
      };
    }
    case K.__builtin_va_arg:
      p.error('c/variadic', 'variadic functions are not supported in BPF');
      p.advance();
      if (p.is(T.LParen)) {
        p.skipTo(T.Semi);
      }
      return errorExpr(t.loc, p.last);
  }
  p.error('c/syntax', 'expected expression');
  // A keyword that starts a statement is left to the statement parser.
  return errorExpr(t.loc, t.loc);
}

/** Types are the same but for qualifiers on top; `__builtin_types_compatible_p` tells `int` from `unsigned`, not enums apart. */
const strictlyCompatible = (a: CType, b: CType): boolean => {
  const [x, y] = [strip(a), strip(b)];
  if (x.kind === 'pointer' && y.kind === 'pointer') {
    const [p, q] = [qualifiersOf(x.pointee), qualifiersOf(y.pointee)];
    return p.const === q.const && p.volatile === q.volatile && strictlyCompatible(x.pointee, y.pointee);
  }
  return x.kind === y.kind && compatible(x, y);
};

/** Parses an operand whose mistakes and references do not count when `quiet`. */
function parseQuietly(p: Parser, quiet: boolean): Expr {
  if (quiet) {
    p.cx.unevaluated++;
  }
  const e = parseAssignment(p);
  if (quiet) {
    p.cx.unevaluated--;
  }
  return e;
}

function parseGeneric(p: Parser): Expr {
  const t = p.advance();
  const open = p.tok.loc;
  p.expect(T.LParen, '');
  p.cx.unevaluated++;
  const control = rvalue(p.cx, parseAssignment(p));
  p.cx.unevaluated--;
  let chosen: Expr | null = null;
  let fallback: Expr | null = null;
  while (p.accept(T.Comma)) {
    let match = false;
    let isDefault = false;
    if (p.acceptKeyword(K.default)) isDefault = true;
    else {
      const type = parseTypeName(p);
      match =
        chosen === null &&
        strictlyCompatible(control.type, type) &&
        !qualifiersOf(type).const &&
        !qualifiersOf(type).volatile;
    }
    p.expect(T.Colon, '');
    const e = parseQuietly(p, !match && !isDefault);
    if (match) chosen = e;
    if (isDefault) fallback = e;
  }
  p.expect(T.RParen, '', open);
  const result = chosen ?? fallback;
  if (result !== null) return { ...result, loc: t.loc, end: p.last } as Expr;
  if (!isError(control.type)) {
    p.error(
      'c/generic',
      `controlling expression type '${typeText(control.type)}' not compatible with any generic association type`,
      control.loc,
      control.end,
    );
  }
  return errorExpr(t.loc, p.last);
}

function parseOffsetof(p: Parser): Expr {
  const t = p.advance();
  const open = p.tok.loc;
  p.expect(T.LParen, '');
  let type: CType = parseTypeName(p);
  p.expect(T.Comma, '');
  let offset = 0n;
  let first = true;
  let ok = !isError(type);
  while (first || p.is(T.Dot) || p.is(T.LBracket)) {
    if (!first && p.is(T.LBracket)) {
      p.advance();
      const index = evaluate(rvalue(p.cx, parseExpression(p)));
      p.expect(T.RBracket, '');
      const array = strip(type);
      if (array.kind !== 'array' || index === null || index.base !== null) {
        if (ok) p.error('c/not-constant', "'offsetof' needs a constant array index", t.loc, p.last);
        ok = false;
      } else {
        type = array.element;
        offset += index.value * BigInt(sizeofValue(type));
      }
      continue;
    }
    if (!first) p.advance();
    first = false;
    if (!p.is(T.Ident)) {
      p.error('c/syntax', 'expected identifier');
      ok = false;
      break;
    }
    const name = p.advance();
    const record = strip(type);
    const path = record.kind === 'record' ? findField(record, name.text, strip) : null;
    if (path === null) {
      if (ok) p.error('c/unknown-member', `no member named '${name.text}' in '${typeText(type)}'`, name.loc);
      ok = false;
      break;
    }
    for (const f of path) offset += BigInt(f.bitOffset >> 3);
    type = path.at(-1)!.type;
  }
  if (!p.expect(T.RParen, '', open)) p.skipTo(T.RParen, T.Semi);
  return ok ? intExpr(offset, ULONG, t.loc, p.last) : errorExpr(t.loc, p.last);
}

/**
 * A constant integer expression; null with a diagnostic when it is none.
 * @param locals whether a `const` local counts as its number, as it does for clang where it is the size of an array
 */
export function parseConstant(p: Parser, what: string, locals = false): bigint | null {
  const e = rvalue(p.cx, parseConditional(p));
  if (isError(e.type)) return null;
  const c = evaluate(e) ?? (locals ? constLocal(e) : null);
  if (c !== null && c.base === null) return c.value;
  p.error('c/not-constant', `${what} is not an integer constant expression`, e.loc, e.end);
  return null;
}

export const syntheticVar = (
  type: CType,
  loc: Loc,
  end: Loc,
  isStatic: boolean,
  owner: VarDecl['owner'],
): Mutable<VarDecl> => ({
  kind: 'var',
  name: '',
  type,
  nameLoc: loc,
  storage: isStatic ? 'static' : 'auto',
  attributes: NO_ATTRIBUTES,
  init: null,
  image: null,
  owner,
  referenced: true,
  addressTaken: true,
  cleanup: null,
  synthetic: true,
  loc,
  end,
});
