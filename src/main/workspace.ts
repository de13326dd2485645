/** The open workspace: a folder, what is in it, its watcher, its backups of unsaved text. */
import { createHash } from 'node:crypto';
import { watch, type FSWatcher } from 'node:fs';
import { lstat, mkdir, readdir, readFile, realpath, rename, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { shell } from 'electron';
import * as v from 'valibot';
import {
  parseWorkspaceState,
  type Backup,
  type FileContent,
  type FileEntry,
  type WorkspaceInfo,
  type WorkspaceState,
} from '../protocol/index.ts';
import { userFile } from './paths.ts';
import { readJsonSync, removeSync, writeAtomic, writeJsonSync } from './store.ts';

const MAX_ENTRIES = 4000;
const MAX_DEPTH = 8;
const MAX_FILE = 32 * 1024 * 1024;
/** Compiled objects are handed to the engine as bytes up to this size. */
const MAX_OBJECT = 16 * 1024 * 1024;
const IGNORED = new Set(['.git', 'node_modules', '.cache']);

const BackupFile = v.object({
  version: v.literal(1),
  files: v.array(v.object({ path: v.string(), text: v.string() })),
});

/** True for bytes that are not UTF-8 text. */
function looksBinary(bytes: Uint8Array): boolean {
  const head = bytes.subarray(0, 8192);
  if (head.includes(0)) return true;
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return false;
  } catch {
    return true;
  }
}

export class Workspace {
  readonly root: string;
  readonly #key: string;
  #watchers: FSWatcher[] = [];
  #changed = new Set<string>();
  #timer: NodeJS.Timeout | null = null;
  readonly #backups = new Map<string, string>();

  private constructor(root: string) {
    this.root = root;
    this.#key = createHash('sha256').update(root).digest('hex').slice(0, 24);
    const saved = v.safeParse(BackupFile, readJsonSync(this.#backupFile()));
    if (saved.success) for (const b of saved.output.files) this.#backups.set(b.path, b.text);
  }

  static async open(folder: string): Promise<Workspace> {
    const root = await realpath(resolve(folder));
    if (!(await stat(root)).isDirectory()) throw new Error(`${folder} is not a folder`);
    return new Workspace(root);
  }

  #backupFile(): string {
    return userFile('backups', `${this.#key}.json`);
  }

  #stateFile(): string {
    return userFile('workspaces', `${this.#key}.json`);
  }

  /** The absolute path of something inside the workspace; throws where a symbolic link leads out of it. */
  async #inside(path: string): Promise<string> {
    const full = join(this.root, ...path.split('/'));
    if (!full.startsWith(this.root + sep)) throw new Error(`${path} is outside the workspace`);
    let probe = full;
    for (;;) {
      const real = await realpath(probe).catch(() => null);
      if (real !== null) {
        if (real !== this.root && !real.startsWith(this.root + sep))
          throw new Error(`${path} leads out of the workspace`);
        return full;
      }
      probe = dirname(probe);
    }
  }

  async entries(): Promise<{ entries: FileEntry[]; truncated: boolean }> {
    const entries: FileEntry[] = [];
    let truncated = false;
    const walk = async (dir: string, rel: string, depth: number): Promise<void> => {
      const list = await readdir(dir, { withFileTypes: true }).catch(() => []);
      for (const e of list.sort((a, b) => a.name.localeCompare(b.name, 'en'))) {
        if (entries.length >= MAX_ENTRIES) {
          truncated = true;
          return;
        }
        if (IGNORED.has(e.name) || e.name.endsWith('.tmp')) continue;
        const path = rel + e.name;
        if (e.isDirectory()) {
          entries.push({ path, kind: 'dir', size: 0 });
          if (depth < MAX_DEPTH) await walk(join(dir, e.name), `${path}/`, depth + 1);
        } else if (e.isFile()) {
          const s = await lstat(join(dir, e.name)).catch(() => null);
          if (s) entries.push({ path, kind: 'file', size: s.size });
        }
      }
    };
    await walk(this.root, '', 0);
    return { entries, truncated };
  }

  async info(): Promise<WorkspaceInfo> {
    const { entries, truncated } = await this.entries();
    const backups: Backup[] = [...this.#backups].map(([path, text]) => ({ path, text }));
    return {
      root: this.root,
      name: basename(this.root),
      entries,
      truncated,
      backups,
      state: parseWorkspaceState(readJsonSync(this.#stateFile())),
    };
  }

  saveState(state: WorkspaceState): void {
    writeJsonSync(this.#stateFile(), state);
  }

  async read(path: string): Promise<FileContent> {
    const full = await this.#inside(path);
    const s = await stat(full).catch(() => null);
    if (!s?.isFile()) return { kind: 'missing' };
    if (s.size > MAX_FILE) return { kind: 'too-large', size: s.size };
    const bytes = await readFile(full);
    if (looksBinary(bytes))
      return { kind: 'binary', size: s.size, bytes: s.size <= MAX_OBJECT ? new Uint8Array(bytes) : null };
    return { kind: 'text', text: bytes.toString('utf8') };
  }

  async write(path: string, text: string): Promise<void> {
    await writeAtomic(await this.#inside(path), text);
    this.setBackup(path, null);
  }

  async create(path: string, text: string): Promise<void> {
    const full = await this.#inside(path);
    await mkdir(dirname(full), { recursive: true });
    await writeFile(full, text, { flag: 'wx' });
  }

  async rename(from: string, to: string): Promise<void> {
    const target = await this.#inside(to);
    if (await lstat(target).catch(() => null)) throw new Error(`${to} exists already`);
    await mkdir(dirname(target), { recursive: true });
    await rename(await this.#inside(from), target);
    const text = this.#backups.get(from);
    if (text !== undefined) {
      this.setBackup(from, null);
      this.setBackup(to, text);
    }
  }

  async delete(path: string): Promise<void> {
    await shell.trashItem(await this.#inside(path));
    this.setBackup(path, null);
  }

  setBackup(path: string, text: string | null): void {
    if (text === null ? !this.#backups.delete(path) : this.#backups.get(path) === text) return;
    if (text !== null) this.#backups.set(path, text);
    if (this.#backups.size === 0) removeSync(this.#backupFile());
    else
      writeJsonSync(this.#backupFile(), {
        version: 1,
        files: [...this.#backups].map(([p, t]) => ({ path: p, text: t })),
      });
  }

  clearBackups(): void {
    this.#backups.clear();
    removeSync(this.#backupFile());
  }

  /** Watches every folder by itself: recursive watching is not there on Linux with older runtimes. */
  async watch(onChange: (paths: string[]) => void): Promise<void> {
    this.unwatch();
    const { entries } = await this.entries();
    const folders = ['', ...entries.filter((e) => e.kind === 'dir').map((e) => e.path)].slice(0, 256);
    for (const folder of folders) {
      try {
        const watcher = watch(join(this.root, folder), (_type, name) => {
          if (name === null || name.endsWith('.tmp')) return;
          this.#changed.add(folder === '' ? name : `${folder}/${name}`);
          this.#timer ??= setTimeout(() => {
            this.#timer = null;
            const paths = [...this.#changed];
            this.#changed.clear();
            onChange(paths);
          }, 150);
        });
        watcher.on('error', () => watcher.close());
        this.#watchers.push(watcher);
      } catch {
        // Out of inotify handles: the explorer then refreshes on focus only.
      }
    }
  }

  unwatch(): void {
    for (const w of this.#watchers) w.close();
    this.#watchers = [];
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
