/**
 * Translation phases 3 and 4: includes, conditionals, macros. `next()` yields one token for the parser at a time; macro
 * expansion works on a stack of token lists, as nested expansions of C are defined by rescanning.
 */
import type { Loc } from './ast.ts';
import type { Diagnostics } from './diagnostics.ts';
import { Directives } from './directives.ts';
import type { IncludeResolver } from './includes.ts';
import type { TokenBuffer } from './lexer.ts';
import { unsplice } from './lexer.ts';
import { unescape } from './literals.ts';
import { instantiate, substitute, type Macro, type MacroArgument, type SubstituteContext } from './macros.ts';
import { MacroTable } from './incremental/macro-table.ts';
import type { SourceFile, Sources, TokenCache } from './sources.ts';
import { Flag, PUNCTUATORS, T, type Token } from './tokens.ts';

/** Where reading stands in a file. */
export interface FileCursor {
  readonly file: SourceFile;
  readonly buffer: TokenBuffer;
  pos: number;
  /** Locs of the tokens where they do not follow from the file's place (see incremental/). */
  readonly locs: Int32Array | null;
  /** Open `#if`s: where, whether a branch was taken, whether `#else` was seen. */
  readonly conditionals: { readonly loc: Loc; taken: boolean; sawElse: boolean }[];
}

/** Loc of token `i`. */
export const locOf = (c: FileCursor, i: number): Loc =>
  c.locs === null ? c.file.base + c.buffer.start[i]! : c.locs[i]!;

interface Expansion {
  readonly tokens: readonly Token[];
  pos: number;
  readonly macro: Macro | null;
  /** Argument pre-expansion: nothing is read from below. */
  readonly barrier: boolean;
}

/** Receives pragmas in order of the token stream: the words after `#pragma`. */
export type PragmaHandler = (words: readonly Token[], loc: Loc) => void;

// A unit that needs more is an accident or an attack.
const MAX_PRODUCED_TOKENS = 2_000_000;
const MAX_INVOCATIONS = 400_000;
const MAX_EXPANSION_DEPTH = 400;
const MAX_PRE_EXPANSION_DEPTH = 120;

export interface PreprocessorOptions {
  readonly sources: Sources;
  readonly cache: TokenCache;
  readonly diagnostics: Diagnostics;
  readonly includes: IncludeResolver;
  /** Whether there are kernel types to stand for a `vmlinux.h` that is no file. */
  readonly hasVirtualVmlinux: boolean;
  /** Called when it is included for the first time. @param renamed names that macros replace by another name then */
  readonly onVirtualVmlinux: (renamed: ReadonlyMap<string, string>) => void;
}

export class Preprocessor {
  readonly sources: Sources;
  readonly cache: TokenCache;
  readonly diagnostics: Diagnostics;
  readonly macros: MacroTable;
  readonly cursors: FileCursor[] = [];
  onPragma: PragmaHandler = () => {};
  counter = 0;
  readonly options: PreprocessorOptions;
  readonly #directives: Directives;
  /** A macro was used whose value is another one at another place. */
  usedPlace = false;
  /** Tokens that macros made, and uses of macros, so far. */
  produced = 0;
  invocations = 0;
  readonly #stack: Expansion[] = [];
  readonly #pragmaId: number;
  #preExpanding = 0;

  /** @param from goes on with what this one knows where it stands */
  constructor(options: PreprocessorOptions, from?: Preprocessor) {
    this.options = options;
    this.sources = options.sources;
    this.cache = options.cache;
    this.diagnostics = options.diagnostics;
    this.#directives = new Directives(this, options);
    this.macros = new MacroTable(from?.macros);
    if (from !== undefined) {
      this.#directives.adopt(from.#directives);
      this.counter = from.counter;
      this.produced = from.produced;
      this.invocations = from.invocations;
    }
    this.#pragmaId = this.cache.idents.intern('_Pragma');
  }

  /** Paths read so far, in order. */
  get files(): readonly string[] {
    return this.#directives.files;
  }

  /** An `#include` found nothing: what is missing afterwards may be a consequence. */
  get missingInclude(): boolean {
    return this.#directives.missingInclude;
  }

  /** Reads a file that was placed already. */
  open(file: SourceFile, buffer: TokenBuffer, locs: Int32Array): FileCursor {
    const cursor: FileCursor = { file, buffer, pos: 0, locs, conditionals: [] };
    this.cursors.push(cursor);
    return cursor;
  }

  /** Leaves what is read to its end. Whether the next token comes from a file as it stands there. */
  settle(): boolean {
    for (let top = this.#stack.at(-1); top !== undefined; top = this.#stack.at(-1)) {
      if (top.pos < top.tokens.length || top.barrier) return false;
      this.#pop();
    }
    for (let c = this.cursors.at(-1); c !== undefined && c.buffer.kind[c.pos] === T.Eof; c = this.cursors.at(-1))
      if (!this.#leaveFile(c)) break;
    return true;
  }

  /** Runs the directive that the cursor stands at; whether there is one. */
  runDirective(cursor: FileCursor): boolean {
    const { kind, flags } = cursor.buffer;
    if (kind[cursor.pos] !== T.Hash || (flags[cursor.pos]! & Flag.LineStart) === 0) return false;
    this.#directives.run(cursor, this.tokenAt(cursor, cursor.pos++));
    return true;
  }

  enter(name: string, text: string, includedAt: Loc, keep: boolean): void {
    const buffer = this.cache.tokens(text, keep);
    const file = this.sources.addFile(name, text, includedAt);
    this.cursors.push({ file, buffer, pos: 0, locs: null, conditionals: [] });
    if (buffer.openComment >= 0) {
      this.diagnostics.error('c/unterminated-comment', 'unterminated /* comment', file.base + buffer.openComment);
    }
  }

  /** Token `i` of a file as an object. */
  tokenAt(cursor: FileCursor, i: number): Token {
    const b = cursor.buffer;
    const kind = b.kind[i]!;
    const flags = b.flags[i]!;
    let text: string;
    if (kind === T.Ident) text = this.cache.idents.name(b.id[i]!);
    else if (kind >= T.LParen) text = PUNCTUATORS[kind]!;
    else {
      text = b.text.slice(b.start[i], b.end[i]);
      if ((flags & Flag.Spliced) !== 0) text = unsplice(text);
    }
    return { kind, text, id: b.id[i]!, loc: locOf(cursor, i), flags };
  }

  /** Where reading stands when `last` came from a file just now and nothing else waits to be read; else null. */
  cursorBefore(last: Token): FileCursor | null {
    const cursor = this.cursors[this.cursors.length - 1];
    if (cursor === undefined || cursor.pos === 0 || this.#stack.some((e) => e.pos < e.tokens.length)) return null;
    return last.loc === locOf(cursor, cursor.pos - 1) ? cursor : null;
  }

  /** The rest of a directive's line. Leaves the cursor at the first token of the next line. */
  restOfLine(cursor: FileCursor): Token[] {
    const out: Token[] = [];
    while ((cursor.buffer.flags[cursor.pos]! & Flag.LineStart) === 0) out.push(this.tokenAt(cursor, cursor.pos++));
    return out;
  }

  /** The next token before macro expansion. */
  #raw(): Token {
    for (;;) {
      const top = this.#stack[this.#stack.length - 1];
      if (top !== undefined) {
        if (top.pos < top.tokens.length) return top.tokens[top.pos++]!;
        if (top.barrier) return EOF;
        this.#pop();
        continue;
      }
      const cursor = this.cursors[this.cursors.length - 1];
      if (cursor === undefined) return EOF;
      const i = cursor.pos;
      const kind = cursor.buffer.kind[i]!;
      if (kind === T.Hash && (cursor.buffer.flags[i]! & Flag.LineStart) !== 0) {
        cursor.pos++;
        this.#directives.run(cursor, this.tokenAt(cursor, i));
        continue;
      }
      if (kind === T.Eof) {
        if (this.#leaveFile(cursor)) continue;
        return this.tokenAt(cursor, i);
      }
      cursor.pos++;
      return this.tokenAt(cursor, i);
    }
  }

  #pop(): void {
    const done = this.#stack.pop()!;
    if (done.macro !== null) done.macro.disabled = false;
  }

  /** False at the end of the main file (its Eof stays the last token). */
  #leaveFile(cursor: FileCursor): boolean {
    for (const open of cursor.conditionals.splice(0)) {
      this.diagnostics.error('c/unterminated-if', 'unterminated conditional directive', open.loc);
    }
    if (this.cursors.length === 1) return false;
    this.cursors.pop();
    return true;
  }

  /** Whether the next raw token is `(`, without consuming or re-enabling anything. */
  #parenFollows(): boolean {
    for (let d = this.#stack.length - 1; d >= 0; d--) {
      const e = this.#stack[d]!;
      if (e.pos < e.tokens.length) return e.tokens[e.pos]!.kind === T.LParen;
      if (e.barrier) return false;
    }
    const cursor = this.cursors[this.cursors.length - 1];
    return cursor !== undefined && cursor.buffer.kind[cursor.pos] === T.LParen;
  }

  /** The next token after macro expansion. */
  next(): Token {
    for (;;) {
      const t = this.#raw();
      if (t.kind !== T.Ident || (t.flags & Flag.NoExpand) !== 0) return t;
      const macro = this.macros.get(t.id);
      if (macro === undefined) {
        if (t.id === this.#pragmaId && this.#preExpanding === 0 && this.#parenFollows()) {
          this.#pragmaOperator(t);
          continue;
        }
        return t;
      }
      if (macro.disabled) return { ...t, flags: t.flags | Flag.NoExpand };
      if (macro.params !== null && !this.#parenFollows()) return t;
      if (macro.dynamic !== undefined) {
        this.usedPlace = true;
        return macro.dynamic(t, this);
      }
      this.#expand(macro, t);
    }
  }

  #expand(macro: Macro, name: Token): void {
    if (++this.invocations > MAX_INVOCATIONS || this.#stack.length > MAX_EXPANSION_DEPTH) {
      this.diagnostics.fatal(
        'c/macro-limit',
        `macro expansion of '${macro.name}' does not end or is too large`,
        name.loc,
      );
    }
    const expansion = this.sources.addExpansion(macro.name, name.loc, name.loc);
    const cx: SubstituteContext = {
      idents: this.cache.idents,
      diagnostics: this.diagnostics,
      expand: (tokens) => this.expandTokens(tokens),
      loc: (spelling, fromArgument) => {
        if (++this.produced > MAX_PRODUCED_TOKENS) {
          this.diagnostics.fatal('c/macro-limit', `macro expansion of '${macro.name}' is too large`, name.loc);
        }
        return this.sources.macroLoc(spelling, expansion, fromArgument);
      },
    };
    let tokens: Token[];
    if (macro.params === null) tokens = instantiate(macro, cx);
    else {
      const args = this.#arguments(macro, name, expansion);
      if (args === null) return;
      tokens = substitute(macro, args, cx);
    }
    if (tokens.length > 0)
      tokens[0]!.flags = (tokens[0]!.flags & ~Flag.Space) | (name.flags & (Flag.Space | Flag.LineStart));
    macro.disabled = true;
    this.#stack.push({ tokens, pos: 0, macro, barrier: false });
  }

  /** Reads `( ... )`; null when there is an error (reported). */
  #arguments(macro: Macro, name: Token, expansion: number): MacroArgument[] | null {
    this.#raw();
    const params = macro.params!;
    const args: Token[][] = [[]];
    let depth = 0;
    let close: Token;
    for (;;) {
      const t = this.#raw();
      if (t.kind === T.Eof) {
        this.diagnostics.error(
          'c/unterminated-macro-call',
          `unterminated argument list invoking macro '${macro.name}'`,
          name.loc,
        );
        return null;
      }
      if (t.kind === T.LParen) depth++;
      else if (t.kind === T.RParen) {
        if (depth === 0) {
          close = t;
          break;
        }
        depth--;
      } else if (t.kind === T.Comma && depth === 0 && !(macro.variadic && args.length === params.length)) {
        args.push([]);
        continue;
      }
      // A name that must not expand now must not expand later either.
      const frozen = t.kind === T.Ident && (t.flags & Flag.NoExpand) === 0 && this.macros.get(t.id)?.disabled === true;
      args.at(-1)!.push(frozen ? { ...t, flags: t.flags | Flag.NoExpand } : t);
      if (++this.produced > MAX_PRODUCED_TOKENS) {
        this.diagnostics.fatal('c/macro-limit', `macro expansion of '${macro.name}' is too large`, name.loc);
      }
    }
    this.sources.setExpansionEnd(expansion, close.loc);
    if (params.length === 0 && args.length === 1 && args[0]!.length === 0) args.pop();
    // The variadic part may be absent altogether.
    const absent =
      macro.variadic && (args.length === params.length - 1 || (params.length === 1 && args[0]!.length === 0));
    if (absent && args.length < params.length) args.push([]);
    if (args.length !== params.length) {
      const few = args.length < params.length;
      this.diagnostics.error(
        'c/macro-arguments',
        `too ${few ? 'few' : 'many'} arguments provided to function-like macro invocation of '${macro.name}' ` +
          `(${few && macro.variadic ? `at least ${params.length - 1}` : params.length} expected, ${args.length} given)`,
        name.loc,
        close.loc,
        { notes: [this.diagnostics.note(`macro '${macro.name}' defined here`, macro.loc)] },
      );
      return null;
    }
    return args.map((raw, i) => ({ raw, expanded: null, absent: absent && i === params.length - 1 }));
  }

  /** Expands a token list by itself: macro arguments, `#if` lines. */
  expandTokens(tokens: readonly Token[]): Token[] {
    if (tokens.length === 0) return [];
    if (tokens.every((t) => t.kind !== T.Ident || !this.macros.has(t.id))) return tokens as Token[];
    if (++this.#preExpanding > MAX_PRE_EXPANSION_DEPTH) {
      this.diagnostics.fatal('c/macro-limit', 'macro arguments are nested too deeply', tokens[0]!.loc);
    }
    const depth = this.#stack.length;
    this.#stack.push({ tokens, pos: 0, macro: null, barrier: true });
    const out: Token[] = [];
    for (let t = this.next(); t.kind !== T.Eof; t = this.next()) out.push(t);
    while (this.#stack.length > depth) this.#pop();
    this.#preExpanding--;
    return out;
  }

  /**
   * Expands an `#if` line. The operands of `defined` and of the feature tests stay as written, also when a macro made
   * the operator.
   * @param takesName whether an identifier is such an operator
   */
  expandCondition(tokens: readonly Token[], takesName: (name: string) => boolean): Token[] {
    const depth = this.#stack.length;
    this.#stack.push({ tokens, pos: 0, macro: null, barrier: true });
    this.#preExpanding++;
    const out: Token[] = [];
    for (let t = this.next(); t.kind !== T.Eof; t = this.next()) {
      out.push(t);
      if (t.kind !== T.Ident || !takesName(t.text)) continue;
      for (let open = 0; ;) {
        t = this.#raw();
        if (t.kind === T.Eof) break;
        out.push(t);
        if (t.kind === T.LParen) open++;
        else if (t.kind === T.RParen) open--;
        if (open <= 0) break;
      }
      if (t.kind === T.Eof) break;
    }
    while (this.#stack.length > depth) this.#pop();
    this.#preExpanding--;
    return out;
  }

  /** `_Pragma("...")`, the operator. */
  #pragmaOperator(name: Token): void {
    this.#raw();
    const literal = this.#raw();
    const close = literal.kind === T.RParen ? literal : this.#raw();
    if (literal.kind !== T.String || close.kind !== T.RParen) {
      this.diagnostics.error('c/pragma', '_Pragma takes a parenthesized string literal', name.loc);
      return;
    }
    const body = String.fromCharCode(...unescape(literal.text.slice(literal.text.indexOf('"') + 1, -1)).bytes);
    const buffer = this.cache.tokens(body, true);
    const words: Token[] = [];
    for (let i = 0; i < buffer.count - 1; i++) {
      const text = buffer.text.slice(buffer.start[i], buffer.end[i]);
      words.push({ kind: buffer.kind[i]!, text, id: buffer.id[i]!, loc: literal.loc, flags: buffer.flags[i]! });
    }
    this.onPragma(words, name.loc);
  }
}

const EOF: Token = { kind: T.Eof, text: '', id: 0, loc: 0, flags: 0 };
