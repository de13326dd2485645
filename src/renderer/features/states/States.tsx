/** The tree of what the verifier explored, with the values at the chosen instruction beside it. */
import { useEffect, useMemo, useRef, type KeyboardEvent } from 'react';
import { useVirtualizer } from '@tanstack/react-virtual';
import { baseName, currentKernel, execute, get, isPolicy, openDocument, use } from '../../workbench/index.ts';
import { Button, Empty, Icon, StateMark } from '../../ui/icon.tsx';
import { beginIcon, beginText, endWords, fromLine } from './words.ts';
import { effectOf, rowsOf, type Row, type Tree } from './model.ts';
import { followCursor, followInsn, goToRefusal, load, panel, select, toggle, usePanel } from './store.ts';
import { Values } from './Values.tsx';

const number = (n: number): string => n.toLocaleString('en-US');
const plural = (n: number, one: string, many = `${one}s`): string => `${number(n)} ${n === 1 ? one : many}`;

/** Place of a row that can be chosen. */
const atOf = (r: Row) =>
  r.kind === 'step'
    ? { node: r.node.id, step: r.step }
    : r.kind === 'end'
      ? { node: r.node.id, step: r.node.steps.length }
      : { node: r.node.id, step: 0 };

function StepRow({ tree, row, text }: { tree: Tree; row: Extract<Row, { kind: 'step' }>; text: string }) {
  const insn = row.node.steps[row.step][0];
  const effect = effectOf(tree, row.node, row.step);
  const shown = (effect?.set ?? []).filter((t) => !/^\d:fn=/.test(t)).map((t) => t.replace(/^\d+:/, ''));
  return (
    <>
      <span className="st-no">{insn}</span>
      <span className="st-insn">{text}</span>
      <span className="st-effect" title={shown.join('\n')}>
        {shown.join('  ')}
      </span>
    </>
  );
}

function RowBody({
  tree,
  row,
  texts,
  message,
}: {
  tree: Tree;
  row: Row;
  texts: ReadonlyMap<number, string>;
  message: string;
}) {
  const { node } = row;
  switch (row.kind) {
    case 'step':
      return <StepRow tree={tree} row={row} text={texts.get(node.steps[row.step][0]) ?? ''} />;
    case 'gap':
      return <span className="st-gap">{plural(row.missing, 'instruction')} not recorded</span>;
    case 'mark':
      return (
        <>
          <Icon name={beginIcon(node)} />
          <span className="st-title">{beginText(node)}</span>
          {fromLine(tree, node) > 0 && <span className="st-line">line {fromLine(tree, node)}</span>}
        </>
      );
    case 'end': {
      const end = endWords(node, message);
      return (
        <>
          <StateMark mark={end.tone} />
          <span className={`st-title ellipsis st-${end.tone}`} title={end.long}>
            {end.long}
          </span>
        </>
      );
    }
    case 'path': {
      const end = endWords(row.end, message);
      return (
        <>
          <span className={`twisty codicon codicon-chevron-${row.expanded ? 'down' : 'right'}`} aria-hidden="true" />
          <Icon name={beginIcon(node)} />
          <span className="st-title ellipsis">{beginText(node)}</span>
          {fromLine(tree, node) > 0 && <span className="st-line">line {fromLine(tree, node)}</span>}
          <span className="grow" />
          <span className="st-count">{plural(row.count, 'insn')}</span>
          <span className={`st-ending st-${end.tone}`}>
            <StateMark mark={end.tone} /> {end.short}
          </span>
        </>
      );
    }
  }
}

function TreeView({ tree, texts, message }: { tree: Tree; texts: ReadonlyMap<number, string>; message: string }) {
  const unfolded = usePanel((s) => s.unfolded);
  const at = usePanel((s) => s.at);
  const reveal = usePanel((s) => s.reveal);
  const cursor = use((s) => (s.active === panel.getState().file ? (s.cursor?.line ?? 0) : 0));
  const rowHeight = use((s) => (s.settings.density === 'compact' ? 22 : 28));
  const rows = useMemo(() => rowsOf(tree, unfolded), [tree, unfolded]);
  const exact = useMemo(() => {
    if (at === null) return -1;
    const node = tree.nodes.get(at.node);
    const key = node !== undefined && at.step >= node.steps.length ? `e${at.node}` : `s${at.node}.${at.step}`;
    const found = rows.findIndex((r) => r.key === key);
    return found >= 0 ? found : rows.findIndex((r) => r.node.id === at.node);
  }, [rows, at, tree]);
  const pathRow = usePanel((s) => s.pathRow);
  const asPath = pathRow === null ? -1 : rows.findIndex((r) => r.key === pathRow);
  const index = asPath >= 0 ? asPath : exact;
  const scroll = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => rowHeight,
    overscan: 16,
  });
  useEffect(() => virtual.measure(), [rowHeight, virtual]);
  const indexNow = useRef(index);
  indexNow.current = index;
  useEffect(() => {
    if (indexNow.current >= 0) virtual.scrollToIndex(indexNow.current, { align: 'auto' });
  }, [reveal, virtual]);
  const choose = (r: Row): void => {
    if (r.kind === 'path') select(atOf(r), true, r.key, r.expanded);
    else select(atOf(r));
  };
  const key = (e: KeyboardEvent): void => {
    if (e.altKey || e.ctrlKey || e.metaKey) return;
    const row = rows[index] as Row | undefined;
    const page = Math.max(1, Math.floor((scroll.current?.clientHeight ?? 220) / rowHeight) - 2);
    const go = (i: number): void => {
      // Marks and gaps are no places: on to the next row in that direction.
      const by = i >= index ? 1 : -1;
      let j = Math.max(0, Math.min(rows.length - 1, i));
      while (rows[j] !== undefined && (rows[j].kind === 'mark' || rows[j].kind === 'gap')) j += by;
      const r = rows[j] as Row | undefined;
      if (r !== undefined) choose(r);
    };
    if (e.key === 'ArrowDown') go(index + 1);
    else if (e.key === 'ArrowUp') go(index - 1);
    else if (e.key === 'PageDown') go(index + page);
    else if (e.key === 'PageUp') go(index - page);
    else if (e.key === 'Home') go(0);
    else if (e.key === 'End') go(rows.length - 1);
    else if (e.key === 'ArrowRight' && row?.kind === 'path' && !row.expanded) toggle(row.node.id, true);
    else if (e.key === 'ArrowRight') go(index + 1);
    else if (e.key === 'ArrowLeft' && row !== undefined) {
      if (row.kind === 'path' && row.expanded) return void (toggle(row.node.id, false), e.preventDefault());
      for (let i = index - 1; i >= 0; i--) {
        const r = rows[i];
        if (r.kind === 'path' && r.level < row.level) {
          choose(r);
          break;
        }
      }
    } else if (e.key === 'Enter' && row !== undefined) openLine(tree, row);
    else return;
    e.preventDefault();
    e.stopPropagation();
  };
  return (
    <div
      className="st-tree"
      ref={scroll}
      role="tree"
      aria-label="Explored paths"
      tabIndex={0}
      data-autofocus
      onKeyDown={key}
      aria-activedescendant={index >= 0 ? `st-${rows[index].key}` : undefined}
    >
      <div role="none" style={{ height: virtual.getTotalSize(), position: 'relative' }}>
        {virtual.getVirtualItems().map((v) => {
          const r = rows[v.index];
          const line = r.kind === 'step' ? (tree.states.lines[r.node.steps[r.step][0]] ?? 0) : 0;
          const selected = v.index === index;
          return (
            <div
              key={r.key}
              id={`st-${r.key}`}
              role="treeitem"
              aria-level={r.level}
              aria-expanded={r.kind === 'path' ? r.expanded : undefined}
              aria-selected={selected}
              className={`st-row st-row-${r.kind}${selected ? ' selected' : ''}${line > 0 && line === cursor ? ' lit' : ''}${r.node.failing === true ? ' failing' : ''}`}
              style={{ transform: `translateY(${v.start}px)`, height: rowHeight, paddingLeft: 8 + (r.level - 1) * 14 }}
              onClick={(e) => {
                if (r.kind === 'gap') return;
                if (r.kind === 'path' && (e.target as HTMLElement).closest('.twisty') !== null)
                  return toggle(r.node.id);
                choose(r);
              }}
              onDoubleClick={() => (r.kind === 'path' ? toggle(r.node.id) : openLine(tree, r))}
            >
              <RowBody tree={tree} row={r} texts={texts} message={message} />
            </div>
          );
        })}
      </div>
    </div>
  );
}

/** Into the editor, at the C line of a row. */
function openLine(tree: Tree, r: Row): void {
  const { file } = panel.getState();
  const insn = r.kind === 'step' ? r.node.steps[r.step][0] : r.kind === 'end' ? r.node.last : r.node.first;
  const line = tree.states.lines[insn] ?? 0;
  if (file !== null && line > 0) void openDocument(file, { line, column: 1 });
}

function Bar() {
  const file = usePanel((s) => s.file);
  const data = usePanel((s) => s.data);
  const tree = usePanel((s) => s.tree);
  const budget = use((s) => s.settings.budget);
  if (file === null || data === null || tree === null) return null;
  const { states } = tree;
  const pruned = states.nodes.filter((n) => n.end === 'pruned').length;
  const recorded = states.nodes.reduce((n, s) => n + s.steps.length, 0);
  const facts = [
    `${plural(states.processed, 'instruction')} processed`,
    plural(states.total, 'segment'),
    ...(pruned > 0 ? [`${number(pruned)} pruned`] : []),
    ...(states.truncated ? [`${number(recorded)} recorded`] : []),
  ].join(' · ');
  return (
    <div className="panel-bar st-bar">
      {data.programs.length > 1 ? (
        <select
          className="st-select"
          aria-label="Program"
          value={data.program ?? ''}
          onChange={(e) => void load(file, e.target.value)}
        >
          {data.programs.map((p) => (
            <option key={p}>{p}</option>
          ))}
        </select>
      ) : (
        <span className="ellipsis st-name">{data.program}</span>
      )}
      <span className="ellipsis grow meta" title={`${facts}; ${baseName(file)} on ${panel.getState().kernel}`}>
        <StateMark mark={data.accepted ? 'allow' : 'deny'} label={data.accepted ? 'accepted' : 'refused'} /> {facts}
      </span>
      {!data.accepted && (
        <Button icon="error" iconOnly label="Go to the refusal" title="Go to the refusal" onPress={goToRefusal} />
      )}
      <Button
        icon="arrow-up"
        iconOnly
        label="Previous instruction on the path"
        title="Previous instruction on the path (Shift+F10)"
        onPress={() => execute('states.previous')}
      />
      <Button
        icon="arrow-down"
        iconOnly
        label="Next instruction on the path"
        title="Next instruction on the path (F10)"
        onPress={() => execute('states.next')}
      />
      <button
        type="button"
        className={`btn icon-only${budget ? ' pressed' : ''}`}
        aria-pressed={budget}
        aria-label="Verifier budget in the gutter"
        title="Verifier budget in the gutter (Ctrl+Alt+B)"
        onClick={() => execute('editor.budget')}
      >
        <Icon name="flame" />
      </button>
    </div>
  );
}

export function States() {
  const active = use((s) => s.active);
  const kernel = use(currentKernel);
  const report = use((s) => (s.active === null ? undefined : s.checks[s.active]?.[currentKernel(s)]));
  const cursor = use((s) => s.cursor);
  const insn = use((s) => s.insn);
  const { file, tree, data, loading, failed } = usePanel((s) => s);
  const host = useRef<HTMLDivElement>(null);
  const ready = use((s) => s.profiles.length > 0);
  // The text, and so the report, is newer than the tree: ask again, when somebody can see it.
  useEffect(() => {
    if (!ready || active === null || !isPolicy(active)) return;
    const ask = (): void => {
      if (host.current === null || host.current.offsetParent === null) return;
      const now = panel.getState();
      void load(active, now.file === active ? now.wanted : null);
    };
    ask();
    const seen = new ResizeObserver(() => panel.getState().file !== get().active && ask());
    if (host.current !== null) seen.observe(host.current);
    return () => seen.disconnect();
  }, [active, kernel, report, ready]);
  useEffect(() => {
    if (active !== null && cursor !== null) followCursor(active, cursor.line);
  }, [active, cursor, tree]);
  useEffect(() => {
    if (insn !== null && insn.by !== 'states' && insn.file === file) followInsn(insn.program, insn.insn);
  }, [insn, file]);
  const texts = useMemo(() => new Map(data?.texts ?? []), [data]);
  const empty =
    failed !== null
      ? failed
      : loading
        ? 'Verifying once more, with a record of what is explored.'
        : 'Open a policy that compiles: the paths that the verifier takes through it appear here, with registers and stack at each instruction.';
  return (
    <div className="panel st-panel" ref={host}>
      {tree === null || data === null ? (
        <Empty
          title={failed !== null ? 'The states could not be recorded' : 'No explored paths yet'}
          action={
            active !== null && isPolicy(active) && !loading ? (
              <Button
                primary
                icon="type-hierarchy-sub"
                label="Explore the open policy"
                onPress={() => void load(active, null)}
              />
            ) : undefined
          }
        >
          {empty}
        </Empty>
      ) : (
        <>
          <Bar />
          {tree.states.truncated && (
            <div className="st-note" role="note">
              Too large to be kept whole: the first {number(20_000)} instructions are here
              {data.accepted ? '' : ', and the last of the path to the refusal'}. The budget in the gutter counts all.
            </div>
          )}
          <div className="st-split">
            <TreeView tree={tree} texts={texts} message={data.message} />
            <Values tree={tree} texts={texts} message={data.message} />
          </div>
        </>
      )}
    </div>
  );
}
