/**
 * V8 of Node 20 aborts in its optimiser ("RepresentationChangerError: node ... Phi of kRepTagged (SignedBigInt64) cannot be
 * changed to kRepWord64") where `BigInt.asIntN(n, v >> m)` with constants meets a `v` that is one of two results of
 * `asIntN` or `asUintN`. It takes the process with it, so the form must not stand in the engine.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { hiOf, loOf } from '../../../src/engine/verifier/wide.ts';

const src = fileURLToPath(new URL('../../../src', import.meta.url));

test('no source shifts inside of asIntN or asUintN with a constant width', () => {
  const bad = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name))
    .flatMap((name) =>
      readFileSync(join(src, name), 'utf8')
        .split('\n')
        .filter((line) => !/^\s*(\*|\/\/|\/\*)/.test(line) && /asU?[iI]ntN\(\s*\d+\s*,[^)]*>>/.test(line))
        .map((line) => `${name}: ${line.trim()}`),
    );
  expect(bad).toEqual([]);
});

/** Optimises `body` over values `v` and `w`, in a process of its own. */
function optimised(body: string): { readonly status: number | null; readonly stderr: string } {
  const program = `
    const loOf = ${loOf.toString()};
    const hiOf = ${hiOf.toString()};
    const f = (v, w) => { ${body} };
    const values = [0n, -1n, 5n, 1n << 63n, (1n << 64n) - 1n, -(1n << 63n), 0x123456789abcdefn, -77n];
    for (let k = 0; k < 30000; k++)
      f(k < 9000 ? BigInt(k & 1023) : values[k & 7], k < 9000 ? BigInt(k & 7) : values[(k >> 3) & 7]);`;
  const options = ['--no-concurrent-recompilation', '--interrupt-budget=500'];
  const r = spawnSync(process.execPath, [...options, '-e', program], { encoding: 'utf8', timeout: 60_000 });
  return { status: r.status, stderr: r.stderr };
}

test('the halves of a value that came from two places can be optimised', { timeout: 120_000 }, () => {
  const merged = 'let x = BigInt.asIntN(64, v); if (w > 0n) x = BigInt.asIntN(64, w);';
  const looped = 'let x = BigInt.asIntN(64, v), n = 0; for (let i = 0; i < 3; i++) { x = BigInt.asIntN(64, x + w);';
  expect(optimised(`${merged} return loOf(x) + hiOf(x);`)).toEqual({ status: 0, stderr: '' });
  expect(optimised(`${merged.replaceAll('asIntN', 'asUintN')} return hiOf(x);`)).toEqual({ status: 0, stderr: '' });
  expect(optimised(`${looped} n += hiOf(x); } return n;`)).toEqual({ status: 0, stderr: '' });
});

test('the halves are right', () => {
  for (const v of [0n, 1n, -1n, 1n << 31n, 1n << 32n, (1n << 63n) - 1n, -(1n << 63n), (1n << 64n) - 1n, 1n << 63n]) {
    expect(loOf(v)).toBe(Number(BigInt.asIntN(32, v)));
    expect(hiOf(v)).toBe(
      Number(BigInt.asIntN(64, v) / (1n << 32n)) - (BigInt.asIntN(64, v) % (1n << 32n) < 0n ? 1 : 0),
    );
  }
});
