/** check, dump. */
import type { Diagnostic, DiagnosticNote, Reason, Reasons } from '../../base/index.ts';
import type { CheckReport } from '../../engine/api/index.ts';
import { EXIT, openEngine, print, printJson, requireFile, requireKernel, type ExitCode } from '../context.ts';
import { compileSettings, type CompileOptions } from '../settings.ts';
import { diagnosticText } from '../render.ts';

interface KernelOptions extends CompileOptions {
  readonly kernel: string;
  readonly json?: boolean;
}

const hasErrors = (r: Pick<CheckReport, 'diagnostics'>): boolean => r.diagnostics.some((d) => d.severity === 'error');

/** Of refusals, `reasons` say more. */
const notesOf = (d: Diagnostic): readonly DiagnosticNote[] => (!d.code.startsWith('verifier/') ? (d.notes ?? []) : []);

const noteJson = (n: DiagnosticNote): object => ({
  message: n.message,
  ...(n.range === undefined ? {} : { file: n.range.file, line: n.range.line, column: n.range.column }),
});

/** A reason with its place: `file` only where it is another than the report's. */
const reasonJson = <T extends Reason>(file: string, r: T): object => {
  const { range, ...rest } = r;
  if (range === undefined) return rest;
  return {
    ...rest,
    ...(range.file === file ? {} : { file: range.file }),
    line: range.line,
    column: range.column,
    endLine: range.endLine,
    endColumn: range.endColumn,
  };
};

const reasonsJson = (file: string, r: Reasons): object => ({
  ...r,
  lost: r.lost === null ? null : reasonJson(file, r.lost),
  related: r.related.map((x) => reasonJson(file, x)),
  path: r.path.map((x) => reasonJson(file, x)),
});

/**
 * The stable shape of `check --json`; `CheckJson` in src/protocol is its schema. Only what is asked for or needed comes on
 * top: the file of a diagnostic that is in a header, the compiler's notes (macro expansions, innermost first; earlier
 * definitions), edits where there are any, the reasons of refusals, and with --log explanations and verifier logs.
 */
function checkJson(r: CheckReport, log: boolean): object {
  return {
    file: r.file,
    kernel: r.kernel,
    diagnostics: r.diagnostics.map((d) => ({
      severity: d.severity,
      code: d.code,
      message: d.message,
      line: d.range.line,
      column: d.range.column,
      endLine: d.range.endLine,
      endColumn: d.range.endColumn,
      ...(d.range.file === r.file ? {} : { file: d.range.file }),
      ...(notesOf(d).length === 0 ? {} : { notes: notesOf(d).map(noteJson) }),
      ...(d.fixes === undefined ? {} : { fixes: d.fixes }),
      ...(d.reasons === undefined ? {} : { reasons: reasonsJson(r.file, d.reasons) }),
      ...(!log || d.explanation === undefined ? {} : { explanation: d.explanation }),
    })),
    programs: r.programs.map((p) => ({
      name: p.name,
      section: p.section,
      hook: p.hook,
      accepted: p.accepted,
      message: p.message,
      line: p.line,
      insnsProcessed: p.insnsProcessed,
      ...(log ? { log: p.log } : {}),
      ...(p.states === null ? {} : { states: p.states }),
    })),
  };
}

export function checkCommand(
  root: string,
  files: readonly string[],
  o: KernelOptions & { log?: boolean; states?: boolean },
): ExitCode {
  files.forEach(requireFile);
  const engine = openEngine(root, compileSettings(o));
  const kernel = requireKernel(engine, o.kernel);
  const reports = files.map((f) =>
    engine.check(f, kernel, { log: o.log === true, states: o.states === true, fixes: true }),
  );
  if (o.json === true || o.states === true) printJson({ files: reports.map((r) => checkJson(r, o.log === true)) });
  else {
    for (const r of reports) {
      for (const d of r.diagnostics) print(diagnosticText(d));
      if (r.programs.length === 0 && !hasErrors(r))
        print(`${r.file}: no programs (a program is a function with SEC("lsm/<hook>"))`);
      for (const p of r.programs) {
        if (p.log !== '') print(p.log);
        const count = `${p.insnCount} instructions, ${p.insnsProcessed} processed`;
        const verdict = p.accepted ? '✓ accepted' : `✗ refused: ${p.message}`;
        print(`${r.file}: ${p.section} ${p.name}: ${verdict} by ${r.kernel} (${count})`);
      }
    }
  }
  return reports.some((r) => hasErrors(r) || r.programs.some((p) => !p.accepted && !p.section.startsWith('?')))
    ? EXIT.findings
    : EXIT.fine;
}

export function dumpCommand(root: string, file: string, o: KernelOptions): ExitCode {
  requireFile(file);
  const engine = openEngine(root, compileSettings(o));
  const report = engine.dump(file, requireKernel(engine, o.kernel));
  if (o.json === true) printJson({ file, kernel: o.kernel, ...report });
  else {
    for (const d of report.diagnostics) process.stderr.write(diagnosticText(d) + '\n');
    for (const p of report.programs) {
      print(`${p.section}:`);
      for (const l of p.lines) print(l.text);
      print('');
    }
  }
  return hasErrors(report) ? EXIT.findings : EXIT.fine;
}
