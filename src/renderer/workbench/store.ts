/** The window's state: one vanilla store that services write and views read through selectors. */
import { createStore, useStore } from 'zustand';
import type { CheckReport, HelperSummary, OrdersReport, ProfileSummary, ProgramDump } from '../../engine/api/index.ts';
import type { AttachSemantics, HookInfo, LsmStack, RunDiff, RunTrace } from '../../engine/lsm/index.ts';
import type { Diagnostic } from '../../base/index.ts';
import { parseSettings, type FileEntry, type Settings } from '../../protocol/index.ts';
import type { EngineState } from './engine-client.ts';

/** THE selected decision: what all panels follow. */
export interface Selection {
  readonly step: number;
  readonly hook: number | null;
  readonly module: string | null;
  readonly program: string | null;
}

export interface LogLine {
  readonly at: number;
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
}

export interface RunState {
  readonly scenario: string;
  readonly trace: RunTrace | null;
  /** Null when the scenario's own order and semantics ran. */
  readonly diff: RunDiff | null;
  readonly baseline: RunTrace | null;
  readonly diagnostics: readonly Diagnostic[];
}

export interface WorkbenchState {
  readonly version: string;
  readonly settings: Settings;
  readonly dark: boolean;
  readonly root: string | null;
  readonly name: string;
  readonly entries: readonly FileEntry[];
  readonly examples: readonly string[];
  readonly recent: readonly string[];
  readonly active: string | null;
  readonly dirty: ReadonlySet<string>;
  readonly cursor: { readonly line: number; readonly column: number } | null;
  readonly engine: EngineState;
  readonly profiles: readonly ProfileSummary[];
  /** What the workspace's lsmith.yaml says. */
  readonly config: { readonly kernel: string | null; readonly cmdline: string | null };
  /** The user's choice over lsmith.yaml's. */
  readonly kernel: string | null;
  /** file → kernel → report. */
  readonly checks: Readonly<Record<string, Readonly<Record<string, CheckReport>>>>;
  readonly yaml: Readonly<Record<string, readonly Diagnostic[]>>;
  /** file → why there is no verdict (engine ended, file too large...). */
  readonly unchecked: Readonly<Record<string, string>>;
  readonly scenario: string | null;
  readonly run: RunState | null;
  readonly running: boolean;
  /** The order asked for in the stack panel; null = the scenario's. */
  readonly order: string | null;
  readonly semantics: AttachSemantics;
  /** The stack without a run. */
  readonly idleStack: LsmStack | null;
  readonly selection: Selection | null;
  /** Program that filters the trace. */
  readonly traceFilter: string;
  readonly orders: OrdersReport | null;
  readonly ordersRunning: boolean;
  readonly hooks: Readonly<Record<string, readonly HookInfo[]>>;
  readonly helpers: Readonly<Record<string, readonly HelperSummary[]>>;
  readonly dump: { readonly file: string; readonly programs: readonly ProgramDump[]; readonly stale: boolean } | null;
  /** The instruction that is looked at, and the view that said so. */
  readonly insn: {
    readonly file: string;
    readonly program: string;
    readonly insn: number;
    readonly by: 'instructions' | 'states';
  } | null;
  /** Key of the problem that the list shows. */
  readonly problem: string | null;
  readonly log: readonly LogLine[];
  readonly notice: { readonly level: 'info' | 'error'; readonly message: string } | null;
  readonly palette: { readonly mode: 'commands' | 'files' | 'scenarios' | 'kernels' | 'keys' } | null;
  readonly prompt: {
    readonly title: string;
    readonly value: string;
    readonly hint: string;
    readonly done: (value: string) => void;
  } | null;
  readonly columns: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

export const store = createStore<WorkbenchState>(() => ({
  version: '',
  settings: parseSettings(null),
  dark: true,
  root: null,
  name: '',
  entries: [],
  examples: [],
  recent: [],
  active: null,
  dirty: new Set(),
  cursor: null,
  engine: { kind: 'starting' },
  profiles: [],
  config: { kernel: null, cmdline: null },
  kernel: null,
  checks: {},
  yaml: {},
  unchecked: {},
  scenario: null,
  run: null,
  running: false,
  order: null,
  semantics: 'lsm',
  idleStack: null,
  selection: null,
  traceFilter: '',
  orders: null,
  ordersRunning: false,
  hooks: {},
  helpers: {},
  dump: null,
  insn: null,
  problem: null,
  log: [],
  notice: null,
  palette: null,
  prompt: null,
  columns: {},
}));

export const set = store.setState;
export const get = store.getState;
export function use<T>(select: (state: WorkbenchState) => T): T {
  return useStore(store, select);
}

export const isPolicy = (path: string): boolean => /\.bpf\.(c|o)$/.test(path);
export const isScenario = (path: string): boolean => /\.scenario\.ya?ml$/.test(path);
export const isYaml = (path: string): boolean => isScenario(path) || path === 'lsmith.yaml';
export const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** The lane of a check: one for each file and kernel. */
export const laneOf = (file: string, kernel: string): string => `check:${file}:${kernel}`;

/** Is a check of this file under way or waited for, and not soon over? Then its last report may be of an earlier text. */
export const isBeingChecked = (s: Pick<WorkbenchState, 'engine'>, file: string, kernel: string): boolean =>
  s.engine.kind === 'busy' && s.engine.lanes.has(laneOf(file, kernel));

/** The kernel everything is judged for: the user's choice, else the workspace's, else the newest we have. */
export function currentKernel(s: WorkbenchState = get()): string {
  const known = s.profiles.map((p) => p.id);
  for (const k of [s.kernel, s.config.kernel]) if (k !== null && (known.length === 0 || known.includes(k))) return k;
  return known[known.length - 1] ?? '6.12';
}

export function addLog(level: LogLine['level'], message: string): void {
  set((s) => ({ log: [...s.log.slice(-999), { at: Date.now(), level, message }] }));
}

/** Says something once, in the corner and in the log. */
export function notify(message: string, level: 'info' | 'error' = 'error'): void {
  addLog(level, message);
  set({ notice: { level, message } });
}
