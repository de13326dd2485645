/**
 * Where `x == constant` was tested, x is the constant: in the blocks that only the equal side leads to. What is computed
 * from it folds, and the verifier sees a number instead of a register of which it may have lost track.
 *
 * Pointers are left alone (a null pointer that is passed on keeps its type), and so are phis: an edge would need a move.
 */
import type { Block, Func, Inst, ValueType } from '../ir.ts';
import { dominators } from './dominators.ts';

export function propagateEqualities(f: Func): boolean {
  const facts = new Map<Block, { value: Inst; constant: Inst }>();
  for (const b of f.blocks) {
    const t = b.terminator;
    if (t.op !== 'condbr' || (t.pred !== 'eq' && t.pred !== 'ne')) continue;
    const [value, constant] = t.args;
    const equal = t.targets[t.pred === 'eq' ? 0 : 1];
    if (constant.op !== 'const' || value.op === 'const' || value.op === 'undef' || value.type === 'ptr') continue;
    if (equal.preds.length === 1 && t.targets[0] !== t.targets[1]) facts.set(equal, { value, constant });
  }
  if (facts.size === 0) return false;
  const dom = dominators(f);
  const known = new Map<Inst, Inst>();
  let changed = false;
  const enter = (b: Block): void => {
    for (const i of b.insts) {
      if (i.op === 'phi') continue;
      for (let n = 0; n < i.args.length; n++) {
        const c = known.get(i.args[n]);
        if (c === undefined) continue;
        i.args[n] = f.constant(i.args[n].type as ValueType, c.value);
        changed = true;
      }
    }
  };
  // The dominator tree without recursion; a fact holds while its block is on the way.
  const learn = (b: Block): Inst | null => {
    const fact = facts.get(b);
    if (fact === undefined || known.has(fact.value)) return null;
    known.set(fact.value, fact.constant);
    return fact.value;
  };
  const stack: { block: Block; next: number; learned: Inst | null }[] = [];
  const push = (block: Block): void => {
    const learned = learn(block);
    enter(block);
    stack.push({ block, next: 0, learned });
  };
  push(f.blocks[0]);
  while (stack.length > 0) {
    const top = stack[stack.length - 1];
    const kids = dom.children(top.block);
    if (top.next < kids.length) push(kids[top.next++]);
    else {
      stack.pop();
      if (top.learned !== null) known.delete(top.learned);
    }
  }
  return changed;
}
