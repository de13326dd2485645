/** What parser and checker share while they go through one translation unit: scopes, lists, the current function. */
import type { SourceRange } from '../../base/index.ts';
import type { Btf } from '../bpf/index.ts';
import type {
  Attributes, CaseStmt, DefaultStmt, Expr, FunctionDecl, GotoStmt, LabelStmt, Loc, ParamDecl, VarDecl,
} from './ast.ts'; // prettier-ignore
import { closest, type Diagnostics } from './diagnostics.ts';
import type { DeferredDeclarations } from './deferred.ts';
import type { KernelTypes } from './kernel-types.ts';
import type { Sources } from './sources.ts';
import type { Frame } from './incremental/frame.ts';
import { sameAttributes } from './incremental/adopt.ts';
import { Names } from './incremental/names.ts';
import type { WaitingDeclarations } from './incremental/waiting.ts';
import type { EnumeratorSymbol, TypedefSymbol } from './symbols.ts';
import type { CType, EnumType, RecordType, TypedefType } from './types.ts';

export type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

export type Sym = VarDecl | ParamDecl | FunctionDecl | TypedefSymbol | EnumeratorSymbol;
export type TagType = RecordType | EnumType;

export class Scope {
  readonly symbols: Map<string, Sym>;
  readonly tags: Map<string, TagType>;
  /** Names of `__label__` declarations and what makes them unique in the function. */
  readonly labels = new Map<string, string>();
  readonly parent: Scope | null;
  constructor(parent: Scope | null, symbols = new Map<string, Sym>(), tags = new Map<string, TagType>()) {
    this.parent = parent;
    this.symbols = symbols;
    this.tags = tags;
  }
}

/** State of the function being parsed. */
export interface FunctionState {
  readonly decl: Mutable<FunctionDecl>;
  readonly labels: Map<string, Mutable<LabelStmt>>;
  readonly gotos: GotoStmt[];
  readonly usedLabels: Set<string>;
  readonly locals: VarDecl[];
  readonly calls: Map<FunctionDecl, Loc>;
  loops: number;
  switches: SwitchState[];
  /** `break`/`continue` nesting. */
  breakable: number;
  /** The address of a label was taken, and refused. */
  computedGoto: boolean;
}

export interface KernelTarget {
  readonly kernelVersion: string;
  readonly otherKernels?: () => readonly { readonly kernel: string; readonly btf: Btf }[];
}

export interface SwitchState {
  readonly type: CType;
  readonly cases: CaseStmt[];
  defaultCase: DefaultStmt | null;
}

export class Context {
  readonly diagnostics: Diagnostics;
  readonly sources: Sources;
  readonly fileSymbols = new Names<Sym>(this, 'symbols');
  readonly fileTags = new Names<TagType>(this, 'tags');
  readonly fileScope = new Scope(null, this.fileSymbols, this.fileTags);
  scope: Scope = this.fileScope;
  kernel: KernelTypes | null = null;
  deferred: DeferredDeclarations | null = null;
  fn: FunctionState | null = null;
  readonly variables: VarDecl[] = [];
  readonly functions: FunctionDecl[] = [];
  readonly types: (RecordType | EnumType | TypedefType)[] = [];
  /** Direct calls by caller, for recursion. */
  readonly calls = new Map<FunctionDecl, ReadonlyMap<FunctionDecl, Loc>>();
  /** Functions whose closing brace is missing. */
  readonly unclosed = new Set<FunctionDecl>();
  readonly unused: { readonly decl: VarDecl; readonly fn: FunctionDecl }[] = [];
  /** > 0 inside `sizeof`, `typeof`: nothing is evaluated. */
  unevaluated = 0;
  /** Names reported as unknown types. */
  readonly unknownTypes = new Set<string>();
  missingInclude: () => boolean = () => false;
  /** The kernel that is compiled for, and the others. */
  target: KernelTarget = { kernelVersion: '' };
  /** Sees what the parser asks and does in the file scope, while there is something to learn (see incremental/). */
  watch: Frame | null = null;
  /** Declarations of headers that were parsed on demand before; null: every time anew. */
  waiting: WaitingDeclarations | null = null;
  /** Names of the file scope that came from where they waited. */
  readonly pulled = { symbols: new Set<string>(), tags: new Set<string>() };
  /** A type was changed after the declaration that made it. */
  entangled = false;
  readonly #ids: { next: number };

  /** @param ids the next number of a type; given, it goes on from another unit */
  constructor(diagnostics: Diagnostics, ids: { next: number } = { next: 1 }) {
    this.diagnostics = diagnostics;
    this.sources = diagnostics.sources;
    this.#ids = ids;
  }

  newId(): number {
    return this.#ids.next++;
  }

  addVariable(v: VarDecl): void {
    this.variables.push(v);
    this.watch?.did((cx) => cx.variables.push(v));
  }

  addType(t: RecordType | EnumType | TypedefType): void {
    this.types.push(t);
    this.watch?.did((cx) => cx.types.push(t));
  }

  /** Puts a function at the end of the list, where its definition stands. */
  listFunction(f: FunctionDecl): void {
    const at = this.functions.lastIndexOf(f);
    if (at >= 0) this.functions.splice(at, 1);
    this.functions.push(f);
    this.watch?.did((cx) => cx.listFunction(f));
  }

  setCalls(f: FunctionDecl, calls: ReadonlyMap<FunctionDecl, Loc>): void {
    this.calls.set(f, calls);
    this.watch?.did((cx) => cx.calls.set(f, calls));
  }

  addUnused(decl: VarDecl, fn: FunctionDecl): void {
    this.unused.push({ decl, fn });
    this.watch?.did((cx) => cx.unused.push({ decl, fn }));
  }

  /** Number of `__label__` declarations so far. */
  localLabels = 0;

  pushScope(): void {
    this.scope = new Scope(this.scope);
  }

  popScope(): void {
    this.scope = this.scope.parent!;
  }

  /** The function-wide name of a label: `__label__ x` makes its own `x.1` (no label of C has a dot). */
  labelName(name: string): string {
    for (let s: Scope | null = this.scope; s !== null; s = s.parent) {
      const found = s.labels.get(name);
      if (found !== undefined) return found;
    }
    return name;
  }

  lookup(name: string): Sym | undefined {
    for (let s: Scope | null = this.scope; s !== null; s = s.parent) {
      const found = s.symbols.get(name);
      if (found !== undefined) return found;
    }
    return this.kernelSymbol(name);
  }

  /** A symbol that waits in a header, or a typedef or enumerator of the virtual vmlinux.h; then it is in the file scope. */
  kernelSymbol(name: string): Sym | undefined {
    const waiting = this.deferred?.symbol(name);
    if (waiting !== undefined) {
      this.watch?.fetched('symbols', name, waiting);
      return waiting;
    }
    const sym = this.kernel?.symbol(name);
    if (sym !== undefined) this.fileSymbols.pull(name, sym);
    return sym;
  }

  lookupTag(name: string): TagType | undefined {
    for (let s: Scope | null = this.scope; s !== null; s = s.parent) {
      const found = s.tags.get(name);
      if (found !== undefined) return found;
    }
    return this.#waitingTag(name) ?? this.deferred?.mention(name);
  }

  #waitingTag(name: string): TagType | undefined {
    const waiting = this.deferred?.tag(name);
    if (waiting !== undefined) {
      this.watch?.fetched('tags', name, waiting);
      return waiting;
    }
    const found = this.kernel?.tag(name);
    if (found !== undefined) this.fileTags.pull(name, found);
    return found;
  }

  /** Fetches a name that waits, if it does so still. */
  fetchSymbol(name: string): void {
    if (this.fileSymbols.peek(name) === undefined) this.kernelSymbol(name);
  }

  fetchTag(name: string): void {
    if (this.fileTags.peek(name) === undefined) this.#waitingTag(name);
  }

  /** What a name of the file scope would be found to be, without looking it up: an object of its own when that is not known. */
  peekSymbol(name: string): object | undefined {
    return this.fileSymbols.peek(name) ?? this.deferred?.peek('symbols', name) ?? this.kernel?.symbol(name);
  }

  peekTag(name: string): object | undefined {
    return this.fileTags.peek(name) ?? this.deferred?.peek('tags', name) ?? this.kernel?.tag(name);
  }

  isDeclared(d: VarDecl | FunctionDecl): boolean {
    return this.fileSymbols.peek(d.name) === d;
  }

  /** A use that was not parsed (text skipped, a misspelt name): what is meant is not unused. */
  markReferenced(name: string): void {
    for (let s: Scope | null = this.scope; s !== null; s = s.parent) {
      const found = s.symbols.get(name);
      if (found === undefined) continue;
      if (found.kind !== 'typedef' && found.kind !== 'enumerator') (found as Mutable<VarDecl>).referenced = true;
      return;
    }
  }

  /** Visible names like this one. */
  suggest(name: string, filter: (s: Pick<Sym, 'kind'>) => boolean = () => true): string | null {
    const names: string[] = [];
    for (const waiting of this.deferred?.names() ?? []) if (filter(waiting)) names.push(waiting.name);
    for (let s: Scope | null = this.scope; s !== null; s = s.parent) {
      for (const [n, sym] of s.symbols) if (filter(sym)) names.push(n);
    }
    return closest(name, names);
  }

  fix(
    title: string,
    range: SourceRange,
    text: string,
  ): { title: string; edits: { range: SourceRange; text: string }[] } {
    return { title, edits: [{ range, text }] };
  }
}

export const NO_ATTRIBUTES: Attributes = {
  section: null,
  sectionLoc: 0,
  alwaysInline: false,
  noInline: false,
  weak: false,
  used: false,
  unused: false,
  hidden: false,
  noReturn: false,
  gnuInline: false,
  naked: false,
  error: null,
  aligned: 0,
  packed: false,
  preserveAccessIndex: false,
  cleanup: null,
  declTags: [],
};

/** Union of the attributes of two declarations of the same thing. */
export function mergeAttributes(a: Attributes, b: Attributes): Attributes {
  if (b === NO_ATTRIBUTES) return a;
  if (a === NO_ATTRIBUTES) return b;
  const merged: Attributes = {
    section: b.section ?? a.section,
    sectionLoc: b.section === null ? a.sectionLoc : b.sectionLoc,
    alwaysInline: a.alwaysInline || b.alwaysInline,
    noInline: a.noInline || b.noInline,
    weak: a.weak || b.weak,
    used: a.used || b.used,
    unused: a.unused || b.unused,
    hidden: a.hidden || b.hidden,
    noReturn: a.noReturn || b.noReturn,
    gnuInline: a.gnuInline || b.gnuInline,
    naked: a.naked || b.naked,
    error: b.error ?? a.error,
    aligned: Math.max(a.aligned, b.aligned),
    packed: a.packed || b.packed,
    preserveAccessIndex: a.preserveAccessIndex || b.preserveAccessIndex,
    cleanup: b.cleanup ?? a.cleanup,
    declTags: [...a.declTags, ...b.declTags.filter((t) => !a.declTags.includes(t))],
  };
  return sameAttributes(a, merged) ? a : merged;
}

/** Marks what an expression's address being taken means for declarations. */
export function markAddressTaken(e: Expr): void {
  for (;;) {
    if (e.kind === 'member') e = e.base;
    else if (e.kind === 'preserveAccess') e = e.operand;
    else if (e.kind === 'index') {
      if (e.pointer.kind !== 'cast' || e.pointer.cast !== 'arrayDecay') return;
      e = e.pointer.operand;
    } else break;
  }
  if (e.kind === 'var') (e.decl as Mutable<VarDecl>).addressTaken = true;
  else if (e.kind === 'function') (e.decl as Mutable<FunctionDecl>).addressTaken = true;
}
