/** Preprocessing directives. */
import type { Loc } from './ast.ts';
import { closest } from './diagnostics.ts';
import { unescape } from './literals.ts';
import { bodyOf, readDefine, sameMacro, type Macro } from './macros.ts';
import { evaluateCondition } from './pp-condition.ts';
import type { ResolvedInclude } from './includes.ts';
import { locOf, type FileCursor, type Preprocessor, type PreprocessorOptions } from './preprocessor.ts';
import { SUPPORTED_ATTRIBUTES, SUPPORTED_BUILTINS } from './supported.ts';
import { Flag, isKeyword, T, type Token } from './tokens.ts';

const MAX_INCLUDE_DEPTH = 100;
const MAX_INCLUDES = 5_000;

const CONDITIONALS = ['if', 'ifdef', 'ifndef', 'elif', 'elifdef', 'elifndef', 'else', 'endif'];
const OTHERS = ['define', 'undef', 'include', 'include_next', 'import', 'error', 'warning', 'pragma', 'line', 'ident'];

/** Macros that exist only inside `#if`, but that `#ifdef` must find. */
const FEATURE_TESTS = new Set([
  '__has_include', '__has_include_next', '__has_builtin', '__has_attribute', '__has_feature', '__has_extension',
  '__has_c_attribute', '__has_declspec_attribute', '__has_warning', '__is_identifier', '__building_module',
]); // prettier-ignore

export class Directives {
  readonly files: string[] = [];
  missingInclude = false;
  readonly #pp: Preprocessor;
  readonly #options: PreprocessorOptions;
  /** Files with `#pragma once`, and include guards: path to the macro that makes a second reading void. */
  readonly #once = new Set<string>();
  /** Number of the search folder that a header came from. */
  readonly #foundIn = new Map<string, number>();
  #includes = 0;

  constructor(pp: Preprocessor, options: PreprocessorOptions) {
    this.#pp = pp;
    this.#options = options;
  }

  /** Goes on from what another one has seen. */
  adopt(from: Directives): void {
    this.files.push(...from.files);
    this.missingInclude = from.missingInclude;
    for (const path of from.#once) this.#once.add(path);
    for (const [path, folder] of from.#foundIn) this.#foundIn.set(path, folder);
    this.#includes = from.#includes;
  }

  /** `hash` was read; the cursor stands after it. */
  run(cursor: FileCursor, hash: Token): void {
    if ((cursor.buffer.flags[cursor.pos]! & Flag.LineStart) !== 0) return; // `#` alone
    const name = this.#pp.tokenAt(cursor, cursor.pos++);
    switch (name.text) {
      case 'define':
        return this.#define(cursor, name);
      case 'undef': {
        const line = this.#pp.restOfLine(cursor);
        if (line[0]?.kind !== T.Ident) this.#error('macro name missing', line[0] ?? name);
        else this.#pp.macros.delete(line[0].id);
        return;
      }
      case 'include':
      case 'import':
      case 'include_next':
        return this.#include(cursor, name);
      case 'if':
        return this.#openIf(cursor, hash, () => this.#condition(this.#pp.restOfLine(cursor), name, cursor));
      case 'ifdef':
      case 'ifndef':
        return this.#openIf(cursor, hash, () => this.#isDefined(cursor, name) === (name.text === 'ifdef'));
      case 'elif':
      case 'elifdef':
      case 'elifndef':
      case 'else': {
        // Reached from a taken branch: the others are skipped.
        const open = cursor.conditionals.at(-1);
        this.#pp.restOfLine(cursor);
        if (open === undefined) return this.#error(`#${name.text} without #if`, name);
        if (open.sawElse) this.#error(`#${name.text} after #else`, name);
        if (name.text === 'else') open.sawElse = true;
        return this.#skip(cursor);
      }
      case 'endif':
        this.#pp.restOfLine(cursor);
        if (cursor.conditionals.pop() === undefined) this.#error('#endif without #if', name);
        return;
      case 'error':
      case 'warning': {
        const text = this.#lineText(cursor);
        const d = this.#pp.diagnostics;
        if (name.text === 'error') d.error('c/pp-error', text, name.loc);
        else d.warning('c/pp-warning', text, name.loc);
        return;
      }
      case 'pragma':
        return this.#pragma(cursor, name);
      case 'line':
        return this.#line(this.#pp.restOfLine(cursor), cursor, name);
      case 'ident':
        this.#pp.restOfLine(cursor);
        return;
      default: {
        const rest = this.#pp.restOfLine(cursor);
        // A line marker of preprocessed text.
        if (name.kind === T.Number) return this.#line([name, ...rest], cursor, name);
        const guess = closest(name.text, [...CONDITIONALS, ...OTHERS]);
        this.#pp.diagnostics.error(
          'c/unknown-directive',
          `invalid preprocessing directive '#${name.text}'` + (guess === null ? '' : `, did you mean '#${guess}'?`),
          name.loc,
          name.loc,
          guess === null
            ? {}
            : {
                fixes: [
                  {
                    title: `Change to '#${guess}'`,
                    edits: [{ range: this.#pp.sources.range(name.loc, name.loc), text: guess }],
                  },
                ],
              },
        );
      }
    }
  }

  /** `#line 12 "file"`: what `__LINE__` and `__FILE__` say from here on. Diagnostics stay at the real place. */
  #line(written: readonly Token[], cursor: FileCursor, directive: Token): void {
    const words = written[0]?.kind === T.Number ? written : this.#pp.expandTokens(written);
    const line = words[0]?.kind === T.Number && /^\d+$/.test(words[0].text) ? Number(words[0].text) : 0;
    if (line < 1) return this.#error('#line directive requires a positive integer argument', words[0] ?? directive);
    const file = words[1];
    if (file !== undefined && file.kind !== T.String) return this.#error('invalid filename for #line directive', file);
    const name = file === undefined ? null : String.fromCharCode(...unescape(file.text.slice(1, -1)).bytes);
    this.#pp.sources.presumeFrom(cursor.file, cursor.buffer.start[cursor.pos]!, line, name);
  }

  #error(message: string, at: Token): void {
    this.#pp.diagnostics.error('c/preprocessor', message, at.loc);
  }

  /** The raw text up to the end of the line. */
  #lineText(cursor: FileCursor): string {
    const from = cursor.buffer.start[cursor.pos]!;
    const first = cursor.pos;
    while ((cursor.buffer.flags[cursor.pos]! & Flag.LineStart) === 0) cursor.pos++;
    if (cursor.pos === first) return '';
    return cursor.buffer.text.slice(from, cursor.buffer.end[cursor.pos - 1]).trim();
  }

  // ---------------------------------------------------------------- macros

  #define(cursor: FileCursor, directive: Token): void {
    const b = cursor.buffer;
    const first = cursor.pos;
    // A fast path for object-like macros: the body's tokens are made when it is first used.
    if (
      b.kind[first] === T.Ident &&
      (b.flags[first]! & Flag.LineStart) === 0 &&
      !(b.kind[first + 1] === T.LParen && (b.flags[first + 1]! & (Flag.Space | Flag.LineStart)) === 0)
    ) {
      let end = first + 1;
      let paste = false;
      while ((b.flags[end]! & Flag.LineStart) === 0) if (b.kind[end++] === T.HashHash) paste = true;
      if (!paste) {
        cursor.pos = end;
        const id = b.id[first]!;
        const makeBody = (): Token[] => {
          const out: Token[] = [];
          for (let i = first + 1; i < end; i++) out.push(this.#pp.tokenAt(cursor, i));
          return out;
        };
        const loc = locOf(cursor, first);
        this.#install({
          name: this.#pp.cache.idents.name(id),
          id,
          loc,
          params: null,
          variadic: false,
          body: null,
          makeBody,
          disabled: false,
        });
        return;
      }
    }
    const line = this.#pp.restOfLine(cursor);
    const result = readDefine(line, directive, this.#pp.cache.idents);
    if (result.ok) this.#install(result.macro);
    else this.#pp.diagnostics.error('c/bad-macro', result.message, result.at.loc);
  }

  #install(macro: Macro): void {
    const old = this.#pp.macros.get(macro.id);
    if (old !== undefined && !sameMacro(old, macro)) {
      this.#pp.diagnostics.warning('c/macro-redefined', `'${macro.name}' macro redefined`, macro.loc, macro.loc, {
        notes: old.loc === 0 ? [] : [this.#pp.diagnostics.note('previous definition is here', old.loc)],
      });
    }
    if (old?.disabled === true) macro.disabled = false;
    this.#pp.macros.set(macro.id, macro);
  }

  // ---------------------------------------------------------------- conditionals

  #isDefined(cursor: FileCursor, directive: Token): boolean {
    const line = this.#pp.restOfLine(cursor);
    const name = line[0];
    if (name === undefined || name.kind !== T.Ident) {
      this.#error('macro name missing', name ?? directive);
      return false;
    }
    if (line.length > 1) {
      this.#pp.diagnostics.warning(
        'c/extra-tokens',
        `extra tokens at end of #${directive.text} directive`,
        line[1]!.loc,
      );
    }
    return this.#pp.macros.has(name.id) || FEATURE_TESTS.has(name.text);
  }

  #openIf(cursor: FileCursor, hash: Token, test: () => boolean): void {
    const taken = test();
    cursor.conditionals.push({ loc: hash.loc, taken, sawElse: false });
    if (!taken) this.#skip(cursor);
  }

  /** Skips to the branch to take or past the `#endif`. The innermost conditional says whether a branch was taken. */
  #skip(cursor: FileCursor): void {
    const b = cursor.buffer;
    const open = cursor.conditionals.at(-1)!;
    let depth = 0;
    for (;;) {
      if (b.kind[cursor.pos] === T.Eof) return; // reported when the file is left
      if (b.kind[cursor.pos] !== T.Hash || (b.flags[cursor.pos]! & Flag.LineStart) === 0) {
        cursor.pos++;
        continue;
      }
      cursor.pos++;
      if (b.kind[cursor.pos] !== T.Ident || (b.flags[cursor.pos]! & Flag.LineStart) !== 0) continue;
      const name = this.#pp.tokenAt(cursor, cursor.pos++);
      switch (name.text) {
        case 'if':
        case 'ifdef':
        case 'ifndef':
          depth++;
          break;
        case 'endif':
          if (depth-- === 0) {
            this.#pp.restOfLine(cursor);
            cursor.conditionals.pop();
            return;
          }
          break;
        case 'else':
          if (depth > 0) break;
          if (open.sawElse) this.#error('#else after #else', name);
          open.sawElse = true;
          if (!open.taken) {
            this.#pp.restOfLine(cursor);
            open.taken = true;
            return;
          }
          break;
        case 'elif':
        case 'elifdef':
        case 'elifndef': {
          if (depth > 0) break;
          if (open.sawElse) this.#error(`#${name.text} after #else`, name);
          if (open.taken) break;
          const yes =
            name.text === 'elif'
              ? this.#condition(this.#pp.restOfLine(cursor), name, cursor)
              : this.#isDefined(cursor, name) === (name.text === 'elifdef');
          if (yes) {
            open.taken = true;
            return;
          }
          break;
        }
      }
    }
  }

  #condition(written: readonly Token[], directive: Token, cursor: FileCursor): boolean {
    const line = this.#pp.expandCondition(written, (name) => name === 'defined' || FEATURE_TESTS.has(name));
    const replaced: Token[] = [];
    const value = (at: Token, yes: boolean | number): void => {
      replaced.push({ kind: T.Number, text: String(Number(yes)), id: 0, loc: at.loc, flags: 0 });
    };
    for (let i = 0; i < line.length; i++) {
      const t = line[i]!;
      if (t.kind !== T.Ident || (t.text !== 'defined' && !FEATURE_TESTS.has(t.text))) {
        replaced.push(t);
        continue;
      }
      const paren = line[i + 1]?.kind === T.LParen;
      if (t.text === 'defined') {
        const name = line[i + (paren ? 2 : 1)];
        if (name?.kind !== T.Ident || (paren && line[i + 3]?.kind !== T.RParen)) {
          this.#error(name?.kind === T.Ident ? "missing ')' after 'defined'" : 'macro name missing', name ?? t);
          return false;
        }
        value(t, this.#pp.macros.has(name.id) || FEATURE_TESTS.has(name.text));
        i += paren ? 3 : 1;
        continue;
      }
      let close = i + 2;
      for (let depth = 1; close < line.length; close++) {
        if (line[close]!.kind === T.LParen) depth++;
        else if (line[close]!.kind === T.RParen && --depth === 0) break;
      }
      if (!paren || close >= line.length) {
        this.#error(`missing '(' or ')' after '${t.text}'`, line[i + 1] ?? t);
        return false;
      }
      const arg = line.slice(i + 2, close);
      if (t.text.startsWith('__has_include')) {
        const header = headerName(
          arg[0]?.kind === T.Lt || arg[0]?.kind === T.String ? arg : this.#pp.expandTokens(arg),
        );
        value(t, header !== null && this.#exists(header, cursor, t.text === '__has_include_next'));
      } else value(t, featureValue(t.text, arg.map((a) => a.text).join('')));
      i = close;
    }
    return evaluateCondition(replaced, directive, this.#pp.diagnostics);
  }

  // ---------------------------------------------------------------- includes

  #exists(header: HeaderName, cursor: FileCursor, next: boolean): boolean {
    return this.#find(header, cursor, next) !== null || (isVmlinux(header.name) && this.#options.hasVirtualVmlinux);
  }

  /** `next`: only behind the folder that the including file came from (`#include_next`). */
  #find(header: HeaderName, cursor: FileCursor, next: boolean): ResolvedInclude | null {
    const from = cursor.file.name;
    const after = next ? this.#foundIn.get(from) : undefined;
    return this.#options.includes.resolve(header.name, header.angled, from, after);
  }

  #include(cursor: FileCursor, directive: Token): void {
    const rest = this.#pp.restOfLine(cursor);
    let header = headerName(rest);
    if (header === null && rest[0]?.kind === T.Ident) header = headerName(this.#pp.expandTokens(rest));
    if (header === null || header.name === '') {
      this.#pp.diagnostics.error('c/include-syntax', 'expected "FILENAME" or <FILENAME>', (rest[0] ?? directive).loc);
      return;
    }
    const first = rest[0]!.loc;
    const last = rest.at(-1)!.loc;
    const found = this.#find(header, cursor, directive.text === 'include_next');
    if (found === null) {
      if (isVmlinux(header.name) && this.#options.hasVirtualVmlinux) {
        if (this.files.includes('vmlinux.h')) return;
        this.files.push('vmlinux.h');
        this.#options.onVirtualVmlinux(this.#renaming());
        this.#defineFlag('__VMLINUX_H__');
        return;
      }
      this.missingInclude = true;
      const known = this.#options.includes.known();
      const guess =
        closest(header.name, known) ?? known.find((k) => k.endsWith('/' + header.name.split('/').at(-1))) ?? null;
      const open = header.angled ? '<' : '"';
      this.#pp.diagnostics.error('c/include-not-found', `'${header.name}' file not found`, first, last, {
        ...(guess === null
          ? {}
          : {
              notes: [{ message: `did you mean '${guess}'?` }],
              fixes: [
                {
                  title: `Change to '${guess}'`,
                  edits: [
                    { range: this.#pp.sources.range(first, last), text: open + guess + (header.angled ? '>' : '"') },
                  ],
                },
              ],
            }),
      });
      return;
    }
    if (this.#once.has(found.path)) return;
    if (directive.text === 'import') this.#once.add(found.path);
    this.#foundIn.set(found.path, found.folder);
    if (this.#pp.cursors.length > MAX_INCLUDE_DEPTH || ++this.#includes > MAX_INCLUDES) {
      this.#pp.diagnostics.fatal('c/include-depth', '#include nested too deeply', first);
    }
    if (!this.files.includes(found.path)) this.files.push(found.path);
    this.#pp.enter(found.path, found.text, first, true);
  }

  /** Names that macros replace by another one. */
  #renaming(): ReadonlyMap<string, string> {
    const { macros } = this.#pp;
    const out = new Map<string, string>();
    for (const id of macros.keys()) {
      const m = macros.get(id);
      if (m === undefined || m.params !== null || m.dynamic !== undefined) continue;
      const [to, ...more] = bodyOf(m);
      if (to?.kind === T.Ident && more.length === 0 && to.text !== m.name) out.set(m.name, to.text);
    }
    return out;
  }

  #defineFlag(name: string): void {
    const id = this.#pp.cache.idents.intern(name);
    if (this.#pp.macros.has(id)) return;
    this.#pp.macros.set(id, {
      name,
      id,
      loc: 0,
      params: null,
      variadic: false,
      body: [],
      makeBody: () => [],
      disabled: false,
    });
  }

  // ---------------------------------------------------------------- pragmas

  #pragma(cursor: FileCursor, name: Token): void {
    const words = this.#pp.restOfLine(cursor);
    const first = words[0]?.text;
    if (first === 'once') {
      this.#once.add(cursor.file.name);
      return;
    }
    this.#pp.onPragma(words, name.loc as Loc);
  }
}

const isVmlinux = (name: string): boolean => name === 'vmlinux.h' || name.endsWith('/vmlinux.h');

interface HeaderName {
  readonly name: string;
  readonly angled: boolean;
}

/** `<...>` or `"..."` at the start of a token list. */
function headerName(tokens: readonly Token[]): HeaderName | null {
  const t = tokens[0];
  if (t === undefined) return null;
  if (t.kind === T.String) return { name: String.fromCharCode(...unescape(t.text.slice(1, -1)).bytes), angled: false };
  if (t.kind !== T.Lt) return null;
  let name = '';
  for (let i = 1; i < tokens.length; i++) {
    const part = tokens[i]!;
    if (part.kind === T.Gt) return { name, angled: true };
    name += ((part.flags & Flag.Space) !== 0 && name !== '' ? ' ' : '') + part.text;
  }
  return null;
}

/** Value of `__has_builtin(x)` and its relatives. */
function featureValue(test: string, name: string): boolean | number {
  const bare = name.replace(/^__(?!builtin|sync|atomic)(.*)__$/, '$1');
  switch (test) {
    case '__has_builtin':
      return SUPPORTED_BUILTINS.has(name);
    case '__has_attribute':
    case '__has_c_attribute':
      return SUPPORTED_ATTRIBUTES.has(bare);
    case '__has_feature':
    case '__has_extension':
      return ['c_static_assert', 'c_generic_selections', 'c_alignas', 'statement_attributes_with_gnu_syntax'].includes(
        bare,
      );
    case '__is_identifier':
      return !isKeyword(name);
    default:
      return 0;
  }
}

/** For tools: the macro's replacement as text. */
export const macroText = (m: Macro): string =>
  bodyOf(m)
    .map((t, i) => (i > 0 && (t.flags & Flag.Space) !== 0 ? ' ' : '') + t.text)
    .join('');
