// Objects made by clang, loaded for both bundled kernels. Without clang on the machine the cases are skipped, loudly.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { printTypeDefinition } from '../../src/engine/bpf/index.ts';
import { loadProfile, type KernelProfile } from '../../src/engine/kernel/index.ts';
import { loadObject, openObject, type LoadedObject, type OpenedObject } from '../../src/engine/loader/index.ts';

const CLANGS = ['clang-19', 'clang-18', 'clang-17', 'clang-16', 'clang'];
const clang = CLANGS.find((c) => spawnSync(c, ['--print-targets'], { encoding: 'utf8' }).stdout?.includes('bpf'));
if (clang === undefined) console.warn('SKIPPED: no clang with a bpf target on this machine');

const SOURCE = `
#define SEC(n) __attribute__((section(n), used))
#define CORE __attribute__((preserve_access_index))
#define __uint(n, v) int (*n)[v]
#define __type(n, t) typeof(t) *n
#define __array(n, t) typeof(t) *n[]
#define exists(f) __builtin_preserve_field_info(f, 2)
typedef unsigned int u32; typedef unsigned long u64;
struct inode { u64 i_ino; } CORE;
struct file { int pad; struct inode *f_inode; } CORE;
struct task_struct { int pid; unsigned sched_reset_on_fork : 1; } CORE;
struct task_struct___old { long state; } CORE;
enum bpf_map_type { BPF_MAP_TYPE_ARENA = 99 };
static void *(*lookup)(void *map, const void *key) = (void *)1;
static u64 (*now)(void) = (void *)5;
static long (*loop)(u32 n, void *cb, void *ctx, u64 flags) = (void *)181;
char LICENSE[] SEC("license") = "Dual MIT/GPL";
struct { __uint(type, 1); __uint(max_entries, 64); __type(key, u32); __type(value, u64); } seen SEC(".maps");
struct inner { __uint(type, 2); __uint(max_entries, 1); __type(key, u32); __type(value, u64); } one SEC(".maps");
struct { __uint(type, 13); __uint(max_entries, 4); __type(key, u32); __array(values, struct inner); } outer SEC(".maps") = { .values = { [1] = &one } };
const volatile u32 limit = 5; u64 counter; static u64 hidden; u32 start = 7;
extern int LINUX_KERNEL_VERSION SEC(".kconfig");
extern void bpf_rcu_read_lock(void) SEC(".ksyms") __attribute__((weak));
extern void no_such_kfunc(void) SEC(".ksyms") __attribute__((weak));
static __attribute__((noinline)) long each(u32 i, void *ctx) { counter++; return 0; }
static __attribute__((noinline)) int leaf(u64 *ctx) { hidden++; return ((struct file *)ctx[0])->f_inode->i_ino > limit; }
__attribute__((noinline)) int scale(int x) { return x * 3 + start; }
SEC("lsm/file_open") int on_open(u64 *ctx) {
  u32 key = scale(now());
  u64 *v = lookup(&seen, &key);
  if (v) *v += 1;
  if (LINUX_KERNEL_VERSION > 1) counter++;
  if (bpf_rcu_read_lock) bpf_rcu_read_lock();
  if (no_such_kfunc) no_such_kfunc();
  loop(3, each, 0, 0);
  return leaf(ctx) ? -1 : 0;
}
SEC("lsm.s/bprm_check_security") int on_exec(u64 *ctx) {
  struct task_struct *t = (void *)ctx[0];
  struct task_struct___old *o = (void *)t;
  if (exists(o->state)) return o->state;
  if (__builtin_preserve_enum_value(*(enum bpf_map_type *)BPF_MAP_TYPE_ARENA, 0)) counter++;
  return -leaf(ctx);
}
SEC("fexit/security_file_open") int after(u64 *ctx) { return 0; }
`;

describe.skipIf(clang === undefined)('objects of clang', () => {
  const dir = mkdtempSync(join(tmpdir(), 'lsmith-clang-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  const profiles = new Map<string, KernelProfile>();
  const objects = new Map<string, OpenedObject>();
  let bytes = new Uint8Array();

  beforeAll(() => {
    for (const id of ['6.1', '6.12']) {
      const file = (name: string) => readFileSync(new URL(`../../assets/profiles/${id}/${name}`, import.meta.url));
      const r = loadProfile(JSON.parse(file('profile.json').toString()), new Uint8Array(gunzipSync(file('btf.gz'))));
      if (!r.ok) throw new Error(r.error.message);
      profiles.set(id, r.value);
    }
    writeFileSync(join(dir, 'p.bpf.c'), SOURCE);
    for (const cpu of ['v1', 'v2', 'v3', 'v4']) {
      const out = join(dir, `${cpu}.bpf.o`);
      execFileSync(clang!, [
        '-O2',
        '-g',
        '-w',
        '-target',
        'bpf',
        `-mcpu=${cpu}`,
        '-c',
        join(dir, 'p.bpf.c'),
        '-o',
        out,
      ]);
      bytes = new Uint8Array(readFileSync(out));
      const r = openObject(bytes, cpu);
      if (!r.ok) throw new Error(r.error[0].message);
      objects.set(cpu, r.value);
    }
  });

  const load = (cpu: string, kernel: string): LoadedObject => {
    const r = loadObject(objects.get(cpu)!, profiles.get(kernel)!);
    if (!r.ok) throw new Error(r.error[0].message);
    return r.value;
  };

  for (const kernel of ['6.1', '6.12']) {
    for (const cpu of ['v1', 'v2', 'v3', 'v4']) {
      it(`${cpu} for ${kernel}`, () => {
        const o = load(cpu, kernel);
        const { btf } = profiles.get(kernel)!;
        expect(o.problems).toEqual([]);
        expect(o.programs.map((p) => [p.name, p.attach.sleepable, btf.name(p.attach.btfId)])).toEqual([
          ['on_open', false, 'bpf_lsm_file_open'],
          ['on_exec', true, 'bpf_lsm_bprm_check_security'],
          ['after', false, 'security_file_open'],
        ]);
        expect(o.programs[0].subprogs.map((s) => [s.name, s.linkage])).toEqual([
          ['on_open', 'global'],
          ['scale', 'global'],
          ['each', 'static'],
          ['leaf', 'static'],
        ]);
        expect(o.maps.filter((m) => m.section === undefined).map((m) => [m.name, m.type, m.innerMap])).toEqual(
          expect.arrayContaining([
            ['seen', 'hash', undefined],
            ['one', 'array', undefined],
            ['outer', 'hash_of_maps', o.maps.findIndex((m) => m.name === 'outer.inner')],
          ]),
        );
        // Every relocated field lies where the kernel's own BTF says.
        const file = btf.type(btf.find('file', 'struct'));
        if (file.kind !== 'struct') throw new Error('no struct file');
        const inode = file.members.find((m) => m.name === 'f_inode')!;
        const relo = o.programs[0].coreRelos.find((r) => r.access === 'struct file.f_inode')!;
        expect(relo.ok && relo.message.endsWith(`-> ${inode.bitOffset / 8}`)).toBe(true);
        const found = (access: string) => o.programs[1].coreRelos.filter((r) => r.access === access).map((r) => r.ok);
        expect(found('struct task_struct___old.state')).toEqual([true, false]);
        expect(found('enum bpf_map_type::BPF_MAP_TYPE_ARENA')).toEqual([true]);
        for (const p of o.programs) {
          for (const s of p.subprogs) expect(o.btf!.name(s.funcTypeId)).toBe(s.name);
          expect(p.lines.every((l, i) => i === 0 || l.insn >= p.lines[i - 1].insn)).toBe(true);
        }
      });
    }
  }

  it('gives a clean error for an object cut anywhere', () => {
    for (let n = 0; n < bytes.length; n += 7) expect(openObject(bytes.subarray(0, n), 'cut').ok).toBe(false);
  });

  it('reads and spells every type of the bundled kernels', () => {
    for (const { btf } of profiles.values()) {
      for (let id = 1; id < btf.typeCount; id += 37) {
        expect(printTypeDefinition(btf, id)).not.toBe('');
        expect(btf.typeText(id)).not.toContain('undefined');
      }
      expect(btf.memory).toBeLessThan(3 * 4_700_000);
    }
  });
});
