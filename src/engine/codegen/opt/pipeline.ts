/** The order of the passes. */
import type { Func } from '../ir.ts';
import { cleanControlFlow } from './cfg.ts';
import { denyHopeless } from './constants.ts';
import { shareExpressions } from './cse.ts';
import type { UnitContext } from '../lower/context.ts';
import { propagateEqualities } from './equalities.ts';
import { expandBlocks } from './expand-blocks.ts';
import { promoteAllocas } from './mem2reg.ts';
import { forwardMemory } from './memory.ts';
import { useConditions } from './known.ts';
import { narrowTruncations } from './narrow.ts';
import { numberPointers } from './pointers.ts';
import { simplify } from './simplify.ts';
import { compareTerms } from './sums.ts';
import { unrollLoops } from './unroll.ts';
import { removeDead } from './util.ts';

/** Loops unrolled in one function: a bound against growth through nests. */
const MAX_UNROLLED = 200;

/** Optimises one function. */
export function optimise(f: Func, cx: UnitContext): void {
  prepare(f, cx);
  let asked = !useConditions(f);
  if (!asked) settle(f, cx);
  for (let left = MAX_UNROLLED; left > 0;) {
    const done = expandBlocks(f, cx) || numberPointers(f) ? 1 : unrollLoops(f, left);
    if (done === 0) break;
    left -= done;
    settle(f, cx);
    asked = false;
  }
  const narrower = narrowTruncations(f);
  if (compareTerms(f) || narrower) {
    settle(f, cx);
    asked = false;
  }
  if (!asked && useConditions(f)) settle(f, cx);
}

/** What can be done to a function before anything is inlined into it: so much is left to do where it is, and less to copy. */
export function prepare(f: Func, cx: UnitContext): void {
  cleanControlFlow(f);
  settle(f, cx);
  if (denyHopeless(f)) settle(f, cx);
}

const PASSES: readonly ((f: Func) => boolean)[] = [
  promoteAllocas,
  simplify,
  cleanControlFlow,
  propagateEqualities,
  shareExpressions,
  forwardMemory,
  removeDead,
];
/** Those that go on until they find nothing themselves: they need not be asked again when no other pass did anything. */
const THOROUGH: ReadonlySet<(f: Func) => boolean> = new Set([cleanControlFlow, removeDead]);
const MAX_ROUNDS = 64;

/** Repeats the passes until each has found nothing to change; bounded, as every round only removes or folds. */
function settle(f: Func, cx: UnitContext): void {
  let idle = 0;
  for (let n = 0; n < MAX_ROUNDS * PASSES.length && idle < PASSES.length; n++) {
    if (n % PASSES.length === 0) cx.pulse();
    const pass = PASSES[n % PASSES.length];
    if (pass(f)) idle = THOROUGH.has(pass) ? 1 : 0;
    else idle++;
  }
}
