import { closeDocument, get, registerCommand, registerView, set, store } from '../../workbench/index.ts';
import { Editor, editorOf } from './Editor.tsx';
import './language.ts';
import { monaco } from './monaco-setup.ts';

registerView({ id: 'document', title: 'Document', icon: 'file', place: 'editor', component: Editor });
registerCommand({
  id: 'editor.close',
  title: 'Close Editor',
  category: 'Editor',
  key: 'Ctrl+W',
  run: () => {
    const a = get().active;
    return a === null ? undefined : closeDocument(a);
  },
});
registerCommand({
  id: 'editor.find',
  title: 'Find',
  category: 'Editor',
  run: () => {
    const e = editorOf(get().active);
    e?.focus();
    void e?.getAction('actions.find')?.run();
  },
});
registerCommand({
  id: 'editor.focus',
  title: 'Back to the Editor',
  category: 'Editor',
  key: 'Escape',
  when: '!editorFocus && !overlay && !inputText',
  run: () => editorOf(get().active)?.focus(),
});

const applyTheme = (dark: boolean): void => monaco.editor.setTheme(dark ? 'lsmith-dark' : 'lsmith-light');
applyTheme(get().dark);
store.subscribe((s, b) => {
  if (s.dark !== b.dark) applyTheme(s.dark);
});
void document.fonts.load("13px 'JetBrains Mono'").then(() => monaco.editor.remeasureFonts());
store.subscribe((s, b) => {
  if (s.active !== b.active && s.active === null) set({ cursor: null });
});
