/**
 * Common subexpressions within blocks, and arithmetic over dominated blocks.
 *
 * Casts and addresses are shared within a block only: a widened copy made before a check does not learn from it, and
 * re-materialised addresses are cheaper than registers held over calls.
 */
import type { Block, Func, Inst } from '../ir.ts';
import { dominators } from './dominators.ts';
import { accessKey, applyReplacements } from './util.ts';

export function shareExpressions(f: Func): boolean {
  const dom = dominators(f);
  const replaced = new Map<Inst, Inst>();
  const find = (i: Inst): Inst => {
    let r = i;
    for (let n = replaced.get(r); n !== undefined; n = replaced.get(r)) r = n;
    return r;
  };
  const scopes: Map<string, Inst>[] = [];
  const lookup = (key: string): Inst | undefined => {
    for (let n = scopes.length - 1; n >= 0; n--) {
      const v = scopes[n].get(key);
      if (v !== undefined) return v;
    }
    return undefined;
  };
  const enter = (b: Block): void => {
    const wide = new Map<string, Inst>();
    scopes.push(wide);
    const local = new Map<string, Inst>();
    for (const i of b.insts) {
      if (i.op === 'phi') continue;
      i.args = i.args.map(find);
      const key = keyOf(i);
      if (key === null) continue;
      const narrow =
        i.op === 'cast' || i.op === 'global' || i.op === 'fieldptr' || i.op === 'coreimm' || i.type === 'ptr';
      const known = narrow ? local.get(key) : (lookup(key) ?? local.get(key));
      if (known !== undefined) replaced.set(i, known);
      else (narrow ? local : wide).set(key, i);
    }
  };
  const stack: { block: Block; next: number }[] = [{ block: f.blocks[0], next: 0 }];
  enter(f.blocks[0]);
  while (stack.length > 0) {
    const top = stack[stack.length - 1];
    const kids = dom.children(top.block);
    if (top.next < kids.length) {
      const b = kids[top.next++];
      stack.push({ block: b, next: 0 });
      enter(b);
    } else {
      stack.pop();
      scopes.pop();
    }
  }
  if (replaced.size === 0) return false;
  applyReplacements(f, replaced);
  for (const b of f.blocks) b.insts = b.insts.filter((i) => !replaced.has(i));
  return true;
}

/** Null for what must not be shared. */
function keyOf(i: Inst): string | null {
  const args = i.args.map((a) => (a.op === 'const' ? `${a.type}${a.value}` : `%${a.id}`)).join(',');
  switch (i.op) {
    case 'bin':
      return `${i.bin} ${i.type} ${args}`;
    case 'cast':
      return `${i.cast} ${i.type} ${i.size} ${args}`;
    case 'bswap':
      return `bswap ${i.size} ${i.type} ${args}`;
    case 'cmp':
      return `cmp ${i.pred} ${args}`;
    case 'global': {
      const s = i.symbol!;
      return s.kind === 'string' ? `string ${s.key} ${i.offset}` : null;
    }
    case 'fieldptr':
      return `field ${args} ${accessKey(i.access!)}`;
    default:
      return null;
  }
}
