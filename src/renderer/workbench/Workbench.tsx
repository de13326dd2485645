/** The frame: title bar, activity bar, docked panels, status bar, notices. */
import { useEffect, useMemo } from 'react';
import { useStore } from 'zustand';
import { Actions, Layout, TabNode, TabSetNode, type Action } from 'flexlayout-react';
import { Icon, StateMark } from '../ui/icon.tsx';
import { closeDocument } from './documents.ts';
import { activeDocument, layoutStore } from './layout.ts';
import { commandForKey, execute, getView } from './registry.ts';
import { isMovable, saveStateSoon, shownStack } from './session.ts';
import { baseName, currentKernel, get, isBeingChecked, isPolicy, set, use } from './store.ts';
import { keyName } from './when.ts';

function TitleBar() {
  const name = use((s) => s.name);
  const active = use((s) => s.active);
  const kernel = use(currentKernel);
  const release = use((s) => s.profiles.find((p) => p.id === currentKernel(s))?.release);
  const stack = use(shownStack);
  const custom = use((s) => s.order !== null || s.semantics !== 'lsm');
  const scenario = use((s) => s.scenario);
  const running = use((s) => s.running);
  return (
    <header className="titlebar">
      <button
        type="button"
        className="crumb"
        title="Open Workspace… (Ctrl+Shift+O)"
        onClick={() => execute('file.openWorkspace')}
      >
        <Icon name="folder" />
        {name || 'No workspace'}
      </button>
      {active && (
        <>
          <span className="meta" aria-hidden="true">
            ›
          </span>
          <button
            type="button"
            className="crumb"
            title={`${active}; open another (Ctrl+P)`}
            onClick={() => execute('palette.files')}
          >
            {baseName(active)}
          </button>
        </>
      )}
      <span className="sep" />
      <button
        type="button"
        className="crumb kernel"
        title={`Kernel ${release ?? kernel}; choose another profile`}
        onClick={() => execute('run.kernel')}
      >
        <Icon name="chip" />
        <span className="ellipsis">{release ?? kernel}</span>
        <Icon name="chevron-down" />
      </button>
      <span className="sep" />
      <button
        type="button"
        className={`chips${custom ? ' custom' : ''}`}
        title="LSM order; click to edit it in the stack panel"
        aria-label={`LSM order: ${stack?.text ?? 'not known yet'}`}
        onClick={() => execute('view.stack')}
      >
        {stack?.entries.map((e) => (
          <span
            key={e.module}
            className={`chip${e.module === 'bpf' ? ' bpf' : ''}${isMovable(e.module) ? '' : ' fixed'}`}
          >
            {e.module}
          </span>
        ))}
      </button>
      <span className="grow" />
      {scenario && (
        <button
          type="button"
          className="crumb scenario-name"
          title="Choose the scenario"
          onClick={() => execute('run.choose')}
        >
          <Icon name="beaker" />
          <span className="ellipsis">{baseName(scenario).replace(/\.scenario\.ya?ml$/, '')}</span>
          <Icon name="chevron-down" />
        </button>
      )}
      <button
        type="button"
        className="btn primary run"
        title="Run scenario (F5)"
        disabled={running}
        onClick={() => execute('run.scenario')}
      >
        <Icon name="play" />
        Run
      </button>
    </header>
  );
}

const ACTIVITIES: readonly (readonly [string, string, string, string])[] = [
  ['files', 'Explorer', 'view.explorer', 'Ctrl+Shift+E'],
  ['search', 'Search', 'view.search', 'Ctrl+Shift+F'],
  ['layers', 'LSM stack', 'view.stack', ''],
  ['list-tree', 'Trace', 'view.trace', ''],
  ['symbol-interface', 'Hook catalogue', 'view.hooks', 'Ctrl+Shift+H'],
  ['arrow-swap', 'Orders', 'view.orders', ''],
];

function ActivityBar() {
  return (
    <nav className="activity" aria-label="Views">
      {ACTIVITIES.map(([icon, label, command, key]) => (
        <button
          key={command}
          type="button"
          aria-label={label}
          title={key ? `${label} (${key})` : label}
          onClick={() => execute(command)}
        >
          <Icon name={icon} />
        </button>
      ))}
      <span className="grow" />
      <button type="button" aria-label="Settings" title="Settings (Ctrl+,)" onClick={() => execute('settings.open')}>
        <Icon name="settings-gear" />
      </button>
    </nav>
  );
}

function StatusBar() {
  // Of the policy that is looked at; beside a scenario, of the first.
  const file = use((s) =>
    s.active !== null && isPolicy(s.active) ? s.active : (Object.keys(s.checks).find(isPolicy) ?? null),
  );
  const checks = use((s) => (file === null ? undefined : s.checks[file]));
  const profiles = use((s) => s.profiles);
  const kernel = use(currentKernel);
  const trace = use((s) => s.run?.trace ?? null);
  const cursor = use((s) => s.cursor);
  const engine = use((s) => s.engine);
  const unchecked = use((s) => (s.active !== null ? s.unchecked[s.active] : undefined));
  const programs = checks?.[kernel]?.programs.length ?? 0;
  const timing = checks?.[kernel]?.timings;
  const denied = trace?.steps.filter((s) => s.errno !== 'OK').length ?? 0;
  const decisions = trace?.steps.reduce((n, s) => n + s.hooks.length, 0) ?? 0;
  return (
    <footer className="statusbar" aria-label="Status">
      <button
        type="button"
        className="status verdicts"
        data-testid="verdict"
        title="Verdict for each kernel profile; click to change the profile"
        onClick={() => execute('run.kernel')}
      >
        {profiles.length === 0 && <span>kernel {kernel}</span>}
        {profiles.map((p) => {
          const r = checks?.[p.id];
          const errors = r?.diagnostics.filter((d) => d.severity === 'error').length ?? 0;
          const refused = r?.programs.some((x) => !x.accepted);
          const busy = file !== null && isBeingChecked({ engine }, file, p.id);
          const state = busy || !r ? 'none' : errors > 0 || refused ? 'deny' : r.programs.length > 0 ? 'allow' : 'none';
          const word = busy
            ? 'checking'
            : !r
              ? 'not checked'
              : refused
                ? 'refused'
                : errors > 0
                  ? `${errors} ${errors === 1 ? 'error' : 'errors'}`
                  : r.programs.length > 0
                    ? 'accepted'
                    : 'no programs';
          return (
            <span key={p.id} className={p.id === kernel ? 'current' : ''}>
              <StateMark mark={state} /> {word} {p.id}
            </span>
          );
        })}
      </button>
      {programs > 0 && (
        <span className="status">
          {programs} {programs === 1 ? 'program' : 'programs'}
        </span>
      )}
      {trace && (
        <button type="button" className="status" onClick={() => execute('view.trace')} title="Show the trace">
          {decisions} decisions, {denied} {denied === 1 ? 'step' : 'steps'} denied
        </button>
      )}
      {unchecked && <span className="status sev-warning">not checked</span>}
      <span className="grow" />
      {cursor && (
        <span className="status tabular">
          Ln {cursor.line}, Col {cursor.column}
        </span>
      )}
      {timing && (
        <span
          className="status tabular"
          title={`compile ${timing.compile.toFixed(1)} ms, load ${timing.load.toFixed(1)} ms, verify ${timing.verify.toFixed(1)} ms`}
        >
          check {(timing.compile + timing.load + timing.verify).toFixed(0)} ms
        </span>
      )}
      <button
        type="button"
        className={`status engine engine-${engine.kind}`}
        data-testid="engine"
        onClick={() => execute('view.log')}
        title={engine.kind === 'failed' ? engine.message : 'Show the log'}
      >
        <span className="engine-dot" aria-hidden="true" />
        {engine.kind === 'busy' ? (engine.detail ?? `engine ${engine.what}`) : `engine ${engine.kind}`}
      </button>
    </footer>
  );
}

function Notice() {
  const notice = use((s) => s.notice);
  useEffect(() => {
    if (notice?.level !== 'info') return;
    const t = setTimeout(() => set({ notice: null }), 8000);
    return () => clearTimeout(t);
  }, [notice]);
  if (!notice) return null;
  return (
    <div className={`notice notice-${notice.level}`} role={notice.level === 'error' ? 'alert' : 'status'}>
      <Icon name={notice.level} />
      <span className="grow">{notice.message}</span>
      <button
        type="button"
        className="btn icon-only"
        aria-label="Dismiss"
        title="Dismiss"
        onClick={() => set({ notice: null })}
      >
        <Icon name="close" />
      </button>
    </div>
  );
}

function Docks() {
  const model = useStore(layoutStore, (s) => s.model);
  const dirty = use((s) => s.dirty);
  const root = use((s) => s.root);
  const icons = useMemo(
    () => ({
      close: <Icon name="close" />,
      maximize: <Icon name="chrome-maximize" />,
      restore: <Icon name="chrome-restore" />,
      more: <Icon name="chevron-down" />,
    }),
    [],
  );
  if (!model) return null;
  const factory = (node: TabNode) => {
    const view = getView(node.getComponent() ?? '');
    if (!view) return null;
    const View = view.component;
    return (
      <div className="view" data-view={view.id}>
        <View config={node.getConfig() as unknown} />
      </div>
    );
  };
  const onAction = (action: Action): Action | undefined => {
    if (action.type === Actions.DELETE_TAB) {
      const node = model.getNodeById((action.data as { node: string }).node);
      if (node instanceof TabNode && node.getComponent() === 'document') {
        void closeDocument((node.getConfig() as { path: string }).path);
        return undefined;
      }
    }
    return action;
  };
  return (
    <Layout
      model={model}
      factory={factory}
      onAction={onAction}
      icons={icons}
      realtimeResize
      key={root ?? ''}
      onModelChange={() => {
        const a = activeDocument();
        if (a !== get().active) set({ active: a });
        saveStateSoon();
      }}
      onRenderTab={(node, values) => {
        const view = getView(node.getComponent() ?? '');
        const path = node.getComponent() === 'document' ? (node.getConfig() as { path: string }).path : null;
        const Badge = view?.badge;
        values.content = (
          <span className="tab-title" title={path ?? view?.title}>
            {node.getName()}
            {path !== null && dirty.has(path) && <span className="dirty-dot" role="img" aria-label="unsaved changes" />}
            {Badge && <Badge />}
          </span>
        );
      }}
      onTabSetPlaceHolder={(node) =>
        node instanceof TabSetNode && node.getId() === 'editors' ? (
          <div className="empty">
            <div className="empty-title">No file is open</div>
            <div className="empty-text">The verdict of the verifier appears here, line by line, while you type.</div>
            <button
              type="button"
              className="btn primary"
              onClick={() => execute(get().root ? 'palette.files' : 'help.welcome')}
            >
              <Icon name="go-to-file" />
              {get().root ? 'Open a file' : 'Welcome'}
            </button>
          </div>
        ) : null
      }
    />
  );
}

/** Context keys of the moment, for `when`. */
function contextKeys(): Set<string> {
  const keys = new Set<string>();
  const a = document.activeElement;
  if (a?.closest('.monaco-editor')) keys.add('editorFocus');
  if (a instanceof HTMLInputElement || a instanceof HTMLTextAreaElement) {
    keys.add('inputFocus');
    if (a.value !== '') keys.add('inputText'); // Escape clears a filter first
  }
  if (get().palette || get().prompt) keys.add('overlay');
  const view = a?.closest<HTMLElement>('[data-view]')?.dataset.view;
  if (view !== undefined) keys.add(`in-${view}`);
  return keys;
}

export function Workbench({ overlays }: { overlays: React.ReactNode }) {
  const settings = use((s) => s.settings);
  useEffect(() => {
    const media = window.matchMedia('(prefers-color-scheme: dark)');
    const apply = (): void => {
      const dark = settings.theme === 'system' ? media.matches : settings.theme === 'dark';
      document.documentElement.dataset.theme = dark ? 'dark' : 'light';
      document.documentElement.dataset.density = settings.density;
      set({ dark });
    };
    apply();
    media.addEventListener('change', apply);
    return () => media.removeEventListener('change', apply);
  }, [settings]);
  useEffect(() => {
    const onKey = (e: KeyboardEvent): void => {
      const command = commandForKey(keyName(e), contextKeys());
      if (!command) return;
      e.preventDefault();
      e.stopPropagation();
      execute(command.id);
    };
    window.addEventListener('keydown', onKey, true);
    return () => window.removeEventListener('keydown', onKey, true);
  }, []);
  return (
    <div className="workbench">
      <TitleBar />
      <div className="middle">
        <ActivityBar />
        <main className="docks">
          <Docks />
        </main>
      </div>
      <StatusBar />
      <Notice />
      {overlays}
    </div>
  );
}
