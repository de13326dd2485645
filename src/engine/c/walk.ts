/** Visits statements and expressions below a statement. */
import type { Expr, Stmt } from './ast.ts';

export interface Visitor {
  readonly statement?: (s: Stmt) => void;
  readonly expression?: (e: Expr) => void;
}

/** Every statement and expression below `root`, outermost first. Declarations that are referred to are not entered. */
export function walk(root: Stmt | Expr, visitor: Visitor): void {
  const stack: unknown[] = [root];
  while (stack.length > 0) {
    const node = stack.pop();
    if (Array.isArray(node)) {
      for (let i = node.length - 1; i >= 0; i--) stack.push(node[i]);
      continue;
    }
    if (node === null || typeof node !== 'object') continue;
    if ('kind' in node && 'loc' in node && !('nameLoc' in node)) {
      if ('type' in node) visitor.expression?.(node as unknown as Expr);
      else visitor.statement?.(node as unknown as Stmt);
    }
    const from = stack.length;
    for (const key in node) {
      const value = (node as Record<string, unknown>)[key];
      if (typeof value !== 'object' || value === null) continue;
      if (key === 'vars') for (const v of value as { init: unknown }[]) stack.push(v.init);
      else if (!SKIPPED.has(key)) stack.push(value);
    }
    reverse(stack, from);
  }
}

/** Edges that lead out of the tree: types, declarations, labels that stand in the body too. */
const SKIPPED = new Set([
  'type',
  'decl',
  'field',
  'signature',
  'cases',
  'defaultCase',
  'computeType',
  'variable',
  'enumerator',
]);

/** The tail of a stack, so that what was pushed first is taken first. */
function reverse(list: unknown[], from: number): void {
  for (let i = from, j = list.length - 1; i < j; i++, j--) [list[i], list[j]] = [list[j], list[i]];
}

/** Whether something below could not be checked; a diagnostic says why. */
export const hasErrors = (root: Stmt | Expr): boolean => contains(root, (e) => e.kind === 'error');

/** Whether something below is a question that inlining may answer: `__builtin_constant_p` of what is no constant yet. */
export const asksConstant = (root: Stmt | Expr): boolean =>
  contains(root, (e) => e.kind === 'builtin' && e.name === 'constant_p');

function contains(root: Stmt | Expr, is: (e: Expr) => boolean): boolean {
  let found = false;
  walk(root, {
    expression: (e) => {
      if (is(e)) found = true;
    },
  });
  return found;
}
