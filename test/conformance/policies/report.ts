/** The figures over all sources. */
import type { ObjectMeasure, Verdict } from './measure.ts';

/** Where an object was measured: `Linux 6.12`, `our verifier 6.12`, ... */
export type Judge = string;

export interface Row {
  readonly id: string;
  readonly repo: string;
  readonly licence: string;
  /** Null = compiled. */
  readonly clangError: string | null;
  readonly ourError: string | null;
  /** Compile time, ms. */
  readonly times: { readonly ours: number; readonly clang: number } | null;
  readonly judged: Map<Judge, { readonly ours: ObjectMeasure | null; readonly clang: ObjectMeasure | null }>;
}

export interface Pair {
  readonly id: string;
  readonly program: string;
  readonly ours: Verdict;
  readonly clang: Verdict;
}

/** Programs that both compilers emitted and the judge accepted both of. */
export function pairs(rows: readonly Row[], judge: Judge): Pair[] {
  return rows.flatMap((row) => {
    const j = row.judged.get(judge);
    if (!j?.ours || !j.clang) return [];
    return [...j.clang.programs].flatMap(([program, clang]) => {
      const ours = j.ours!.programs.get(program);
      return ours?.accepted && clang.accepted ? [{ id: row.id, program, ours, clang }] : [];
    });
  });
}

/** Programs (or whole objects) of ours that the judge refuses although it accepts clang's. */
export function regressions(rows: readonly Row[], judge: Judge): { id: string; program: string; reason: string }[] {
  return rows.flatMap((row) => {
    const j = row.judged.get(judge);
    if (!j?.ours || !j.clang || j.clang.openError !== null) return [];
    if (j.ours.openError !== null) return [{ id: row.id, program: '(object)', reason: j.ours.openError }];
    return [...j.clang.programs].flatMap(([program, clang]) => {
      const ours = j.ours!.programs.get(program);
      if (!clang.accepted || ours?.accepted) return [];
      return [{ id: row.id, program, reason: ours?.reason ?? 'no such program in our object' }];
    });
  });
}

export const geometricMean = (xs: readonly number[]): number =>
  xs.length === 0 ? NaN : Math.exp(xs.reduce((a, x) => a + Math.log(x), 0) / xs.length);

/** Ours ÷ clang's. */
export interface Ratio {
  readonly static: number;
  /** NaN where it was not counted. */
  readonly processed: number;
}

const ratio = (all: readonly Pair[]): Ratio => {
  const sum = (of: (p: Pair) => number): number => all.reduce((n, p) => n + of(p), 0);
  const counted = all.every((p) => p.ours.processed > 0 && p.clang.processed > 0);
  return {
    static: sum((p) => p.ours.insns) / sum((p) => p.clang.insns),
    processed: counted ? sum((p) => p.ours.processed) / sum((p) => p.clang.processed) : NaN,
  };
};

const mean = (all: readonly Ratio[]): Ratio => ({
  static: geometricMean(all.map((r) => r.static)),
  processed: geometricMean(all.map((r) => r.processed).filter((x) => !Number.isNaN(x))),
});

export interface Quality {
  readonly programs: number;
  readonly objects: number;
  /** Geometric means. */
  readonly perProgram: Ratio;
  readonly perObject: Ratio;
  /** Above 1.5 × in either figure, worst first. */
  readonly outliers: readonly (Pair & Ratio)[];
}

export const OUTLIER = 1.5;

export function quality(rows: readonly Row[], judge: Judge): Quality {
  const all = pairs(rows, judge).map((p) => ({ ...p, ...ratio([p]) }));
  const objects = rows.map((r) => pairs([r], judge)).filter((p) => p.length > 0);
  const worst = (r: Ratio): number => Math.max(r.static, r.processed || 0);
  return {
    programs: all.length,
    objects: objects.length,
    perProgram: mean(all),
    perObject: mean(objects.map(ratio)),
    outliers: all.filter((p) => worst(p) > OUTLIER).sort((a, b) => worst(b) - worst(a)),
  };
}

/** Of one object: how many programs were accepted, out of how many. */
export function accepted(m: ObjectMeasure | null | undefined): { accepted: number; programs: number } | null {
  if (!m) return null;
  return { accepted: [...m.programs.values()].filter((v) => v.accepted).length, programs: m.programs.size };
}

const loads = (m: ObjectMeasure | null | undefined): string => {
  const n = accepted(m);
  return n === null ? '' : m!.openError !== null ? 'no' : `${n.accepted}/${n.programs}`;
};

/** Why not one program of either object loads, in the words that were said of clang's; null when one does. */
function neither(r: Row, judge: Judge): string | null {
  const j = r.judged.get(judge);
  if (!j?.ours || !j.clang) return null;
  const some = (m: ObjectMeasure): boolean => m.openError === null && (accepted(m)?.accepted ?? 0) > 0;
  if (some(j.ours) || some(j.clang)) return null;
  if (j.clang.openError !== null) return j.clang.openError;
  return [...j.clang.programs.values()].find((v) => v.reason !== '')?.reason ?? 'it has no programs';
}

const figure = (x: number): string => (Number.isNaN(x) ? '' : x.toFixed(2));

/** What the table says of one source, cell by cell. */
export function cells(r: Row, judges: readonly Judge[]): string[] {
  const compiles =
    r.clangError !== null
      ? `clang refuses it${r.ourError === null ? '; we compile it' : ' too'}: ${r.clangError}`
      : (r.ourError ?? 'yes');
  return [
    r.id,
    compiles,
    ...judges.flatMap((j) => {
      const m = r.judged.get(j);
      const q = quality([r], j).perObject;
      const bad = regressions([r], j).map((b) => `; ${b.program}: ${b.reason}`);
      const why = neither(r, j);
      const both = why === null ? '' : `; neither: ${why}`;
      return [`${loads(m?.ours)}, ${loads(m?.clang)}${bad.join('')}${both}`, figure(q.static), figure(q.processed)];
    }),
  ];
}

export const heading = (judges: readonly Judge[]): string[] => [
  'source',
  'compiles',
  ...judges.flatMap((j) => [`${j}: ours, clang's`, 'size ×', 'processed ×']),
];

/** One line a source: compiled?, and for each judge how many programs load (ours, clang's) and the two ratios. */
export function table(rows: readonly Row[], judges: readonly Judge[]): string {
  const head = heading(judges);
  const line = (l: readonly string[]): string => `| ${l.map((c) => c.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map((r) => line(cells(r, judges)))].join('\n');
}
