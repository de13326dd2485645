/** What a program returns: an LSM hook refuses with a negative error number, everything positive is a mistake. */
import { type Expr, type Stmt, walk } from '../c/index.ts';
import { findHook, type PolicyFacts } from './facts.ts';
import { isLsm, type Program } from './programs.ts';
import { part, replace, type Report } from './report.ts';

/** @param known constants that are returned, by body, of bodies seen before: trees do not change */
export function checkReturns(
  report: Report,
  p: Program,
  facts: PolicyFacts,
  known: WeakMap<Stmt, readonly Expr[]>,
): void {
  const hook = isLsm(p) ? findHook(facts.hooks, p.target) : undefined;
  if (hook === undefined || hook.returns === 'void' || p.body.body === null) return;
  // Hooks that answer yes or no.
  if (hook.defaultReturn === 1 || hook.returnRange?.[1] === 1) return;
  let returned = known.get(p.body.body);
  if (returned === undefined) known.set(p.body.body, (returned = returnedConstants(p.body.body)));
  for (const e of returned) positive(report, e);
}

function returnedConstants(body: Stmt): readonly Expr[] {
  const out: Expr[] = [];
  walk(body, {
    statement: (s) => {
      if (s.kind === 'return' && s.value !== null && s.end !== 0) out.push(...constants(s.value));
    },
  });
  return out;
}

/** Constants that a value may be. */
function constants(e: Expr): readonly Expr[] {
  if (e.kind === 'int') return [e];
  if (e.kind === 'cast') return constants(e.operand);
  if (e.kind === 'conditional') return [...constants(e.then), ...constants(e.else)];
  return [];
}

function positive(report: Report, e: Expr): void {
  if (e.kind !== 'int' || e.value <= 0n || e.value > 0x7fff_ffffn) return;
  const range = report.range(e.loc, e.end);
  const text = report.line(range).slice(range.column - 1, range.endColumn - 1);
  const isErrno = e.value <= 4095n && range.line === range.endLine;
  report.add(
    'warning',
    'positive-return',
    `a program on an LSM hook refuses with a negative error number, not with ${e.value}`,
    range,
    {
      explanation:
        'Linux 6.1 loads such a program and the system call fails with EINVAL and a kernel warning; from 6.9 on the verifier refuses it.',
      fixes: isErrno ? [replace(`Change to '-${text}'`, part(range, 0, text.length), `-${text}`)] : [],
    },
  );
}
