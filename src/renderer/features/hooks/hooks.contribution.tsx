import { useEffect, useMemo, useState } from 'react';
import type { HookInfo } from '../../../engine/lsm/index.ts';
import { currentKernel, loadHooks, registerCommand, registerView, set, showView, use } from '../../workbench/index.ts';
import { Button, Empty, StateMark } from '../../ui/icon.tsx';
import { FilterBox, Table, type Column } from '../../ui/table.tsx';

const args = (h: HookInfo): string =>
  h.args.map((a) => `${a.type}${a.type.endsWith('*') ? '' : ' '}${a.name}`).join(', ');
const range = (h: HookInfo): string =>
  h.returns === 'void' ? 'void' : h.returnRange ? `[${h.returnRange[0]}, ${h.returnRange[1]}]` : 'not checked';
const COLUMNS: readonly Column<HookInfo>[] = [
  { id: 'name', title: 'Hook', width: 210, mono: true, text: (h) => h.name },
  {
    id: 'attachable',
    title: 'Attach',
    width: 90,
    text: (h) => (h.attachable ? 'yes' : 'refused'),
    cell: (h) => (
      <>
        <StateMark mark={h.attachable ? 'allow' : 'deny'} /> {h.attachable ? 'yes' : 'refused'}
      </>
    ),
  },
  { id: 'sleepable', title: 'Sleepable', width: 80, text: (h) => (h.sleepable ? 'lsm.s' : '') },
  { id: 'context', title: 'Context', width: 84, text: (h) => (h.context === 'unknown' ? '' : h.context) },
  {
    id: 'default',
    title: 'Default',
    width: 66,
    align: 'right',
    mono: true,
    text: (h) => (h.defaultReturn === null ? 'void' : String(h.defaultReturn)),
    sortValue: (h) => h.defaultReturn ?? 1e9,
  },
  { id: 'range', title: 'Return range', width: 96, mono: true, text: range },
  { id: 'modules', title: 'Modules', width: 170, text: (h) => h.modules.join(', ') },
  { id: 'args', title: 'Arguments', width: 300, grow: true, mono: true, text: args },
];

function Hooks() {
  const kernel = use(currentKernel);
  const ready = use((s) => s.profiles.length > 0);
  const hooks = use((s) => s.hooks[kernel]);
  const [filter, setFilter] = useState('');
  const [selected, setSelected] = useState<string | null>(null);
  useEffect(() => {
    if (ready) loadHooks();
  }, [kernel, ready]);
  const rows = useMemo(() => {
    const f = filter.toLowerCase().split(/\s+/);
    return (hooks ?? []).filter((h) =>
      f.every((w) =>
        `${h.name} ${args(h)} ${h.sleepable ? 'sleepable lsm.s' : ''} ${h.attachable ? 'attachable' : 'refused'} ${h.modules.join(' ')}`
          .toLowerCase()
          .includes(w),
      ),
    );
  }, [hooks, filter]);
  const h = rows.find((x) => x.name === selected);
  return (
    <div className="panel">
      <FilterBox
        label="Filter hooks"
        value={filter}
        onChange={setFilter}
        placeholder="Filter by name, type, module, sleepable, refused"
      >
        <span className="meta nowrap">
          {rows.length} of {hooks?.length ?? 0} hooks · kernel {kernel}
        </span>
      </FilterBox>
      <div className="split">
        <Table
          id="hooks"
          label="Hook catalogue"
          columns={COLUMNS}
          rows={rows}
          rowKey={(x) => x.name}
          selected={selected}
          onSelect={(x) => setSelected(x.name)}
          empty={<Empty title={hooks ? 'No hook matches' : 'Loading the catalogue of this kernel'} />}
        />
        {h && (
          <aside className="detail" aria-label="Hook detail" tabIndex={0}>
            <div className="detail-title mono">{h.name}</div>
            <div className="mono wrap">
              {h.returns} security_{h.name}({args(h)})
            </div>
            {h.refusedBecause && (
              <p>
                <StateMark mark="deny" /> {h.refusedBecause}
              </p>
            )}
            <dl className="facts">
              <dt>Section</dt>
              <dd className="mono">
                SEC("lsm/{h.name}"){h.sleepable ? ' or lsm.s/' : ''}
              </dd>
              <dt>Returns</dt>
              <dd>
                {range(h)}
                {h.defaultReturn ? `, default ${h.defaultReturn}` : ''}
              </dd>
              <dt>Tracing</dt>
              <dd>
                {h.tracingAttachable
                  ? 'fexit and fmod_ret attach to security_' + h.name
                  : 'security_ function is inlined: no fexit, no fmod_ret'}
              </dd>
              <dt>cgroup</dt>
              <dd>{h.cgroupAttachable ? 'lsm_cgroup attaches' : 'no lsm_cgroup'}</dd>
              <dt>Modules</dt>
              <dd>{h.modules.join(', ') || 'none modelled'}</dd>
            </dl>
            <Button
              icon="filter"
              label="Filter the trace by this hook"
              onPress={() => {
                set({ traceFilter: `hook == ${h.name}` });
                showView('trace', false);
              }}
            />
          </aside>
        )}
      </div>
    </div>
  );
}

registerView({ id: 'hooks', title: 'Hooks', icon: 'symbol-interface', place: 'bottom', order: 6, component: Hooks });
registerCommand({
  id: 'view.hooks',
  title: 'Show Hook Catalogue',
  category: 'View',
  key: 'Ctrl+Shift+H',
  run: () => showView('hooks'),
});
