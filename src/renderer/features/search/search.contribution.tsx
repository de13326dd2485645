/** Text search over the files of the workspace, unsaved text included. */
import { useEffect, useState } from 'react';
import {
  call,
  documentOf,
  execute,
  get,
  openDocument,
  registerCommand,
  registerView,
  showView,
  use,
} from '../../workbench/index.ts';
import { Empty, Icon } from '../../ui/icon.tsx';

interface Hit {
  readonly line: number;
  readonly column: number;
  readonly before: string;
  readonly match: string;
  readonly after: string;
}
interface FileHits {
  readonly path: string;
  readonly hits: readonly Hit[];
}
interface Result {
  readonly files: readonly FileHits[];
  readonly count: number;
  readonly more: boolean;
}

const MAX_HITS = 500;
const MAX_FILE = 2 * 1024 * 1024;
/** Characters shown before a match: the panel is narrow. */
const BEFORE = 24;

async function textOf(path: string): Promise<string | null> {
  const open = documentOf(path);
  if (open) return open.model.getValue();
  const c = await call('file.read', { path });
  return c.kind === 'text' ? c.text : null;
}

/** Plain text, upper and lower case alike unless the words have an upper-case letter. */
async function search(words: string, alive: () => boolean): Promise<Result> {
  const exact = /\p{Lu}/u.test(words);
  const needle = exact ? words : words.toLowerCase();
  const files: FileHits[] = [];
  let count = 0;
  for (const e of get().entries) {
    if (e.kind !== 'file' || e.size > MAX_FILE || e.path.endsWith('.o')) continue;
    const text = await textOf(e.path);
    if (!alive()) break;
    if (text === null) continue;
    const hits: Hit[] = [];
    for (const [i, raw] of text.split(/\r?\n/).entries()) {
      const at = (exact ? raw : raw.toLowerCase()).indexOf(needle);
      if (at < 0) continue;
      if (++count > MAX_HITS) break;
      const lead = raw.slice(0, at).trimStart();
      hits.push({
        line: i + 1,
        column: at + 1,
        before: lead.length > BEFORE ? `…${lead.slice(-BEFORE)}` : lead,
        match: raw.slice(at, at + words.length),
        after: raw.slice(at + words.length, at + words.length + 120),
      });
    }
    if (hits.length > 0) files.push({ path: e.path, hits });
    if (count > MAX_HITS) return { files, count: MAX_HITS, more: true };
  }
  return { files, count, more: false };
}

function Search() {
  const [words, setWords] = useState('');
  const [result, setResult] = useState<Result | null>(null);
  const entries = use((s) => s.entries);
  useEffect(() => {
    let alive = true;
    const timer = setTimeout(() => {
      if (words.trim() === '') setResult(null);
      else
        search(words, () => alive).then(
          (r) => alive && setResult(r),
          () => alive && setResult({ files: [], count: 0, more: false }),
        );
    }, 150);
    return () => {
      alive = false;
      clearTimeout(timer);
    };
  }, [words, entries]);
  return (
    <div className="panel">
      <div className="filter">
        <Icon name="search" />
        <input
          data-autofocus
          aria-label="Search the workspace"
          placeholder="Search the workspace"
          spellCheck={false}
          value={words}
          onChange={(e) => setWords(e.target.value)}
          onKeyDown={(e) => e.key === 'Escape' && execute('editor.focus')}
        />
      </div>
      <div className="meta search-count" role="status">
        {result === null
          ? ''
          : `${result.count}${result.more ? ' or more' : ''} ${result.count === 1 ? 'line' : 'lines'} in ${result.files.length} ${result.files.length === 1 ? 'file' : 'files'}`}
      </div>
      <div className="search-list">
        {result === null && (
          <Empty title="Search">Lines of policies, scenarios and notes; an upper-case letter makes it exact.</Empty>
        )}
        {result?.files.map((f) => (
          <section key={f.path} aria-label={f.path}>
            <div className="search-file ellipsis" title={f.path}>
              {f.path} <span className="badge">{f.hits.length}</span>
            </div>
            {f.hits.map((h) => (
              <button
                key={h.line}
                type="button"
                className="search-hit"
                title={`${f.path}:${h.line}`}
                onClick={() => void openDocument(f.path, { line: h.line, column: h.column })}
              >
                <span className="search-line">{h.line}</span>
                <span className="ellipsis">
                  {h.before}
                  <mark>{h.match}</mark>
                  {h.after}
                </span>
              </button>
            ))}
          </section>
        ))}
      </div>
    </div>
  );
}

registerView({ id: 'search', title: 'Search', icon: 'search', place: 'left', order: 2, component: Search });
registerCommand({
  id: 'view.search',
  title: 'Search the Workspace',
  category: 'View',
  key: 'Ctrl+Shift+F',
  run: () => showView('search'),
});
