/** The table of `docs/language.md`, between two marks. */
import { readFileSync, writeFileSync } from 'node:fs';
import { quality, regressions, table, type Judge, type Row } from './report.ts';

export const BEGIN = '<!-- policies: written by npm run report:policies -- --markdown -->';
export const END = '<!-- policies: end -->';

/** Replaces what stands between the marks of a file. */
export function writeMarkdown(file: string, rows: readonly Row[], judges: readonly Judge[]): void {
  const text = readFileSync(file, 'utf8');
  const from = text.indexOf(BEGIN);
  const to = text.indexOf(END);
  if (from < 0 || to < from) throw new Error(`${file} has no "${BEGIN}" with "${END}" behind it`);
  writeFileSync(file, `${text.slice(0, from + BEGIN.length)}\n\n${markdown(rows, judges)}\n\n${text.slice(to)}`);
}

export function markdown(rows: readonly Row[], judges: readonly Judge[]): string {
  const counted = rows.filter((r) => r.clangError === null);
  const good = counted.filter((r) => r.ourError === null).length;
  const summary = judges.map((j) => {
    const q = quality(rows, j);
    const f = (x: number): string => (Number.isNaN(x) ? '' : x.toFixed(2));
    return `| ${[
      j,
      q.objects,
      q.programs,
      regressions(rows, j).length,
      `${f(q.perObject.static)}, ${f(q.perProgram.static)}`,
      `${f(q.perObject.processed)}, ${f(q.perProgram.processed)}`,
      q.outliers.length,
    ].join(' | ')} |`;
  });
  return [
    `${rows.length} sources; clang compiles ${counted.length}, of these we compile ${good} (${((100 * good) / counted.length).toFixed(1)} %).`,
    '',
    "| judge | objects | programs accepted of both | accepted of clang's only | size × (objects, programs) | processed × | programs above 1.5 × |",
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...summary,
    '',
    table(rows, judges),
  ].join('\n');
}
