/** Declarators: what stands around a name, from the inside out; parameters; type names. */
import type { Attributes, Loc, ParamDecl } from './ast.ts';
import { joinSets, noAttributes, parseAttributes, toAttributes, type AttributeSet } from './attributes.ts';
import { Scope } from './context.ts';
import { parseConstant } from './parse-expr.ts';
import { parseSpecifiers, unknownType } from './parse-type.ts';
import { K, T, type Parser } from './parser.ts';
import { typeText } from './type-text.ts';
import {
  arrayOf,
  ERROR,
  pointerTo,
  qualify,
  strip,
  type CType,
  type FunctionParam,
  type FunctionType,
} from './types.ts';

export interface Declarator {
  readonly name: string;
  readonly nameLoc: Loc;
  readonly type: CType;
  /** Attributes that stand behind the declarator. */
  readonly attributes: AttributeSet;
  /** Parameters when the outermost type is a function written right here. */
  readonly params: readonly ParamInfo[] | null;
}

export interface ParamInfo {
  readonly name: string;
  readonly type: CType;
  readonly loc: Loc;
  readonly nameLoc: Loc;
  readonly end: Loc;
  readonly attributes: Attributes;
}

interface DeclaratorState {
  name: string;
  nameLoc: Loc;
  params: readonly ParamInfo[] | null;
  readonly attributes: AttributeSet;
}

/** A declarator, named or abstract. */
export function parseDeclarator(p: Parser, base: CType): Declarator {
  const state: DeclaratorState = { name: '', nameLoc: 0, params: null, attributes: noAttributes() };
  const wrap = declaratorPart(p, state);
  const type = wrap(base);
  parseAsmLabel(p);
  parseAttributes(p, state.attributes);
  let tagged = type;
  for (const t of state.attributes.typeTags) tagged = { kind: 'tag', tag: t, base: tagged };
  return { name: state.name, nameLoc: state.nameLoc, type: tagged, attributes: state.attributes, params: state.params };
}

function parseAsmLabel(p: Parser): void {
  if (!p.isKeyword(K.asm)) return;
  p.advance();
  const open = p.tok.loc;
  p.expect(T.LParen, '');
  while (p.is(T.String)) p.advance();
  p.expect(T.RParen, '', open);
}

type Wrap = (t: CType) => CType;

function declaratorPart(p: Parser, s: DeclaratorState): Wrap {
  return p.nested(() => {
    const pointers: Wrap[] = [];
    for (;;) {
      if (p.is(T.Star)) {
        p.advance();
        const q = { const: false, volatile: false, restrict: false };
        const a = noAttributes();
        for (;;) {
          const k = p.keyword();
          if (k === K.const) q.const = true;
          else if (k === K.volatile) q.volatile = true;
          else if (k === K.restrict) q.restrict = true;
          else if (k === K.__attribute__) {
            parseAttributes(p, a);
            continue;
          } else if (k !== K._Atomic) break;
          p.advance();
        }
        const tags = a.typeTags;
        pointers.push((t) => {
          if (t === ERROR) return ERROR;
          let r: CType = qualify(pointerTo(t), q);
          for (const tag of tags) r = { kind: 'tag', tag, base: r };
          return r;
        });
        if (a.declTags.length > 0) s.attributes.declTags = [...s.attributes.declTags, ...a.declTags];
      } else if (p.isKeyword(K.__attribute__)) parseAttributes(p, s.attributes);
      else break;
    }
    const direct = directDeclarator(p, s);
    return (t) => direct(pointers.reduce((acc, w) => w(acc), t));
  });
}

function directDeclarator(p: Parser, s: DeclaratorState): Wrap {
  let inner: Wrap = (t) => t;
  let direct = true;
  if (p.isName()) {
    const n = p.advance();
    s.name = n.text;
    s.nameLoc = n.loc;
  } else if (p.is(T.LParen) && isNestedDeclarator(p)) {
    const open = p.advance().loc;
    const attrs = noAttributes();
    parseAttributes(p, attrs);
    const before = p.is(T.Star);
    inner = declaratorPart(p, s);
    direct = !before;
    p.expect(T.RParen, '', open);
  }
  const suffixes: Wrap[] = [];
  for (;;) {
    if (p.is(T.LBracket) && p.peek().kind !== T.LBracket) suffixes.push(arraySuffix(p));
    else if (p.is(T.LParen)) {
      const { wrap, params } = functionSuffix(p, s.name);
      if (suffixes.length === 0 && direct) s.params = params;
      suffixes.push(wrap);
    } else break;
  }
  return (t) => inner(suffixes.reduceRight((acc, w) => w(acc), t));
}

/** `(` of `(*f)(int)` against `(` of a parameter list. */
function isNestedDeclarator(p: Parser): boolean {
  const next = p.peek();
  if (next.kind === T.Star || next.kind === T.LParen || next.kind === T.Caret) return true;
  if (next.kind === T.Ident && p.keyword(next) === K.__attribute__) return true;
  return (
    p.isName(next) &&
    p.cx.lookup(next.text)?.kind !== 'typedef' &&
    p.peek(1).kind !== T.Ident &&
    p.peek(1).kind !== T.Star &&
    p.peek(1).kind !== T.Comma
  );
}

function arraySuffix(p: Parser): Wrap {
  const open = p.advance().loc;
  while (p.isKeyword(K.static) || p.isKeyword(K.const) || p.isKeyword(K.volatile) || p.isKeyword(K.restrict))
    p.advance();
  let count: number | null = null;
  if (!p.is(T.RBracket)) {
    const at = p.tok.loc;
    const n = parseConstant(p, 'array size', true);
    if (n !== null && (n < 0n || n > 0x4000_0000n)) {
      p.error('c/array-size', n < 0n ? 'array has a negative size' : 'array is too large', at, p.last);
      count = 1;
    } else count = n === null ? 1 : Number(n);
  }
  p.expect(T.RBracket, '', open);
  return (t) => {
    const e = strip(t);
    if (e.kind === 'error') return ERROR;
    if (
      e.kind === 'function' ||
      e.kind === 'void' ||
      (e.kind === 'record' && !e.complete) ||
      (e.kind === 'array' && e.count === null)
    ) {
      p.error('c/incomplete-type', `array has incomplete or invalid element type '${typeText(t)}'`, open);
      return ERROR;
    }
    return arrayOf(t, count);
  };
}

/** Deepens the parameter scope so that a parameter's type may use those before it. */
function functionSuffix(p: Parser, declared: string): { wrap: Wrap; params: ParamInfo[] } {
  const { cx } = p;
  const open = p.advance().loc;
  const params: ParamInfo[] = [];
  let variadic = false;
  let prototyped = true;
  if (p.is(T.RParen)) prototyped = false;
  else if (p.isKeyword(K.void) && p.peek().kind === T.RParen) p.advance();
  else {
    cx.scope = new Scope(cx.scope);
    for (;;) {
      if (p.accept(T.Ellipsis)) {
        variadic = true;
        break;
      }
      if (p.is(T.RParen) || p.is(T.Eof)) {
        p.error('c/syntax', 'expected parameter declarator');
        break;
      }
      params.push(parseParameter(p, declared));
      if (!p.accept(T.Comma)) break;
    }
    // A struct declared here is known to nobody else: keep the tags visible for the function body.
    const inner = cx.scope;
    cx.scope = inner.parent!;
    for (const [tag, type] of inner.tags) {
      if (type.kind === 'record' && !type.complete && !cx.scope.tags.has(tag)) cx.scope.tags.set(tag, type);
    }
  }
  if (!p.expect(T.RParen, '', open)) {
    p.skipTo(T.RParen, T.Semi, T.LBrace);
    p.accept(T.RParen);
  }
  const types: FunctionParam[] = params.map((x) => ({ name: x.name, type: x.type }));
  const wrap: Wrap = (ret) => {
    const r = strip(ret);
    if (r.kind === 'array' || r.kind === 'function') {
      p.error('c/function-type', `function cannot return ${r.kind} type '${typeText(ret)}'`, open);
      return ERROR;
    }
    return { kind: 'function', ret, params: types, variadic, prototyped } satisfies FunctionType;
  };
  return { wrap, params };
}

function parseParameter(p: Parser, declared: string): ParamInfo {
  const loc = p.tok.loc;
  const name = p.tok;
  const next = p.peek();
  // `(foo, ...)` with an unknown `foo`: one clear message.
  if (p.isName() && (next.kind === T.Comma || next.kind === T.RParen) && p.cx.lookup(name.text)?.kind !== 'typedef') {
    unknownType(p, name, declared);
    p.advance();
    return { name: '', type: ERROR, loc, nameLoc: loc, end: loc, attributes: toAttributes(noAttributes()) };
  }
  const specs = parseSpecifiers(p);
  const before = p.tok;
  const d = parseDeclarator(p, specs.type);
  if (p.tok === before && !p.is(T.Comma) && !p.is(T.RParen)) p.skipTo(T.Comma, T.RParen, T.Semi, T.LBrace);
  let type = d.type;
  const t = strip(type);
  if (t.kind === 'array') type = pointerTo(t.element);
  else if (t.kind === 'function') type = pointerTo(type);
  if (t.kind === 'void') {
    p.error('c/incomplete-type', 'argument may not have type void', loc, p.last);
    type = ERROR;
  }
  const a = joinSets(specs.attributes, d.attributes);
  return { name: d.name, type, loc, nameLoc: d.nameLoc || loc, end: p.last, attributes: toAttributes(a) };
}

export const toParamDecls = (params: readonly ParamInfo[]): ParamDecl[] =>
  params.map((x, index) => ({
    kind: 'param',
    name: x.name,
    type: x.type,
    nameLoc: x.nameLoc,
    index,
    attributes: x.attributes,
    referenced: false,
    addressTaken: false,
    loc: x.loc,
    end: x.end,
  }));

export function parseTypeName(p: Parser): CType {
  const specs = parseSpecifiers(p);
  const d = parseDeclarator(p, specs.type);
  if (d.name !== '') p.error('c/syntax', `unexpected name '${d.name}' in a type`, d.nameLoc);
  return d.type;
}
