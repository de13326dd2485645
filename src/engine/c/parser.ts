/** The token window of the parser: look-ahead, expectations, recovery, pragmas. */
import type { QuickFix } from '../../base/index.ts';
import type { Expr, Loc, UnrollHint } from './ast.ts';
import type { Context } from './context.ts';
import type { DiagnosticOptions } from './diagnostics.ts';
import { locOf, type FileCursor, type Preprocessor } from './preprocessor.ts';
import { Flag, K, KEYWORD_MAX, PUNCTUATORS, T, type Token, type TokenKind } from './tokens.ts';

const MAX_NESTING = 256;

export class Parser {
  readonly pp: Preprocessor;
  readonly cx: Context;
  /** The current token; null until someone looks at it, so that nothing is read beyond the end of a declaration. */
  #tok: Token | null = null;
  /** Loc of the last token consumed. */
  last: Loc = 0;
  lastKind: TokenKind = T.Eof;
  lastFlags = 0;
  readonly #ahead: Token[] = [];
  readonly #read: () => Token;
  /** Tokens consumed so far. */
  consumed = 0;
  #nesting = 0;
  /** From a `#pragma unroll` right before the current token. */
  unroll: UnrollHint = 'none';
  /** Depth of `#pragma clang attribute push(preserve_access_index)`. */
  readonly attributeStack: boolean[] = [];
  pack = 0;
  /** The comparison parsed last, to see one without parentheses below `&`. */
  compared: { readonly expr: Expr; readonly op: string; readonly left: Expr; readonly right: Expr } | null = null;
  readonly packStack: number[] = [];

  /** @param read where tokens come from; the preprocessor, unless it is a piece that was read before */
  constructor(pp: Preprocessor, cx: Context, read?: () => Token) {
    this.pp = pp;
    this.cx = cx;
    if (read === undefined) pp.onPragma = (words, loc) => this.#pragma(words, loc);
    this.#read = read ?? (() => pp.next());
  }

  get tok(): Token {
    return this.#tok ?? (this.#tok = this.#read());
  }

  /** No token was read that is not consumed: what comes next is up to the preprocessor alone. */
  get isBetweenTokens(): boolean {
    return this.#tok === null && this.#ahead.length === 0;
  }

  get hasNothingAhead(): boolean {
    return this.#ahead.length === 0;
  }

  /** Goes on at a token of a file, which must be the one being read. */
  jump(cursor: FileCursor, to: number): void {
    cursor.pos = to;
    this.last = locOf(cursor, to - 1);
    this.lastKind = T.Semi;
    this.lastFlags = 0;
    this.consumed++;
    this.#tok = null;
  }

  get preserveByPragma(): boolean {
    return this.attributeStack.includes(true);
  }

  advance(): Token {
    const t = this.tok;
    this.consumed++;
    this.last = t.loc;
    this.lastKind = t.kind;
    this.lastFlags = t.flags;
    this.#tok = this.#ahead.length > 0 ? this.#ahead.shift()! : null;
    return t;
  }

  peek(n = 0): Token {
    // The current token comes first.
    this.#tok ??= this.#read();
    while (this.#ahead.length <= n) this.#ahead.push(this.#read());
    return this.#ahead[n]!;
  }

  /** Keyword number of a token, 0 for anything else. */
  keyword(t: Token = this.tok): number {
    if (t.kind !== T.Ident) return 0;
    return t.id <= KEYWORD_MAX ? t.id : this.pp.cache.idents.keyword(t.id);
  }

  is(kind: TokenKind): boolean {
    return this.tok.kind === kind;
  }

  isKeyword(k: number): boolean {
    return this.tok.kind === T.Ident && this.keyword() === k;
  }

  isName(t: Token = this.tok): boolean {
    return t.kind === T.Ident && this.keyword(t) === 0;
  }

  accept(kind: TokenKind): boolean {
    if (this.tok.kind !== kind) return false;
    this.advance();
    return true;
  }

  acceptKeyword(k: number): boolean {
    if (!this.isKeyword(k)) return false;
    this.advance();
    return true;
  }

  /** Guards recursion: source nested deeper than this is not written by people. */
  nested<R>(work: () => R): R {
    if (++this.#nesting > MAX_NESTING) {
      this.cx.diagnostics.fatal('c/nesting', `nesting is deeper than ${MAX_NESTING} levels`, this.tok.loc);
    }
    const result = work();
    this.#nesting--;
    return result;
  }

  describe(t: Token = this.tok): string {
    if (t.kind === T.Eof) return 'end of file';
    return `'${t.text.length > 40 ? t.text.slice(0, 40) + '...' : t.text}'`;
  }

  error(code: string, message: string, loc: Loc = this.tok.loc, end: Loc = loc, more: DiagnosticOptions = {}): void {
    this.cx.diagnostics.error(code, message, loc, end, more);
  }

  /** Consumes the token or says what is missing, with the opening bracket as a note. */
  expect(kind: TokenKind, after: string, open: Loc = 0): boolean {
    if (this.accept(kind)) return true;
    const d = this.cx.diagnostics;
    const text = PUNCTUATORS[kind] ?? 'identifier';
    const atLineStart = (this.tok.flags & Flag.LineStart) !== 0 || this.is(T.Eof);
    const range = atLineStart && this.last !== 0 ? this.cx.sources.rangeAfter(this.last) : undefined;
    d.error(
      'c/syntax',
      `expected '${text}'${after === '' ? '' : ' ' + after}`,
      atLineStart && this.last !== 0 ? this.last : this.tok.loc,
      undefined,
      {
        ...(range === undefined ? {} : { range }),
        fixes: this.#closeFix(kind, text),
        notes: open === 0 ? [] : [d.note(`to match this '${OPENERS[kind] ?? '('}'`, open)],
      },
    );
    return false;
  }

  /** A bracket that is missing at the end of a statement belongs there. */
  #closeFix(kind: TokenKind, text: string): QuickFix[] {
    const closes = kind === T.RParen || kind === T.RBracket;
    if (!closes || !(this.is(T.Semi) || this.is(T.LBrace)) || this.last <= 0) return [];
    return [this.cx.fix(`Insert '${text}'`, this.cx.sources.rangeAfter(this.last), text)];
  }

  /** A `;` after something; when it is missing parsing goes on where the next statement likely starts. */
  expectSemi(where: string): void {
    if (this.accept(T.Semi)) return;
    // An unterminated string took the semicolon with it, and was reported.
    if ((this.lastFlags & Flag.Bad) !== 0) return;
    if (this.is(T.Unknown)) {
      this.error('c/stray-character', `unexpected character ${this.describe()}`);
      this.skipTo(T.Semi);
      this.accept(T.Semi);
      return;
    }
    const range = this.cx.sources.rangeAfter(this.last);
    this.cx.diagnostics.error('c/missing-semicolon', `expected ';' ${where}`, this.last, this.last, {
      range,
      fixes: [this.cx.fix("Insert ';'", range, ';')],
    });
    if ((this.tok.flags & Flag.LineStart) !== 0 || this.is(T.RBrace)) return;
    this.skipTo(T.Semi);
    this.accept(T.Semi);
  }

  /** Skips to a token of that kind at this nesting level, or to `}`, or to the end; brackets are skipped whole. */
  skipTo(...kinds: TokenKind[]): void {
    let depth = 0;
    for (;;) {
      const k = this.tok.kind;
      if (k === T.Eof) return;
      if (depth === 0 && (kinds.includes(k) || k === T.RBrace)) return;
      if (k === T.LBrace || k === T.LParen || k === T.LBracket) depth++;
      else if (k === T.RBrace || k === T.RParen || k === T.RBracket) depth = Math.max(0, depth - 1);
      else if (k === T.Ident) this.cx.markReferenced(this.tok.text);
      this.advance();
    }
  }

  #pragma(words: readonly Token[], loc: Loc): void {
    const text = words.map((w) => w.text);
    const first = text[0] ?? '';
    if ((first === 'GCC' || first === 'clang') && text[1] === 'diagnostic') {
      this.cx.diagnostics.pragma(text.slice(2));
    } else if (first === 'unroll' || first === 'nounroll' || (first === 'GCC' && text[1] === 'unroll')) {
      this.unroll = first === 'nounroll' ? 'disable' : unrollCount(words);
    } else if (first === 'clang' && text[1] === 'loop') {
      const joined = text.slice(2).join(' ');
      if (/unroll(_count)? \(/.test(joined)) this.unroll = /disable/.test(joined) ? 'disable' : unrollCount(words);
    } else if (first === 'clang' && text[1] === 'attribute') {
      if (text.includes('push')) this.attributeStack.push(text.includes('preserve_access_index'));
      else if (text.includes('pop')) this.attributeStack.pop();
    } else if (first === 'pack') {
      const n = words.find((w) => w.kind === T.Number);
      if (text.includes('push')) this.packStack.push(this.pack);
      if (text.includes('pop')) this.pack = this.packStack.pop() ?? 0;
      else this.pack = n === undefined ? (text.includes('push') ? this.pack : 0) : Number(n.text) || 0;
    } else if (!['GCC', 'clang', 'message', 'weak', 'mark', 'region', 'endregion', 'STDC'].includes(first)) {
      this.cx.diagnostics.warning('c/unknown-pragma', `unknown pragma '${first}' ignored`, loc);
    }
  }
}

const OPENERS: Partial<Record<number, string>> = { [T.RParen]: '(', [T.RBracket]: '[', [T.RBrace]: '{' };

function unrollCount(words: readonly Token[]): UnrollHint {
  const n = words.find((w) => w.kind === T.Number);
  const count = n === undefined ? NaN : Number.parseInt(n.text, 10);
  return Number.isFinite(count) && count > 0 ? count : 'full';
}

/** First and last token of a construct that started at `loc`. */
export const spanFrom = (p: Parser, loc: Loc): { loc: Loc; end: Loc } => ({ loc, end: p.last });
export const isExprError = (e: Expr): boolean => e.kind === 'error';
export { K, T };
