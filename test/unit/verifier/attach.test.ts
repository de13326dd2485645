/**
 * Where tracing programs may attach: functions of every kernel, as the real one answered. All with an answer of their own are
 * asked about, and some of the many others; with LSMITH_ALL_FUNCTIONS=1 all.
 */
import { describe, expect, it } from 'vitest';
import { kernelFunctions, tracingFacts } from '../../../src/lab/index.ts';
import { profile } from '../../conformance/compiler-support.ts';
import { answersFrom, ourAnswers, recordedAttach } from '../../kernel/attach-record.ts';
import { KERNELS, platform } from '../../kernel/verifier-platforms.ts';

/** One of so many functions without an answer of their own. */
const SAMPLE = process.env.LSMITH_ALL_FUNCTIONS ? 1 : 12;

describe('attach targets of tracing programs', () => {
  it.each(KERNELS)("%s: the kernel's answers", { timeout: 120_000 }, (kernel) => {
    const record = recordedAttach(kernel);
    const recorded = answersFrom(record);
    const named = new Set(record.flatMap(([, names]) => names));
    const all = kernelFunctions(platform(kernel).btf);
    const some = all.filter((f, i) => named.has(f.name) || i % SAMPLE === 0);
    expect(some.length).toBeGreaterThan(4000);
    const differ = some
      .map((f) => ({ name: f.name, ours: ourAnswers(kernel, f), kernel: recorded(f.name) }))
      .filter((x) => x.ours.join('\n') !== x.kernel.join('\n'));
    expect(differ).toEqual([]);
  });

  it.each(KERNELS)('%s: the facts of the profile are those of the record', (kernel) => {
    const recorded = answersFrom(recordedAttach(kernel));
    const funcs = kernelFunctions(platform(kernel).btf);
    expect(profile(kernel).facts.tracing).toEqual(tracingFacts(funcs.map((f) => [f.name, recorded(f.name)])));
  });
});
