/** Model and kernel side by side: the table that says whether the promise holds. */
import type { RunTrace } from '../engine/lsm/index.ts';
import type { KernelRun } from './run.ts';

export interface AgreementRow {
  /** 1-based step, or 0 for facts of the whole run. */
  readonly step: number;
  readonly label: string;
  readonly what: 'lsm' | 'attached' | 'errno' | 'called';
  readonly model: string;
  readonly kernel: string;
  readonly agree: boolean;
}

export interface Agreement {
  readonly rows: readonly AgreementRow[];
  readonly agree: boolean;
  /** The table as text, disagreements marked. */
  readonly text: string;
}

/** Runs of each attached program in one step, as the model traced them. */
function modelCalls(trace: RunTrace, step: number): Record<string, number> {
  const out: Record<string, number> = {};
  for (const hook of trace.steps[step].hooks) {
    for (const module of hook.modules) {
      for (const p of module.programs) if (p.state === 'called') out[p.program] = (out[p.program] ?? 0) + 1;
    }
  }
  return out;
}

const callText = (calls: Readonly<Record<string, number>>): string =>
  Object.keys(calls)
    .filter((name) => calls[name] > 0)
    .sort()
    .map((name) => (calls[name] === 1 ? name : `${name}×${calls[name]}`))
    .join(' ') || '-';

/** Compares stack, attached programs, and for each step the errno and which programs ran how often. */
export function compareRun(model: RunTrace, kernel: KernelRun): Agreement {
  const rows: AgreementRow[] = [];
  const add = (step: number, label: string, what: AgreementRow['what'], m: string, k: string): void => {
    rows.push({ step, label, what, model: m, kernel: k, agree: m === k });
  };
  add(0, 'LSM stack', 'lsm', model.stack.text, kernel.lsm);
  const attached = (list: readonly { readonly program: string; readonly ok: boolean }[]): string =>
    list
      .filter((p) => p.ok)
      .map((p) => p.program)
      .sort()
      .join(' ') || '-';
  add(
    0,
    'programs attached',
    'attached',
    attached(model.programs.map((p) => ({ program: p.program, ok: p.attached }))),
    attached(kernel.attached.map((p) => ({ program: p.program, ok: p.attachErrno === 0 }))),
  );
  const steps = Math.max(model.steps.length, kernel.steps.length);
  for (let i = 0; i < steps; i++) {
    const m = model.steps[i];
    const k = kernel.steps[i];
    const label = m?.label || m?.text || `step ${i + 1}`;
    add(i + 1, label, 'errno', m?.errno ?? 'no such step', k?.errno ?? 'no such step');
    if (m && k) add(i + 1, label, 'called', callText(modelCalls(model, i)), callText(k.programs));
  }
  return {
    rows,
    agree: rows.every((r) => r.agree),
    text: renderAgreement(rows, `${kernel.release} ${kernel.cmdline || '(default command line)'}`),
  };
}

export function renderAgreement(rows: readonly AgreementRow[], title: string): string {
  const cells = rows.map((r) => [
    r.agree ? 'ok' : 'DIFFERS',
    r.step ? String(r.step) : '',
    r.label,
    r.what,
    r.model,
    r.agree ? '' : r.kernel,
  ]);
  const head = ['', 'step', 'what happened', 'fact', 'model', 'kernel, where it differs'];
  const widths = head.map((h, i) => Math.max(h.length, ...cells.map((c) => c[i].length)));
  const line = (c: readonly string[]): string =>
    c
      .map((text, i) => text.padEnd(widths[i]))
      .join('  ')
      .trimEnd();
  const good = rows.filter((r) => r.agree).length;
  return [`${title}: ${good} of ${rows.length} facts agree`, line(head), ...cells.map(line)].join('\n');
}
