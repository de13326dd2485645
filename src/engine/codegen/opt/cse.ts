/**
 * Common subexpressions within blocks, and arithmetic over dominated blocks.
 *
 * Casts and addresses are shared within a block only: a widened copy made before a check does not learn from it, and
 * re-materialised addresses are cheaper than registers held over calls.
 */
import type { Block, Func, Inst } from '../ir.ts';
import { dominators } from './dominators.ts';
import { accessKey, applyReplacements, replacement } from './util.ts';

export function shareExpressions(f: Func): boolean {
  const dom = dominators(f);
  const replaced = new Map<Inst, Inst>();
  /** What is known on the way to a block, and what the block itself adds. */
  const wide = new Map<string, Inst>();
  const enter = (b: Block): string[] => {
    const added: string[] = [];
    const local = new Map<string, Inst>();
    for (const i of b.insts) {
      if (i.op === 'phi') continue;
      if (replaced.size > 0) for (let n = 0; n < i.args.length; n++) i.args[n] = replacement(replaced, i.args[n]);
      const key = keyOf(i);
      if (key === null) continue;
      const narrow =
        i.op === 'cast' || i.op === 'global' || i.op === 'fieldptr' || i.op === 'coreimm' || i.type === 'ptr';
      const known = narrow ? local.get(key) : (wide.get(key) ?? local.get(key));
      if (known !== undefined) replaced.set(i, known);
      else if (narrow) local.set(key, i);
      else {
        wide.set(key, i);
        added.push(key);
      }
    }
    return added;
  };
  const stack: { block: Block; next: number; added: readonly string[] }[] = [
    { block: f.blocks[0], next: 0, added: enter(f.blocks[0]) },
  ];
  while (stack.length > 0) {
    const top = stack[stack.length - 1];
    const kids = dom.children(top.block);
    if (top.next < kids.length) {
      const b = kids[top.next++];
      stack.push({ block: b, next: 0, added: enter(b) });
    } else {
      stack.pop();
      for (const key of top.added) wide.delete(key);
    }
  }
  if (replaced.size === 0) return false;
  applyReplacements(f, replaced);
  for (const b of f.blocks) b.insts = b.insts.filter((i) => !replaced.has(i));
  return true;
}

/** Null for what must not be shared. */
function keyOf(i: Inst): string | null {
  switch (i.op) {
    case 'bin':
      return `${i.bin} ${i.type} ${argsOf(i)}`;
    case 'cast':
      return `${i.cast} ${i.type} ${i.size} ${argsOf(i)}`;
    case 'bswap':
      return `bswap ${i.size} ${i.type} ${argsOf(i)}`;
    case 'isconst':
      return `isconst ${argsOf(i)}`;
    case 'cmp':
      return `cmp ${i.pred} ${argsOf(i)}`;
    case 'global': {
      const s = i.symbol!;
      return s.kind === 'string' ? `string ${s.key} ${i.offset}` : null;
    }
    case 'fieldptr':
      return `field ${argsOf(i)} ${accessKey(i.access!)}`;
    default:
      return null;
  }
}

function argsOf(i: Inst): string {
  let text = '';
  for (const a of i.args) text += a.op === 'const' ? `${a.type}${a.value},` : `%${a.id},`;
  return text;
}
