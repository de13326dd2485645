// Other people's tools on our objects: bpftool (libbpf), llvm-objdump, llvm-readelf; and code size against clang.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clang, compileOurs, profile } from './compiler-support.ts';

const has = (tool: string, arg = '--version'): boolean => spawnSync(tool, [arg]).status === 0;
const bpftool = ['bpftool', '/usr/sbin/bpftool'].find((t) => has(t, 'version'));
const objdump = ['llvm-objdump-19', 'llvm-objdump'].find((t) => has(t));
const readelf = ['llvm-readelf-19', 'llvm-readelf'].find((t) => has(t));
for (const [name, tool] of Object.entries({ bpftool, 'llvm-objdump': objdump, 'llvm-readelf': readelf }))
  if (tool === undefined) console.warn(`SKIPPED: no ${name} on this machine`);

const FILES = [
  'assets/examples/shadow-guard/shadow_guard.bpf.c',
  'assets/examples/egress-guard/egress_guard.bpf.c',
  'assets/examples/exec-guard/exec_guard.bpf.c',
  'test/data/policies/features.bpf.c',
];
const root = new URL('../../', import.meta.url).pathname;

describe('objects of our compiler', () => {
  const dir = mkdtempSync(join(tmpdir(), 'lsmith-tools-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  const kernel = profile('6.12');
  const objects = new Map<string, { path: string; insns: Map<string, number> }>();
  const run = (tool: string, args: readonly string[]): string =>
    execFileSync(tool, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 26 });

  beforeAll(() => {
    for (const file of FILES) {
      const r = compileOurs(readFileSync(join(root, file), 'utf8'), kernel);
      expect(r.diagnostics.filter((d) => d.severity === 'error')).toEqual([]);
      const path = join(dir, `${basename(file, '.bpf.c')}.bpf.o`);
      writeFileSync(path, r.object!);
      objects.set(file, { path, insns: new Map(r.functions.map((f) => [f.name, f.insns])) });
    }
  });

  it.skipIf(bpftool === undefined)('libbpf makes skeletons of them, links them and dumps their BTF', () => {
    for (const [file, { path }] of objects) {
      const skeleton = run(bpftool!, ['gen', 'skeleton', path, 'name', 'policy']);
      for (const name of programsOf(file)) expect(skeleton).toContain(`*${name};`);
      expect(skeleton).toContain('struct bpf_map *');
      const linked = join(dir, 'linked.o');
      run(bpftool!, ['gen', 'object', linked, path]);
      run(bpftool!, ['gen', 'skeleton', linked, 'name', 'policy']);
      const btf = run(bpftool!, ['btf', 'dump', 'file', path]);
      for (const name of programsOf(file)) expect(btf).toContain(`FUNC '${name}'`);
      expect(btf).toContain("DATASEC '.maps'");
    }
  });

  it.skipIf(objdump === undefined)('llvm-objdump reads every instruction and relocation', () => {
    for (const [, { path, insns }] of objects) {
      const text = run(objdump!, ['-dr', '--no-show-raw-insn', path]);
      expect(text).not.toContain('<unknown>');
      const count = text.split('\n').filter((l) => /^ +\d+:\t/.test(l)).length;
      expect(count).toBe([...insns.values()].reduce((a, b) => a + b, 0));
    }
  });

  it.skipIf(readelf === undefined)('llvm-readelf finds nothing to warn about', () => {
    for (const [, { path }] of objects) {
      const r = spawnSync(readelf!, ['-aW', path], { encoding: 'utf8' });
      expect(r.stderr).toBe('');
      expect(r.stdout).toMatch(/Machine: +EM_BPF/);
    }
  });

  it.skipIf(clang === undefined || bpftool === undefined || objdump === undefined)(
    'are about as small as those of clang -O2',
    () => {
      const blob = join(dir, 'vmlinux.btf');
      writeFileSync(blob, gunzipSync(readFileSync(join(root, 'assets/profiles/6.12/btf.gz'))));
      writeFileSync(join(dir, 'vmlinux.h'), run(bpftool!, ['btf', 'dump', 'file', blob, 'format', 'c']));
      let logs = 0;
      let functions = 0;
      const rows: string[] = [];
      for (const [file, { insns }] of objects) {
        const out = join(dir, 'clang.o');
        run(clang!, [
          '-O2',
          '-g',
          '-target',
          'bpf',
          '-mcpu=v3',
          '-I',
          dir,
          '-I',
          join(root, 'assets/headers'),
          '-c',
          join(root, file),
          '-o',
          out,
        ]);
        const theirs = countBySymbol(run(objdump!, ['-d', '--no-show-raw-insn', out]));
        for (const [name, ours] of insns) {
          const clangs = theirs.get(name);
          if (clangs === undefined) continue;
          rows.push(`${name} ${ours} ${clangs} ${(ours / clangs).toFixed(2)}`);
          logs += Math.log(ours / clangs);
          functions++;
        }
      }
      const mean = Math.exp(logs / functions);
      console.info(`instructions, ours, clang's, ratio:\n${rows.join('\n')}\ngeometric mean ${mean.toFixed(3)}`);
      expect(mean).toBeLessThan(1.1);
    },
  );

  const programsOf = (file: string): string[] =>
    [...readFileSync(join(root, file), 'utf8').matchAll(/BPF_PROG\((\w+)/g)].map((m) => m[1]);
});

/** Instructions of each function in a disassembly. */
function countBySymbol(text: string): Map<string, number> {
  const out = new Map<string, number>();
  let name = '';
  for (const line of text.split('\n')) {
    const start = /^[0-9a-f]+ <(.+)>:$/.exec(line);
    if (start !== null) name = start[1];
    else if (/^ +\d+:\t/.test(line)) out.set(name, (out.get(name) ?? 0) + 1);
  }
  return out;
}
