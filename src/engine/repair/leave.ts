/** The `return` that a path leaves a function by: compilers join the returns, so that the EXIT has no line of its own. */
import type { SourceRange } from '../../base/index.ts';
import type { Stmt, TranslationUnit } from '../c/index.ts';
import { childStatements } from '../c/index.ts';
import { Source } from './source.ts';
import { functionAt, placeAt, places, type Place } from './tree.ts';

export interface LastPlace {
  readonly line: number;
  readonly column: number;
  /** At a condition: does it hold? Null = not known, or no condition. */
  readonly holds: boolean | null;
}

/** The first statement that runs, when it is a return; blocks are entered. */
function leadingReturn(s: Stmt): Stmt | null {
  if (s.kind === 'return') return s;
  if (s.kind === 'label') return leadingReturn(s.body);
  if (s.kind !== 'compound') return null;
  for (const c of s.body) {
    const found = leadingReturn(c);
    if (found !== null) return found;
  }
  return null;
}

/** The first return behind a statement, in its block or in those around it. */
function returnBehind(p: Place): Stmt | null {
  let child = p.stmt;
  for (const outer of [...p.around].reverse()) {
    const body = outer.kind === 'compound' ? outer.body : childStatements(outer);
    const at = body.indexOf(child);
    if (outer.kind === 'compound') {
      for (const s of body.slice(at + 1)) {
        const found = leadingReturn(s);
        if (found !== null) return found;
      }
    }
    child = outer;
  }
  return null;
}

/**
 * Where the function is left, given the last line of the path that has instructions of its own.
 * @returns null where the source does not tell
 */
export function leavingReturn(unit: TranslationUnit, file: string, text: string, last: LastPlace): SourceRange | null {
  const source = new Source(file, text, unit.sources);
  const func = functionAt(unit, source, last.line);
  if (func === null) return null;
  let place = placeAt(func, source, last.line, last.column);
  if (place === null) return null;
  // A condition is found as the statement that it belongs to.
  const { stmt } = place;
  let found: Stmt | null = null;
  if (stmt.kind === 'return') found = stmt;
  else if (stmt.kind === 'if') {
    if (last.holds === null) return null;
    const way = last.holds ? stmt.then : stmt.else;
    found = (way === null ? null : leadingReturn(way)) ?? returnBehind(place);
  } else {
    place = places(func).find((p) => p.stmt === stmt) ?? place;
    found = returnBehind(place);
  }
  return found === null ? null : source.range(found);
}
