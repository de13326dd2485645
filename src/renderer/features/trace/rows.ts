/** The trace as rows: step → hook call → module → program, and its filter. */
import type { HookCall, ModuleCall, ProgramCall, RunTrace, StepTrace } from '../../../engine/lsm/index.ts';
import { hookMark, moduleMark, moduleText, retText, stepMark } from '../../workbench/selection.ts';
import type { Selection } from '../../workbench/store.ts';
import type { Mark } from '../../ui/icon.tsx';

export interface TraceRow {
  readonly key: string;
  readonly level: number;
  readonly expandable: boolean;
  readonly selection: Selection;
  readonly number: string;
  readonly name: string;
  readonly hook: string;
  readonly decidedBy: string;
  readonly result: string;
  readonly programs: string;
  readonly mark: Mark;
  readonly changed: boolean;
  readonly failed: boolean;
}

export const keyOf = (s: Selection): string =>
  [s.step, s.hook ?? '', s.module ?? '', s.program ?? ''].join('/').replace(/\/+$/, '');

function programsOf(h: HookCall): string {
  return h.modules
    .flatMap((m) => m.programs)
    .map((p) => `${p.program} ${p.state === 'called' ? retText(p.ret) : '— not called'}`)
    .join(', ');
}

const text = (s: StepTrace): string => s.label || s.text.replace(/ = [^=]*$/, '').replace('AT_FDCWD, ', '');

function stepRow(s: StepTrace, i: number, changed: boolean): TraceRow {
  const selection: Selection = { step: i, hook: null, module: null, program: null };
  const failed = s.expectations.filter((e) => !e.ok).length;
  return {
    key: keyOf(selection),
    level: 1,
    expandable: s.hooks.length > 0,
    selection,
    number: String(i + 1),
    name: `${s.task}: ${text(s)}`,
    hook: `${s.hooks.length} ${s.hooks.length === 1 ? 'hook call' : 'hook calls'}`,
    decidedBy: s.decidedBy ?? '',
    result: s.errno === 'OK' ? (s.ret === 0 ? 'OK' : `OK ${s.ret}`) : s.errno,
    programs:
      failed > 0
        ? `${failed} of ${s.expectations.length} expectations fail`
        : s.expectations.length > 0
          ? s.expectations.length === 1
            ? 'expectation holds'
            : `${s.expectations.length} expectations hold`
          : '',
    mark: stepMark(s),
    changed,
    failed: failed > 0,
  };
}

function hookRow(h: HookCall, step: number, i: number): TraceRow {
  const selection: Selection = { step, hook: i, module: null, program: null };
  return {
    key: keyOf(selection),
    level: 2,
    expandable: h.modules.length > 0,
    selection,
    number: '',
    name: h.args.map((a) => a.text).join(', '),
    hook: h.hook,
    decidedBy: h.decidedBy ?? 'default',
    result: retText(h.ret),
    programs: programsOf(h),
    mark: hookMark(h),
    changed: false,
    failed: false,
  };
}

function moduleRow(m: ModuleCall, step: number, hook: number): TraceRow {
  const selection: Selection = { step, hook, module: m.module, program: null };
  return {
    key: keyOf(selection),
    level: 3,
    expandable: m.programs.length > 0,
    selection,
    number: '',
    name: m.module,
    hook: '',
    decidedBy: m.reason ?? (m.state === 'called' ? '' : moduleText(m)),
    result: m.state === 'called' ? retText(m.ret) : '',
    programs: '',
    mark: moduleMark(m),
    changed: false,
    failed: false,
  };
}

function programRow(p: ProgramCall, step: number, hook: number, module: string): TraceRow {
  const selection: Selection = { step, hook, module, program: p.program };
  return {
    key: keyOf(selection),
    level: 4,
    expandable: false,
    selection,
    number: '',
    name: p.program,
    hook: p.policy,
    decidedBy: p.fault ?? p.because ?? (p.state === 'called' ? `${p.insns} instructions` : 'not called'),
    result: p.state === 'called' ? retText(p.ret) : '',
    programs: [
      p.maps.length > 0 ? `${p.maps.length} map accesses` : '',
      p.records.length > 0 ? `${p.records.length} records` : '',
      p.printk.length > 0 ? `${p.printk.length} lines printed` : '',
    ]
      .filter(Boolean)
      .join(', '),
    mark: p.state === 'not-called' ? 'skip' : p.ret !== null && p.ret < 0 ? 'deny' : 'allow',
    changed: false,
    failed: false,
  };
}

/** Words and `field == value` / `!=` terms joined by `&&`; fields: hook, step, task, call, errno, decidedBy, program. */
export function matcher(filter: string): (step: StepTrace, hook: HookCall | null) => boolean {
  const terms = filter
    .split('&&')
    .map((t) => t.trim())
    .filter(Boolean)
    .map((t) => {
      const m = /^(\w+)\s*(==|!=|~)\s*(.*)$/.exec(t);
      return m
        ? { field: m[1], op: m[2], value: m[3].replace(/^["']|["']$/g, '').toLowerCase() }
        : { field: null, op: '~', value: t.toLowerCase() };
    });
  const values = (field: string, s: StepTrace, h: HookCall | null): string[] => {
    switch (field) {
      case 'hook':
        return h ? [h.hook] : s.hooks.map((x) => x.hook);
      case 'step':
        return [String(s.index + 1), s.label];
      case 'task':
        return [s.task];
      case 'call':
        return [s.call];
      case 'errno':
        return [s.errno, s.errno === 'OK' ? '0' : ''];
      case 'decidedBy':
        return h ? [h.decidedBy ?? 'default'] : [s.decidedBy ?? '', ...s.hooks.map((x) => x.decidedBy ?? 'default')];
      case 'program':
        return (h ? [h] : s.hooks).flatMap((x) => x.modules.flatMap((m) => m.programs.map((p) => p.program)));
      case 'module':
        return (h ? [h] : s.hooks).flatMap((x) => x.modules.filter((m) => m.state !== 'no-hook').map((m) => m.module));
      default:
        return [];
    }
  };
  return (s, h) =>
    terms.every((t) => {
      const all = (
        t.field === null
          ? [
              s.text,
              s.label,
              s.task,
              s.call,
              s.errno,
              ...values('hook', s, h),
              ...values('decidedBy', s, h),
              ...values('program', s, h),
            ]
          : values(t.field, s, h)
      ).map((x) => x.toLowerCase());
      return t.op === '=='
        ? all.includes(t.value)
        : t.op === '!='
          ? !all.includes(t.value)
          : all.some((x) => x.includes(t.value));
    });
}

export function traceRows(
  trace: RunTrace,
  expanded: ReadonlySet<string>,
  filter: string,
  changed: ReadonlySet<number>,
): TraceRow[] {
  const fits = matcher(filter);
  const rows: TraceRow[] = [];
  trace.steps.forEach((s, i) => {
    const hooks = s.hooks.map((h, n) => ({ h, n })).filter(({ h }) => fits(s, h));
    if (hooks.length === 0 && !(s.hooks.length === 0 && fits(s, null))) return;
    const row = stepRow(s, i, changed.has(i));
    rows.push(row);
    if (!expanded.has(row.key)) return;
    for (const { h, n } of hooks) {
      const hr = hookRow(h, i, n);
      rows.push(hr);
      if (!expanded.has(hr.key)) continue;
      for (const m of h.modules) {
        const mr = moduleRow(m, i, n);
        rows.push(mr);
        if (m.programs.length > 0) for (const p of m.programs) rows.push(programRow(p, i, n, m.module));
      }
    }
  });
  return rows;
}
