/**
 * Where tracing programs may attach, on the real kernels. With LSMITH_RECORD=1 every function of the kernel is asked about (some
 * minutes) and the answers are written to test/data/verifier; without, those with an answer of their own and some of the others
 * are asked again. A unit test holds our verdicts to the records.
 */
import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  askAttach,
  ATTACH_WAYS,
  bootGuest,
  kernelBtf,
  kernelFunctions,
  labKernels,
  labUnavailable,
  prepareLab,
  type Guest,
  type KernelFunction,
} from '../../src/lab/index.ts';
import { answersFrom, attachFile, recordedAttach, recordOf, recordText, type AttachRecord } from './attach-record.ts';
import { KERNELS } from './verifier-platforms.ts';

const lab = prepareLab();
/** One of so many functions without an answer of their own. */
const SAMPLE = 40;

async function ask(guest: Guest, funcs: readonly KernelFunction[]): Promise<AttachRecord> {
  const said: string[][] = [];
  for (const way of ATTACH_WAYS) said.push(await askAttach(guest, funcs, way));
  return recordOf(funcs, said);
}

describe.skipIf(!lab.ok)(lab.ok ? 'attach targets on real kernels' : labUnavailable(lab.reason), () => {
  it.each(labKernels(lab, KERNELS))('%s: the recorded answers', { timeout: 1_200_000 }, async (kernel) => {
    if (!lab.ok) return;
    const all = kernelFunctions(kernelBtf(lab.lab.kernels[kernel]!));
    const guest = await bootGuest({ kernel, cmdline: 'lsm=bpf', lab: lab.lab });
    try {
      if (process.env.LSMITH_RECORD) writeFileSync(attachFile(kernel), recordText(await ask(guest, all)));
      const record = recordedAttach(kernel);
      const named = new Set(record.flatMap(([, names]) => names));
      const some = all.filter((f, i) => named.has(f.name) || i % SAMPLE === 0);
      expect(some.length).toBeGreaterThan(1000);
      const [fresh, recorded] = [answersFrom(await ask(guest, some)), answersFrom(record)];
      expect(some.map((f) => [f.name, fresh(f.name)])).toEqual(some.map((f) => [f.name, recorded(f.name)]));
    } finally {
      guest.close();
    }
  });
});
