/**
 * A function that always returns the same number: its callers go on with that number, and only have it called. The verifier
 * knows nothing of what a global function returns, and of what a static one returns it knows it on each path anew.
 */
import type { FunctionDecl } from '../../c/index.ts';
import type { Func, Inst, ValueType } from '../ir.ts';
import { applyReplacements } from './util.ts';

/** True when something changed. @param callee the IR of a function, as optimised; undefined when it is not known */
export function useReturns(f: Func, callee: (d: FunctionDecl) => Func | undefined): boolean {
  const known = new Map<Inst, Inst>();
  // Few functions call one of these.
  let used: Set<Inst> | null = null;
  for (const b of f.blocks)
    for (const i of b.insts) {
      if (i.op !== 'call' || i.callee?.kind !== 'local' || i.type === 'void' || i.type === 'ptr') continue;
      if (i.callee.decl.attributes.weak || i.callee.decl.attributes.naked) continue;
      const g = callee(i.callee.decl);
      const value = g === undefined ? null : alwaysReturned(g);
      if (value === null) continue;
      used ??= new Set(f.blocks.flatMap((x) => x.insts.flatMap((y) => y.args)));
      if (used.has(i)) known.set(i, f.constant(i.type as ValueType, value));
    }
  applyReplacements(f, known);
  return known.size > 0;
}

function alwaysReturned(g: Func): bigint | null {
  let value: bigint | null = null;
  for (const b of g.blocks) {
    const t = b.terminator;
    if (t.op !== 'ret') continue;
    const [r] = t.args;
    if (r?.op !== 'const' || (value !== null && value !== r.value)) return null;
    value = r.value;
  }
  return value;
}
