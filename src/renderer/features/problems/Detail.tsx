import { Fragment, useEffect, useState } from 'react';
import type { Diagnostic, QuickFix, Reasons, SourceRange } from '../../../base/index.ts';
import {
  applyFix,
  baseName,
  call,
  checkWithLog,
  currentKernel,
  execute,
  findFixes,
  notify,
  openDocument,
} from '../../workbench/index.ts';
import { Button } from '../../ui/icon.tsx';

const place = (r: Diagnostic['range']): string => `${r.file}:${r.line}:${r.column}`;

/** Everything there is to say, as text for a report. */
function asText(d: Diagnostic): string {
  return [
    `${place(d.range)}: ${d.severity}: ${d.message} [${d.code}]`,
    ...(d.explanation ? [d.explanation] : []),
    ...(d.reasons ? [`required: ${d.reasons.required}`, `known: ${d.reasons.known}`] : []),
    ...(d.notes ?? []).map((n) => `  ${n.range ? `${place(n.range)}: ` : ''}${n.message}`),
  ].join('\n');
}

/** Lines of a log that are drawn; copying takes all. */
const MAX_LINES = 3000;

/** The verifier's log of the program that a finding is about. */
async function rawLog(d: Diagnostic): Promise<string> {
  const report = await checkWithLog(d.range.file);
  const refused = report.programs.filter((p) => !p.accepted);
  const p = refused.find((x) => x.message === d.message && x.line === d.range.line) ?? refused[0];
  return p
    ? `; ${p.section}: ${p.name} on ${report.kernel}\n${p.log}`
    : 'The verifier has no refused program in this file.';
}

/** Edits for a finding; null while they are looked for. */
function useFixes(d: Diagnostic): readonly QuickFix[] | null {
  const [found, setFound] = useState<{ readonly d: Diagnostic; readonly fixes: readonly QuickFix[] } | null>(null);
  useEffect(() => {
    const gone = new AbortController();
    void findFixes(d, gone.signal).then((fixes) => gone.signal.aborted || setFound({ d, fixes }));
    return () => gone.abort();
  }, [d]);
  return found?.d === d ? found.fixes : (d.fixes ?? null);
}

/** Words of the engine: what stands between backticks is code, as in the source. */
function Words({ text }: { text: string }) {
  return text.split(/`([^`\n]+)`/).map((part, i) => (i % 2 === 1 ? <code key={i}>{part}</code> : part));
}

/** A place to go to. */
function Go({ d, range, insn }: { d: Diagnostic; range: SourceRange | undefined; insn?: number }) {
  if (range === undefined) return insn === undefined || insn < 0 ? null : <span className="mono">insn {insn}</span>;
  return (
    <button
      type="button"
      className="link mono"
      title={place(range)}
      onClick={() => void openDocument(range.file, range)}
    >
      {range.file === d.range.file ? `line ${range.line}` : `${baseName(range.file)}:${range.line}`}
    </button>
  );
}

/** Required, known, where it was lost, the way there, what to change. */
function WhyRefused({ d, r }: { d: Diagnostic; r: Reasons }) {
  const related = r.related.filter((x) => x.insn !== r.lost?.insn);
  return (
    <div className="reasons">
      <p>
        <Words text={r.text} />
      </p>
      <dl>
        <dt>Required</dt>
        <dd>
          <Words text={r.required} />
        </dd>
        <dt>Known</dt>
        <dd className="wrap">
          <Words text={r.known} />
        </dd>
        {r.lost !== null && (
          <>
            <dt>Lost at</dt>
            <dd className="wrap">
              <Go d={d} range={r.lost.range} insn={r.lost.insn} /> <Words text={r.lost.message} />
            </dd>
          </>
        )}
        {related.map((x, i) => (
          <Fragment key={i}>
            <dt>See also</dt>
            <dd className="wrap">
              <Go d={d} range={x.range} insn={x.insn} /> <Words text={x.message} />
            </dd>
          </Fragment>
        ))}
        {r.path.length > 0 && (
          <>
            <dt>Path</dt>
            <dd>
              <ol className="path" aria-label="How execution gets there">
                {r.path.map((x, i) => (
                  <li key={i}>
                    <Go d={d} range={x.range} insn={x.insn} />
                    <span>
                      <Words text={x.message} />
                    </span>
                  </li>
                ))}
              </ol>
            </dd>
          </>
        )}
        <dt>Change</dt>
        <dd className="advice">
          <Words text={r.change} />
        </dd>
      </dl>
    </div>
  );
}

/** One finding: what, where, why, what to do; and what the verifier itself printed. */
export function Detail({ d }: { d: Diagnostic }) {
  const [raw, setRaw] = useState<string | null>(null);
  const verifier = d.code.startsWith('verifier/');
  const fixes = useFixes(d);
  const [why, ...advice] = (d.explanation ?? '').split('\n');
  const lines = raw?.split('\n') ?? [];
  return (
    <aside className={`detail${raw === null ? '' : ' wide'}`} aria-label="Problem detail" tabIndex={0}>
      <div className={`detail-title${verifier ? ' mono' : ''}`}>{d.message}</div>
      {d.reasons !== undefined ? (
        <WhyRefused d={d} r={d.reasons} />
      ) : (
        <>
          {why && (
            <p>
              <Words text={why} />
            </p>
          )}
          {advice.map((a, i) => (
            <p key={i} className="advice">
              <Words text={a} />
            </p>
          ))}
          {d.notes && d.notes.length > 0 && (
            <ol className="path" aria-label="Notes">
              {d.notes.map((n, i) => (
                <li key={i}>
                  <Go d={d} range={n.range} />
                  <span>
                    <Words text={n.message} />
                  </span>
                </li>
              ))}
            </ol>
          )}
        </>
      )}
      {(verifier || d.fixes !== undefined) && (
        <div className="detail-actions fixes" aria-live="polite">
          {fixes === null ? (
            <span className="meta">Looking for fixes that the verifier accepts</span>
          ) : fixes.length === 0 ? (
            <span className="meta">No quick fix is known for this</span>
          ) : (
            fixes.map((f) => <Button key={f.title} icon="lightbulb" label={f.title} onPress={() => void applyFix(f)} />)
          )}
        </div>
      )}
      <div className="detail-actions">
        {verifier && (
          <Button
            icon="output"
            label={raw === null ? 'Show raw' : 'Hide raw'}
            title={`The verifier’s own log on ${currentKernel()}`}
            onPress={() =>
              raw === null ? void rawLog(d).then(setRaw, (e: unknown) => notify(String(e))) : setRaw(null)
            }
          />
        )}
        {verifier && (
          <Button
            icon="type-hierarchy-sub"
            label="Show in States"
            title="The explored path to this refusal, with registers and stack"
            onPress={() =>
              void openDocument(d.range.file, d.range).then(() =>
                execute('states.show', { file: d.range.file, message: d.message }),
              )
            }
          />
        )}
        <Button
          icon="copy"
          label="Copy"
          title={raw === null ? 'Copy this problem' : 'Copy this problem with the log'}
          onPress={() => void call('clipboard.write', { text: raw === null ? asText(d) : `${asText(d)}\n\n${raw}\n` })}
        />
      </div>
      {raw !== null && (
        <pre className="raw" tabIndex={0} aria-label="Verifier log">
          {lines.length > MAX_LINES ? `; ${lines.length - MAX_LINES} earlier lines left out; Copy has all\n` : ''}
          {lines.slice(-MAX_LINES).join('\n')}
        </pre>
      )}
    </aside>
  );
}
