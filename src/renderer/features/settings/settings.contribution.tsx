import { execute, get, registerCommand, registerView, set, showView, use } from '../../workbench/index.ts';
import type { Settings } from '../../../protocol/index.ts';
import { Button } from '../../ui/icon.tsx';

const change = (part: Partial<Settings>): void => set((s) => ({ settings: { ...s.settings, ...part } }));

function Choice<T extends string>(p: {
  label: string;
  hint: string;
  value: T;
  options: readonly (readonly [T, string])[];
  onChange: (v: T) => void;
}) {
  return (
    <div className="setting">
      <div>
        <div className="setting-label" id={`set-${p.label}`}>
          {p.label}
        </div>
        <div className="meta">{p.hint}</div>
      </div>
      <div className="segmented" role="radiogroup" aria-labelledby={`set-${p.label}`}>
        {p.options.map(([v, t]) => (
          <button key={v} type="button" role="radio" aria-checked={p.value === v} onClick={() => p.onChange(v)}>
            {t}
          </button>
        ))}
      </div>
    </div>
  );
}
function NumberBox(p: {
  label: string;
  hint: string;
  value: number;
  min: number;
  max: number;
  onChange: (v: number) => void;
}) {
  return (
    <label className="setting">
      <div>
        <div className="setting-label">{p.label}</div>
        <div className="meta">{p.hint}</div>
      </div>
      <input
        type="number"
        className="number"
        value={p.value}
        min={p.min}
        max={p.max}
        onChange={(e) => {
          const v = Math.round(Number(e.target.value));
          if (v >= p.min && v <= p.max) p.onChange(v);
        }}
      />
    </label>
  );
}
const yesNo = [
  ['on', 'On'],
  ['off', 'Off'],
] as const;

function SettingsView() {
  const s = use((x) => x.settings);
  const version = use((x) => x.version);
  return (
    <div className="panel scroll-y settings" tabIndex={-1}>
      <h1>Settings</h1>
      <h2>Appearance</h2>
      <Choice
        label="Theme"
        hint="System follows the desktop."
        value={s.theme}
        options={[
          ['system', 'System'],
          ['dark', 'Dark'],
          ['light', 'Light'],
        ]}
        onChange={(theme) => change({ theme })}
      />
      <Choice
        label="Row height"
        hint="Of tables and trees."
        value={s.density}
        options={[
          ['compact', 'Compact, 22 px'],
          ['comfortable', 'Comfortable, 28 px'],
        ]}
        onChange={(density) => change({ density })}
      />
      <h2>Editor</h2>
      <NumberBox
        label="Font size"
        hint="In pixels, 9 to 28."
        value={s.fontSize}
        min={9}
        max={28}
        onChange={(fontSize) => change({ fontSize })}
      />
      <Choice
        label="Word wrap"
        hint="Long lines continue below."
        value={s.wordWrap ? 'on' : 'off'}
        options={yesNo}
        onChange={(v) => change({ wordWrap: v === 'on' })}
      />
      <Choice
        label="Minimap"
        hint="An outline of the file at the right edge."
        value={s.minimap ? 'on' : 'off'}
        options={yesNo}
        onChange={(v) => change({ minimap: v === 'on' })}
      />
      <h2>Engine</h2>
      <NumberBox
        label="Check delay"
        hint="Milliseconds after the last key before the policy is compiled and verified."
        value={s.checkDelay}
        min={0}
        max={2000}
        onChange={(checkDelay) => change({ checkDelay })}
      />
      <Choice
        label="Run again on changes"
        hint="A scenario that ran once runs again when its policy changes."
        value={s.autoRun ? 'on' : 'off'}
        options={yesNo}
        onChange={(v) => change({ autoRun: v === 'on' })}
      />
      <p className="meta">LSMith {version}</p>
    </div>
  );
}

function Welcome() {
  const examples = use((x) => x.examples);
  const recent = use((x) => x.recent);
  const run = (id: string) => () => execute(id);
  return (
    <div className="panel scroll-y welcome">
      <h1>LSMith</h1>
      <p>
        Write a BPF LSM policy, see the verifier’s verdict while you type, play a scenario against the whole LSM stack,
        and ask what another order would have decided.
      </p>
      <div className="welcome-cols">
        <section>
          <h2>Start</h2>
          <Button icon="folder-opened" label="Open Workspace…" onPress={run('file.openWorkspace')} />
          <Button icon="new-file" label="New Policy…" onPress={run('file.newPolicy')} />
        </section>
        <section>
          <h2>Learn from an example</h2>
          {examples.map((e) => (
            <Button key={e} icon="shield" label={e} onPress={run(`example.open:${e}`)} />
          ))}
        </section>
        <section>
          <h2>Recent</h2>
          {recent.slice(0, 5).map((r) => (
            <Button
              key={r}
              icon="history"
              label={r.split('/').slice(-2).join('/')}
              title={r}
              onPress={() => execute('file.openFolder', r)}
            />
          ))}
          {recent.length === 0 && <p className="meta">Nothing yet.</p>}
        </section>
      </div>
      <table className="plain keys">
        <tbody>
          {[
            ['F5', 'Run the scenario'],
            ['Alt+↑ / Alt+↓', 'Move an LSM in the stack'],
            ['F8', 'Next problem'],
            ['Ctrl+I', 'Instructions beside the C'],
            ['Ctrl+Shift+P', 'All commands'],
            ['Ctrl+P', 'Open a file'],
          ].map(([k, t]) => (
            <tr key={k}>
              <th scope="row">
                <kbd>{k}</kbd>
              </th>
              <td>{t}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

registerView({ id: 'settings', title: 'Settings', icon: 'settings-gear', place: 'editor', component: SettingsView });
registerView({ id: 'welcome', title: 'Welcome', icon: 'home', place: 'editor', component: Welcome });
registerCommand({
  id: 'settings.open',
  title: 'Open Settings',
  category: 'Settings',
  key: 'Ctrl+,',
  run: () => showView('settings'),
});
registerCommand({ id: 'help.welcome', title: 'Welcome', category: 'Help', run: () => showView('welcome') });
registerCommand({
  id: 'theme.toggle',
  title: 'Toggle Dark / Light Theme',
  category: 'View',
  run: () => change({ theme: get().dark ? 'light' : 'dark' }),
});
