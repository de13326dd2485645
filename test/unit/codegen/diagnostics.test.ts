import { describe, expect, it } from 'vitest';
import { compile, errors } from './support.ts';

describe('what cannot be compiled is said', () => {
  it.each<[string, string]>([
    ['codegen/indirect-call', 'SEC("test") int f(u64 *w) { int (*g)(int) = (void *)w[0]; return g(1); }'],
    ['codegen/signed-division', 'SEC("test") int f(u64 *w) { return (s64)w[0] / (s64)w[1]; }'],
    ['codegen/asm', 'SEC("test") int f(u64 *w) { asm volatile("r0 = *(u64 *)skb[12]"); return 0; }'],
    ['codegen/undefined-function', 'int g(int); SEC("test") int f(u64 *w) { return g(1); }'],
    [
      'codegen/block-too-large',
      'SEC("test") int f(u64 *w) { char *p = (void *)w; __builtin_memset(p, 0, 4000); return 0; }',
    ],
  ])('%s', (want, text) => {
    expect(errors(text)).toEqual([want]);
  });

  it('a stack that is too large, with the variables that fill it', () => {
    const r = compile(
      'SEC("test") long f(u64 *w) { char path[400]; u64 other[20]; char tiny[4]; bpf_probe_read_kernel(path, 400, w); bpf_probe_read_kernel(other, 160, w); bpf_probe_read_kernel(tiny, 4, w); return path[0] + other[0] + tiny[0]; }',
    );
    expect(r.object).toBeNull();
    expect(r.diagnostics).toHaveLength(1);
    expect(r.diagnostics[0]).toMatchObject({ code: 'codegen/stack-too-large', severity: 'error' });
    expect(r.diagnostics[0].message).toBe(
      "'f' needs 568 bytes of stack, BPF has 512; the biggest: 'path' (400 bytes), 'other' (160 bytes), 'tiny' (4 bytes)",
    );
  });

  it('errors carry a place in the source', () => {
    const r = compile('SEC("test") int f(u64 *w) {\n  return (s64)w[0] / (s64)w[1];\n}');
    const line = r.diagnostics[0].range.line;
    expect(r.unit.sources.lineText('unit.bpf.c', line)).toContain('return (s64)w[0]');
  });
});
