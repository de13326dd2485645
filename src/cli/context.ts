/** What every command gets: the engine with its profiles, the file system, and where output goes. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { createEngine, type Engine, type FileProvider, type ProfileSource } from '../engine/api/index.ts';

/** Exit codes: 0 fine, 1 findings, 2 misuse. */
export const EXIT = { fine: 0, findings: 1, misuse: 2 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Wrong use of the command line: the message says what is wrong and what to do. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Files from disk; a directory, a missing file or one that cannot be read is undefined. */
export const diskFiles: FileProvider = {
  read(path) {
    try {
      return new Uint8Array(readFileSync(path));
    } catch {
      return undefined;
    }
  },
};

function profileSources(root: string): readonly ProfileSource[] {
  const dir = join(root, 'assets/profiles');
  return readdirSync(dir).flatMap((id) => {
    const json = join(dir, id, 'profile.json');
    if (!existsSync(json)) return [];
    return [
      {
        id,
        json: () => JSON.parse(readFileSync(json, 'utf8')) as unknown,
        btf: () => new Uint8Array(gunzipSync(readFileSync(join(dir, id, 'btf.gz')))),
      },
    ];
  });
}

function bundledHeaders(root: string): ReadonlyMap<string, string> {
  const dir = join(root, 'assets/headers');
  const out = new Map<string, string>();
  const walk = (rel: string): void => {
    for (const e of readdirSync(join(dir, rel), { withFileTypes: true })) {
      const path = rel === '' ? e.name : `${rel}/${e.name}`;
      if (e.isDirectory()) walk(path);
      else out.set(path, readFileSync(join(dir, path), 'utf8'));
    }
  };
  if (existsSync(dir)) walk('');
  return out;
}

/** @param root the installation: where assets/ is */
export function openEngine(root: string): Engine {
  return createEngine({ profiles: profileSources(root), headers: bundledHeaders(root), files: diskFiles });
}

/** An existing file; anything else is misuse. */
export function requireFile(path: string): string {
  const full = isAbsolute(path) ? path : resolve(path);
  if (!existsSync(full)) throw new UsageError(`no such file: ${path}`);
  if (statSync(full).isDirectory()) throw new UsageError(`is a folder: ${path}`);
  return path;
}

/** @returns the profile id, after checking that there is such a profile */
export function requireKernel(engine: Engine, kernel: string): string {
  const known = engine.profiles().map((p) => p.id);
  if (!known.includes(kernel)) throw new UsageError(`unknown kernel ${kernel}; known: ${known.join(', ')}`);
  return kernel;
}

export const print = (text: string): void => {
  process.stdout.write(text.endsWith('\n') ? text : text + '\n');
};
export const printJson = (value: unknown): void => print(JSON.stringify(value, null, 2));
