/** Main process: starts, opens the workspace asked for, and serves the window. */
import { app, BrowserWindow, clipboard, dialog, nativeTheme } from 'electron';
import { cp, mkdir, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { parseSettings, type Settings, type Startup, type WorkspaceInfo } from '../protocol/index.ts';
import { serveCalls } from './ipc.ts';
import { log } from './log.ts';
import { setMenu } from './menu.ts';
import { assetsDir, userFile } from './paths.ts';
import { registerScheme, serveScheme } from './scheme.ts';
import { readJsonSync, writeJsonSync } from './store.ts';
import { AppWindow, askUnsaved, lockDownSession } from './window.ts';
import { Workspace } from './workspace.ts';

let appWindow: AppWindow | null = null;
let workspace: Workspace | null = null;
let settings: Settings;
let recent: string[] = [];
let examples: string[] = [];

const listExamples = async (): Promise<string[]> =>
  (await readdir(join(assetsDir(), 'examples'), { withFileTypes: true }).catch(() => []))
    .filter((e) => e.isDirectory())
    .map((e) => e.name)
    .sort();

const drawMenu = (): void =>
  setMenu({
    examples,
    recent,
    run: (id) => appWindow?.send({ type: 'command', id }),
    openRecent: (root) => appWindow?.send({ type: 'open-path', root, file: null }),
  });

function remember(root: string): void {
  recent = [root, ...recent.filter((r) => r !== root)].slice(0, 10);
  writeJsonSync(userFile('recent.json'), { version: 1, recent });
  drawMenu();
}

async function openWorkspace(folder: string): Promise<WorkspaceInfo> {
  const next = await Workspace.open(folder);
  workspace?.unwatch();
  workspace = next;
  appWindow?.setDirty([]);
  const onChange = (paths: string[]): void => {
    appWindow?.send({ type: 'files-changed', paths });
    void next.watch(onChange); // new folders need watchers of their own
  };
  await next.watch(onChange);
  remember(next.root);
  const info = await next.info();
  appWindow?.window.setTitle(`${info.name} — LSMith`);
  return info;
}

/** Examples are opened as a copy in the user's data: they may be edited freely. */
async function openExample(name: string): Promise<WorkspaceInfo> {
  const source = join(assetsDir(), 'examples', name);
  const target = userFile('examples', name);
  if (!(await stat(target).catch(() => null))) {
    await mkdir(dirname(target), { recursive: true });
    await cp(source, target, { recursive: true });
  }
  return openWorkspace(target);
}

/** What the command line asks for: a folder, or a policy file whose folder is the workspace. */
async function fromArguments(
  argv: readonly string[],
  cwd: string,
): Promise<{ root: string; file: string | null } | null> {
  // In a checkout the first plain argument is the application itself.
  const plain = argv
    .slice(1)
    .filter((a) => !a.startsWith('-'))
    .slice(app.isPackaged ? 0 : 1);
  if (plain.length === 0) return null;
  // A desktop passes what was opened as a file: address.
  const full = plain[0].startsWith('file://') ? fileURLToPath(plain[0]) : resolve(cwd, plain[0]);
  const s = await stat(full).catch(() => null);
  if (!s) throw new Error(`There is no file or folder ${plain[0]}`);
  if (s.isDirectory()) return { root: full, file: null };
  let root = dirname(full);
  // A policy below a folder with lsmith.yaml belongs to that workspace.
  for (let d = root, i = 0; i < 4 && d !== dirname(d); d = dirname(d), i++) {
    if (await stat(join(d, 'lsmith.yaml')).catch(() => null)) {
      root = d;
      break;
    }
  }
  return { root, file: full.slice(root.length + 1) };
}

let started: Promise<Pick<Startup, 'openFile' | 'problem'>> | null = null;
async function firstWorkspace(): Promise<Pick<Startup, 'openFile' | 'problem'>> {
  let problem: string | null = null;
  try {
    const asked = await fromArguments(process.argv, process.cwd());
    if (asked) {
      await openWorkspace(asked.root);
      return { openFile: asked.file, problem };
    }
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error);
  }
  for (const root of recent) {
    try {
      await openWorkspace(root);
      return { openFile: null, problem };
    } catch {
      // moved or deleted: try the one before
    }
  }
  const first = examples.includes('shadow-guard') ? 'shadow-guard' : examples[0];
  if (first !== undefined) {
    await openExample(first).catch((error: unknown) => {
      problem ??= String(error);
    });
  }
  return { openFile: null, problem };
}

const current = (): Workspace => {
  if (!workspace) throw new Error('No workspace is open');
  return workspace;
};
const win = (): AppWindow => {
  if (!appWindow) throw new Error('No window');
  return appWindow;
};

function serve(): void {
  serveCalls({
    'app.startup': async () => {
      started ??= firstWorkspace();
      const first = await started;
      started = Promise.resolve({ openFile: null, problem: null }); // a reload does not open the file again
      return {
        version: app.getVersion(),
        electron: process.versions.electron,
        platform: process.platform,
        test: process.env.LSMITH_TEST === '1',
        settings,
        workspace: workspace ? await workspace.info() : null,
        recent,
        examples,
        ...first,
      };
    },
    'workspace.openDialog': async () => {
      const r = await dialog.showOpenDialog(win().window, {
        title: 'Open Workspace',
        properties: ['openDirectory', 'createDirectory'],
      });
      return r.canceled || r.filePaths.length === 0 ? null : openWorkspace(r.filePaths[0]);
    },
    'workspace.open': ({ root }) => openWorkspace(root),
    'workspace.openExample': ({ name }) => {
      if (!examples.includes(name)) throw new Error(`There is no example ${name}`);
      return openExample(name);
    },
    'workspace.entries': () => current().entries(),
    'workspace.saveState': ({ state }) => (current().saveState(state), null),
    'file.read': ({ path }) => current().read(path),
    'file.write': ({ path, text }) =>
      current()
        .write(path, text)
        .then(() => null),
    'file.create': ({ path, text }) =>
      current()
        .create(path, text)
        .then(() => null),
    'file.rename': ({ from, to }) =>
      current()
        .rename(from, to)
        .then(() => null),
    'file.delete': ({ path }) =>
      current()
        .delete(path)
        .then(() => null),
    'backup.set': ({ path, text }) => (current().setBackup(path, text), null),
    'window.dirty': ({ paths }) => (win().setDirty(paths), null),
    'window.close': () => (setImmediate(() => win().closeNow()), null),
    'window.reload': () => (setImmediate(() => win().window.reload()), null),
    'window.toggleDevTools': () => (win().window.webContents.toggleDevTools(), null),
    'dialog.unsaved': ({ paths }) => askUnsaved(win().window, paths),
    'dialog.confirm': async ({ message, detail, action }) => {
      const r = await dialog.showMessageBox(win().window, {
        type: 'question',
        message,
        detail,
        buttons: [action, 'Cancel'],
        defaultId: 0,
        cancelId: 1,
        noLink: true,
      });
      return r.response === 0;
    },
    'settings.set': ({ settings: next }) => {
      settings = next;
      nativeTheme.themeSource = next.theme;
      writeJsonSync(userFile('settings.json'), next);
      return null;
    },
    'clipboard.write': ({ text }) => (clipboard.writeText(text), null),
    'log.write': ({ level, message }) => (log(level, `window: ${message}`), null),
  });
}

function createWindow(): void {
  const background = nativeTheme.shouldUseDarkColors ? '#16181d' : '#fbfbfc';
  appWindow = new AppWindow(background, () => workspace?.clearBackups());
  appWindow.window.on('closed', () => (appWindow = null));
  appWindow.load();
}

process.on('uncaughtException', (error) => log('error', `uncaught: ${error.stack ?? error.message}`));
process.on('unhandledRejection', (error) => log('error', `unhandled: ${String(error)}`));

registerScheme();
// As root on a machine without user namespaces Chromium runs only with --no-sandbox, which excludes this.
if (!app.commandLine.hasSwitch('no-sandbox')) app.enableSandbox();
if (!app.requestSingleInstanceLock()) app.quit();
else {
  app.on('second-instance', (_event, argv, cwd) => {
    const w = appWindow?.window;
    if (w?.isMinimized()) w.restore();
    w?.focus();
    fromArguments(
      argv.filter((a) => !a.startsWith('--')),
      cwd,
    ).then(
      (asked) => asked && appWindow?.send({ type: 'open-path', ...asked }),
      (error: unknown) => log('warn', String(error)),
    );
  });
  app.on('window-all-closed', () => app.quit());
  app.on('activate', () => BrowserWindow.getAllWindows().length === 0 && createWindow());
  void app.whenReady().then(async () => {
    settings = parseSettings(readJsonSync(userFile('settings.json')));
    nativeTheme.themeSource = settings.theme;
    const r = v.safeParse(v.object({ recent: v.array(v.string()) }), readJsonSync(userFile('recent.json')));
    recent = r.success ? r.output.recent : [];
    examples = await listExamples();
    log('info', `start ${app.getVersion()} electron ${process.versions.electron} ${basename(process.execPath)}`);
    serveScheme();
    lockDownSession();
    serve();
    drawMenu();
    createWindow();
  });
}
