/** Open documents: Monaco models, what is saved of them, and the backups that make a crash harmless. */
import * as monaco from 'monaco-editor/editor/editor.api.js';
import type { QuickFix } from '../../base/index.ts';
import { call } from './bridge.ts';
import { get, isPolicy, notify, set } from './store.ts';
import { showDocument, closeDocumentTab, documentTabs } from './layout.ts';

interface Doc {
  readonly path: string;
  readonly model: monaco.editor.ITextModel;
  savedVersion: number;
  savedText: string;
  timer: number | null;
}

const docs = new Map<string, Doc>();
const listeners = new Set<(path: string, text: string) => void>();

/** Called on each change of a document, saved or not. */
export const onDocumentChange = (f: (path: string, text: string) => void): void => void listeners.add(f);

export const language = (path: string): string =>
  /\.(c|h)$/.test(path)
    ? 'c'
    : /\.ya?ml$/.test(path)
      ? 'yaml'
      : path.endsWith('.md')
        ? 'markdown'
        : path.endsWith('.json')
          ? 'json'
          : 'plaintext';

export const documentOf = (path: string): Doc | undefined => docs.get(path);
export const openDocuments = (): readonly string[] => [...docs.keys()];
const isDirty = (d: Doc): boolean => d.model.getAlternativeVersionId() !== d.savedVersion;

function updateDirty(): void {
  const dirty = new Set([...docs.values()].filter(isDirty).map((d) => d.path));
  const before = get().dirty;
  if (before.size === dirty.size && [...dirty].every((p) => before.has(p))) return;
  set({ dirty });
  void call('window.dirty', { paths: [...dirty] });
}

async function backup(d: Doc): Promise<void> {
  if (d.timer !== null) clearTimeout(d.timer);
  d.timer = null;
  await call('backup.set', { path: d.path, text: isDirty(d) && !d.model.isDisposed() ? d.model.getValue() : null });
}

/** Writes what is not yet backed up; before a reload. */
export const flushBackups = (): Promise<unknown> =>
  Promise.all([...docs.values()].filter((d) => d.timer !== null).map(backup));

function addDocument(path: string, saved: string, current: string): Doc {
  const uri = monaco.Uri.from({ scheme: 'workspace', path: `/${path}` });
  const model = monaco.editor.createModel(saved, language(path), uri);
  model.updateOptions({
    bracketColorizationOptions: { enabled: false, independentColorPoolPerBracketType: false },
    tabSize: path.endsWith('.c') || path.endsWith('.h') ? 8 : 2,
    insertSpaces: !/\.(c|h)$/.test(path),
  });
  const d: Doc = { path, model, savedVersion: model.getAlternativeVersionId(), savedText: saved, timer: null };
  docs.set(path, d);
  if (current !== saved)
    model.pushEditOperations([], [{ range: model.getFullModelRange(), text: current }], () => null);
  model.onDidChangeContent(() => {
    updateDirty();
    d.timer ??= window.setTimeout(() => void backup(d), 400);
    const text = model.getValue();
    for (const f of listeners) f(path, text);
  });
  updateDirty();
  return d;
}

/** Makes the document known without showing it. Undefined when it is no text. */
export async function loadDocument(path: string, unsaved?: string): Promise<Doc | undefined> {
  const known = docs.get(path);
  if (known) return known;
  const content = await call('file.read', { path });
  const again = docs.get(path);
  if (again) return again;
  if (content.kind === 'text') {
    // A byte-order mark or odd line ends must not make a file dirty: what Monaco makes of it counts as saved.
    const d = addDocument(path, content.text, unsaved ?? content.text);
    if (unsaved !== undefined) for (const f of listeners) f(path, unsaved);
    return d;
  }
  if (unsaved !== undefined) {
    const d = addDocument(path, '', unsaved);
    for (const f of listeners) f(path, unsaved);
    return d;
  }
  return undefined;
}

/** Opens a document in a tab and, when asked, goes to a place in it. */
export async function openDocument(path: string, at?: { line: number; column: number }): Promise<void> {
  try {
    if (!path.endsWith('.bpf.o')) await loadDocument(path);
    showDocument(path);
    if (at) reveal(path, at);
  } catch (e) {
    notify(`${path}: ${e instanceof Error ? e.message : String(e)}`);
  }
}

/** Makes the edits of a quick fix as one undoable step per file. */
export async function applyFix(fix: QuickFix): Promise<void> {
  const first = fix.edits[0];
  if (!first) return;
  for (const file of new Set(fix.edits.map((e) => e.range.file))) {
    const doc = await loadDocument(file);
    if (!doc) return notify(`${file} cannot be edited`);
    doc.model.pushStackElement();
    doc.model.pushEditOperations(
      [],
      fix.edits
        .filter((e) => e.range.file === file)
        .map(({ range: r, text }) => ({
          range: new monaco.Range(r.line, r.column, r.endLine, r.endColumn),
          text,
        })),
      () => null,
    );
    doc.model.pushStackElement();
  }
  await openDocument(first.range.file, { line: first.range.line, column: first.range.column });
}

let pendingReveal: { path: string; line: number; column: number } | null = null;
const revealers = new Map<string, (line: number, column: number, focus: boolean) => void>();

/** Moves the cursor of an open document; the focus stays where it is. */
export function showLine(path: string, line: number): void {
  revealers.get(path)?.(line, 1, false);
}

function reveal(path: string, at: { line: number; column: number }): void {
  const f = revealers.get(path);
  if (f) f(at.line, at.column, true);
  else pendingReveal = { path, ...at };
}
/** An editor announces itself; a waiting jump is done at once. */
export function registerRevealer(path: string, f: (line: number, column: number, focus: boolean) => void): () => void {
  revealers.set(path, f);
  if (pendingReveal?.path === path) {
    f(pendingReveal.line, pendingReveal.column, true);
    pendingReveal = null;
  }
  return () => void (revealers.get(path) === f && revealers.delete(path));
}

export async function save(path: string): Promise<void> {
  const d = docs.get(path);
  if (!d) return;
  const version = d.model.getAlternativeVersionId();
  const text = d.model.getValue();
  await call('file.write', { path, text });
  d.savedVersion = version;
  d.savedText = text;
  updateDirty();
  await backup(d);
}

export async function saveAll(): Promise<void> {
  for (const d of docs.values()) if (isDirty(d)) await save(d.path);
}

/** Closes a tab; asks first when something is unsaved. */
export async function closeDocument(path: string): Promise<void> {
  const d = docs.get(path);
  if (d && isDirty(d)) {
    const answer = await call('dialog.unsaved', { paths: [path] });
    if (answer === 'cancel') return;
    if (answer === 'save') await save(path);
  }
  closeDocumentTab(path);
  if (d) forget(d);
}

function forget(d: Doc): void {
  if (d.timer !== null) clearTimeout(d.timer);
  docs.delete(d.path);
  const saved = d.savedText;
  d.model.dispose();
  updateDirty();
  void call('backup.set', { path: d.path, text: null });
  for (const f of listeners) f(d.path, saved);
}

/** Forgets all, after another workspace was opened (main has the backups). */
export function closeAllDocuments(): void {
  for (const path of documentTabs()) closeDocumentTab(path);
  for (const d of docs.values()) {
    if (d.timer !== null) clearTimeout(d.timer);
    d.model.dispose();
  }
  docs.clear();
  updateDirty();
}

/** The file changed on disk: take it over, unless there are unsaved changes here. */
export async function refreshFromDisk(path: string): Promise<void> {
  const d = docs.get(path);
  const content = await call('file.read', { path });
  if (content.kind === 'text') {
    if (!d) for (const f of listeners) f(path, content.text);
    else if (content.text !== d.savedText) {
      if (isDirty(d))
        return notify(
          `${path} changed on disk; your unsaved changes were kept. Save to overwrite it, or close and reopen to take it over.`,
          'info',
        );
      d.savedText = content.text;
      d.model.pushEditOperations([], [{ range: d.model.getFullModelRange(), text: content.text }], () => null);
      d.savedVersion = d.model.getAlternativeVersionId();
      updateDirty();
    }
  }
}

export async function moveDocument(from: string, to: string): Promise<void> {
  const d = docs.get(from);
  if (!d) return;
  if (isDirty(d)) await save(from);
  await call('file.rename', { from, to });
  closeDocumentTab(from);
  forget(d);
  await openDocument(to);
}

export const shouldCheck = (path: string): boolean => isPolicy(path);
