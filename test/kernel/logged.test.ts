/** Programs of which whole logs are recorded, against the real kernels; LSMITH_RECORD=1 records what they say. */
import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { bootGuest, labKernels, labUnavailable, prepareLab, rawVerdicts } from '../../src/lab/index.ts';
import { loggedFile, loggedRecords, ourRecord, recordedLogs, SUITE_NAMES, SUITES } from './logged-records.ts';
import { KERNELS } from './verifier-platforms.ts';
import { RAW_MAPS } from './verifier-programs.ts';

const lab = prepareLab();

describe.skipIf(!lab.ok)(lab.ok ? 'logged programs on real kernels' : labUnavailable(lab.reason), () => {
  it.each(labKernels(lab, KERNELS))('%s: as recorded, and as we say', async (kernel) => {
    if (!lab.ok) return;
    const guest = await bootGuest({ kernel, cmdline: 'lsm=bpf', lab: lab.lab });
    try {
      for (const suite of SUITE_NAMES) {
        const verdicts = await rawVerdicts(guest, SUITES[suite], { maps: RAW_MAPS, level: 2, tail: 60_000 });
        const fresh = loggedRecords(suite, kernel, verdicts);
        if (process.env.LSMITH_RECORD) writeFileSync(loggedFile(suite, kernel), JSON.stringify(fresh, null, 1) + '\n');
        expect(fresh).toEqual(recordedLogs(suite, kernel));
        expect(SUITES[suite].map((p) => ourRecord(kernel, p))).toEqual(fresh);
      }
    } finally {
      guest.close();
    }
  });
});
