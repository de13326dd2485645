/** The one window: where it was, what it may not do, and how it closes without losing text. */
import { app, BrowserWindow, dialog, screen, session } from 'electron';
import { join } from 'node:path';
import * as v from 'valibot';
import { EVENT_CHANNEL, type MainEvent, type SaveAnswer } from '../protocol/index.ts';
import { log } from './log.ts';
import { userFile } from './paths.ts';
import { ORIGIN } from './scheme.ts';
import { readJsonSync, writeJsonSync } from './store.ts';

const BoundsSchema = v.object({
  x: v.number(),
  y: v.number(),
  width: v.number(),
  height: v.number(),
  maximized: v.boolean(),
});

function savedBounds(): v.InferOutput<typeof BoundsSchema> | null {
  const parsed = v.safeParse(BoundsSchema, readJsonSync(userFile('window.json')));
  if (!parsed.success) return null;
  const b = parsed.output;
  // A screen that is no longer there must not swallow the window.
  const area = screen.getDisplayMatching(b).workArea;
  const visible =
    b.x < area.x + area.width - 80 &&
    b.x + b.width > area.x + 80 &&
    b.y < area.y + area.height - 40 &&
    b.y >= area.y - 20;
  return visible ? b : null;
}

/** Nothing but our own page may load, ask for a permission, or open a window. */
export function lockDownSession(): void {
  const s = session.defaultSession;
  s.setPermissionRequestHandler((_contents, _permission, answer) => answer(false));
  s.setPermissionCheckHandler(() => false);
  s.webRequest.onBeforeRequest((details, answer) => {
    const fine =
      details.url.startsWith(`${ORIGIN}/`) ||
      details.url.startsWith('devtools://') ||
      details.url.startsWith('data:') ||
      details.url.startsWith('blob:');
    if (!fine) log('warn', `request refused: ${details.url.slice(0, 200)}`);
    answer({ cancel: !fine });
  });
  app.on('web-contents-created', (_event, contents) => {
    contents.on('will-navigate', (event) => event.preventDefault());
    contents.on('will-redirect', (event) => event.preventDefault());
    contents.on('will-attach-webview', (event) => event.preventDefault());
    contents.setWindowOpenHandler(() => ({ action: 'deny' }));
  });
}

/** Asks what to do with unsaved files. */
export async function askUnsaved(window: BrowserWindow, paths: readonly string[]): Promise<SaveAnswer> {
  const one = paths.length === 1;
  const { response } = await dialog.showMessageBox(window, {
    type: 'warning',
    title: 'Unsaved changes',
    message: one ? `Save the changes to ${paths[0]}?` : `Save the changes to ${paths.length} files?`,
    detail: `${one ? '' : `${paths.slice(0, 12).join('\n')}\n\n`}Changes that are not saved are lost.`,
    buttons: [one ? 'Save' : 'Save All', 'Don’t Save', 'Cancel'],
    defaultId: 0,
    cancelId: 2,
    noLink: true,
  });
  return response === 0 ? 'save' : response === 1 ? 'discard' : 'cancel';
}

export class AppWindow {
  readonly window: BrowserWindow;
  #dirty: readonly string[] = [];
  #mayClose = false;
  #asking = false;
  readonly #onDiscard: () => void;

  constructor(background: string, onDiscard: () => void) {
    this.#onDiscard = onDiscard;
    const b = savedBounds();
    this.window = new BrowserWindow({
      ...(b ? { x: b.x, y: b.y, width: b.width, height: b.height } : { width: 1280, height: 800 }),
      minWidth: 800,
      minHeight: 560,
      useContentSize: false,
      show: false,
      title: 'LSMith',
      backgroundColor: background,
      webPreferences: {
        preload: join(__dirname, '../preload/index.cjs'),
        sandbox: true,
        contextIsolation: true,
        nodeIntegration: false,
        webviewTag: false,
        spellcheck: false,
        devTools: !app.isPackaged || process.env.LSMITH_DEVTOOLS === '1',
      },
    });
    if (b?.maximized) this.window.maximize();
    this.window.once('ready-to-show', () => this.window.show());
    this.window.on('close', (event) => this.#closing(event));
    this.window.webContents.on('render-process-gone', (_e, details) => {
      log('error', `renderer gone: ${details.reason}`);
      if (details.reason !== 'clean-exit' && !this.window.isDestroyed()) this.window.reload();
    });
    this.window.on('page-title-updated', (event) => event.preventDefault());
  }

  load(): void {
    void this.window.loadURL(`${ORIGIN}/index.html`);
  }

  send(event: MainEvent): void {
    if (!this.window.isDestroyed()) this.window.webContents.send(EVENT_CHANNEL, event);
  }

  setDirty(paths: readonly string[]): void {
    this.#dirty = paths;
    this.window.setDocumentEdited(paths.length > 0);
  }

  get dirty(): readonly string[] {
    return this.#dirty;
  }

  /** Closes without asking again (after saving). */
  closeNow(): void {
    this.#mayClose = true;
    this.window.close();
  }

  #closing(event: Electron.Event): void {
    if (this.#dirty.length > 0 && !this.#mayClose) {
      event.preventDefault();
      if (this.#asking) return;
      this.#asking = true;
      void askUnsaved(this.window, this.#dirty).then((answer) => {
        this.#asking = false;
        if (answer === 'save') this.send({ type: 'save-all-then-close' });
        else if (answer === 'discard') {
          this.#onDiscard();
          this.closeNow();
        }
      });
      return;
    }
    const n = this.window.getNormalBounds();
    writeJsonSync(userFile('window.json'), { ...n, maximized: this.window.isMaximized() });
  }
}
