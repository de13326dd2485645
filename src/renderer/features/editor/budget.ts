/** The verifier's budget per C line, beside the line numbers: its share as a number and a bar, the count as tooltip. */
import { currentKernel, get } from '../../workbench/index.ts';
import { monaco } from './monaco-setup.ts';

/** Room for `100 %` in the gutter. */
export const BUDGET_WIDTH = 46;

/** One class a percentage: text of a decoration in the gutter can only come from a style sheet. */
const sheet = document.createElement('style');
sheet.textContent = Array.from(
  { length: 101 },
  (_, n) =>
    `.budget-${n}::after{content:'${n === 0 ? '<1' : n}%'}.budget-${n}::before{width:${Math.max(2, Math.round(n * 0.42))}px}`,
).join('\n');
document.head.append(sheet);

export function budget(path: string): monaco.editor.IModelDeltaDecoration[] {
  const s = get();
  const programs = s.checks[path]?.[currentKernel(s)]?.programs ?? [];
  if (!s.settings.budget) return [];
  const lines = new Map<number, number>();
  for (const p of programs) for (const [line, n] of p.lineVisits) lines.set(line, (lines.get(line) ?? 0) + n);
  const total = [...lines.values()].reduce((a, b) => a + b, 0);
  lines.delete(0);
  return [...lines].map(([line, n]) => {
    const share = Math.round((n / total) * 100);
    return {
      range: new monaco.Range(line, 1, line, 1),
      options: {
        linesDecorationsClassName: `budget budget-${share}`,
        linesDecorationsTooltip: `${n.toLocaleString('en-US')} of ${total.toLocaleString('en-US')} instructions that the verifier processed (${((n / total) * 100).toFixed(1)} %)`,
      },
    };
  });
}
