/**
 * What the parsing of one stretch of source asked and did: the names of the file scope and the macros it looked up with
 * what they were, and everything it changed outside of itself. When the same text comes again and every question has the
 * same answer, `replay` does what parsing would do. Answers are compared by identity: declarations and types of
 * stretches that are replayed are the same objects again, so that an equal object is equal through and through.
 */
import type { FunctionDecl, Loc, VarDecl } from '../ast.ts';
import type { Context, Mutable, Sym, TagType } from '../context.ts';
import type { Macro } from '../macros.ts';
import type { Adoption } from './adopt.ts';

type Decl = Mutable<FunctionDecl> | Mutable<VarDecl>;
type Marks = { readonly decl: Decl; readonly referenced: boolean; readonly addressTaken: boolean };

const isDecl = (s: Sym | TagType | undefined): s is VarDecl | FunctionDecl =>
  s !== undefined && (s.kind === 'var' || s.kind === 'function');

/** What a later declaration may change of an earlier one, and parsing looks at. */
function faceOf(d: Decl): readonly unknown[] {
  return d.kind === 'function'
    ? [d.type, d.linkage, d.inline, d.attributes, d.body !== null, d.floating]
    : [d.type, d.storage, d.attributes, d.image, d.cleanup];
}

const same = (a: readonly unknown[], b: readonly unknown[]): boolean => a.every((x, i) => x === b[i]);

/** An earlier declaration as it was met. */
interface Met {
  readonly decl: Decl;
  readonly before: Decl;
  readonly face: readonly unknown[];
}

type Kind = 'symbols' | 'tags';

/** Watches one stretch while it is parsed. */
export class Frame {
  readonly #cx: Context;
  readonly #reads = { symbols: new Map<string, Sym | undefined>(), tags: new Map<string, TagType | undefined>() };
  readonly #own = { symbols: new Map<string, Sym>(), tags: new Map<string, TagType>() };
  readonly #met = new Map<Decl, Met>();
  readonly #made = new Set<Decl>();
  readonly #events: ((cx: Context) => void)[] = [];
  /** Types with smaller numbers were there before. */
  readonly #firstId: number;
  /** It did what cannot be replayed. */
  once = false;
  readonly #adoption: Adoption | null;

  /** @param adoption of declarations that were there in earlier compilations; null for what stands in headers */
  constructor(cx: Context, adoption: Adoption | null = null) {
    this.#cx = cx;
    this.#adoption = adoption;
    this.#firstId = cx.newId();
  }

  read(kind: Kind, name: string, value: Sym | TagType | undefined): void {
    if (this.#own[kind].has(name) || this.#reads[kind].has(name)) return;
    this.#note(kind, name, value);
    // Another stretch fetched it from a header. Should that be gone the next time, this one has to.
    if (this.#cx.pulled[kind].has(name)) this.#need(kind, name);
  }

  /** A name that was fetched from where it waited: it counts as if it had been there. */
  fetched(kind: Kind, name: string, value: Sym | TagType): void {
    this.#note(kind, name, value);
    this.#need(kind, name);
  }

  #need(kind: Kind, name: string): void {
    this.#events.push(kind === 'symbols' ? (cx) => cx.fetchSymbol(name) : (cx) => cx.fetchTag(name));
  }

  #note(kind: Kind, name: string, value: Sym | TagType | undefined): void {
    (this.#reads[kind] as Map<string, Sym | TagType | undefined>).set(name, value);
    if (!isDecl(value) || this.#met.has(value) || this.#made.has(value)) return;
    const decl = value as Decl;
    this.#met.set(decl, { decl, before: { ...decl }, face: faceOf(decl) });
    // To see which of these marks are this stretch's.
    decl.referenced = decl.addressTaken = false;
  }

  write(kind: Kind, name: string, value: Sym | TagType): void {
    (this.#own[kind] as Map<string, Sym | TagType>).set(name, value);
    if (isDecl(value) && !this.#met.has(value)) this.#made.add(value as Decl);
    this.#events.push(
      kind === 'symbols'
        ? (cx) => cx.fileScope.symbols.set(name, value as Sym)
        : (cx) => cx.fileScope.tags.set(name, value as TagType),
    );
  }

  /** A function that is declared for the first time. */
  declares(decl: Mutable<FunctionDecl>): Mutable<FunctionDecl> {
    return this.#adoption?.adopt(decl) ?? decl;
  }

  did(event: (cx: Context) => void): void {
    this.#events.push(event);
  }

  /** A record or enum is completed, or changed otherwise. Types of others must stay what they were. */
  changes(id: number): void {
    if (id < this.#firstId) {
      this.once = true;
      this.#cx.entangled = true;
    }
  }

  /** Ends the watch. Marks of others are theirs and this stretch's from here on. */
  finish(): Parsed {
    const marks: Marks[] = [];
    const after: (readonly [Decl, Partial<Decl>])[] = [];
    for (const { decl, before } of this.#met.values()) {
      const { referenced, addressTaken } = decl;
      if (referenced || addressTaken) marks.push({ decl, referenced, addressTaken });
      decl.referenced ||= before.referenced;
      decl.addressTaken ||= before.addressTaken;
      const changes = changedFields(decl, before);
      if (changes !== null) after.push([decl, changes]);
    }
    for (const decl of this.#made) after.push([decl, { ...decl }]);
    return {
      symbols: [...this.#reads.symbols],
      tags: [...this.#reads.tags],
      made: this.#own,
      met: [...this.#met.values()].map(({ decl, face }) => ({ decl, face })),
      events: this.#events,
      marks,
      after,
    };
  }
}

/** Fields of `a` that are not as in `b`, but for marks. What is not changed is its declaration's: it can move. */
function changedFields(a: Decl, b: Decl): Partial<Decl> | null {
  const fields: Partial<Record<keyof Decl, unknown>> = {};
  for (const key of Object.keys(a) as (keyof Decl)[])
    if (key !== 'referenced' && key !== 'addressTaken' && a[key] !== b[key]) fields[key] = a[key];
  return Object.keys(fields).length === 0 ? null : (fields as Partial<Decl>);
}

/** A stretch that was parsed. */
export interface Parsed {
  readonly symbols: readonly (readonly [string, Sym | undefined])[];
  readonly tags: readonly (readonly [string, TagType | undefined])[];
  /** Names it declared. */
  readonly made: { readonly symbols: ReadonlyMap<string, Sym>; readonly tags: ReadonlyMap<string, TagType> };
  readonly met: readonly { readonly decl: Decl; readonly face: readonly unknown[] }[];
  readonly events: readonly ((cx: Context) => void)[];
  readonly marks: readonly Marks[];
  /** Declarations made, as they were at the end; of earlier ones what was changed. */
  readonly after: readonly (readonly [Decl, Partial<Decl>])[];
}

/** Whether every name means what it meant. Changes nothing. */
export function holds(p: Parsed, cx: Context): boolean {
  for (const [name, value] of p.symbols) if (cx.peekSymbol(name) !== value) return false;
  for (const [name, value] of p.tags) if (cx.peekTag(name) !== value) return false;
  for (const { decl, face } of p.met) {
    // What waits in a header has its first face again when it is fetched. A text with errors may have given it another.
    const now = cx.isDeclared(decl) ? decl : cx.waiting?.first(decl);
    if (now !== undefined && !same(faceOf(now), face)) return false;
  }
  return true;
}

/** Does to the unit what parsing did. */
export function replay(p: Parsed, cx: Context): void {
  for (const event of p.events) event(cx);
  for (const [decl, fields] of p.after) Object.assign(decl, fields);
  for (const m of p.marks) {
    m.decl.referenced ||= m.referenced;
    m.decl.addressTaken ||= m.addressTaken;
  }
}

/** Macros that a stretch looked up, with what they were. */
export interface MacroReads {
  /** State of the table in which they were looked up: in the same state they are the same. */
  version: object;
  readonly ids: readonly number[];
  readonly values: readonly (Macro | undefined)[];
}

/** A stretch with everything that the session keeps about it. */
export interface Stretch {
  readonly base: Loc;
  /** Number of the compilation that used it last. */
  used: number;
  /** What served last comes first; none: parsed every time. */
  readonly results: StretchResult[];
}

export type StretchResult =
  | { readonly kind: 'define'; readonly macro: Macro; readonly before: Macro | undefined }
  | {
      readonly kind: 'declaration';
      readonly parsed: Parsed;
      readonly macros: MacroReads;
      /** Pragmas in force. */
      readonly pragmas: string;
      readonly last: { readonly loc: Loc; readonly kind: number; readonly flags: number };
      readonly produced: number;
      readonly invocations: number;
    };
