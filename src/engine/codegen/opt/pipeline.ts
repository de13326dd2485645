/** The order of the passes. */
import type { Func } from '../ir.ts';
import { cleanControlFlow } from './cfg.ts';
import { promoteAllocas } from './mem2reg.ts';
import { simplify } from './simplify.ts';
import { removeDead } from './util.ts';

/** Optimises one function until nothing changes (bounded, as every round only removes or folds). */
export function optimise(f: Func): void {
  cleanControlFlow(f);
  for (let round = 0; round < 8; round++) {
    let changed = promoteAllocas(f);
    if (simplify(f)) changed = true;
    if (cleanControlFlow(f)) changed = true;
    if (removeDead(f)) changed = true;
    if (!changed) return;
  }
}
