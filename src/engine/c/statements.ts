import type { Stmt } from './ast.ts';

/** Statements directly in another one. */
export function childStatements(s: Stmt): readonly Stmt[] {
  switch (s.kind) {
    case 'compound':
      return s.body;
    case 'if':
      return s.else === null ? [s.then] : [s.then, s.else];
    case 'for':
      return s.init === null ? [s.body] : [s.init, s.body];
    case 'while':
    case 'do':
    case 'switch':
    case 'case':
    case 'default':
    case 'label':
      return [s.body];
    default:
      return [];
  }
}
