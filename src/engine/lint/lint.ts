/** All checks over one unit. */
import type { Diagnostic } from '../../base/index.ts';
import type { Expr, FunctionDecl, Stmt, TranslationUnit } from '../c/index.ts';
import { checkArguments } from './arguments.ts';
import type { PolicyFacts } from './facts.ts';
import { checkFormats, type FormatCall } from './formats.ts';
import { checkRingSizes } from './maps.ts';
import { programsOf } from './programs.ts';
import { Report } from './report.ts';
import { checkReturns } from './returns.ts';

/** What was found in trees, for the next unit that has them too. */
export class LintMemory {
  readonly formats = new WeakMap<Stmt, readonly FormatCall[]>();
  readonly returns = new WeakMap<Stmt, readonly Expr[]>();
}

/** Warnings about a unit that compiles. Nothing here says that a kernel would refuse: that is the loader's and verifier's. */
export function lintPolicy(
  unit: TranslationUnit,
  facts: PolicyFacts,
  memory: LintMemory = new LintMemory(),
): readonly Diagnostic[] {
  const report = new Report(unit);
  for (const p of programsOf(unit)) {
    checkArguments(report, p, facts);
    checkReturns(report, p, facts, memory.returns);
  }
  const inFile = (f: FunctionDecl): boolean => unit.sources.position(f.nameLoc).file === unit.file;
  for (const f of unit.functions) if (f.body !== null && inFile(f)) checkFormats(report, f.body, memory.formats);
  checkRingSizes(report, unit);
  return report.list.filter((d) => d.range.file === unit.file);
}
