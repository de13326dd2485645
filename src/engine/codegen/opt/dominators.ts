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

/** Reachable blocks in reverse postorder. */
export function reversePostorder(f: Func): Block[] {
  const seen = new Set<Block>([f.blocks[0]]);
  const post: Block[] = [];
  const stack: { block: Block; next: number }[] = [{ block: f.blocks[0], next: 0 }];
  while (stack.length > 0) {
    const top = stack[stack.length - 1];
    const succs = top.block.succs;
    // The last successor first, so that the `then` side comes first in reverse order.
    const at = succs.length - 1 - top.next++;
    if (at < 0) {
      post.push(top.block);
      stack.pop();
    } else if (!seen.has(succs[at])) {
      seen.add(succs[at]);
      stack.push({ block: succs[at], next: 0 });
    }
  }
  return post.reverse();
}

export function dominators(f: Func): Dominators {
  const order = reversePostorder(f);
  const number = new Map(order.map((b, i) => [b, i]));
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
        const n = number.get(p);
        if (n === undefined || idom[n] < 0) continue;
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
      const n = number.get(kids[top.next++])!;
      enter[n] = clock++;
      stack.push({ n, next: 0 });
    } else {
      leave[top.n] = clock++;
      stack.pop();
    }
  }
  let frontiers: Set<Block>[] | null = null;
  const computeFrontiers = (): Set<Block>[] => {
    const out = order.map(() => new Set<Block>());
    for (let i = 0; i < order.length; i++) {
      if (order[i].preds.length < 2) continue;
      for (const p of order[i].preds) {
        let runner = number.get(p);
        while (runner !== undefined && runner !== idom[i]) {
          out[runner].add(order[i]);
          if (runner === 0) break;
          runner = idom[runner];
        }
      }
    }
    return out;
  };
  return {
    order,
    reachable: (b) => number.has(b),
    idom: (b) => {
      const n = number.get(b);
      return n === undefined || n === 0 ? undefined : order[idom[n]];
    },
    dominates: (a, b) => {
      const x = number.get(a);
      const y = number.get(b);
      return x !== undefined && y !== undefined && enter[x] <= enter[y] && leave[y] <= leave[x];
    },
    children: (b) => children[number.get(b)!],
    frontier: (b) => (frontiers ??= computeFrontiers())[number.get(b)!],
  };
}
