/**
 * One file compiled again and again while it is edited. The file is cut into stretches (directives and declarations).
 * A stretch whose text was seen before keeps its locs, wherever it stands now, and is parsed again only when something
 * that it looked up means something else now; else what parsing did is done again (see frame.ts). The beginning up to
 * the last `#include`, with all headers, is one piece: the state after it is kept, and every compilation starts from
 * a copy. What comes out is what a front end without memory makes.
 */
import { checkUnit } from '../checks.ts';
import { Context } from '../context.ts';
import type { Region } from '../deferred.ts';
import { Diagnostics, FatalError } from '../diagnostics.ts';
import type { FunctionDecl, Loc, Stmt, TranslationUnit, VarDecl } from '../ast.ts';
import type { FrontEndInput } from '../front-end.ts';
import type { IncludeResolver, ResolvedInclude } from '../includes.ts';
import { KernelTypes } from '../kernel-types.ts';
import type { TokenBuffer } from '../lexer.ts';
import { bodyOf } from '../macros.ts';
import { parseTranslationUnit } from '../parse-decl.ts';
import { Parser } from '../parser.ts';
import { declareStandard } from '../predefined.ts';
import { Preprocessor, type FileCursor } from '../preprocessor.ts';
import { Sources, type TokenCache } from '../sources.ts';
import { Adoption } from './adopt.ts';
import { Frame, holds, replay, type Stretch, type StretchResult } from './frame.ts';
import { cut, textOf, type Cut } from './stretches.ts';
import { WaitingDeclarations } from './waiting.ts';

/** Compilations for which a stretch that is not there any more is kept: what is undone comes back. */
const KEPT = 16;
/** Results kept of a stretch, for what its names meant at other times: undoing an edit of a helper gives its callers back. */
const VERSIONS = 4;
/** Bytes of all results, about; over that older ones go, though they could serve. */
const MAX_BYTES = 48_000_000;
/** What a token comes to, with its tree and the code that is kept for it. */
const TOKEN_BYTES = 400;
/** Macro tokens over which the session starts afresh. */
const MAX_WEIGHT = 3_000_000;
const MAX_RUNS = 5_000;
/** A file of more is no policy that somebody edits. */
const MAX_STRETCHES = 20_000;

type Decl = VarDecl | FunctionDecl;

/** Where the front end stands behind the last `#include`. */
interface Prefix {
  /** Texts of its stretches. */
  readonly texts: readonly string[];
  readonly bases: readonly Loc[];
  readonly asked: readonly Asked[];
  /** Number of files read. */
  readonly files: number;
  readonly cx: Context;
  readonly pp: Preprocessor;
  readonly diagnostics: Diagnostics;
  readonly conditionals: FileCursor['conditionals'];
  readonly regions: readonly Region[];
  readonly decls: readonly (readonly [Decl, Decl])[];
  readonly parser: Pick<Parser, 'attributeStack' | 'packStack' | 'pack' | 'unroll' | 'last' | 'lastKind' | 'lastFlags'>;
  /** Offset of each stretch, when something in them knows its place: findings, `__LINE__`. */
  readonly offsets: readonly number[] | null;
}

interface Asked {
  readonly question: Parameters<IncludeResolver['resolve']>;
  readonly answer: ResolvedInclude | null;
}

/** What the compilations since the last fresh start share. */
interface Shared {
  readonly sources: Sources;
  readonly ids: { next: number };
  readonly waiting: WaitingDeclarations;
  readonly stretches: Map<string, Stretch[]>;
  readonly kernel: KernelTypes | null;
  /** Bodies of functions that are nothing to speak of, see `checkUnit`. */
  readonly quiet: WeakSet<Stmt>;
  readonly adoption: Adoption;
  prefix: Prefix | null;
  runs: number;
}

/** Characters of source are a quarter of a token. */
const bytesOf = (text: string, r: StretchResult): number =>
  r.kind === 'declaration' ? TOKEN_BYTES * (text.length / 4 + r.produced) : text.length;

export class FrontEndSession {
  readonly #maxBytes: number;
  #shared: Shared | null = null;
  #key: readonly unknown[] = [];

  constructor(maxBytes = MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes of what is kept of declarations, about. */
  get bytes(): number {
    let sum = 0;
    for (const [text, list] of this.#shared?.stretches ?? [])
      for (const s of list) for (const r of s.results) sum += bytesOf(text, r);
    return sum;
  }

  /** Lets go of older results first, then of what this text does not have: what it has is needed for the next. */
  #trim({ stretches, runs }: Shared): void {
    let left = this.bytes;
    for (const unused of [false, true])
      for (const [text, list] of stretches)
        for (const s of list) {
          if (left <= this.#maxBytes) return;
          const keep = unused && s.used < runs ? 0 : 1;
          for (const r of s.results.splice(keep)) left -= bytesOf(text, r);
        }
  }

  /** Forgets everything. */
  clear(): void {
    this.#shared = null;
  }

  /** Null when the text is not for it: then a front end without memory has to do. */
  compile(input: FrontEndInput, tokens: TokenCache): UnitParts | null {
    const buffer = tokens.tokens(input.text, false);
    if (buffer.openComment >= 0) return null;
    const { defines, kernelVersion } = input.target;
    const key = [tokens, input.file, input.profileBtf, kernelVersion, JSON.stringify(defines ?? {})];
    if (key.some((x, i) => x !== this.#key[i])) this.clear();
    this.#key = key;
    const cuts = cut(buffer);
    if (cuts.length > MAX_STRETCHES) return null;
    const texts = cuts.map((c) => textOf(buffer, c));
    let shared = this.#shared;
    if (shared !== null && !isCurrent(shared, buffer, cuts, texts, input.includes)) shared = null;
    shared ??= {
      sources: new Sources(),
      ids: { next: 1 },
      waiting: new WaitingDeclarations(),
      stretches: new Map(),
      kernel: input.profileBtf === null ? null : new KernelTypes(input.profileBtf),
      quiet: new WeakSet(),
      adoption: new Adoption(),
      prefix: null,
      runs: 0,
    };
    this.#shared = shared;
    const run = new Run(input, tokens, shared, buffer, cuts, texts);
    const parts = run.compile();
    if (!run.good) this.clear();
    else this.#trim(shared);
    return parts;
  }
}

/** Whether the beginning of the file, and every header, is what it was. */
function isCurrent(
  shared: Shared,
  buffer: TokenBuffer,
  cuts: readonly Cut[],
  texts: readonly string[],
  includes: IncludeResolver,
): boolean {
  const { prefix } = shared;
  if (prefix === null || shared.runs > MAX_RUNS || shared.sources.weight > MAX_WEIGHT) return false;
  if (lastInclude(buffer, cuts) !== prefix.texts.length) return false;
  if (prefix.texts.some((t, i) => t !== texts[i])) return false;
  if (prefix.offsets?.some((o, i) => o !== buffer.start[cuts[i]!.from]) === true) return false;
  return prefix.asked.every(({ question, answer }) => {
    const now = includes.resolve(...question);
    return now === null || answer === null
      ? now === answer
      : now.path === answer.path && now.folder === answer.folder && now.text === answer.text;
  });
}

/** Number of stretches up to the last `#include`. */
function lastInclude(b: TokenBuffer, cuts: readonly Cut[]): number {
  for (let n = cuts.length; n > 0; n--) {
    const { from, to, directive } = cuts[n - 1]!;
    if (
      directive &&
      to > from + 1 &&
      /^(include|include_next|import)$/.test(b.text.slice(b.start[from + 1], b.end[from + 1]))
    )
      return n;
  }
  return 0;
}

export interface UnitParts {
  readonly cx: Context;
  readonly files: readonly string[];
  readonly sources: TranslationUnit['sources'];
}

/** A stretch that is being parsed. */
interface Open {
  readonly cut: Cut;
  readonly stretch: Stretch;
  readonly frame: Frame;
  readonly version: object;
  readonly pragmas: string;
  readonly before: readonly number[];
  readonly produced: number;
  readonly invocations: number;
}

/** One compilation. */
class Run {
  /** What it leaves behind may be built upon. */
  good = true;
  readonly #input: FrontEndInput;
  readonly #shared: Shared;
  readonly #buffer: TokenBuffer;
  readonly #cuts: readonly Cut[];
  readonly #texts: readonly string[];
  readonly #stretches: Stretch[];
  /** How many of a text's stretches serve in this compilation. */
  readonly #taken = new Map<string, number>();
  readonly #prefixLength: number;
  readonly #cx: Context;
  readonly #pp: Preprocessor;
  readonly #parser: Parser;
  readonly #cursor: FileCursor;
  readonly #asked: Asked[] = [];
  /** Number of the stretch that begins at a token, plus one. */
  readonly #at: Int32Array;
  #open: Open | null = null;
  #inPrefix: boolean;

  constructor(
    input: FrontEndInput,
    tokens: TokenCache,
    shared: Shared,
    buffer: TokenBuffer,
    cuts: readonly Cut[],
    texts: readonly string[],
  ) {
    const { sources, prefix, kernel } = shared;
    this.#input = input;
    this.#shared = shared;
    this.#buffer = buffer;
    this.#cuts = cuts;
    this.#texts = texts;
    shared.runs++;
    this.#prefixLength = prefix?.texts.length ?? lastInclude(buffer, cuts);
    this.#inPrefix = prefix === null;
    if (prefix === null) sources.addFile(input.file, input.text, 0);
    this.#stretches = texts.map((text, i) => this.#stretch(text, i));
    this.#at = new Int32Array(buffer.count);
    const { locs, parts } = this.#place();
    const file = sources.place(input.text, parts);
    const diagnostics = prefix?.diagnostics.fork() ?? new Diagnostics(sources);
    const cx = new Context(diagnostics, shared.ids);
    this.#cx = cx;
    const resolve: IncludeResolver['resolve'] = (...question) => {
      const answer = input.includes.resolve(...question);
      this.#asked.push({ question, answer });
      return answer;
    };
    this.#pp = new Preprocessor(
      {
        sources,
        cache: tokens,
        diagnostics,
        includes: { resolve, known: () => input.includes.known() },
        hasVirtualVmlinux: kernel !== null,
        onVirtualVmlinux: (renamed) => {
          cx.kernel = kernel?.renamed(renamed) ?? null;
        },
      },
      prefix?.pp,
    );
    cx.target = input.target;
    cx.missingInclude = () => this.#pp.missingInclude;
    this.#cursor = this.#pp.open(file, buffer, locs);
    this.#parser = new Parser(this.#pp, cx);
  }

  #stretch(text: string, i: number): Stretch {
    const { stretches, prefix, sources, runs } = this.#shared;
    if (i < this.#prefixLength)
      return { base: prefix?.bases[i] ?? sources.allocate(text.length), used: runs, results: [] };
    let list = stretches.get(text);
    if (list === undefined) stretches.set(text, (list = []));
    // Each serves once in a compilation.
    const next = this.#taken.get(text) ?? 0;
    this.#taken.set(text, next + 1);
    let found = list[next];
    if (found === undefined) {
      found = { base: sources.allocate(text.length), used: runs, results: [] };
      list.push(found);
    }
    found.used = runs;
    return found;
  }

  #place(): { locs: Int32Array; parts: { base: Loc; offset: number }[] } {
    const b = this.#buffer;
    const locs = new Int32Array(b.count);
    const parts: { base: Loc; offset: number }[] = [];
    this.#cuts.forEach((c, n) => {
      const { base } = this.#stretches[n]!;
      const offset = b.start[c.from]!;
      parts.push({ base, offset });
      for (let i = c.from; i < c.to; i++) locs[i] = base + b.start[i]! - offset;
      this.#at[c.from] = n + 1;
    });
    const end = b.count - 1;
    const base = this.#shared.sources.allocate(1);
    parts.push({ base, offset: b.start[end]! });
    locs[end] = base;
    return { locs, parts };
  }

  compile(): UnitParts {
    const cx = this.#cx;
    try {
      this.#begin();
      parseTranslationUnit(this.#parser, () => this.#goOn(), this.#shared.prefix?.regions ?? []);
      this.#close(-1);
      checkUnit(cx, this.#input.file, this.#shared.quiet);
    } catch (e) {
      this.good = false;
      if (!(e instanceof FatalError)) throw e;
    } finally {
      this.#close(-1);
    }
    const { prefix, sources } = this.#shared;
    // A header that is read each time would be placed each time.
    if (cx.entangled || this.#inPrefix || prefix === null || sources.files.length > prefix.files) this.good = false;
    this.#sweep();
    return { cx, files: [this.#input.file, ...this.#pp.files], sources: this.#shared.sources };
  }

  /** Takes the state up where the prefix ended, or starts with nothing. */
  #begin(): void {
    const { prefix } = this.#shared;
    const cx = this.#cx;
    if (prefix === null) {
      declareStandard(this.#pp, cx, this.#input);
      return;
    }
    const from = prefix.cx;
    for (const [decl, fields] of prefix.decls) Object.assign(decl, fields);
    for (const [name, sym] of from.fileSymbols) cx.fileSymbols.restore(name, sym);
    for (const [name, tag] of from.fileTags) cx.fileTags.restore(name, tag);
    cx.kernel = from.kernel;
    cx.variables.push(...from.variables);
    cx.functions.push(...from.functions);
    cx.types.push(...from.types);
    cx.unused.push(...from.unused);
    for (const [f, calls] of from.calls) cx.calls.set(f, calls);
    for (const f of from.unclosed) cx.unclosed.add(f);
    for (const name of from.unknownTypes) cx.unknownTypes.add(name);
    cx.localLabels = from.localLabels;
    cx.waiting = this.#shared.waiting;
    const p = this.#parser;
    p.attributeStack.push(...prefix.parser.attributeStack);
    p.packStack.push(...prefix.parser.packStack);
    const { pack, unroll, last, lastKind, lastFlags } = prefix.parser;
    Object.assign(p, { pack, unroll, last, lastKind, lastFlags });
    this.#cursor.pos = this.#prefixEnd;
    this.#cursor.conditionals.push(...prefix.conditionals.map((c) => ({ ...c })));
  }

  get #prefixEnd(): number {
    const n = this.#prefixLength;
    return n === 0 ? 0 : this.#cuts[n - 1]!.to;
  }

  /** Keeps where it stands now as the end of the prefix. */
  #keepPrefix(): void {
    const cx = this.#cx;
    const p = this.#parser;
    const n = this.#prefixLength;
    if (this.#cursor.file.presumed !== null || cx.entangled) return;
    const frozen = new Context(cx.diagnostics.fork(), this.#shared.ids);
    for (const [name, sym] of cx.fileSymbols) frozen.fileSymbols.restore(name, sym);
    for (const [name, tag] of cx.fileTags) frozen.fileTags.restore(name, tag);
    frozen.kernel = cx.kernel;
    frozen.variables.push(...cx.variables);
    frozen.functions.push(...cx.functions);
    frozen.types.push(...cx.types);
    frozen.unused.push(...cx.unused);
    for (const [f, calls] of cx.calls) frozen.calls.set(f, calls);
    for (const f of cx.unclosed) frozen.unclosed.add(f);
    for (const name of cx.unknownTypes) frozen.unknownTypes.add(name);
    frozen.localLabels = cx.localLabels;
    const decls: (readonly [Decl, Decl])[] = [];
    for (const s of cx.fileSymbols.values()) if (s.kind === 'var' || s.kind === 'function') decls.push([s, { ...s }]);
    const { pack, unroll, last, lastKind, lastFlags } = p;
    this.#shared.prefix = {
      texts: this.#texts.slice(0, n),
      bases: this.#stretches.slice(0, n).map((s) => s.base),
      asked: [...this.#asked],
      files: this.#shared.sources.files.length,
      cx: frozen,
      pp: new Preprocessor(this.#pp.options, this.#pp),
      diagnostics: frozen.diagnostics,
      conditionals: this.#cursor.conditionals.map((c) => ({ ...c })),
      regions: cx.deferred!.regions(),
      decls,
      parser: {
        ...{ pack, unroll, last, lastKind, lastFlags },
        attributeStack: [...p.attributeStack],
        packStack: [...p.packStack],
      },
      offsets:
        frozen.diagnostics.state === 0 && frozen.diagnostics.list.length === 0 && !this.#pp.usedPlace
          ? null
          : this.#cuts.slice(0, n).map((c) => this.#buffer.start[c.from]!),
    };
    cx.pulled.symbols.clear();
    cx.pulled.tags.clear();
    cx.waiting = this.#shared.waiting;
  }

  get #pragmas(): string {
    const p = this.#parser;
    const silenced = this.#cx.diagnostics.silenced;
    return `${p.attributeStack.join()};${p.pack};${p.packStack.join()};${p.unroll};${silenced}`;
  }

  /** What must be the same after a stretch. */
  get #state(): readonly number[] {
    const cx = this.#cx;
    const pp = this.#pp;
    return [cx.diagnostics.state, pp.counter, cx.localLabels, pp.files.length, this.#cursor.conditionals.length];
  }

  /** Called where no token is read ahead. */
  #goOn(): boolean {
    const pp = this.#pp;
    if (!pp.settle()) return false;
    // In headers too: the place behind the last `#include` must not be missed.
    if (pp.cursors.length !== 1) return pp.runDirective(pp.cursors.at(-1)!);
    const cursor = this.#cursor;
    const open = this.#open;
    if (open !== null) {
      if (cursor.pos > open.cut.from && cursor.pos < open.cut.to) return false;
      this.#close(cursor.pos);
    }
    if (this.#inPrefix) {
      if (cursor.pos < this.#prefixEnd) return pp.runDirective(cursor);
      this.#inPrefix = false;
      if (cursor.pos === this.#prefixEnd) this.#keepPrefix();
    }
    const n = this.#at[cursor.pos]! - 1;
    if (n < 0) return false;
    const c = this.#cuts[n]!;
    const stretch = this.#stretches[n]!;
    if (c.directive) {
      this.#directive(c, stretch);
      return true;
    }
    if (this.#reuse(c, stretch)) return true;
    this.#watch(c, stretch);
    return false;
  }

  #directive(c: Cut, stretch: Stretch): void {
    const { macros } = this.#pp;
    const r = stretch.results[0];
    if (r?.kind === 'define' && macros.peek(r.macro.id) === r.before) {
      macros.set(r.macro.id, r.macro);
      this.#cursor.pos = c.to;
      return;
    }
    stretch.results.length = 0;
    const b = this.#buffer;
    const isDefine = c.to > c.from + 2 && b.text.slice(b.start[c.from + 1], b.end[c.from + 1]) === 'define';
    const id = isDefine ? b.id[c.from + 2]! : 0;
    const before = id === 0 ? undefined : macros.peek(id);
    const { state } = this.#cx.diagnostics;
    this.#pp.runDirective(this.#cursor);
    const macro = id === 0 ? undefined : macros.peek(id);
    if (macro === undefined || macro === before || this.#cx.diagnostics.state !== state) return;
    // Its tokens are made now, while the text is at hand.
    bodyOf(macro);
    stretch.results.push({ kind: 'define', macro, before });
  }

  #reuse(c: Cut, stretch: Stretch): boolean {
    const n = stretch.results.findIndex((r) => r.kind === 'declaration' && this.#serves(r));
    const r = stretch.results[n];
    if (r?.kind !== 'declaration') return false;
    if (n > 0) stretch.results.unshift(...stretch.results.splice(n, 1));
    replay(r.parsed, this.#cx);
    this.#pp.produced += r.produced;
    this.#pp.invocations += r.invocations;
    this.#cursor.pos = c.to;
    this.#parser.last = r.last.loc;
    this.#parser.lastKind = r.last.kind;
    this.#parser.lastFlags = r.last.flags;
    return true;
  }

  /** Whether parsing would find all that it found then. */
  #serves(r: Extract<StretchResult, { kind: 'declaration' }>): boolean {
    if (r.pragmas !== this.#pragmas) return false;
    const { macros } = this.#pp;
    const known = r.macros;
    if (known.version !== macros.version) {
      if (known.ids.some((id, i) => macros.peek(id) !== known.values[i])) return false;
      known.version = macros.version;
    }
    return holds(r.parsed, this.#cx);
  }

  #watch(c: Cut, stretch: Stretch): void {
    const { macros } = this.#pp;
    this.#open = {
      cut: c,
      stretch,
      frame: new Frame(this.#cx, this.#shared.adoption),
      version: macros.version,
      pragmas: this.#pragmas,
      before: this.#state,
      produced: this.#pp.produced,
      invocations: this.#pp.invocations,
    };
    this.#cx.watch = this.#open.frame;
    this.#pp.usedPlace = false;
    this.#parser.compared = null;
    macros.startReading();
  }

  /** Ends what is being watched at a token. */
  #close(at: number): void {
    const open = this.#open;
    if (open === null) return;
    this.#open = null;
    const pp = this.#pp;
    const p = this.#parser;
    this.#cx.watch = null;
    const macros = pp.macros.stopReading();
    const parsed = open.frame.finish();
    const state = this.#state;
    if (
      at !== open.cut.to ||
      open.cut.mixed ||
      open.frame.once ||
      pp.usedPlace ||
      open.version !== pp.macros.version ||
      open.before.some((x, i) => x !== state[i]) ||
      open.pragmas !== this.#pragmas
    )
      return;
    open.stretch.results.unshift({
      kind: 'declaration',
      parsed,
      macros: { version: open.version, ...macros },
      pragmas: open.pragmas,
      last: { loc: p.last, kind: p.lastKind, flags: p.lastFlags },
      produced: pp.produced - open.produced,
      invocations: pp.invocations - open.invocations,
    });
    if (open.stretch.results.length > VERSIONS) open.stretch.results.length = VERSIONS;
  }

  /** Drops stretches that were not there for long. */
  #sweep(): void {
    const { stretches, runs } = this.#shared;
    if (runs % KEPT !== 0) return;
    for (const [text, list] of stretches) {
      const left = list.filter((s) => runs - s.used < KEPT);
      if (left.length === 0) stretches.delete(text);
      else if (left.length < list.length) stretches.set(text, left);
    }
  }
}
