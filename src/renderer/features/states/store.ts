/** What the States panel shows, and the moves in it. */
import { createStore, useStore } from 'zustand';
import type { ProgramStates } from '../../../engine/api/index.ts';
import { addLog, currentKernel, get, programStates, set as setWorkbench, showLine } from '../../workbench/index.ts';
import { branchBy, find, firstUnfolded, headsTo, makeTree, stepBy, type At, type Tree } from './model.ts';

export interface PanelState {
  readonly file: string | null;
  readonly kernel: string;
  readonly data: ProgramStates | null;
  readonly tree: Tree | null;
  /** Program asked for; null = the refused or first one. */
  readonly wanted: string | null;
  readonly loading: boolean;
  readonly failed: string | null;
  readonly unfolded: ReadonlySet<number>;
  readonly at: At | null;
  /** Row of a path that is chosen as such, rather than its first instruction. */
  readonly pathRow: string | null;
  /** Moves the list to the selection. */
  readonly reveal: number;
}

export const panel = createStore<PanelState>(() => ({
  file: null,
  kernel: '',
  data: null,
  tree: null,
  wanted: null,
  loading: false,
  failed: null,
  unfolded: new Set(),
  at: null,
  pathRow: null,
  reveal: 0,
}));
export const usePanel = <T>(f: (s: PanelState) => T): T => useStore(panel, f);

/** The C line that this panel sent the cursor to: its echo is no wish to go there. */
let sent = { file: '', line: 0 };

/** Selects a place; the editor and the instructions go with it. */
export function select(at: At, tell = true, pathRow: string | null = null, unfold = true): void {
  const { tree, file, data, unfolded } = panel.getState();
  const node = tree?.nodes.get(at.node);
  if (tree === null || node === undefined) return;
  // A path that is chosen as such need not be unfolded itself.
  const need = headsTo(tree, node)
    .map((h) => h.id)
    .slice(unfold ? 0 : 1);
  panel.setState((s) => ({
    at,
    pathRow,
    unfolded: need.every((id) => unfolded.has(id)) ? unfolded : new Set([...unfolded, ...need]),
    reveal: s.reveal + 1,
  }));
  const insn = node.steps[Math.min(at.step, node.steps.length - 1)]?.[0] ?? node.first;
  if (file === null || data?.program === null || data === null) return;
  setWorkbench({ insn: { file, program: data.program, insn, by: 'states' } });
  const line = tree.states.lines[insn] ?? 0;
  if (tell && line > 0 && !(get().active === file && get().cursor?.line === line)) {
    sent = { file, line };
    showLine(file, line);
  }
}

export function toggle(head: number, open?: boolean): void {
  panel.setState(({ unfolded }) => {
    const next = new Set(unfolded);
    if (open ?? !next.has(head)) next.add(head);
    else next.delete(head);
    return { unfolded: next };
  });
}

export function move(by: 1 | -1, what: 'step' | 'branch'): void {
  const { tree, at } = panel.getState();
  if (tree === null || at === null) return;
  const next = what === 'step' ? stepBy(tree, at, by) : branchBy(tree, at, by);
  if (next !== null) select(next);
}

/** Goes to where the program was refused. */
export function goToRefusal(): void {
  const { tree } = panel.getState();
  const node = tree?.states.nodes.find((n) => n.end === 'error');
  if (node !== undefined) select({ node: node.id, step: Math.max(0, node.steps.length - 1) });
}

/** The editor's cursor moved to a line. */
export function followCursor(file: string, line: number): void {
  const { tree, at, file: mine } = panel.getState();
  if (tree === null || file !== mine) return;
  if (sent.file === file && sent.line === line) {
    sent = { file: '', line: 0 };
    return;
  }
  const { lines } = tree.states;
  const node = at === null ? undefined : tree.nodes.get(at.node);
  const here = node?.steps[at?.step ?? 0]?.[0];
  if (here !== undefined && lines[here] === line) return;
  const found = find(tree, at, (insn) => lines[insn] === line);
  if (found !== null) select(found, false);
}

/** Another view chose an instruction. */
export function followInsn(program: string, insn: number): void {
  const { tree, at, data } = panel.getState();
  if (tree === null || data?.program !== program) return;
  const found = find(tree, at, (i) => i === insn);
  if (found !== null) select(found, false);
}

/** Asks for the tree of a file's program; what was selected stays, where it is still there. */
export async function load(file: string, wanted: string | null): Promise<void> {
  const kernel = currentKernel();
  const before = panel.getState();
  const same = before.file === file;
  panel.setState({
    file,
    kernel,
    wanted,
    loading: true,
    failed: null,
    ...(same ? {} : { data: null, tree: null, at: null }),
  });
  try {
    const data = await programStates(file, wanted);
    const now = panel.getState();
    if (now.file !== file || now.wanted !== wanted) return;
    if (data.states === null) {
      // Keeps the last tree while the text has errors.
      panel.setState({ loading: false, ...(same && before.tree !== null ? {} : { data, tree: null }) });
      return;
    }
    const tree = makeTree(data.states);
    const sameProgram = same && before.data?.program === data.program;
    const old = now.at !== null && sameProgram ? tree.nodes.get(now.at.node) : undefined;
    const kept = old !== undefined && now.at !== null && now.at.step <= old.steps.length ? now.at : null;
    panel.setState({
      data,
      tree,
      loading: false,
      at: kept,
      unfolded: sameProgram ? new Set([...now.unfolded, ...firstUnfolded(tree)]) : firstUnfolded(tree),
    });
    if (kept === null) {
      const first = tree.states.nodes.find((n) => n.end === 'error') ?? tree.heads[0];
      if (first !== undefined)
        select({ node: first.id, step: first.end === 'error' ? Math.max(0, first.steps.length - 1) : 0 }, false);
    }
  } catch (e) {
    if (e instanceof Error && e.name === 'Superseded') return;
    addLog('error', `States of ${file}: ${String(e)}`);
    panel.setState({ loading: false, failed: e instanceof Error ? e.message : String(e) });
  }
}
