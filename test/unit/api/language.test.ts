/** docs/language.md says what is true: its examples are accepted, its refusals are refused in these words. */
import { describe, expect, test, vi } from 'vitest';
import { bench, headerNames, KERNELS, text } from './support.ts';

// For hangs only: whole pipelines on a busy machine take a while.
vi.setConfig({ testTimeout: 60_000 });

const page = text('docs/language.md');
const { engine, put } = bench();
const HEAD = `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <errno.h>
char LICENSE[] SEC("license") = "GPL";
`;

const examples = [...page.matchAll(/```c\n([\s\S]*?)```/g)].map((m) => m[1]);
const rows = [...page.matchAll(/^\| `(.+)` \| (.+) \|$/gm)].map((m) => [m[1], m[2]] as const);

test('there are examples and refusals', () => {
  expect(examples.length).toBeGreaterThanOrEqual(4);
  expect(rows.length).toBeGreaterThanOrEqual(20);
});

describe.each(KERNELS)('kernel %s', (kernel) => {
  test.each(examples.map((e, i) => [i + 1, e] as const))('example %i is accepted', (_i, source) => {
    put('t.bpf.c', HEAD + source);
    const report = engine.check('t.bpf.c', kernel);
    expect(report.diagnostics).toEqual([]);
    expect(report.programs.map((p) => p.accepted)).toEqual([true]);
  });
});

/** What some of the rows need beside the program. */
const NEEDS: Record<string, string> = {
  'recursive(': 'static __noinline int recursive(int n) { return n ? recursive(n - 1) : 0; }',
  'six(': '__noinline int six(int a, int b, int c, int d, int e, int f) { return 0; }',
  'one :': 'static __noinline int one(int a) { return 0; }\nstatic __noinline int two(int a) { return -1; }',
  'declared(': 'int declared(int a);',
  'variadic(': 'static int variadic(int a, ...) { return a; }',
};

test.each(rows)('%s', (code, message) => {
  const before = Object.entries(NEEDS).flatMap(([k, v]) => (code.includes(k) ? [v] : []));
  put(
    't.bpf.c',
    `${HEAD}${before.join('\n')}\nSEC("lsm/file_open")\nint BPF_PROG(p, struct file *file)\n{\n${code}\nreturn 0;\n}\n`,
  );
  const found = engine.check('t.bpf.c', '6.12').diagnostics.filter((d) => d.severity === 'error');
  expect(found.map((d) => d.message).join('\n')).toContain(message);
});

test('the headers it names are the ones that are bundled', () => {
  const section = page.slice(page.indexOf('## Headers'), page.indexOf('## What works'));
  const named = (h: string): boolean => section.includes(h.replace(/^(linux|asm|asm-generic|sys)\/(errno.*)$/, 'errno.h').replace('asm/types.h', 'linux/types.h')); // prettier-ignore
  expect(headerNames.filter((h) => !named(h))).toEqual([]);
  for (const h of headerNames) {
    // As libbpf's, the bpf/ headers want types first.
    put('t.bpf.c', `#include <linux/bpf.h>\n#include <${h}>\n`);
    expect(engine.check('t.bpf.c', '6.12').diagnostics.filter((d) => d.severity === 'error')).toEqual([]);
  }
});
