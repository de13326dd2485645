/** Every message between the window and the main process. Main validates parameters; the preload only forwards. */
import * as v from 'valibot';
import { SettingsSchema, WorkspaceStateSchema, type Settings, type WorkspaceState } from './settings.ts';

/** A path inside the workspace: `/`-separated, relative, without `.` or `..` parts. */
export const RelativePath = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(1024),
  v.check(
    (p) =>
      !p.startsWith('/') &&
      !p.includes('\\') &&
      !p.includes('\0') &&
      p.split('/').every((s) => s !== '' && s !== '.' && s !== '..'),
    'not a path inside the workspace',
  ),
);
/** The largest text that a message may carry (a 5 MB paste must pass, a runaway must not). */
export const MAX_TEXT = 64 * 1024 * 1024;
const Text = v.pipe(v.string(), v.maxLength(MAX_TEXT));

export interface FileEntry {
  readonly path: string;
  readonly kind: 'file' | 'dir';
  readonly size: number;
}

export type FileContent =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'binary'; readonly size: number; readonly bytes: Uint8Array | null }
  | { readonly kind: 'too-large'; readonly size: number }
  | { readonly kind: 'missing' };

export interface Backup {
  readonly path: string;
  readonly text: string;
}

export interface WorkspaceInfo {
  readonly root: string;
  readonly name: string;
  readonly entries: readonly FileEntry[];
  /** True when there were more entries than are listed. */
  readonly truncated: boolean;
  readonly backups: readonly Backup[];
  readonly state: WorkspaceState;
}

export interface Startup {
  readonly version: string;
  readonly electron: string;
  readonly platform: string;
  /** Started with LSMITH_TEST=1: the end-to-end tests may hang and end the engine. */
  readonly test: boolean;
  readonly settings: Settings;
  readonly workspace: WorkspaceInfo | null;
  /** File to open first, relative to the workspace. */
  readonly openFile: string | null;
  readonly recent: readonly string[];
  readonly examples: readonly string[];
  /** Set when the asked-for workspace could not be opened. */
  readonly problem: string | null;
}

export type SaveAnswer = 'save' | 'discard' | 'cancel';

const none = v.undefined();
const path = v.object({ path: RelativePath });

/** Method name → schema of its parameters. */
export const methods = {
  'app.startup': none,
  'workspace.openDialog': none,
  'workspace.open': v.object({ root: v.pipe(v.string(), v.minLength(1), v.maxLength(4096)) }),
  'workspace.openExample': v.object({ name: v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9-]{0,63}$/)) }),
  'workspace.entries': none,
  'workspace.saveState': v.object({ state: WorkspaceStateSchema }),
  'file.read': path,
  'file.write': v.object({ path: RelativePath, text: Text }),
  'file.create': v.object({ path: RelativePath, text: Text }),
  'file.rename': v.object({ from: RelativePath, to: RelativePath }),
  'file.delete': path,
  'backup.set': v.object({ path: RelativePath, text: v.nullable(Text) }),
  'window.dirty': v.object({ paths: v.array(RelativePath) }),
  'window.close': none,
  'window.reload': none,
  'window.toggleDevTools': none,
  'dialog.unsaved': v.object({ paths: v.array(RelativePath) }),
  'dialog.confirm': v.object({ message: v.string(), detail: v.string(), action: v.string() }),
  'settings.set': v.object({ settings: SettingsSchema }),
  'clipboard.write': v.object({ text: Text }),
  'log.write': v.object({
    level: v.picklist(['info', 'warn', 'error']),
    message: v.pipe(v.string(), v.maxLength(20000)),
  }),
} as const;

export type Method = keyof typeof methods;
export type Params<M extends Method> = v.InferOutput<(typeof methods)[M]>;

export interface Results {
  'app.startup': Startup;
  'workspace.openDialog': WorkspaceInfo | null;
  'workspace.open': WorkspaceInfo;
  'workspace.openExample': WorkspaceInfo;
  'workspace.entries': { readonly entries: readonly FileEntry[]; readonly truncated: boolean };
  'workspace.saveState': null;
  'file.read': FileContent;
  'file.write': null;
  'file.create': null;
  'file.rename': null;
  'file.delete': null;
  'backup.set': null;
  'window.dirty': null;
  'window.close': null;
  'window.reload': null;
  'window.toggleDevTools': null;
  'dialog.unsaved': SaveAnswer;
  'dialog.confirm': boolean;
  'settings.set': null;
  'clipboard.write': null;
  'log.write': null;
}

/** What main tells the window unasked. */
export type MainEvent =
  | { readonly type: 'command'; readonly id: string }
  | { readonly type: 'files-changed'; readonly paths: readonly string[] }
  | { readonly type: 'save-all-then-close' }
  | { readonly type: 'open-path'; readonly root: string; readonly file: string | null };

/** What a call comes back as: errors cross the bridge as data, not as exceptions with stack traces. */
export type Reply<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: string };

/** The only thing the preload puts into the window. */
export interface Bridge {
  call(method: Method, params: unknown): Promise<Reply<unknown>>;
  on(listener: (event: MainEvent) => void): () => void;
}

export const CALL_CHANNEL = 'lsmith:call';
export const EVENT_CHANNEL = 'lsmith:event';
