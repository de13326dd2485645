/** What was measured, to a file and back: a run in guests takes longer than one wants to wait for at once. */
import { readFileSync } from 'node:fs';
import type { ObjectMeasure, Verdict } from './measure.ts';
import type { Judge, Row } from './report.ts';

const flat = (_key: string, value: unknown): unknown =>
  value instanceof Map ? Object.fromEntries(value as Map<string, unknown>) : value;

export const writeRows = (rows: readonly Row[]): string => JSON.stringify(rows, flat, 1);

type Flat<T> = Readonly<Record<string, T>>;
type FlatMeasure = { readonly openError: string | null; readonly programs: Flat<Verdict> } | null;
type FlatRow = Omit<Row, 'judged'> & {
  readonly judged: Flat<{ readonly ours: FlatMeasure; readonly clang: FlatMeasure }>;
};

const measure = (m: FlatMeasure): ObjectMeasure | null => m && { ...m, programs: new Map(Object.entries(m.programs)) };

export const readRows = (text: string): Row[] =>
  (JSON.parse(text) as FlatRow[]).map((r) => ({
    ...r,
    judged: new Map(Object.entries(r.judged).map(([j, m]) => [j, { ours: measure(m.ours), clang: measure(m.clang) }])),
  }));

/** Rows of files, in their order, and `rows`, which win; with all the judges that there were. */
export function mergeRows(files: readonly string[], rows: readonly Row[] = []): { rows: Row[]; judges: Judge[] } {
  const byId = new Map<string, Row>();
  for (const r of [...files.flatMap((f) => readRows(readFileSync(f, 'utf8'))), ...rows]) {
    const judged = new Map([...(byId.get(r.id)?.judged ?? []), ...r.judged]);
    byId.set(r.id, { ...r, judged });
  }
  const all = [...byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  const judges = [...new Set(all.flatMap((r) => [...r.judged.keys()]))];
  // Sizes are the same wherever an object was opened.
  const asked = judges.filter((j) => !j.startsWith('our loader'));
  return { rows: all, judges: asked.length > 0 ? asked : judges };
}
