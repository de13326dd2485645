/**
 * Declarations of big headers that are parsed only when something uses their names. A policy uses a hundred of the 130,000
 * lines of a vmlinux.h and three of the two hundred helpers. What is parsed then reads the very tokens that would have been
 * parsed in their place, in the file scope, under the pragmas of that place; macros have no say in it, because a run of
 * declarations in which any macro's name stands is not deferred.
 */
import type { Loc } from './ast.ts';
import type { Context, Sym, TagType } from './context.ts';
import type { DeclarationIndex, DeferredKind } from './declaration-index.ts';
import { BUNDLE_PREFIX } from './includes.ts';
import { Frame, holds, replay, type Parsed } from './incremental/frame.ts';
import { SourceEnum, SourceRecord } from './layout.ts';
import { Parser } from './parser.ts';
import { locOf, type FileCursor, type Preprocessor } from './preprocessor.ts';
import { K, T, type Token } from './tokens.ts';

/** Headers whose declarations are known to be right: written by tools, or ours. Others are read as they come. */
const isTrusted = (path: string): boolean =>
  path.startsWith(BUNDLE_PREFIX) || /(^|\/)(vmlinux|bpf_helper_defs)\.h$/.test(path);

/** A run of chunks that the parser has passed over. */
export interface Region {
  readonly index: DeclarationIndex;
  readonly from: number;
  readonly to: number;
  readonly cursor: FileCursor;
  readonly attributes: readonly boolean[];
  readonly pack: number;
  /** By chunk: it was parsed, or is being parsed. */
  readonly done: Uint8Array;
}

export class DeferredDeclarations {
  readonly #cx: Context;
  readonly #parseExternal: (p: Parser) => void;
  readonly #regions: Region[] = [];
  readonly #pp: Preprocessor;

  constructor(cx: Context, pp: Preprocessor, parseExternal: (p: Parser) => void, regions: readonly Region[]) {
    this.#cx = cx;
    this.#pp = pp;
    this.#parseExternal = parseExternal;
    this.#regions.push(...regions.map((r) => ({ ...r, done: r.done.slice() })));
  }

  /** What was passed over, with what was parsed of it so far. */
  regions(): Region[] {
    return this.#regions.map((r) => ({ ...r, done: r.done.slice() }));
  }

  /** What a name would become, if it waits: an object of its own when that is not known. */
  peek(kind: 'symbols' | 'tags', name: string): object | undefined {
    if (this.#regions.length === 0) return undefined;
    const id = this.#pp.cache.idents.intern(name);
    for (const r of this.#regions) {
      const chunk = at(kind === 'symbols' ? r.index.symbol : r.index.tag, id) - 1;
      if (!isOpen(r, chunk) || this.#cx.waiting?.isAsked(r.index, chunk) === true) continue;
      const known = this.#known(r, chunk);
      return known?.made[kind].get(name) ?? r;
    }
    return undefined;
  }

  /** What came of a declaration before, and comes of it again. */
  #known(r: Region, chunk: number): Parsed | undefined {
    const { waiting } = this.#cx;
    const parsed = waiting?.get(r.index, chunk);
    if (waiting === null || parsed === undefined) return undefined;
    waiting.asked.add(parsed);
    const good = holds(parsed, this.#cx);
    waiting.asked.delete(parsed);
    return good ? parsed : undefined;
  }

  /** Passes over the declarations at the parser's token when they can wait. Returns whether it did. */
  pass(p: Parser): boolean {
    const cursor = p.pp.cursorBefore(p.tok);
    if (cursor === null || !p.hasNothingAhead || !isTrusted(cursor.file.name)) return false;
    const index = p.pp.cache.declarations(cursor.buffer);
    if (index === null) return false;
    const first = cursor.pos - 1;
    const from = search(index.start, first);
    if (index.start[from] !== first) return false;
    const runEnd = index.runEnd[from]!;
    const to = search(index.start, runEnd - 1) + 1;
    for (const id of p.pp.macros.keys()) if (index.used[id] === 1) return false;
    if (this.#clashes(index)) return false;
    this.#regions.push({
      index,
      from,
      to,
      cursor,
      attributes: [...p.attributeStack],
      pack: p.pack,
      done: new Uint8Array(to),
    });
    p.jump(cursor, runEnd);
    return true;
  }

  /** Whether a name is declared already: then the parser has to look at both. */
  #clashes(index: DeclarationIndex): boolean {
    const { idents } = this.#pp.cache;
    const { fileScope } = this.#cx;
    for (const name of fileScope.symbols.keys()) if (at(index.symbol, idents.intern(name)) !== 0) return true;
    for (const name of fileScope.tags.keys()) if (at(index.tag, idents.intern(name)) !== 0) return true;
    for (const { index: other } of this.#regions) {
      if (other === index) continue;
      if (shares(index.symbols, other.symbol, other.symbols, index.symbol)) return true;
      if (shares(index.tags, other.tag, other.tags, index.tag)) return true;
    }
    return false;
  }

  /** Declares a name of the file scope that was passed over. */
  symbol(name: string): Sym | undefined {
    if (this.#regions.length === 0) return undefined;
    const id = this.#pp.cache.idents.intern(name);
    for (const r of this.#regions) {
      const chunk = at(r.index.symbol, id) - 1;
      if (!isOpen(r, chunk)) continue;
      this.#parse(r, chunk);
      return this.#cx.fileSymbols.peek(name);
    }
    return undefined;
  }

  /** The same for a tag that is defined. The body of a struct is read when something looks into it. */
  tag(name: string): TagType | undefined {
    if (this.#regions.length === 0) return undefined;
    const id = this.#pp.cache.idents.intern(name);
    for (const r of this.#regions) {
      const chunk = at(r.index.tag, id) - 1;
      if (!isOpen(r, chunk)) continue;
      if (r.index.isRecord[chunk] === 1) {
        // It is changed when it is first looked into, whenever that is.
        this.#cx.entangled = true;
        const record = this.#incomplete(r, r.index.start[chunk]! + 1, name) as SourceRecord;
        record.later = () => this.#parse(r, chunk);
        return record;
      }
      this.#parse(r, chunk);
      return this.#cx.fileTags.peek(name);
    }
    return undefined;
  }

  /** The incomplete type of a tag that is mentioned only. */
  mention(name: string): TagType | undefined {
    if (this.#regions.length === 0) return undefined;
    const id = this.#pp.cache.idents.intern(name);
    for (const r of this.#regions) {
      const token = at(r.index.mention, id) - 1;
      if (token >= 0) return this.#incomplete(r, token, name);
    }
    return undefined;
  }

  /** The type of a tag whose name is token `i`. */
  #incomplete(r: Region, i: number, name: string): TagType {
    const loc: Loc = locOf(r.cursor, i);
    const k = r.cursor.buffer.id[i - 1];
    const id = this.#cx.newId();
    const made =
      k === K.enum
        ? new SourceEnum(name, id, loc)
        : new SourceRecord(k === K.struct ? 'struct' : 'union', name, id, loc);
    this.#cx.fileScope.tags.set(name, made);
    return made;
  }

  #parse(r: Region, chunk: number): void {
    if (r.done[chunk] === 1) return;
    const cx = this.#cx;
    const known = this.#known(r, chunk);
    r.done[chunk] = 1;
    const { scope, fn, unevaluated, watch, diagnostics } = cx;
    let parsed = known ?? null;
    if (known !== undefined) {
      cx.watch = null;
      replay(known, cx);
    } else {
      const frame = cx.waiting === null ? null : new Frame(cx);
      const before = diagnostics.state;
      cx.watch = frame;
      cx.scope = cx.fileScope;
      cx.fn = null;
      cx.unevaluated = 0;
      this.#parseExternal(this.#parser(r, chunk));
      if (frame !== null) {
        parsed = frame.finish();
        cx.waiting!.set(r.index, chunk, frame.once || diagnostics.state !== before ? null : parsed);
      }
    }
    for (const kind of ['symbols', 'tags'] as const)
      for (const name of parsed?.made[kind].keys() ?? []) cx.pulled[kind].add(name);
    Object.assign(cx, { scope, fn, unevaluated, watch });
  }

  #parser(r: Region, chunk: number): Parser {
    const pp = this.#pp;
    const end = r.index.end[chunk]!;
    let i = r.index.start[chunk]!;
    const eof: Token = { kind: T.Eof, text: '', id: 0, loc: locOf(r.cursor, end), flags: 0 };
    const p = new Parser(pp, this.#cx, () => (i < end ? pp.tokenAt(r.cursor, i++) : eof));
    p.attributeStack.push(...r.attributes);
    p.pack = r.pack;
    return p;
  }

  /** Names that wait to be declared, in their order. */
  *names(): Generator<{ readonly name: string; readonly kind: DeferredKind }> {
    for (const r of this.#regions) {
      const { symbols, symbol, kinds } = r.index;
      for (let i = 0; i < symbols.length; i++) {
        if (isOpen(r, symbol[symbols[i]!]! - 1))
          yield { name: this.#pp.cache.idents.name(symbols[i]!), kind: kinds[i]! };
      }
    }
  }
}

/** Identifiers that are newer than the table are in none. */
const at = (table: Int32Array, id: number): number => (id < table.length ? table[id]! : 0);

const isOpen = (r: Region, chunk: number): boolean => chunk >= r.from && chunk < r.to && r.done[chunk] === 0;

/** Whether two lists of identifiers have one in common, each with its table. */
const shares = (a: readonly number[], inB: Int32Array, b: readonly number[], inA: Int32Array): boolean =>
  a.length <= b.length ? a.some((id) => at(inB, id) !== 0) : b.some((id) => at(inA, id) !== 0);

/** The last entry that is not above `value`. */
function search(list: Int32Array, value: number): number {
  let lo = 0;
  let hi = list.length - 1;
  while (lo < hi) {
    const mid = (lo + hi + 1) >> 1;
    if (list[mid]! <= value) lo = mid;
    else hi = mid - 1;
  }
  return lo;
}
