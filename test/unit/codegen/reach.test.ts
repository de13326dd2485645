// What code generation looks at: functions that something leads to, by name or through a pointer that is known.
import { describe, expect, it } from 'vitest';
import { createIncludeResolver } from '../../../src/engine/c/index.ts';
import { compileC } from '../../../src/engine/codegen/index.ts';
import { compile, errors, execute, object, PRELUDE } from './support.ts';

const CALLBACKS = `
typedef int (*callback)(int, u64 *);
static int twice(int a, u64 *w) { return 2 * a + w[1]; }
static int thrice(int a, u64 *w) { return 3 * a + w[1]; }
static __attribute__((always_inline)) int apply(callback f, int a, u64 *w) { return f(a, w); }
`;

describe('a call through a pointer that names one function is a call of it', () => {
  it.each<[string, string, bigint]>([
    ['a local variable', 'callback f = twice; return f(5, w);', 17n],
    ['an argument of an inlined function', 'return apply(thrice, 5, w) * 100 + apply(twice, 1, w);', 2209n],
    [
      'a constant table, unrolled',
      'static const callback table[] = { twice, thrice }; int s = 0; for (int i = 0; i < 2; i++) s = table[i](s + 1, w); return s;',
      37n,
    ],
  ])('%s', (_, body, want) => {
    expect(execute(`${CALLBACKS} SEC("test") int f(u64 *w) { ${body} }`, [0n, 7n]).r0).toBe(want);
  });

  it('and stays one that cannot be made otherwise', () => {
    expect(errors(`${CALLBACKS} SEC("test") int f(u64 *w) { return (w[0] ? twice : thrice)(1, w); }`)).toEqual([
      'codegen/indirect-call',
    ]);
    // For another type than the function's, C says nothing.
    expect(errors(`${CALLBACKS} SEC("test") int f(u64 *w) { int (*g)(int) = (void *)twice; return g(1); }`)).toEqual([
      'codegen/indirect-call',
    ]);
  });

  it('a function that calls itself so is recursive', () => {
    expect(
      errors('static int r(int n) { int (*me)(int) = r; return me(n); } SEC("test") int f(u64 *w) { return r(1); }'),
    ).toEqual(['codegen/recursion']);
  });
});

describe('what a header has for others', () => {
  const compile = (header: string, text: string): { codes: string[]; names: string[] } => {
    const r = compileC({
      file: 'unit.bpf.c',
      text: `${PRELUDE}\n#include "h.h"\n${text}`,
      includes: createIncludeResolver({ bundled: new Map(), read: (p) => (p === 'h.h' ? header : undefined) }),
      profileBtf: null,
      target: { kernelVersion: '6.12' },
    });
    return { codes: r.diagnostics.map((d) => d.code), names: r.functions.map((f) => f.name) };
  };
  const INLINE = 'static __inline';

  it.each([
    ['floating point', 'double strtod(const char *); %s double atof(const char *s) { return strtod(s); }'],
    ['a floating parameter', '%s int half(double x) { return x / 2; }'],
    ['a function of the C library', 'long strtol(const char *); %s long atol(const char *s) { return strtol(s); }'],
    [
      'a chain of them',
      'long strtol(const char *); %s long a(const char *s) { return strtol(s); } %s long b(void) { return a(""); }',
    ],
  ])('%s is no error', (_, header) => {
    for (const how of [INLINE, 'extern __inline __attribute__((__gnu_inline__))'])
      expect(compile(header.replaceAll('%s', how), 'SEC("test") int f(u64 *w) { return 0; }')).toEqual({
        codes: [],
        names: ['f'],
      });
  });

  it('is an error as soon as it is called', () => {
    const float = `${INLINE} int half(int x) { double y = x; return y / 2; }`;
    expect(compile(float, 'SEC("test") int f(u64 *w) { return half(1); }').codes).toEqual(['c/float']);
    const libc = `long strtol(const char *); ${INLINE} long atol(const char *s) { return strtol(s); }`;
    expect(compile(libc, 'SEC("test") int f(u64 *w) { return atol(""); }').codes).toEqual([
      'codegen/undefined-function',
    ]);
  });

  it('is an error in the file itself, used or not', () => {
    expect(errors('static int half(double x) { return 1; } SEC("test") int f(u64 *w) { return 0; }')).toContain(
      'c/float',
    );
  });

  it('a definition for inlining alone is no global function', () => {
    const r = compile(
      'extern __inline __attribute__((gnu_inline)) int one(void) { return 1; }',
      'SEC("test") int f(u64 *w) { return one(); }',
    );
    expect(r).toEqual({ codes: [], names: ['f'] });
    expect(
      object('extern inline int two(void) { return 2; } SEC("test") int f(u64 *w) { return two(); }').functions.map(
        (x) => x.name,
      ),
    ).toEqual(['two', 'f']);
  });
});

describe('calls in assembly', () => {
  it('a naked function has its context in r1', () => {
    const text =
      'SEC("test") __attribute__((naked)) int f(u64 *w) { asm volatile("r2 = *(u64 *)(r1 + 8); r0 = r2; exit;" ::: "r0", "r2"); }';
    expect(execute(text, [0n, 42n]).r0).toBe(42n);
  });

  it('a comparison that skips another', () => {
    const text =
      'SEC("test") long f(u64 *w) { long x = w[0]; asm volatile("if %0 s< -4095 goto +1; if %0 s<= 0 goto +1; %0 = -14;" : "+r"(x)); return x; }';
    for (const [x, want] of [
      [-5000n, -14n],
      [-5n, -5n],
      [0n, 0n],
      [3n, -14n],
    ])
      expect(execute(text, [x]).r0).toBe(want);
  });

  it('a constant operand has the sign of its type, as compilers print it', () => {
    const text =
      'SEC("test") long f(u64 *w) { long x = w[0]; asm volatile("if %0 s>= %1 goto +2; %0 = %2; %0 += %3;" : "+r"(x) : "i"(-2147483646), "i"(0x80000001u), "i"((u8)200)); return x; }';
    expect(execute(text, [0n]).r0).toBe(0n);
    expect(BigInt.asIntN(64, execute(text, [0x8000000000000000n]).r0)).toBe(-0x7fffffffn - 56n);
  });

  it('a variable that is only an input keeps what the statement makes of it, as with clang', () => {
    const text =
      'SEC("test") long f(u64 *w) { u32 n = w[0]; asm volatile("if %[n] < %[max] goto +1; %[n] = %[max];" : : [n] "r"(n), [max] "i"(100)); return n + w[1]; }';
    expect(execute(text, [7n, 1n]).r0).toBe(8n);
    expect(execute(text, [700n, 1n]).r0).toBe(101n);
  });

  it('a helper by its name as operand; registers that nothing set are not guessed', () => {
    const head = 'static long (*bpf_tail_call)(void *ctx, void *map, u32 i) = (void *)12; char m[8] SEC(".data.m");';
    const call = (set: string, naked: string): string[] =>
      errors(
        `${head} SEC("test") ${naked} int f(u64 *w) { asm volatile("${set} call %[bpf_tail_call]; r0 = 0; exit;" :: [bpf_tail_call]"i"(bpf_tail_call) : "r0"); }`,
      );
    expect(call('r2 = 0; r3 = 1;', '__attribute__((naked))')).toEqual([]);
    expect(call('r1 = 0; r3 = 1;', '')).toEqual(['codegen/asm']);
  });
});

describe('__builtin_constant_p', () => {
  const asks = (call: string): string =>
    `static __attribute__((always_inline)) int known(const u32 n) { if (!__builtin_constant_p(n)) return 1; return 2; }
     SEC("test") int f(u64 *w) { ${call} }`;
  it.each<[string, string, bigint]>([
    ['of what inlining makes a constant', 'return known(7);', 2n],
    ['of what stays unknown', 'return known(w[0]);', 1n],
    ['of both, from one function', 'return known(7) * 10 + known(w[0]);', 21n],
    ['of a local that is a constant', 'u32 n = 4; return known(n + 1);', 2n],
    [
      'of what unrolling makes a constant',
      'int s = 0; _Pragma("unroll") for (int i = 0; i < 3; i++) s += known(i); return s;',
      6n,
    ],
  ])('%s', (_, call, want) => {
    expect(execute(asks(call), [9n]).r0).toBe(want);
  });

  it('decides what is left: assembly behind a trap', () => {
    const call = (slot: string): number => {
      const r = object(
        `static __attribute__((always_inline)) void tail_call(void *ctx, void *map, const u32 slot) {
           if (!__builtin_constant_p(slot)) __builtin_trap();
           asm volatile("r1 = %[c]; r2 = %[m]; r3 = %[s]; call 12" :: [c]"r"(ctx), [m]"r"(map), [s]"i"(slot) : "r0", "r1", "r2", "r3", "r4", "r5");
         }
         char m[8] SEC(".data.m");
         SEC("test") int f(u64 *w) { tail_call(w, m, ${slot}); return 3; }`,
      );
      return r.functions[0].insns;
    };
    expect(call('1')).toBe(5);
  });
});

describe('naked functions', () => {
  it('are what their assembly says, and nothing else', () => {
    const r = object(
      `static __attribute__((naked, noinline, used)) int two(void) { asm volatile("r0 = 2; exit;"); }
       SEC("test") __attribute__((naked)) int f(u64 *w) { asm volatile("*(u64 *)(r10 - 8) = 7; r6 = *(u64 *)(r1 + 0); call two; r0 += r6; r1 = *(u64 *)(r10 - 8); r0 += r1; exit;"); }`,
    );
    expect(r.functions).toEqual([
      { name: 'two', section: '.text', insns: 2, stack: 0 },
      { name: 'f', section: 'test', insns: 7, stack: 0 },
    ]);
  });

  it.each<[string, string, RegExp]>([
    ['C in them', 'int x = w[0]; asm volatile("exit");', /its body can be assembly only/],
    ['nothing in them', '', /has no instructions/],
    ['an operand that is no constant', 'asm volatile("r0 = %[x]; exit;" :: [x]"i"(w[0]));', /is not a constant/],
    ['a label that is not there', 'asm volatile("goto nowhere; exit;");', /no label nowhere/],
    ['an offset that is too far', 'asm volatile("r0 = *(u64 *)(r1 + 40000); exit;");', /does not fit in 16 bits/],
    ['a function that is not there', 'asm volatile("call nobody; exit;");', /call nobody/],
    ['two registers where one has to be', 'asm volatile("r0 = -r1; exit;");', /works on one register/],
  ])('refuse %s', (_, body, message) => {
    const r = compile(`SEC("test") __attribute__((naked)) int f(u64 *w) { ${body} }`);
    expect(r.object).toBeNull();
    expect(r.diagnostics.map((d) => d.message).join('\n')).toMatch(message);
  });
});
