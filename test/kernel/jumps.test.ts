/** Programs with indirect jumps against the real kernels; LSMITH_RECORD=1 records what they say. */
import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { bootGuest, labKernels, labUnavailable, prepareLab, rawVerdicts } from '../../src/lab/index.ts';
import { JUMP_PROGRAMS } from './corpus-jumps.ts';
import { jumpRecords, jumpsFile, ourJumpRecord, recordedJumps } from './jump-records.ts';
import { KERNELS } from './verifier-platforms.ts';
import { RAW_MAPS } from './verifier-programs.ts';

const lab = prepareLab();

describe.skipIf(!lab.ok)(lab.ok ? 'indirect jumps on real kernels' : labUnavailable(lab.reason), () => {
  it.each(labKernels(lab, KERNELS))('%s: as recorded, and as we say', async (kernel) => {
    if (!lab.ok) return;
    const guest = await bootGuest({ kernel, cmdline: 'lsm=bpf', lab: lab.lab });
    try {
      const verdicts = await rawVerdicts(guest, JUMP_PROGRAMS, { maps: RAW_MAPS, level: 2, tail: 60_000 });
      const fresh = jumpRecords(kernel, verdicts);
      if (process.env.LSMITH_RECORD) writeFileSync(jumpsFile(kernel), JSON.stringify(fresh, null, 1) + '\n');
      expect(fresh).toEqual(recordedJumps(kernel));
      expect(JUMP_PROGRAMS.map((p) => ourJumpRecord(kernel, p))).toEqual(fresh);
    } finally {
      guest.close();
    }
  });
});
