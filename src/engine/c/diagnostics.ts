/** Collects what the front end has to say: ranges and stacks from the sources, a cap, pragmas that silence warnings. */
import type { Diagnostic, DiagnosticNote, QuickFix, Severity, SourceRange } from '../../base/index.ts';
import type { Loc } from './ast.ts';
import { BUNDLE_PREFIX } from './includes.ts';
import type { Sources } from './sources.ts';

export const MAX_DIAGNOSTICS = 200;

/** Thrown when going on makes no sense (too many errors, nesting or expansion limits); caught by `compileFrontEnd`. */
export class FatalError extends Error {
  override readonly name = 'FatalError';
}

export interface DiagnosticOptions {
  readonly notes?: readonly DiagnosticNote[];
  readonly fixes?: readonly QuickFix[];
  readonly explanation?: string;
  /** Instead of the range of the tokens. */
  readonly range?: SourceRange;
}

/** clang's warning flags that headers switch off, and our codes for them. */
const WARNING_FLAGS: Record<string, readonly string[]> = {
  '-Wint-conversion': ['c/int-conversion'],
  '-Wincompatible-pointer-types': ['c/incompatible-pointer', 'c/discards-qualifiers'],
  '-Wunused-variable': ['c/unused-variable'],
  '-Wunused-value': ['c/unused-value'],
  '-Wunused-function': ['c/unused-function'],
  '-Wunused-label': ['c/unused-label'],
  '-Wreturn-type': ['c/missing-return'],
  '-Wattributes': ['c/unknown-attribute'],
  '-Wunknown-attributes': ['c/unknown-attribute'],
  '-Wpointer-sign': ['c/pointer-sign'],
  '-Wuninitialized': ['c/uninitialized'],
};

export class Diagnostics {
  readonly list: Diagnostic[] = [];
  readonly sources: Sources;
  errors = 0;
  /** While > 0 nothing is recorded (tentative work). */
  muted = 0;
  #ignored = new Set<string>();
  readonly #stack: Set<string>[] = [];
  readonly #seen = new Set<string>();
  #found = 0;

  constructor(sources: Sources) {
    this.sources = sources;
  }

  /** A copy, to go on from here again. */
  fork(): Diagnostics {
    const d = new Diagnostics(this.sources);
    d.list.push(...this.list);
    d.errors = this.errors;
    d.#ignored = new Set(this.#ignored);
    d.#stack.push(...this.#stack.map((s) => new Set(s)));
    for (const key of this.#seen) d.#seen.add(key);
    return d;
  }

  /** Another number after everything that was found. */
  get state(): number {
    return this.#found * 1e6 + this.errors;
  }

  /** Which warnings are switched off, in words. */
  get silenced(): string {
    return [this.#ignored, ...this.#stack].map((s) => [...s].sort().join()).join('|');
  }

  error(code: string, message: string, loc: Loc, end: Loc = loc, options: DiagnosticOptions = {}): void {
    this.#add('error', code, message, loc, end, options);
  }

  warning(code: string, message: string, loc: Loc, end: Loc = loc, options: DiagnosticOptions = {}): void {
    if (!this.#ignored.has(code)) this.#add('warning', code, message, loc, end, options);
  }

  note(message: string, loc: Loc, end: Loc = loc): DiagnosticNote {
    return loc === 0 ? { message } : { message, range: this.sources.range(loc, end) };
  }

  /** Ends the compilation with an error. */
  fatal(code: string, message: string, loc: Loc): never {
    this.muted = 0;
    this.error(code, message, loc);
    throw new FatalError(message);
  }

  /** Takes back the errors since the list was `from` long, when all of them have that code. Returns whether it did. */
  retract(from: number, code: string): boolean {
    const since = this.list.slice(from).filter((d) => d.severity === 'error');
    if (since.length === 0 || since.some((d) => d.code !== code)) return false;
    this.#found++;
    this.list.splice(from, Infinity, ...this.list.slice(from).filter((d) => d.severity !== 'error'));
    this.errors = this.list.filter((d) => d.severity === 'error').length;
    return true;
  }

  isIgnored(code: string): boolean {
    return this.#ignored.has(code);
  }

  /** `#pragma GCC|clang diagnostic ...` with its words. */
  pragma(words: readonly string[]): void {
    if (words[0] === 'push') this.#stack.push(new Set(this.#ignored));
    else if (words[0] === 'pop') this.#ignored = this.#stack.pop() ?? this.#ignored;
    else {
      const codes = WARNING_FLAGS[(words[1] ?? '').replaceAll('"', '')] ?? [];
      for (const code of codes) {
        if (words[0] === 'ignored') this.#ignored.add(code);
        else this.#ignored.delete(code);
      }
    }
  }

  #add(severity: Severity, code: string, message: string, loc: Loc, end: Loc, options: DiagnosticOptions): void {
    if (this.muted > 0) return;
    this.#found++;
    const spelled = options.range ?? this.sources.range(loc, end);
    // Nobody can edit a bundled header: what is wrong there is wrong at the #include that brought it in.
    const include = spelled.file.startsWith(BUNDLE_PREFIX) ? this.sources.includeStack(loc).at(-1) : undefined;
    const range = include ?? spelled;
    // One finding of a kind in a header says it all.
    const what = include === undefined ? message : '';
    const key = `${code}\0${range.file}\0${range.line}\0${range.column}\0${what}`;
    if (this.#seen.has(key)) {
      if (severity === 'error') this.errors++;
      return;
    }
    this.#seen.add(key);
    const notes: DiagnosticNote[] = [...(options.notes ?? [])];
    if (include !== undefined) notes.push({ message: 'in this header', range: spelled });
    for (const step of this.sources.expansionStack(loc)) {
      notes.push({ message: `in expansion of macro '${step.macro}'`, range: step.range });
    }
    for (const at of this.sources.includeStack(loc)) notes.push({ message: 'included from here', range: at });
    this.list.push({
      severity,
      code,
      message,
      range,
      ...(options.explanation === undefined ? {} : { explanation: options.explanation }),
      ...(notes.length === 0 ? {} : { notes }),
      ...(options.fixes === undefined || options.fixes.length === 0 ? {} : { fixes: options.fixes }),
    });
    if (severity === 'error') this.errors++;
    if (this.list.length >= MAX_DIAGNOSTICS) throw new FatalError('too many diagnostics');
  }
}

/** Edit distance with transpositions, cut off at `limit`. */
export function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let before: number[] = [];
  let last: number[] = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    let best = i;
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let d = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) d = Math.min(d, before[j - 2]! + 1);
      row.push(d);
      if (d < best) best = d;
    }
    if (best > limit) return limit + 1;
    before = last;
    last = row;
  }
  return last[b.length]!;
}

/** The candidate that was likely meant, or null. */
export function closest(name: string, candidates: Iterable<string>): string | null {
  if (name.length < 2) return null;
  const limit = name.length <= 2 ? 1 : Math.max(1, Math.floor(name.length / 3));
  let best: string | null = null;
  let bestDistance = limit + 1;
  for (const candidate of candidates) {
    if (candidate === name || candidate === '') continue;
    const d = editDistance(name, candidate, bestDistance - 1);
    if (d < bestDistance) {
      best = candidate;
      bestDistance = d;
      if (d === 1) break;
    }
  }
  return best;
}
