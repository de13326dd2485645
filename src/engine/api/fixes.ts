/**
 * Quick fixes for the refusals of a file, on request: proving them costs compilations, and a check must not wait for
 * that. Kept by file and kernel until the text, or what it compiles to, changes.
 */
import type { Diagnostic, QuickFix } from '../../base/index.ts';
import type { PolicyCompiler } from './compile.ts';
import type { PolicyState } from './policy.ts';
import type { ReadyProfile } from './profiles.ts';
import { repairs } from './repairs.ts';
import type { RefusalFixes } from './types.ts';

/** Refused programs of a file for which fixes are looked for: each costs some compilations. */
const MAX_REPAIRED = 3;

interface Kept {
  readonly text: string;
  readonly object: Uint8Array;
  readonly fixes: Map<string, readonly QuickFix[]>;
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((x, i) => x === b[i]);

export class FixFinder {
  readonly #compiler: PolicyCompiler;
  readonly #kept = new Map<string, Kept>();

  constructor(compiler: PolicyCompiler) {
    this.#compiler = compiler;
  }

  #keptOf(file: string, kernel: string, text: string, object: Uint8Array): Kept {
    const key = `${kernel}\n${file}`;
    const old = this.#kept.get(key);
    if (old !== undefined && old.text === text && sameBytes(old.object, object)) return old;
    const fresh: Kept = { text, object, fixes: new Map() };
    this.#kept.set(key, fresh);
    return fresh;
  }

  /**
   * What fixes the refusals of a checked file. One step for each edit that is tried; a step that is not taken costs nothing.
   * @param line only refusals at this line; null = all
   */
  *find(
    file: string,
    kernel: ReadyProfile,
    state: PolicyState,
    line: number | null,
  ): Generator<void, readonly RefusalFixes[]> {
    const { source, object, bytes } = state;
    if (source === null || object === null || bytes === null) return [];
    const { id, btf } = kernel.profile;
    const kept = this.#keptOf(file, id, source.text, bytes);
    const out: RefusalFixes[] = [];
    for (const { program: n, diagnostic: d } of state.refusals) {
      if ((line !== null && d.range.line !== line) || (d.fixes ?? []).length > 0) continue;
      const program = object.programs[n];
      let fixes = kept.fixes.get(program.name);
      if (fixes === undefined) {
        if (kept.fixes.size >= MAX_REPAIRED && line === null) continue;
        fixes = yield* repairs(
          {
            ...{ file, ...source, object, kernel },
            compile: (edited) => this.#compiler.object(file, edited, { id, btf }),
          },
          program,
          state.results[n],
        );
        kept.fixes.set(program.name, fixes);
      }
      out.push({ code: d.code, line: d.range.line, column: d.range.column, message: d.message, fixes });
    }
    return out;
  }
}

/** The diagnostics with the fixes that were found for them. */
export function withRefusalFixes(
  diagnostics: readonly Diagnostic[],
  found: readonly RefusalFixes[],
): readonly Diagnostic[] {
  return diagnostics.map((d) => {
    const mine = found.find(
      (f) => f.code === d.code && f.line === d.range.line && f.column === d.range.column && f.message === d.message,
    );
    return mine === undefined || mine.fixes.length === 0 ? d : { ...d, fixes: mine.fixes };
  });
}

/** Takes all steps of a question. */
export function toEnd<T>(steps: Generator<void, T>): T {
  for (;;) {
    const s = steps.next();
    if (s.done === true) return s.value;
  }
}
