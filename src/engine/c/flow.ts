/**
 * What a walk along the control flow of one function finds: variables read before anything was written to them, and
 * values that are computed and thrown away. Only what is certain is said; what depends on the path is the verifier's.
 */
import type { Expr, FunctionDecl, Stmt, VarDecl } from './ast.ts';
import type { Context } from './context.ts';
import { isInteger, isPointer, isVoid, qualifiersOf, strip } from './types.ts';

/** Variables that hold nothing on every path to here; null = control does not get here. */
type State = Set<VarDecl> | null;

const join = (a: State, b: State): State => (a === null ? b : b === null ? a : new Set([...a].filter((v) => b.has(v))));

const copy = (s: State): State => (s === null ? null : new Set(s));

/** True when there was something to say, whether it was said or silenced. */
export function checkFlow(cx: Context, fn: FunctionDecl): boolean {
  if (fn.body === null) return false;
  const flow = new Flow(cx);
  flow.statement(fn.body);
  return flow.found;
}

class Flow {
  found = false;
  readonly #cx: Context;
  #state: State = new Set();
  readonly #breaks: State[] = [];
  readonly #continues: State[] = [];
  readonly #switches: State[] = [];
  readonly #reported = new Set<VarDecl>();

  constructor(cx: Context) {
    this.#cx = cx;
  }

  statement(s: Stmt): void {
    switch (s.kind) {
      case 'compound':
        for (const item of s.body) {
          if (item.kind === 'expr' && unusedValue(this.#cx, item.expr)) this.found = true;
          this.statement(item);
        }
        break;
      case 'decl':
        for (const v of s.vars) this.#declare(v);
        break;
      case 'expr':
        this.#expr(s.expr);
        break;
      case 'if': {
        this.#expr(s.cond);
        const before = copy(this.#state);
        this.statement(s.then);
        const after = this.#state;
        this.#state = before;
        if (s.else !== null) this.statement(s.else);
        this.#state = join(after, this.#state);
        break;
      }
      case 'while':
        this.#expr(s.cond);
        this.#loop(s.body, null);
        break;
      case 'do':
        this.#loop(s.body, s.cond);
        break;
      case 'for': {
        if (s.init !== null) this.statement(s.init);
        if (s.cond !== null) this.#expr(s.cond);
        this.#loop(s.body, s.step);
        break;
      }
      case 'switch': {
        this.#expr(s.cond);
        this.#switches.push(copy(this.#state));
        this.#breaks.push(s.defaultCase === null ? copy(this.#state) : null);
        this.#state = null;
        this.statement(s.body);
        this.#switches.pop();
        this.#state = join(this.#state, this.#breaks.pop()!);
        break;
      }
      case 'case':
      case 'default':
        this.#state = join(this.#state, copy(this.#switches.at(-1) ?? null));
        this.statement(s.body);
        break;
      case 'label':
        // Where the jumps to it come from is not followed: nothing is certain any more.
        this.#state = new Set();
        this.statement(s.body);
        break;
      case 'return':
        if (s.value !== null) this.#expr(s.value);
        this.#state = null;
        break;
      case 'goto':
        this.#state = null;
        break;
      case 'break':
        if (this.#breaks.length > 0) this.#breaks.push(join(this.#breaks.pop()!, this.#state));
        this.#state = null;
        break;
      case 'continue':
        if (this.#continues.length > 0) this.#continues.push(join(this.#continues.pop()!, this.#state));
        this.#state = null;
        break;
      case 'asm':
        for (const i of s.inputs) this.#expr(i.expr);
        for (const o of s.outputs) this.#written(o.expr);
        break;
      case 'empty':
        break;
    }
  }

  /** The first time round, then `next` (a `for`'s step, a `do`'s condition); what follows is certain of no round at all. */
  #loop(body: Stmt, next: Expr | null): void {
    const before = copy(this.#state);
    this.#breaks.push(null);
    this.#continues.push(null);
    this.statement(body);
    this.#state = join(this.#state, this.#continues.pop()!);
    if (next !== null) this.#expr(next);
    this.#state = join(join(before, this.#state), this.#breaks.pop()!);
  }

  #declare(v: VarDecl): void {
    if (v.init === null) {
      const scalar = isInteger(v.type) || isPointer(v.type);
      if (scalar && !v.addressTaken && !v.synthetic && v.name !== '' && !qualifiersOf(v.type).volatile)
        this.#state?.add(v);
    } else if (v.init.kind === 'expr') this.#expr(v.init.expr);
    else for (const e of v.init.entries) this.#expr(e.value);
  }

  /** A store to an l-value; the operands that find it are evaluated. */
  #written(target: Expr): void {
    if (target.kind === 'var') {
      if (target.decl.kind === 'var') this.#state?.delete(target.decl);
    } else this.#expr(target);
  }

  #read(e: Expr): void {
    if (e.kind !== 'var' || e.decl.kind !== 'var') return;
    const v = e.decl;
    if (!this.#state?.has(v) || this.#reported.has(v)) return;
    this.#reported.add(v);
    this.found = true;
    const d = this.#cx.diagnostics;
    const after = this.#cx.sources.rangeAfter(v.nameLoc);
    d.warning('c/uninitialized', `variable '${v.name}' is uninitialized when used here`, e.loc, e.end, {
      notes: [d.note(`initialize the variable '${v.name}' to silence this warning`, v.nameLoc)],
      ...(v.nameLoc > 0 ? { fixes: [this.#cx.fix(`Initialize '${v.name}' with 0`, after, ' = 0')] } : {}),
    });
  }

  /** Both ways of a choice; what is certain after it is what both leave. */
  #either(a: () => void, b: () => void): void {
    const before = copy(this.#state);
    a();
    const first = this.#state;
    this.#state = before;
    b();
    this.#state = join(first, this.#state);
  }

  #expr(e: Expr): void {
    switch (e.kind) {
      case 'assign':
        this.#expr(e.value);
        this.#written(e.target);
        break;
      case 'compoundAssign':
        this.#expr(e.value);
        this.#read(e.target);
        this.#written(e.target);
        break;
      case 'incdec':
        this.#read(e.operand);
        this.#written(e.operand);
        break;
      case 'cast':
        if (e.cast === 'lvalueToRvalue') this.#read(e.operand);
        this.#expr(e.operand);
        break;
      case 'logical':
        this.#expr(e.left);
        this.#either(
          () => this.#expr(e.right),
          () => {},
        );
        break;
      case 'conditional':
        this.#expr(e.cond);
        this.#either(
          () => this.#expr(e.then),
          () => this.#expr(e.else),
        );
        break;
      case 'elvis':
        this.#expr(e.value);
        this.#either(
          () => this.#expr(e.otherwise),
          () => {},
        );
        break;
      case 'binary':
      case 'compare':
      case 'comma':
      case 'pointerDiff':
        this.#expr(e.left);
        this.#expr(e.right);
        break;
      case 'pointerAdd':
      case 'index':
        this.#expr(e.pointer);
        this.#expr(e.index);
        break;
      case 'deref':
        this.#expr(e.pointer);
        break;
      case 'member':
        this.#expr(e.base);
        break;
      case 'address':
      case 'unary':
      case 'preserveAccess':
        this.#expr(e.operand);
        break;
      case 'call':
        if (e.target.kind === 'indirect') this.#expr(e.target.pointer);
        for (const a of e.args) this.#expr(a);
        break;
      case 'builtin':
        for (const a of e.args) this.#expr(a);
        break;
      case 'statementExpr':
        this.statement({ kind: 'compound', body: e.body, loc: e.loc, end: e.end });
        if (e.result !== null) this.#expr(e.result);
        break;
      case 'compoundLiteral':
        this.#declare(e.variable);
        break;
      default:
        break;
    }
  }
}

const RESULTS: Record<string, string> = { '==': 'equality', '!=': 'inequality' };

/** `a == b;` and other values that nobody looks at. What macros leave behind is not the author's. */
function unusedValue(cx: Context, expr: Expr): boolean {
  let e = expr;
  while (e.kind === 'cast' && !e.explicit) e = e.operand;
  if (!hasNoEffect(e) || isVoid(e.type) || qualifiersOf(e.type).volatile || e.loc < 0 || e.end < 0) return false;
  const d = cx.diagnostics;
  if (e.kind !== 'compare') {
    d.warning('c/unused-value', 'expression result unused', e.loc, e.end);
    return true;
  }
  const op = `${RESULTS[e.op] ?? 'relational'} comparison result unused`;
  const range = cx.sources.range(e.loc, e.end);
  const text = cx.sources.lineText(range.file, range.line);
  const at = text.indexOf('==', range.column);
  const edit = { file: range.file, line: range.line, column: at + 1, endLine: range.line, endColumn: at + 3 };
  d.warning('c/unused-value', op, e.loc, e.end, {
    ...(e.op === '==' && at > 0
      ? {
          notes: [{ message: "use '=' to turn this equality comparison into an assignment", range: edit }],
          fixes: [cx.fix("Change '==' to '='", edit, '=')],
        }
      : {}),
  });
  return true;
}

function hasNoEffect(e: Expr): boolean {
  switch (e.kind) {
    case 'int':
    case 'string':
    case 'var':
    case 'function':
      return true;
    case 'compare':
    case 'binary':
    case 'pointerAdd':
    case 'pointerDiff':
    case 'unary':
    case 'deref':
    case 'member':
    case 'index':
    case 'address':
      return true;
    case 'cast':
      return strip(e.type).kind !== 'void';
    case 'conditional':
      return hasNoEffect(e.then) && hasNoEffect(e.else);
    case 'logical':
      return hasNoEffect(e.right);
    default:
      return false;
  }
}
