/** What every command gets: the engine with its profiles, the file system, and where output goes. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import {
  createCompiler,
  createEngine,
  type Compiler,
  type CompileSettings,
  type Engine,
  type FileProvider,
  type HeaderSource,
  type ProfileSource,
} from '../engine/api/index.ts';
import { cachedBtf, unpackedBtf } from './btf-cache.ts';
import { cachedHeaderTables } from './header-cache.ts';
import { UsageError } from './exit.ts';

export { EXIT, UsageError, type ExitCode } from './exit.ts';

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
    const packed = join(dir, id, 'btf.gz');
    return [
      {
        id,
        json: () => JSON.parse(readFileSync(json, 'utf8')) as unknown,
        btf: () => unpackedBtf(packed),
        cachedBtf: () => cachedBtf(root, id, packed),
      },
    ];
  });
}

/** The headers below assets/headers, each read when it is included. */
function bundledHeaders(root: string): HeaderSource {
  const dir = join(root, 'assets/headers');
  const known = new Map<string, string | undefined>();
  const read = (name: string): string | undefined =>
    /^[\w/+-][\w./+-]*$/.test(name) && !name.includes('..') ? readText(join(dir, name)) : undefined;
  return {
    get(name) {
      if (!known.has(name)) known.set(name, read(name));
      return known.get(name);
    },
    keys: () =>
      readdirSync(dir, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.h'))
        .sort(),
  };
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** @param root the installation: where assets/ is */
export function openEngine(root: string, settings?: CompileSettings, files: FileProvider = diskFiles): Engine {
  return createEngine({
    profiles: profileSources(root),
    headers: bundledHeaders(root),
    files,
    ...(settings === undefined ? {} : { settings }),
  });
}

/** What the compiler is opened with. */
export interface CompilerSetup {
  readonly settings: CompileSettings;
  readonly workspaceSettings?: (file: string) => CompileSettings;
  /** Names this build of the code; without it nothing is kept that only the same build can read. */
  readonly build?: string;
}

/** As `openEngine`, for compiling only: much less to load. */
export function openCompiler(root: string, setup: CompilerSetup): Compiler {
  const headers = bundledHeaders(root);
  const tables = setup.build === undefined ? undefined : cachedHeaderTables(root, setup.build, headers);
  return createCompiler({
    profiles: profileSources(root),
    headers,
    files: diskFiles,
    settings: setup.settings,
    ...(setup.workspaceSettings === undefined ? {} : { workspaceSettings: setup.workspaceSettings }),
    ...(tables === undefined ? {} : { headerTables: tables }),
  });
}

/** An existing file; anything else is misuse. */
export function requireFile(path: string): string {
  const full = isAbsolute(path) ? path : resolve(path);
  if (!existsSync(full)) throw new UsageError(`no such file: ${path}`);
  if (statSync(full).isDirectory()) throw new UsageError(`is a folder: ${path}`);
  return path;
}

/** @returns the profile id, after checking that there is such a profile */
export function requireKernel(engine: Pick<Engine, 'kernels'>, kernel: string): string {
  const known = engine.kernels();
  if (!known.includes(kernel)) throw new UsageError(`unknown kernel ${kernel}; known: ${known.join(', ')}`);
  return kernel;
}

export const print = (text: string): void => {
  process.stdout.write(text.endsWith('\n') ? text : text + '\n');
};
export const printJson = (value: unknown): void => print(JSON.stringify(value, null, 2));
