// Random programs with maps, records, callbacks and checked bounds: where clang's compilation loads, ours does.
import { describe, expect, test } from 'vitest';
import { bootGuest, KERNEL_IDS, labKernels, labUnavailable, prepareLab } from '../../src/lab/index.ts';
import { loadBoth } from '../conformance/compiler-load.ts';
import { clang, profile } from '../conformance/compiler-support.ts';
import { choices, generateProgram } from '../conformance/generator/index.ts';

const COUNT = 30;
const FIRST = 60001;

const prepared = prepareLab({ say: (text) => process.stderr.write(`lsmith: ${text}\n`) });
const skip = prepared.ok ? null : labUnavailable(prepared.reason);

describe.skipIf(skip || clang === undefined)('random programs of our compiler', () => {
  test.each(labKernels(prepared, KERNEL_IDS))('load in %s whenever those of clang do', async (kernel) => {
    const guest = await bootGuest({ kernel, cmdline: 'lsm=bpf', lab: prepared.ok ? prepared.lab : undefined });
    try {
      const texts = Array.from({ length: COUNT }, (_, k) =>
        generateProgram(k, choices(200 + 25 * k, FIRST + k), { portable: true }),
      );
      const tally = await loadBoth(guest, texts, profile(kernel));
      expect(tally?.refused.map((r) => `seed ${FIRST + r.program}: ${r.log}`)).toEqual([]);
      // It would say little of programs that the kernel refuses anyway.
      expect(tally!.both).toBeGreaterThan(COUNT / 2);
    } finally {
      guest.close();
    }
  });
});
