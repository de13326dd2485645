import { useMemo, useState } from 'react';
import type { OrderVariant } from '../../../engine/api/index.ts';
import {
  execute,
  exploreOrders,
  registerCommand,
  registerView,
  runScenario,
  set,
  showView,
  use,
} from '../../workbench/index.ts';
import { Button, Empty } from '../../ui/icon.tsx';
import { FilterBox, Table, type Column } from '../../ui/table.tsx';

interface Row {
  readonly key: string;
  readonly v: OrderVariant;
  readonly count: (what: string) => number;
}

const changes = (r: Row): string =>
  r.v.diff.steps
    .flatMap((s) => s.changes.map((c) => `${s.index + 1}: ${c.subject} ${c.before} → ${c.after}`))
    .join('; ');
const number = (id: string, title: string, value: (r: Row) => number, width = 76): Column<Row> => ({
  id,
  title,
  width,
  align: 'right',
  mono: true,
  text: (r) => String(value(r)),
  sortValue: value,
  cell: (r) => (value(r) === 0 ? <span className="meta">0</span> : value(r)),
});

const COLUMNS: readonly Column<Row>[] = [
  { id: 'order', title: 'Order', width: 330, mono: true, text: (r) => r.v.trace.stack.text },
  { id: 'semantics', title: 'Semantics', width: 96, text: (r) => r.v.semantics },
  number('count', 'Changes', (r) => r.v.diff.count),
  number('errno', 'errno', (r) => r.count('errno'), 60),
  number('decider', 'Decider', (r) => r.count('decidedBy')),
  number('lost', 'Not called', (r) => r.count('not-called'), 84),
  number('gained', 'Called', (r) => r.count('called'), 66),
  number('overridden', 'Overridden', (r) => r.count('overridden'), 88),
  number('maps', 'Maps', (r) => r.v.diff.maps.length, 58),
  { id: 'what', title: 'First changes', width: 220, grow: true, text: changes },
];

function Orders() {
  const orders = use((s) => s.orders);
  const busy = use((s) => s.ordersRunning);
  const [filter, setFilter] = useState('');
  const [onlyChanged, setOnlyChanged] = useState(true);
  const [selected, setSelected] = useState<string | null>(null);
  const rows = useMemo(() => {
    const all = (orders?.variants ?? []).map((v): Row => ({
      key: `${v.semantics} ${v.cmdline}`,
      v,
      count: (what) => v.diff.steps.reduce((n, s) => n + s.changes.filter((c) => c.what === what).length, 0),
    }));
    return all
      .filter(
        (r) =>
          (!onlyChanged || r.v.diff.count > 0) && `${r.key} ${changes(r)}`.toLowerCase().includes(filter.toLowerCase()),
      )
      .sort((a, b) => b.v.diff.count - a.v.diff.count);
  }, [orders, filter, onlyChanged]);
  const apply = (r: Row): void => {
    set({ order: r.v.cmdline, semantics: r.v.semantics });
    void runScenario();
  };
  const row = rows.find((r) => r.key === selected);
  return (
    <div className="panel">
      <FilterBox
        label="Filter orders"
        value={filter}
        onChange={setFilter}
        placeholder="Filter by order, semantics or change"
      >
        <label className="check">
          <input type="checkbox" checked={onlyChanged} onChange={(e) => setOnlyChanged(e.target.checked)} /> only what
          changes
        </label>
        {orders && (
          <span className="meta nowrap">
            {orders.variants.filter((v) => v.diff.count > 0).length} of {orders.variants.length} variants differ
          </span>
        )}
        {row && <Button icon="arrow-swap" label="Use this order" onPress={() => apply(row)} />}
        <Button
          icon="play-circle"
          label={busy ? 'Exploring' : 'Explore all orders'}
          title="Ctrl+F5"
          disabled={busy}
          onPress={() => execute('orders.explore')}
        />
      </FilterBox>
      <Table
        id="orders"
        label="Orders and semantics"
        columns={COLUMNS}
        rows={rows}
        rowKey={(r) => r.key}
        selected={selected}
        onSelect={(r) => setSelected(r.key)}
        onActivate={apply}
        empty={
          orders ? (
            <Empty title="No variant matches" />
          ) : (
            <Empty
              title="Orders are not explored yet"
              action={
                <Button
                  primary
                  icon="play-circle"
                  label="Explore all orders"
                  disabled={busy}
                  onPress={() => execute('orders.explore')}
                />
              }
            >
              Runs the scenario under every order that the rules allow and all four attach semantics, and lists what
              each one changes.
            </Empty>
          )
        }
      />
    </div>
  );
}

registerView({ id: 'orders', title: 'Orders', icon: 'arrow-swap', place: 'bottom', order: 3, component: Orders });
registerCommand({ id: 'view.orders', title: 'Show Orders', category: 'View', run: () => showView('orders') });
registerCommand({
  id: 'orders.explore',
  title: 'Explore All Orders',
  category: 'Run',
  key: 'Ctrl+F5',
  run: () => {
    showView('orders', false);
    return exploreOrders();
  },
});
