/** Declarations and function definitions. */
import { sameType } from './incremental/adopt.ts';
import type { FunctionDecl, Loc, ParamDecl, VarDecl } from './ast.ts';
import { joinSets, noAttributes, toAttributes, type AttributeSet } from './attributes.ts';
import { evaluate } from './constant.ts';
import { mergeAttributes, type Context, type FunctionState, type Mutable, type Sym } from './context.ts';
import { errorExpr, rvalue } from './convert.ts';
import { DeferredDeclarations, type Region } from './deferred.ts';
import { typeElsewhere } from './elsewhere.ts';
import { checkInitializer, parseInitializer, staticImage } from './initializer.ts';
import { parseConditional, parseExpression, parseString } from './parse-expr.ts';
import { parseCompound } from './parse-stmt.ts';
import { parseDeclarator, toParamDecls, type Declarator, type ParamInfo } from './parse-declarator.ts';
import { parseSpecifiers, type Specifiers } from './parse-type.ts';
import type { TypedefSymbol } from './symbols.ts';
import { K, T, type Parser } from './parser.ts';
import { compatible, typeText } from './type-text.ts';
import {
  ERROR,
  isComplete,
  isError,
  isVoid,
  sizeOf,
  strip,
  type CType,
  type FunctionType,
  type TypedefType,
} from './types.ts';

function incompleteVariable(p: Parser, type: CType, loc: Loc, end: Loc): void {
  const more = typeElsewhere(p.cx, type);
  p.error('c/incomplete-type', `variable has incomplete type '${typeText(type)}'`, loc, end, more);
}

/**
 * The whole file.
 * @param goOn asked wherever no token is read ahead: whether it went on by itself, to the next such place
 * @param regions what was passed over in an earlier part of the file that is not read now
 */
export function parseTranslationUnit(
  p: Parser,
  goOn: () => boolean = () => false,
  regions: readonly Region[] = [],
): void {
  const deferred = new DeferredDeclarations(p.cx, p.pp, parseExternal, regions);
  p.cx.deferred = deferred;
  for (;;) {
    if (p.isBetweenTokens && goOn()) continue;
    if (p.is(T.Eof)) return;
    if (deferred.pass(p)) continue;
    const { consumed } = p;
    parseExternal(p);
    // Whatever happened, go on.
    if (p.consumed === consumed) p.advance();
  }
}

function parseExternal(p: Parser): void {
  if (p.accept(T.Semi)) return;
  if (p.isKeyword(K._Static_assert)) return parseStaticAssert(p);
  if (p.isKeyword(K.asm)) {
    p.error('c/unsupported', 'file-scope asm is not supported: write the function in C');
    p.skipTo(T.Semi);
    p.accept(T.Semi);
    return;
  }
  if (!p.is(T.Ident)) {
    if (p.is(T.RBrace)) p.error('c/syntax', "extraneous closing brace ('}')");
    else {
      p.error(
        p.is(T.Unknown) ? 'c/stray-character' : 'c/syntax',
        p.is(T.Unknown) ? `unexpected character ${p.describe()}` : 'expected a declaration',
      );
      skipDeclaration(p);
    }
    return;
  }
  parseDeclaration(p);
}

/** To the start of what looks like the next declaration. */
function skipDeclaration(p: Parser): void {
  let depth = 0;
  while (!p.is(T.Eof)) {
    const k = p.tok.kind;
    if (k === T.LBrace || k === T.LParen) depth++;
    else if (k === T.RBrace || k === T.RParen) {
      depth--;
      if (depth <= 0 && k === T.RBrace) {
        p.advance();
        return;
      }
    } else if (k === T.Semi && depth <= 0) {
      p.advance();
      return;
    }
    p.advance();
  }
}

/** A declaration; in a function the automatic variables are returned. */
export function parseDeclaration(p: Parser): VarDecl[] {
  const specs = parseSpecifiers(p);
  const autos: VarDecl[] = [];
  if (specs.ended) return autos;
  if (p.is(T.Semi)) {
    p.advance();
    if (!specs.tag && !isError(specs.type)) {
      p.cx.diagnostics.warning('c/empty-declaration', 'declaration does not declare anything', specs.loc, p.last);
    }
    return autos;
  }
  for (let first = true; ; first = false) {
    const d = parseDeclarator(p, specs.type);
    if (d.name === '') {
      if (isError(specs.type) || isError(d.type)) skipDeclaration(p);
      else {
        p.error('c/syntax', 'expected identifier');
        p.skipTo(T.Semi, T.Comma, T.LBrace);
        if (p.is(T.LBrace) && p.cx.fn === null) skipDeclaration(p);
        else p.accept(T.Semi);
      }
      return autos;
    }
    const t = strip(d.type);
    if (specs.storage === 'typedef') declareTypedef(p, specs, d);
    else if (t.kind === 'function') {
      const fn = declareFunction(p, specs, d, t);
      if (first && p.is(T.LBrace)) {
        defineFunction(p, fn, d, t, specs);
        return autos;
      }
    } else if (isError(d.type) && p.is(T.LBrace)) {
      skipDeclaration(p);
      return autos;
    } else {
      const v = declareVariable(p, specs, d);
      if (v !== null && v.storage === 'auto') autos.push(v);
    }
    if (!p.accept(T.Comma)) break;
  }
  if (p.is(T.LBrace) && p.cx.fn === null) {
    p.error('c/syntax', "expected ';' before '{'");
    skipDeclaration(p);
    return autos;
  }
  p.expectSemi(p.cx.fn === null ? 'after top level declarator' : 'at end of declaration');
  return autos;
}

export function parseStaticAssert(p: Parser): void {
  const t = p.advance();
  const open = p.tok.loc;
  if (!p.expect(T.LParen, "after '_Static_assert'")) return;
  const e = rvalue(p.cx, parseConditional(p));
  const c = isError(e.type) ? null : evaluate(e);
  let message = '';
  if (p.accept(T.Comma) && p.is(T.String)) message = new TextDecoder().decode(parseString(p).bytes.subarray(0, -1));
  p.expect(T.RParen, '', open);
  p.expectSemi("after '_Static_assert'");
  if (c === null) {
    if (!isError(e.type))
      p.error('c/not-constant', 'static assertion expression is not an integral constant expression', e.loc, e.end);
  } else if (c.base === null && c.value === 0n) {
    p.error('c/static-assert', `static assertion failed${message === '' ? '' : `: ${message}`}`, t.loc, p.last);
  }
}

const merged = (specs: Specifiers, d: Declarator): AttributeSet => joinSets(specs.attributes, d.attributes);

/** Reports a clash with what the name is already; the previous symbol in this scope otherwise. */
function previous(p: Parser, d: Declarator): Sym | undefined {
  const { cx } = p;
  return cx.scope.symbols.get(d.name) ?? (cx.scope === cx.fileScope ? cx.kernelSymbol(d.name) : undefined);
}

function redefinition(p: Parser, d: Declarator, old: Sym, message: string): void {
  p.cx.markReferenced(d.name);
  p.cx.diagnostics.error('c/redefinition', message, d.nameLoc, d.nameLoc, {
    notes:
      old.nameLoc === 0
        ? [{ message: `'${d.name}' comes from "vmlinux.h"` }]
        : [p.cx.diagnostics.note('previous definition is here', old.nameLoc)],
  });
}

function declareTypedef(p: Parser, specs: Specifiers, d: Declarator): void {
  const { cx } = p;
  const a = merged(specs, d);
  const old = previous(p, d);
  if (old !== undefined) {
    if (old.kind !== 'typedef')
      return redefinition(p, d, old, `redefinition of '${d.name}' as different kind of symbol`);
    if (!compatible(old.type.target, d.type)) {
      return redefinition(
        p,
        d,
        old,
        `typedef redefinition with different types ('${typeText(d.type)}' vs '${typeText(old.type.target)}')`,
      );
    }
    return;
  }
  const type: TypedefType = {
    kind: 'typedef',
    name: d.name,
    target: d.type,
    preserveAccessIndex: a.preserveAccessIndex,
    origin: 'source',
    btfId: 0,
    declTags: a.declTags,
  };
  const t = strip(d.type);
  if (a.preserveAccessIndex && t.kind === 'record') {
    cx.watch?.changes(t.id);
    (t as { preserveAccessIndex: boolean }).preserveAccessIndex = true;
  }
  cx.addType(type);
  cx.scope.symbols.set(d.name, { kind: 'typedef', type, nameLoc: d.nameLoc } satisfies TypedefSymbol);
}

function declareFunction(p: Parser, specs: Specifiers, d: Declarator, type: FunctionType): Mutable<FunctionDecl> {
  const { cx } = p;
  const attributes = toAttributes(merged(specs, d));
  // A function declared in a block is still one of the file.
  const old = cx.fileScope.symbols.get(d.name) ?? cx.kernelSymbol(d.name);
  if (old !== undefined) {
    if (old.kind === 'function') {
      const known = old as Mutable<FunctionDecl>;
      if (!compatible(known.type, type)) {
        cx.diagnostics.error('c/conflicting-types', `conflicting types for '${d.name}'`, d.nameLoc, d.nameLoc, {
          notes: [cx.diagnostics.note('previous declaration is here', known.nameLoc)],
        });
      }
      known.attributes = mergeAttributes(known.attributes, attributes);
      if (specs.storage === 'static') known.linkage = 'static';
      if (!known.type.prototyped && type.prototyped) known.type = type;
      if (cx.scope !== cx.fileScope) cx.scope.symbols.set(d.name, known);
      return known;
    }
    redefinition(p, d, old, `redefinition of '${d.name}' as different kind of symbol`);
  }
  let decl: Mutable<FunctionDecl> = {
    kind: 'function',
    name: d.name,
    type,
    nameLoc: d.nameLoc,
    params: toParamDecls(d.params ?? []),
    linkage: specs.storage === 'static' ? 'static' : 'global',
    inline: specs.inline,
    attributes,
    body: null,
    referenced: false,
    addressTaken: false,
    broken: false,
    floating: false,
    loc: specs.loc,
    end: p.last,
  };
  if (old === undefined) {
    decl = cx.watch?.declares(decl) ?? decl;
    cx.fileScope.symbols.set(d.name, decl);
    if (cx.scope !== cx.fileScope) cx.scope.symbols.set(d.name, decl);
    cx.listFunction(decl);
  }
  return decl;
}

function defineFunction(
  p: Parser,
  fn: Mutable<FunctionDecl>,
  d: Declarator,
  type: FunctionType,
  specs: Specifiers,
): void {
  const { cx } = p;
  if (cx.fn !== null) {
    p.error('c/nested-function', 'function definition is not allowed here', d.nameLoc);
    p.advance();
    p.skipTo(T.RBrace);
    p.accept(T.RBrace);
    return;
  }
  if (fn.body !== null) {
    cx.diagnostics.error('c/redefinition', `redefinition of '${fn.name}'`, d.nameLoc, d.nameLoc, {
      notes: [cx.diagnostics.note('previous definition is here', fn.nameLoc)],
    });
  }
  if (type.variadic) p.error('c/variadic', `'${fn.name}': variadic functions are not supported in BPF`, d.nameLoc);
  const errorsBefore = cx.diagnostics.errors;
  const listBefore = cx.diagnostics.list.length;
  if (strip(type.ret).kind === 'float')
    p.error('c/float', 'BPF has no floating point: use integers (scaled if need be)', d.nameLoc);
  // A definition for inlining alone: what it would be linked with is not there, so it is the file's own.
  if (specs.inline && (specs.storage === 'extern') === fn.attributes.gnuInline) fn.linkage = 'static';
  const defined = type.prototyped ? type : { ...type, prototyped: true };
  // An equal one is kept, so that those who know it see no change.
  if (!sameType(fn.type, defined)) fn.type = defined;
  fn.nameLoc = d.nameLoc;
  const infos: readonly ParamInfo[] =
    d.params ??
    type.params.map((x) => ({
      ...x,
      loc: d.nameLoc,
      nameLoc: d.nameLoc,
      end: d.nameLoc,
      attributes: toAttributes(noAttributes()),
    }));
  const params: ParamDecl[] = toParamDecls(infos);
  fn.params = params;
  // Definitions stand in order of definition.
  cx.listFunction(fn);
  const state: FunctionState = {
    decl: fn,
    labels: new Map(),
    gotos: [],
    usedLabels: new Set(),
    locals: [],
    calls: new Map(),
    loops: 0,
    switches: [],
    breakable: 0,
    computedGoto: false,
  };
  cx.fn = state;
  cx.pushScope();
  for (const param of params) {
    if (param.name === '') continue;
    if (!isComplete(param.type) && !isError(param.type)) {
      incompleteVariable(p, param.type, param.loc, param.end);
    }
    if (strip(param.type).kind === 'float')
      p.error('c/float', 'BPF has no floating point: use integers (scaled if need be)', param.loc, param.end);
    const twice = cx.scope.symbols.get(param.name);
    if (twice !== undefined) p.error('c/redefinition', `redefinition of parameter '${param.name}'`, param.nameLoc);
    cx.scope.symbols.set(param.name, param);
  }
  const body = parseCompound(p, false);
  cx.popScope();
  cx.fn = null;
  fn.body = body;
  fn.end = body.end;
  for (const g of state.gotos) {
    state.usedLabels.add(g.label);
    if (!state.labels.has(g.label))
      p.error('c/unknown-label', `use of undeclared label '${g.label.replace(/\.\d+$/, '')}'`, g.end);
  }
  cx.setCalls(fn, state.calls);
  if (
    cx.diagnostics.errors > errorsBefore &&
    isHeaderInline(cx, fn, specs.inline) &&
    cx.diagnostics.retract(listBefore, 'c/float')
  ) {
    fn.body = null;
    fn.floating = true;
    return;
  }
  // Uses may stand in what was not understood.
  fn.broken = cx.diagnostics.errors > errorsBefore;
  if (fn.broken) return;
  for (const v of state.locals) if (!v.referenced && !v.attributes.unused && v.name !== '') cx.addUnused(v, fn);
}

/** <stdlib.h> has some that a policy neither wrote nor calls. */
const isHeaderInline = (cx: Context, fn: FunctionDecl, inline: boolean): boolean =>
  (inline || fn.linkage === 'static') && cx.diagnostics.sources.includeStack(fn.nameLoc).length > 0;

function declareVariable(p: Parser, specs: Specifiers, d: Declarator): Mutable<VarDecl> | null {
  const { cx } = p;
  const a = merged(specs, d);
  let type: CType = d.type;
  const local = cx.fn !== null;
  const isExtern = specs.storage === 'extern';
  const storage: VarDecl['storage'] = isExtern
    ? 'extern'
    : specs.storage === 'static'
      ? 'static'
      : local
        ? 'auto'
        : 'global';
  const attributes = toAttributes(a);
  const hasInit = p.is(T.Eq);

  const old = previous(p, d);
  let known: Mutable<VarDecl> | null = null;
  if (old !== undefined) {
    if (old.kind === 'var' && (!local || isExtern) && compatible(old.type, type)) {
      known = old;
      known.attributes = mergeAttributes(known.attributes, attributes);
      if (known.storage === 'extern' && !isExtern) known.storage = storage;
      if (isComplete(type)) known.type = type;
    } else {
      const message =
        old.kind === 'var' || old.kind === 'param'
          ? compatible(old.type, type) ? `redefinition of '${d.name}'` : `redefinition of '${d.name}' with a different type: '${typeText(type)}' vs '${typeText(old.type)}'`
          : `redefinition of '${d.name}' as different kind of symbol`; // prettier-ignore
      redefinition(p, d, old, message);
    }
  }
  const decl: Mutable<VarDecl> = known ?? {
    kind: 'var',
    name: d.name,
    type,
    nameLoc: d.nameLoc,
    storage,
    attributes,
    init: null,
    image: null,
    owner: cx.fn?.decl ?? null,
    referenced: false,
    addressTaken: false,
    cleanup: null,
    synthetic: false,
    loc: specs.loc,
    end: p.last,
  };
  if (strip(type).kind === 'float') {
    p.error('c/float', 'BPF has no floating point: use integers (scaled if need be)', specs.loc, d.nameLoc);
    decl.type = type = ERROR;
  }
  // The name is known in its own initialiser.
  if (known === null && !specs.autoType) declareName(p, decl);

  if (hasInit) {
    p.advance();
    const at = p.tok.loc;
    const saved = cx.fn;
    const isStatic = decl.storage !== 'auto';
    // Compound literals in the initialiser of a static are static too.
    if (isStatic) cx.fn = null;
    const node = parseInitializer(p);
    cx.fn = saved;
    if (isExtern && local) p.error('c/extern-initializer', "'extern' variable cannot have an initializer", at);
    if (decl.storage === 'extern') decl.storage = 'global';
    if (specs.autoType) {
      type = node.kind === 'expr' ? rvalue(cx, node.expr).type : ERROR;
      decl.type = type;
      declareName(p, decl);
    }
    if (!isError(type)) {
      if (isVoid(type) || (!isComplete(type) && strip(type).kind !== 'array')) {
        incompleteVariable(p, type, specs.loc, d.nameLoc);
      } else {
        const checked = checkInitializer(cx, type, node);
        decl.type = checked.type;
        if (isStatic) {
          // Zero-valued images are bss.
          const image = staticImage(cx, checked.type, checked.init, checked.reach);
          decl.image = image;
        } else decl.init = checked.init;
      }
    }
  } else if (!isExtern && !isError(type)) {
    const t = strip(type);
    const tentative = !local && t.kind === 'array' && t.count === null;
    if (!isComplete(type) && !tentative) {
      incompleteVariable(p, type, specs.loc, d.nameLoc);
    } else if (tentative) decl.type = { ...t, count: 1 };
    if (specs.autoType)
      p.error(
        'c/auto-type',
        `declaration of variable '${d.name}' with '__auto_type' requires an initializer`,
        d.nameLoc,
      );
  }
  decl.end = p.last;
  if (a.cleanup !== null) {
    const sym = cx.lookup(a.cleanup);
    if (sym?.kind === 'function') {
      decl.cleanup = sym;
      decl.referenced = decl.addressTaken = true;
      (sym as Mutable<FunctionDecl>).referenced = true;
    } else p.error('c/attribute-argument', `'cleanup' argument '${a.cleanup}' is not a function`, d.nameLoc);
  }
  if (local && decl.storage === 'auto' && sizeOf(decl.type) > 512) {
    p.error(
      'c/stack-size',
      `'${d.name}' takes ${sizeOf(decl.type)} bytes: a BPF program has 512 bytes of stack`,
      d.nameLoc,
      d.nameLoc,
    );
  }
  return decl;
}

function declareName(p: Parser, decl: VarDecl): void {
  const { cx } = p;
  const inScope = cx.scope.symbols.get(decl.name);
  if (inScope === undefined || inScope.kind === 'var') cx.scope.symbols.set(decl.name, decl);
  if (cx.fn !== null && decl.storage !== 'extern') cx.fn.locals.push(decl);
  if (decl.storage !== 'auto') cx.addVariable(decl);
}

export const missingExpression = (loc: Loc): ReturnType<typeof errorExpr> => errorExpr(loc, loc);
export { parseExpression };
