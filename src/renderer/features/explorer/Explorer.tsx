import { useMemo, useState } from 'react';
import type { FileEntry } from '../../../protocol/index.ts';
import {
  currentKernel,
  execute,
  isPolicy,
  isScenario,
  openDocument,
  set,
  use,
  baseName,
} from '../../workbench/index.ts';
import { Button, Empty, Icon, StateMark } from '../../ui/icon.tsx';

interface Item {
  readonly key: string;
  readonly level: number;
  readonly name: string;
  readonly path: string | null;
  readonly kind: 'group' | 'dir' | 'file';
  readonly icon: string;
}

function itemsOf(entries: readonly FileEntry[], closed: ReadonlySet<string>): Item[] {
  const files = entries.filter((e) => e.kind === 'file').map((e) => e.path);
  const out: Item[] = [];
  const group = (key: string, name: string, paths: readonly string[], icon: string): void => {
    if (paths.length === 0) return;
    out.push({ key, level: 1, name, path: null, kind: 'group', icon: '' });
    if (!closed.has(key))
      for (const p of paths) out.push({ key: p, level: 2, name: baseName(p), path: p, kind: 'file', icon });
  };
  group('group:policies', 'Policies', files.filter(isPolicy), 'shield');
  group('group:scenarios', 'Scenarios', files.filter(isScenario), 'beaker');
  const others = entries.filter((e) => e.kind === 'file' && !isPolicy(e.path) && !isScenario(e.path));
  if (others.length > 0) {
    out.push({ key: 'group:files', level: 1, name: 'Other files', path: null, kind: 'group', icon: '' });
    if (!closed.has('group:files'))
      for (const e of others)
        out.push({
          key: e.path,
          level: 2,
          name: e.path,
          path: e.path,
          kind: 'file',
          icon: e.path.endsWith('.md') ? 'markdown' : /\.ya?ml$/.test(e.path) ? 'settings-gear' : 'file',
        });
  }
  return out;
}

/** Verdict, problems or last result of a file, as one mark at the row's end. */
function FileMark({ path }: { path: string }) {
  const kernel = use(currentKernel);
  const report = use((s) => s.checks[path]?.[kernel]);
  const yaml = use((s) => s.yaml[path]);
  const run = use((s) => (s.run?.scenario === path ? s.run.trace : null));
  const errors = (report?.diagnostics ?? yaml ?? []).filter((d) => d.severity === 'error').length;
  if (errors > 0)
    return (
      <span className="count-error" title={`${errors} errors`}>
        {errors}
      </span>
    );
  if (report && report.programs.length > 0)
    return report.programs.every((p) => p.accepted) ? (
      <StateMark mark="allow" label="accepted" />
    ) : (
      <StateMark mark="deny" label="refused" />
    );
  if (run)
    return run.passed ? (
      <StateMark mark="allow" label="expectations hold" />
    ) : (
      <StateMark mark="deny" label="expectations fail" />
    );
  return null;
}

export function Explorer() {
  const entries = use((s) => s.entries);
  const active = use((s) => s.active);
  const dirty = use((s) => s.dirty);
  const root = use((s) => s.root);
  const scenario = use((s) => s.scenario);
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const [cursor, setCursor] = useState<string | null>(null);
  const items = useMemo(() => itemsOf(entries, closed), [entries, closed]);
  if (root === null)
    return (
      <Empty
        title="No workspace is open"
        action={
          <Button primary label="Open Workspace…" icon="folder-opened" onPress={() => execute('file.openWorkspace')} />
        }
      >
        A workspace is a folder with policies and scenarios.
      </Empty>
    );
  const here = cursor ?? active;
  const toggle = (key: string): void =>
    setClosed((c) => {
      const n = new Set(c);
      if (!n.delete(key)) n.add(key);
      return n;
    });
  const open = (i: Item): void => {
    setCursor(i.key);
    if (i.path === null) toggle(i.key);
    else {
      void openDocument(i.path);
      if (isScenario(i.path)) set({ scenario: i.path });
    }
  };
  const onKey = (e: React.KeyboardEvent): void => {
    const at = items.findIndex((i) => i.key === here);
    const item = items[at];
    if (e.altKey) return;
    if (e.key === 'ArrowDown') setCursor(items[Math.min(items.length - 1, at + 1)]?.key ?? null);
    else if (e.key === 'ArrowUp') setCursor(items[Math.max(0, at - 1)]?.key ?? null);
    else if (e.key === 'Enter' && item) open(item);
    else if (e.key === 'ArrowLeft' && item?.path === null && !closed.has(item.key)) toggle(item.key);
    else if (e.key === 'ArrowRight' && item?.path === null && closed.has(item.key)) toggle(item.key);
    else if (e.key === 'F2' && item?.path) execute('file.rename', item.path);
    else if (e.key === 'Delete' && item?.path) execute('file.delete', item.path);
    else return;
    e.preventDefault();
  };
  return (
    <div className="panel">
      <div className="panel-bar">
        <span className="panel-bar-title ellipsis" title={root}>
          {use((s) => s.name)}
        </span>
        <Button
          iconOnly
          icon="new-file"
          label="New Policy…"
          title="New Policy… (Ctrl+N)"
          onPress={() => execute('file.newPolicy')}
        />
        <Button iconOnly icon="beaker" label="New Scenario…" onPress={() => execute('file.newScenario')} />
        <Button iconOnly icon="refresh" label="Refresh" onPress={() => execute('explorer.refresh')} />
      </div>
      <div
        className="tree"
        role="tree"
        aria-label="Workspace files"
        tabIndex={0}
        data-autofocus
        onKeyDown={onKey}
        aria-activedescendant={here && items.some((i) => i.key === here) ? `file-${here}` : undefined}
      >
        {items.map((i) => (
          <div
            key={i.key}
            id={`file-${i.key}`}
            role="treeitem"
            aria-level={i.level}
            aria-selected={i.key === here}
            aria-expanded={i.path === null ? !closed.has(i.key) : undefined}
            className={`tree-row${i.key === here ? ' selected' : ''}${i.path === null ? ' group' : ''}`}
            onClick={() => open(i)}
            title={i.path ?? i.name}
            onContextMenu={(e) => {
              e.preventDefault();
              setCursor(i.key);
            }}
          >
            <span
              className={`twisty codicon ${i.path === null ? (closed.has(i.key) ? 'codicon-chevron-right' : 'codicon-chevron-down') : ''}`}
              aria-hidden="true"
            />
            {i.path !== null && <Icon name={i.icon} />}
            <span className="ellipsis grow">{i.name}</span>
            {i.path !== null && dirty.has(i.path) && <span className="dirty-dot" role="img" aria-label="unsaved" />}
            {i.path !== null && i.path === scenario && (
              <span className="tag" title="F5 runs this scenario">
                F5
              </span>
            )}
            {i.path !== null && <FileMark path={i.path} />}
            {i.key === here && i.path !== null && (
              <span className="row-actions">
                <button
                  type="button"
                  tabIndex={-1}
                  aria-label={`Rename ${i.name}`}
                  title="Rename (F2)"
                  onClick={(e) => {
                    e.stopPropagation();
                    execute('file.rename', i.path);
                  }}
                >
                  <Icon name="edit" />
                </button>
                <button
                  type="button"
                  tabIndex={-1}
                  aria-label={`Delete ${i.name}`}
                  title="Move to trash (Delete)"
                  onClick={(e) => {
                    e.stopPropagation();
                    execute('file.delete', i.path);
                  }}
                >
                  <Icon name="trash" />
                </button>
              </span>
            )}
          </div>
        ))}
      </div>
    </div>
  );
}
