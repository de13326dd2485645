/** Runs one scenario under many orders and semantics and says what changes against the baseline. */
import type { AttachSemantics, RunDiff, RunTrace } from '../lsm/index.ts';
import { diffRuns } from '../trace/index.ts';

export interface Variant {
  readonly cmdline: string;
  readonly semantics: AttachSemantics;
  readonly trace: RunTrace;
  readonly diff: RunDiff;
}

export const ALL_SEMANTICS: readonly AttachSemantics[] = ['lsm', 'fexit', 'fexit-if-zero', 'fmod_ret'];

/**
 * Orders matter to bpf under LSM-list semantics only, but modules still change places among themselves under the
 * others, so each given semantics is run under each command line.
 * @param run one pure run; called once per pair
 */
export function exploreVariants(
  baseline: RunTrace,
  cmdlines: readonly string[],
  semantics: readonly AttachSemantics[],
  run: (cmdline: string, semantics: AttachSemantics) => RunTrace,
): readonly Variant[] {
  const out: Variant[] = [];
  for (const s of semantics) {
    for (const cmdline of cmdlines) {
      const trace = run(cmdline, s);
      if (s === baseline.semantics && trace.stack.text === baseline.stack.text) continue;
      out.push({ cmdline, semantics: s, trace, diff: diffRuns(baseline, trace) });
    }
  }
  return out;
}
