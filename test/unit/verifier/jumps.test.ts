/** Indirect jumps as the real kernels judge them (test/kernel/jumps.test.ts records), on 7.2 with the whole level-2 log. */
import { describe, expect, it } from 'vitest';
import { JUMP_PROGRAMS } from '../../kernel/corpus-jumps.ts';
import { ourJumpRecord, recordedJumps, verifyJumps } from '../../kernel/jump-records.ts';
import { KERNELS } from '../../kernel/verifier-platforms.ts';

describe.each(KERNELS)('indirect jumps on %s', (kernel) => {
  const recorded = recordedJumps(kernel);

  it('are recorded as they are', () => {
    expect(recorded.map((r) => r.name)).toEqual(JUMP_PROGRAMS.map((p) => p.name));
  });

  it.each(JUMP_PROGRAMS.map((p) => [p.name, p] as const))('%s', (name, p) => {
    expect(ourJumpRecord(kernel, p)).toEqual(recorded.find((r) => r.name === name));
  });
});

it('refusals are explained', () => {
  for (const p of JUMP_PROGRAMS) {
    const r = verifyJumps('7.2', p);
    if (r.accepted) continue;
    expect(r.explanation?.text.length, p.name).toBeGreaterThan(20);
    expect(r.explanation?.advice.length, p.name).toBeGreaterThan(10);
  }
});
