import { useEffect, useMemo, useState } from 'react';
import {
  execute,
  moduleMark,
  moduleText,
  openDocument,
  retText,
  select,
  set,
  use,
  useSelected,
} from '../../workbench/index.ts';
import { Button, Empty, StateMark } from '../../ui/icon.tsx';
import { FilterBox, Table, type Column } from '../../ui/table.tsx';
import { keyOf, traceRows, type TraceRow } from './rows.ts';

const COLUMNS: readonly Column<TraceRow>[] = [
  {
    id: 'name',
    title: '# Step',
    width: 230,
    grow: true,
    text: (r) => `${r.number} ${r.name}`,
    cell: (r) => (
      <>
        {r.number && <span className="step-no">{r.number}</span>}
        <span className={r.level === 2 ? 'mono' : ''}>{r.name}</span>
      </>
    ),
  },
  {
    id: 'hook',
    title: 'Hook',
    width: 140,
    mono: true,
    text: (r) => r.hook,
    cell: (r) => <span className={r.level === 1 ? 'meta' : ''}>{r.hook}</span>,
  },
  { id: 'decidedBy', title: 'Decided by', width: 130, text: (r) => r.decidedBy },
  {
    id: 'result',
    title: 'Result',
    width: 96,
    mono: true,
    text: (r) => r.result,
    cell: (r) => (
      <>
        <StateMark mark={r.mark} /> {r.result}
        {r.changed && (
          <span
            className="changed-dot"
            role="img"
            aria-label="changed against the baseline"
            title="Changed against the baseline"
          />
        )}
      </>
    ),
  },
  { id: 'programs', title: 'Programs', width: 160, grow: true, text: (r) => r.programs },
];

function Detail() {
  const { step, hook, selection } = useSelected();
  if (!step) return null;
  const programs = hook
    ? hook.modules.flatMap((m) => m.programs).filter((p) => !selection?.program || p.program === selection.program)
    : [];
  return (
    <aside className="detail" aria-label="Decision detail" tabIndex={0}>
      <div className="detail-title mono">{step.text}</div>
      <dl className="facts">
        <dt>Result</dt>
        <dd className="mono">{step.errno === 'OK' ? `OK (${step.ret})` : `${step.errno} (${step.ret})`}</dd>
        <dt>Decided by</dt>
        <dd>{step.decidedBy ?? 'nobody objected'}</dd>
        <dt>Task</dt>
        <dd>{step.task}</dd>
      </dl>
      {step.expectations.map((e, i) => (
        <div key={i} className="expect">
          <StateMark mark={e.ok ? 'allow' : 'deny'} /> expects {e.text}
          {e.ok ? '' : `; was ${e.actual}`}
        </div>
      ))}
      {step.notModelled.map((n) => (
        <div key={n} className="expect">
          <StateMark mark="unknown" /> not modelled: {n}
        </div>
      ))}
      {hook && (
        <>
          <div className="detail-head">{hook.hook}</div>
          <table className="plain">
            <tbody>
              {hook.args.map((a) => (
                <tr key={a.name}>
                  <th scope="row" className="mono">
                    {a.name}
                  </th>
                  <td className="mono">{a.text}</td>
                </tr>
              ))}
            </tbody>
          </table>
          <table className="plain">
            <tbody>
              {hook.modules.map((m, i) => (
                <tr key={`${m.module}${i}`}>
                  <th scope="row">
                    <StateMark mark={moduleMark(m)} /> {m.module}
                  </th>
                  <td>{m.reason ?? moduleText(m)}</td>
                  <td className="mono right">{m.state === 'called' ? retText(m.ret) : ''}</td>
                </tr>
              ))}
            </tbody>
          </table>
          {hook.overrides.map((o, i) => (
            <div key={i} className="expect">
              <StateMark mark="override" /> {o.by} turned {retText(o.from)} into {retText(o.to)}
            </div>
          ))}
        </>
      )}
      {programs.map((p) => (
        <section key={`${p.policy}:${p.program}`}>
          <div className="detail-head">
            {p.program} <span className="meta">{p.policy}</span>
          </div>
          <div>
            {p.state === 'called'
              ? `returned ${retText(p.ret)} after ${p.insns} instructions`
              : `not called${p.because ? `: ${p.because}` : ''}`}
          </div>
          {p.fault && <div className="sev-error">fault: {p.fault}</div>}
          {p.maps.length > 0 && (
            <table className="plain">
              <thead>
                <tr>
                  <th>Map</th>
                  <th>Access</th>
                  <th>Key</th>
                  <th>Value</th>
                </tr>
              </thead>
              <tbody>
                {p.maps.map((m, i) => (
                  <tr key={i}>
                    <td className="mono">{m.map}</td>
                    <td>
                      {m.op}
                      {m.found ? '' : ' (absent)'}
                    </td>
                    <td className="mono">{m.keyText || m.key}</td>
                    <td className="mono">
                      {m.before === m.after || m.after === null ? (m.before ?? '') : `${m.before ?? '∅'} → ${m.after}`}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
          {p.records.map((r, i) => (
            <div key={i} className="mono wrap">
              {r.map}: {r.text ?? r.bytes}
            </div>
          ))}
          {p.printk.map((l, i) => (
            <div key={i} className="mono wrap">
              {l}
            </div>
          ))}
        </section>
      ))}
    </aside>
  );
}

export function Trace() {
  const run = use((s) => s.run);
  const running = use((s) => s.running);
  const scenario = use((s) => s.scenario);
  const selection = use((s) => s.selection);
  const filter = use((s) => s.traceFilter);
  const [expanded, setExpanded] = useState<ReadonlySet<string>>(new Set());
  const trace = run?.trace ?? null;
  const changed = useMemo(
    () => new Set((run?.diff?.steps ?? []).filter((s) => s.changes.length > 0).map((s) => s.index)),
    [run],
  );
  useEffect(() => {
    // A selection made elsewhere opens the rows above it; nothing is ever closed.
    if (!selection) return;
    setExpanded((e) => {
      const need = [
        selection.hook !== null ? String(selection.step) : '',
        selection.module !== null ? `${selection.step}/${selection.hook}` : '',
      ].filter((k) => k !== '' && !e.has(k));
      return need.length === 0 ? e : new Set([...e, ...need]);
    });
  }, [selection]);
  const rows = useMemo(
    () => (trace ? traceRows(trace, expanded, filter, changed) : []),
    [trace, expanded, filter, changed],
  );
  const decisions = trace ? trace.steps.reduce((n, s) => n + s.hooks.length, 0) : 0;
  return (
    <div className="panel">
      <FilterBox
        label="Filter the trace"
        value={filter}
        onChange={(v) => set({ traceFilter: v })}
        placeholder="hook == file_open && errno != OK, or any word"
      >
        {trace && (
          <span className="meta nowrap">
            {trace.steps.length} steps · {decisions} hook calls · {trace.kernel}
          </span>
        )}
        <Button
          icon="play"
          label="Run"
          title="Run scenario (F5)"
          disabled={running}
          onPress={() => execute('run.scenario')}
        />
      </FilterBox>
      <div className="split">
        <Table
          id="trace"
          label="Decision trace"
          columns={COLUMNS}
          rows={rows}
          rowKey={(r) => r.key}
          selected={selection ? keyOf(selection) : null}
          onSelect={(r) => select(r.selection)}
          onActivate={(r) =>
            trace && void openDocument(run!.scenario, { line: trace.steps[r.selection.step].line, column: 1 })
          }
          tree={(r) => ({ level: r.level, expanded: r.expandable && r.level < 3 ? expanded.has(r.key) : null })}
          onToggle={(r, open) =>
            setExpanded((e) => {
              const n = new Set(e);
              if (open) n.add(r.key);
              else n.delete(r.key);
              return n;
            })
          }
          rowClass={(r) => `level-${r.level}${r.mark === 'skip' ? ' skipped' : ''}${r.changed ? ' changed' : ''}`}
          empty={
            trace ? (
              <Empty
                title="Nothing matches the filter"
                action={<Button label="Clear the filter" onPress={() => set({ traceFilter: '' })} />}
              />
            ) : (
              <Empty
                title={run ? 'The scenario did not run' : 'No run yet'}
                action={
                  scenario ? (
                    <Button
                      primary
                      icon="play"
                      label={`Run ${scenario.replace(/^.*\//, '')}`}
                      title="F5"
                      onPress={() => execute('run.scenario')}
                    />
                  ) : (
                    <Button primary icon="beaker" label="New Scenario…" onPress={() => execute('file.newScenario')} />
                  )
                }
              >
                {run?.diagnostics[0]
                  ? `${run.diagnostics[0].range.file}:${run.diagnostics[0].range.line}: ${run.diagnostics[0].message}`
                  : 'Each step of the scenario appears here with every hook the kernel calls, every LSM asked, and who decided.'}
              </Empty>
            )
          }
        />
        <Detail />
      </div>
    </div>
  );
}
