/** `__builtin_constant_p`: yes is said by folding (simplify.ts), no here. */
import type { Func, Inst } from '../ir.ts';
import { applyReplacements } from './util.ts';

/** Says no to whether values are constants that have not become any. True when something was asked. */
export const denyConstants = (f: Func): boolean => deny(f, () => true);

/** Says no where neither inlining nor unrolling can make a constant: the value is read from somewhere. */
export const denyHopeless = (f: Func): boolean => deny(f, (v) => !mayBecomeConstant(v, new Set()));

function deny(f: Func, which: (value: Inst) => boolean): boolean {
  const no = new Map<Inst, Inst>();
  for (const b of f.blocks)
    for (const i of b.insts) if (i.op === 'isconst' && which(i.args[0])) no.set(i, f.constant('i32', 0));
  if (no.size === 0) return false;
  applyReplacements(f, no);
  for (const b of f.blocks) b.insts = b.insts.filter((i) => !no.has(i));
  return true;
}

function mayBecomeConstant(v: Inst, seen: Set<Inst>): boolean {
  if (seen.has(v)) return true;
  seen.add(v);
  switch (v.op) {
    case 'const':
    case 'undef':
    case 'param':
      return true;
    case 'call':
      return v.callee?.kind !== 'helper' && v.callee?.kind !== 'kfunc';
    case 'phi':
    case 'bin':
    case 'cast':
    case 'bswap':
    case 'cmp':
      return v.args.every((a) => mayBecomeConstant(a, seen));
    default:
      return false;
  }
}
