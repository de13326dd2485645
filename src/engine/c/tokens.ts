/** Token kinds, identifiers and the token object that flows from preprocessor to parser. */
import type { Loc } from './ast.ts';

/** Token kinds as small integers: `switch` on them is a jump table. */
export const T = {
  Eof: 0,
  Ident: 1,
  Number: 2,
  Char: 3,
  String: 4,
  /** A character that starts no token, or an unterminated literal (see `Flag.Bad`). */
  Unknown: 5,
  /** A marker inside argument pre-expansion; never leaves the preprocessor. */
  Placemarker: 6,
  LParen: 10,
  RParen: 11,
  LBracket: 12,
  RBracket: 13,
  LBrace: 14,
  RBrace: 15,
  Dot: 16,
  Arrow: 17,
  PlusPlus: 18,
  MinusMinus: 19,
  Amp: 20,
  Star: 21,
  Plus: 22,
  Minus: 23,
  Tilde: 24,
  Bang: 25,
  Slash: 26,
  Percent: 27,
  Shl: 28,
  Shr: 29,
  Lt: 30,
  Gt: 31,
  Le: 32,
  Ge: 33,
  EqEq: 34,
  Ne: 35,
  Caret: 36,
  Pipe: 37,
  AmpAmp: 38,
  PipePipe: 39,
  Question: 40,
  Colon: 41,
  Semi: 42,
  Ellipsis: 43,
  Eq: 44,
  StarEq: 45,
  SlashEq: 46,
  PercentEq: 47,
  PlusEq: 48,
  MinusEq: 49,
  ShlEq: 50,
  ShrEq: 51,
  AmpEq: 52,
  CaretEq: 53,
  PipeEq: 54,
  Comma: 55,
  Hash: 56,
  HashHash: 57,
} as const;

export type TokenKind = number;

/** C spelling of punctuators by kind. */
export const PUNCTUATORS: readonly string[] = (() => {
  const out: string[] = [];
  const spell: Record<string, number> = {
    '(': T.LParen, ')': T.RParen, '[': T.LBracket, ']': T.RBracket, '{': T.LBrace, '}': T.RBrace, '.': T.Dot,
    '->': T.Arrow, '++': T.PlusPlus, '--': T.MinusMinus, '&': T.Amp, '*': T.Star, '+': T.Plus, '-': T.Minus,
    '~': T.Tilde, '!': T.Bang, '/': T.Slash, '%': T.Percent, '<<': T.Shl, '>>': T.Shr, '<': T.Lt, '>': T.Gt,
    '<=': T.Le, '>=': T.Ge, '==': T.EqEq, '!=': T.Ne, '^': T.Caret, '|': T.Pipe, '&&': T.AmpAmp, '||': T.PipePipe,
    '?': T.Question, ':': T.Colon, ';': T.Semi, '...': T.Ellipsis, '=': T.Eq, '*=': T.StarEq, '/=': T.SlashEq,
    '%=': T.PercentEq, '+=': T.PlusEq, '-=': T.MinusEq, '<<=': T.ShlEq, '>>=': T.ShrEq, '&=': T.AmpEq,
    '^=': T.CaretEq, '|=': T.PipeEq, ',': T.Comma, '#': T.Hash, '##': T.HashHash,
  }; // prettier-ignore
  for (const text of Object.keys(spell)) out[spell[text]!] = text;
  return out;
})();

export const Flag = {
  /** First token of a line. */
  LineStart: 1,
  /** White space or a comment stands before it. */
  Space: 2,
  /** The spelling contains a line splice: `text` is not the raw source slice. */
  Spliced: 4,
  /** Unterminated string or character literal, stray character. */
  Bad: 8,
  /** A macro name that must not be expanded any more. */
  NoExpand: 16,
} as const;

/** One preprocessing token. `id` is the identifier's number in the table (0 for other tokens). */
export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly id: number;
  readonly loc: Loc;
  flags: number;
}

/** Keywords have the first identifier numbers, in this order. Alternate GNU spellings map to the same keyword. */
const KEYWORD_LIST = [
  'auto', 'break', 'case', 'char', 'const', 'continue', 'default', 'do', 'double', 'else', 'enum', 'extern', 'float',
  'for', 'goto', 'if', 'inline', 'int', 'long', 'register', 'restrict', 'return', 'short', 'signed', 'sizeof', 'static',
  'struct', 'switch', 'typedef', 'union', 'unsigned', 'void', 'volatile', 'while', '_Alignas', '_Alignof', '_Atomic',
  '_Bool', '_Complex', '_Generic', '_Imaginary', '_Noreturn', '_Static_assert', '_Thread_local', 'asm', 'typeof',
  '__attribute__', '__extension__', '__int128', '__label__', '__auto_type', '__builtin_va_arg', '__builtin_offsetof',
  '__builtin_choose_expr', '__builtin_types_compatible_p', '__func__', '__FUNCTION__', '__PRETTY_FUNCTION__', '__thread',
] as const; // prettier-ignore

export type Keyword = (typeof KEYWORD_LIST)[number];

/** Identifier number of each keyword: `K.struct`, `K['_Bool']`. */
export const K = Object.fromEntries(KEYWORD_LIST.map((name, i) => [name, i + 1])) as Record<Keyword, number>;

const ALIASES: Record<string, Keyword> = {
  __const: 'const', __const__: 'const', __volatile: 'volatile', __volatile__: 'volatile', __inline: 'inline',
  __inline__: 'inline', __restrict: 'restrict', __restrict__: 'restrict', __signed: 'signed', __signed__: 'signed',
  __asm: 'asm', __asm__: 'asm', __typeof: 'typeof', __typeof__: 'typeof', typeof_unqual: 'typeof', __typeof_unqual: 'typeof', __typeof_unqual__: 'typeof', __attribute: '__attribute__',
  __alignof: '_Alignof', __alignof__: '_Alignof', _Alignof: '_Alignof', __int128_t: '__int128',
}; // prettier-ignore

/** Whether the word is a keyword under any of its spellings. */
export const isKeyword = (word: string): boolean => word in K || word in ALIASES;

export const KEYWORD_MAX: number = KEYWORD_LIST.length;

/**
 * Interned identifiers: spelling to number. Shared by the cached token buffers of one front end, never global.
 * The number of an identifier never changes.
 */
export class IdentTable {
  readonly #ids = new Map<string, number>();
  readonly #names: string[] = [''];
  /** Keyword number by identifier number where an identifier is another spelling of a keyword. */
  readonly #aliases = new Map<number, number>();

  /** @param more names that get their numbers at once, when the first number they get is `from`; see HeaderTables */
  constructor(more?: { readonly from: number; readonly names: readonly string[] }) {
    for (const name of KEYWORD_LIST) this.intern(name);
    for (const [alias, keyword] of Object.entries(ALIASES)) {
      if (alias !== keyword) this.#aliases.set(this.intern(alias), K[keyword]);
    }
    if (more !== undefined && more.from === this.size) for (const name of more.names) this.intern(name);
  }

  intern(name: string): number {
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    const id = this.#names.length;
    this.#names.push(name);
    this.#ids.set(name, id);
    return id;
  }

  name(id: number): string {
    return this.#names[id]!;
  }

  get size(): number {
    return this.#names.length;
  }

  /** Keyword number of an identifier, 0 for an ordinary one. */
  keyword(id: number): number {
    if (id <= KEYWORD_MAX) return id;
    return id <= KEYWORD_MAX + ALIAS_SPAN ? (this.#aliases.get(id) ?? 0) : 0;
  }
}

const ALIAS_SPAN = Object.keys(ALIASES).length;
