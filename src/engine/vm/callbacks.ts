/**
 * Helpers that call back into the program. A callback is a frame with a continuation: plain data that says what to do
 * when it returns. So nothing recurses, and a run can be stopped or saved inside a callback.
 */
import type { Run } from './run.ts';
import type { VmMap } from './maps/map.ts';

export type Continuation =
  | { readonly kind: 'loop'; i: number; readonly count: number; readonly func: number; readonly ctx: Int32Array }
  | {
      readonly kind: 'each';
      i: number;
      readonly map: VmMap;
      readonly items: readonly { readonly key: number; readonly value: number }[];
      readonly func: number;
      readonly ctx: Int32Array;
    };

/** Sets r1..r5 for the next call of a continuation. */
export function setCallbackArgs(run: Run, c: Continuation): void {
  const R = run.R;
  R.fill(0, 2, 12);
  if (c.kind === 'loop') {
    R[2] = c.i;
    R[4] = c.ctx[0];
    R[5] = c.ctx[1];
    return;
  }
  const item = c.items[c.i];
  const khi = R[21];
  R[2] = c.map.addr;
  R[3] = khi;
  R[4] = item.key;
  R[5] = khi;
  R[6] = item.value;
  R[7] = khi;
  R[8] = c.ctx[0];
  R[9] = c.ctx[1];
}

/** The callback returned r0: calls it again (true) or leaves the helper's result in r0 (false). */
export function resumeCallback(run: Run, c: Continuation, retPc: number): boolean {
  // Both helpers stop at a non-zero return and give the number of calls made.
  c.i++;
  const stop = (run.R[0] | run.R[1]) !== 0;
  const count = c.kind === 'loop' ? c.count : c.items.length;
  if (!stop && c.i < count) {
    setCallbackArgs(run, c);
    run.enter(c.func, retPc, c);
    return true;
  }
  run.ret(c.i);
  return false;
}
