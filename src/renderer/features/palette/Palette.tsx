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
  use,
} from '../../workbench/index.ts';
import { Icon } from '../../ui/icon.tsx';

const close = (): void => set({ palette: null });
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
  const [back, setBack] = useState<Element | null>(null);
  useEffect(() => {
    if (palette) {
      setText('');
      setBack((b) => b ?? document.activeElement);
    } else if (back) {
      if (back instanceof HTMLElement && back.isConnected) back.focus();
      setBack(null);
    }
  }, [palette, back]);
  if (!palette) return null;
  const pick = (f: () => void) => () => {
    close();
    f();
  };
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
