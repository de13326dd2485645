import { useMemo, useState } from 'react';
import type { Diagnostic, SourceRange } from '../../../base/index.ts';
import {
  currentKernel,
  get,
  openDocument,
  registerCommand,
  registerView,
  set,
  showView,
  use,
  type WorkbenchState,
} from '../../workbench/index.ts';
import { Empty, Icon } from '../../ui/icon.tsx';
import { FilterBox, Table, type Column } from '../../ui/table.tsx';
import { Detail } from './Detail.tsx';

interface Problem {
  readonly key: string;
  readonly d: Diagnostic;
}

/** Everything said about the workspace for the current kernel, worst first. */
function collect(s: Pick<WorkbenchState, 'checks' | 'yaml' | 'run'>, kernel: string): Problem[] {
  const rank = { error: 0, warning: 1, info: 2, hint: 3 } as const;
  const seen = new Set<string>();
  const all = [
    ...Object.values(s.checks).flatMap((r) => r[kernel]?.diagnostics ?? []),
    ...Object.values(s.yaml).flat(),
    ...(s.run?.diagnostics ?? []),
  ];
  return all
    .map((d) => ({ key: `${d.range.file}:${d.range.line}:${d.range.column}:${d.code}:${d.message}`, d }))
    .filter((p) => !seen.has(p.key) && seen.add(p.key))
    .sort(
      (a, b) =>
        rank[a.d.severity] - rank[b.d.severity] ||
        a.d.range.file.localeCompare(b.d.range.file) ||
        a.d.range.line - b.d.range.line,
    );
}

function useProblems(): Problem[] {
  const checks = use((s) => s.checks);
  const yaml = use((s) => s.yaml);
  const run = use((s) => s.run);
  const kernel = use(currentKernel);
  return useMemo(() => collect({ checks, yaml, run }, kernel), [checks, yaml, run, kernel]);
}

const go = (p: Problem | undefined): void =>
  void (p && openDocument(p.d.range.file, { line: p.d.range.line, column: p.d.range.column }));
const icon = { error: 'error', warning: 'warning', info: 'info', hint: 'lightbulb' } as const;

const COLUMNS: readonly Column<Problem>[] = [
  {
    id: 'message',
    title: 'Message',
    width: 320,
    grow: true,
    text: (p) => p.d.message,
    cell: (p) => (
      <>
        <span className={`sev sev-${p.d.severity}`}>
          <Icon name={icon[p.d.severity]} />
        </span>{' '}
        {p.d.message}
      </>
    ),
  },
  { id: 'code', title: 'Code', width: 190, mono: true, text: (p) => p.d.code },
  {
    id: 'place',
    title: 'Place',
    width: 220,
    mono: true,
    text: (p) => `${p.d.range.file}:${p.d.range.line}:${p.d.range.column}`,
  },
];

function Problems() {
  const problems = useProblems();
  const [filter, setFilter] = useState('');
  const selected = use((s) => s.problem);
  const shown = useMemo(
    () =>
      problems.filter((p) =>
        `${p.d.message} ${p.d.code} ${p.d.range.file}`.toLowerCase().includes(filter.toLowerCase()),
      ),
    [problems, filter],
  );
  const current = shown.find((p) => p.key === selected) ?? shown[0];
  return (
    <div className="panel">
      <FilterBox
        label="Filter problems"
        value={filter}
        onChange={setFilter}
        placeholder="Filter by message, code or file"
      />
      <div className="split">
        <Table
          id="problems"
          label="Problems"
          columns={COLUMNS}
          rows={shown}
          rowKey={(p) => p.key}
          selected={current?.key ?? null}
          onSelect={(p) => {
            set({ problem: p.key });
            go(p);
          }}
          onActivate={go}
          empty={
            <Empty title={problems.length > 0 ? 'No problem matches the filter' : 'No problems'}>
              {problems.length === 0
                ? 'Compiler, verifier and scenario findings appear here while you type.'
                : undefined}
            </Empty>
          }
        />
        {current && <Detail key={current.key} d={current.d} />}
      </div>
    </div>
  );
}

function Badge() {
  const n = useProblems().filter((p) => p.d.severity === 'error' || p.d.severity === 'warning').length;
  return n > 0 ? <span className="badge">{n}</span> : null;
}

/** The problem after or before the cursor, in the order of files and lines, around the end. */
function step(by: 1 | -1): void {
  const order = (a: SourceRange, b: SourceRange): number =>
    a.file.localeCompare(b.file) || a.line - b.line || a.column - b.column;
  const list = collect(get(), currentKernel()).sort((a, b) => order(a.d.range, b.d.range) * by);
  const { active, cursor } = get();
  const here = { file: active ?? '', line: cursor?.line ?? 0, column: cursor?.column ?? 0, endLine: 0, endColumn: 0 };
  const next = list.find((p) => order(p.d.range, here) * by > 0) ?? list[0];
  if (!next) return;
  set({ problem: next.key });
  go(next);
}

registerView({
  id: 'problems',
  title: 'Problems',
  icon: 'warning',
  place: 'bottom',
  order: 2,
  component: Problems,
  badge: Badge,
});
registerCommand({
  id: 'view.problems',
  title: 'Show Problems',
  category: 'View',
  key: 'Ctrl+Shift+M',
  run: () => showView('problems'),
});
registerCommand({ id: 'problems.next', title: 'Next Problem', category: 'Go', key: 'F8', run: () => step(1) });
registerCommand({
  id: 'problems.previous',
  title: 'Previous Problem',
  category: 'Go',
  key: 'Shift+F8',
  run: () => step(-1),
});
