/**
 * Code of functions kept from one compilation of a file to the next. What a function's code is made of: its tree, what
 * lowering and optimisation look at in the declarations that the tree names, and the same of every function that it leads to,
 * with the number of callers of each (which decides on inlining) and the constants that all of them pass. The IR on the way to it is kept as well: it needs less to
 * be as it was. Trees, types and declarations are compared by identity:
 * the front end's session gives the same objects for the same source (c/incremental).
 */
import type { FunctionDecl, TranslationUnit, VarDecl } from '../c/index.ts';
import type { Func } from './ir.ts';
import type { FunctionCode } from './machine/emit.ts';
import type { Passed } from './opt/passed-constants.ts';

export interface FunctionStats {
  readonly name: string;
  readonly section: string;
  /** Instructions, ld_imm64 counted once. */
  readonly insns: number;
  readonly stack: number;
}

type Fields = readonly unknown[];
type Dep = readonly [VarDecl | FunctionDecl, Fields];

/** What lowering a function shows. */
export interface Lowered {
  /** As lowered: functions called, and those named in any way. */
  readonly calls: ReadonlySet<FunctionDecl>;
  readonly names: ReadonlySet<FunctionDecl>;
  /** Nothing in it depends on more than the functions it names. */
  readonly plain: boolean;
  /** There are operations on blocks of memory whose size may become known later. */
  readonly blocks: boolean;
}

/** What is known of one function that was lowered without findings. */
export interface Entry extends Lowered {
  readonly decl: FunctionDecl;
  readonly own: Fields;
  readonly deps: readonly Dep[];
  /** Simplified, with nothing inlined yet. To be copied. Null: to be lowered again. */
  simplified: Func | null;
  finished: Finished | null;
  /** Constants in its calls, as simplified. Null: not looked at, or to be looked at again. */
  passes: Passed | null;
}

interface Finished {
  /** The functions that it leads to, itself too, as they were, with what the rest of the unit decides about them. */
  readonly all: readonly (readonly [FunctionDecl, Entry, string])[];
  /** As optimised. */
  readonly names: ReadonlySet<FunctionDecl>;
  /** Null when it was not emitted. */
  readonly code: FunctionCode | null;
  readonly stats: FunctionStats | null;
  /** As optimised, for those that call it: they may have it inlined. Null when nobody does. */
  readonly ir: Func | null;
}

const ownOf = (d: FunctionDecl): Fields => [
  d.body,
  d.name,
  d.type,
  d.params,
  d.linkage,
  d.inline,
  d.attributes,
  d.addressTaken,
];

const fieldsOf = (d: VarDecl | FunctionDecl): Fields =>
  d.kind === 'function'
    ? [d.name, d.type, d.linkage, d.inline, d.attributes, d.body !== null, d.floating, d.addressTaken]
    : [d.name, d.type, d.storage, d.attributes, d.image, d.init, d.cleanup, d.addressTaken];

const same = (a: Fields, b: Fields): boolean => a.every((x, i) => x === b[i]);

/** Edges that lead to no declaration whose state matters: types, and what stands in the tree already. */
const SKIPPED = new Set([
  'type',
  'signature',
  'computeType',
  'field',
  'enumerator',
  'enum',
  'cases',
  'defaultCase',
  'owner',
]);

/** The declarations outside of a function that its tree names, and those that their images name. */
function dependencies(root: FunctionDecl): Dep[] {
  const found = new Set<VarDecl | FunctionDecl>();
  const seen = new Set<object>();
  const work: unknown[] = [root.body, root.params];
  while (work.length > 0) {
    const node = work.pop();
    if (node === null || typeof node !== 'object' || ArrayBuffer.isView(node) || seen.has(node)) continue;
    seen.add(node);
    if (Array.isArray(node)) {
      work.push(...(node as unknown[]));
      continue;
    }
    const { kind } = node as { readonly kind?: string };
    if ('nameLoc' in node && kind === 'function') {
      found.add(node as FunctionDecl);
      continue;
    }
    if ('nameLoc' in node && kind === 'var') found.add(node as VarDecl);
    for (const key in node) if (!SKIPPED.has(key)) work.push((node as Record<string, unknown>)[key]);
  }
  return [...found].map((d) => [d, fieldsOf(d)] as const);
}

export class CodeCache {
  /** By body: an entry goes with the tree it is about. */
  readonly #entries = new WeakMap<object, Entry>();

  /** What is known of a function, when all that lowering looks at is as it was. */
  lowered(d: FunctionDecl): Entry | undefined {
    const e = d.body === null ? undefined : this.#entries.get(d.body);
    if (e === undefined || e.decl !== d || !same(e.own, ownOf(d))) return undefined;
    return e.deps.every(([dep, fields]) => same(fields, fieldsOf(dep))) ? e : undefined;
  }

  keep(d: FunctionDecl, lowered: Lowered): Entry {
    const e: Entry = {
      ...lowered,
      decl: d,
      own: ownOf(d),
      deps: dependencies(d),
      simplified: null,
      finished: null,
      passes: null,
    };
    this.#entries.set(d.body!, e);
    return e;
  }
}

/** One compilation's view: which functions are what they were, and lead to what they did. */
export class KeptCode {
  readonly #entries: ReadonlyMap<FunctionDecl, Entry>;
  readonly #callers: ReadonlyMap<FunctionDecl, number>;
  readonly #passed: Passed;
  /** What was found to hold. */
  readonly #found = new Set<Finished>();

  /** @param entries of all functions of the unit that are compiled */
  constructor(entries: ReadonlyMap<FunctionDecl, Entry>, callers: ReadonlyMap<FunctionDecl, number>, passed: Passed) {
    this.#entries = entries;
    this.#callers = callers;
    this.#passed = passed;
  }

  /** The number of callers of a function, and the constants that all of them pass. */
  #outside(d: FunctionDecl): string {
    return [this.#callers.get(d) ?? 0, ...(this.#passed.get(d) ?? [])].join();
  }

  finished(d: FunctionDecl): Finished | null {
    const done = this.#entries.get(d)?.finished ?? null;
    if (done === null || this.#found.has(done)) return done;
    const holds = done.all.every(
      ([f, entry, outside]) => this.#entries.get(f) === entry && this.#outside(f) === outside,
    );
    if (!holds) return null;
    this.#found.add(done);
    return done;
  }

  keep(
    d: FunctionDecl,
    names: ReadonlySet<FunctionDecl>,
    code: FunctionCode | null,
    stats: FunctionStats | null,
    ir: Func | null,
  ): void {
    const own = this.#entries.get(d);
    if (own === undefined) return;
    own.finished = null;
    const all = new Map<FunctionDecl, Entry>();
    const work = [d];
    while (work.length > 0) {
      const f = work.pop()!;
      if (all.has(f)) continue;
      const e = this.#entries.get(f);
      // A function without a body leads nowhere.
      if (e === undefined) {
        if (f.body !== null) return;
        continue;
      }
      if (!e.plain) return;
      all.set(f, e);
      work.push(...e.names);
    }
    own.finished = { all: [...all].map(([f, e]) => [f, e, this.#outside(f)]), names, code, stats, ir };
  }
}

/** Of the file itself, not of a header. */
export const isOfFile = (unit: TranslationUnit, d: FunctionDecl): boolean =>
  unit.sources.position(d.nameLoc).file === unit.file;
