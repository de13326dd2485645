/** What can be said only when the whole file is known: recursion, missing returns, unused names, programs without SEC. */
import type { QuickFix } from '../../base/index.ts';
import type { Expr, FunctionDecl, Stmt } from './ast.ts';
import type { Context } from './context.ts';
import { checkFlow } from './flow.ts';
import { childStatements } from './statements.ts';
import { isError, isInteger, isVoid, strip } from './types.ts';

/** @param quiet bodies of which the walk along the control flow has nothing to say: what is added need not be walked again */
export function checkUnit(cx: Context, mainFile: string, quiet?: WeakSet<Stmt>): void {
  const d = cx.diagnostics;
  const inMain = (loc: number): boolean => cx.sources.fileOf(loc)?.name === mainFile;
  recursion(cx);
  for (const fn of cx.functions) {
    if (fn.body === null) continue;
    if (
      !isVoid(fn.type.ret) &&
      !isError(fn.type.ret) &&
      !fn.attributes.naked &&
      !fn.attributes.noReturn &&
      fallsThrough(fn.body) &&
      !cx.unclosed.has(fn)
    ) {
      const never = !returnsSomewhere(fn.body);
      d.warning(
        'c/missing-return',
        `non-void function does not return a value${never ? '' : ' in all control paths'}`,
        fn.body.end,
        fn.body.end,
        {
          explanation: 'The program would end with whatever is in R0; the verifier refuses that ("R0 !read_ok").',
          fixes: missingReturnFix(cx, fn),
        },
      );
    }
    if (quiet?.has(fn.body) !== true && inMain(fn.nameLoc) && !checkFlow(cx, fn)) quiet?.add(fn.body);
    if (
      fn.linkage === 'static' &&
      !fn.referenced &&
      !fn.inline &&
      !fn.attributes.alwaysInline &&
      !fn.attributes.unused &&
      !fn.attributes.used &&
      fn.attributes.section === null &&
      inMain(fn.nameLoc)
    ) {
      d.warning('c/unused-function', `unused function '${fn.name}'`, fn.nameLoc);
    }
    programWithoutSection(cx, fn);
  }
  for (const { decl } of cx.unused) {
    if (inMain(decl.nameLoc) && decl.nameLoc > 0)
      d.warning('c/unused-variable', `unused variable '${decl.name}'`, decl.nameLoc);
  }
}

/** `return 0;` before the closing brace, in a line of its own when the brace has one. */
function missingReturnFix(cx: Context, fn: FunctionDecl): readonly QuickFix[] {
  if (!isInteger(fn.type.ret) || fn.body === null) return [];
  const brace = cx.sources.range(fn.body.end, fn.body.end);
  const before = cx.sources.lineText(brace.file, brace.line).slice(0, brace.column - 1);
  const at = { ...brace, endLine: brace.line, endColumn: brace.column };
  return [cx.fix("Insert 'return 0;'", at, before.trim() === '' ? '\treturn 0;\n' + before : 'return 0; ')];
}

const returnsSomewhere = (s: Stmt): boolean =>
  s.kind === 'return' || s.kind === 'goto' || childStatements(s).some(returnsSomewhere);

/** `BPF_PROG(f, ...)` makes a static `____f` and a global `f`: the latter needs a section to be a program. */
function programWithoutSection(cx: Context, fn: FunctionDecl): void {
  if (!fn.name.startsWith('____') || fn.linkage !== 'static') return;
  const outer = cx.fileScope.symbols.get(fn.name.slice(4));
  if (
    outer?.kind !== 'function' ||
    outer.body === null ||
    outer.attributes.section !== null ||
    outer.linkage === 'static'
  )
    return;
  cx.diagnostics.error(
    'c/missing-sec',
    `'${outer.name}' is a BPF program without SEC(): libbpf would not load it`,
    outer.nameLoc,
    outer.nameLoc,
    {
      explanation: 'Put SEC("lsm/<hook>") in front of it.',
    },
  );
}

/** The verifier refuses recursion, and nothing can be inlined into itself. */
function recursion(cx: Context): void {
  const state = new Map<FunctionDecl, 'open' | 'done'>();
  for (const root of cx.calls.keys()) {
    if (state.has(root)) continue;
    // Iterative depth-first search: call chains may be long.
    const stack: { fn: FunctionDecl; next: Iterator<[FunctionDecl, number]> }[] = [];
    const enter = (fn: FunctionDecl): void => {
      state.set(fn, 'open');
      stack.push({ fn, next: (cx.calls.get(fn) ?? new Map<FunctionDecl, number>())[Symbol.iterator]() });
    };
    enter(root);
    while (stack.length > 0) {
      const top = stack.at(-1)!;
      const step = top.next.next();
      if (step.done === true) {
        state.set(top.fn, 'done');
        stack.pop();
        continue;
      }
      const [callee, loc] = step.value;
      const seen = state.get(callee);
      if (seen === undefined) enter(callee);
      else if (seen === 'open') {
        const cycle = stack.slice(stack.findIndex((s) => s.fn === callee)).map((s) => s.fn.name);
        cx.diagnostics.error(
          'c/recursion',
          `recursion is not allowed in BPF: ${[...cycle, callee.name].join(' -> ')}`,
          loc,
          loc,
        );
      }
    }
  }
}

/** Whether control may reach the end of a statement (labels count as reachable). */
export function fallsThrough(s: Stmt): boolean {
  switch (s.kind) {
    case 'return':
    case 'goto':
    case 'break':
    case 'continue':
      return false;
    case 'compound': {
      let live = true;
      for (const item of s.body) {
        if (!live && !hasLabel(item)) continue;
        live = fallsThrough(item);
      }
      return live;
    }
    case 'if':
      if (s.cond.kind === 'int')
        return s.cond.value !== 0n ? fallsThrough(s.then) : s.else === null || fallsThrough(s.else);
      return s.else === null || fallsThrough(s.then) || fallsThrough(s.else);
    case 'while':
      return !(s.cond.kind === 'int' && s.cond.value !== 0n) || hasBreak(s.body);
    case 'do':
      return s.cond.kind === 'int' && s.cond.value !== 0n
        ? hasBreak(s.body)
        : fallsThrough(s.body) || hasBreak(s.body) || hasContinue(s.body);
    case 'for':
      return (s.cond !== null && !(s.cond.kind === 'int' && s.cond.value !== 0n)) || hasBreak(s.body);
    case 'switch':
      return s.defaultCase === null || fallsThrough(s.body) || hasBreak(s.body);
    case 'case':
    case 'default':
    case 'label':
      return fallsThrough(s.body);
    case 'expr':
      return !neverReturns(s.expr);
    default:
      return true;
  }
}

function neverReturns(e: Expr): boolean {
  if (e.kind === 'builtin') return e.name === 'unreachable' || e.name === 'trap';
  if (e.kind === 'call') return e.target.kind === 'function' && e.target.decl.attributes.noReturn;
  if (e.kind === 'statementExpr') return e.body.some((s) => !fallsThrough(s));
  return e.kind === 'cast' && strip(e.type).kind === 'void' && neverReturns(e.operand);
}

const isLoop = (s: Stmt): boolean => s.kind === 'while' || s.kind === 'do' || s.kind === 'for';
const hasLabel = (s: Stmt): boolean =>
  s.kind === 'label' || s.kind === 'case' || s.kind === 'default' || childStatements(s).some(hasLabel);
const hasBreak = (s: Stmt): boolean =>
  s.kind === 'break' || (!isLoop(s) && s.kind !== 'switch' && childStatements(s).some(hasBreak));
const hasContinue = (s: Stmt): boolean => s.kind === 'continue' || (!isLoop(s) && childStatements(s).some(hasContinue));
