import { useEffect, useState, type ReactNode } from 'react';
import { Command } from 'cmdk';
import {
  allCommands,
  currentKernel,
  execute,
  get,
  isPolicy,
  isScenario,
  keyLabel,
  openDocument,
  set,
  setKernel,
  store,
  use,
} from '../../workbench/index.ts';
import { Icon } from '../../ui/icon.tsx';

/** What had the focus when the palette opened. */
let opener: Element | null = null;
store.subscribe((s, before) => {
  if (s.palette && !before.palette) opener = document.activeElement;
});

const close = (): void => set({ palette: null });
/** Keys that panels have without a command of their own. */
const PANEL_KEYS: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  document: [
    ['Quick fix', 'Ctrl+.'],
    ['Suggest hooks and helpers', 'Ctrl+Space'],
    ['Comment or uncomment the line', 'Ctrl+/'],
    ['Find', 'Ctrl+F'],
    ['Replace', 'Ctrl+H'],
    ['Go to line', 'Ctrl+G'],
  ],
  stack: [
    ['Previous or next module', '↑ ↓'],
    ['Ask this module earlier or later', 'Alt+↑ Alt+↓'],
  ],
  table: [
    ['Previous or next row', '↑ ↓'],
    ['Go to the row’s place', 'Enter'],
    ['Copy the selected row', 'Ctrl+C'],
    ['Back to the editor', 'Escape'],
  ],
};
const TABLES = /^(trace|problems|orders|maps|records|hooks|log)$/;

const HINTS = {
  commands: 'Run a command',
  files: 'Open a file',
  scenarios: 'Run a scenario',
  kernels: 'Judge for this kernel profile',
  keys: 'Keys',
} as const;

export function Palette() {
  const palette = use((s) => s.palette);
  const entries = use((s) => s.entries);
  const profiles = use((s) => s.profiles);
  const kernel = use(currentKernel);
  const [text, setText] = useState('');
  useEffect(() => {
    if (palette) return setText('');
    // What was chosen may have moved the focus already.
    if (document.activeElement !== document.body) return;
    if (opener instanceof HTMLElement && opener !== document.body && opener.isConnected) opener.focus();
    else if (opener) execute('editor.focus');
  }, [palette]);
  if (!palette) return null;
  const pick = (f: () => void) => () => {
    close();
    f();
  };
  const view = opener?.closest<HTMLElement>('[data-view]')?.dataset.view ?? '';
  const own = palette.mode === 'keys' ? (PANEL_KEYS[TABLES.test(view) ? 'table' : view] ?? []) : [];
  let items: ReactNode;
  if (palette.mode === 'commands' || palette.mode === 'keys') {
    items = allCommands()
      .filter((c) => !c.hidden && (palette.mode === 'commands' || c.key))
      .sort((a, b) => a.category.localeCompare(b.category) || a.title.localeCompare(b.title))
      .map((c) => (
        <Command.Item key={c.id} value={`${c.category}: ${c.title}`} onSelect={pick(() => execute(c.id))}>
          <span className="meta">{c.category}</span>
          <span className="grow">{c.title}</span>
          {c.key && <kbd>{keyLabel(c.key)}</kbd>}
        </Command.Item>
      ))
      .concat(
        palette.mode === 'commands'
          ? get().examples.map((e) => (
              <Command.Item
                key={e}
                value={`File: Open Example ${e}`}
                onSelect={pick(() => execute(`example.open:${e}`))}
              >
                <span className="meta">File</span>
                <span className="grow">Open Example: {e}</span>
              </Command.Item>
            ))
          : [],
      );
  } else if (palette.mode === 'files') {
    items = entries
      .filter((e) => e.kind === 'file')
      .map((e) => (
        <Command.Item key={e.path} value={e.path} onSelect={pick(() => void openDocument(e.path))}>
          <Icon name={isPolicy(e.path) ? 'shield' : isScenario(e.path) ? 'beaker' : 'file'} />
          <span className="grow">{e.path}</span>
        </Command.Item>
      ));
  } else if (palette.mode === 'scenarios') {
    items = entries
      .filter((e) => isScenario(e.path))
      .map((e) => (
        <Command.Item key={e.path} value={e.path} onSelect={pick(() => execute('run.scenario', e.path))}>
          <Icon name="beaker" />
          <span className="grow">{e.path}</span>
        </Command.Item>
      ));
  } else {
    items = profiles.map((p) => (
      <Command.Item key={p.id} value={`${p.id} ${p.release}`} onSelect={pick(() => setKernel(p.id))}>
        <Icon name={p.id === kernel ? 'check' : 'blank'} />
        <span>{p.id}</span>
        <span className="meta grow">
          {p.release} · {p.hooks} hooks · {p.types.toLocaleString('en')} types
        </span>
      </Command.Item>
    ));
  }
  return (
    <div className="overlay" onMouseDown={(e) => e.target === e.currentTarget && close()}>
      <Command
        className="palette"
        label={HINTS[palette.mode]}
        loop
        onKeyDown={(e) => {
          if (e.key === 'Escape') {
            e.preventDefault();
            e.stopPropagation();
            close();
          }
        }}
      >
        <Command.Input autoFocus value={text} onValueChange={setText} placeholder={HINTS[palette.mode]} />
        <Command.List>
          <Command.Empty>Nothing matches</Command.Empty>
          {own.map(([title, key]) => (
            <Command.Item key={title} value={`This panel: ${title}`} onSelect={close}>
              <span className="meta">This panel</span>
              <span className="grow">{title}</span>
              <kbd>{key}</kbd>
            </Command.Item>
          ))}
          {items}
        </Command.List>
      </Command>
    </div>
  );
}

/** Asks for one line of text (a file name). */
export function Prompt() {
  const prompt = use((s) => s.prompt);
  const [value, setValue] = useState('');
  useEffect(() => setValue(prompt?.value ?? ''), [prompt]);
  if (!prompt) return null;
  const done = (): void => {
    set({ prompt: null });
    if (value.trim() !== '') prompt.done(value.trim());
  };
  return (
    <div className="overlay" onMouseDown={(e) => e.target === e.currentTarget && set({ prompt: null })}>
      <form
        className="palette prompt"
        role="dialog"
        aria-label={prompt.title}
        onSubmit={(e) => {
          e.preventDefault();
          done();
        }}
        onKeyDown={(e) => {
          if (e.key === 'Escape') {
            e.stopPropagation();
            set({ prompt: null });
          }
        }}
      >
        <label>
          <span className="detail-title">{prompt.title}</span>
          <input
            autoFocus
            value={value}
            onChange={(e) => setValue(e.target.value)}
            onFocus={(e) => e.target.select()}
            spellCheck={false}
          />
        </label>
        <div className="meta">{prompt.hint} · Enter accepts, Escape cancels</div>
      </form>
    </div>
  );
}
