/**
 * libbpf's own headers (apt's libbpf-dev) and the vmlinux.h that bpftool makes go through unchanged, and give the
 * instructions that our bundled equivalents give. LSMITH_LIBBPF names a folder with other headers (`bpf/...` in it).
 */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { disasmInsn } from '../../src/engine/bpf/index.ts';
import { createFrontEndCache, createIncludeResolver } from '../../src/engine/c/index.ts';
import { compileC, type CompileResult } from '../../src/engine/codegen/index.ts';
import { clang, compileClang, compileOurs, load, profile } from './compiler-support.ts';
import { vmlinuxFolder } from './policies/compile.ts';

vi.setConfig({ testTimeout: 120_000 });

const root = new URL('../../', import.meta.url).pathname;
const libbpf = process.env.LSMITH_LIBBPF ?? '/usr/include';
const kernel = profile('6.12');
const vmlinux = existsSync(join(libbpf, 'bpf/bpf_core_read.h'))
  ? vmlinuxFolder(gunzipSync(readFileSync(join(root, 'assets/profiles/6.12/btf.gz'))))
  : null;
if (vmlinux === null) console.warn('SKIPPED: genuine headers, no libbpf-dev or bpftool on this machine');

const language = readdirSync(join(root, 'test/data/language')).filter((f) => f.endsWith('.bpf.c'));
const FILES = [
  ...language.map((f) => `test/data/language/${f}`),
  'test/data/policies/features.bpf.c',
  'test/data/all-calls/observe.bpf.c',
  'assets/examples/shadow-guard/shadow_guard.bpf.c',
  'assets/examples/exec-guard/exec_guard.bpf.c',
  'assets/examples/egress-guard/egress_guard.bpf.c',
];

/**
 * Same meaning, other instructions: our BPF_PROG2() reads an argument at its own width and BPF_KSYSCALL() knows that x86-64
 * has system call wrappers; BPF_PROBE_READ() of libbpf 1.1 calls bpf_probe_read(); newer libbpf has wider arguments of dynptrs.
 */
const OTHER_CODE = new Set(
  ['prog2', 'program-types', 'core', ...(process.env.LSMITH_LIBBPF === undefined ? [] : ['dynptr'])].map(
    (n) => `test/data/language/${n}.bpf.c`,
  ),
);
const tally = { compiled: 0 };

describe.skipIf(vmlinux === null)('genuine headers', () => {
  afterAll(() => rmSync(vmlinux!, { recursive: true, force: true }));
  const read = (path: string): string | undefined => (existsSync(path) ? readFileSync(path, 'utf8') : undefined);
  const cache = createFrontEndCache();
  // The C library's errno.h comes from glibc's tree: ours stands for it.
  const bundled = new Map([['errno.h', readFileSync(join(root, 'assets/headers/errno.h'), 'utf8')]]);
  const includes = createIncludeResolver({
    bundled,
    read: (path) => (path.endsWith('/errno.h') ? undefined : read(path)),
    includeDirs: [vmlinux ?? '', libbpf, '/usr/include', '/usr/include/x86_64-linux-gnu'],
  });

  it.each(FILES)('%s', (file) => {
    const text = readFileSync(join(root, file), 'utf8');
    const target = { kernelVersion: '6.12' };
    const genuine = compileC({ file: 'test.bpf.c', text, includes, profileBtf: null, target, cache });
    const errors = genuine.diagnostics.filter((d) => d.severity === 'error').map((d) => d.message);
    if (errors.length > 0) {
      // Older headers lack macros that newer policies use: then clang has to say no, too.
      expect(clang, errors.join('; ')).toBeDefined();
      expect(() => compileClang(text, ['-I', vmlinux!, '-I', libbpf]), errors.join('; ')).toThrow(/error:/);
      return;
    }
    tally.compiled++;
    if (!OTHER_CODE.has(file)) expect(code(genuine)).toEqual(code(compileOurs(text, kernel)));
  });

  it('most of them', () => expect(tally.compiled).toBeGreaterThan(FILES.length / 2));

  /** Instructions as they would be loaded into the kernel, by program. */
  function code(r: CompileResult): string[] {
    return load(r.object!, kernel)
      .programs.map((p) =>
        [p.name, ...Array.from({ length: p.insns.count }, (_, i) => disasmInsn(p.insns, i))].join('\n'),
      )
      .sort();
  }
});
