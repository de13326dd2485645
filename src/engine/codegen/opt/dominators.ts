/** Reverse postorder, dominator tree and dominance frontiers (Cooper, Harvey, Kennedy). */
import type { Block, Func } from '../ir.ts';

export interface Dominators {
  /** Reachable blocks, reverse postorder. */
  readonly order: readonly Block[];
  reachable(b: Block): boolean;
  /** Undefined for the entry. */
  idom(b: Block): Block | undefined;
  dominates(a: Block, b: Block): boolean;
  children(b: Block): readonly Block[];
  frontier(b: Block): ReadonlySet<Block>;
}

/**
 * Reachable blocks in reverse postorder; of two successors the `then` side first, where nothing else is wanted.
 *
 * @param elseFirst blocks whose other successor comes first
 */
export function reversePostorder(f: Func, elseFirst: (b: Block) => boolean = () => false): Block[] {
  const seen = new Uint8Array(f.blockLimit);
  seen[f.blocks[0].id] = 1;
  const post: Block[] = [];
  const stack: { block: Block; next: number }[] = [{ block: f.blocks[0], next: 0 }];
  while (stack.length > 0) {
    const top = stack[stack.length - 1];
    const succs = top.block.succs;
    // The last successor first, so that the `then` side comes first in reverse order.
    const turn = top.next++;
    if (turn >= succs.length) {
      post.push(top.block);
      stack.pop();
      continue;
    }
    const next = succs[elseFirst(top.block) ? turn : succs.length - 1 - turn];
    if (seen[next.id] === 0) {
      seen[next.id] = 1;
      stack.push({ block: next, next: 0 });
    }
  }
  return post.reverse();
}

/** Most passes leave the blocks as they are: what was worked out holds as long as the edges are the same. */
export function dominators(f: Func): Dominators {
  const known = f.dominators;
  if (known !== null && hasEdges(f, known.edges)) return known.tree;
  const edges: Block[] = [];
  for (const b of f.blocks) {
    edges.push(b);
    for (const p of b.preds) edges.push(p);
    edges.push(b);
    for (const s of b.succs) edges.push(s);
  }
  const tree = computeDominators(f);
  f.dominators = { edges, tree };
  return tree;
}

/** Whether the blocks and the edges between them are those of the list. */
function hasEdges(f: Func, edges: readonly Block[]): boolean {
  let at = 0;
  for (const b of f.blocks) {
    if (edges[at++] !== b) return false;
    for (const p of b.preds) if (edges[at++] !== p) return false;
    if (edges[at++] !== b) return false;
    for (const s of b.succs) if (edges[at++] !== s) return false;
  }
  return at === edges.length;
}

const NO_FRONTIER: ReadonlySet<Block> = new Set();

function computeDominators(f: Func): Dominators {
  const order = reversePostorder(f);
  /** Places in the order, plus one; 0 = cannot be reached. */
  const places = new Int32Array(f.blockLimit);
  order.forEach((b, i) => (places[b.id] = i + 1));
  const numberOf = (b: Block): number | undefined => {
    // A block that was made later is in no place.
    const n = places[b.id];
    return n > 0 ? n - 1 : undefined;
  };
  const idom = new Int32Array(order.length).fill(-1);
  idom[0] = 0;
  const intersect = (a: number, b: number): number => {
    while (a !== b) {
      while (a > b) a = idom[a];
      while (b > a) b = idom[b];
    }
    return a;
  };
  for (let changed = true; changed;) {
    changed = false;
    for (let i = 1; i < order.length; i++) {
      let best = -1;
      for (const p of order[i].preds) {
        const n = places[p.id] - 1;
        if (n < 0 || idom[n] < 0) continue;
        best = best < 0 ? n : intersect(n, best);
      }
      if (best !== idom[i]) {
        idom[i] = best;
        changed = true;
      }
    }
  }
  const children: Block[][] = order.map(() => []);
  for (let i = 1; i < order.length; i++) children[idom[i]].push(order[i]);
  // Pre/post numbering answers `dominates` in constant time.
  const enter = new Int32Array(order.length);
  const leave = new Int32Array(order.length);
  let clock = 0;
  const stack: { n: number; next: number }[] = [{ n: 0, next: 0 }];
  enter[0] = clock++;
  while (stack.length > 0) {
    const top = stack[stack.length - 1];
    const kids = children[top.n];
    if (top.next < kids.length) {
      const n = places[kids[top.next++].id] - 1;
      enter[n] = clock++;
      stack.push({ n, next: 0 });
    } else {
      leave[top.n] = clock++;
      stack.pop();
    }
  }
  let frontiers: (ReadonlySet<Block> | undefined)[] | null = null;
  const computeFrontiers = (): (ReadonlySet<Block> | undefined)[] => {
    const out = new Array<Set<Block> | undefined>(order.length).fill(undefined);
    for (let i = 0; i < order.length; i++) {
      if (order[i].preds.length < 2) continue;
      for (const p of order[i].preds) {
        let runner = numberOf(p);
        while (runner !== undefined && runner !== idom[i]) {
          (out[runner] ??= new Set()).add(order[i]);
          if (runner === 0) break;
          runner = idom[runner];
        }
      }
    }
    return out;
  };
  return {
    order,
    reachable: (b) => numberOf(b) !== undefined,
    idom: (b) => {
      const n = numberOf(b);
      return n === undefined || n === 0 ? undefined : order[idom[n]];
    },
    dominates: (a, b) => {
      const x = numberOf(a);
      const y = numberOf(b);
      return x !== undefined && y !== undefined && enter[x] <= enter[y] && leave[y] <= leave[x];
    },
    children: (b) => children[places[b.id] - 1],
    frontier: (b) => (frontiers ??= computeFrontiers())[places[b.id] - 1] ?? NO_FRONTIER,
  };
}

/** Where the ways back to a loop's header come from; none = it is not one. */
export const latchesOf = (dom: Dominators, header: Block): Block[] =>
  header.preds.filter((p) => dom.reachable(p) && dom.dominates(header, p));

export interface NaturalLoop {
  readonly header: Block;
  readonly latches: readonly Block[];
  readonly blocks: ReadonlySet<Block>;
}

/** All loops, outer ones before those in them. Each is looked for when it is asked for. */
export function* naturalLoops(dom: Dominators): Generator<NaturalLoop> {
  for (const header of dom.order) {
    const latches = latchesOf(dom, header);
    if (latches.length > 0) yield { header, latches, blocks: loopOf(header, latches) };
  }
}

/** The blocks of a loop: the header, and what reaches a latch without it. */
export function loopOf(header: Block, latches: readonly Block[]): Set<Block> {
  const inside = new Set<Block>([header]);
  const work = [...latches];
  while (work.length > 0) {
    const b = work.pop()!;
    if (inside.has(b)) continue;
    inside.add(b);
    work.push(...b.preds);
  }
  return inside;
}
