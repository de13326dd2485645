/** Each rule of the model has recorded programs of both sides, our verdicts on them are the kernels', and the page says so. */
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { RULES, rulesPage, shownRules, type Form, type Side } from '../../kernel/model-rules.ts';
import { ourVerdicts, recordedRules } from '../../kernel/rules-c.ts';
import { KERNELS } from '../../kernel/verifier-platforms.ts';

describe.each(KERNELS)('rules in C on %s', (kernel) => {
  const recorded = recordedRules(kernel);
  const ours = ourVerdicts(kernel);

  it('are recorded as they are', () => {
    expect(recorded.map((r) => r.program)).toEqual(ours.map((r) => r.program));
  });

  it.each(recorded.map((r, i) => [r.program, r, i] as const))('%s', (name, want, i) => {
    expect({ program: name, accepted: ours[i].accepted }).toEqual({ program: name, accepted: want.accepted });
  });
});

test('every rule is shown from both sides, or says why not', () => {
  const shown = shownRules();
  const wrong = RULES.flatMap((r) =>
    (['C', 'raw'] as const).flatMap((form: Form) =>
      (['accepted', 'refused'] as const).flatMap((side: Side) => {
        const some = shown.some((s) => s.rule === r.id && s.form === form && s.accepted === (side === 'accepted'));
        const excused = r.none?.[form] ?? r.none?.[`${form} ${side}`];
        if (some === (excused === undefined)) return [];
        return [`${r.id}: ${form} ${side}: ${some ? 'there are, though it says' : 'missing'} ${excused ?? ''}`];
      }),
    ),
  );
  expect(wrong).toEqual([]);
});

test('every program in C belongs to a rule', () => {
  const ids = new Set(RULES.map((r) => r.id));
  const names = KERNELS.flatMap((k) => recordedRules(k).map((r) => r.program));
  expect(names.filter((n) => !ids.has(n.slice(0, n.indexOf('__'))))).toEqual([]);
});

test('docs/verifier-rules.md is the table of the records', () => {
  const file = new URL('../../../docs/verifier-rules.md', import.meta.url);
  if (process.env.LSMITH_WRITE_DOCS === '1') writeFileSync(file, rulesPage());
  expect(readFileSync(file, 'utf8')).toBe(rulesPage());
});
