/** Registers and stack at the chosen instruction, what just changed, what it changes, and the way here. */
import { useMemo } from 'react';
import { openDocument } from '../../workbench/index.ts';
import { StateMark } from '../../ui/icon.tsx';
import { branchesTo, valuesAt, type Tree, type Values as ValuesAt } from './model.ts';
import { select, usePanel } from './store.ts';
import { beginText, byFrame, endWords, fromLine } from './words.ts';

const nameOf = (place: string): string => place.slice(place.indexOf(':') + 1);

function Line({ tree, insn }: { tree: Tree; insn: number }) {
  const file = usePanel((s) => s.file);
  const line = tree.states.lines[insn] ?? 0;
  if (line === 0 || file === null) return null;
  return (
    <button type="button" className="link mono" onClick={() => void openDocument(file, { line, column: 1 })}>
      line {line}
    </button>
  );
}

function Frame({ frame, places, v }: { frame: string; places: readonly string[]; v: ValuesAt }) {
  const fn = v.now.get(`${frame}:fn`) ?? v.gone.get(`${frame}:fn`);
  return (
    <>
      <tr className="st-frame">
        <th colSpan={3} scope="rowgroup">
          {frame === '' ? 'Held' : `${fn === undefined ? '' : `${fn}() · `}frame ${frame}`}
        </th>
      </tr>
      {places.map((p) => {
        const now = v.now.get(p);
        const gone = v.gone.get(p);
        const after = v.after.get(p);
        const state = v.changed.has(p) ? 'changed' : now === undefined ? 'gone' : '';
        return (
          <tr key={p} className={state === '' ? undefined : `st-${state}`}>
            <th scope="row">{nameOf(p)}</th>
            <td title={now}>
              {now ?? (gone === undefined ? <span className="st-unset">not set</span> : <s>{gone}</s>)}
              {state === 'changed' && <span className="sr-only"> (just changed)</span>}
              {state === 'gone' && gone !== undefined && <span className="sr-only"> (no longer known)</span>}
            </td>
            <td title={after ?? undefined} className="st-after">
              {after === null ? <span className="st-unset">unknown</span> : after}
            </td>
          </tr>
        );
      })}
      {frame !== '' && (
        <tr>
          <th scope="row">R10</th>
          <td>fp0</td>
          <td />
        </tr>
      )}
    </>
  );
}

export function Values({ tree, texts, message }: { tree: Tree; texts: ReadonlyMap<number, string>; message: string }) {
  const at = usePanel((s) => s.at);
  const v = useMemo(() => (at === null ? null : valuesAt(tree, at)), [tree, at]);
  const node = at === null ? undefined : tree.nodes.get(at.node);
  const way = useMemo(() => (at === null ? [] : branchesTo(tree, at.node)), [tree, at]);
  if (v === null || at === null || node === undefined)
    return <aside className="st-values" aria-label="Registers and stack" tabIndex={0} />;
  const step = node.steps[at.step] as (typeof node.steps)[number] | undefined;
  const end = step === undefined ? endWords(node, message) : null;
  const frames = byFrame(new Set([...v.now.keys(), ...v.gone.keys(), ...v.after.keys()]));
  return (
    <aside className="st-values" aria-label="Registers and stack" tabIndex={0}>
      <div className="st-here">
        {step !== undefined ? (
          <>
            <span className="meta">before</span>{' '}
            <span className="mono st-now">
              {step[0]}: {texts.get(step[0])}
            </span>{' '}
            <Line tree={tree} insn={step[0]} />
          </>
        ) : (
          <span>
            <StateMark mark={end!.tone} /> {end!.long}
          </span>
        )}
      </div>
      {step !== undefined && node.end === 'error' && at.step === node.steps.length - 1 && (
        <div className="st-refused mono">
          <StateMark mark="deny" /> {message}
        </div>
      )}
      {step === undefined && node.cover !== undefined && (
        <div className="st-cover">
          {node.cover.node >= 0 && (
            <button
              type="button"
              className="link"
              onClick={() => select({ node: node.cover!.node, step: node.cover!.step })}
            >
              Go to the covering state
            </button>
          )}
          {node.cover.differs.length > 0 ? (
            <table className="st-table mono">
              <thead>
                <tr>
                  <th scope="col">differs</th>
                  <th scope="col">covering</th>
                  <th scope="col">here</th>
                </tr>
              </thead>
              <tbody>
                {node.cover.differs.map(([p, old, now]) => (
                  <tr key={p}>
                    <th scope="row">{nameOf(p)}</th>
                    <td title={old}>{old}</td>
                    <td title={now}>{now === '' ? <span className="st-unset">not set</span> : now}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          ) : (
            <span className="meta"> Nothing that is still of use differs.</span>
          )}
        </div>
      )}
      <table className={`st-table mono${step === undefined ? ' st-final' : ''}`}>
        <thead>
          <tr>
            <th scope="col">place</th>
            <th scope="col">value</th>
            <th scope="col">{step === undefined ? '' : 'after it'}</th>
          </tr>
        </thead>
        <tbody>
          {[...frames].map(([frame, places]) => (
            <Frame key={frame} frame={frame} places={places} v={v} />
          ))}
        </tbody>
      </table>
      <div className="st-way-title">The way here</div>
      {way.length === 0 ? (
        <div className="meta st-way-none">No branch yet.</div>
      ) : (
        <ol className="st-way" aria-label="Branches on the way here">
          {way.slice(-200).map((n) => (
            <li key={n.id}>
              <button type="button" className="link" onClick={() => select({ node: n.id, step: 0 })}>
                {fromLine(tree, n) > 0 ? `line ${fromLine(tree, n)}` : `insn ${n.from}`}
              </button>
              <span className="st-way-text">{beginText(n)}</span>
            </li>
          ))}
        </ol>
      )}
    </aside>
  );
}
