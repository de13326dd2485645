// What the optimiser must do, and what it must not do because the kernel's verifier reads the result.
import { describe, expect, it } from 'vitest';
import { verifyFunction } from '../../../src/engine/codegen/ir-verify.ts';
import { disassemble } from './listing.ts';
import { execute, object } from './support.ts';

const ir = (text: string, name = 'f'): string => object(text).ir.get(name)!;

describe('what disappears', () => {
  it('locals become values, constants fold, dead code goes', () => {
    const t = ir(
      'SEC("test") int f(u64 *w) { int a = 3, b = a * 4, c; if (b == 12) c = b + 1; else c = w[0]; return c; }',
    );
    expect(t).toMatch(/^func @f\(ptr\) i32 \{\nb0:\n {2}ret i32 13\n\}$/);
  });

  it('always_inline and small static functions', () => {
    const r = object(`static inline __attribute__((always_inline)) int a(int x) { return x + 1; }
      static int b(int x) { return a(x) * 2; } SEC("test") int f(u64 *w) { return b(w[0]); }`);
    expect(r.functions.map((f) => f.name)).toEqual(['f']);
    expect(r.ir.get('f')).not.toContain('call');
  });

  it('what acquires for a callback, which may only release what its own frame acquired', () => {
    const filler = Array.from({ length: 40 }, (_, k) => `w[${k}] ^= bpf_ktime_get_ns();`).join(' ');
    const text = (
      use: string,
    ): string => `static void *(*reserve)(void *ring, u64 size, u64 flags) = (void *)131; static void (*submit)(void *r, u64 flags) = (void *)132;
      static u64 *take(u64 *w) { ${filler} return reserve(w, 8, 0); }
      static long each(u32 i, u64 *w) { u64 *r = take(w); if (r) submit(r, 0); return 0; }
      SEC("test") long f(u64 *w) { u64 *r = take(w); if (r) submit(r, 0); ${use} return 0; }`;
    const called = (r: ReturnType<typeof object>): boolean => r.ir.get('each')!.includes('@take');
    expect(called(object(text('bpf_loop(3, each, w, 0);')))).toBe(false);
    expect(object(text('bpf_loop(3, each, w, 0);')).ir.get('f')).toContain('@take');
  });

  it('small loops with a known trip count', () => {
    const t = ir('SEC("test") int f(u64 *w) { int s = 0; for (int i = 0; i < 4; i++) s += i; return s; }');
    expect(t).toContain('ret i32 6');
    const kept = ir(
      'SEC("test") u64 f(u64 *w) { u64 s = 0; _Pragma("nounroll") for (int i = 0; i < 4; i++) s += w[i]; return s; }',
    );
    expect(kept).toContain('phi');
    const unrolled = ir(
      'SEC("test") u64 f(u64 *w) { u64 s = 0; _Pragma("unroll") for (int i = 0; i < 40; i++) { if (!w[i]) break; s += w[i]; } return s; }',
    );
    expect(unrolled.match(/load i64/g)).toHaveLength(40);
  });

  it('reads of constant data', () => {
    expect(ir('static const u32 t[4] = { 1, 22, 3, 4 }; SEC("test") int f(u64 *w) { return t[1]; }')).toContain(
      'ret i32 22',
    );
  });

  it('stores that nobody sees', () => {
    const r = object('SEC("test") int f(u64 *w) { u64 k = w[0]; bpf_map_lookup_elem(w, &k); k = 5; return 0; }');
    expect(r.ir.get('f')!.match(/store/g)).toHaveLength(1);
  });
});

describe('what stays', () => {
  it('every read of a volatile constant', () => {
    const t = ir('const volatile u32 limit = 5; SEC("test") int f(u64 *w) { return limit + limit; }');
    expect(t.match(/load volatile i32/g)).toHaveLength(2);
  });

  it('a load stays behind its null check', () => {
    const t = ir(
      'SEC("test") u64 f(u64 *w) { u32 k = 0; u64 *v = bpf_map_lookup_elem(w, &k); if (!v) return 0; return *v + *v; }',
    );
    const check = t.indexOf('condbr');
    expect(check).toBeGreaterThan(0);
    expect(t.indexOf('load')).toBeGreaterThan(check);
  });

  it('the checked register is the one that is used', () => {
    // One register from the load to the address: no widened copy made before the comparison.
    const text = disassemble(
      object(
        'struct v { u64 a[16]; }; SEC("test") u64 f(u64 *w) { struct v *v = (void *)w; u32 i = w[0]; if (i >= 16) return 0; return v->a[i]; }',
      ),
      'test',
    );
    const checked = /if w(\d) (?:>|>=|<|<=|u>)? ?0x[0-9a-f]+/.exec(text)?.[1];
    expect(checked).toBeDefined();
    expect(text).toMatch(
      new RegExp(
        `w${checked} = w${checked}|r\\d = r${checked}|w\\d = w${checked}|r${checked} <<= 0x3|r${checked} <<= 3`,
      ),
    );
  });

  it('a field is loaded once, so that its check holds for its use', () => {
    const t = ir(
      'struct s { u32 len; u32 pad; u8 data[64]; }; SEC("test") int f(u64 *w) { struct s *p = (void *)w; if (p->len >= 64) return 0; return p->data[p->len]; }',
    );
    expect(t.match(/load i32/g)).toHaveLength(1);
    const core = ir(
      'struct s { u32 len; u32 pad; } CORE; SEC("test") int f(u64 *w) { struct s *p = (void *)w; if (p->len >= 64) return 0; return w[p->len]; }',
    );
    expect(core.match(/load i32/g)).toHaveLength(1);
  });

  it('a field is loaded again after a call', () => {
    const t = ir('SEC("test") u64 f(u64 *w) { u64 a = w[0]; bpf_ktime_get_ns(); return a + w[0]; }');
    expect(t.match(/load i64/g)).toHaveLength(2);
  });

  it('barriers', () => {
    const t = ir('SEC("test") int f(u64 *w) { int x = 5; asm volatile("" : "+r"(x)); return x + 1; }');
    expect(t).toContain('opaque');
    const idiom = ir('SEC("test") u64 f(u64 *w) { u64 x = w[0]; asm volatile("%0 &= 0xff" : "+r"(x)); return x; }');
    expect(idiom).toContain('and i64');
  });

  it('spelled-out extensions: a signed int index is extended after its check', () => {
    const check = (bounds: string): string =>
      ir(`SEC("test") u64 f(u64 *w) { int i = w[0]; if (${bounds}) return 0; return w[i]; }`);
    for (const bounds of ['i < 0 || i > 7', 'i < -3 || i > 7']) {
      const checks = check(bounds)
        .split(/\nb\d+:/)
        .filter((block) => block.includes('condbr'));
      expect(checks).toHaveLength(2);
      for (const block of checks) expect(block).not.toMatch(/sext|zext/);
    }
    // What cannot be negative needs no sign: the verifier would lose the bounds over the shifts.
    expect(check('i < 0 || i > 7')).not.toContain('sext');
    expect(check('i < -3 || i > 7')).toContain('sext');
  });
});

describe('what conditions say', () => {
  it('a comparison that earlier ones answer', () => {
    const t = ir('SEC("test") int f(u64 *w) { u32 n = w[0]; if (n > 9) return 1; if (n < 20) return 2; return 3; }');
    expect(t.match(/condbr/g)).toHaveLength(1);
    expect(t).not.toContain('i32 3');
    const signs = ir(
      'SEC("test") int f(u64 *w) { int n = w[0]; if (n < 5) return 1; if (n == 3) return 2; return 3; }',
    );
    expect(signs).not.toContain('i32 2');
  });

  it('nothing on paths that do not pass them, and nothing beyond what they say', () => {
    const joined = ir(
      'SEC("test") int f(u64 *w) { u32 n = w[0]; if (n > 9) w[1] = 1; if (n > 9) return 2; return 3; }',
    );
    expect(joined).toContain('i32 3');
    const signed = ir(
      'SEC("test") int f(u64 *w) { int n = w[0]; if (n < 5) { if ((u32)n < 5) return 1; return 2; } return 3; }',
    );
    expect(signed).toContain('i32 2');
  });
});

describe('pointers into one object', () => {
  it('a walk is counted: unrolled, or compared as a number', () => {
    const small = ir(
      'SEC("test") int f(u64 *w) { u8 b[8] = {}; for (u8 *p = b; p < b + 8; p += 2) *p = w[0]; return b[w[1] & 7]; }',
    );
    expect(small).not.toContain('phi');
    const kept = ir(
      'u64 t[90]; SEC("test") int f(u64 *w) { for (u64 *p = t; p != t + 90; p++) *p += w[0]; return 0; }',
    );
    expect(kept).toMatch(/condbr ne %\d+, i64 720/);
    expect(kept).not.toMatch(/phi ptr/);
  });

  it('downwards and from the middle, with the difference at the end', () => {
    const t = ir(
      'u64 t[90]; SEC("test") int f(u64 *w) { u64 *p = t + 50; while (p >= t) { if (*p) break; p--; } return p - t; }',
    );
    expect(t).toMatch(/condbr sge %\d+, i64 -400/);
    expect(t).not.toContain('sub');
  });

  it('not where the other end is elsewhere, as in packets', () => {
    const t = ir(
      'SEC("test") int f(u64 *w) { u8 *p = (u8 *)w[0], *end = (u8 *)w[1]; int n = 0; _Pragma("nounroll") for (; p < end; p++) n += *p; return n; }',
    );
    expect(t).toContain('phi ptr');
  });
});

describe('copies', () => {
  it('of packed structures that are our own variables go in whole words', () => {
    const t = ir(
      'struct p { u8 a; u64 b; u32 c; } __attribute__((packed)); void use(struct p *); SEC("test") int f(u64 *w) { struct p x = { 1, w[0], 2 }, y; asm volatile("" : : "r"(&x) : "memory"); y = x; asm volatile("" : : "r"(&y) : "memory"); return 0; }',
    );
    expect(t.match(/store i64 %\d+, %\d+/g)?.length).toBeGreaterThan(0);
    expect(t.match(/load i8/g)).toHaveLength(1);
  });

  it('loops with a second way out are unrolled when they are short', () => {
    const loop = (n: number): string =>
      `SEC("test") int f(u64 *w) { int s = 0; for (int i = 0; i < ${n}; i++) { if (w[i] == 5) break; s += w[i]; } return s; }`;
    expect(ir(loop(6)).match(/load i64/g)).toHaveLength(6);
    expect(ir(loop(16)).match(/load i64/g)!.length).toBeLessThan(3);
  });
});

describe('what the verifier needs to see', () => {
  it('masks and checks behind divisions, of whose results it knows nothing', () => {
    const mask = ir('SEC("test") u64 f(u64 *w) { u32 n = (u32)w[0] % 12; return w[n & 15]; }');
    expect(mask).toMatch(/and i(32|64) %\d+, i(32|64) 15/);
    const check = ir('SEC("test") u64 f(u64 *w) { u32 n = (u32)w[0] % 12; if (n >= 12) return 0; return w[n]; }');
    expect(check).toContain('condbr');
    // Of a byte it does know.
    expect(ir('SEC("test") u64 f(u64 *w) { return w[*(u8 *)w & 255]; }')).not.toContain('and');
  });

  it('a variable that one path does not set', () => {
    const text = ir('SEC("test") u64 f(u64 *w) { u64 *p, *q = w + w[1]; if (w[0]) p = q; return w[0] ? *p : *q; }');
    expect(text).not.toContain('undef');
    const made = ir(
      'SEC("test") u64 f(u64 *w) { u64 *p; if (w[(u32)w[1]]) p = &w[(u32)w[1]]; if (!p) return 1; return *p; }',
    );
    expect(made).not.toContain('phi ptr');
    // The value of the round before is not the one of this round.
    expect(
      execute(
        'SEC("test") u64 f(u64 *w) { u64 last, x = 1, sum = 0; for (int i = 0; i < w[0]; i++) { if (i) sum = sum * 10 + last; last = x; x = x * 2 + w[1]; } return sum; }',
        [4n, 1n],
      ).r0,
    ).toBe(137n);
  });

  it('a function that is small for a constant argument is inlined for it', () => {
    const big = Array.from({ length: 40 }, (_, n) => `w[${n % 3}] = bpf_ktime_get_ns() ^ x ^ ${n};`).join(' ');
    const r = object(
      `static int g(u64 *w, int x) { if (x == 0) return 7; ${big} return 1; } SEC("test") int f(u64 *w) { return g(w, 0); } SEC("test2") int h(u64 *w) { return g(w, w[0]); }`,
    );
    expect(r.ir.get('f')).not.toContain('call');
    expect(r.ir.get('h')).toContain('call i32 @g');
  });
});

describe('the shape of the code', () => {
  const listing = (text: string): string[] => disassemble(object(text), 'test').split('\n');

  it('no jump leads to the next instruction', () => {
    const lines = listing(
      'SEC("test") int f(u64 *w) { long n = bpf_ktime_get_ns(); if (n == -14) { w[1] = 3; n = bpf_ktime_get_ns(); } if (n < 0) return 0; return n; }',
    );
    expect(lines.filter((l) => l.includes('goto')).length).toBeGreaterThan(0);
    expect(lines.filter((l) => /goto pc\+0/.test(l))).toEqual([]);
  });

  it('a loop is tested at its foot', () => {
    const lines = listing(
      'SEC("test") u64 f(u64 *w) { u64 s = 0; for (int i = 0; i < 1000; i++) s += bpf_ktime_get_ns() ^ i; return s; }',
    );
    expect(lines.filter((l) => /goto pc-/.test(l))).toEqual([expect.stringMatching(/if w\d s< 0x3e8 goto pc-/)]);
  });

  it('an address in a local array is one addition away from the frame', () => {
    const lines = listing(
      'SEC("test") long f(u64 *w) { char b[64]; b[63] = 1; bpf_probe_read_kernel(b + 31, 8, w); return b[31]; }',
    );
    expect(lines.join('\n')).toContain('r1 = r10\nr1 += -33');
  });

  it('a counter that ends its loop is compared with what changes in it by a copy', () => {
    const loop = (change: string): string[] =>
      listing(
        `SEC("test") long f(u64 *w) { int limit = w[0]; for (int i = 0; i < 1000; i++) { if (i >= limit) return i; if (bpf_ktime_get_ns() == 7) ${change}; } return 0; }`,
      );
    const copy = /^r\d = r\d$/;
    const test = (lines: readonly string[]): number => lines.findIndex((l) => /if w\d s(<|>=|<=|>) w\d goto/.test(l));
    const changing = loop('limit++');
    expect(changing[test(changing) - 1]).toMatch(copy);
    const fixed = loop('w[1]++');
    expect(fixed[test(fixed) - 1]).not.toMatch(copy);
  });
});

describe('flags that a test sets', () => {
  const CALLS = 'bpf_ktime_get_ns(); if (w[1]) bpf_ktime_get_ns(); bpf_ktime_get_ns();';
  it('are set where they are used: what lies between is not walked once for each outcome', () => {
    const r =
      object(`SEC("test") int f(u64 *w) { int ok = 1; u64 a = w[0], b = w[2]; if (!a) ok = 0; if (b == 3) ok = 0;
      ${CALLS} if (ok) return 7; return 5; }`);
    // As it was emitted: the function has been changed since the optimiser was done with it.
    expect(verifyFunction(r.funcs.get('f')!)).toEqual([]);
    const calls = disassemble(r, 'test').split(/call .*/);
    expect(calls.map((t) => t.match(/^if/gm)?.length ?? 0)).toEqual([0, 1, 0, 2]);
    for (const [a, b, result] of [
      [0n, 0n, 5n],
      [1n, 3n, 5n],
      [1n, 2n, 7n],
    ])
      expect(
        execute(
          `SEC("test") int f(u64 *w) { int ok = 1; u64 a = w[0], b = w[2]; if (!a) ok = 0; if (b == 3) ok = 0; w[0] = 9;
            if (w[1]) w[3] = 1; if (ok) return 7; return 5; }`,
          [a, 1n, b, 0n],
        ).r0,
      ).toBe(result);
  });

  it('not across rounds of a loop, whose values would be others', () => {
    // The flag of the round before the last: in the last one the loop is left before it is set.
    const text = `SEC("test") u64 f(u64 *w) { int last = 0; u64 n = 0;
      _Pragma("nounroll") for (int i = 0; i < 8; i++) { u64 x = w[i]; if (x > 9) break; last = x > 4 ? 1 : 0; n += w[8 + (i & 1)]; }
      return n + (last ? 100 : 0); }`;
    for (const words of [
      [1n, 5n, 10n],
      [5n, 1n, 10n],
      [7n, 7n, 10n],
      [10n, 0n, 0n],
    ]) {
      const memory = [...words, 10n, 0n, 0n, 0n, 0n, 1n, 2n];
      const before = words.findIndex((x) => x > 9n);
      const n = [0n, 1n, 3n][before];
      expect(execute(text, memory).r0).toBe(n + (before > 0 && words[before - 1] > 4n ? 100n : 0n));
    }
  });
});

describe('spilled registers', () => {
  it('are not loaded where a register has them still, and not stored where nobody reads', () => {
    const values = Array.from({ length: 14 }, (_, k) => `u64 v${k} = w[${k}] + ${k};`).join(' ');
    const uses = Array.from({ length: 14 }, (_, k) => `w[${k}] = v${k} * (v${(k + 3) % 14} + 1);`).join(' ');
    const lines = disassemble(
      object(`SEC("test") int f(u64 *w) { ${values} bpf_ktime_get_ns(); ${uses} return 0; }`),
      'test',
    ).split('\n');
    const stored = lines.flatMap((l) => /^\*\(u64 \*\)\(r10 (-\d+)\) = (r\d)/.exec(l)?.[1] ?? []);
    expect(stored.length).toBeGreaterThan(5);
    for (const slot of stored) expect(lines.some((l) => l.includes(`= *(u64 *)(r10 ${slot})`))).toBe(true);
    lines.forEach((l, n) => {
      const store = /^\*\(u64 \*\)\(r10 (-\d+)\) = (r\d)$/.exec(l);
      if (store !== null) expect(lines[n + 1]).not.toBe(`${store[2]} = *(u64 *)(r10 ${store[1]})`);
    });
  });
});

describe('what is known on the way', () => {
  it('a test for not zero answers the next one, of a number and of a pointer', () => {
    const number = ir(
      'SEC("test") int f(u64 *w) { int m = w[0] & 4; if (!m) return 0; u64 t = bpf_ktime_get_ns(); if (m) t++; return t; }',
    );
    expect(number.match(/condbr/g)).toHaveLength(1);
    const pointer = ir(
      'SEC("test") int f(u64 *w) { u32 k = 0; u64 *v = bpf_map_lookup_elem(w, &k); if (!v) return 0; u64 t = bpf_ktime_get_ns(); if (v) t += *v; return t; }',
    );
    expect(pointer.match(/condbr/g)).toHaveLength(1);
  });

  it.each([
    ['x != 5', 'x == 5', 0n],
    ['x != 0', '(u32)x > 0', 1n],
    ['x != 0', '(u32)x >= 2', null],
    ['x != 5', 'x == 6', null],
    ['x != 5', 'x < 6', null],
  ])('%s, then %s', (first, second, answer) => {
    const text = `SEC("test") int f(u64 *w) { int x = w[0]; if (!(${first})) return 7; w[1] = bpf_ktime_get_ns(); return ${second}; }`;
    const t = ir(text);
    if (answer === null) expect(t).not.toMatch(/ret i32 [01]\n/);
    else expect(t).toContain(`ret i32 ${answer}`);
    for (const x of [-1n, 0n, 1n, 2n, 5n, 6n, 7n]) {
      const js = (e: string): boolean => {
        const n = e.includes('u32') ? BigInt.asUintN(32, x) : x;
        const [, op, c] = /x (\S+) (\d+)/.exec(e)!;
        const k = BigInt(c);
        return { '==': n === k, '!=': n !== k, '>': n > k, '>=': n >= k, '<': n < k }[op]!;
      };
      expect(execute(text.replace('bpf_ktime_get_ns()', '3'), [x, 0n]).r0).toBe(js(first) ? BigInt(js(second)) : 7n);
    }
  });

  it('a call that comes back at once with a constant for what it is given', () => {
    const text = (
      kind: string,
    ): string => `${kind} __attribute__((noinline)) int deep(const int *p) { if (!p) return 3; return p[2] * 5; }
      SEC("test") int f(u64 *w) { if (w[0]) return deep(0); return deep((int *)w); }`;
    for (const kind of ['static', '']) expect(ir(text(kind)).match(/call/g)).toHaveLength(1);
    expect(ir(text('__attribute__((weak))')).match(/call/g)).toHaveLength(2);
  });
});

describe('a question whose answers lead to the same', () => {
  it.each([
    ['one', 'if (w[0] == 7) return 1; return 1;'],
    ['a comparison of memory', 'if (__builtin_memcmp(w, w + 4, 29) != 0) return 1; return 1;'],
    ['several', 'if (w[0] > 7) { if (w[1] == 2) return 1; } else if (w[2]) return 1; return 1;'],
  ])('is not asked: %s', (_, body) => {
    expect(object(`SEC("test") int f(u64 *w) { ${body} }`).functions[0].insns).toBe(2);
  });
});

it('a function that always returns the same number is only called', () => {
  const text = (kind: string, results: string): string =>
    `${kind} __attribute__((noinline)) int log(u64 *w) { w[1]++; ${results} }
     SEC("test") int f(u64 *w) { if (log(w)) return 5; return w[1]; }`;
  for (const kind of ['static', '']) {
    expect(ir(text(kind, 'if (w[2]) return 0; w[2] = 1; return 0;'))).not.toContain('condbr');
    expect(ir(text(kind, 'if (w[2]) return 0; w[2] = 1; return 1;'))).toContain('condbr');
  }
  expect(ir(text('__attribute__((weak))', 'return 0;'))).toContain('condbr');
});

it('what only the lower half is used of is computed in 32 bits, also of a pointer', () => {
  const text = `SEC("test") int f(u64 *w) { u32 k = 0; u64 *v = bpf_map_lookup_elem(w, &k); long e = v ? -(long)v : 7; w[1] = 3; return (int)e; }`;
  expect(ir(text)).not.toMatch(/sub i64|phi i64/);
  const low = 'SEC("test") u32 f(u64 *w) { u64 x = w[0] * 3 - (w[1] << 4) ^ 0xfffffffff; return (u32)x; }';
  expect(ir(low)).not.toMatch(/(mul|sub|xor|shl) i64/);
  for (const [a, b] of [
    [5n, 9n],
    [1n << 40n, 3n],
    [-1n, 1n << 60n],
  ])
    expect(BigInt.asUintN(32, execute(low, [BigInt.asUintN(64, a), b]).r0)).toBe(
      BigInt.asUintN(32, (a * 3n - (b << 4n)) ^ 0xfffffffffn),
    );
});

it('a sum that is only compared is not made', () => {
  const t = ir('SEC("test") int f(u64 *w) { u16 n = w[0]; if (n + 2048 >= 12288) return 0; return n; }');
  expect(t).toMatch(/condbr \w+ %\d+, i32 102(40|39)/);
  expect(t).not.toContain('add');
  for (const [text, holds] of [
    ['int x = w[0]; if (x + 5 < 10) return 1;', (x: bigint) => BigInt.asIntN(32, x) + 5n < 10n],
    ['u32 x = w[0]; if (x + 5 < 10) return 1;', (x: bigint) => BigInt.asUintN(32, x + 5n) < 10n],
    ['u64 x = w[0]; if (x - 5 == 10) return 1;', (x: bigint) => x === 15n],
    ['u8 x = w[0]; if (x + 250 > 300) return 1;', (x: bigint) => (x & 255n) + 250n > 300n],
  ] as const)
    for (const x of [0n, 4n, 5n, 6n, 15n, 50n, 51n, 0xfffffffbn, 0xffffffffn])
      expect(execute(`SEC("test") int f(u64 *w) { ${text} return 0; }`, [x]).r0).toBe(holds(x) ? 1n : 0n);
});

describe('stores that are written over', () => {
  it('in a later block, on every way', () => {
    const t = ir(
      `struct e { u64 a, b, c; }; static long (*out)(void *p) = (void *)130;
       SEC("test") int f(u64 *w) { struct e e = {}; e.a = bpf_ktime_get_ns(); e.b = w[0]; if (w[1]) return 0; e.c = w[2]; out(&e); return 0; }`,
    );
    expect(t.match(/store i64 [^\n]*i64 0\n/g)).toBeNull();
  });

  it('not when one way keeps them', () => {
    const t = ir(
      `struct e { u64 a, b; }; static long (*out)(void *p) = (void *)130;
       SEC("test") int f(u64 *w) { struct e e = {}; e.a = 1; if (w[1]) e.b = 2; out(&e); return 0; }`,
    );
    expect(t.match(/store i64 [^\n]*i64 0\n/g)).toHaveLength(1);
  });

  it('not when a call could have read them', () => {
    const t = ir(
      `struct e { u64 a, b; }; static long (*out)(void *p) = (void *)130;
       SEC("test") int f(u64 *w) { struct e e = {}; out(&e); e.a = 1; e.b = 2; out(&e); return 0; }`,
    );
    expect(t.match(/store i64 [^\n]*i64 0\n/g)).toHaveLength(2);
  });
});

describe('fields at odd addresses', () => {
  const packed = 'struct __attribute__((packed)) p { u8 a; u32 b; u64 c; };';
  it('what was stored is what is loaded', () => {
    const t = ir(
      `${packed} SEC("test") u64 f(u64 *w) { struct p *p = (void *)w; p->b = w[3]; p->c = w[4]; return p->b + p->c; }`,
    );
    expect(t.match(/load/g)).toHaveLength(2);
  });

  it('are read and written in pieces', () => {
    const text = `${packed} SEC("test") u64 f(u64 *w) { struct p *p = (void *)w; u64 old = p->c; p->b = w[3]; p->c = 0x1122334455667788; return old; }`;
    const r = execute(text, [0x0807060504030201n, 0x100f0e0d0c0b0a09n, 0n, 0xa1b2c3d4n]);
    expect(r.r0).toBe(BigInt.asIntN(64, 0x0d0c0b0a09080706n));
    expect(disassemble(object(text), 'test')).not.toMatch(/u(16|32|64) \*\)\(r\d \+[15]\)/);
  });
});

describe('the address of a variable', () => {
  const loads = (body: string): number =>
    disassemble(object(`volatile u32 limit = 5; SEC("test") long f(u64 *w) { ${body} }`), 'test')
      .split('\n')
      .filter((l) => / = 0x0$/.test(l)).length;

  it('is loaded once where it is used again at once', () => {
    expect(loads('u32 n = w[0]; if (limit && limit != n) return 1; return 2;')).toBe(1);
    expect(loads('limit += w[0]; limit ^= 3; return 0;')).toBe(1);
  });

  it('is loaded again behind a call, and where two ways meet', () => {
    expect(loads('u32 n = limit; n += bpf_ktime_get_ns(); return n + limit;')).toBe(2);
    expect(loads('u32 n = 0; if (w[0]) n = limit; return n + limit;')).toBe(2);
  });
});

describe('a loop that can be left early', () => {
  const text = (n: number, name: string): string =>
    `SEC("test") long f(u64 *w) { char *s = (char *)w; for (int i = 0; i < ${n}; i++) if (s[i] != ${name}[i]) return i; return 77; }`;

  it('is unrolled where it compares with a text', () => {
    const t = ir(text(13, '"/etc/sudoers"'));
    expect(t.match(/condbr eq|condbr ne/g)).toHaveLength(13);
    const words = [...'/etc/sudoers\0\0\0\0'].map((c) => BigInt(c.charCodeAt(0)));
    const pack = (from: number): bigint => words.slice(from, from + 8).reduceRight((v, c) => (v << 8n) | c, 0n);
    expect(execute(text(13, '"/etc/sudoers"'), [pack(0), pack(8)]).r0).toBe(77n);
    expect(execute(text(13, '"/etc/sudoers"'), [pack(0), pack(8) ^ 0xff00n]).r0).toBe(9n);
  });

  it('is a loop where it compares with what is not known, or with much', () => {
    expect(ir(text(13, '((char *)w + 16)'))).toMatch(/phi i(32|64)/);
    expect(ir(text(200, '"/etc/sudoers"'))).toMatch(/phi i(32|64)/);
  });
});
