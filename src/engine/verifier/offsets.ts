/** Kernels that do not tell the fixed part of a pointer's offset apart from the rest see one number. */
import { addRanges } from './alu-values.ts';
import type { BoundsRules } from './bounds.ts';
import type { Reg } from './reg.ts';
import { Scalar } from './scalar.ts';
import { tnumAdd } from './tnum.ts';

/** The pointer with its whole offset as a number. */
export function wholeOffset(r: Reg, bounds: BoundsRules): Reg {
  if (r.off === 0) return r;
  const n = r.num.clone();
  const by = Scalar.int32(r.off);
  (bounds.add ?? addRanges)(n, by);
  n.tnum = tnumAdd(n.tnum, by.tnum);
  n.unbound32();
  bounds.sync(n);
  const whole = r.withNum(n);
  whole.off = 0;
  return whole;
}
