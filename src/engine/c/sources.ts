/**
 * Where tokens come from. A `Loc` is a positive offset into the concatenation of all files read, or a negative number of a
 * token that a macro expansion made; the latter knows how it is spelled and where the macro was invoked. Ranges, lines
 * and expansion stacks are worked out only when a diagnostic or a line record asks.
 */
import { assert, type SourceRange } from '../../base/index.ts';
import type { Loc, SourceMap } from './ast.ts';
import { indexDeclarations, type DeclarationIndex } from './declaration-index.ts';
import type { HeaderTables } from './header-tables.ts';
import { lex, type TokenBuffer } from './lexer.ts';
import { IdentTable } from './tokens.ts';

export interface SourceFile {
  readonly name: string;
  readonly text: string;
  readonly base: number;
  /** Where the `#include` stands; 0 for the main file. */
  readonly includedAt: Loc;
  lineStarts: Int32Array | null;
  /** `#line` directives: from which offset on which line number, and file name, is presumed. */
  presumed: { readonly offset: number; readonly line: number; readonly name: string }[] | null;
}

/** A stretch of a file, and of the locs: `base` stands for `offset`. */
interface Piece {
  readonly base: Loc;
  readonly file: SourceFile;
  readonly offset: number;
}

/** One step of an expansion stack, innermost first. */
export interface ExpansionStep {
  readonly macro: string;
  readonly range: SourceRange;
}

export class Sources implements SourceMap {
  readonly files: SourceFile[] = [];
  #next = 1;
  // Struct of arrays for macro tokens; Loc -1 is index 0.
  readonly #spelling: number[] = [];
  readonly #expansion: number[] = [];
  // One record per macro invocation.
  readonly #invokedAt: Loc[] = [];
  readonly #invokedEnd: Loc[] = [];
  readonly #macroName: string[] = [];
  /** By base. */
  #pieces: Piece[] = [];
  #lastPiece = 0;
  /** Names of tokens measured again; nobody else sees them. */
  readonly #scratch = new IdentTable();

  addFile(name: string, text: string, includedAt: Loc): SourceFile {
    const file: SourceFile = { name, text, base: this.#next, includedAt, lineStarts: null, presumed: null };
    this.files.push(file);
    this.#next += text.length + 1;
    this.#pieces.push({ base: file.base, file, offset: 0 });
    return file;
  }

  /** Locs for `length` characters that are placed by `place`. */
  allocate(length: number): Loc {
    const base = this.#next;
    this.#next += length + 1;
    return base;
  }

  /**
   * A new text of the main file, the first one. Its parts have locs of their own, so that what was made of a part stays
   * right when the part moves: each entry of `parts` says where in the text the locs from `base` on are now.
   */
  place(text: string, parts: readonly { readonly base: Loc; readonly offset: number }[]): SourceFile {
    const old = this.files[0];
    assert(old !== undefined, 'the main file is there');
    const file: SourceFile = { name: old.name, text, base: old.base, includedAt: 0, lineStarts: null, presumed: null };
    this.files[0] = file;
    this.#pieces = [
      ...this.#pieces.filter((x) => x.file !== old),
      ...parts.map(({ base, offset }) => ({ base, file, offset })),
    ].sort((a, b) => a.base - b.base);
    this.#lastPiece = 0;
    return file;
  }

  /** How much is kept: locs of tokens that macros made. */
  get weight(): number {
    return this.#spelling.length + this.#invokedAt.length;
  }

  /** Registers an invocation; its number goes into the locs of the tokens that it makes. */
  addExpansion(macro: string, begin: Loc, end: Loc): number {
    this.#invokedAt.push(begin);
    this.#invokedEnd.push(end);
    this.#macroName.push(macro);
    return this.#invokedAt.length - 1;
  }

  /** The invocation's end is known only after its arguments were read. */
  setExpansionEnd(expansion: number, end: Loc): void {
    this.#invokedEnd[expansion] = end;
  }

  /** A loc for a token spelled at `spelling` that came out of an expansion; `fromArgument`: through a parameter. */
  macroLoc(spelling: Loc, expansion: number, fromArgument: boolean): Loc {
    this.#spelling.push(spelling);
    this.#expansion.push(fromArgument ? -expansion - 1 : expansion);
    return -this.#spelling.length;
  }

  #expansionOf(loc: Loc): number {
    const e = this.#expansion[-loc - 1]!;
    return e < 0 ? -e - 1 : e;
  }

  #isArgument(loc: Loc): boolean {
    return this.#expansion[-loc - 1]! < 0;
  }

  isMacro(loc: Loc): boolean {
    return loc < 0;
  }

  /** Where the outermost macro is invoked. */
  expansionLoc(loc: Loc): Loc {
    while (loc < 0) loc = this.#invokedAt[this.#expansionOf(loc)]!;
    return loc;
  }

  #expansionEndLoc(loc: Loc): Loc {
    while (loc < 0) loc = this.#invokedEnd[this.#expansionOf(loc)]!;
    return loc;
  }

  /** Where the characters of the token stand. */
  spellingLoc(loc: Loc): Loc {
    while (loc < 0) loc = this.#spelling[-loc - 1]!;
    return loc;
  }

  /** A file loc that a person would point at: macro arguments where they are written, the rest at the invocation. */
  #pointed(loc: Loc, end: boolean): Loc {
    while (loc < 0) {
      const e = this.#expansionOf(loc);
      loc = this.#isArgument(loc) ? this.#spelling[-loc - 1]! : end ? this.#invokedEnd[e]! : this.#invokedAt[e]!;
    }
    return loc;
  }

  fileOf(loc: Loc): SourceFile | null {
    return this.#pieceOf(loc)?.file ?? null;
  }

  #pieceOf(loc: Loc): Piece | null {
    if (loc < 0) loc = this.expansionLoc(loc);
    const pieces = this.#pieces;
    if (loc <= 0 || pieces.length === 0) return null;
    const last = this.#lastPiece;
    if (pieces[last]!.base <= loc && (last + 1 === pieces.length || loc < pieces[last + 1]!.base)) return pieces[last]!;
    let lo = 0;
    let hi = pieces.length - 1;
    while (lo < hi) {
      const mid = (lo + hi + 1) >> 1;
      if (pieces[mid]!.base <= loc) lo = mid;
      else hi = mid - 1;
    }
    this.#lastPiece = lo;
    return pieces[lo]!;
  }

  #lineColumn(file: SourceFile, offset: number): { line: number; column: number } {
    let starts = file.lineStarts;
    if (starts === null) {
      const list = [0];
      for (let p = file.text.indexOf('\n'); p >= 0; p = file.text.indexOf('\n', p + 1)) list.push(p + 1);
      starts = file.lineStarts = Int32Array.from(list);
    }
    let lo = 0;
    let hi = starts.length - 1;
    while (lo < hi) {
      const mid = (lo + hi + 1) >> 1;
      if (starts[mid]! <= offset) lo = mid;
      else hi = mid - 1;
    }
    return { line: lo + 1, column: offset - starts[lo]! + 1 };
  }

  position(loc: Loc): { readonly file: string; readonly line: number; readonly column: number } {
    const at = this.expansionLoc(loc);
    const piece = this.#pieceOf(at);
    if (piece === null) return { file: '', line: 0, column: 0 };
    return { file: piece.file.name, ...this.#lineColumn(piece.file, offsetIn(piece, at)) };
  }

  /** `#line`: the line that begins at `offset` is presumed to be `line` (of `name`, null = as before). */
  presumeFrom(file: SourceFile, offset: number, line: number, name: string | null): void {
    const before = file.presumed?.at(-1)?.name ?? file.name;
    (file.presumed ??= []).push({ offset, line, name: name ?? before });
  }

  /** What `__LINE__` and `__FILE__` say: `position` with `#line` applied. */
  presumedPosition(loc: Loc): { readonly file: string; readonly line: number } {
    const at = this.expansionLoc(loc);
    const piece = this.#pieceOf(at);
    const { file: name, line } = this.position(at);
    const mark = piece?.file.presumed?.filter((m) => m.offset <= offsetIn(piece, at)).at(-1);
    if (piece === null || mark === undefined) return { file: name, line };
    return { file: mark.name, line: mark.line + line - this.#lineColumn(piece.file, mark.offset).line };
  }

  /** Length of the token that starts at a file offset: lexed again, as only diagnostics ask. */
  #tokenLength(file: SourceFile, offset: number): number {
    const lineEnd = file.text.indexOf('\n', offset);
    let tail = file.text.slice(offset, lineEnd < 0 ? offset + 4000 : Math.min(lineEnd, offset + 4000));
    if (tail.endsWith('\\') || tail.endsWith('\\\r')) tail = file.text.slice(offset, offset + 4000);
    const tokens = lex(tail.slice(0, 4000), this.#scratch);
    return tokens.count > 1 && tokens.start[0] === 0 ? tokens.end[0]! : 0;
  }

  #plainRange(begin: Loc, last: Loc): SourceRange | null {
    const from = this.#pieceOf(begin);
    const to = this.#pieceOf(last);
    if (from === null || to === null || from.file !== to.file) return null;
    const { file } = from;
    const offset = offsetIn(to, last);
    if (offset < offsetIn(from, begin)) return null;
    const a = this.#lineColumn(file, offsetIn(from, begin));
    const b = this.#lineColumn(file, offset + this.#tokenLength(file, offset));
    return { file: file.name, line: a.line, column: a.column, endLine: b.line, endColumn: b.column };
  }

  range(begin: Loc, last: Loc): SourceRange {
    if (last === 0) last = begin;
    const exact = this.#plainRange(this.#pointed(begin, false), this.#pointed(last, true));
    if (exact !== null) return exact;
    const outer = this.#plainRange(this.expansionLoc(begin), this.#expansionEndLoc(last));
    if (outer !== null) return outer;
    const at = this.position(begin);
    return { file: at.file, line: at.line, column: at.column, endLine: at.line, endColumn: at.column };
  }

  /** The empty range right after a token: where a missing `;` belongs. */
  rangeAfter(loc: Loc): SourceRange {
    const r = this.range(loc, loc);
    return { file: r.file, line: r.endLine, column: r.endColumn, endLine: r.endLine, endColumn: r.endColumn };
  }

  /** The macros around a token, innermost first. */
  expansionStack(loc: Loc): ExpansionStep[] {
    const steps: ExpansionStep[] = [];
    while (loc < 0 && steps.length < 20) {
      if (this.#isArgument(loc)) {
        loc = this.#spelling[-loc - 1]!;
        continue;
      }
      const e = this.#expansionOf(loc);
      const spelled = this.spellingLoc(loc);
      steps.push({ macro: this.#macroName[e]!, range: this.#plainRange(spelled, spelled) ?? this.range(loc, loc) });
      loc = this.#invokedAt[e]!;
    }
    return steps;
  }

  /** The `#include` lines that led to a file, innermost first. */
  includeStack(loc: Loc): SourceRange[] {
    const out: SourceRange[] = [];
    for (let file = this.fileOf(loc); file !== null && file.includedAt !== 0; file = this.fileOf(file.includedAt)) {
      out.push(this.range(file.includedAt, file.includedAt));
    }
    return out;
  }

  lineText(fileName: string, line: number): string {
    const file = this.files.find((f) => f.name === fileName);
    if (file === undefined || line < 1) return '';
    this.#lineColumn(file, 0);
    const starts = file.lineStarts!;
    if (line > starts.length) return '';
    const end = line < starts.length ? starts[line]! - 1 : file.text.length;
    return file.text.slice(starts[line - 1]!, end);
  }
}

const offsetIn = (piece: Piece, loc: Loc): number => piece.offset + loc - piece.base;

/** Token buffers by content: the same header text is lexed once in the life of a front end. */
export class TokenCache {
  readonly idents: IdentTable;
  readonly #tables: HeaderTables | undefined;
  readonly #buffers = new Map<string, TokenBuffer>();
  readonly #declarations = new WeakMap<TokenBuffer, { readonly index: DeclarationIndex | null }>();
  #held = 0;

  constructor(tables?: HeaderTables) {
    this.idents = new IdentTable(tables === undefined ? undefined : { from: tables.firstIdent, names: tables.names });
    // Made by another version, whose numbers mean something else.
    const fits = tables !== undefined && this.idents.size === tables.firstIdent + tables.names.length;
    this.#tables = fits ? tables : undefined;
  }

  /** `keep`: remember it (headers, not the file being typed in). */
  tokens(text: string, keep: boolean): TokenBuffer {
    const known = this.#buffers.get(text);
    if (known !== undefined) return known;
    const before = keep ? this.#tables?.find(text) : undefined;
    if (before !== undefined) this.#declarations.set(before.buffer, { index: before.index });
    const buffer = before?.buffer ?? lex(text, this.idents);
    if (keep) {
      // A handful of vmlinux.h versions at most; then the oldest go.
      this.#buffers.set(text, buffer);
      this.#held += text.length;
      for (const old of this.#buffers.keys()) {
        if (this.#held <= 32_000_000 || old === text) break;
        this.#buffers.delete(old);
        this.#held -= old.length;
      }
    }
    return buffer;
  }

  /** Which declarations of a header can wait; null = none. */
  declarations(buffer: TokenBuffer): DeclarationIndex | null {
    let known = this.#declarations.get(buffer);
    if (known === undefined) {
      known = { index: indexDeclarations(buffer, this.idents) };
      this.#declarations.set(buffer, known);
    }
    return known.index;
  }
}
