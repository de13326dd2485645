// The published table of other people's policies against the list, as far as that goes without the sources.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { BEGIN, END } from './policies/markdown.ts';
import { readList } from './policies/sources.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const text = readFileSync(`${root}/docs/language.md`, 'utf8');
const part = text.slice(text.indexOf(BEGIN), text.indexOf(END));
/** Rows of the table whose first cell passes. */
const rows = part
  .split('\n')
  .filter((l) => l.startsWith('| '))
  .map((l) =>
    l
      .slice(2, -2)
      .split(/(?<!\\)\|/)
      .map((c) => c.trim()),
  );
const list = readList(root);
const ids = list.repositories.flatMap((r) => Object.keys(r.sources).map((path) => `${r.repo} ${path}`));

describe('the list of public policies', () => {
  it('has what is needed to fetch and build each', () => {
    expect(ids.length).toBeGreaterThanOrEqual(98);
    expect(new Set(ids).size).toBe(ids.length);
    for (const r of list.repositories) {
      expect(r.url).toMatch(/^https:\/\/\S+\.git$/);
      expect(r.commit).toMatch(/^([0-9a-f]{40}|v[\d.]+)$/);
      expect(r.licence).not.toBe('');
      for (const sha of Object.values(r.sources)) expect(sha).toMatch(/^[0-9a-f]{16}$/);
      // Other repositories' folders must be of the list too.
      for (const d of r.include)
        if (d.startsWith('../'))
          expect(list.repositories.map((x) => x.repo.replace('/', '+'))).toContain(d.split('/')[1]);
    }
  });
});

describe('the table in docs/language.md', () => {
  const sources = rows.filter((r) => ids.includes(r[0]));

  it('names each source once, or says beside the table that it was left out', () => {
    const named = sources.map((r) => r[0]);
    expect(new Set(named).size).toBe(named.length);
    const beside = text.slice(text.indexOf("## Other people's policies"), text.indexOf(BEGIN));
    for (const id of ids) if (!named.includes(id)) expect(beside).toContain(id.split('/').at(-1));
  });

  it('and its sums are those of its rows', () => {
    const clang = sources.filter((r) => !r[1].startsWith('clang refuses it'));
    const ours = clang.filter((r) => r[1] === 'yes');
    expect(part).toContain(
      `${sources.length} sources; clang compiles ${clang.length}, of these we compile ${ours.length} `,
    );
    const head = rows.find((r) => r[0] === 'source')!;
    for (const [n, cell] of head.entries()) {
      const judge = /^(.*): ours, clang's$/.exec(cell)?.[1];
      if (judge === undefined) continue;
      // What only clang's object loads is written behind the counts: `7/8, 8/8; program: reason`.
      const lost = sources.reduce((sum, r) => {
        const [mine, theirs] = r[n]
          .split(';')[0]
          .split(', ')
          .map((c) => Number(/^(\d+)\//.exec(c)?.[1] ?? NaN));
        return sum + (theirs > mine ? theirs - mine : 0);
      }, 0);
      const row = rows.find((r) => r[0] === judge)!;
      expect(Number(row[3])).toBeGreaterThanOrEqual(lost);
    }
  });
});
