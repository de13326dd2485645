/**
 * What is computed in 64 bits and used in the lower 32 alone is computed in 32. Of a pointer that is taken for a number (an
 * error number in it, a hash of it) the verifier allows the lower half to be computed with, and refuses the whole.
 */
import type { Block, Func, Inst } from '../ir.ts';
import { applyReplacements, countUses } from './util.ts';

/** Operations whose lower half follows from the lower halves of their operands. */
const LOW = new Set(['add', 'sub', 'mul', 'and', 'or', 'xor']);
/** Operations on the way to one truncation: a bound against deep recursion. */
const MOST = 64;

/** True when something changed. */
export function narrowTruncations(f: Func): boolean {
  let uses: Map<Inst, number> | null = null;
  const replaced = new Map<Inst, Inst>();
  for (const b of f.blocks)
    for (const i of b.insts) {
      if (i.op !== 'cast' || i.cast !== 'trunc' || (i.args[0].op !== 'bin' && i.args[0].op !== 'phi')) continue;
      const tree = new Set<Inst>();
      collect(i.args[0], (uses ??= countUses(f)), tree);
      if (tree.size === 0) continue;
      for (const node of tree) narrow(f, node, tree);
      replaced.set(i, i.args[0]);
    }
  if (replaced.size === 0) return false;
  applyReplacements(f, replaced);
  for (const b of f.blocks) b.insts = b.insts.filter((i) => !replaced.has(i));
  return true;
}

/** Adds what is computed for one truncation alone. */
function collect(v: Inst, uses: ReadonlyMap<Inst, number>, tree: Set<Inst>): void {
  if (v.type !== 'i64' || uses.get(v) !== 1 || tree.size >= MOST) return;
  const amount = v.args[1];
  const low =
    v.op === 'phi' ||
    (v.op === 'bin' &&
      (LOW.has(v.bin) || (v.bin === 'shl' && amount.op === 'const' && amount.value >= 0n && amount.value < 32n)));
  if (!low) return;
  tree.add(v);
  for (const a of v.args) collect(a, uses, tree);
}

function narrow(f: Func, node: Inst, tree: ReadonlySet<Inst>): void {
  node.type = 'i32';
  node.nsw = false;
  node.args = node.args.map((a, n) => {
    if (tree.has(a)) return a;
    if (a.op === 'const') return f.constant('i32', BigInt.asIntN(32, a.value));
    if (a.op === 'undef') return f.undef('i32');
    if (a.op === 'cast' && (a.cast === 'zext' || a.cast === 'sext')) return a.args[0];
    const half = f.create('cast', 'i32', [a], node.loc);
    half.cast = 'trunc';
    const place: Block = node.op === 'phi' ? node.targets[n] : node.block!;
    half.block = place;
    place.insts.splice(node.op === 'phi' ? place.insts.length - 1 : place.insts.indexOf(node), 0, half);
    return half;
  });
}
