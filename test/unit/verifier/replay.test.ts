/** Verdict, errno, words and instruction count as the real kernels gave them (test/kernel/verifier.test.ts records). */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { verifyProgram } from '../../../src/engine/verifier/index.ts';
import { CORPUS } from '../../kernel/verifier-corpus.ts';
import { KERNELS, platform } from '../../kernel/verifier-platforms.ts';
import { rawObject } from '../../kernel/verifier-programs.ts';
import { shaOf, type RecordedVerdict } from '../../kernel/verifier-record.ts';

/** BTF ids differ between builds of one kernel version. */
const withoutIds = (words: string): string => words.replace(/btf_id \d+/, 'btf_id N');

describe.each(KERNELS)('recorded verdicts of %s', (kernel) => {
  const recorded = JSON.parse(
    readFileSync(new URL(`../../data/verifier/${kernel}.json`, import.meta.url), 'utf8'),
  ) as RecordedVerdict[];
  const byName = new Map(recorded.map((r) => [r.name, r]));

  it('cover the corpus as it is', () => {
    expect(recorded.map((r) => [r.name, r.sha])).toEqual(CORPUS.map((c) => [c.name, shaOf(c)]));
  });

  it.each(CORPUS.map((c) => [c.name, c] as const))('%s', (name, c) => {
    const want = byName.get(name)!;
    const { obj, prog } = rawObject(c.insns, platform(kernel).btf, c.hook, c.sleepable, c.license);
    const got = verifyProgram(obj, prog, platform(kernel));
    expect({ accepted: got.accepted, errno: got.errno }).toEqual({ accepted: want.accepted, errno: want.errno });
    if (!want.accepted) {
      expect(want.words.map(withoutIds)).toContain(withoutIds(got.message));
      expect(got.explanation?.text.length).toBeGreaterThan(20);
      expect(got.explanation?.advice.length).toBeGreaterThan(10);
    }
    expect(Math.abs(got.insnsProcessed - want.processed)).toBeLessThanOrEqual(1);
  });
});
