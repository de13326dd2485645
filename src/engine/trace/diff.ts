/** What differs between two runs of one scenario: the facts a person compares, step by step. */
import type { HookCall, MapDump, RunDiff, RunTrace, StepTrace } from '../lsm/index.ts';

type Change = RunDiff['steps'][number]['changes'][number];

const orNone = (v: string | null): string => v ?? '—';

/** `policy:program` → how often it ran in the step. */
function programRuns(step: StepTrace): Map<string, number> {
  const out = new Map<string, number>();
  for (const h of step.hooks) {
    for (const m of h.modules) {
      for (const p of m.programs) {
        const key = `${p.program} on ${h.hook}`;
        out.set(key, (out.get(key) ?? 0) + (p.state === 'called' ? 1 : 0));
      }
    }
  }
  return out;
}

/** The n-th call of each hook gets a name of its own, so that runs of different length still line up. */
function hooksByName(step: StepTrace): Map<string, HookCall> {
  const seen = new Map<string, number>();
  const out = new Map<string, HookCall>();
  for (const h of step.hooks) {
    const n = (seen.get(h.hook) ?? 0) + 1;
    seen.set(h.hook, n);
    out.set(n === 1 ? h.hook : `${h.hook} (${n})`, h);
  }
  return out;
}

const recordsOf = (step: StepTrace): string[] =>
  step.hooks.flatMap((h) =>
    h.modules.flatMap((m) => m.programs.flatMap((p) => p.records.map((r) => `${r.map}: ${r.text ?? r.bytes}`))),
  );

const overridesOf = (step: StepTrace): string[] =>
  step.hooks.flatMap((h) => h.overrides.map((o) => `${h.hook}: ${o.from} → ${o.to} by ${o.by}`));

function diffStep(a: StepTrace, b: StepTrace): readonly Change[] {
  const out: Change[] = [];
  const add = (what: Change['what'], subject: string, before: string, after: string): void => {
    if (before !== after) out.push({ what, subject, before, after });
  };
  add('errno', a.call, a.errno, b.errno);
  add('decidedBy', a.call, orNone(a.decidedBy), orNone(b.decidedBy));
  const ha = hooksByName(a);
  const hb = hooksByName(b);
  for (const name of new Set([...ha.keys(), ...hb.keys()])) {
    const x = ha.get(name);
    const y = hb.get(name);
    add('hook-return', name, x ? String(x.ret ?? 'void') : 'not reached', y ? String(y.ret ?? 'void') : 'not reached');
  }
  const pa = programRuns(a);
  const pb = programRuns(b);
  for (const key of new Set([...pa.keys(), ...pb.keys()])) {
    const x = pa.get(key) ?? 0;
    const y = pb.get(key) ?? 0;
    if (x === y) continue;
    const text = (n: number): string => (n === 0 ? 'not called' : n === 1 ? 'called' : `called ${n} times`);
    add(y < x ? 'not-called' : 'called', key, text(x), text(y));
  }
  add('overridden', a.call, overridesOf(a).join('; ') || 'nothing', overridesOf(b).join('; ') || 'nothing');
  add('records', a.call, recordsOf(a).join('; ') || 'none', recordsOf(b).join('; ') || 'none');
  return out;
}

const mapText = (m: MapDump | undefined): string =>
  m === undefined
    ? '—'
    : m.entries.length === 0
      ? 'empty'
      : m.entries.map((e) => (e.key === '' ? e.value : `${e.key} = ${e.value}`)).join('\n');

/** Both runs must be of the same scenario; steps are matched by index. */
export function diffRuns(before: RunTrace, after: RunTrace): RunDiff {
  const steps: { index: number; changes: readonly Change[] }[] = [];
  for (const a of before.steps) {
    const b = after.steps.find((s) => s.index === a.index);
    const changes = b ? diffStep(a, b) : [];
    if (changes.length > 0) steps.push({ index: a.index, changes });
  }
  const key = (m: MapDump): string => `${m.policy}/${m.map}`;
  const mapsAfter = new Map(after.maps.map((m) => [key(m), m]));
  const maps = before.maps
    .map((m) => ({ map: key(m), before: mapText(m), after: mapText(mapsAfter.get(key(m))) }))
    .filter((m) => m.before !== m.after);
  return { steps, maps, count: steps.reduce((n, s) => n + s.changes.length, 0) + maps.length };
}
