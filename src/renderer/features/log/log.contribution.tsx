import { useMemo, useState } from 'react';
import { registerCommand, registerView, set, showView, use, type LogLine } from '../../workbench/index.ts';
import { Button, Empty } from '../../ui/icon.tsx';
import { FilterBox, Table, type Column } from '../../ui/table.tsx';

interface Row extends LogLine {
  readonly key: string;
}
const COLUMNS: readonly Column<Row>[] = [
  {
    id: 'time',
    title: 'Time',
    width: 84,
    mono: true,
    text: (r) => new Date(r.at).toTimeString().slice(0, 8),
    sortValue: (r) => r.at,
  },
  { id: 'level', title: 'Level', width: 60, text: (r) => r.level },
  { id: 'message', title: 'Message', width: 500, grow: true, text: (r) => r.message },
];

function Log() {
  const log = use((s) => s.log);
  const [filter, setFilter] = useState('');
  const [selected, setSelected] = useState<string | null>(null);
  const rows = useMemo(
    () =>
      log
        .map((l, i) => ({ ...l, key: String(i) }))
        .filter((l) => l.message.toLowerCase().includes(filter.toLowerCase())),
    [log, filter],
  );
  return (
    <div className="panel">
      <FilterBox label="Filter the log" value={filter} onChange={setFilter}>
        <Button icon="clear-all" label="Clear" onPress={() => set({ log: [] })} />
      </FilterBox>
      <Table
        id="log"
        label="Log"
        columns={COLUMNS}
        rows={rows}
        rowKey={(r) => r.key}
        selected={selected}
        onSelect={(r) => setSelected(r.key)}
        rowClass={(r) => `sev-${r.level === 'warn' ? 'warning' : r.level}`}
        empty={<Empty title="The log is empty" />}
      />
    </div>
  );
}

registerView({ id: 'log', title: 'Log', icon: 'output', place: 'bottom', order: 7, component: Log });
registerCommand({ id: 'view.log', title: 'Show Log', category: 'View', run: () => showView('log') });
