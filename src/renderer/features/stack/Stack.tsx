import { Fragment, useEffect, useRef, useState } from 'react';
import { draggable, dropTargetForElements } from '@atlaskit/pragmatic-drag-and-drop/element/adapter';
import { combine } from '@atlaskit/pragmatic-drag-and-drop/combine';
import type { AttachSemantics, ModuleCall, ModuleName, StackEntry } from '../../../engine/lsm/index.ts';
import {
  currentKernel,
  isMovable,
  moduleText,
  moveModule,
  resetOrder,
  retText,
  select,
  set,
  setOrder,
  setSemantics,
  shownStack,
  use,
  useSelected,
} from '../../workbench/index.ts';
import { Button, Empty, Icon } from '../../ui/icon.tsx';

const SEMANTICS: readonly { id: AttachSemantics; label: string; hint: string }[] = [
  {
    id: 'lsm',
    label: 'LSM list',
    hint: 'As merged: bpf is one LSM in the list, called only while nobody before it denied.',
  },
  {
    id: 'fexit',
    label: 'fexit',
    hint: 'As first proposed: programs always run after the hook and may override its decision.',
  },
  {
    id: 'fexit-if-zero',
    label: 'fexit if 0',
    hint: 'fexit with `if (RC == 0)`: programs run only when nobody denied.',
  },
  { id: 'fmod_ret', label: 'fmod_ret', hint: 'Programs run before the hook; a non-zero return skips it.' },
];

/** What the selected decision did with a module. */
function StateOf({ call }: { call: ModuleCall | undefined }) {
  if (!call) return null;
  const stopped = call.state === 'called' && call.ret !== null && call.ret < 0;
  const [shape, cls, words] = stopped
    ? ['●', 'deny', `stopped here: ${retText(call.ret)}`]
    : call.state === 'called'
      ? ['●', 'allow', `called: ${retText(call.ret)}`]
      : call.state === 'skipped'
        ? ['○', 'skip', 'never reached']
        : call.state === 'not-modelled'
          ? ['?', 'unknown', 'not modelled']
          : ['·', 'none', 'no such hook'];
  return (
    <span className={`stack-state mark-${cls}`} title={moduleText(call)}>
      <span aria-hidden="true">{shape}</span> {words}
    </span>
  );
}

function Card({
  entry,
  index,
  call,
  focused,
  onFocus,
}: {
  entry: StackEntry;
  index: number;
  call: ModuleCall | undefined;
  focused: boolean;
  onFocus: () => void;
}) {
  const ref = useRef<HTMLLIElement>(null);
  const [over, setOver] = useState(false);
  const movable = isMovable(entry.module);
  useEffect(() => {
    const element = ref.current;
    if (!element || !movable) return;
    return combine(
      draggable({ element, getInitialData: () => ({ module: entry.module }) }),
      dropTargetForElements({
        element,
        canDrop: ({ source }) => source.data.module !== entry.module,
        onDragEnter: () => setOver(true),
        onDragLeave: () => setOver(false),
        onDrop: ({ source }) => {
          setOver(false);
          const list = (shownStack()?.entries ?? []).map((e) => e.module).filter(isMovable);
          const from = list.indexOf(source.data.module as ModuleName);
          const to = list.indexOf(entry.module);
          if (from < 0 || to < 0) return;
          list.splice(to, 0, ...list.splice(from, 1));
          setOrder(list);
        },
      }),
    );
  }, [entry.module, movable]);
  useEffect(() => {
    if (focused && document.activeElement?.closest('.stack-list') && document.activeElement !== ref.current)
      ref.current?.focus();
  });
  const { selection } = useSelected();
  return (
    <li
      ref={ref}
      className={`card${over ? ' drop-over' : ''}${movable ? '' : ' fixed'}${call?.state === 'skipped' ? ' skipped' : ''}${entry.module === 'bpf' ? ' bpf' : ''}`}
      tabIndex={focused ? 0 : -1}
      data-module={entry.module}
      aria-label={`${index + 1}. ${entry.module}, ${entry.why}${call ? `, ${moduleText(call)}` : ''}${movable ? ', Alt and arrow keys move it' : ', its place is fixed'}`}
      onFocus={onFocus}
      onClick={() =>
        typeof selection?.hook === 'number' && select({ ...selection, module: entry.module, program: null })
      }
    >
      <span className="card-no">{index + 1}</span>
      <div className="card-body">
        <div className="card-line">
          <strong title={entry.why}>{entry.module}</strong>
          {/* Why it stands here is said while no decision is shown; then the decision needs the room. */}
          <span className="meta ellipsis grow" title={entry.why}>
            {call ? '' : entry.why}
          </span>
          {!entry.modelled && !call ? (
            <span
              className="mark-unknown meta nowrap"
              title="Listed in the order, but not modelled: it never decides here"
            >
              ? not modelled
            </span>
          ) : (
            <StateOf call={call} />
          )}
        </div>
        {call?.reason && (
          <div className="meta card-reason" title={call.reason}>
            {call.reason}
          </div>
        )}
        {call?.programs.map((p) => (
          <button
            type="button"
            key={`${p.policy}:${p.program}`}
            className={`prog-line${p.state === 'not-called' ? ' skipped' : ''}`}
            onClick={(e) => {
              e.stopPropagation();
              if (selection) select({ ...selection, module: entry.module, program: p.program });
              set({ traceFilter: `program == ${p.program}` });
            }}
            title={`Filter the trace: program == ${p.program}`}
          >
            <Icon name="symbol-method" />
            <span className="mono ellipsis grow">{p.program}</span>
            <span className="mono">{p.state === 'called' ? retText(p.ret) : '— not called'}</span>
          </button>
        ))}
      </div>
      {movable ? (
        <span className="grip codicon codicon-gripper" aria-hidden="true" title="Drag, or Alt+↑ / Alt+↓" />
      ) : (
        <span className="grip codicon codicon-lock" aria-hidden="true" title="The kernel fixes this place" />
      )}
    </li>
  );
}

function Changes() {
  const run = use((s) => s.run);
  const order = use((s) => s.order);
  const semantics = use((s) => s.semantics);
  const custom = order !== null || semantics !== 'lsm';
  const diff = run?.diff;
  const lines = diff ? diff.steps.flatMap((s) => s.changes.map((c) => ({ step: s.index, ...c }))) : [];
  const WORDS: Readonly<Record<string, string>> = {
    errno: 'errno',
    decidedBy: 'decided by',
    'hook-return': 'hook returns',
    called: 'now called',
    'not-called': 'no longer called',
    overridden: 'overridden',
    records: 'records',
  };
  return (
    <section className="changes" aria-label="What changes against the baseline" aria-live="polite">
      <div className="section-head">
        <span className="nowrap">Changes vs. baseline</span>
        <span className="badge" data-testid="change-count">
          {diff ? diff.count : 0}
        </span>
        <span className="grow" />
        {custom && (
          <Button icon="discard" label="Reset" title="Back to the scenario’s own order" onPress={resetOrder} />
        )}
      </div>
      {!custom && <div className="meta pad">Move a module to see what its new place changes.</div>}
      {custom && diff && diff.count === 0 && (
        <div className="meta pad">Nothing: every decision, errno and map is the same.</div>
      )}
      {custom && !diff && <div className="meta pad">Run the scenario (F5) to compare.</div>}
      <ul className="change-list">
        {lines.map((l, i) => (
          <li key={i}>
            <button
              type="button"
              onClick={() =>
                select({
                  step: l.step,
                  hook: run?.trace?.steps[l.step]?.hooks.findIndex((h) => l.subject.includes(h.hook)) ?? null,
                  module: null,
                  program: null,
                })
              }
            >
              <span className="step-no">{l.step + 1}</span>
              <span className="grow">
                <span className="mono">{l.subject}</span> {WORDS[l.what]}
                {l.what !== 'called' && l.what !== 'not-called' && (
                  <>
                    {' '}
                    <span className="mono">
                      <s>{l.before}</s> → <b>{l.after}</b>
                    </span>
                  </>
                )}
              </span>
            </button>
          </li>
        ))}
        {diff?.maps.map((m) => (
          <li key={m.map}>
            <span className="pad">
              <span className="mono">{m.map}</span>:{' '}
              <span className="mono">
                <s>{m.before}</s> → <b>{m.after}</b>
              </span>
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

export function Stack() {
  const stack = use(shownStack);
  const semantics = use((s) => s.semantics);
  const kernel = use((s) => s.run?.trace?.kernel ?? currentKernel(s));
  const cmdline = use((s) => s.run?.trace?.cmdline ?? s.order ?? s.config.cmdline);
  const { hook } = useSelected();
  const [focus, setFocus] = useState<ModuleName | null>(null);
  if (!stack)
    return <Empty title="No LSM stack yet">It appears as soon as the engine has loaded a kernel profile.</Empty>;
  const focused =
    focus !== null && stack.entries.some((e) => e.module === focus)
      ? focus
      : (stack.entries.find((e) => e.module === 'bpf')?.module ?? stack.entries[0]?.module);
  const onKey = (e: React.KeyboardEvent): void => {
    const by = e.key === 'ArrowUp' ? -1 : e.key === 'ArrowDown' ? 1 : 0;
    if (by === 0 || !(e.target as HTMLElement).classList.contains('card')) return;
    e.preventDefault();
    e.stopPropagation();
    if (e.altKey) return moveModule(focused, by as 1 | -1);
    const i = stack.entries.findIndex((x) => x.module === focused);
    const next = stack.entries[i + by];
    if (next) setFocus(next.module);
  };
  return (
    <div className="panel stack">
      <div className="stack-scroll">
        <div className="stack-top">
          <div className="segmented" role="radiogroup" aria-label="Attach semantics">
            {SEMANTICS.map((x) => (
              <button
                key={x.id}
                type="button"
                role="radio"
                aria-checked={semantics === x.id}
                title={x.hint}
                onClick={() => setSemantics(x.id)}
              >
                {x.label}
              </button>
            ))}
          </div>
          <div className="meta ellipsis" title={`Calling order on ${kernel}${hook ? ` for ${hook.hook}` : ''}`}>
            {hook ? (
              <>
                <span className="mono">{hook.hook}</span>, calling order on {kernel}
              </>
            ) : (
              <>Calling order on {kernel}</>
            )}
          </div>
        </div>
        <ol className="stack-list" aria-label="LSM stack in calling order" onKeyDown={onKey}>
          {stack.entries.map((e, i) => (
            <Card
              key={e.module}
              entry={e}
              index={i}
              call={hook?.modules.find((m) => m.module === e.module)}
              focused={e.module === focused}
              onFocus={() => setFocus(e.module)}
            />
          ))}
        </ol>
        {stack.dropped.length > 0 && (
          <div className="dropped">
            <div className="meta">Asked for, not in the stack</div>
            {stack.dropped.map((d, i) => (
              <div key={i}>
                <span className="mono">{d.name}</span> <span className="meta">{d.why}</span>
              </div>
            ))}
          </div>
        )}
        {cmdline && (
          <div className="cmdline mono" title={`Kernel command line: ${cmdline}`}>
            <span className="meta">boot </span>
            {cmdline.split(',').map((part, i) => (
              <Fragment key={i}>
                {i > 0 && (
                  <>
                    ,<wbr />
                  </>
                )}
                {part}
              </Fragment>
            ))}
          </div>
        )}
      </div>
      <Changes />
    </div>
  );
}

/** The module that Alt+arrows mean when the focus is elsewhere. */
export const focusedModule = (): ModuleName => {
  const el =
    document.activeElement?.closest<HTMLElement>('.card') ??
    document.querySelector<HTMLElement>('.stack-list .card[tabindex="0"]');
  return (el?.dataset.module as ModuleName | undefined) ?? 'bpf';
};
