/** Refusals of the verifier as diagnostics: at the place in C where they are seen, with their reasons. */
import type { Diagnostic, Reason, Reasons, SourceRange } from '../../base/index.ts';
import type { TranslationUnit } from '../c/index.ts';
import type { LineRecord, LoadedProgram } from '../loader/index.ts';
import { leavingReturn } from '../repair/index.ts';
import type { VerifierResult } from '../verifier/index.ts';
import { wholeFile } from './compile.ts';

/** The line without its indentation, in the policy's file; the whole file where no line is known. */
export function lineRange(file: string, at: LineRecord | null | undefined): SourceRange {
  if (!at) return wholeFile(file);
  const indent = at.text.length - at.text.trimStart().length;
  return {
    file: isFile(file, at.file) ? file : at.file,
    line: at.line,
    column: Math.max(1, at.column > 1 ? at.column : indent + 1),
    endLine: at.line,
    endColumn: Math.max(2, at.text.trimEnd().length + 1),
  };
}

/** Is the file of a line record the policy's? Objects name it as the compiler was told. */
export const isFile = (file: string, named: string): boolean =>
  named === file || named === '' || file.endsWith(`/${named}`) || named.endsWith(`/${file}`);

/** Line of `SEC("section")` in the source: where refusals that are not about an instruction belong. */
export function sectionRange(file: string, text: string | null, section: string): SourceRange {
  if (text === null) return wholeFile(file);
  const at = text.indexOf(`SEC("${section}")`);
  if (at < 0) return wholeFile(file);
  const line = text.slice(0, at).split('\n').length;
  const column = at - text.lastIndexOf('\n', at - 1);
  return { file, line, column, endLine: line, endColumn: column + section.length + 7 };
}

export interface Source {
  readonly file: string;
  /** Null for objects. */
  readonly text: string | null;
  readonly unit: TranslationUnit | null;
}

/** Where a program's refusal shows in the C file. What is missing at the end of a path shows where that path ends. */
function placeOf(s: Source, program: LoadedProgram, r: VerifierResult): SourceRange {
  if (r.line === null) return sectionRange(s.file, s.text, program.section);
  const leaves = r.explanation?.leaves;
  if (!leaves?.line || !isFile(s.file, leaves.line.file)) return lineRange(s.file, r.line);
  if (s.unit === null || s.text === null) return lineRange(s.file, leaves.line);
  const { line, column } = leaves.line;
  const at = leavingReturn(s.unit, s.file, s.text, { line, column, holds: leaves.holds });
  return at ?? lineRange(s.file, leaves.line);
}

/** Line for the verdict of a refused program, 0 when unknown. */
export function refusalLine(s: Source, program: LoadedProgram, r: VerifierResult): number {
  return r.line === null && s.text === null ? 0 : placeOf(s, program, r).line;
}

function reasonsOf(file: string, r: VerifierResult, shown: SourceRange): Reasons | undefined {
  const e = r.explanation;
  if (e === null) return undefined;
  // A constant that is returned at once belongs to the return, whatever line the compiler gave it.
  const returned = e.id === 'return-range' && e.lost?.kind === 'constant' && e.lost.line?.line === e.leaves?.line?.line;
  const place = (p: { insn: number; line: LineRecord | null }): Pick<Reason, 'insn' | 'range'> => ({
    insn: p.insn,
    ...(p.line === null ? {} : { range: lineRange(file, p.line) }),
  });
  return {
    id: e.id,
    text: e.text,
    required: e.required,
    known: e.known,
    lost:
      e.lost === null
        ? null
        : {
            ...place(e.lost),
            ...(returned ? { range: shown } : {}),
            kind: e.lost.kind,
            message: e.lost.what,
          },
    related: e.related.map((x) => ({ ...place(x), message: x.what })),
    path: e.path.map((x) => ({
      ...place(x),
      message: x.what,
      condition: x.condition,
      holds: x.holds,
      taken: x.taken,
      times: x.times,
    })),
    change: e.advice,
  };
}

export function refusalDiagnostic(s: Source, program: LoadedProgram, r: VerifierResult): Diagnostic {
  const e = r.explanation;
  const range = placeOf(s, program, r);
  const reasons = reasonsOf(s.file, r, range);
  const note = (n: Reason, message = n.message): { message: string; range?: SourceRange } => ({
    message,
    ...(n.range === undefined ? {} : { range: n.range }),
  });
  return {
    // A program that is loaded only on demand (`SEC("?...")`) does not keep the others from loading.
    severity: program.autoload ? 'error' : 'warning',
    code: `verifier/${e?.id ?? 'refused'}`,
    message: r.message,
    range,
    ...(e === null ? {} : { explanation: e.advice === '' ? e.text : `${e.text}\n${e.advice}` }),
    notes:
      reasons === undefined
        ? []
        : [
            ...(reasons.lost === null ? [] : [note(reasons.lost, `lost here: ${reasons.lost.message}`)]),
            ...reasons.related.filter((x) => x.insn !== reasons.lost?.insn).map((x) => note(x)),
            ...reasons.path.map((x) => note(x)),
          ],
    ...(reasons === undefined ? {} : { reasons }),
  };
}
