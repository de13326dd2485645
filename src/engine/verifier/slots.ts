/** Objects that live in stack slots: where a pointer to one points. */
import type { Env } from './env.ts';
import { EINVAL } from './env.ts';
import type { DynptrType, Reg } from './reg.ts';
import { MAYBE_NULL, unknownReg } from './reg.ts';
import type { Frame } from './state.ts';
import type { StackSlot } from './stack-slot.ts';
import { NO_SLOT } from './stack-slot.ts';

/** The place is on the stack but was never used: fine for something new. */
export const OUT_OF_STACK = -34;

/** First (deepest) slot of an object of `count` slots; -EINVAL (with a line in the log) or OUT_OF_STACK. */
export function objectSlot(env: Env, reg: Reg, what: 'dynptr' | 'iter' | 'irq_flag', count: number): number {
  if (!reg.num.isConst) {
    env.log.line(`${what} has to be at a constant offset`);
    return -EINVAL;
  }
  const off = reg.off + Number(reg.num.constS64);
  if (off % 8 !== 0) {
    env.log.line(`cannot pass in ${what} at an offset=${off}`);
    return -EINVAL;
  }
  const spi = Math.trunc((-off - 1) / 8);
  if (spi + 1 < count) {
    env.log.line(`cannot pass in ${what} at an offset=${off}`);
    return -EINVAL;
  }
  return spi - count + 1 >= 0 && spi < env.frameOf(reg).stack.length ? spi : OUT_OF_STACK;
}

/** Nothing is there any more; written, so that later reads do not reach back behind this point. */
export function clearSlot(frame: Frame, n: number): void {
  frame.replaceSlot(n, NO_SLOT);
  frame.noteWritten(n);
}

/** Dynptrs that must be submitted or discarded. */
export const refcounted = (t: DynptrType | undefined): boolean => t === 'ringbuf' || t === 'file';

/** Does another dynptr stand for the same memory as the one whose first slot is `n`? */
function hasClone(env: Env, frame: Frame, n: number): boolean {
  const { refId } = frame.stack[n].reg;
  return env.state.frames.some((f) =>
    f.stack.some(
      (s, i) => (f !== frame || i !== n) && s.isDynptr && s.reg.dynptr?.first === true && s.reg.refId === refId,
    ),
  );
}

/** A store is about to hit a slot: a dynptr there is gone, with all slices of it (destroy_if_dynptr_stack_slot). */
export function destroyDynptr(env: Env, frame: Frame, spi: number): void {
  const slot = frame.stack[spi] as StackSlot | undefined;
  if (!env.rules.dynptrsEnd || slot === undefined || !slot.isDynptr) return;
  const first = slot.reg.dynptr?.first ? spi : spi + 1;
  const reg = frame.stack[first].reg;
  if (refcounted(reg.dynptr?.type) && !(env.rules.clonesMayGo && hasClone(env, frame, first)))
    env.fail(EINVAL, 'dynptr-overwritten', 'cannot overwrite referenced dynptr');
  const { id } = reg;
  clearSlot(frame, first);
  clearSlot(frame, first - 1);
  env.log.touchSlot(first);
  env.log.touchSlot(first - 1);
  env.state.mapValues((r) =>
    r.kind === 'mem' && (r.flags & ~MAYBE_NULL) === 0 && r.dynptrId === id ? unknownReg(env.insn) : r,
  );
}
