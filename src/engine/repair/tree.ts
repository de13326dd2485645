/** Walks over the typed tree: statements with what contains them, and the expressions in them. */
import type { CType, Expr, FunctionDecl, Initializer, Stmt, TranslationUnit } from '../c/index.ts';
import { childStatements, strip } from '../c/index.ts';
import type { Source } from './source.ts';

/** A statement, with the statements around it, innermost last. */
export interface Place {
  readonly stmt: Stmt;
  readonly around: readonly Stmt[];
}

/** All statements of a function, outermost first. */
export function places(func: FunctionDecl): Place[] {
  const out: Place[] = [];
  const visit = (stmt: Stmt, around: readonly Stmt[]): void => {
    out.push({ stmt, around });
    for (const c of childStatements(stmt)) visit(c, [...around, stmt]);
  };
  if (func.body !== null) visit(func.body, []);
  return out;
}

/** The innermost statement at a line (and column, when that helps). Compound statements do not count. */
export function placeAt(func: FunctionDecl, source: Source, line: number, column: number): Place | null {
  let best: Place | null = null;
  let bestSize = Infinity;
  for (const p of places(func)) {
    if (p.stmt.kind === 'compound') continue;
    const r = source.range(p.stmt);
    if (r === null || line < r.line || line > r.endLine) continue;
    const outside = (line === r.line && column < r.column) || (line === r.endLine && column > r.endColumn);
    const size = source.slice(r).length + (outside ? 1e6 : 0);
    if (size <= bestSize) {
      best = p;
      bestSize = size;
    }
  }
  return best;
}

/** The function whose body contains a line. */
export function functionAt(unit: TranslationUnit, source: Source, line: number): FunctionDecl | null {
  for (const f of unit.functions) {
    const r = f.body === null ? null : source.range(f.body);
    if (r !== null && line >= r.line && line <= r.endLine) return f;
  }
  return null;
}

function* ofInitializer(i: Initializer): Generator<Expr> {
  if (i.kind === 'expr') yield i.expr;
  else for (const e of i.entries) yield e.value;
}

/** Expressions directly in an expression. */
function* operands(e: Expr): Generator<Expr> {
  switch (e.kind) {
    case 'deref':
      yield e.pointer;
      return;
    case 'member':
      yield e.base;
      return;
    case 'index':
      yield e.pointer;
      yield e.index;
      return;
    case 'address':
    case 'unary':
    case 'incdec':
    case 'cast':
    case 'preserveAccess':
      yield e.operand;
      return;
    case 'binary':
    case 'compare':
    case 'logical':
    case 'comma':
    case 'pointerDiff':
      yield e.left;
      yield e.right;
      return;
    case 'pointerAdd':
      yield e.pointer;
      yield e.index;
      return;
    case 'assign':
    case 'compoundAssign':
      yield e.target;
      yield e.value;
      return;
    case 'conditional':
      yield e.cond;
      yield e.then;
      yield e.else;
      return;
    case 'elvis':
      yield e.value;
      yield e.otherwise;
      return;
    case 'call':
    case 'builtin':
      yield* e.args;
      return;
    case 'statementExpr':
      for (const s of e.body) yield* ownExpressions(s);
      if (e.result !== null) yield e.result;
      return;
    case 'compoundLiteral':
      if (e.variable.init !== null) yield* ofInitializer(e.variable.init);
      return;
    default:
  }
}

/** Expressions of the statement itself: not of the statements in it. */
export function* ownExpressions(s: Stmt): Generator<Expr> {
  switch (s.kind) {
    case 'decl':
      for (const v of s.vars) if (v.init !== null) yield* ofInitializer(v.init);
      return;
    case 'expr':
      yield s.expr;
      return;
    case 'if':
    case 'while':
    case 'do':
    case 'switch':
      yield s.cond;
      return;
    case 'for':
      if (s.cond !== null) yield s.cond;
      if (s.step !== null) yield s.step;
      return;
    case 'return':
      if (s.value !== null) yield s.value;
      return;
    default:
  }
}

/** Every expression of a statement, outer before inner. */
export function* expressions(s: Stmt): Generator<Expr> {
  const visit = function* (e: Expr): Generator<Expr> {
    yield e;
    for (const o of operands(e)) yield* visit(o);
  };
  for (const e of ownExpressions(s)) yield* visit(e);
}

/** Without the conversions that the checker made explicit. */
export function bare(e: Expr): Expr {
  let x = e;
  while ((x.kind === 'cast' && !x.explicit) || x.kind === 'preserveAccess') x = x.operand;
  return x;
}

export const isPointer = (t: CType): boolean => strip(t).kind === 'pointer';

/** What a pointer type points to, without typedefs and qualifiers; null for other types. */
export function pointee(t: CType): CType | null {
  const s = strip(t);
  return s.kind === 'pointer' ? strip(s.pointee) : null;
}
