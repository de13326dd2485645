/**
 * A sum that is only compared (`if (len + 8 > 64)`) is not made: its first term is compared with what is left of the number.
 * The verifier then knows the bound of the term, which is what the code behind the test goes on with; of the sum it would
 * know it in a register that nobody uses. clang does the same.
 */
import type { Func, Inst, Pred, ValueType } from '../ir.ts';
import { unsignedMax } from './simplify.ts';
import { countUses } from './util.ts';

/** True when something changed. */
export function compareTerms(f: Func): boolean {
  let uses: Map<Inst, number> | null = null;
  let changed = false;
  for (const b of f.blocks)
    for (const i of b.insts) {
      if (i.op !== 'cmp' && i.op !== 'condbr') continue;
      const [sum, constant] = i.args;
      if (sum.op !== 'bin' || sum.bin !== 'add' || sum.type === 'ptr' || sum.args[1].op !== 'const') continue;
      if (constant.op !== 'const' || (uses ??= countUses(f)).get(sum) !== 1) continue;
      const rest = restOf(i.pred, sum, constant.value);
      if (rest === null) continue;
      i.args = [sum.args[0], f.constant(sum.type as ValueType, rest)];
      changed = true;
    }
  return changed;
}

const isSigned = (pred: Pred): boolean => pred.startsWith('s');

/** What the term is to be compared with, by the same predicate; null when the sum could be another than in school. */
function restOf(pred: Pred, sum: Inst, constant: bigint): bigint | null {
  const bits = sum.type === 'i32' ? 32 : 64;
  const half = 1n << BigInt(bits - 1);
  const added = sum.args[1].value;
  if (pred === 'eq' || pred === 'ne') return BigInt.asIntN(bits, constant - added);
  const max = unsignedMax(sum.args[0]);
  if (isSigned(pred)) {
    const exact = sum.nsw || (max < half && added >= 0n && max + added < half);
    const rest = constant - added;
    return exact && rest >= -half && rest < half ? rest : null;
  }
  const rest = BigInt.asUintN(bits, constant) - added;
  return added >= 0n && max + added < 2n * half && rest >= 0n ? BigInt.asIntN(bits, rest) : null;
}
