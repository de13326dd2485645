/** Mistakes do not hide each other, and none makes others up: joined in one file each says what it says alone. */
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { compile } from '../c/support.ts';
import { compileC } from '../../../src/engine/codegen/index.ts';
import { bundled, cache } from '../c/support.ts';
import { createIncludeResolver } from '../../../src/engine/c/index.ts';
import { FILES, readCases, type Case } from './cases.ts';

vi.setConfig({ testTimeout: 120_000 });

/** What cannot stand beside anything: it swallows the rest of the file. */
const SWALLOWS = new Set(['missing closing brace', 'unterminated if', 'header that is not there']);
const cases = FILES.slice(0, 2)
  .flatMap(readCases)
  .filter((c) => !SWALLOWS.has(c.title));

/** Names of the file scope with a suffix: every case has its `f` and its `struct s`. */
function renamed(c: Case, n: number): string {
  const text = c.source.join('\n');
  const names = new Set<string>();
  for (const m of text.matchAll(/\b(?:struct|union|enum)\s+(\w+)/g)) names.add(m[1]);
  for (const m of text.matchAll(/^(?!\s)(?:[\w()]+[ *]+)+\*?(\w+)\s*(?:\(|;|=|\[)/gm)) names.add(m[1]);
  for (const m of text.matchAll(/^#define (\w+)/gm)) names.add(m[1]);
  for (const m of text.matchAll(/^typedef .* (\w+);/gm)) names.add(m[1]);
  return text.replace(/\b[A-Za-z_]\w*\b/g, (w) => (names.has(w) ? `${w}${n}` : w));
}

const includes = createIncludeResolver({ bundled });
const said = (text: string): string[] =>
  compileC({ file: 'test.bpf.c', text, includes, profileBtf: null, target: { kernelVersion: '6.12' }, cache })
    .diagnostics.map((d) => `${d.range.line} ${d.severity} ${d.code}`)
    .sort();

/** Findings of the cases alone, moved to where they stand in the joined file. */
function joined(chosen: readonly Case[]): { readonly text: string; readonly expected: string[] } {
  let text = '';
  let line = 0;
  const expected: string[] = [];
  chosen.forEach((c, n) => {
    const part = renamed(c, n);
    for (const s of said(part)) {
      const [at, ...rest] = s.split(' ');
      expected.push([Number(at) + line, ...rest].join(' '));
    }
    text += part + '\n';
    line = text.split('\n').length - 1;
  });
  return { text, expected: expected.sort() };
}

describe('recovery', () => {
  it('every case says something alone', () => {
    expect(cases.length).toBeGreaterThan(60);
    expect(cases.filter((c) => said(renamed(c, 0)).length === 0).map((c) => c.title)).toEqual([]);
  });

  it('any two mistakes side by side', () => {
    const wrong: string[] = [];
    cases.forEach((a, i) => {
      const b = cases[(i * 7 + 13) % cases.length]!;
      const { text, expected } = joined([a, b]);
      if (said(text).join('\n') !== expected.join('\n'))
        wrong.push(`${a.title} + ${b.title}:\n${said(text).join('\n')}\ninstead of\n${expected.join('\n')}`);
    });
    expect(wrong).toEqual([]);
  });

  it('k mistakes give the findings of k mistakes', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(cases, { minLength: 3, maxLength: 7 }), (chosen) => {
        const { text, expected } = joined(chosen);
        expect(said(text), chosen.map((c) => c.title).join(' + ')).toEqual(expected);
      }),
      { numRuns: 120, seed: 7 },
    );
  });

  it('a mistake does not make others up', () => {
    // Each case is one mistake; the few with more say so by their titles.
    const several = /three|nested|computed|elsewhere|128-bit/;
    const wrong = cases.filter((c) => !several.test(c.title) && said(renamed(c, 0)).length !== 1);
    expect(wrong.map((c) => `${c.title}: ${said(renamed(c, 0)).join(', ')}`)).toEqual([]);
    expect(compile('int ok(void) { return 0; }').diagnostics).toEqual([]);
  });
});
