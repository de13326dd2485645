/** Which helpers each program type offers: the tables against the real kernels. */
import { describe, expect, it } from 'vitest';
import { helperName } from '../../src/engine/bpf/index.ts';
import { offeredToLsm } from '../../src/engine/verifier/offered.ts';
import { offeredHelper } from '../../src/engine/verifier/prog-helpers.ts';
import {
  bootGuest,
  labKernels,
  labUnavailable,
  prepareLab,
  rawVerdicts,
  type RawProgram,
} from '../../src/lab/index.ts';
import { RAW_TYPES, TYPED_KERNELS } from './prog-types.ts';
import { KERNELS, platform } from './verifier-platforms.ts';
import { asm, encode } from './verifier-programs.ts';

const lab = prepareLab();
const HELPERS = 211;
const BPF_LSM_CGROUP = 43;
/** Hooks by what their context is: a file, a socket, one that nobody sees yet, one that is locked; and void ones. */
const LSM_ROWS = [
  ...['file_open', 'socket_bind', 'socket_post_create', 'socket_socketpair', 'inet_conn_established', 'inet_csk_clone'],
  ...['sock_graft', 'sk_alloc_security', 'sk_free_security', 'task_free'],
]
  .flatMap((hook) => [
    { progType: 'lsm_cgroup' as const, hook, sleepable: false },
    { progType: 'lsm' as const, hook, sleepable: false },
  ])
  .concat([{ progType: 'lsm', hook: 'file_open', sleepable: true }]);
const SLEEPS = /might sleep|sleepable helper/;
const UNKNOWN = /unknown func|invalid func|program of this type cannot use helper/;

describe.skipIf(!lab.ok)(lab.ok ? 'helpers by program type' : labUnavailable(lab.reason), () => {
  it.each(TYPED_KERNELS)('%s offers what the tables say', { timeout: 300_000 }, async (kernel) => {
    if (!lab.ok) return;
    const asked = RAW_TYPES.flatMap((type) => Array.from({ length: HELPERS }, (_, i) => ({ type, id: i + 1 })));
    const programs = asked.map(({ type, id }): RawProgram => ({
      insns: encode([asm.call(id), asm.exit()]),
      func: '-',
      progType: type.type,
      attachType: type.attach,
      sleepable: type.sleepable === true,
    }));
    const guest = await bootGuest({ kernel, cmdline: 'lsm=bpf', lab: lab.lab });
    try {
      const verdicts = await rawVerdicts(guest, programs, { level: 1, tail: 300 });
      // A type that this kernel does not have says nothing at all.
      const known = new Set(asked.filter((_, i) => verdicts[i].log !== '').map((a) => a.type));
      const differ: string[] = [];
      asked.forEach(({ type, id }, i) => {
        if (!known.has(type)) return;
        const attach = { ...type, sleepable: type.sleepable === true, hook: null, func: '', btfId: 0 };
        const ours = offeredHelper(attach, id, helperName(id), platform(kernel).version) !== undefined;
        const kernels = !UNKNOWN.test(verdicts[i].log);
        if (ours !== kernels) {
          differ.push(`${type.attachType ?? type.progType} ${helperName(id)}: ${kernels ? 'offered' : 'not offered'}`);
        }
      });
      expect(known.size).toBeGreaterThan(30);
      expect(differ).toEqual([]);
    } finally {
      guest.close();
    }
  });

  it.each(labKernels(lab, KERNELS))('%s: LSM programs', { timeout: 300_000 }, async (kernel) => {
    if (!lab.ok) return;
    const asked = LSM_ROWS.flatMap((row) => Array.from({ length: HELPERS }, (_, i) => ({ row, id: i + 1 })));
    const programs = asked.map(({ row, id }): RawProgram => ({
      insns: encode([asm.call(id), asm.exit()]),
      hook: row.hook,
      sleepable: row.sleepable,
      ...(row.progType === 'lsm_cgroup' ? { attachType: BPF_LSM_CGROUP } : {}),
    }));
    const guest = await bootGuest({ kernel, cmdline: 'lsm=bpf', lab: lab.lab });
    try {
      const verdicts = await rawVerdicts(guest, programs, { level: 1, tail: 300 });
      const differ: string[] = [];
      const offered = new Map(LSM_ROWS.map((row) => [row, 0]));
      asked.forEach(({ row, id }, i) => {
        // The helper's own list of hooks is another matter than what the program's type offers.
        if (verdicts[i].log.includes('not allowed in probe')) return;
        const ours = offeredToLsm(platform(kernel), { ...row, func: `bpf_lsm_${row.hook}`, btfId: 0 }, id);
        const kernels = !UNKNOWN.test(verdicts[i].log) && !SLEEPS.test(verdicts[i].log);
        if (kernels) offered.set(row, offered.get(row)! + 1);
        if (ours !== kernels) {
          differ.push(`${row.progType} ${row.hook} ${helperName(id)}: ${kernels ? 'offered' : 'not offered'}`);
        }
      });
      expect(differ).toEqual([]);
      expect([...offered.values()].every((n) => n > 50 && n < HELPERS / 2 + 50)).toBe(true);
    } finally {
      guest.close();
    }
  });
});
