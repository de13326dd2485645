/** The native menu, drawn from the protocol's description. */
import { Menu, type MenuItemConstructorOptions } from 'electron';
import { MENUS, type MenuItem } from '../protocol/index.ts';

export interface MenuSources {
  readonly examples: readonly string[];
  readonly recent: readonly string[];
  run(id: string): void;
  openRecent(root: string): void;
}

function draw(item: MenuItem, sources: MenuSources): MenuItemConstructorOptions {
  switch (item.type) {
    case 'separator':
      return { type: 'separator' };
    case 'role':
      return { role: item.role };
    case 'command':
      // The key is shown only: the window handles keys, so that `when` conditions and the editor have their say.
      return {
        label: item.label,
        accelerator: item.key,
        registerAccelerator: false,
        click: () => sources.run(item.id),
      };
    case 'examples':
      return {
        label: 'Open Example',
        enabled: sources.examples.length > 0,
        submenu: sources.examples.map((name) => ({ label: name, click: () => sources.run(`example.open:${name}`) })),
      };
    case 'recent':
      return {
        label: 'Open Recent',
        enabled: sources.recent.length > 0,
        submenu: sources.recent.map((root) => ({ label: root, click: () => sources.openRecent(root) })),
      };
  }
}

export function setMenu(sources: MenuSources): void {
  const template = MENUS.map((m) => ({ label: m.label, submenu: m.items.map((i) => draw(i, sources)) }));
  Menu.setApplicationMenu(Menu.buildFromTemplate(template));
}
