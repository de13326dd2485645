/** Indirect jumps and arguments on the stack as the real kernels judge them, on 7.2 with the whole level-2 log. */
import { describe, expect, it } from 'vitest';
import { ourRecord, recordedLogs, SUITE_NAMES, SUITES, verifyLogged } from '../../kernel/logged-records.ts';
import { KERNELS } from '../../kernel/verifier-platforms.ts';

const CASES = SUITE_NAMES.flatMap((suite) => KERNELS.map((kernel) => ({ suite, kernel })));

describe.each(CASES)('$suite on $kernel', ({ suite, kernel }) => {
  const recorded = recordedLogs(suite, kernel);

  it('are recorded as they are', () => {
    expect(recorded.map((r) => r.name)).toEqual(SUITES[suite].map((p) => p.name));
  });

  it.each(SUITES[suite].map((p) => [p.name, p] as const))('%s', (name, p) => {
    expect(ourRecord(kernel, p)).toEqual(recorded.find((r) => r.name === name));
  });
});

it('refusals are explained', () => {
  for (const p of Object.values(SUITES).flat()) {
    const r = verifyLogged('7.2', p);
    if (r.accepted) continue;
    expect(r.explanation?.text.length, p.name).toBeGreaterThan(20);
    expect(r.explanation?.advice.length, p.name).toBeGreaterThan(10);
  }
});
