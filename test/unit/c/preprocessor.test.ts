import { describe, expect, it } from 'vitest';
import { clean, compile, constant, findings } from './support.ts';

describe('macros', () => {
  it('stringises and pastes', () => {
    const r = clean('#define S(x) #x\n#define C(a, b) a##b\nchar C(na, me)[] = S( a "b\\n"  + c );');
    const v = r.unit.variables[0]!;
    expect(v.name).toBe('name');
    expect(new TextDecoder().decode(v.image!.bytes)).toBe('a "b\\n" + c\0');
  });
  it('expands arguments first, rescans, and leaves a macro inside itself alone', () => {
    expect(
      constant('F(F)(1)', '#define F(x) x(2) + G\n#define G(x) x\n#define F2 F\nint dummy;'.replace('x(2) + G', 'G')),
    ).toBe(1n);
    expect(constant('A', 'enum { B = 7 };\n#define A B\n#define B A\n#undef B')).toBe(7n);
    expect(constant('f(3)', 'enum { q = 4 };\n#define f(a) a * g\n#define g q')).toBe(12n);
  });
  it('handles variadic macros with and without the GNU comma', () => {
    const count = '#define N(...) PICK(_, ##__VA_ARGS__, 3, 2, 1, 0)\n#define PICK(_, a, b, c, n, ...) n';
    expect(constant('N()', count)).toBe(0n);
    expect(constant('N(9)', count)).toBe(1n);
    expect(constant('N(9, 8, 7)', count)).toBe(3n);
    expect(constant('M(1)', '#define M(a, rest...) a + 0 __VA_OPT__(x)')).toBe(1n);
  });
  it('counts and knows its line', () => {
    expect(constant('__COUNTER__ + __COUNTER__ * 10')).toBe(10n);
    expect(constant('__LINE__')).toBe(2n);
  });
});

describe('conditionals', () => {
  it.each([
    ['1 + 2 * 3 == 7', true],
    ['-1 > 0u', true],
    ['(2 || 1/0) && !defined(NOPE)', true],
    ['defined X && X > 1', false],
    ["'a' == 97 && 0x10 == 020", true],
    ['__has_include(<bpf/bpf_helpers.h>)', true],
    ['__has_include("nope.h")', false],
    ['__has_builtin(__builtin_memcpy) && __has_attribute(__packed__)', true],
    ['1 ? 2 : 0', true],
  ])('#if %s', (condition, expected) => {
    expect(constant(`\n#if ${condition}\n1\n#else\n0\n#endif\n`)).toBe(expected ? 1n : 0n);
  });
  it('skips what it must without reading it', () => {
    expect(findings("#if 0\n'unclosed # error\n#elif 1\nint a;\n#else\n@\n#endif\n")).toEqual([]);
  });
  it('reports an open #if and a stray #endif', () => {
    expect(findings('#if 1\nint a;\n')).toEqual(['1:1-1:2 c/unterminated-if']);
    expect(findings('#endif\n')).toEqual(['1:2-1:7 c/preprocessor']);
  });
});

describe('includes', () => {
  it('finds workspace headers before bundled ones and honours #pragma once', () => {
    const files = { 'inc/a.h': '#pragma once\n#include "b.h"\nstruct a { int x; };', 'inc/b.h': 'typedef int b_t;' };
    clean('#include "inc/a.h"\n#include "inc/a.h"\nstruct a v; b_t w;', files);
  });
  it('suggests the header that was meant and stays silent about what follows from it', () => {
    const r = compile('#include <bpf/bpf_helper.h>\nSEC("x") int f(void) { return nope; }');
    expect(r.diagnostics.map((d) => d.code)).toEqual(['c/include-not-found']);
    expect(r.diagnostics[0]!.fixes![0]!.edits[0]!.text).toBe('<bpf/bpf_helpers.h>');
  });
  it('does not recurse for ever', () => {
    expect(
      findings('#include "self.h"', { 'self.h': '#include "self.h"' }).some((f) => f.endsWith('c/include-depth')),
    ).toBe(true);
  });
});

describe('places', () => {
  it('points at the argument inside a macro call and shows the expansion', () => {
    const r = compile('#define TWICE(x) ((x) + (x))\nint f(void)\n{\n\treturn TWICE(nope);\n}\n');
    const d = r.diagnostics[0]!;
    expect(d.range).toMatchObject({ line: 4, column: 15, endLine: 4, endColumn: 19 });
    const inner = compile('#define BAD nope + 1\nint f(void)\n{\n\treturn BAD;\n}\n').diagnostics[0]!;
    expect(inner.range).toMatchObject({ line: 4, column: 9, endColumn: 12 });
    expect(inner.notes!.map((n) => n.message)).toContain("in expansion of macro 'BAD'");
  });
  it('counts columns in UTF-16 units and through splices and comments', () => {
    expect(findings('char s[] = "\u{1F600}é"; int x = nope;')[0]).toBe('1:27-1:31 c/unknown-identifier');
    expect(findings('/* a\n b */ int x = no\\\npe;')[0]).toBe('2:15-3:3 c/unknown-identifier');
  });
});
