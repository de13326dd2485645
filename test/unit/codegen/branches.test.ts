// Branches that the verifier need not walk, and in which order it walks the others.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { disassemble } from './listing.ts';
import { execute, object } from './support.ts';

const word = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const program = (body: string): string => `SEC("test") long f(u64 *w) { ${body} }`;
const listing = (text: string): string[] => disassemble(object(text), 'test').split('\n');
const branches = (text: string): number => listing(text).filter((l) => l.startsWith('if ')).length;

describe('a test of one bit that sets another', () => {
  it.each([
    'u32 p = w[1]; if (w[0] & 4) p |= 16; return p;',
    'u32 p = 0; if ((u32)w[0] & 0x80000000) p |= 1; w[1] = p; return w[1];',
    'u64 p = w[1]; if ((u32)w[0] & 2) p |= 1ull << 40; return p;',
    'int p = w[1]; if (w[0] & (1ull << 50)) p |= 8; return p;',
    'w[1] = w[0] & 8 ? 3 : 7; return w[1];',
    'w[1] = w[0] & 8 ? 7 : 3; return w[1];',
    'return !(w[0] & 1);',
    'int p = 0; if (w[0] & 1) p |= 4; if (!(w[0] & 2)) p |= 1; if ((w[0] & 8) == 8) p |= 32; return p;',
  ])('is arithmetic: %s', (body) => {
    const text = program(body);
    expect(branches(text)).toBe(0);
    // The same with a branch that nothing folds.
    const asked = program(body.replace(/w\[0\]/g, '({ u64 x = w[0]; asm volatile("" : "+r"(x)); x; })'));
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(execute(text, [a, b]).r0).toBe(execute(asked, [a, b]).r0);
      }),
      { numRuns: 40 },
    );
  });

  it.each([
    'u32 p = w[1]; if (w[0] & 6) p |= 16; return p;',
    'u32 p = w[1]; if (w[0] & 4) p |= 24; return p;',
    'u32 p = w[1]; if (w[0] & 4) p += 16; return p;',
    'u32 p = w[1]; if (w[0] & 4) { p |= 16; w[2] = 1; } return p;',
    'if (w[0] & 4) return 1; return 0;',
  ])('is a branch: %s', (body) => {
    expect(branches(program(body))).toBe(1);
  });
});

it('what was subtracted and is added again leaves the number as it was', () => {
  for (const [body, kept] of [
    ['u32 x = w[0], y = w[1]; w[2] = x - y; return x - y + y;', 'x'],
    ['u64 x = w[0], y = w[1]; w[2] = x + y; return y + (x - y);', 'x'],
    ['u64 x = w[0], y = w[1]; w[2] = x + y; return x + y - x;', 'y'],
  ] as const)
    for (const [x, y] of [
      [5n, 9n],
      [0xffff_fff0n, 3n],
    ])
      expect(execute(program(body), [x, y, 0n]).r0).toBe(kept === 'x' ? x : y);
  const text = listing(program('u32 x = w[0], y = w[1]; if (x < y) return x - y + y; return 0;'));
  expect(text.join('\n')).not.toMatch(/[-+]= [rw]/);
});

it('of what a kernel function returns only the bits of its type count', () => {
  const kernel = (type: string): string =>
    disassemble(object(`extern ${type} ask(u32) SEC(".ksyms"); SEC("test") long f(u64 *w) { return ask(1); }`), 'test');
  expect(kernel('_Bool')).toMatch(/w0 &= 1$/m);
  expect(kernel('u8')).toMatch(/w0 &= 255$/m);
  expect(kernel('s16')).toMatch(/<<= (16|48)\n.*s>>= (16|48)/);
  expect(kernel('u64')).not.toMatch(/&=|<<=/);
});

describe('what stands where', () => {
  // The last `break` of a loop that was unrolled, and the first, where what came so far is a constant.
  const hash = `u64 h = 77; u8 *s = (u8 *)w; for (int i = 0; i < 4; i++) { u8 c = s[i]; if (!c) break; h ^= c; h *= 0x193; }
    w[1] = h;`;

  it('a constant of one way out is set in front of the branch', () => {
    const lines = listing(program(`${hash} return 0;`));
    const tests = lines.flatMap((l, n) => (l.startsWith('if ') ? [n] : []));
    expect(tests).toHaveLength(4);
    expect(lines.findIndex((l) => / = 77$/.test(l))).toBeLessThan(tests[0]);
  });

  it('what both ways do first is done once', () => {
    const lines = listing(
      program(
        'u64 h = bpf_ktime_get_ns(), old = h; if (w[0]) { h ^= 5; h *= 3; } w[2] = bpf_ktime_get_ns(); w[3] = old; return h;',
      ),
    );
    expect(lines.filter((l) => l.startsWith('goto'))).toEqual([]);
    const [test] = lines.flatMap((l, n) => (l.startsWith('if ') ? [n] : []));
    expect(lines[test - 1]).toMatch(/^r\d = r\d$/);
    expect(lines[test + 1]).toMatch(/^r\d \^= 5$/);
  });

  it.each([0n, 1n, 0x0201n, 0x030201n, 0x04030201n, 0x05_04030201n])('that hash of %s', (x) => {
    let h = 77n;
    for (let i = 0n; i < 4n; i++) {
      const c = (x >> (i * 8n)) & 255n;
      if (c === 0n) break;
      h = (h ^ c) * 0x193n;
    }
    expect(execute(program(`${hash} return w[1];`), [x, 0n]).r0).toBe(BigInt.asIntN(64, h));
  });

  it.each([
    ['if (__builtin_expect(n > 7, 0)) w[1] = 5; else w[2] = n;', 'later'],
    ['if (__builtin_expect(n > 7, 1)) w[1] = 5; else w[2] = n;', 'first'],
    ['if (__builtin_expect(!(n > 7 && n < 90), 0)) w[2] = n; else w[1] = 5;', 'first'],
    ['if (__builtin_expect(n == 0, 1)) w[1] = 5; else w[2] = n;', 'first'],
    ['asm goto("if %0 > 7 goto %l[far]" :: "r"(n) :: far); w[2] = n; goto out; far: w[1] = 5; out:;', 'later'],
    ['asm goto("if %0 > 7 goto %l[far]" :: "r"(n) :: far); w[1] = 5; goto out; far: w[2] = n; out:;', 'first'],
  ])('what the source says is seldom stands behind: %s', (body, place) => {
    const lines = listing(program(`u64 n = bpf_ktime_get_ns(); ${body} w[3] = bpf_ktime_get_ns(); return 0;`));
    const five = lines.findIndex((l) => /\+8\) = 5$/.test(l));
    const other = lines.findIndex((l) => /\+16\) = r\d$/.test(l));
    expect(Math.min(five, other)).toBeGreaterThan(0);
    expect(five < other ? 'first' : 'later').toBe(place);
  });

  it('a number goes into the instruction where assembly allows it, once it is known', () => {
    const text = (constraint: string): string =>
      listing(
        program(
          `u64 n = w[0]; int most = 256; asm goto("if %0 > %1 goto %l[far]" :: "r"(n), "${constraint}"(most) :: far); return 1; far: return 2;`,
        ),
      ).join('\n');
    expect(text('ri')).toMatch(/if r\d (>|<=) 0x100/);
    expect(text('r')).toMatch(/if r\d (>|<=) r\d/);
    // A signed number, also of an unsigned type, as compilers print it.
    for (const type of ['int', 'u32'])
      expect(
        execute(
          program(
            `s64 n = w[0]; ${type} least = -1; asm goto("if %0 s<= %1 goto %l[far]" :: "r"(n), "ri"(least) :: far); return 1; far: return 2;`,
          ),
          [0n],
        ).r0,
      ).toBe(1n);
  });

  it('what is done for 0 stands behind what is done for all other numbers', () => {
    const lines = listing(
      program(
        'u32 n = bpf_ktime_get_ns(); if (n == 0) w[0] = 1; else w[0] = n * 2; w[1] = bpf_ktime_get_ns(); return 0;',
      ),
    );
    const other = lines.findIndex((l) => /<<= 1|\*= 2/.test(l));
    const zero = lines.findIndex((l) => /\*\(u64 \*\)\(r\d \+0\) = 1$/.test(l));
    expect(other).toBeGreaterThan(0);
    expect(zero).toBeGreaterThan(other);
  });
});

it('flags of a case that another falls into, and of none that is beside it', () => {
  const text = program(
    `u64 x = w[0]; u32 a = 0, b = 0; switch (x & 7) { case 1: x = 9; break; case 4: a = 7; b = 7; case 7: if (w[1] < x) x = w[1]; break; default: x ^= 5; }
     return x + a * 100 + b * 1000;`,
  );
  for (const [x, result] of [
    [0n, 5n],
    [1n, 9n],
    [4n, 7703n],
    [7n, 3n],
    [2n, 7n],
  ])
    expect(execute(text, [x, 3n]).r0).toBe(result);
});
