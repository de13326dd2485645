/**
 * Files that can be made again at any time: in the installation where it may be written, else in the user's cache folder.
 * Everything here may fail quietly: without a cache the same work is done again.
 */
import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, readFileSync, readSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'; // prettier-ignore
import { join } from 'node:path';

/** Kept in a folder at most; the oldest go. */
const MAX_FILES = 12;

/** Folders in which caches are looked for, the first one that can be written first. */
const folders = (root: string): readonly string[] => [
  join(root, 'out/cache'),
  join(process.env.XDG_CACHE_HOME || join(process.env.HOME || '/', '.cache'), 'lsmith'),
];

/** The cached file of that name, null when there is none. */
export function readCached(root: string, name: string): Uint8Array | null {
  for (const folder of folders(root)) {
    try {
      return readFileSync(join(folder, name));
    } catch {
      // Not here.
    }
  }
  return null;
}

/** A file of which parts are read. What another process puts in its place later changes nothing here. */
export interface OpenFile {
  readonly size: number;
  /** Fills `into` from the file, beginning at `position`; false when that cannot be done. */
  read(into: Uint8Array, position: number): boolean;
  close(): void;
}

/** The same, opened only. */
export function openCached(root: string, name: string): OpenFile | null {
  for (const folder of folders(root)) {
    try {
      return openFile(join(folder, name));
    } catch {
      // Not here.
    }
  }
  return null;
}

function openFile(path: string): OpenFile {
  const fd = openSync(path, 'r');
  return {
    size: fstatSync(fd).size,
    read(into, position) {
      try {
        return readSync(fd, into, 0, into.length, position) === into.length;
      } catch {
        return false;
      }
    },
    close: () => closeSync(fd),
  };
}

/** Keeps bytes under a name. Readers never see half a file. */
export function writeCached(root: string, name: string, bytes: Uint8Array): void {
  for (const folder of folders(root)) {
    const file = join(folder, name);
    const part = `${file}.${process.pid}`;
    try {
      mkdirSync(folder, { recursive: true });
      writeFileSync(part, bytes);
      renameSync(part, file);
      prune(folder);
      return;
    } catch {
      remove(part);
    }
  }
}

function remove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // `force` is about files that are not there, not about folders that are none.
  }
}

/** What older versions and other kernels left behind. */
function prune(folder: string): void {
  const files = readdirSync(folder).filter((name) => name.endsWith('.bin'));
  if (files.length <= MAX_FILES) return;
  const dated = files.map((name) => ({ path: join(folder, name), date: statSync(join(folder, name)).mtimeMs }));
  dated.sort((a, b) => a.date - b.date);
  for (const { path } of dated.slice(0, files.length - MAX_FILES)) remove(path);
}
