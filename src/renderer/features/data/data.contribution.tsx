/** Maps at the end of the run, and every record that programs sent. */
import { useMemo, useState } from 'react';
import { execute, keyLabel, registerCommand, registerView, select, showView, use } from '../../workbench/index.ts';
import { Button, Empty } from '../../ui/icon.tsx';
import { FilterBox, Table, type Column } from '../../ui/table.tsx';

interface MapRow {
  readonly key: string;
  readonly policy: string;
  readonly map: string;
  readonly type: string;
  readonly k: string;
  readonly value: string;
  readonly changed: boolean;
}
const MAP_COLUMNS: readonly Column<MapRow>[] = [
  { id: 'map', title: 'Map', width: 150, mono: true, text: (r) => r.map },
  { id: 'type', title: 'Type', width: 110, text: (r) => r.type },
  { id: 'k', title: 'Key', width: 200, mono: true, text: (r) => r.k },
  { id: 'value', title: 'Value', width: 260, grow: true, mono: true, text: (r) => r.value },
  { id: 'policy', title: 'Policy', width: 160, text: (r) => r.policy },
];

const runButton = (
  <Button primary icon="play" label="Run scenario" title={keyLabel('F5')} onPress={() => execute('run.scenario')} />
);

function Maps() {
  const run = use((s) => s.run);
  const selection = use((s) => s.selection);
  const [filter, setFilter] = useState('');
  const [selected, setSelected] = useState<string | null>(null);
  const rows = useMemo(() => {
    const hook =
      typeof selection?.hook === 'number' ? run?.trace?.steps[selection.step]?.hooks[selection.hook] : undefined;
    const touched = new Set(hook?.modules.flatMap((m) => m.programs.flatMap((p) => p.maps.map((a) => a.map))));
    return (run?.trace?.maps ?? [])
      .flatMap((m) =>
        (m.entries.length > 0 ? m.entries : [{ key: '', value: '(empty)' }]).map((e, i): MapRow => ({
          key: `${m.policy}/${m.map}/${i}`,
          policy: m.policy,
          map: m.map,
          type: m.type,
          k: e.key,
          value: e.value,
          changed: touched.has(m.map),
        })),
      )
      .filter((r) => `${r.map} ${r.type} ${r.k} ${r.value} ${r.policy}`.toLowerCase().includes(filter.toLowerCase()));
  }, [run, selection, filter]);
  return (
    <div className="panel">
      <FilterBox label="Filter maps" value={filter} onChange={setFilter} placeholder="Filter by map, key or value">
        <span className="meta nowrap">after the last step; marked: touched by the selected decision</span>
      </FilterBox>
      <Table
        id="maps"
        label="Maps"
        columns={MAP_COLUMNS}
        rows={rows}
        rowKey={(r) => r.key}
        selected={selected}
        onSelect={(r) => setSelected(r.key)}
        rowClass={(r) => (r.changed ? 'changed' : '')}
        empty={
          <Empty title={run?.trace ? 'No map matches' : 'No run yet'} action={run?.trace ? undefined : runButton}>
            What the programs left in their maps appears here.
          </Empty>
        }
      />
    </div>
  );
}

interface RecordRow {
  readonly key: string;
  readonly step: number;
  readonly hook: number;
  readonly program: string;
  readonly source: string;
  readonly text: string;
}
const RECORD_COLUMNS: readonly Column<RecordRow>[] = [
  {
    id: 'step',
    title: 'Step',
    width: 56,
    align: 'right',
    mono: true,
    text: (r) => String(r.step + 1),
    sortValue: (r) => r.step,
  },
  { id: 'source', title: 'From', width: 140, mono: true, text: (r) => r.source },
  { id: 'program', title: 'Program', width: 180, mono: true, text: (r) => r.program },
  { id: 'text', title: 'Record', width: 400, grow: true, mono: true, text: (r) => r.text },
];

function Records() {
  const trace = use((s) => s.run?.trace ?? null);
  const [filter, setFilter] = useState('');
  const [selected, setSelected] = useState<string | null>(null);
  const rows = useMemo(
    () =>
      (trace?.steps ?? [])
        .flatMap((s, i) =>
          s.hooks.flatMap((h, n) =>
            h.modules.flatMap((m) =>
              m.programs.flatMap((p) => [
                ...p.records.map((r, x): RecordRow => ({
                  key: `${i}/${n}/${p.program}/r${x}`,
                  step: i,
                  hook: n,
                  program: p.program,
                  source: r.map,
                  text: r.text ?? r.bytes,
                })),
                ...p.printk.map((t, x): RecordRow => ({
                  key: `${i}/${n}/${p.program}/p${x}`,
                  step: i,
                  hook: n,
                  program: p.program,
                  source: 'bpf_printk',
                  text: t,
                })),
              ]),
            ),
          ),
        )
        .filter((r) => `${r.program} ${r.source} ${r.text}`.toLowerCase().includes(filter.toLowerCase())),
    [trace, filter],
  );
  return (
    <div className="panel">
      <FilterBox
        label="Filter records"
        value={filter}
        onChange={setFilter}
        placeholder="Filter by map, program or content"
      />
      <Table
        id="records"
        label="Records"
        columns={RECORD_COLUMNS}
        rows={rows}
        rowKey={(r) => r.key}
        selected={selected}
        onSelect={(r) => {
          setSelected(r.key);
          select({ step: r.step, hook: r.hook, module: 'bpf', program: r.program });
        }}
        empty={
          <Empty title={trace ? 'No records' : 'No run yet'} action={trace ? undefined : runButton}>
            {trace
              ? 'No program of this run wrote to a ring buffer or printed.'
              : 'Ring-buffer records and bpf_printk lines appear here, in order.'}
          </Empty>
        }
      />
    </div>
  );
}

registerView({ id: 'maps', title: 'Maps', icon: 'database', place: 'bottom', order: 4, component: Maps });
registerView({ id: 'records', title: 'Records', icon: 'output', place: 'bottom', order: 5, component: Records });
registerCommand({ id: 'view.maps', title: 'Show Maps', category: 'View', run: () => showView('maps') });
registerCommand({ id: 'view.records', title: 'Show Records', category: 'View', run: () => showView('records') });
