/** The real kernels on the cases of test/data/repairs: they refuse each as it is, and accept it with the first fix. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openEngine } from '../../src/cli/context.ts';
import { applyFix } from '../../src/engine/repair/index.ts';
import { bootGuest, labUnavailable, loadVerdicts, prepareLab, type KernelId } from '../../src/lab/index.ts';
import { repairCases } from '../data/repairs/cases.ts';

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const lab = prepareLab();
const cases = repairCases();

describe.skipIf(!lab.ok)(lab.ok ? 'quick fixes on real kernels' : labUnavailable(lab.reason), () => {
  it.each(['6.1', '6.12'] as const)('%s: refused as it is, accepted with the first fix', async (kernel: KernelId) => {
    if (!lab.ok) return;
    const mine = cases.filter((c) => c.kernel === kernel);
    const engine = openEngine(root);
    const dir = mkdtempSync(join(tmpdir(), 'lsmith-repairs-'));
    cpSync(`${root}/test/data/repairs/common.h`, `${dir}/common.h`);
    const objects = mine.flatMap((c) => {
      const path = `${root}/${c.path}`;
      const refused = engine
        .check(path, kernel, { fixes: true })
        .diagnostics.find((d) => d.code.startsWith('verifier/'));
      const fixed = `${dir}/${c.name}-fixed.bpf.c`;
      writeFileSync(fixed, applyFix(readFileSync(path, 'utf8'), refused!.fixes![0]));
      return [path, fixed].map((p, i) => ({
        name: `${c.name}${i === 0 ? '' : ' fixed'}`,
        bytes: engine.build(p, kernel).object!,
      }));
    });
    rmSync(dir, { recursive: true });
    const guest = await bootGuest({ kernel, cmdline: 'lsm=bpf', lab: lab.lab });
    const verdicts = await loadVerdicts(guest, objects);
    guest.close();
    const accepted = verdicts.map((v) => [v.object, v.openError ?? v.programs.map((p) => p.accepted)]);
    expect(accepted).toEqual(
      mine.flatMap((c) => [
        [c.name, [false]],
        [`${c.name} fixed`, [true]],
      ]),
    );
  });
});
