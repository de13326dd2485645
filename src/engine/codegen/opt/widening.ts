/**
 * Loops over open-coded iterators and loops with may_goto: from round to round the verifier forgets numbers that were not
 * important so far (`widen_imprecise_scalars()` in kernel/bpf/verifier.c, Linux 6.4), but no pointers. What the code is
 * made of decides whether two rounds come out alike.
 */
import type { Block, Func, Inst } from '../ir.ts';
import { dominators, type NaturalLoop, naturalLoops } from './dominators.ts';

/** Innermost last. */
function wideningLoops(f: Func): NaturalLoop[] {
  if (!f.blocks.some(widens)) return [];
  return [...naturalLoops(dominators(f))].filter(({ blocks }) => [...blocks].some(widens));
}

const widens = (b: Block): boolean =>
  b.insts.some(
    (i) => i.op === 'maygoto' || (i.op === 'call' && i.callee?.kind === 'kfunc' && /^bpf_iter_\w+_next$/.test(i.callee.decl.name)),
  ); // prettier-ignore

/**
 * Blocks whose `else` side is to be walked first: they are in such a loop and ask whether a number is a certain one. On
 * the side where it is, it becomes known, further comparisons with it are decided, which makes it important, and then it
 * is different in every round. When the other side was walked before, that one is alike.
 */
export function asksForOneNumber(f: Func): ReadonlySet<Block> {
  const out = new Set<Block>();
  for (const { blocks } of wideningLoops(f))
    for (const b of blocks) {
      const t = b.terminator;
      if (t.op === 'condbr' && t.pred === 'eq' && t.args[0].type !== 'ptr' && t.args[1].op === 'const') out.add(b);
    }
  return out;
}

/**
 * Moves addresses with an index that does not change in such a loop in front of it: there the index still has its bounds,
 * within the loop it is any number.
 */
export function hoistAddresses(f: Func): void {
  for (const loop of wideningLoops(f).reverse()) {
    const outside = loop.header.preds.filter((p) => !loop.blocks.has(p));
    if (outside.length !== 1 || outside[0].succs.length !== 1) continue;
    const compared = comparedIn(loop);
    const moving = new Set<Inst>();
    for (const b of loop.blocks)
      for (const i of b.insts)
        if (i.op === 'bin' && i.bin === 'add' && i.type === 'ptr') collect(i, loop, compared, moving);
    if (moving.size > 0) move(f, loop, outside[0], moving);
  }
}

/** Numbers that the loop itself checks: outside of it they are not yet what they must be. */
function comparedIn(loop: NaturalLoop): ReadonlySet<Inst> {
  const out = new Set<Inst>();
  const add = (v: Inst): void => {
    out.add(v);
    if (v.op === 'cast' || v.op === 'bin') v.args.forEach(add);
  };
  for (const b of loop.blocks) for (const i of b.insts) if (i.op === 'cmp' || i.op === 'condbr') i.args.forEach(add);
  return out;
}

/** Adds an address and what it is made of, when all of that is the same in each round. */
function collect(address: Inst, loop: NaturalLoop, compared: ReadonlySet<Inst>, moving: Set<Inst>): void {
  const parts = new Set<Inst>();
  let indexed = false;
  const same = (v: Inst): boolean => {
    if (v.op === 'const' || moving.has(v)) return true;
    if (compared.has(v)) return false;
    if (v.block === null || !loop.blocks.has(v.block)) {
      indexed ||= v.type !== 'ptr';
      return true;
    }
    if (v.op !== 'bin' && v.op !== 'cast' && v.op !== 'global') return false;
    parts.add(v);
    return v.args.every(same);
  };
  if (same(address) && indexed) for (const p of parts) moving.add(p);
}

function move(f: Func, loop: NaturalLoop, to: Block, moving: ReadonlySet<Inst>): void {
  // In the order in which they stand: each is behind what it is made of.
  const moved = dominators(f)
    .order.filter((b) => loop.blocks.has(b))
    .flatMap((b) => b.insts.filter((i) => moving.has(i)));
  for (const b of loop.blocks) if (b.insts.some((i) => moving.has(i))) b.insts = b.insts.filter((i) => !moving.has(i));
  for (const i of moved) i.block = to;
  to.insts.splice(to.insts.length - 1, 0, ...moved);
}
