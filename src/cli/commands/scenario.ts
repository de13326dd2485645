/** run, orders. */
import type { OrderVariant, RunReport } from '../../engine/api/index.ts';
import type { AttachSemantics } from '../../engine/lsm/index.ts';
import { EXIT, openEngine, print, printJson, requireFile, requireKernel, type ExitCode } from '../context.ts';
import { diagnosticText, diffText, traceText } from '../render.ts';

interface RunOptions {
  readonly kernel?: string;
  readonly cmdline?: string;
  readonly json?: boolean;
}

const hasErrors = (r: Pick<RunReport, 'diagnostics'>): boolean => r.diagnostics.some((d) => d.severity === 'error');

export function runCommand(
  root: string,
  files: readonly string[],
  o: RunOptions & { semantics: AttachSemantics; verbose?: boolean },
): ExitCode {
  files.forEach(requireFile);
  const engine = openEngine(root);
  if (o.kernel !== undefined) requireKernel(engine, o.kernel);
  const reports = files.map((scenario) => ({
    scenario,
    ...engine.run({ scenario, kernel: o.kernel ?? null, cmdline: o.cmdline ?? null, semantics: o.semantics }),
  }));
  if (o.json === true) printJson({ runs: reports });
  else {
    for (const r of reports) {
      for (const d of r.diagnostics) process.stderr.write(diagnosticText(d) + '\n');
      if (!r.trace) continue;
      print(traceText(r.trace, o.verbose === true));
      print(`${r.scenario}: ${r.trace.passed ? '✓ all expectations hold' : '✗ an expectation failed'}`);
    }
  }
  // A policy that was refused was not attached: that its scenario went well says nothing.
  return reports.every((r) => r.trace?.passed === true && !hasErrors(r)) ? EXIT.fine : EXIT.findings;
}

/** Variants that change something, those with the same changes together. */
function alike(variants: readonly OrderVariant[]): readonly (readonly OrderVariant[])[] {
  const groups = new Map<string, OrderVariant[]>();
  for (const v of variants) {
    if (v.diff.count === 0) continue;
    const key = JSON.stringify(v.diff);
    groups.set(key, [...(groups.get(key) ?? []), v]);
  }
  return [...groups.values()];
}

export function ordersCommand(
  root: string,
  scenario: string,
  o: RunOptions & { try?: readonly string[]; semantics?: readonly AttachSemantics[] },
): ExitCode {
  requireFile(scenario);
  const engine = openEngine(root);
  if (o.kernel !== undefined) requireKernel(engine, o.kernel);
  const report = engine.orders({
    scenario,
    kernel: o.kernel ?? null,
    cmdline: o.cmdline ?? null,
    semantics: 'lsm',
    cmdlines: o.try ?? [],
    allSemantics: o.semantics ?? [],
  });
  if (o.json === true) printJson(report);
  else {
    for (const d of report.diagnostics) process.stderr.write(diagnosticText(d) + '\n');
    const { baseline } = report;
    if (baseline) print(`baseline: ${baseline.stack.text} (${baseline.semantics}), kernel ${baseline.kernel}\n`);
    const same = report.variants.filter((v) => v.diff.count === 0);
    for (const group of alike(report.variants)) {
      for (const v of group) print(`${v.trace.stack.text} (${v.semantics})`);
      print(`${group[0].diff.count} changes:`);
      print(diffText(group[0].diff));
      print('');
    }
    print(`${report.variants.length} variants, ${same.length} of them change nothing`);
  }
  return report.baseline === null || hasErrors(report) ? EXIT.findings : EXIT.fine;
}
