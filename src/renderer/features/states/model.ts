/**
 * The explored tree as paths. A path is a chain of segments that a reader follows downwards: at a fork it goes on the way
 * to the refusal, or the way that the verifier took first; the other ways are paths of their own, under the fork.
 */
import type { ProgramStates } from '../../../engine/api/index.ts';

export type States = NonNullable<ProgramStates['states']>;
export type Segment = States['nodes'][number];

export interface Tree {
  readonly states: States;
  readonly nodes: ReadonlyMap<number, Segment>;
  /** Segments that nothing recorded leads to: entries of functions, and what follows on something left out. */
  readonly heads: readonly Segment[];
  /** How a path goes on. */
  readonly next: ReadonlyMap<number, Segment>;
  /** The other ways at the end of a segment: heads of paths. */
  readonly others: ReadonlyMap<number, readonly Segment[]>;
}

export function makeTree(states: States): Tree {
  const nodes = new Map(states.nodes.map((n) => [n.id, n]));
  const kids = new Map<number, Segment[]>();
  const heads: Segment[] = [];
  for (const n of states.nodes) {
    if (!nodes.has(n.parent)) heads.push(n);
    else kids.set(n.parent, [...(kids.get(n.parent) ?? []), n]);
  }
  const next = new Map<number, Segment>();
  const others = new Map<number, readonly Segment[]>();
  for (const [id, list] of kids) {
    const ways = nodes.get(id)!.end === 'split' ? list.filter((k) => k.begin !== 'async') : [];
    const on = ways.find((k) => k.failing) ?? ways[0];
    if (on !== undefined) next.set(id, on);
    const rest = list.filter((k) => k !== on);
    if (rest.length > 0) others.set(id, rest);
  }
  return { states, nodes, heads, next, others };
}

/** A place in the tree: a segment, and the instruction on it that is about to run; `step` = `steps.length` is its end. */
export interface At {
  readonly node: number;
  readonly step: number;
}

export type Row =
  | {
      readonly kind: 'path';
      readonly key: string;
      readonly level: number;
      readonly node: Segment;
      readonly end: Segment;
      readonly count: number;
      readonly expanded: boolean;
    }
  | { readonly kind: 'mark' | 'end'; readonly key: string; readonly level: number; readonly node: Segment }
  | {
      readonly kind: 'gap';
      readonly key: string;
      readonly level: number;
      readonly node: Segment;
      readonly missing: number;
    }
  | {
      readonly kind: 'step';
      readonly key: string;
      readonly level: number;
      readonly node: Segment;
      readonly step: number;
    };

/** Segments of the path that begins at `head`. */
export function pathFrom(tree: Tree, head: Segment): Segment[] {
  const out = [head];
  for (let n = tree.next.get(head.id); n !== undefined; n = tree.next.get(n.id)) out.push(n);
  return out;
}

/** The head of the path that a segment is on. */
export function headOf(tree: Tree, node: Segment): Segment {
  let n = node;
  for (;;) {
    const parent = tree.nodes.get(n.parent);
    if (parent === undefined || tree.next.get(parent.id) !== n) return n;
    n = parent;
  }
}

/** Heads of the paths around a segment, innermost first: to see it, all of them have to be unfolded. */
export function headsTo(tree: Tree, node: Segment): Segment[] {
  const out: Segment[] = [];
  for (let n: Segment | undefined = node; n !== undefined;) {
    const head: Segment = headOf(tree, n);
    out.push(head);
    n = tree.nodes.get(head.parent);
  }
  return out;
}

/** What is shown, with these paths unfolded. */
export function rowsOf(tree: Tree, unfolded: ReadonlySet<number>): Row[] {
  const out: Row[] = [];
  const emit = (head: Segment, level: number): void => {
    const path = pathFrom(tree, head);
    const end = path[path.length - 1];
    const expanded = unfolded.has(head.id);
    const count = path.reduce((n, s) => n + s.count, 0);
    out.push({ kind: 'path', key: `p${head.id}`, level, node: head, end, count, expanded });
    if (!expanded) return;
    for (const node of path) {
      if (node !== head) out.push({ kind: 'mark', key: `m${node.id}`, level: level + 1, node });
      if (node.skipped !== undefined)
        out.push({ kind: 'gap', key: `g${node.id}`, level: level + 1, node, missing: node.skipped });
      node.steps.forEach((_, step) =>
        out.push({ kind: 'step', key: `s${node.id}.${step}`, level: level + 1, node, step }),
      );
      const missing = node.count - (node.skipped ?? 0) - node.steps.length;
      if (missing > 0) out.push({ kind: 'gap', key: `h${node.id}`, level: level + 1, node, missing });
      for (const other of tree.others.get(node.id) ?? []) emit(other, level + 1);
    }
    out.push({ kind: 'end', key: `e${end.id}`, level: level + 1, node: end });
  };
  for (const h of tree.heads) emit(h, 1);
  return out;
}

/** What is unfolded at first: each function, and the path to the refusal. */
export const firstUnfolded = (tree: Tree): Set<number> => new Set(tree.heads.filter((h) => h.full).map((h) => h.id));

export interface Values {
  /** Place → what it holds, before the instruction. */
  readonly now: ReadonlyMap<string, string>;
  /** Places that the instruction before set or changed. */
  readonly changed: ReadonlySet<string>;
  /** Places that the instruction before made unknown, with what they held. */
  readonly gone: ReadonlyMap<string, string>;
  /** What the instruction itself makes of places; null = unknown. */
  readonly after: ReadonlyMap<string, string | null>;
}

const cut = (text: string): [string, string] => {
  const at = text.indexOf('=');
  return [text.slice(0, at), text.slice(at + 1)];
};

function apply(
  places: Map<string, string>,
  set: readonly string[],
  unset: readonly string[] = [],
): Map<string, string> {
  const gone = new Map<string, string>();
  for (const u of unset) {
    for (const [k, v] of u.endsWith(':') ? [...places].filter(([x]) => x.startsWith(u)) : [[u, places.get(u) ?? '']]) {
      if (v !== '') gone.set(k, v);
      places.delete(k);
    }
  }
  for (const text of set) places.set(...cut(text));
  return gone;
}

/** Registers, stack and the rest at a place of the tree. */
export function valuesAt(tree: Tree, { node: id, step }: At): Values {
  const chain: Segment[] = [];
  for (let n = tree.nodes.get(id); n !== undefined; n = n.full ? undefined : tree.nodes.get(n.parent)) chain.unshift(n);
  const places = new Map<string, string>();
  let gone = new Map<string, string>();
  let changed: readonly string[] = [];
  for (const n of chain) {
    if (n.full) places.clear();
    gone = apply(places, n.start, n.startGone);
    changed = n.full ? [] : n.start;
    for (const [, set, unset] of n.id === id ? n.steps.slice(0, step) : n.steps) {
      gone = apply(places, set, unset);
      changed = set;
    }
  }
  const after = new Map<string, string | null>();
  const node = tree.nodes.get(id);
  const effect = node === undefined ? undefined : effectOf(tree, node, step);
  for (const text of effect?.set ?? []) after.set(...cut(text));
  for (const u of effect?.unset ?? [])
    for (const k of u.endsWith(':') ? [...places.keys()].filter((x) => x.startsWith(u)) : [u]) after.set(k, null);
  return { now: places, changed: new Set(changed.map((t) => cut(t)[0])), gone, after };
}

/** What an instruction changes; at a fork, on the way that the path goes. */
export function effectOf(
  tree: Tree,
  node: Segment,
  step: number,
): { readonly set: readonly string[]; readonly unset: readonly string[] } | undefined {
  if (step + 1 < node.steps.length) return { set: node.steps[step][1], unset: node.steps[step][2] ?? [] };
  const on = step < node.steps.length ? tree.next.get(node.id) : undefined;
  return on === undefined || on.full ? undefined : { set: on.start, unset: on.startGone ?? [] };
}

/** The instruction after or before another on its path; null at its end. */
export function stepBy(tree: Tree, at: At, by: 1 | -1): At | null {
  let node = tree.nodes.get(at.node);
  if (node === undefined) return null;
  if (by === 1) {
    if (at.step + 1 < node.steps.length) return { node: node.id, step: at.step + 1 };
    for (;;) {
      const on = tree.next.get(node.id);
      if (on === undefined) return at.step < node.steps.length ? { node: node.id, step: node.steps.length } : null;
      if (on.steps.length > 0) return { node: on.id, step: 0 };
      node = on;
    }
  }
  if (at.step > 0) return { node: node.id, step: at.step - 1 };
  for (node = tree.nodes.get(node.parent); node !== undefined; node = tree.nodes.get(node.parent))
    if (node.steps.length > 0) return { node: node.id, step: node.steps.length - 1 };
  return null;
}

/** The next or previous fork on the path: the last instruction before it. */
export function branchBy(tree: Tree, at: At, by: 1 | -1): At | null {
  const isFork = (n: Segment): boolean =>
    n.begin === 'taken' || n.begin === 'not-taken' || n.begin.startsWith('iterator');
  let node = tree.nodes.get(at.node);
  if (by === 1) {
    for (node = node && tree.next.get(node.id); node !== undefined; node = tree.next.get(node.id))
      if (isFork(node)) return { node: node.id, step: 0 };
    return null;
  }
  if (node !== undefined && at.step > 0 && isFork(node)) return { node: node.id, step: 0 };
  for (node = node && tree.nodes.get(node.parent); node !== undefined; node = tree.nodes.get(node.parent))
    if (isFork(node)) return { node: node.id, step: 0 };
  return null;
}

/** The forks on the way to a segment, oldest first. */
export function branchesTo(tree: Tree, id: number): Segment[] {
  const out: Segment[] = [];
  for (let n = tree.nodes.get(id); n !== undefined; n = tree.nodes.get(n.parent))
    if (n.begin !== 'entry') out.unshift(n);
  return out;
}

/** The first place on a path, the chosen one before others, where an instruction does what is asked. */
export function find(tree: Tree, near: At | null, wanted: (insn: number) => boolean): At | null {
  const on = (n: Segment): At | null => {
    const step = n.steps.findIndex((s) => wanted(s[0]));
    return step < 0 ? null : { node: n.id, step };
  };
  const chosen = near === null ? undefined : tree.nodes.get(near.node);
  if (chosen !== undefined) {
    const before: Segment[] = [];
    for (let n = tree.nodes.get(chosen.parent); n !== undefined; n = tree.nodes.get(n.parent)) before.unshift(n);
    for (const n of [...before, ...pathFrom(tree, chosen)]) {
      const found = on(n);
      if (found !== null) return found;
    }
  }
  for (const failing of [true, undefined]) {
    for (const n of tree.states.nodes) {
      if (failing === true && n.failing !== true) continue;
      const found = on(n);
      if (found !== null) return found;
    }
  }
  return null;
}
