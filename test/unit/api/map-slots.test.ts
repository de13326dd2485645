/** `.values` of maps of maps and program arrays: filled when the object is loaded, as libbpf does. */
import { expect, test } from 'vitest';
import { openObject } from '../../../src/engine/loader/index.ts';
import { bench } from './support.ts';

const HEAD = `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
struct inner { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, __u64); };
struct inner one SEC(".maps"), two SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 3); __type(key, __u32); __type(value, __u64); } longer SEC(".maps");
SEC("lsm/file_open") int target(void *ctx) { return -1; }
`;
const outer = (values: string, entries = 3): string =>
  `${HEAD}struct { __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, ${entries}); __type(key, __u32);
__array(values, struct inner); } outer SEC(".maps") = { .values = { ${values} } };
struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 2); __uint(key_size, 4);
__array(values, int (void *)); } jumps SEC(".maps") = { .values = { [1] = (void *)&target } };
SEC("lsm/file_open") int entry(void *ctx) { bpf_tail_call(ctx, &jumps, 1); return bpf_map_lookup_elem(&outer, &(int){ 1 }) ? -2 : 0; }
`;

const { engine, put } = bench();
function open(text: string): ReturnType<typeof openObject> {
  put('t.bpf.c', text);
  const built = engine.build('t.bpf.c', '6.12');
  expect(built.diagnostics).toEqual([]);
  return openObject(built.object!, 't');
}

test('slots name maps and programs of the object', () => {
  const r = open(outer('&one, 0, (void *)&two'));
  if (!r.ok) throw new Error(r.error[0].message);
  const map = (name: string) => r.value.maps.find((m) => m.name === name)!;
  expect(map('outer').slots).toEqual([
    { slot: 0, map: map('one').index },
    { slot: 2, map: map('two').index },
  ]);
  expect(map('jumps').slots).toEqual([{ slot: 1, program: 'target' }]);
  expect(map('one').slots).toBeUndefined();
});

test.each([
  ['(void *)&longer', 3, "map 'outer': failed to initialize slot [0] to map 'longer': -22"],
  ['[1] = &two', 1, "map 'outer': failed to initialize slot [1] to map 'two': -7"],
])('%s in %i slots is refused', (values, entries, message) => {
  const r = open(outer(values, entries));
  expect(r.ok ? [] : r.error.map((p) => p.message)).toEqual([message]);
});

test('a map of maps that does not say what is in it cannot be made, and the message says what to write', () => {
  put(
    't.bpf.c',
    `${HEAD}struct { __uint(type, BPF_MAP_TYPE_HASH_OF_MAPS); __uint(max_entries, 8); __type(key, __u64);
__type(value, __u32); } outer SEC(".maps");
SEC("lsm/file_open") int entry(void *ctx) { return bpf_map_lookup_elem(&outer, &(__u64){ 1 }) ? -2 : 0; }
`,
  );
  const [only, ...more] = engine.check('t.bpf.c', '6.12').diagnostics.filter((d) => d.severity === 'error');
  expect(more).toEqual([]);
  expect(only).toMatchObject({
    code: 'loader/map-create',
    message: "map 'outer': failed to create: Invalid argument(-22)",
  });
  expect(only.explanation).toMatch(/__array\(values, .*bpf_map__set_inner_map_fd\(\)/);
});
