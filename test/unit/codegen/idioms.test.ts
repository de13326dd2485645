// What large projects (Tetragon) do with C besides programming.
import { describe, expect, it } from 'vitest';
import { disassemble } from './listing.ts';
import { compile, execute, object } from './support.ts';

describe('texts that are compared', () => {
  const number = `static inline __attribute__((always_inline)) int number(const char *const name) {
    if (!__builtin_strcmp("a.c", name)) return 1; if (!__builtin_strcmp("unit.bpf.c", name)) return 2;
    if (!__builtin_strncmp("unit.xyz", name, 5)) return 3; return 0; }`;

  it.each([
    ['"a.c"', 1n],
    ['__FILE_NAME__', 2n],
    ['"unit.h"', 3n],
    ['"b.c"', 0n],
  ])('after inlining: %s', (name, n) => {
    const text = `${number} SEC("test") int f(u64 *w) { return number(${name}); }`;
    expect(execute(text, [0n]).r0).toBe(n);
    expect(object(text).functions[0].insns).toBe(2);
  });

  it('order', () => {
    for (const [a, b, sign] of [
      ['abc', 'abd', -1n],
      ['b', 'a', 1n],
      ['ab', 'a', 1n],
      ['a', 'a', 0n],
    ] as const)
      expect(
        execute(
          `static inline __attribute__((always_inline)) int c(const char *x, const char *y) { return __builtin_strcmp(x, y); }
           SEC("test") long f(u64 *w) { return c("${a}", "${b}"); }`,
          [0n],
        ).r0,
      ).toBe(sign);
  });

  it('are refused when they stay unknown', () => {
    const r = compile('SEC("test") int f(char *w) { return __builtin_strcmp(w, "a"); }');
    expect(r.diagnostics.map((d) => [d.code, d.message])).toEqual([
      ['c/memory-size', expect.stringContaining('must be string literals')],
    ]);
  });
});

describe('functions that must not be called', () => {
  const text = (test: string): string =>
    `extern void broken(void) __attribute__((__error__("no such size")));
     SEC("test") int f(u64 *w) { int n = 4; if (${test}) broken(); return n; }`;

  it('are not, when the condition is decided', () => {
    expect(object(text('n != 4')).ir.get('f')).not.toContain('broken');
  });

  it('are an error with their text when it is not', () => {
    const r = compile(text('w[0]'));
    expect(r.diagnostics.map((d) => [d.code, d.message])).toEqual([
      ['codegen/forbidden-call', "call to 'broken' declared with 'error' attribute: no such size"],
    ]);
  });
});

describe('assembly', () => {
  it('takes the address of a variable by its name', () => {
    const t = disassemble(
      object(
        `int box SEC(".data.box") = 5; SEC("test") int f(u64 *w) { int *p; asm volatile("%0 = box ll" : "=r"(p)); return *p; }`,
      ),
      'test',
    );
    expect(t).toMatch(/r\d = 0x0\n.*\n?r0 = \*\(u32 \*\)\(r\d \+0\)/);
    const r = compile('SEC("test") int f(u64 *w) { int *p; asm volatile("%0 = bax ll" : "=r"(p)); return *p; }');
    expect(r.diagnostics[0]?.message).toContain('bax, which is not in this file');
  });

  it('reads and writes operands in memory', () => {
    const text = `SEC("test") u64 f(u64 *w) { u64 *p = w + 1; u64 n = 2; asm volatile("r1 = *(u64 *)%[p]; r1 += 8; *(u64 *)(r1 + 0) = %[n]; %[n] = 9;"
      : [n] "+r"(n), [p] "+m"(p) :: "r1"); return n * 100 + w[2]; }`;
    expect(execute(text, [0n, 0n, 0n]).r0).toBe(902n);
  });
});

it('the name of a section may stand in parentheses', () => {
  const r = object('__attribute__((section(("test")), used)) int f(u64 *w) { return 3; }');
  expect(r.functions[0].section).toBe('test');
});
