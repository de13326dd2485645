// Random programs compiled by us (cpu v3) and by clang, both run in our VM: same returns, globals, maps, records, lines. `npm run fuzz:compiler` runs more.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareAll } from './compiler-compare.ts';
import { choices, generateProgram } from './generator/index.ts';
import { clang, profile } from './compiler-support.ts';

const COUNT = Number(process.env.LSMITH_FUZZ_COUNT ?? 200);
const SEED = Number(process.env.LSMITH_FUZZ_SEED ?? 20250601);
const BATCH = 20;

describe.skipIf(clang === undefined)('against clang', () => {
  const kernel = profile('6.12');
  // Plain arrays would come out short and full of small numbers: uniform choices of every length make real programs.
  const stream = fc
    .tuple(fc.integer({ min: 100, max: 1500 }), fc.noBias(fc.nat(0x7fffffff)))
    .map(([n, s]) => choices(n, s));
  const streams = fc.sample(stream, { numRuns: COUNT, seed: SEED });
  for (let from = 0; from < COUNT; from += BATCH) {
    it(`random programs ${from} to ${Math.min(from + BATCH, COUNT) - 1} of seed ${SEED}`, () => {
      const texts = streams.slice(from, from + BATCH).map((s) => (n: number) => generateProgram(n, s));
      const verdicts = compareAll(texts, kernel);
      verdicts.forEach((v, k) => expect(typeof v === 'string' ? null : v.why, texts[k](0)).toBeNull());
      expect(verdicts.filter((v) => v === 'clang failed').length).toBeLessThan(BATCH / 4);
    });
  }
});
