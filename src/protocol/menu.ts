/** The application menu as data: main draws it, the window runs the commands. Keys are shown here and handled there. */
export type MenuItem =
  | { readonly type: 'command'; readonly id: string; readonly label: string; readonly key?: string }
  | {
      readonly type: 'role';
      readonly role:
        | 'undo'
        | 'redo'
        | 'cut'
        | 'copy'
        | 'paste'
        | 'selectAll'
        | 'quit'
        | 'togglefullscreen'
        | 'zoomIn'
        | 'zoomOut'
        | 'resetZoom';
    }
  | { readonly type: 'separator' }
  | { readonly type: 'examples' }
  | { readonly type: 'recent' };

export interface Menu {
  readonly label: string;
  readonly items: readonly MenuItem[];
}

const c = (id: string, label: string, key?: string): MenuItem => ({
  type: 'command',
  id,
  label,
  ...(key ? { key } : {}),
});
const line: MenuItem = { type: 'separator' };

export const MENUS: readonly Menu[] = [
  {
    label: '&File',
    items: [
      c('file.newPolicy', 'New Policy…', 'Ctrl+N'),
      c('file.newScenario', 'New Scenario…'),
      line,
      c('file.openWorkspace', 'Open Workspace…', 'Ctrl+Shift+O'),
      { type: 'recent' },
      { type: 'examples' },
      line,
      c('file.save', 'Save', 'Ctrl+S'),
      c('file.saveAll', 'Save All', 'Ctrl+Alt+S'),
      line,
      c('settings.open', 'Settings', 'Ctrl+,'),
      line,
      c('editor.close', 'Close Editor', 'Ctrl+W'),
      { type: 'role', role: 'quit' },
    ],
  },
  {
    label: '&Edit',
    items: [
      { type: 'role', role: 'undo' },
      { type: 'role', role: 'redo' },
      line,
      { type: 'role', role: 'cut' },
      { type: 'role', role: 'copy' },
      { type: 'role', role: 'paste' },
      { type: 'role', role: 'selectAll' },
      line,
      c('editor.find', 'Find', 'Ctrl+F'),
    ],
  },
  {
    label: '&Go',
    items: [
      c('palette.commands', 'Command Palette…', 'Ctrl+Shift+P'),
      c('palette.files', 'Open File…', 'Ctrl+P'),
      line,
      c('problems.next', 'Next Problem', 'F8'),
      c('problems.previous', 'Previous Problem', 'Shift+F8'),
      line,
      c('trace.next', 'Next Decision', 'Alt+N'),
      c('trace.previous', 'Previous Decision', 'Alt+P'),
    ],
  },
  {
    label: '&Run',
    items: [
      c('run.scenario', 'Run Scenario', 'F5'),
      c('run.choose', 'Choose Scenario…'),
      c('run.kernel', 'Choose Kernel Profile…'),
      line,
      c('stack.up', 'Move LSM Earlier', 'Alt+Up'),
      c('stack.down', 'Move LSM Later', 'Alt+Down'),
      c('stack.reset', 'Back to the Scenario’s Order'),
      line,
      c('orders.explore', 'Explore All Orders', 'Ctrl+F5'),
      c('editor.instructions', 'Show Instructions', 'Ctrl+I'),
    ],
  },
  {
    label: '&View',
    items: [
      c('view.explorer', 'Explorer', 'Ctrl+Shift+E'),
      c('view.search', 'Search', 'Ctrl+Shift+F'),
      c('view.trace', 'Trace'),
      c('view.problems', 'Problems', 'Ctrl+Shift+M'),
      c('view.orders', 'Orders'),
      c('view.maps', 'Maps'),
      c('view.records', 'Records'),
      c('view.stack', 'LSM Stack'),
      c('view.hooks', 'Hook Catalogue', 'Ctrl+Shift+H'),
      c('view.log', 'Log'),
      line,
      c('layout.reset', 'Reset Layout'),
      c('theme.toggle', 'Toggle Dark / Light Theme'),
      line,
      { type: 'role', role: 'zoomIn' },
      { type: 'role', role: 'zoomOut' },
      { type: 'role', role: 'resetZoom' },
      { type: 'role', role: 'togglefullscreen' },
      line,
      c('window.reload', 'Reload Window'),
    ],
  },
  { label: '&Help', items: [c('help.keys', 'Keys of This Panel', 'Ctrl+K'), c('help.welcome', 'Welcome')] },
];
