/**
 * docs/helpers.md is made from the tables of verifier, VM and profiles. When they change, this test fails; then
 * `npx vitest run --project unit test/unit/api/helpers-doc.test.ts -u` writes the page anew.
 */
import { readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { helperName, HELPERS, helperPrototype } from '../../../src/engine/bpf/index.ts';
import type { ProfileFacts } from '../../../src/engine/kernel/index.ts';
import type { MapDef } from '../../../src/engine/loader/index.ts';
import { helperProto } from '../../../src/engine/verifier/helper-protos.ts';
import { helperTable } from '../../../src/engine/vm/helpers/index.ts';
import type { Helper } from '../../../src/engine/vm/helpers/table.ts';
import { MODELLED_KFUNCS } from '../../../src/engine/vm/kfuncs.ts';
import { createMap, type MapHost } from '../../../src/engine/vm/maps/index.ts';
import type { Run } from '../../../src/engine/vm/run.ts';
import { bench, KERNELS, root } from './support.ts';

// For hangs only: whole pipelines on a busy machine take a while.
vi.setConfig({ testTimeout: 60_000 });

type Facts = Pick<ProfileFacts, 'helpers' | 'cgroupHookHelpers'>;
const facts = new Map(
  KERNELS.map((k) => {
    const profile = JSON.parse(readFileSync(`${root}/assets/profiles/${k}/profile.json`, 'utf8'));
    return [k, profile.facts as Facts];
  }),
);

/** What only says that it is not modelled does nothing else: it needs no more of a run than a place to say so. */
function onlySays(helper: Helper): boolean {
  const said: string[] = [];
  const run = {
    services: { notModelled: (what: string) => void said.push(what) },
    ret: () => undefined,
    retPtr: () => undefined,
  };
  try {
    helper.run(run as unknown as Run);
  } catch {
    return false;
  }
  return said.includes(`bpf_${helper.name}`);
}

const offered = (id: number, kernel: string): string => {
  const f = facts.get(kernel)!.helpers;
  return f.normal.includes(id) ? 'yes' : f.sleepable.includes(id) ? 'sleepable' : '';
};

function helperRows(): string[] {
  return HELPERS.filter((h) => KERNELS.some((k) => offered(h.id, k) !== '')).map((h) => {
    const body = helperTable[h.id];
    const vm = body === undefined ? 'no' : onlySays(body) ? 'not modelled' : 'yes';
    const verifier = helperProto(h.id) === undefined ? 'not modelled' : 'yes';
    const cells = [String(h.id), `\`${helperPrototype(h)}\``, ...KERNELS.map((k) => offered(h.id, k)), verifier, vm];
    return `| ${cells.join(' | ')} |`;
  });
}

const named = (ids: readonly number[]): string =>
  ids.map((id) => `\`${helperName(id).replace(/^bpf_/, '')}\``).join(', ');

/** What LSM programs of a cgroup may call that those of the machine may not, and the other way round. */
function cgroupRows(): string[] {
  return KERNELS.map((kernel) => {
    const { helpers, cgroupHookHelpers } = facts.get(kernel)!;
    const { normal, cgroup } = helpers;
    const more = cgroup.filter((id) => !normal.includes(id));
    const less = normal.filter((id) => !cgroup.includes(id));
    const hooks = new Map<string, string[]>();
    for (const [hook, ids] of Object.entries(cgroupHookHelpers)) {
      hooks.set(named(ids), [...(hooks.get(named(ids)) ?? []), hook]);
    }
    const some = [...hooks].map(([ids, on]) => `${ids} on ${on.map((h) => `\`${h}\``).join(', ')}`);
    return `| ${kernel} | ${named(more)} | ${named(less)} | ${some.join('; ')} |`;
  });
}

const MAP_TYPES: readonly MapDef['type'][] = [
  'hash', 'array', 'percpu_hash', 'percpu_array', 'lru_hash', 'lru_percpu_hash', 'lpm_trie', 'queue', 'stack', 'bloom_filter',
  'ringbuf', 'user_ringbuf', 'task_storage', 'inode_storage', 'sk_storage', 'cgrp_storage', 'array_of_maps', 'hash_of_maps',
  'prog_array', 'perf_event_array', 'stack_trace', 'arena',
]; // prettier-ignore

/** What creating such a map says is not modelled. */
function mapIsModelled(type: MapDef['type']): boolean {
  let said = false;
  const memory = new Proxy({}, { get: () => () => 4096 });
  const host = { mem: memory, release: () => {}, specialFields: () => [], mapAtIndex: () => undefined, mapAt: () => undefined }; // prettier-ignore
  const def = { index: 0, name: 'm', type, keySize: 4, valueSize: 8, maxEntries: 1, flags: 0 };
  try {
    createMap(def as unknown as MapDef, host as unknown as MapHost, () => (said = true));
  } catch {
    // A fake memory is not enough for every map; only what it says matters here.
  }
  return !said;
}

test('docs/helpers.md is what the tables say', async () => {
  const engine = bench().engine;
  expect(engine.profiles().map((p) => p.id)).toEqual(KERNELS);
  const rows = helperRows();
  expect(rows.length).toBeGreaterThan(90);
  const maps = MAP_TYPES.map((t) => `| \`${t.toUpperCase()}\` | ${mapIsModelled(t) ? 'yes' : 'not modelled'} |`);
  const kfuncs = [...MODELLED_KFUNCS].sort().map((k) => `\`${k}\``);
  const page = `# Helpers, maps, kernel functions

This page is made from the engine's tables by \`test/unit/api/helpers-doc.test.ts\`, which fails when it is out of date.

- **Offered**: whether the kernel of the profile offers the helper to LSM programs, as measured by loading a program on that
  kernel; \`sleepable\` = only to \`SEC("lsm.s/...")\`. A call of anything else is refused with the kernel's words.
- **Verifier**: arguments and result are checked as the kernel does. \`not modelled\`: refused, with a message that says so.
- **VM**: what a call does in a run. \`not modelled\`: the call fails or returns 0, and the trace says that it is not modelled.
  \`no\`: the call ends the program with a fault, which the trace shows.

## Helpers

| id | prototype | ${KERNELS.join(' | ')} | verifier | VM |
| --- | --- | ${KERNELS.map(() => '---').join(' | ')} | --- | --- |
${rows.join('\n')}

## LSM programs of a cgroup

\`SEC("lsm_cgroup/...")\` programs may call what the table says for LSM programs that do not sleep, with these differences
(asked of every hook that takes such programs):

| kernel | besides, on all hooks | not | besides, on some hooks |
| --- | --- | --- | --- |
${cgroupRows().join('\n')}

## Map types

\`BPF_MAP_TYPE_…\` that the loader knows, and whether the VM models them. One that is not modelled exists and holds nothing;
the trace says so.

| type | VM |
| --- | --- |
${maps.join('\n')}

Per-CPU maps have one value, as the model has one CPU. LRU maps evict exactly the least recently used entry; the kernel's
choice is approximate.

## Kernel functions (kfuncs)

The loader resolves them against the kernel's BTF. The verifier knows those of vmlinux by tables per kernel generation (see
\`docs/limits.md\`). The VM models
${kfuncs.join(', ')}.
`;
  await expect(page).toMatchFileSnapshot(`${root}/docs/helpers.md`);
});
