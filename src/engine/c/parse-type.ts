/** Declaration specifiers, and struct, union and enum definitions. */
import type { Loc } from './ast.ts';
import { joinSets, noAttributes, parseAttributes, type AttributeSet } from './attributes.ts';
import type { Context } from './context.ts';
import { enumeratorType, type EnumeratorSymbol } from './symbols.ts';
import { layOut, SourceEnum, SourceRecord, type FieldInput } from './layout.ts';
import { parseStaticAssert } from './parse-decl.ts';
import { parseDeclarator, parseTypeName } from './parse-declarator.ts';
import { parseConstant, parseExpression } from './parse-expr.ts';
import { hintsFor, isExplained } from './suggest.ts';
import { K, T, type Parser } from './parser.ts';
import { Flag, KEYWORD_MAX, type Token } from './tokens.ts';
import { typeText } from './type-text.ts';
import {
  BOOL,
  CHAR,
  DOUBLE,
  ERROR,
  FLOAT,
  INT,
  INT128,
  isComplete,
  isError,
  isInteger,
  LLONG,
  LONG,
  LONG_DOUBLE,
  qualify,
  unqualified,
  SCHAR,
  SHORT,
  sizeOf,
  strip,
  UCHAR,
  UINT,
  UINT128,
  ULLONG,
  ULONG,
  USHORT,
  VOID,
  type CType,
  type IntType,
} from './types.ts';

export interface Specifiers {
  readonly type: CType;
  readonly storage: 'typedef' | 'extern' | 'static' | 'none';
  readonly inline: boolean;
  readonly autoType: boolean;
  readonly attributes: AttributeSet;
  readonly loc: Loc;
  /** A struct, union or enum specifier: alone it is a declaration. */
  readonly tag: boolean;
  /** The `;` behind a definition is missing, and reported. */
  readonly ended: boolean;
}

const TYPE_WORDS = new Uint8Array(KEYWORD_MAX + 1);
for (const k of [
  K.void, K.char, K.short, K.int, K.long, K.float, K.double, K.signed, K.unsigned, K._Bool, K.__int128, K.struct, K.union,
  K.enum, K.const, K.volatile, K.restrict, K._Atomic, K.typeof, K.__auto_type, K._Complex,
]) TYPE_WORDS[k] = 1; // prettier-ignore
const DECL_WORDS = TYPE_WORDS.slice();
for (const k of [
  K.typedef, K.extern, K.static, K.auto, K.register, K.inline, K._Noreturn, K._Thread_local, K.__thread, K._Alignas,
  K.__attribute__, K._Static_assert, K.__extension__,
]) DECL_WORDS[k] = 1; // prettier-ignore

/** Whether a token starts a type name. */
export function isTypeName(p: Parser, t: Token): boolean {
  if (t.kind !== T.Ident) return false;
  const k = p.keyword(t);
  if (k !== 0) return TYPE_WORDS[k] === 1 || k === K.__attribute__ || (k === K.__extension__ && false);
  return p.cx.lookup(t.text)?.kind === 'typedef';
}

/** Whether the current token starts a declaration. */
export function isDeclaration(p: Parser): boolean {
  if (!p.is(T.Ident)) return false;
  const k = p.keyword();
  if (k === K.__extension__) return isTypeName(p, p.peek()) || DECL_WORDS[p.keyword(p.peek())] === 1;
  if (k !== 0) return DECL_WORDS[k] === 1;
  return p.cx.lookup(p.tok.text)?.kind === 'typedef' && p.peek().kind !== T.Colon;
}

export function parseSpecifiers(p: Parser): Specifiers {
  const loc = p.tok.loc;
  const a = noAttributes();
  let storage: Specifiers['storage'] = 'none';
  let inline = false;
  let autoType = false;
  let tag = false;
  let ended = false;
  let type: CType | null = null;
  const q = { const: false, volatile: false, restrict: false };
  const words: string[] = [];
  for (;;) {
    const t = p.tok;
    if (t.kind !== T.Ident) break;
    const k = p.keyword();
    if (k === 0) {
      if (type !== null || words.length > 0 || autoType) break;
      const sym = p.cx.lookup(t.text);
      if (sym?.kind === 'typedef') {
        type = sym.type;
        p.advance();
        continue;
      }
      // `foo x`, `foo *x`, `foo (*x)`: a type that nobody declared.
      if (sym === undefined && looksLikeType(p, storage !== 'none')) {
        unknownType(p, t);
        p.advance();
        type = ERROR;
        continue;
      }
      break;
    }
    switch (k) {
      case K.typedef: storage = 'typedef'; break;
      case K.extern: storage = 'extern'; break;
      case K.static: storage = 'static'; break;
      case K.auto: case K.register: case K.__extension__: break;
      case K.inline: inline = true; break;
      case K._Noreturn: a.noReturn = a.any = true; break;
      case K._Thread_local: case K.__thread:
        p.error('c/thread-local', 'thread-local storage is not supported in BPF');
        break;
      case K.const: q.const = true; break;
      case K.volatile: q.volatile = true; break;
      case K.restrict: q.restrict = true; break;
      case K._Atomic: break;
      case K.__auto_type: autoType = true; type = INT; break;
      case K.void: case K.char: case K.short: case K.int: case K.long: case K.float: case K.double: case K.signed:
      case K.unsigned: case K._Bool: case K.__int128: case K._Complex:
        if (type !== null && type !== ERROR) {
          p.error('c/specifiers', `cannot combine with previous '${typeText(type)}' declaration specifier`);
        }
        words.push(p.pp.cache.idents.name(k));
        break;
      case K.struct: case K.union:
        type = parseRecord(p, k === K.struct ? 'struct' : 'union');
        tag = true;
        if (endsWithoutSemicolon(p, t.text)) {
          ended = true;
          return finish();
        }
        continue;
      case K.enum:
        type = parseEnum(p);
        tag = true;
        if (endsWithoutSemicolon(p, t.text)) {
          ended = true;
          return finish();
        }
        continue;
      case K.typeof:
        type = parseTypeof(p);
        continue;
      case K.__attribute__: case K._Alignas:
        parseAttributes(p, a);
        continue;
      default:
        return finish();
    } // prettier-ignore
    p.advance();
  }
  return finish();

  function finish(): Specifiers {
    if (type === null && words.length > 0) type = builtinType(p, words, loc);
    if (type === null) {
      type = missingType(p, loc);
    }
    if (a.mode > 0) type = modeType(type, a.mode);
    type = qualify(type, q);
    // A type tag belongs to the type it stands with: `struct task_struct __kptr *p`.
    for (const t of a.typeTags) type = { kind: 'tag', tag: t, base: type };
    a.typeTags = [];
    return { type, storage, inline, autoType, attributes: a, loc, tag, ended };
  }
}

/** `struct s { ... }` and then, in a new line, another declaration. */
function endsWithoutSemicolon(p: Parser, what: string): boolean {
  if (p.lastKind !== T.RBrace || (p.tok.flags & Flag.LineStart) === 0 || !p.is(T.Ident)) return false;
  const k = p.keyword();
  const starts =
    k === 0
      ? p.cx.lookup(p.tok.text)?.kind === 'typedef' && p.peek().kind === T.Ident
      : k !== K.const && k !== K.volatile && k !== K.__attribute__ && (TYPE_WORDS[k] === 1 || DECL_WORDS[k] === 1);
  if (!starts) return false;
  const range = p.cx.sources.rangeAfter(p.last);
  p.cx.diagnostics.error('c/missing-semicolon', `expected ';' after ${what}`, p.last, p.last, {
    range,
    fixes: [p.cx.fix("Insert ';'", range, ';')],
  });
  return true;
}

function looksLikeType(p: Parser, afterStorage: boolean): boolean {
  const next = p.peek();
  if (next.kind === T.Ident) return true;
  if (!afterStorage && p.cx.fn !== null) return false;
  if (next.kind === T.LParen) return p.peek(1).kind === T.Star;
  return next.kind === T.Star || next.kind === T.Comma || next.kind === T.RParen;
}

function missingType(p: Parser, loc: Loc): CType {
  if (p.is(T.Ident) && p.isName()) {
    const next = p.peek();
    if (next.kind === T.LParen && p.cx.fn === null) {
      unknownType(p, p.tok);
      p.advance();
      const after = p.peek();
      // `SEC("x") int f...` without the header that defines SEC: go on behind it.
      if (after.kind === T.String || after.kind === T.RParen) {
        p.advance();
        p.skipTo(T.RParen, T.Semi);
        p.accept(T.RParen);
        if (isDeclaration(p)) return parseSpecifiers(p).type;
      }
      return ERROR;
    }
  }
  p.error('c/missing-type', 'type specifier missing', p.is(T.Eof) ? loc : p.tok.loc);
  return ERROR;
}

/** `declared`: the function whose parameter it is, when it may be a macro of a header that was not included. */
export function unknownType(p: Parser, t: Token, declared = ''): void {
  const { cx } = p;
  if (p.pp.missingInclude) {
    cx.diagnostics.errors++;
    return;
  }
  // Once is enough: a header full of an unknown type says nothing new.
  if (cx.unknownTypes.has(t.text)) {
    cx.diagnostics.errors++;
    return;
  }
  cx.unknownTypes.add(t.text);
  const asTag = cx.lookupTag(t.text);
  const from = declared === '' ? t.text : declared;
  const guess =
    asTag !== undefined
      ? typeText(asTag)
      : isExplained(p, from)
        ? null
        : cx.suggest(t.text, (s) => s.kind === 'typedef');
  cx.diagnostics.error(
    'c/unknown-type',
    asTag !== undefined
      ? `must use '${asTag.kind === 'record' ? asTag.tag : 'enum'}' tag to refer to type '${t.text}'`
      : `unknown type name '${t.text}'` + (guess === null ? '' : `; did you mean '${guess}'?`),
    t.loc,
    t.loc,
    hintsFor(p, from, guess, t.loc),
  );
}

function builtinType(p: Parser, words: readonly string[], loc: Loc): CType {
  const n = (w: string): number => words.filter((x) => x === w).length;
  const unsigned = n('unsigned') > 0;
  const rest = words
    .filter((w) => w !== 'signed' && w !== 'unsigned' && w !== 'int')
    .sort()
    .join(' ');
  const bad = (n('signed') > 0 && unsigned) || n('signed') > 1 || n('unsigned') > 1 || n('int') > 1;
  const table: Record<string, CType> = {
    '': unsigned ? UINT : INT,
    char: unsigned ? UCHAR : n('signed') > 0 ? SCHAR : CHAR,
    short: unsigned ? USHORT : SHORT,
    long: unsigned ? ULONG : LONG,
    'long long': unsigned ? ULLONG : LLONG,
    __int128: unsigned ? UINT128 : INT128,
    _Bool: BOOL,
    void: VOID,
    float: FLOAT,
    double: DOUBLE,
    'double long': LONG_DOUBLE,
  };
  const type = table[rest];
  if (type === undefined || bad) {
    p.error('c/specifiers', `invalid combination of type specifiers '${words.join(' ')}'`, loc, p.last);
    return INT;
  }
  return type;
}

const modeType = (type: CType, bytes: number): CType => {
  const t = strip(type);
  if (t.kind === 'enum') return type; // handled where the enum is defined
  const signed = t.kind === 'int' ? t.signed : true;
  return bytes === 1
    ? signed
      ? SCHAR
      : UCHAR
    : bytes === 2
      ? signed
        ? SHORT
        : USHORT
      : bytes === 4
        ? signed
          ? INT
          : UINT
        : signed
          ? LONG
          : ULONG;
};

function parseTypeof(p: Parser): CType {
  const bare = p.advance().text.includes('unqual');
  const open = p.tok.loc;
  if (!p.expect(T.LParen, "after 'typeof'")) return ERROR;
  p.cx.unevaluated++;
  const type = isTypeName(p, p.tok) ? parseTypeName(p) : parseExpression(p).type;
  p.cx.unevaluated--;
  p.expect(T.RParen, '', open);
  return bare ? unqualified(type) : type;
}

function parseRecord(p: Parser, tag: 'struct' | 'union'): CType {
  const { cx } = p;
  const start = p.advance().loc;
  const pragma = p.preserveByPragma;
  const pack = p.pack;
  const a = noAttributes();
  parseAttributes(p, a);
  const name = p.isName() ? p.advance() : null;
  if (name === null && !p.is(T.LBrace)) {
    p.error('c/syntax', `declaration of anonymous ${tag} must be a definition`, start);
    return ERROR;
  }
  const text = name?.text ?? '';
  let record: SourceRecord;
  if (!p.is(T.LBrace)) {
    // A reference; `struct x;` alone declares it in this scope.
    const known =
      p.is(T.Semi) && a.any === false ? (cx.scope.tags.get(text) ?? cx.lookupTag(text)) : cx.lookupTag(text);
    if (known !== undefined) {
      if (known.kind === 'record' && known.tag === tag) return known;
      p.error('c/tag-mismatch', `use of '${text}' with tag type that does not match previous declaration`, name!.loc);
      return ERROR;
    }
    record = new SourceRecord(tag, text, cx.newId(), name!.loc);
    cx.scope.tags.set(text, record);
    return record;
  }
  const known =
    text === '' ? undefined : (cx.scope.tags.get(text) ?? (cx.scope === cx.fileScope ? cx.lookupTag(text) : undefined));
  if (known instanceof SourceRecord && !known.complete && !known.open && known.tag === tag) record = known;
  else {
    if (known !== undefined) {
      const kernel = known.origin === 'btf';
      cx.diagnostics.error('c/redefinition', `redefinition of '${text}'`, name!.loc, name!.loc, {
        notes: kernel
          ? [{ message: `'${tag} ${text}' comes from "vmlinux.h"; a local flavour is named '${text}___local'` }]
          : [cx.diagnostics.note('previous definition is here', (known as SourceRecord).loc)],
      });
    }
    record = new SourceRecord(tag, text, cx.newId(), name?.loc ?? start);
    if (text !== '' && known === undefined) cx.scope.tags.set(text, record);
  }
  record.open = true;
  const fields = parseFields(p, tag);
  parseAttributes(p, a);
  cx.watch?.changes(record.id);
  record.preserveAccessIndex = a.preserveAccessIndex || pragma;
  record.declTags = a.declTags;
  // An anonymous member is accessed as a part of the record around it.
  if (record.preserveAccessIndex) for (const f of fields) inheritPreserve(cx, f);
  layOut(record, fields, a.packed, a.aligned, pack);
  record.open = false;
  cx.addType(record);
  return record;
}

function inheritPreserve(cx: Context, f: FieldInput): void {
  const t = strip(f.type);
  if (t instanceof SourceRecord && t.name === '' && !t.preserveAccessIndex) {
    cx.watch?.changes(t.id);
    t.preserveAccessIndex = true;
    for (const inner of t.fields) inheritPreserve(cx, { ...inner, width: -1, packed: false, aligned: 0 });
  }
}

function parseFields(p: Parser, tag: string): FieldInput[] {
  const { cx } = p;
  const open = p.advance().loc;
  const fields: FieldInput[] = [];
  const seen = new Map<string, Loc>();
  while (!p.is(T.RBrace) && !p.is(T.Eof)) {
    if (p.accept(T.Semi)) continue;
    if (p.isKeyword(K._Static_assert)) {
      parseStaticAssert(p);
      continue;
    }
    const before = p.tok;
    const specs = parseSpecifiers(p);
    if (specs.ended) continue;
    if (p.is(T.Semi) && strip(specs.type).kind === 'record') {
      // An anonymous member (or, named, a declaration that declares nothing).
      const r = strip(specs.type);
      if (r.kind === 'record' && r.name === '') {
        fields.push({
          name: '',
          type: specs.type,
          width: -1,
          packed: specs.attributes.packed,
          aligned: specs.attributes.aligned,
          declTags: [],
        });
      } else cx.diagnostics.warning('c/empty-declaration', 'declaration does not declare anything', specs.loc, p.last);
      p.advance();
      continue;
    }
    do {
      const d = p.is(T.Colon) ? null : parseDeclarator(p, specs.type);
      const type = d?.type ?? specs.type;
      const a = d === null ? specs.attributes : joinSets(specs.attributes, d.attributes);
      let width = -1;
      let late: AttributeSet | null = null;
      const at = d?.nameLoc || p.tok.loc;
      if (p.accept(T.Colon)) {
        const w = Number(parseConstant(p, 'bit-field width') ?? 1n);
        width = w;
        if (!isInteger(type)) {
          if (!isError(type))
            p.error('c/bitfield', `bit-field '${d?.name ?? ''}' has non-integral type '${typeText(type)}'`, at);
          width = -1;
        } else if (w < 0 || w > sizeOf(type) * 8 || (w === 0 && d !== null)) {
          p.error(
            'c/bitfield',
            w === 0
              ? `named bit-field '${d!.name}' has zero width`
              : `width of bit-field (${w} bits) exceeds or is below the width of its type (${sizeOf(type) * 8} bits)`,
            at,
          );
          width = Math.min(Math.max(w, 1), sizeOf(type) * 8);
        }
        const more = noAttributes();
        parseAttributes(p, more);
        late = more;
      }
      const t = strip(type);
      if (d !== null && width < 0 && !isError(type)) {
        const flexible = t.kind === 'array' && t.count === null && isComplete(t.element);
        if (!isComplete(type) && !flexible) {
          const what =
            t.kind === 'function'
              ? `field '${d.name}' declared as a function`
              : `field has incomplete type '${typeText(type)}'`;
          p.error('c/incomplete-type', what, at);
          continue;
        }
      }
      const name = d?.name ?? '';
      if (name !== '') {
        const first = seen.get(name);
        if (first !== undefined) {
          cx.diagnostics.error('c/redefinition', `duplicate member '${name}'`, at, at, {
            notes: [cx.diagnostics.note('previous declaration is here', first)],
          });
          continue;
        }
        seen.set(name, at);
      }
      if (isError(type)) continue;
      fields.push({
        name,
        type,
        width,
        packed: a.packed || late?.packed === true,
        aligned: Math.max(a.aligned, late?.aligned ?? 0),
        declTags: a.declTags,
        nameLoc: at,
      });
    } while (p.accept(T.Comma));
    if (!p.is(T.Semi)) {
      p.expectSemi('at end of declaration list');
      if (p.tok === before) p.advance();
    } else p.advance();
  }
  p.expect(T.RBrace, `at the end of ${tag} definition`, open);
  return fields;
}

function parseEnum(p: Parser): CType {
  const { cx } = p;
  const start = p.advance().loc;
  const a = noAttributes();
  parseAttributes(p, a);
  const name = p.isName() ? p.advance() : null;
  const text = name?.text ?? '';
  let fixed: IntType | null = null;
  if (p.is(T.Colon) && p.peek().kind === T.Ident && cx.fn === null) {
    p.advance();
    const t = strip(parseTypeName(p));
    if (t.kind === 'int') fixed = t;
  }
  if (!p.is(T.LBrace)) {
    if (name === null) {
      p.error('c/syntax', 'expected identifier or {');
      return ERROR;
    }
    const known = cx.lookupTag(text);
    if (known !== undefined) {
      if (known.kind === 'enum') return known;
      p.error('c/tag-mismatch', `use of '${text}' with tag type that does not match previous declaration`, name.loc);
      return ERROR;
    }
    const e = new SourceEnum(text, cx.newId(), name.loc);
    cx.scope.tags.set(text, e);
    return e;
  }
  const known =
    text === '' ? undefined : (cx.scope.tags.get(text) ?? (cx.scope === cx.fileScope ? cx.lookupTag(text) : undefined));
  let e: SourceEnum;
  if (known instanceof SourceEnum && !known.complete) e = known;
  else {
    if (known !== undefined) p.error('c/redefinition', `redefinition of '${text}'`, name!.loc);
    e = new SourceEnum(text, cx.newId(), name?.loc ?? start);
    if (text !== '' && known === undefined) cx.scope.tags.set(text, e);
  }
  const open = p.advance().loc;
  let next = 0n;
  const symbols: { name: string; value: bigint; loc: Loc }[] = [];
  while (!p.is(T.RBrace) && !p.is(T.Eof)) {
    if (!p.isName()) {
      p.error('c/syntax', 'expected identifier');
      p.skipTo(T.RBrace);
      break;
    }
    const n = p.advance();
    parseAttributes(p, noAttributes());
    if (p.accept(T.Eq)) next = parseConstant(p, `value of enumerator '${n.text}'`) ?? next;
    symbols.push({ name: n.text, value: next, loc: n.loc });
    // Usable at once in the values after it.
    declareEnumerator(p, {
      kind: 'enumerator',
      name: n.text,
      value: next,
      type: enumeratorType(e, next),
      enum: e,
      nameLoc: n.loc,
    });
    next++;
    if (!p.accept(T.Comma)) break;
  }
  p.expect(T.RBrace, 'at the end of enum definition', open);
  parseAttributes(p, a);
  const min = symbols.reduce((m, s) => (s.value < m ? s.value : m), 0n);
  const max = symbols.reduce((m, s) => (s.value > m ? s.value : m), 0n);
  const wide = min < -0x8000_0000n || max > (min < 0n ? 0x7fff_ffffn : 0xffff_ffffn);
  let underlying: IntType = min < 0n ? (wide ? LONG : INT) : wide ? ULONG : UINT;
  if (a.packed && a.mode === 0) {
    const fit = min < 0n ? [SCHAR, SHORT, INT] : [UCHAR, USHORT, UINT];
    underlying =
      fit.find(
        (t) =>
          max < 1n << BigInt(t.size * 8 - (t.signed ? 1 : 0)) && (!t.signed || min >= -(1n << BigInt(t.size * 8 - 1))),
      ) ?? underlying;
  }
  if (a.mode > 0) underlying = strip(modeType(min < 0n ? INT : UINT, a.mode)) as IntType;
  cx.watch?.changes(e.id);
  e.underlying = fixed ?? underlying;
  e.preserveAccessIndex = a.preserveAccessIndex;
  e.enumerators = symbols.map(({ name: n, value }) => ({ name: n, value }));
  e.complete = true;
  if (wide || fixed !== null) {
    for (const s of symbols) {
      const sym = cx.scope.symbols.get(s.name);
      if (sym?.kind === 'enumerator') (sym as { type: CType }).type = fixed ?? (wide ? e.underlying : INT);
    }
  }
  cx.addType(e);
  return e;
}

function declareEnumerator(p: Parser, sym: EnumeratorSymbol): void {
  const { cx } = p;
  const old = cx.scope.symbols.get(sym.name) ?? (cx.scope === cx.fileScope ? cx.kernelSymbol(sym.name) : undefined);
  if (old !== undefined && !(old.kind === 'enumerator' && old.enum === sym.enum)) {
    cx.diagnostics.error('c/redefinition', `redefinition of enumerator '${sym.name}'`, sym.nameLoc, sym.nameLoc, {
      notes:
        old.nameLoc === 0
          ? [{ message: `'${sym.name}' comes from "vmlinux.h"` }]
          : [cx.diagnostics.note('previous definition is here', old.nameLoc)],
    });
    return;
  }
  cx.scope.symbols.set(sym.name, sym);
}
