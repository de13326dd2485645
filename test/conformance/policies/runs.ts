/** Both compilers' objects of a source run in the VM, on the same calls: what each program does must be alike. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KernelProfile } from '../../../src/engine/kernel/index.ts';
import { loadObject, type LoadedObject, openObject } from '../../../src/engine/loader/index.ts';
import { parseScenario, type Scenario } from '../../../src/engine/scenario/index.ts';
import { modelled, type Modelled, play, seen, zeroes } from '../compiler-runs.ts';
import type { Measured } from './compare.ts';
import { withInnerMaps } from './measure.ts';

export interface Likeness {
  readonly id: string;
  /** Programs that a call of the model reached, and those that ran on zeroes instead. */
  readonly called: number;
  readonly zeroes: number;
  /** What was not alike, or why nothing ran; empty = alike. */
  readonly differences: readonly string[];
}

/** An object of one compiler; those of a source have the same row. */
export type RunObject = Pick<Measured, 'which' | 'name' | 'bytes' | 'inner'> & {
  readonly row: { readonly id: string };
};

/** Every call that the model knows, once. */
const CALLS = 'test/data/all-calls/all-calls.scenario.yaml';

export function runPolicies(root: string, kernel: KernelProfile, objects: readonly RunObject[]): Likeness[] {
  const { scenario } = parseScenario(readFileSync(join(root, CALLS), 'utf8'), CALLS);
  if (scenario === null) throw new Error(CALLS);
  const where = modelled(kernel);
  const out: Likeness[] = [];
  for (const ours of objects) {
    const theirs = objects.find((o) => o.row === ours.row && o.which === 'clang');
    if (ours.which !== 'ours' || theirs === undefined) continue;
    try {
      out.push(likeness(ours.row.id, load(ours, kernel), load(theirs, kernel), scenario, where));
    } catch (e) {
      out.push({ id: ours.row.id, called: 0, zeroes: 0, differences: [`not run: ${String(e)}`] });
    }
  }
  return out;
}

function load(o: RunObject, kernel: KernelProfile): LoadedObject {
  const opened = openObject(o.bytes, o.name);
  if (!opened.ok) throw new Error(opened.error[0].message);
  const loaded = loadObject(withInnerMaps(opened.value, o.inner), kernel);
  if (!loaded.ok) throw new Error(loaded.error[0].message);
  return loaded.value;
}

function likeness(id: string, ours: LoadedObject, theirs: LoadedObject, scenario: Scenario, where: Modelled): Likeness {
  const differences: string[] = [];
  const called = new Set<string>();
  const [a, b] = [ours, theirs].map((o) => seen(play(scenario, o, where), called)) as [Seen, Seen];
  a.steps.forEach((s, n) => {
    if (JSON.stringify(s) !== JSON.stringify(b.steps[n]))
      differences.push(`${s.text}: ${firstDifference(s, b.steps[n])}`);
  });
  if (JSON.stringify(a.maps) !== JSON.stringify(b.maps)) differences.push(`maps: ${firstDifference(a.maps, b.maps)}`);
  let onZeroes = 0;
  for (const p of ours.programs) {
    if (called.has(p.name) || !theirs.programs.some((t) => t.name === p.name)) continue;
    const [x, y] = [zeroes(ours, p.name), zeroes(theirs, p.name)];
    onZeroes++;
    if (JSON.stringify(x) !== JSON.stringify(y)) differences.push(`${p.name} on zeroes: ${firstDifference(x, y)}`);
  }
  return { id, called: called.size, zeroes: onZeroes, differences };
}

type Seen = ReturnType<typeof seen>;

/** The first place where two values part, with what stands there. */
function firstDifference(a: unknown, b: unknown): string {
  const [x, y] = [JSON.stringify(a) ?? 'nothing', JSON.stringify(b) ?? 'nothing'];
  let at = 0;
  while (at < x.length && x[at] === y[at]) at++;
  const from = Math.max(0, at - 60);
  return `ours …${x.slice(from, at + 60)}… clang …${y.slice(from, at + 60)}…`;
}
