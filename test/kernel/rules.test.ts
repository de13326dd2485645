/**
 * One program in C for each rule of the model, accepted or refused, on the real kernels. With LSMITH_RECORD=1 what they said is
 * written to test/data/verifier (unit tests replay it, docs/verifier-rules.md counts it); without, the records are checked.
 */
import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { bootGuest, labKernels, labUnavailable, loadVerdicts, prepareLab } from '../../src/lab/index.ts';
import { compileRules, filesOf, ourVerdicts, recordedRules, rulesFile, type RuleVerdict } from './rules-c.ts';
import { KERNELS } from './verifier-platforms.ts';
import { lastWords } from './verifier-record.ts';

const lab = prepareLab();

describe.skipIf(!lab.ok)(lab.ok ? 'rules in C on real kernels' : labUnavailable(lab.reason), () => {
  it.each(labKernels(lab, KERNELS))('%s: same verdict', { timeout: 300_000 }, async (kernel) => {
    if (!lab.ok) return;
    const objects = filesOf(kernel).map((name) => ({ name, bytes: compileRules(name, kernel) }));
    const guest = await bootGuest({ kernel, cmdline: 'lsm=bpf', lab: lab.lab });
    try {
      const answers = await loadVerdicts(guest, objects, { level: 1, logCap: 8192, attach: false });
      expect(answers.map((o) => o.openError)).toEqual(answers.map(() => null));
      const fresh = answers.flatMap((o): RuleVerdict[] =>
        o.programs.map((p) => ({
          program: p.name,
          accepted: p.accepted,
          words: p.accepted ? '' : (lastWords(p.log).at(-1) ?? ''),
        })),
      );
      if (process.env.LSMITH_RECORD) {
        writeFileSync(rulesFile(kernel), `[\n${fresh.map((r) => JSON.stringify(r)).join(',\n')}\n]\n`);
      }
      const verdicts = (of: readonly RuleVerdict[]): unknown => of.map((r) => [r.program, r.accepted]);
      expect(verdicts(fresh)).toEqual(verdicts(recordedRules(kernel)));
      expect(verdicts(ourVerdicts(kernel))).toEqual(verdicts(fresh));
    } finally {
      guest.close();
    }
  });
});
