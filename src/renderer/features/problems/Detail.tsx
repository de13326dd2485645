import { useEffect, useState } from 'react';
import type { Diagnostic, QuickFix } from '../../../base/index.ts';
import {
  applyFix,
  baseName,
  call,
  checkWithLog,
  currentKernel,
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
      {why && <p>{why}</p>}
      {advice.map((a, i) => (
        <p key={i} className="advice">
          {a}
        </p>
      ))}
      {d.notes && d.notes.length > 0 && (
        <ol className="path" aria-label={verifier ? 'How execution gets there' : 'Notes'}>
          {d.notes.map((n, i) => (
            <li key={i}>
              {n.range && (
                <button
                  type="button"
                  className="link mono"
                  title={place(n.range)}
                  onClick={() => n.range && void openDocument(n.range.file, n.range)}
                >
                  {n.range.file === d.range.file ? `line ${n.range.line}` : `${baseName(n.range.file)}:${n.range.line}`}
                </button>
              )}
              <span>{n.message}</span>
            </li>
          ))}
        </ol>
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
