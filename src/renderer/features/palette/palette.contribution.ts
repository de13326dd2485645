import { registerCommand, set } from '../../workbench/index.ts';

registerCommand({
  id: 'palette.commands',
  title: 'Command Palette…',
  category: 'Go',
  key: 'Ctrl+Shift+P',
  run: () => set({ palette: { mode: 'commands' } }),
});
registerCommand({
  id: 'palette.files',
  title: 'Open File…',
  category: 'Go',
  key: 'Ctrl+P',
  run: () => set({ palette: { mode: 'files' } }),
});
registerCommand({
  id: 'help.keys',
  title: 'Keys of This Panel',
  category: 'Help',
  key: 'Ctrl+K',
  run: () => set({ palette: { mode: 'keys' } }),
});
