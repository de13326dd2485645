/** How segments, their ends and places are worded. */
import type { Segment, Tree } from './model.ts';

/** `!e` is true. */
function condition(n: Segment): string {
  const c = n.condition ?? '';
  if (n.holds === true) return `${c} is true`;
  if (n.holds === false) return `${c} is false`;
  return `${c}: jump ${n.begin === 'taken' ? 'taken' : 'not taken'}`;
}

export function beginText(n: Segment): string {
  switch (n.begin) {
    case 'entry':
      return `${n.function ?? ''}()`;
    case 'taken':
    case 'not-taken':
      return condition(n);
    case 'call':
      return `call ${n.function ?? ''}()`;
    case 'callback':
      return `callback ${n.function ?? ''}()`;
    case 'async':
      return `later: ${n.function ?? ''}()`;
    case 'return':
      return 'return to the caller';
    case 'callback-return':
      return 'callback returns';
    case 'callback-skipped':
      return 'no more calls of the callback';
    case 'iterator-next':
      return 'iterator: one more element';
    case 'iterator-end':
      return 'iterator: no more elements';
    case 'may-goto-on':
      return 'may_goto: goes on';
    case 'may-goto-end':
      return 'may_goto: leaves the loop';
    case 'indirect':
      return `indirect jump to ${n.first}`;
    case 'other':
      return 'the other case';
  }
}

/** What kind of row it is, for its icon: forks, calls, ways back. */
export function beginIcon(n: Segment): string {
  if (n.begin === 'taken' || n.begin === 'not-taken' || n.begin === 'indirect') return 'git-branch';
  if (n.begin === 'return' || n.begin === 'callback-return' || n.begin === 'callback-skipped') return 'arrow-left';
  if (n.begin === 'call' || n.begin === 'callback' || n.begin === 'async') return 'arrow-right';
  if (n.begin === 'entry') return 'symbol-method';
  return 'sync';
}

const HITS: Readonly<Record<NonNullable<Segment['cover']>['hit'], string>> = {
  equal: 'nothing that matters from here on differs, and that one was explored to its end',
  loop: 'one round of a loop that is still being explored, no different from one before',
  iterator: 'one more element changes nothing that the loop looks at',
  'may-goto': 'one more round changes nothing that the loop looks at',
  callback: 'one more call changes nothing that the callback looks at',
};

export interface EndWords {
  readonly mark: string;
  readonly tone: 'allow' | 'deny' | 'skip' | 'none';
  readonly short: string;
  readonly long: string;
}

export function endWords(n: Segment, message: string): EndWords {
  switch (n.end) {
    case 'exit':
      return { mark: '✓', tone: 'allow', short: 'exit', long: 'The program ends here, accepted.' };
    case 'error':
      return { mark: '✗', tone: 'deny', short: 'refused', long: message };
    case 'pruned': {
      const c = n.cover!;
      const by =
        c.node < 0
          ? 'a state that is not recorded'
          : `the state that was kept before instruction ${c.insn} on segment ${c.node}`;
      return {
        mark: '—',
        tone: 'skip',
        short: `pruned at ${c.insn}`,
        long: `Pruned before instruction ${c.insn}: ${by} covers this one; ${HITS[c.hit]}.`,
      };
    }
    case 'split':
      return { mark: '·', tone: 'none', short: 'not recorded further', long: 'What follows was left out.' };
    case 'open':
      return {
        mark: '·',
        tone: 'none',
        short: 'not explored',
        long: 'The exploration ended elsewhere before this path was finished.',
      };
  }
}

/** Frames with places in the order in which they are shown; `''` holds what belongs to no frame. */
export function byFrame(places: Iterable<string>): Map<string, string[]> {
  const out = new Map<string, string[]>();
  for (const p of places) {
    const at = p.indexOf(':');
    const frame = at < 0 ? '' : p.slice(0, at);
    const name = p.slice(at + 1);
    if (name === 'fn') {
      if (!out.has(frame)) out.set(frame, []);
      continue;
    }
    out.set(frame, [...(out.get(frame) ?? []), p]);
  }
  const rank = (p: string): number => {
    const name = p.slice(p.indexOf(':') + 1);
    const m = /^(R|fp-)(\d+)$/.exec(name);
    return m === null ? 10_000 : m[1] === 'R' ? Number(m[2]) : 100 + Number(m[2]);
  };
  for (const list of out.values()) list.sort((a, b) => rank(a) - rank(b));
  return new Map([...out].sort((a, b) => (a[0] === '' ? 1 : b[0] === '' ? -1 : Number(b[0]) - Number(a[0]))));
}

/** C line of the instruction that led to a segment, 0 where none is known. */
export const fromLine = (tree: Tree, n: Segment): number => tree.states.lines[n.from] ?? 0;
