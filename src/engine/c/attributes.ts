/** `__attribute__((...))`, `_Alignas`, `asm("name")`. */
import type { Attributes } from './ast.ts';
import { parseConstant, parseString } from './parse-expr.ts';
import { parseTypeName } from './parse-declarator.ts';
import { isTypeName } from './parse-type.ts';
import { K, T, type Parser } from './parser.ts';
import { mergeAttributes, NO_ATTRIBUTES } from './context.ts';
import { SUPPORTED_ATTRIBUTES } from './supported.ts';
import { closest } from './diagnostics.ts';
import { alignOf } from './types.ts';

/** What a declaration's specifiers and declarators collect. A class, as parsing makes very many. */
export class AttributeSet implements Attributes {
  section: string | null = null;
  sectionLoc = 0;
  alwaysInline = false;
  noInline = false;
  weak = false;
  used = false;
  unused = false;
  hidden = false;
  noReturn = false;
  gnuInline = false;
  naked = false;
  error: string | null = null;
  aligned = 0;
  packed = false;
  preserveAccessIndex = false;
  cleanup: string | null = null;
  declTags: readonly string[] = NONE;
  /** `btf_type_tag`s in order. */
  typeTags: readonly string[] = NONE;
  /** `mode(byte)` and the like: size in bytes, 0 = none. */
  mode = 0;
  /** Something was given. */
  any = false;
}

const NONE: readonly string[] = [];

export const noAttributes = (): AttributeSet => new AttributeSet();

export function toAttributes(a: AttributeSet): Attributes {
  if (!a.any) return NO_ATTRIBUTES;
  const { typeTags: _t, mode: _m, any: _a, ...rest } = a;
  return rest;
}

/** Both: those of the specifiers and those behind the declarator. */
export function joinSets(a: AttributeSet, b: AttributeSet): AttributeSet {
  if (!b.any) return a;
  const out = new AttributeSet();
  Object.assign(out, mergeAttributes(a, b));
  out.any = true;
  return out;
}

/** Parses any number of attribute specifiers into `into`. */
export function parseAttributes(p: Parser, into: AttributeSet): void {
  for (;;) {
    if (p.isKeyword(K.__attribute__)) {
      p.advance();
      const open = p.tok.loc;
      if (!p.expect(T.LParen, "after '__attribute__'") || !p.expect(T.LParen, "after '__attribute__'")) return;
      while (!p.is(T.RParen) && !p.is(T.Eof)) {
        if (p.is(T.Ident)) parseOne(p, into);
        if (!p.accept(T.Comma)) break;
      }
      if (!p.expect(T.RParen, '', open)) {
        p.skipTo(T.RParen, T.Semi);
        p.accept(T.RParen);
      }
      p.expect(T.RParen, '', open);
    } else if (p.isKeyword(K._Alignas)) {
      p.advance();
      const open = p.tok.loc;
      p.expect(T.LParen, '');
      const n = isTypeName(p, p.tok) ? alignOf(parseTypeName(p)) : Number(parseConstant(p, 'alignment') ?? 0n);
      p.expect(T.RParen, '', open);
      into.aligned = Math.max(into.aligned, n);
      into.any = true;
    } else if (p.is(T.LBracket) && p.peek().kind === T.LBracket) {
      // C23 [[...]]: skipped.
      p.skipTo(T.RBracket);
      p.accept(T.RBracket);
    } else return;
  }
}

function parseOne(p: Parser, a: AttributeSet): void {
  const t = p.advance();
  const name = t.text.replace(/^__(.*)__$/, '$1');
  a.any = true;
  const argument = <R>(read: () => R): R | null => {
    if (!p.is(T.LParen)) return null;
    const open = p.advance().loc;
    const value = p.is(T.RParen) ? null : read();
    if (!p.is(T.RParen)) p.skipTo(T.RParen, T.Semi);
    p.expect(T.RParen, '', open);
    return value;
  };
  const text = (): string | null =>
    argument(() => {
      // A macro may have put it into parentheses.
      const open = p.is(T.LParen) ? p.advance().loc : null;
      if (!p.is(T.String)) {
        p.error('c/attribute-argument', `expected string literal as argument of '${name}' attribute`);
        return null;
      }
      const read = new TextDecoder().decode(parseString(p).bytes.subarray(0, -1));
      if (open !== null) p.expect(T.RParen, '', open);
      return read;
    });
  switch (name) {
    case 'section': {
      const at = p.is(T.LParen) ? p.peek().loc : 0;
      const section = text();
      if (section !== null) [a.section, a.sectionLoc] = [section, at];
      return;
    }
    case 'always_inline':
      a.alwaysInline = true;
      break;
    case 'noinline':
      a.noInline = true;
      break;
    case 'weak':
      a.weak = true;
      break;
    case 'used':
    case 'retain':
      a.used = true;
      break;
    case 'unused':
    case 'maybe_unused':
      a.unused = true;
      break;
    case 'noreturn':
      a.noReturn = true;
      break;
    case 'gnu_inline':
      a.gnuInline = true;
      break;
    case 'naked':
      a.naked = true;
      break;
    case 'error':
      a.error = text();
      return;
    case 'packed':
      a.packed = true;
      break;
    case 'preserve_access_index':
      a.preserveAccessIndex = true;
      break;
    case 'cleanup':
      a.cleanup = argument(() => (p.is(T.Ident) ? p.advance().text : null));
      return;
    case 'visibility': {
      const v = text();
      a.hidden = v === 'hidden' || v === 'internal';
      return;
    }
    case 'aligned': {
      const loc = p.tok.loc;
      const n = argument(() => parseConstant(p, "'aligned' attribute argument"));
      const bytes = n === null ? 8 : Number(n);
      if (bytes <= 0 || (bytes & (bytes - 1)) !== 0 || bytes > 4096)
        p.error('c/attribute-argument', 'requested alignment is not a power of 2', loc);
      else a.aligned = Math.max(a.aligned, bytes);
      return;
    }
    case 'btf_decl_tag': {
      const v = text();
      if (v !== null) a.declTags = [...a.declTags, v];
      return;
    }
    case 'btf_type_tag': {
      const v = text();
      if (v !== null) a.typeTags = [...a.typeTags, v];
      return;
    }
    case 'mode': {
      const mode = argument(() => p.advance().text.replace(/^__(.*)__$/, '$1'));
      a.mode = { byte: 1, QI: 1, HI: 2, SI: 4, DI: 8, word: 8, pointer: 8 }[mode ?? ''] ?? 0;
      return;
    }
    default:
      if (!SUPPORTED_ATTRIBUTES.has(name)) {
        const guess = closest(name, SUPPORTED_ATTRIBUTES);
        p.cx.diagnostics.warning(
          'c/unknown-attribute',
          `unknown attribute '${name}' ignored` + (guess === null ? '' : `; did you mean '${guess}'?`),
          t.loc,
        );
      }
  }
  // Arguments of attributes that mean nothing here.
  if (p.is(T.LParen)) {
    p.advance();
    p.skipTo(T.RParen);
    p.accept(T.RParen);
  }
}
