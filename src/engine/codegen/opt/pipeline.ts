/** The order of the passes. */
import type { Func } from '../ir.ts';
import { cleanControlFlow } from './cfg.ts';
import { shareExpressions } from './cse.ts';
import type { UnitContext } from '../lower/context.ts';
import { propagateEqualities } from './equalities.ts';
import { expandBlocks } from './expand-blocks.ts';
import { promoteAllocas } from './mem2reg.ts';
import { forwardMemory } from './memory.ts';
import { useConditions } from './known.ts';
import { numberPointers } from './pointers.ts';
import { simplify } from './simplify.ts';
import { unrollOne } from './unroll.ts';
import { removeDead } from './util.ts';

/** Loops unrolled in one function: a bound against growth through nests. */
const MAX_UNROLLED = 200;

/** Optimises one function. */
export function optimise(f: Func, cx: UnitContext): void {
  cleanControlFlow(f);
  settle(f, cx);
  if (useConditions(f)) settle(f, cx);
  for (let n = 0; n < MAX_UNROLLED && (expandBlocks(f, cx) || numberPointers(f) || unrollOne(f)); n++) settle(f, cx);
  if (useConditions(f)) settle(f, cx);
}

/** Repeats the passes until nothing changes; bounded, as every round only removes or folds. */
function settle(f: Func, cx: UnitContext): void {
  for (let round = 0; round < 10; round++) {
    cx.pulse();
    let changed = promoteAllocas(f);
    if (simplify(f)) changed = true;
    if (cleanControlFlow(f)) changed = true;
    if (propagateEqualities(f)) changed = true;
    if (shareExpressions(f)) changed = true;
    if (forwardMemory(f)) changed = true;
    if (removeDead(f)) changed = true;
    if (!changed) return;
  }
}
