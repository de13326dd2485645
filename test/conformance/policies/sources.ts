/** The list of public policies, and how each is found and compiled. The sources themselves are not part of LSMith. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { InnerMap } from '../../../src/lab/index.ts';

/** Maps of maps that a project's own loader completes: what is in them. Types are numbers of bpf_map_type. */
export interface ListedInner {
  readonly type: number;
  readonly key: number;
  readonly value: number;
  readonly entries: number;
  /** Entries of the outer map, where the loader sets them too. */
  readonly outer?: number;
}

/** What `list.json` says of a repository: all that is needed to build its sources again. */
export interface Listed {
  /** `owner/name`; the folder is `owner+name`. */
  readonly repo: string;
  /** For `git fetch`. */
  readonly url: string;
  /** A commit or a tag. */
  readonly commit: string;
  /** Folders that are needed; without it the whole tree is laid out. */
  readonly only?: readonly string[];
  /** Headers that are copied, as the project's installation does. */
  readonly headers?: { readonly from: string; readonly to: string };
  readonly licence: string;
  /** Include folders, relative to the repository's. */
  readonly include: readonly string[];
  readonly defines: Readonly<Record<string, string>>;
  readonly inner?: Readonly<Record<string, ListedInner>>;
  /** Path of each policy, and the first 16 digits of its SHA-256. */
  readonly sources: Readonly<Record<string, string>>;
}

export interface PolicyList {
  /** For all of them. */
  readonly defines: Readonly<Record<string, string>>;
  readonly repositories: readonly Listed[];
}

export interface Source {
  /** `owner/name path`. */
  readonly id: string;
  readonly repo: string;
  readonly licence: string;
  /** Absolute. */
  readonly file: string;
  readonly includeDirs: readonly string[];
  readonly defines: Readonly<Record<string, string>>;
  readonly inner: readonly InnerMap[];
}

export const readList = (root: string): PolicyList =>
  JSON.parse(readFileSync(join(root, 'test/conformance/policies/list.json'), 'utf8')) as PolicyList;

export const folderOf = (dir: string, repo: string): string => join(dir, repo.replace('/', '+'));

/** First digits of the SHA-256, as in the list. */
export const stamp = (file: string): string =>
  createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 16);

const innerMaps = (inner: Readonly<Record<string, ListedInner>>): InnerMap[] =>
  Object.entries(inner).map(([map, m]) => ({
    map,
    type: m.type,
    keySize: m.key,
    valueSize: m.value,
    maxEntries: m.entries,
    outerEntries: m.outer ?? 0,
  }));

/** The listed sources that exist under `dir`, and the ones that do not or have another text. */
export function findSources(root: string, dir: string): { found: Source[]; missing: string[] } {
  const list = readList(root);
  const found: Source[] = [];
  const missing: string[] = [];
  for (const { repo, licence, include, defines, inner, sources } of list.repositories) {
    const home = folderOf(dir, repo);
    for (const [path, sha] of Object.entries(sources)) {
      const file = join(home, path);
      const id = `${repo} ${path}`;
      if (!existsSync(file)) missing.push(id);
      else {
        if (stamp(file) !== sha) missing.push(`${id} (not the text that is listed)`);
        const includeDirs = include.map((d) => join(home, d));
        found.push({
          id,
          repo,
          licence,
          file,
          includeDirs,
          defines: { ...list.defines, ...defines },
          inner: innerMaps(inner ?? {}),
        });
      }
    }
  }
  return { found, missing };
}
