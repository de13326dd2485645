// Sizes of arrays that clang folds though the language calls them variable.
import { expect, it } from 'vitest';
import { compile, execute } from './support.ts';

it('a const local is the size of an array', () => {
  const text =
    'SEC("test") int f(u64 *w) { const u32 n = 24; char b[n] = { 0 }; b[w[0] & 15] = 7; return sizeof(b) + b[3]; }';
  expect(execute(text, [3n]).r0).toBe(31n);
  expect(execute(text, [4n]).r0).toBe(24n);
});

it.each(['u32 n = 24', 'const volatile u32 n = 24', 'const u32 n = w[0]'])('%s is none', (n) => {
  const r = compile(`SEC("test") int f(u64 *w) { ${n}; char b[n]; return sizeof(b); }`);
  expect(r.diagnostics.map((d) => d.code)).toContain('c/not-constant');
});
