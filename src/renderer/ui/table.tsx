/** The table of the house: virtual, filterable by its owner, sortable, columns that keep their width, rows copyable as TSV. */
import { useEffect, useMemo, useRef, useState, type KeyboardEvent, type ReactNode } from 'react';
import { useVirtualizer } from '@tanstack/react-virtual';
import { call } from '../workbench/bridge.ts';
import { set, use } from '../workbench/store.ts';

export interface Column<T> {
  readonly id: string;
  readonly title: string;
  readonly width: number;
  /** Takes what is left. */
  readonly grow?: boolean;
  readonly align?: 'right';
  readonly mono?: boolean;
  /** Also what is sorted by and copied. */
  readonly text: (row: T) => string;
  readonly cell?: (row: T) => ReactNode;
  readonly sortValue?: (row: T) => number | string;
}

export interface TreeInfo {
  readonly level: number;
  readonly expanded: boolean | null;
}

export interface TableProps<T> {
  readonly id: string;
  readonly label: string;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  readonly rowKey: (row: T) => string;
  readonly selected?: string | null;
  readonly onSelect?: (row: T) => void;
  readonly onActivate?: (row: T) => void;
  /** Makes it a tree grid; the first column gets the twisties. */
  readonly tree?: (row: T) => TreeInfo;
  readonly onToggle?: (row: T, expanded: boolean) => void;
  readonly rowClass?: (row: T) => string;
  readonly empty?: ReactNode;
}

export function Table<T>(p: TableProps<T>) {
  const scroll = useRef<HTMLDivElement>(null);
  const saved = use((s) => s.columns[p.id]);
  const rowHeight = use((s) => (s.settings.density === 'compact' ? 22 : 28));
  const [sort, setSort] = useState<{ id: string; down: boolean } | null>(null);
  const rows = useMemo(() => {
    const c = sort && !p.tree ? p.columns.find((x) => x.id === sort.id) : undefined;
    if (!c || !sort) return p.rows;
    const value = c.sortValue ?? c.text;
    const compare = (a: string | number, b: string | number): number =>
      typeof a === 'number' && typeof b === 'number'
        ? a - b
        : String(a).localeCompare(String(b), 'en', { numeric: true });
    return [...p.rows].sort((a, b) => compare(value(a), value(b)) * (sort.down ? -1 : 1));
  }, [p.rows, p.columns, p.tree, sort]);
  const index = (p.selected ?? null) === null ? -1 : rows.findIndex((r) => p.rowKey(r) === p.selected);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => rowHeight,
    overscan: 12,
  });
  useEffect(() => virtual.measure(), [rowHeight, virtual]);
  const lastSelected = useRef<string | null>(null);
  useEffect(() => {
    // Follow a selection made elsewhere; never move for a re-run.
    if (index >= 0 && lastSelected.current !== p.selected) virtual.scrollToIndex(index, { align: 'auto' });
    lastSelected.current = p.selected ?? null;
  }, [index, p.selected, virtual]);

  const template = p.columns
    .map((c) => {
      const w = saved?.[c.id] ?? c.width;
      return c.grow && saved?.[c.id] === undefined ? `minmax(${w}px, 1fr)` : `${w}px`;
    })
    .join(' ');

  const key = (e: KeyboardEvent): void => {
    if (e.altKey) return;
    const at = index < 0 ? 0 : index;
    const go = (i: number): void => {
      const r = rows[Math.max(0, Math.min(rows.length - 1, i))];
      if (r) p.onSelect?.(r);
    };
    const row = rows[at];
    const info = row && p.tree?.(row);
    const page = Math.max(1, Math.floor((scroll.current?.clientHeight ?? 220) / rowHeight) - 2);
    if (e.key === 'ArrowDown') go(index < 0 ? 0 : at + 1);
    else if (e.key === 'ArrowUp') go(at - 1);
    else if (e.key === 'PageDown') go(at + page);
    else if (e.key === 'PageUp') go(at - page);
    else if (e.key === 'Home') go(0);
    else if (e.key === 'End') go(rows.length - 1);
    else if (e.key === 'ArrowRight' && info?.expanded === false) p.onToggle?.(row, true);
    else if (e.key === 'ArrowRight' && info?.expanded) go(at + 1);
    else if (e.key === 'ArrowLeft' && info?.expanded) p.onToggle?.(row, false);
    else if (e.key === 'ArrowLeft' && info && info.level > 1) {
      for (let i = at - 1; i >= 0; i--)
        if (p.tree!(rows[i]).level < info.level) {
          go(i);
          break;
        }
    } else if (e.key === 'Enter' && row) p.onActivate?.(row);
    else if ((e.ctrlKey || e.metaKey) && e.key === 'c' && row && window.getSelection()?.isCollapsed !== false)
      void call('clipboard.write', { text: p.columns.map((c) => c.text(row)).join('\t') });
    else return;
    e.preventDefault();
    e.stopPropagation();
  };

  const resize = (c: Column<T>, e: React.PointerEvent): void => {
    e.preventDefault();
    e.stopPropagation();
    const head = (e.currentTarget as HTMLElement).parentElement!;
    const start = head.getBoundingClientRect().width;
    const x = e.clientX;
    const move = (m: PointerEvent): void =>
      set((s) => ({
        columns: {
          ...s.columns,
          [p.id]: { ...s.columns[p.id], [c.id]: Math.max(32, Math.round(start + m.clientX - x)) },
        },
      }));
    const up = (): void => {
      window.removeEventListener('pointermove', move);
      window.removeEventListener('pointerup', up);
    };
    window.addEventListener('pointermove', move);
    window.addEventListener('pointerup', up);
  };

  const items = virtual.getVirtualItems();
  const idOf = (k: string): string => `${p.id}-${k}`;
  return (
    <div className="table">
      <div
        className="table-scroll"
        ref={scroll}
        role={p.tree ? 'treegrid' : 'grid'}
        aria-label={p.label}
        aria-rowcount={rows.length + 1}
        aria-colcount={p.columns.length}
        tabIndex={0}
        data-autofocus
        onKeyDown={key}
        aria-activedescendant={
          index >= 0 && items.some((i) => i.index === index) ? idOf(p.rowKey(rows[index])) : undefined
        }
      >
        <div className="table-head" role="row" style={{ gridTemplateColumns: template }}>
          {p.columns.map((c) => (
            <div
              key={c.id}
              role="columnheader"
              className={c.align === 'right' ? 'right' : ''}
              aria-sort={sort?.id === c.id ? (sort.down ? 'descending' : 'ascending') : undefined}
              onClick={() =>
                !p.tree &&
                setSort((s) =>
                  s?.id === c.id ? (s.down ? null : { id: c.id, down: true }) : { id: c.id, down: false },
                )
              }
            >
              <span className="ellipsis">{c.title}</span>
              {sort?.id === c.id && (
                <span className={`codicon codicon-chevron-${sort.down ? 'down' : 'up'}`} aria-hidden="true" />
              )}
              <span className="col-grip" onPointerDown={(e) => resize(c, e)} onClick={(e) => e.stopPropagation()} />
            </div>
          ))}
        </div>
        <div role="rowgroup" style={{ height: virtual.getTotalSize(), position: 'relative', minWidth: 'max-content' }}>
          {items.map((item) => {
            const row = rows[item.index];
            const k = p.rowKey(row);
            const info = p.tree?.(row);
            return (
              <div
                key={k}
                id={idOf(k)}
                role="row"
                aria-rowindex={item.index + 2}
                aria-selected={k === p.selected}
                aria-level={info?.level}
                aria-expanded={info?.expanded ?? undefined}
                className={`row${k === p.selected ? ' selected' : ''} ${p.rowClass?.(row) ?? ''}`}
                style={{ gridTemplateColumns: template, height: rowHeight, transform: `translateY(${item.start}px)` }}
                onClick={() => p.onSelect?.(row)}
                onDoubleClick={() => p.onActivate?.(row)}
              >
                {p.columns.map((c, i) => (
                  <div
                    key={c.id}
                    role="gridcell"
                    className={`cell${c.mono ? ' mono' : ''}${c.align === 'right' ? ' right' : ''}`}
                    title={c.text(row)}
                    style={i === 0 && info ? { paddingLeft: 4 + (info.level - 1) * 14 } : undefined}
                  >
                    {i === 0 && info && (
                      <span
                        className={`twisty codicon ${info.expanded === null ? '' : info.expanded ? 'codicon-chevron-down' : 'codicon-chevron-right'}`}
                        aria-hidden="true"
                        onClick={(e) => {
                          if (info.expanded !== null) {
                            e.stopPropagation();
                            p.onToggle?.(row, !info.expanded);
                          }
                        }}
                      />
                    )}
                    <span className="ellipsis">{c.cell ? c.cell(row) : c.text(row)}</span>
                  </div>
                ))}
              </div>
            );
          })}
        </div>
      </div>
      {rows.length === 0 && <div className="table-empty">{p.empty}</div>}
    </div>
  );
}

/** The filter line above a table. */
export function FilterBox(p: {
  label: string;
  value: string;
  onChange: (v: string) => void;
  placeholder?: string;
  children?: ReactNode;
}) {
  return (
    <div className="filter">
      <span className="codicon codicon-filter" aria-hidden="true" />
      <input
        aria-label={p.label}
        value={p.value}
        placeholder={p.placeholder ?? 'Filter'}
        spellCheck={false}
        onChange={(e) => p.onChange(e.target.value)}
        onKeyDown={(e) => {
          if (e.key === 'Escape' && p.value !== '') {
            e.stopPropagation();
            p.onChange('');
          }
        }}
      />
      {p.children}
    </div>
  );
}
