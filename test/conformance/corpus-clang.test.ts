/**
 * Every policy of our corpus (examples, features, language, mistakes, quick fixes) compiled by us and by clang, both
 * attached to the modelled kernel while all calls of the model are made: same decisions, returns, faults, records, lines
 * printed, map contents and globals. Programs that no call reaches run on zeroes instead.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LoadedObject } from '../../src/engine/loader/index.ts';
import { buildHookCatalogue, resolveStack, type RunTrace } from '../../src/engine/lsm/index.ts';
import { parseScenario, runScenario, type Scenario } from '../../src/engine/scenario/index.ts';
import { clang, compileClang, compileOurs, instantiate, load, profile } from './compiler-support.ts';
import { vmlinuxFolder } from './policies/compile.ts';

const root = new URL('../../', import.meta.url).pathname;
const FOLDERS = [
  'assets/examples/shadow-guard',
  'assets/examples/egress-guard',
  'assets/examples/exec-guard',
  'test/data/policies',
  'test/data/all-calls',
  'test/data/language',
  'test/data/mistakes',
  'test/data/repairs',
];
const corpus = FOLDERS.flatMap((dir) =>
  readdirSync(join(root, dir))
    .filter((f) => f.endsWith('.bpf.c'))
    .map((f) => `${dir}/${f}`),
);
/** What cannot be compared, and why. */
const NOT_COMPARED: Readonly<Record<string, string>> = {
  'test/data/mistakes/endless-loop.bpf.c': 'does not end',
  'test/data/repairs/endless-loop.bpf.c': 'does not end',
  'test/data/repairs/constant-written.bpf.c': 'undefined: writes to a constant',
  'test/data/repairs/index-local-array.bpf.c': 'undefined: indexes beyond its array',
  'test/data/repairs/null-math.bpf.c': 'undefined: calculates with NULL',
  'test/data/repairs/loop-to-variable.bpf.c': 'takes as many turns as an address has',
};

const scenarioAt = (path: string): Scenario => {
  const { scenario } = parseScenario(readFileSync(join(root, path), 'utf8'), path);
  if (scenario === null) throw new Error(path);
  return scenario;
};

describe.skipIf(clang === undefined)('the corpus against clang', () => {
  const kernel = profile('6.12');
  const hooks = buildHookCatalogue(kernel);
  const cmdline = 'lsm=landlock,yama,apparmor,bpf';
  const stack = resolveStack(kernel, cmdline);
  const everything = scenarioAt('test/data/all-calls/all-calls.scenario.yaml');
  let vmlinux: string | null = null;
  const tally = { programs: 0, called: 0, zeroes: 0, faults: 0 };
  beforeAll(() => {
    vmlinux = vmlinuxFolder(gunzipSync(readFileSync(join(root, 'assets/profiles/6.12/btf.gz'))));
  });
  afterAll(() => {
    if (vmlinux !== null) rmSync(vmlinux, { recursive: true, force: true });
  });

  const play = (scenario: Scenario, object: LoadedObject): RunTrace =>
    runScenario({
      scenario,
      profile: kernel,
      hooks,
      stack,
      semantics: 'lsm',
      cmdline,
      objects: [{ policy: scenario.policies[0] ?? 'policy.bpf.c', object }],
    }).trace;

  it.each(corpus.filter((f) => NOT_COMPARED[f] === undefined))('%s', (file) => {
    const text = readFileSync(join(root, file), 'utf8');
    const folder = join(root, file, '..');
    const ours = load(compileOurs(text, kernel, {}, sibling(folder)).object!, kernel);
    const theirs = load(compileClang(text, ['-I', vmlinux!, '-I', join(root, 'assets/headers'), '-I', folder]), kernel);
    const names = (o: LoadedObject): string[] => o.programs.map((p) => `${p.section} ${p.name}`).sort();
    expect(names(ours)).toEqual(names(theirs));
    const own = existsSync(join(folder, 'scenarios')) ? readdirSync(join(folder, 'scenarios')) : [];
    const scenarios = [everything, ...own.map((s) => scenarioAt(join(file, '..', 'scenarios', s)))];
    const called = new Set<string>();
    for (const scenario of scenarios) {
      const [a, b] = [play(scenario, ours), play(scenario, theirs)];
      expect(seen(a, called)).toEqual(seen(b));
    }
    tally.programs += ours.programs.length;
    for (const p of ours.programs) {
      if (called.has(p.name)) {
        tally.called++;
        continue;
      }
      const [a, b] = [zeroes(ours, p.name), zeroes(theirs, p.name)];
      expect(a, p.name).toEqual(b);
      if (a[0]!.includes('fault')) tally.faults++;
      else tally.zeroes++;
    }
  });

  it('reaches most programs', () => {
    console.log(
      `programs ${tally.programs}: called in scenarios ${tally.called}, on zeroes ${tally.zeroes}, of these ended by a fault ${tally.faults}`,
    );
    expect(tally.called).toBeGreaterThan(corpus.length / 2);
  });
});

/** Headers beside the policy. */
const sibling =
  (folder: string) =>
  (path: string): string | undefined => {
    const file = join(folder, path.split('/').at(-1)!);
    return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
  };

/** Everything of a run but how it was computed; names of programs that ran are added to `called`. */
function seen(trace: RunTrace, called?: Set<string>): unknown {
  const steps = trace.steps.map((s) => ({
    text: `${s.text} ${s.ret} ${s.decidedBy}`,
    calls: s.hooks.flatMap((h) =>
      h.modules.flatMap((m) =>
        (m.programs ?? []).map((p) => {
          if (p.state === 'called') called?.add(p.program);
          const fault = p.fault === null ? '' : kind(p.fault);
          return [h.hook, h.ret, p.program, p.state, p.ret, fault, ...p.printk, ...p.records.map((r) => r.bytes)].join(
            ' ',
          );
        }),
      ),
    ),
  }));
  // Constants are where each compiler put them (clang also what is never written), and maps and programs in maps are numbers that count from other places.
  const maps = trace.maps
    .filter((m) => !/^\.(ro)?data/.test(m.map) && !/_of_maps|prog_array/.test(m.type))
    .map((m) => `${m.map} ${JSON.stringify(m.entries.map(unordered).sort())}`);
  return { steps, maps: maps.sort() };
}

/** Addresses are where each compiler put things. */
const kind = (fault: string): string => fault.replace(/0x[0-9a-f]+|-?\d+/g, 'N');

/** Variables of one section lie in another order. */
const unordered = (e: { readonly key: string; readonly value: string }): string =>
  `${e.key}: ${e.value
    .split(/[\s,{}]+/)
    .sort()
    .join(' ')}`;

/** A run outside a scenario: the context is all zeroes. */
function zeroes(object: LoadedObject, name: string): string[] {
  const vm = instantiate(object);
  const run = vm.run(
    object.programs.find((p) => p.name === name)!,
    [0n, 0n, 0n, 0n, 0n, 0n],
  );
  if (run.fault !== null) return [`fault ${kind(run.fault.message)}`];
  return [
    `r0 ${BigInt.asIntN(32, run.r0)}`,
    ...run.printk,
    ...run.ringRecords.map((r) => Buffer.from(r.bytes).toString('hex')),
  ];
}
