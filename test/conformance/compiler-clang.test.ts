// Random programs compiled by us (cpu v3) and by clang (v4, which has signed division), both run in our VM on the same inputs: same returns, same globals.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { verifyFunction } from '../../src/engine/codegen/ir-verify.ts';
import { choices, generateProgram, PRELUDE } from './compiler-generator.ts';
import { clang, compileClang, compileOurs, instantiate, load, profile, readGlobal } from './compiler-support.ts';

const COUNT = Number(process.env.LSMITH_FUZZ_COUNT ?? 200);
const SEED = Number(process.env.LSMITH_FUZZ_SEED ?? 20250601);
const BATCH = 20;

const INPUTS: readonly (readonly bigint[])[] = [
  [0n, 0n, 0n],
  [1n, 0xffffffffn, 0n],
  [0xffffffffffffffffn, 5n, 0n],
  [0x123456789abcdef0n, 0x80000000n, 0n],
  [0x8000000080000001n, 0x7fffffffn, 0n],
];

describe.skipIf(clang === undefined)('against clang', () => {
  const kernel = profile('6.12');
  // Plain arrays would come out short and full of small numbers: uniform choices of every length make real programs.
  const stream = fc
    .tuple(fc.integer({ min: 100, max: 1500 }), fc.noBias(fc.nat(0x7fffffff)))
    .map(([n, s]) => choices(n, s));
  const streams = fc.sample(stream, { numRuns: COUNT, seed: SEED });
  for (let from = 0; from < COUNT; from += BATCH) {
    it(`random programs ${from} to ${Math.min(from + BATCH, COUNT) - 1} of seed ${SEED}`, () => {
      const texts = streams.slice(from, from + BATCH).map((s, k) => generateProgram(from + k, s));
      const source = PRELUDE + texts.join('\n');
      const broken: string[] = [];
      const ours = compileOurs(source, kernel, { onFunction: (f) => void broken.push(...verifyFunction(f)) });
      expect(broken).toEqual([]);
      expect(
        ours.diagnostics.filter((d) => d.severity === 'error').map((d) => `${d.range.line}: ${d.message}`),
      ).toEqual([]);
      const a = load(ours.object!, kernel);
      const b = load(compileClang(source, ['-mcpu=v4']), kernel);
      texts.forEach((text, k) => {
        const n = from + k;
        for (const args of INPUTS) {
          const outcome = (object: typeof a): string => {
            const vm = instantiate(object);
            const run = vm.run(
              object.programs.find((p) => p.name === `p${n}`)!,
              args,
            );
            const globals = [`out${n}`, `glob${n}`, `counter${n}`].map((g) => readGlobal(vm, object, g));
            return `r0 ${BigInt.asIntN(32, run.r0)} ${run.fault?.message ?? ''} ${globals.join(' ')}`;
          };
          expect(outcome(a), `inputs ${args.join(', ')} of\n${text}`).toBe(outcome(b));
        }
      });
    });
  }
});
