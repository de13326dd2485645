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
import { INT, type CType, type EnumType, type RecordType, type TypedefType } from './types.ts';

export type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

export interface TypedefSymbol {
  readonly kind: 'typedef';
  readonly type: TypedefType;
  readonly nameLoc: Loc;
}

export interface EnumeratorSymbol {
  readonly kind: 'enumerator';
  readonly name: string;
  readonly value: bigint;
  readonly type: CType;
  readonly enum: EnumType;
  readonly nameLoc: Loc;
}

export type Sym = VarDecl | ParamDecl | FunctionDecl | TypedefSymbol | EnumeratorSymbol;
export type TagType = RecordType | EnumType;

export class Scope {
  readonly symbols = new Map<string, Sym>();
  readonly tags = new Map<string, TagType>();
  /** Names of `__label__` declarations and what makes them unique in the function. */
  readonly labels = new Map<string, string>();
  readonly parent: Scope | null;
  constructor(parent: Scope | null) {
    this.parent = parent;
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
  readonly fileScope = new Scope(null);
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
  #nextId = 1;

  constructor(diagnostics: Diagnostics) {
    this.diagnostics = diagnostics;
    this.sources = diagnostics.sources;
  }

  newId(): number {
    return this.#nextId++;
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
    if (waiting !== undefined || this.kernel === null) return waiting;
    const type = this.kernel.typedef(name);
    let sym: Sym | undefined;
    if (type !== null) sym = { kind: 'typedef', type, nameLoc: 0 };
    else {
      const e = this.kernel.enumerator(name);
      if (e !== null) {
        sym = {
          kind: 'enumerator',
          name,
          value: e.value,
          type: enumeratorType(e.enum, e.value),
          enum: e.enum,
          nameLoc: 0,
        };
      }
    }
    if (sym !== undefined) this.fileScope.symbols.set(name, sym);
    return sym;
  }

  lookupTag(name: string): TagType | undefined {
    for (let s: Scope | null = this.scope; s !== null; s = s.parent) {
      const found = s.tags.get(name);
      if (found !== undefined) return found;
    }
    const waiting = this.deferred?.tag(name);
    if (waiting !== undefined) return waiting;
    const { kernel } = this;
    const found = kernel?.record('struct', name) ?? kernel?.record('union', name) ?? kernel?.enum(name) ?? null;
    if (found === null) return this.deferred?.mention(name);
    this.fileScope.tags.set(name, found);
    return found;
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

/** In C an enumerator is an `int` when it fits, else it has the type of its enum. */
export const enumeratorType = (e: EnumType, value: bigint): CType =>
  value >= -0x8000_0000n && value <= 0x7fff_ffffn ? INT : e.underlying;

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
  return {
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
    aligned: Math.max(a.aligned, b.aligned),
    packed: a.packed || b.packed,
    preserveAccessIndex: a.preserveAccessIndex || b.preserveAccessIndex,
    cleanup: b.cleanup ?? a.cleanup,
    declTags: [...a.declTags, ...b.declTags.filter((t) => !a.declTags.includes(t))],
  };
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
