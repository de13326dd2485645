/** Lays out the folder of public policies from git: plain URLs, or clones that are at hand. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { folderOf, readList, stamp, type Listed } from './sources.ts';

/**
 * Fetches each listed repository at its commit, into `DIR/owner+name`. What is there stays.
 *
 * @param mirror folder of clones, `owner+name` or `owner+name/repo`, that are asked instead of the network
 * @returns what went wrong
 */
export function fetchSources(root: string, dir: string, mirror: string | undefined): string[] {
  const problems: string[] = [];
  mkdirSync(dir, { recursive: true });
  for (const r of readList(root).repositories) {
    const home = folderOf(dir, r.repo);
    if (!existsSync(home)) {
      const clone = mirrorOf(mirror, r);
      console.error(`${r.repo}: ${r.commit} of ${clone ?? r.url}`);
      const problem = layOut(home, r, clone);
      if (problem !== null) {
        problems.push(`${r.repo}: ${problem}`);
        continue;
      }
    }
    for (const [path, sha] of Object.entries(r.sources)) {
      const file = join(home, path);
      if (!existsSync(file)) problems.push(`${r.repo} ${path}: not in ${r.commit}`);
      else if (stamp(file) !== sha) problems.push(`${r.repo} ${path}: not the text that is listed`);
    }
  }
  return problems;
}

function mirrorOf(mirror: string | undefined, r: Listed): string | null {
  if (mirror === undefined) return null;
  const home = folderOf(mirror, r.repo);
  return [join(home, 'repo'), home].find((d) => existsSync(join(d, 'HEAD')) || existsSync(join(d, '.git'))) ?? null;
}

function layOut(home: string, r: Listed, clone: string | null): string | null {
  const fetched = `${home}.git`;
  const run = (command: string, ...args: string[]): string | null => {
    const p = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 26 });
    return p.status === 0 ? null : `${command} ${args.join(' ')}: ${p.error?.message ?? p.stderr.trim()}`;
  };
  const tar = `${home}.tar`;
  const made = `${home}.part`;
  rmSync(made, { recursive: true, force: true });
  mkdirSync(made);
  try {
    const archive = (git: string, what: string): string | null =>
      run('git', '-C', git, 'archive', '-o', tar, what, ...(r.only ?? []));
    const problem =
      (clone !== null
        ? archive(clone, r.commit)
        : // A tag or a commit; servers give out commits that a branch holds.
          (run('git', 'init', '-q', '--bare', fetched) ??
          run('git', '-C', fetched, 'fetch', '-q', '--depth', '1', r.url, r.commit) ??
          archive(fetched, 'FETCH_HEAD'))) ?? run('tar', '-x', '-f', tar, '-C', made);
    if (problem !== null) return problem;
    if (r.headers !== undefined) {
      const { from: source, to } = r.headers;
      for (const name of readdirSync(join(made, source)).filter((n) => n.endsWith('.h')))
        cpSync(join(made, source, name), join(made, to, name));
    }
    cpSync(made, home, { recursive: true, verbatimSymlinks: true });
    return null;
  } finally {
    rmSync(fetched, { recursive: true, force: true });
    rmSync(tar, { force: true });
    rmSync(made, { recursive: true, force: true });
  }
}
