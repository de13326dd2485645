/**
 * Quick fixes for refusals: each case of test/data/repairs is refused for the reason it names, and the first fix that is
 * offered makes it accepted. test/kernel/repairs.test.ts asks the real kernels the same.
 */
import { describe, expect, it } from 'vitest';
import type { RefusalFixes } from '../../../src/engine/api/index.ts';
import { applyFix } from '../../../src/engine/repair/index.ts';
import { repairCases } from '../../data/repairs/cases.ts';
import { bench, text } from './support.ts';

const { engine, put } = bench();
const cases = repairCases();

describe.each(cases)('$name on $kernel', ({ path, kernel, reasons }) => {
  it('is refused, and accepted with the first fix', { timeout: 30_000 }, () => {
    const before = engine.check(path, kernel, { fixes: true }).diagnostics.filter((d) => d.severity === 'error');
    expect(before.map((d) => d.code.replace('verifier/', ''))).toHaveLength(1);
    expect(reasons).toContain(before[0].code.replace('verifier/', ''));
    const fixes = before[0].fixes ?? [];
    expect(fixes.length).toBeGreaterThan(0);
    for (const fix of fixes) {
      const edited = path.replace('.bpf.c', '-fixed.bpf.c');
      put(edited, applyFix(text(path), fix));
      const after = engine.check(edited, kernel);
      put(edited, undefined);
      expect({ fix: fix.title, errors: after.diagnostics.filter((d) => d.severity === 'error') }).toEqual({
        fix: fix.title,
        errors: [],
      });
    }
  });
});

describe('fixes on request', () => {
  const { path, kernel } = cases[0];
  const asked = path.replace('.bpf.c', '-asked.bpf.c');
  it('a check alone does not look for them', () => {
    const refusal = engine.check(path, kernel).diagnostics.find((d) => d.code.startsWith('verifier/'));
    expect(refusal?.fixes).toBeUndefined();
  });

  it('are found in steps, at the line of the refusal only, and kept until the text changes', () => {
    const { range, code, message } = engine
      .check(path, kernel)
      .diagnostics.find((d) => d.code.startsWith('verifier/'))!;
    put(asked, text(path));
    const run = (line: number | null): { steps: number; found: readonly RefusalFixes[] } => {
      const g = engine.fixes(asked, kernel, line);
      for (let steps = 0; ; steps++) {
        const s = g.next();
        if (s.done === true) return { steps, found: s.value };
      }
    };
    const first = run(range.line);
    expect(first.steps).toBeGreaterThan(0);
    expect(first.found).toMatchObject([{ code, message, line: range.line, column: range.column }]);
    expect(first.found[0].fixes.length).toBeGreaterThan(0);
    expect(run(range.line)).toEqual({ steps: 0, found: first.found });
    expect(run(range.line + 1).found).toEqual([]);
    put(asked, `${text(path)}\nint another_global;\n`);
    expect(run(null).steps).toBe(first.steps);
    put(asked, undefined);
  });
});

describe('the cases', () => {
  it('are at least 40 different ones', () => {
    expect(new Set(cases.map((c) => c.name)).size).toBeGreaterThanOrEqual(40);
  });
});
