/**
 * A verdict that is taken from the cache is the one that verifying gives: whatever part of a program's input changes, the
 * key changes or the verdict does not. Inputs change as bytes of the object file, and as parts of what was loaded.
 */
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { ProfileStore } from '../../../src/engine/api/profiles.ts';
import { createIncludeResolver } from '../../../src/engine/c/index.ts';
import { compileC } from '../../../src/engine/codegen/index.ts';
import { loadObject, openObject, type LoadedObject } from '../../../src/engine/loader/index.ts';
import { VerdictCache, verifyObject, type VerifierResult } from '../../../src/engine/verifier/index.ts';
import { bigPolicy } from '../../bench/policy.ts';
import { headers, profiles, text } from '../api/support.ts';

vi.setConfig({ testTimeout: 120_000 });
const RUNS = Number(process.env.LSMITH_FUZZ_VERDICTS ?? 50);

const store = new ProfileStore(profiles);
const kernel = store.get('6.12');

function build(source: string): Uint8Array {
  const { object, diagnostics } = compileC({
    file: 'p.bpf.c',
    text: source,
    includes: createIncludeResolver({ bundled: headers }),
    profileBtf: kernel.profile.btf,
    target: { kernelVersion: '6.12' },
  });
  if (object === null) throw new Error(JSON.stringify(diagnostics[0]));
  return object;
}

function load(bytes: Uint8Array): LoadedObject | null {
  const opened = openObject(bytes, 'p');
  const loaded = opened.ok ? loadObject(opened.value, kernel.profile) : null;
  return loaded?.ok === true ? loaded.value : null;
}

const HEAD = `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
char LICENSE[] SEC("license") = "GPL";
`;

/** What the verifier asks BTF about: locks, timers, kptrs, lists, tagged arguments, constants, local types by number. */
const SPECIAL = `${HEAD}
struct elem { long key; struct bpf_list_node node; };
struct task_ptr { struct task_struct __kptr *task; };
struct value { struct bpf_spin_lock lock; int count; };
struct timed { struct bpf_timer timer; __u64 when; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, __u32); __type(value, struct value); } locked SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, __u32); __type(value, struct timed); } timers SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __type(key, __u32); __type(value, struct task_ptr); } tasks SEC(".maps");
struct inner { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } inner SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, 2); __type(key, __u32); __array(values, struct inner); } outer SEC(".maps") = { .values = { &inner } };
const volatile __u32 limit = 3;
int table[8];
struct pair { int a, b; };

__noinline int sum(struct pair *p __arg_nonnull, int n) { return p->a + p->b + n; }
static __noinline int pick(__u32 i) { return i < limit ? table[i & 7] : 0; }
static int fired(void *map, __u32 *key, struct timed *t) { return 0; }

SEC("lsm/file_open")
int BPF_PROG(lock, struct file *file)
{
	__u32 key = 1;
	struct value *v = bpf_map_lookup_elem(&locked, &key);
	struct pair p = { 1, 2 };

	if (v) {
		bpf_spin_lock(&v->lock);
		v->count++;
		bpf_spin_unlock(&v->lock);
	}
	return sum(&p, 3) > 100 ? -1 : 0;
}

SEC("lsm/inode_unlink")
int BPF_PROG(constant, struct inode *dir, struct dentry *dentry)
{
	return pick(limit) == 77 ? -1 : 0;
}

SEC("lsm/task_kill")
int BPF_PROG(nested, struct task_struct *p)
{
	__u32 key = 0;
	void *map = bpf_map_lookup_elem(&outer, &key);
	__u64 *v = map ? bpf_map_lookup_elem(map, &key) : 0;

	return v && *v == 5 ? -1 : 0;
}

SEC("lsm/file_permission")
int BPF_PROG(refused, struct file *file, int mask)
{
	__u32 key = 1;
	struct value *v = bpf_map_lookup_elem(&locked, &key);

	return v->count ? -1 : 0;
}

SEC("fentry/do_unlinkat")
int BPF_PROG(timer)
{
	__u32 key = 0;
	struct timed *t = bpf_map_lookup_elem(&timers, &key);

	if (t && bpf_timer_init(&t->timer, &timers, 1) == 0)
		bpf_timer_set_callback(&t->timer, fired);
	return 0;
}
`;

const OWNED = `${HEAD}
extern void *bpf_obj_new_impl(__u64 local_type_id, void *meta) __ksym;
extern void bpf_obj_drop_impl(void *kptr, void *meta) __ksym;
struct elem { long key; int more; };
struct other { long a[4]; };

SEC("lsm/file_open")
int BPF_PROG(owned, struct file *file)
{
	struct elem *e = bpf_obj_new_impl(bpf_core_type_id_local(struct elem), 0);

	if (!e)
		return 0;
	e->key = 3;
	e->more = 4;
	bpf_obj_drop_impl(e, 0);
	return 0;
}

SEC("lsm/inode_unlink")
int BPF_PROG(elsewhere, struct inode *dir, struct dentry *dentry)
{
	struct other *e = bpf_obj_new_impl(bpf_core_type_id_local(struct other), 0);

	if (e)
		bpf_obj_drop_impl(e, 0);
	return 0;
}
`;

const ANOTHER = `
struct more { long x; };
SEC("lsm/inode_rmdir")
int BPF_PROG(added, struct inode *dir, struct dentry *dentry)
{
	return dir->i_ino == sizeof(struct more) ? -1 : 0;
}
`;

const SOURCES: readonly (readonly [string, string])[] = [
  ['a big policy', bigPolicy(120)],
  ['all of the language', text('test/data/policies/features.bpf.c')],
  ['locks, timers, constants', SPECIAL],
  ['objects of its own', OWNED],
];

const told = (r: readonly VerifierResult[]): unknown => r.map((x) => ({ ...x, visits: [...x.visits] }));

/** The cache knows the object as it was, and others that were made of it. */
function holds(cache: VerdictCache, changed: LoadedObject): void {
  const got = cache.verifyObject(changed, kernel.platform);
  expect(told(got)).toEqual(told(verifyObject(changed, kernel.platform)));
}

/** Changes one part of what was loaded. */
function change(obj: LoadedObject, what: number, at: number, by: number): LoadedObject {
  const program = at % obj.programs.length;
  const p = obj.programs[program];
  const withProgram = (q: typeof p): LoadedObject => ({ ...obj, programs: obj.programs.map((x) => (x === p ? q : x)) });
  const map = obj.maps[at % obj.maps.length] as LoadedObject['maps'][number] | undefined;
  const withMap = (m: Partial<NonNullable<typeof map>>): LoadedObject => ({
    ...obj,
    maps: obj.maps.map((x) => (x === map ? { ...x, ...m } : x)),
  });
  const insn = by % p.insns.count;
  const { insns } = p;
  const copy = { ...insns, op: insns.op.slice(), dst: insns.dst.slice(), src: insns.src.slice(), off: insns.off.slice(), imm: insns.imm.slice() }; // prettier-ignore
  switch (what % 16) {
    case 0:
      copy.op[insn] ^= 1 << (at % 8);
      return withProgram({ ...p, insns: copy });
    case 1:
      copy.dst[insn] = at % 11;
      return withProgram({ ...p, insns: copy });
    case 2:
      copy.src[insn] = at % 11;
      return withProgram({ ...p, insns: copy });
    case 3:
      copy.off[insn] += (at % 9) - 4;
      return withProgram({ ...p, insns: copy });
    case 4:
      copy.imm[insn] += (at % 9) - 4;
      return withProgram({ ...p, insns: copy });
    case 5:
      return { ...obj, gplCompatible: !obj.gplCompatible };
    case 6:
      return { ...obj, btf: null };
    case 7:
      return withProgram({ ...p, attach: { ...p.attach, sleepable: !p.attach.sleepable } });
    case 8:
      return withProgram({ ...p, attach: obj.programs[by % obj.programs.length].attach });
    case 9:
      return withProgram({ ...p, subprogs: p.subprogs.map((s) => ({ ...s, linkage: 'global' as const })) });
    case 10:
      return withProgram({ ...p, subprogs: p.subprogs.map((s) => ({ ...s, funcTypeId: by % obj.btf!.typeCount })) });
    case 11:
      return withProgram({ ...p, lines: p.lines.map((l) => ({ ...l, line: l.line + 1 })) });
    case 12:
      return withMap({ valueSize: by % 64, readOnly: by % 2 === 0 });
    case 13:
      return withMap({ valueTypeId: by % obj.btf!.typeCount });
    case 14:
      return withMap({ maxEntries: by % 8, flags: 1 << (by % 12), keySize: at % 16 });
    default:
      return map?.initial === undefined ? obj : withMap({ initial: map.initial.map((b, i) => (i === by % 8 ? b ^ at : b)) }); // prettier-ignore
  }
}

describe.each(SOURCES)('%s', (_, source) => {
  const bytes = build(source);
  const base = load(bytes)!;
  const seeded = (): VerdictCache => {
    const cache = new VerdictCache();
    cache.verifyObject(base, kernel.platform);
    return cache;
  };

  test('is verified once', () => {
    const cache = new VerdictCache();
    const first = cache.verifyObject(base, kernel.platform);
    expect(told(first)).toEqual(told(verifyObject(base, kernel.platform)));
    cache.verifyObject(base, kernel.platform).forEach((r, i) => expect(r).toBe(first[i]));
    // Lines are of no account for what is accepted, and neither is another program with its types.
    const moved = load(build(`${source.replace(/^char LICENSE/m, '\n\n$&')}\n${ANOTHER}`))!;
    const again = cache.verifyObject(moved, kernel.platform);
    expect(told(again)).toEqual(told(verifyObject(moved, kernel.platform)));
    const taken = again.filter((r, i) => r === first[i]);
    expect(taken.length > 0).toBe(source !== OWNED);
    for (const r of taken) expect(r.accepted).toBe(true);
  });

  test('any byte of the object', () => {
    const cache = seeded();
    fc.assert(
      fc.property(fc.nat(bytes.length - 65), fc.integer({ min: 1, max: 255 }), (at, by) => {
        const other = bytes.slice();
        other[64 + at] ^= by;
        const changed = load(other);
        if (changed !== null && changed.programs.length > 0) holds(cache, changed);
      }),
      { numRuns: RUNS },
    );
  });

  test('any part of what was loaded', () => {
    const cache = seeded();
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.nat(), (what, at, by) => holds(cache, change(base, what, at, by))),
      { numRuns: 2 * RUNS },
    );
  });
});

test('a kernel knows nothing of the verdicts of another', () => {
  const cache = new VerdictCache();
  const source = bigPolicy(120);
  for (const id of ['6.12', '6.1', '7.2', '6.12']) {
    const k = store.get(id);
    const opened = openObject(build(source), 'p');
    const loaded = opened.ok ? loadObject(opened.value, k.profile) : null;
    if (loaded?.ok !== true) throw new Error('does not load');
    expect(told(cache.verifyObject(loaded.value, k.platform))).toEqual(told(verifyObject(loaded.value, k.platform)));
  }
});

test('a verdict that was cut short is not kept', () => {
  const cache = new VerdictCache();
  let polls = 0;
  cache.verifyObject(load(build(SPECIAL))!, kernel.platform, () => ++polls > 0);
  const obj = load(build(SPECIAL))!;
  expect(told(cache.verifyObject(obj, kernel.platform))).toEqual(told(verifyObject(obj, kernel.platform)));
});
