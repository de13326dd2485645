/** The shared selection: reading it as a step and a hook call, and how decisions are worded everywhere. */
import type { HookCall, ModuleCall, StepTrace } from '../../engine/lsm/index.ts';
import type { Mark } from '../ui/icon.tsx';
import { get, set, use, type Selection } from './store.ts';

export const select = (selection: Selection | null): void => set({ selection });

export function useSelected(): { step: StepTrace | null; hook: HookCall | null; selection: Selection | null } {
  const selection = use((s) => s.selection);
  const trace = use((s) => s.run?.trace ?? null);
  const step = selection && trace ? (trace.steps[selection.step] ?? null) : null;
  return {
    selection,
    step,
    hook: step && typeof selection?.hook === 'number' ? (step.hooks[selection.hook] ?? null) : null,
  };
}

const ERRNO: Readonly<Record<number, string>> = {
  1: 'EPERM',
  2: 'ENOENT',
  11: 'EAGAIN',
  12: 'ENOMEM',
  13: 'EACCES',
  17: 'EEXIST',
  22: 'EINVAL',
  38: 'ENOSYS',
  92: 'ENOPROTOOPT',
  95: 'EOPNOTSUPP',
  519: 'ENOPARAM',
};
/** A kernel return as people read it: `0`, `-EPERM`. */
export const retText = (ret: number | null): string =>
  ret === null ? 'void' : ret < 0 ? `-${ERRNO[-ret] ?? -ret}` : String(ret);

export function hookMark(h: HookCall): Mark {
  if (h.overrides.length > 0) return 'override';
  // A default such as -EOPNOTSUPP has no decider: nobody denied anything.
  if (h.ret !== null && h.ret < 0 && h.decidedBy !== null) return 'deny';
  return h.ret === null || h.decidedBy === null ? 'none' : 'allow';
}

export function moduleMark(m: ModuleCall): Mark {
  switch (m.state) {
    case 'skipped':
      return 'skip';
    case 'no-hook':
      return 'none';
    case 'not-modelled':
      return 'unknown';
    case 'called':
      return m.ret !== null && m.ret < 0 ? 'deny' : 'allow';
  }
}

export const moduleText = (m: ModuleCall): string =>
  m.state === 'called'
    ? `called, returned ${retText(m.ret)}`
    : m.state === 'skipped'
      ? `never reached${m.because ? `: ${m.because}` : ''}`
      : m.state === 'no-hook'
        ? 'has no such hook'
        : 'not modelled';

export const stepMark = (s: StepTrace): Mark => (s.errno === 'OK' ? 'allow' : 'deny');

/** Hook calls in order, for stepping through decisions. */
export function stepSelection(by: 1 | -1): void {
  const trace = get().run?.trace;
  if (!trace) return;
  const all = trace.steps.flatMap((s, i) =>
    s.hooks.length > 0 ? s.hooks.map((_, h) => ({ step: i, hook: h as number | null })) : [{ step: i, hook: null }],
  );
  const now = get().selection;
  const at = now ? all.findIndex((x) => x.step === now.step && (now.hook === null || x.hook === now.hook)) : -1;
  const next = all[Math.max(0, Math.min(all.length - 1, at + by))];
  if (next) select({ ...next, module: null, program: null });
}
