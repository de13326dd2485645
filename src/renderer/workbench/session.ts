/** What happens when: workspaces open, text changes, the engine answers. Views only call these. */
import { parse } from 'yaml';
import type { Diagnostic, QuickFix } from '../../base/index.ts';
import type { CheckReport, ProgramStates, RefusalFixes } from '../../engine/api/index.ts';
import type { AttachSemantics, ModuleName } from '../../engine/lsm/index.ts';
import type { Behind, WorkspaceInfo } from '../../protocol/index.ts';
import { call, onMain } from './bridge.ts';
import {
  closeAllDocuments,
  documentOf,
  flushBackups,
  loadDocument,
  onDocumentChange,
  openDocument,
  refreshFromDisk,
  saveAll,
} from './documents.ts';
import { EngineClient, Superseded } from './engine-client.ts';
import { closeDocumentTab, documentTabs, initLayout, layoutModel } from './layout.ts';
import { execute, onCommandError, registerCommand } from './registry.ts';
import { addLog, currentKernel, get, isPolicy, isScenario, isYaml, laneOf, notify, set, store } from './store.ts';

/** Larger texts are not checked while typing: the answer would come too late to be live. */
const LIVE_LIMIT = 2 * 1024 * 1024;

export const engine = new EngineClient({
  state: (state) => set({ engine: state }),
  profiles: (profiles) => {
    set({ profiles });
    checkAll();
  },
  log: (level, message) => {
    addLog(level, message);
    void call('log.write', { level, message });
    if (level !== 'info') set({ notice: { level: level === 'error' ? 'error' : 'info', message } });
  },
});

const quietly =
  (what: string, file?: string) =>
  (e: unknown): void => {
    if (e instanceof Superseded) return;
    const message = e instanceof Error ? e.message : String(e);
    addLog('error', `${what}: ${message}`);
    if (file !== undefined) set((s) => ({ unchecked: { ...s.unchecked, [file]: message } }));
  };

// ---- checks --------------------------------------------------------------------------------------------------------

const checkTimers = new Map<string, number>();

async function check(file: string, kernel: string, behind: Behind): Promise<void> {
  try {
    const report = await engine.ask<'check'>({ kind: 'check', file, kernel }, laneOf(file, kernel), { behind });
    set((s) => {
      const unchecked = { ...s.unchecked };
      delete unchecked[file];
      return { unchecked, checks: { ...s.checks, [file]: { ...s.checks[file], [kernel]: report } } };
    });
  } catch (e) {
    quietly(`Check of ${file} for ${kernel}`, behind === 2 ? undefined : file)(e);
  }
}

/** Checks a file now, for the current kernel first and the others behind it; what is looked at comes first of all. */
export function checkNow(file: string): void {
  if (isYaml(file)) {
    engine
      .ask<'checkYaml'>({ kind: 'checkYaml', file }, `yaml:${file}`)
      .then((d) => set((s) => ({ yaml: { ...s.yaml, [file]: d } })), quietly(`Check of ${file}`));
    return;
  }
  if (!isPolicy(file)) return;
  const kernel = currentKernel();
  void check(file, kernel, file === get().active ? 0 : 1);
  for (const p of get().profiles) if (p.id !== kernel) void check(file, p.id, 2);
}

/** A file that comes into view before it was checked does not wait for the others, nor for the one that was there. */
function checkWhenShown(file: string | null, before: string | null): void {
  if (before !== null) engine.fallBehind(laneOf(before, currentKernel()));
  if (file === null || !isPolicy(file) || get().profiles.length === 0) return;
  const kernel = currentKernel();
  if (get().checks[file]?.[kernel] === undefined) void check(file, kernel, 0);
}

function checkSoon(file: string, text: string): void {
  clearTimeout(checkTimers.get(file));
  if (text.length > LIVE_LIMIT) {
    set((s) => ({
      unchecked: {
        ...s.unchecked,
        [file]: `The file has ${(text.length / 1048576).toFixed(1)} MB; above 2 MB it is not checked while typing.`,
      },
    }));
    return;
  }
  checkTimers.set(
    file,
    window.setTimeout(() => {
      engine.setFiles([{ path: file, content: text }]);
      checkNow(file);
      if (/\.h$/.test(file)) checkAll();
      if (file === 'lsmith.yaml') readConfig(text);
      rerunSoon();
      if (get().dump?.file === file) refreshDump();
    }, get().settings.checkDelay),
  );
}

export function checkAll(): void {
  for (const e of get().entries) if (e.kind === 'file') checkNow(e.path);
  refreshStack();
  loadHooks();
}

// ---- runs ----------------------------------------------------------------------------------------------------------

let rerunTimer = 0;
function rerunSoon(): void {
  if (!get().run || !get().settings.autoRun) return;
  clearTimeout(rerunTimer);
  rerunTimer = window.setTimeout(() => void runScenario(), 250);
}

/** Runs the chosen scenario; with an order or semantics of the user's own, also against the scenario's. */
export async function runScenario(path?: string): Promise<void> {
  const scenario = path ?? get().scenario;
  if (scenario === null) return execute('run.choose');
  if (path !== undefined && path !== get().scenario)
    set({ scenario: path, order: null, semantics: 'lsm', selection: null, orders: null });
  const { order, semantics } = get();
  const kernel = get().kernel;
  const base = { scenario, kernel, cmdline: null, semantics: 'lsm' as const };
  set({ running: true });
  try {
    if (order === null && semantics === 'lsm') {
      const r = await engine.ask<'run'>({ kind: 'run', ...base }, 'run');
      setRun({ scenario, trace: r.trace, diff: null, baseline: r.trace, diagnostics: r.diagnostics });
    } else {
      const r = await engine.ask<'run'>({ kind: 'run', ...base }, 'run-baseline');
      const cmdline = order ?? r.trace?.cmdline ?? '';
      const o = await engine.ask<'orders'>(
        { kind: 'orders', ...base, cmdlines: [cmdline], allSemantics: [semantics] },
        'run',
      );
      const v = o.variants.find((x) => x.semantics === semantics && x.cmdline === cmdline) ?? o.variants[0];
      setRun({
        scenario,
        trace: v?.trace ?? o.baseline,
        diff: v?.diff ?? null,
        baseline: o.baseline,
        diagnostics: o.diagnostics,
      });
    }
  } catch (e) {
    if (!(e instanceof Superseded)) notify(`${scenario}: ${e instanceof Error ? e.message : String(e)}`);
  }
  set({ running: false });
}

function setRun(run: NonNullable<ReturnType<typeof get>['run']>): void {
  set((s) => {
    const sel = s.selection;
    const step = sel && run.trace?.steps[sel.step];
    const keep = sel && step && (sel.hook === null || step.hooks[sel.hook]);
    return { run, selection: keep ? sel : firstDecision(run.trace) };
  });
  const errors = run.diagnostics.filter((d) => d.severity === 'error');
  if (errors.length > 0)
    addLog('error', `${run.scenario}: ${errors[0].range.file}:${errors[0].range.line}: ${errors[0].message}`);
}

/** What a newcomer wants to see first: the first denial, else the first hook call. */
function firstDecision(
  trace: NonNullable<ReturnType<typeof get>['run']>['trace'],
): ReturnType<typeof get>['selection'] {
  if (!trace) return null;
  for (const denied of [true, false]) {
    for (const [i, s] of trace.steps.entries()) {
      const hook = s.hooks.findIndex((h) =>
        denied
          ? h.decidedBy !== null && h.ret !== null && h.ret < 0
          : h.modules.some((m) => m.module === 'bpf' && m.programs.length > 0),
      );
      if (hook >= 0) return { step: i, hook, module: null, program: null };
    }
  }
  return trace.steps.length > 0 ? { step: 0, hook: null, module: null, program: null } : null;
}

export async function exploreOrders(): Promise<void> {
  const scenario = get().scenario;
  if (scenario === null) return execute('run.choose');
  set({ ordersRunning: true });
  try {
    const orders = await engine.ask<'orders'>(
      {
        kind: 'orders',
        scenario,
        kernel: get().kernel,
        cmdline: null,
        semantics: 'lsm',
        cmdlines: [],
        allSemantics: [],
      },
      'orders',
    );
    set({ orders });
  } catch (e) {
    if (!(e instanceof Superseded)) notify(`Orders of ${scenario}: ${e instanceof Error ? e.message : String(e)}`);
  }
  set({ ordersRunning: false });
}

/** Modules that the rules keep in place whatever `lsm=` says. */
const FIXED: ReadonlySet<ModuleName> = new Set(['lockdown', 'capability', 'integrity', 'ima', 'evm']);
export const isMovable = (m: ModuleName): boolean => !FIXED.has(m);

/** The stack shown: the run's, else the workspace's. */
export const shownStack = (s = get()) => s.run?.trace?.stack ?? s.idleStack;

/** `lsm=` for a list of modules, keeping the other words of the command line. */
export function cmdlineFor(previous: string, modules: readonly string[]): string {
  const rest = previous.split(/\s+/).filter((w) => w !== '' && !w.startsWith('lsm=') && !w.startsWith('security='));
  return [`lsm=${modules.join(',')}`, ...rest].join(' ');
}

/** Puts the movable modules into this order and runs again. */
export function setOrder(modules: readonly ModuleName[]): void {
  const base = get().run?.baseline?.cmdline ?? get().config.cmdline ?? '';
  const original =
    (get().run?.baseline?.stack ?? get().idleStack)?.entries.map((e) => e.module).filter(isMovable) ?? [];
  const same = original.length === modules.length && original.every((m, i) => m === modules[i]);
  set({ order: same ? null : cmdlineFor(base, modules) });
  refreshStack();
  if (get().run) void runScenario();
}

/** The order that is asked for; ahead of the run's while that is still under way, so that quick moves add up. */
function wantedOrder(): ModuleName[] {
  const shown =
    shownStack()
      ?.entries.map((e) => e.module)
      .filter(isMovable) ?? [];
  const asked = /(?:^|\s)lsm=(\S+)/.exec(get().order ?? '')?.[1].split(',') ?? [];
  const list = asked.filter((m): m is ModuleName => shown.includes(m as ModuleName));
  return list.length === shown.length ? list : shown;
}

export function moveModule(module: ModuleName, by: -1 | 1): void {
  const list = wantedOrder();
  const i = list.indexOf(module);
  const j = i + by;
  if (i < 0 || j < 0 || j >= list.length) return;
  [list[i], list[j]] = [list[j], list[i]];
  setOrder(list);
}

export function setSemantics(semantics: AttachSemantics): void {
  set({ semantics });
  if (get().run) void runScenario();
}

export function resetOrder(): void {
  set({ order: null, semantics: 'lsm' });
  refreshStack();
  if (get().run) void runScenario();
}

function refreshStack(): void {
  if (get().profiles.length === 0) return;
  const { order, config } = get();
  engine
    .ask<'lsmOrder'>({ kind: 'lsmOrder', kernel: currentKernel(), cmdline: order ?? config.cmdline ?? '' }, 'stack')
    .then((idleStack) => set({ idleStack }), quietly('LSM order'));
}

/** Hooks and helpers of the current kernel, for the catalogue, hovers and completions. */
export function loadHooks(): void {
  loadHelpers();
  const kernel = currentKernel();
  if (get().hooks[kernel] || get().profiles.length === 0) return;
  engine
    .ask<'hooks'>({ kind: 'hooks', kernel }, 'hooks')
    .then((h) => set((s) => ({ hooks: { ...s.hooks, [kernel]: h } })), quietly('Hook catalogue'));
}

function loadHelpers(): void {
  const kernel = currentKernel();
  if (get().helpers[kernel] || get().profiles.length === 0) return;
  engine
    .ask<'helpers'>({ kind: 'helpers', kernel }, 'helpers')
    .then((h) => set((s) => ({ helpers: { ...s.helpers, [kernel]: h } })), quietly('Helpers'));
}

/** The C definition of a struct, union, enum or typedef of the current kernel; null when it has none of that name. */
export const typeDefinition = (name: string): Promise<string | null> =>
  engine.ask<'typeDefinition'>({ kind: 'typeDefinition', kernel: currentKernel(), name }, 'type');

/** What the verifier explored of a program for the current kernel; see `ProgramStates`. */
export const programStates = (file: string, program: string | null): Promise<ProgramStates> =>
  engine.ask<'states'>({ kind: 'states', file, kernel: currentKernel(), program }, 'states');

/** A check with the verifier's full log. */
export const checkWithLog = (file: string): Promise<CheckReport> =>
  engine.ask<'log'>({ kind: 'log', file, kernel: currentKernel() }, 'log');

const fixesOf = new WeakMap<CheckReport, Map<number, Promise<readonly RefusalFixes[]>>>();

/** The edits that answer a finding: its own, or for a refused program those that are proven now. Asked once a check. */
export async function findFixes(d: Diagnostic, signal?: AbortSignal): Promise<readonly QuickFix[]> {
  if (d.fixes !== undefined || !d.code.startsWith('verifier/')) return d.fixes ?? [];
  const { file, line, column } = d.range;
  const kernel = currentKernel();
  const report = get().checks[file]?.[kernel];
  if (report === undefined) return [];
  const known = fixesOf.get(report) ?? new Map<number, Promise<readonly RefusalFixes[]>>();
  fixesOf.set(report, known);
  let asked = known.get(line);
  if (asked === undefined) {
    asked = engine.ask<'fixes'>({ kind: 'fixes', file, kernel, line }, `fixes:${file}:${kernel}:${line}`, {
      signal,
    });
    known.set(line, asked);
    asked.catch(() => known.delete(line));
  }
  const found = await asked.catch((e: unknown) => {
    if (e instanceof Superseded) return null;
    addLog('error', `Quick fixes of ${file}: ${String(e)}`);
    return [];
  });
  // Given up by another asker: this one still waits.
  if (found === null)
    return signal?.aborted !== true && get().checks[file]?.[kernel] === report ? findFixes(d, signal) : [];
  return found.find((f) => f.code === d.code && f.column === column && f.message === d.message)?.fixes ?? [];
}

/** What is said about one file for the current kernel. */
export const diagnosticsOf = (path: string): readonly Diagnostic[] =>
  (get().checks[path]?.[currentKernel()]?.diagnostics ?? get().yaml[path] ?? []).filter((d) => d.range.file === path);

/** Keeps the last good listing while the text has errors, marked as stale. */
export function refreshDump(file?: string): void {
  const f = file ?? get().dump?.file;
  if (f === undefined) return;
  if (get().dump?.file !== f) set({ dump: { file: f, programs: [], stale: false } });
  engine
    .ask<'dump'>({ kind: 'dump', file: f, kernel: currentKernel() }, 'dump')
    .then(
      (d) =>
        set((s) =>
          d.programs.length === 0 && s.dump?.file === f
            ? { dump: { ...s.dump, stale: true } }
            : { dump: { file: f, programs: d.programs, stale: false } },
        ),
      quietly('Instructions'),
    );
}

export function setKernel(kernel: string): void {
  set({ kernel, orders: null });
  checkAll();
  refreshDump();
  saveStateSoon();
  if (get().run) void runScenario();
}

// ---- workspace -----------------------------------------------------------------------------------------------------

function readConfig(text: string): void {
  try {
    const y: unknown = parse(text);
    const o = (y !== null && typeof y === 'object' ? y : {}) as Record<string, unknown>;
    const kernel = typeof o.kernel === 'string' || typeof o.kernel === 'number' ? String(o.kernel) : null;
    set({ config: { kernel, cmdline: typeof o.boot === 'string' ? o.boot : null } });
    refreshStack();
  } catch {
    // The problems list says what is wrong with it.
  }
}

const ENGINE_FILE = /\.(c|h|ya?ml|o)$/;

async function pushFiles(paths: readonly string[], reset: boolean): Promise<void> {
  const updates = await Promise.all(
    paths
      .filter((p) => ENGINE_FILE.test(p))
      .map(async (path) => {
        const open = documentOf(path);
        if (open) return { path, content: open.model.getValue() };
        const c = await call('file.read', { path });
        return { path, content: c.kind === 'text' ? c.text : c.kind === 'binary' ? c.bytes : null };
      }),
  );
  const config = updates.find((u) => u.path === 'lsmith.yaml');
  if (typeof config?.content === 'string') readConfig(config.content);
  engine.setFiles(updates, reset);
}

/** Shows a workspace that main has opened. */
export async function enterWorkspace(info: WorkspaceInfo, openFile: string | null): Promise<void> {
  closeAllDocuments();
  const scenarios = info.entries.filter((e) => e.kind === 'file' && isScenario(e.path)).map((e) => e.path);
  set({
    root: info.root,
    name: info.name,
    entries: info.entries,
    checks: {},
    yaml: {},
    unchecked: {},
    run: null,
    order: null,
    semantics: 'lsm',
    selection: null,
    orders: null,
    dump: null,
    config: { kernel: null, cmdline: null },
    kernel: info.state.kernel,
    columns: info.state.columns,
    traceFilter: '',
    scenario:
      info.state.scenario !== null && scenarios.includes(info.state.scenario)
        ? info.state.scenario
        : (scenarios[0] ?? null),
  });
  if (info.truncated) notify(`${info.name} has more than ${info.entries.length} files; the rest is not shown.`, 'info');
  const files = new Set(info.entries.map((e) => e.path));
  initLayout(info.state.layout);
  for (const b of info.backups) await loadDocument(b.path, b.text);
  for (const p of documentTabs()) {
    if (files.has(p) || documentOf(p)) await loadDocument(p);
    else closeDocumentTab(p);
  }
  await pushFiles(
    info.entries.filter((e) => e.kind === 'file').map((e) => e.path),
    true,
  );
  checkAll();
  if (info.backups.length > 0) {
    for (const b of info.backups) await openDocument(b.path);
    addLog('info', `Unsaved changes were restored: ${info.backups.map((b) => b.path).join(', ')}`);
  }
  const first =
    openFile ??
    (documentTabs().length === 0
      ? (info.entries.find((e) => e.kind === 'file' && isPolicy(e.path))?.path ?? null)
      : null);
  if (first !== null) {
    await openDocument(first);
    // The first program is what one wants to see: its verdict stands above it.
    const line =
      documentOf(first)
        ?.model.getLinesContent()
        .findIndex((l) => /SEC\("(lsm|fmod_ret|fexit|fentry)/.test(l)) ?? -1;
    if (line >= 0) await openDocument(first, { line: line + 1, column: 1 });
  }
}

export async function refreshEntries(): Promise<void> {
  const { entries } = await call('workspace.entries');
  set({ entries });
}

async function filesChanged(paths: readonly string[]): Promise<void> {
  await refreshEntries();
  const now = new Set(
    get()
      .entries.filter((e) => e.kind === 'file')
      .map((e) => e.path),
  );
  const gone = paths.filter((p) => !now.has(p) && ENGINE_FILE.test(p) && !documentOf(p));
  const here = paths.filter((p) => now.has(p));
  for (const p of here) await refreshFromDisk(p);
  if (gone.length > 0) {
    engine.setFiles(gone.map((path) => ({ path, content: null })));
    set((s) => ({
      checks: without(s.checks, gone),
      yaml: without(s.yaml, gone),
      unchecked: without(s.unchecked, gone),
    }));
  }
  const closed = here.filter((p) => !documentOf(p));
  if (closed.length > 0) {
    await pushFiles(closed, false);
    for (const p of closed) checkNow(p);
  }
}

const without = <T>(o: Readonly<Record<string, T>>, keys: readonly string[]): Record<string, T> =>
  Object.fromEntries(Object.entries(o).filter(([k]) => !keys.includes(k)));

export async function openFolder(root: string, file: string | null = null): Promise<void> {
  if (!(await mayLeave())) return;
  await enterWorkspace(await call('workspace.open', { root }), file);
}

/** Before another workspace: what to do with unsaved files. */
export async function mayLeave(): Promise<boolean> {
  const paths = [...get().dirty];
  if (paths.length === 0) return true;
  const answer = await call('dialog.unsaved', { paths });
  if (answer === 'save') await saveAll();
  if (answer === 'discard') for (const path of paths) await call('backup.set', { path, text: null });
  return answer !== 'cancel';
}

let stateTimer = 0;
export function saveStateSoon(): void {
  clearTimeout(stateTimer);
  stateTimer = window.setTimeout(saveState, 300);
}
function saveState(): void {
  const { root, kernel, scenario, columns } = get();
  if (root !== null && layoutModel())
    void call('workspace.saveState', {
      state: { version: 1, layout: layoutModel().toJson(), kernel, scenario, columns },
    });
}

/** Everything that must reach the disk before the page goes. */
export async function beforeLeaving(): Promise<void> {
  saveState();
  await flushBackups();
}

/** Commands that only a window started with LSMITH_TEST=1 has. */
function allowTests(): void {
  engine.allowTests();
  for (const kind of ['hang', 'crash'] as const)
    registerCommand({
      id: `engine.${kind}`,
      title: `Test: ${kind} the engine`,
      category: 'Engine',
      hidden: true,
      run: () => void engine.ask<typeof kind>({ kind }, 'test').catch(() => undefined),
    });
}

export async function startSession(): Promise<void> {
  onCommandError((m) => notify(m));
  const s = await call('app.startup');
  set({ version: s.version, settings: s.settings, examples: s.examples, recent: s.recent });
  onDocumentChange(checkSoon);
  if (s.test) allowTests();
  onMain((e) => {
    switch (e.type) {
      case 'command':
        return execute(e.id);
      case 'files-changed':
        return void filesChanged(e.paths).catch(quietly('Refresh'));
      case 'open-path':
        return void (e.root === get().root && e.file ? openDocument(e.file) : openFolder(e.root, e.file)).catch(
          (x: unknown) => notify(String(x)),
        );
      case 'save-all-then-close':
        return void saveAll().then(
          () => call('window.close'),
          (x: unknown) => notify(`Not closed, because saving failed: ${x instanceof Error ? x.message : String(x)}`),
        );
    }
  });
  initLayout(null);
  if (s.workspace) await enterWorkspace(s.workspace, s.openFile);
  if (s.problem) notify(s.problem);
  store.subscribe((now, before) => {
    if (now.active !== before.active) checkWhenShown(now.active, before.active);
    if (now.scenario !== before.scenario || now.columns !== before.columns) saveStateSoon();
    if (now.settings !== before.settings) void call('settings.set', { settings: now.settings });
  });
}
