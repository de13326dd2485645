// Numbers that all calls of a static function pass.
import { describe, expect, it } from 'vitest';
import { object } from './support.ts';

describe('what every call of a function passes', () => {
  const text = (kind: string, second: string): string =>
    `${kind} __attribute__((noinline)) int act(u64 *w, int how) { if (how == 4) { w[1] += 3; return w[2]; } w[1]++; return w[3]; }
     SEC("test") int f(u64 *w) { return act(w, 4) + act(w + 1, ${second}); }`;
  const decided = (t: string): boolean => !object(t).ir.get('act')!.includes('condbr');

  it('is part of it', () => {
    expect(decided(text('static', '2 * 2'))).toBe(true);
    expect(decided(text('static', '({ int n = 2; n += 2; n; })'))).toBe(true);
    expect(decided(text('static', '5'))).toBe(false);
    expect(decided(text('static', 'w[0]'))).toBe(false);
    const act = object(text('static', '4')).ir.get('act');
    expect(act).toMatch(/add i64 %\d+, i64 3/);
    expect(act).not.toMatch(/add i64 %\d+, i64 1/);
  });

  it.each([
    ['a global function', text('', '4')],
    ['a weak one', text('__attribute__((weak))', '4')],
    ['one that is used elsewhere', text('static __attribute__((used))', '4')],
    ['a program', text('static SEC("other")', '4')],
    ['its address in a variable', `${text('static', '4')} int (*p)(u64 *, int) = act;`],
    ['a callback', `${text('static', '4')} SEC("more") int g(u64 *w) { bpf_loop(3, act, w, 0); return 0; }`],
    [
      'assembly',
      `${text('static', '4')} __attribute__((naked)) SEC("more") int g(u64 *w) { asm volatile("r2 = 3; call %[act]; exit;" :: [act]"i"(act)); }`,
    ],
  ])('is not when there may be other calls: %s', (_, t) => {
    expect(decided(t)).toBe(false);
  });
});
