/** The docked layout: the default, its persistence, and how views and documents are shown in it. */
import {
  Actions,
  DockLocation,
  Model,
  TabNode,
  TabSetNode,
  type IJsonModel,
  type IJsonTabNode,
} from 'flexlayout-react';
import { createStore } from 'zustand';
import { allViews, getView } from './registry.ts';
import { baseName, set } from './store.ts';

const tabOf = (id: string): IJsonTabNode => {
  const v = getView(id)!;
  return { type: 'tab', id: `view:${id}`, name: v.title, component: id, enableClose: v.order === undefined };
};
const placed = (place: string): IJsonTabNode[] =>
  allViews()
    .filter((v) => v.place === place && v.order !== undefined)
    .sort((a, b) => a.order! - b.order!)
    .map((v) => tabOf(v.id));

function defaultLayout(): IJsonModel {
  return {
    global: {
      tabSetEnableMaximize: true,
      tabEnableRename: false,
      splitterSize: 5,
      splitterExtra: 4,
      tabSetMinWidth: 120,
      tabSetMinHeight: 60,
      tabEnableRenderOnDemand: true,
      tabEnablePopout: false,
      tabSetEnableSingleTabStretch: false,
      tabSetEnableTabGroups: false,
    } as IJsonModel['global'],
    borders: [],
    layout: {
      type: 'row',
      children: [
        {
          type: 'row',
          weight: 100,
          children: [
            {
              type: 'row',
              weight: 62,
              children: [
                { type: 'tabset', id: 'left', weight: 17, children: placed('left') },
                { type: 'tabset', id: 'editors', weight: 57, enableDeleteWhenEmpty: false, children: [] },
                { type: 'tabset', id: 'right', weight: 26, children: placed('right') },
              ],
            },
            { type: 'tabset', id: 'bottom', weight: 38, children: placed('bottom') },
          ],
        },
      ],
    },
  };
}

export const layoutStore = createStore<{ model: Model }>(() => ({ model: null as unknown as Model }));
export const layoutModel = (): Model => layoutStore.getState().model;

/** Takes a saved layout over, or the default where it does not fit (another version, an unknown view). */
export function initLayout(saved: unknown): void {
  let model: Model | null = null;
  if (saved !== null && typeof saved === 'object') {
    try {
      model = Model.fromJson(saved as IJsonModel);
      let fine = model.getNodeById('editors') instanceof TabSetNode;
      model.visitNodes((n) => {
        if (n instanceof TabNode && n.getComponent() !== 'document' && !getView(n.getComponent() ?? '')) fine = false;
      });
      const missing = allViews().filter((v) => v.order !== undefined && !model!.getNodeById(`view:${v.id}`));
      if (!fine || missing.length > 0) model = null;
    } catch {
      model = null;
    }
  }
  layoutStore.setState({ model: model ?? Model.fromJson(defaultLayout()) });
}

export function resetLayout(): void {
  const open = documentTabs();
  const active = activeDocument();
  initLayout(null);
  for (const p of open) showDocument(p);
  if (active) showDocument(active);
}

function firstTabset(place: string): string {
  const m = layoutModel();
  const node = m.getNodeById(place === 'editor' ? 'editors' : place);
  if (node instanceof TabSetNode) return node.getId();
  let found = '';
  m.visitNodes((n) => {
    if (!found && n instanceof TabSetNode) found = n.getId();
  });
  return found;
}

export function showView(id: string, focus = true): void {
  const m = layoutModel();
  const node = m.getNodeById(`view:${id}`);
  const view = getView(id);
  if (node instanceof TabNode) {
    const parent = node.getParent();
    if (!(parent instanceof TabSetNode) || parent.getSelectedNode() !== node)
      m.doAction(Actions.selectTab(node.getId()));
  } else if (view) m.doAction(Actions.addTab(tabOf(id), firstTabset(view.place), DockLocation.CENTER, -1, true));
  if (focus)
    requestAnimationFrame(() =>
      document
        .querySelector<HTMLElement>(`[data-view="${id}"] [data-autofocus], [data-view="${id}"] [tabindex="0"]`)
        ?.focus(),
    );
}

/** Puts a view beside the editors (instructions). */
export function showBesideEditors(id: string): void {
  const m = layoutModel();
  if (m.getNodeById(`view:${id}`)) return showView(id, false);
  // With the other views of that kind, where there are any.
  let beside: string | null = null;
  m.visitNodes((n) => {
    if (
      !(n instanceof TabNode) ||
      getView(n.getComponent() ?? '')?.place !== 'editor' ||
      n.getComponent() === 'document'
    )
      return;
    const set = n.getParent();
    if (set instanceof TabSetNode && set.getId() !== 'editors') beside = set.getId();
  });
  if (beside !== null) return void m.doAction(Actions.addTab(tabOf(id), beside, DockLocation.CENTER, -1, true));
  m.doAction(Actions.addTab(tabOf(id), 'editors', DockLocation.RIGHT, -1, true));
}

export function showDocument(path: string): void {
  const m = layoutModel();
  const id = `doc:${path}`;
  if (m.getNodeById(id)) {
    const node = m.getNodeById(id) as TabNode;
    if ((node.getParent() as TabSetNode).getSelectedNode() !== node) m.doAction(Actions.selectTab(id));
  } else
    m.doAction(
      Actions.addTab(
        { type: 'tab', id, name: baseName(path), component: 'document', config: { path }, enableClose: true },
        editorTarget(),
        DockLocation.CENTER,
        -1,
        true,
      ),
    );
  set({ active: path });
}

/** Documents go where documents were used last. */
function editorTarget(): string {
  const active = layoutModel().getActiveTabset();
  if (active && active.getChildren().some((n) => n instanceof TabNode && n.getComponent() === 'document'))
    return active.getId();
  return 'editors';
}

export function closeDocumentTab(path: string): void {
  const m = layoutModel();
  if (m.getNodeById(`doc:${path}`)) m.doAction(Actions.deleteTab(`doc:${path}`));
  set({ active: activeDocument() });
}

export function documentTabs(): string[] {
  const paths: string[] = [];
  layoutModel()?.visitNodes((n) => {
    if (n instanceof TabNode && n.getComponent() === 'document') paths.push((n.getConfig() as { path: string }).path);
  });
  return paths;
}

export function activeDocument(): string | null {
  const m = layoutModel();
  let path: string | null = null;
  m.visitNodes((n) => {
    if (!(n instanceof TabSetNode)) return;
    const t = n.getSelectedNode();
    if (t instanceof TabNode && t.getComponent() === 'document' && (path === null || n === m.getActiveTabset()))
      path = (t.getConfig() as { path: string }).path;
  });
  return path;
}
