/** Compares what a step did with what its author expected. */
import type { HookCall, StepTrace } from '../lsm/index.ts';
import type { StepExpectation } from './types.ts';

type Outcome = StepTrace['expectations'][number];

export function evaluate(
  expect: StepExpectation | null,
  errno: string,
  decidedBy: string | null,
  hooks: readonly HookCall[],
): readonly Outcome[] {
  if (expect === null) return [];
  const out: Outcome[] = [];
  if (expect.errno !== null) out.push({ text: `errno is ${expect.errno}`, ok: errno === expect.errno, actual: errno });
  if (expect.decidedBy !== null) {
    const actual = decidedBy ?? 'nobody';
    const ok = decidedBy === expect.decidedBy || (expect.decidedBy === 'bpf' && actual.startsWith('bpf:'));
    out.push({ text: `decided by ${expect.decidedBy}`, ok, actual });
  }
  if (expect.called.length === 0 && expect.notCalled.length === 0) return out;
  const programs = hooks.flatMap((h) => h.modules.flatMap((m) => m.programs));
  const called = new Set(programs.filter((p) => p.state === 'called').map((p) => p.program));
  const seen = new Set(programs.map((p) => p.program));
  const state = (p: string): string =>
    called.has(p)
      ? 'called'
      : seen.has(p)
        ? 'not called'
        : 'not called (its hook was not reached, or it is not attached)';
  for (const p of expect.called) out.push({ text: `${p} is called`, ok: called.has(p), actual: state(p) });
  for (const p of expect.notCalled) out.push({ text: `${p} is not called`, ok: !called.has(p), actual: state(p) });
  return out;
}
