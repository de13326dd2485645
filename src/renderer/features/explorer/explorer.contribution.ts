import { parseSettings } from '../../../protocol/index.ts';
import {
  call,
  closeDocument,
  documentOf,
  enterWorkspace,
  get,
  isPolicy,
  mayLeave,
  moveDocument,
  openDocument,
  openFolder,
  refreshEntries,
  registerCommand,
  registerView,
  save,
  saveAll,
  set,
  showView,
} from '../../workbench/index.ts';
import { Explorer } from './Explorer.tsx';
import { NEW_POLICY, newScenario } from './templates.ts';

registerView({ id: 'explorer', title: 'Explorer', icon: 'files', place: 'left', order: 1, component: Explorer });

const ask = (title: string, value: string, hint: string, done: (value: string) => Promise<void>): void =>
  set({
    prompt: {
      title,
      value,
      hint,
      done: (v) =>
        void done(v).catch((e: unknown) =>
          set({ notice: { level: 'error', message: e instanceof Error ? e.message : String(e) } }),
        ),
    },
  });

async function create(path: string, text: string): Promise<void> {
  await call('file.create', { path, text });
  await refreshEntries();
  await openDocument(path);
}

registerCommand({
  id: 'view.explorer',
  title: 'Show Explorer',
  category: 'View',
  key: 'Ctrl+Shift+E',
  run: () => showView('explorer'),
});
registerCommand({ id: 'explorer.refresh', title: 'Refresh', category: 'File', run: refreshEntries });
registerCommand({
  id: 'file.newPolicy',
  title: 'New Policy…',
  category: 'File',
  key: 'Ctrl+N',
  run: () =>
    ask('New policy', 'my_policy.bpf.c', 'A file name that ends in .bpf.c', (v) =>
      create(v.endsWith('.bpf.c') ? v : `${v}.bpf.c`, NEW_POLICY),
    ),
});
registerCommand({
  id: 'file.newScenario',
  title: 'New Scenario…',
  category: 'File',
  run: () =>
    ask('New scenario', 'scenarios/my.scenario.yaml', 'A file name that ends in .scenario.yaml', (v) =>
      create(
        v.endsWith('.scenario.yaml') ? v : `${v}.scenario.yaml`,
        newScenario(get().entries.find((e) => isPolicy(e.path))?.path ?? 'my_policy.bpf.c'),
      ),
    ),
});
registerCommand({
  id: 'file.save',
  title: 'Save',
  category: 'File',
  key: 'Ctrl+S',
  run: () => {
    const a = get().active;
    return a === null ? undefined : save(a);
  },
});
registerCommand({ id: 'file.saveAll', title: 'Save All', category: 'File', key: 'Ctrl+Alt+S', run: saveAll });
registerCommand({
  id: 'file.openWorkspace',
  title: 'Open Workspace…',
  category: 'File',
  key: 'Ctrl+Shift+O',
  run: async () => {
    if (await mayLeave()) {
      const info = await call('workspace.openDialog');
      if (info) await enterWorkspace(info, null);
    }
  },
});
registerCommand({
  id: 'file.openFolder',
  title: 'Open Folder',
  category: 'File',
  hidden: true,
  run: (root) => openFolder(String(root)),
});
registerCommand({
  id: 'example.open',
  title: 'Open Example',
  category: 'File',
  hidden: true,
  run: async (name) => {
    if (await mayLeave()) await enterWorkspace(await call('workspace.openExample', { name: String(name) }), null);
  },
});
registerCommand({
  id: 'file.rename',
  title: 'Rename File…',
  category: 'File',
  run: (p) => {
    const from = typeof p === 'string' ? p : get().active;
    if (from === null) return;
    ask(`Rename ${from}`, from, 'Path inside the workspace', async (to) => {
      if (to === from) return;
      if (documentOf(from)) await moveDocument(from, to);
      else await call('file.rename', { from, to });
      await refreshEntries();
    });
  },
});
registerCommand({
  id: 'file.delete',
  title: 'Move File to Trash…',
  category: 'File',
  run: async (p) => {
    const path = typeof p === 'string' ? p : get().active;
    if (
      path === null ||
      !(await call('dialog.confirm', {
        message: `Move ${path} to the trash?`,
        detail: 'It can be restored from there.',
        action: 'Move to Trash',
      }))
    )
      return;
    await call('file.delete', { path });
    if (documentOf(path)) await closeDocument(path);
    await refreshEntries();
  },
});
registerCommand({
  id: 'settings.reset',
  title: 'Reset All Settings',
  category: 'Settings',
  run: () => set({ settings: parseSettings(null) }),
});
