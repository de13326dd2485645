/**
 * Dynptrs: two stack slots that stand for memory of unknown size. Programs can neither read nor write them, only pass them
 * to helpers and kernel functions; slices point into the memory and die with the dynptr. As Linux 6.12 tracks them.
 */
import type { Env } from './env.ts';
import { EINVAL } from './env.ts';
import { markSlotRead } from './liveness.ts';
import { memAccess } from './memory.ts';
import { acquire, releaseReference } from './refs.ts';
import type { DynptrType, Reg } from './reg.ts';
import { Reg as RegClass, unknownReg } from './reg.ts';
import { SCALAR_ZERO } from './scalar.ts';
import { clearSlot, destroyDynptr, objectSlot, OUT_OF_STACK, refcounted } from './slots.ts';
import { ALL_DYNPTR, SLOT_DYNPTR } from './stack-slot.ts';

/** How an argument uses a dynptr. */
export interface DynptrArg {
  /** Filled by the call: an uninitialised place on the stack. */
  readonly uninit: boolean;
  /** The call does not change the dynptr itself. */
  readonly readOnly: boolean;
  /** null = any. */
  readonly type: DynptrType | null;
}

function dynptrReg(type: DynptrType, first: boolean, id: number): Reg {
  const r = new RegClass('dynptr_ptr', SCALAR_ZERO);
  r.id = id;
  r.dynptr = { type, first };
  return r;
}

/** What a callback or a global function gets for a dynptr argument: a pointer to one that it may not change. */
export const constDynptr = (env: Env, type: DynptrType): Reg => dynptrReg(type, true, env.newId());

/** First slot of the dynptr that a stack pointer points to; negative errno when that cannot be. Logs why. */
export function dynptrSlot(env: Env, reg: Reg): number {
  if (env.rules.dynptrsEnd) return objectSlot(env, reg, 'dynptr', 2);
  // 6.1 looks at the fixed part of the offset only (get_spi()).
  const spi = Math.trunc((-reg.off - 1) / 8);
  return spi >= 1 && spi < env.frameOf(reg).stack.length ? spi : OUT_OF_STACK;
}

function create(env: Env, reg: Reg, type: DynptrType, cloneRef: number): void {
  const spi = dynptrSlot(env, reg);
  if (spi < 0) env.fail(-spi, 'dynptr', 'Dynptr has to be an uninitialized dynptr');
  const frame = env.frameOf(reg);
  destroyDynptr(env, frame, spi);
  destroyDynptr(env, frame, spi - 1);
  const reference = (): number => (refcounted(type) ? cloneRef || acquire(env) : 0);
  // 7.2 takes the reference first.
  const early = env.rules.oneId ? reference() : 0;
  const id = env.rules.dynptrsEnd ? env.newId() : 0;
  const refId = early || reference();
  for (const [n, first] of [
    [spi, true],
    [spi - 1, false],
  ] as const) {
    const r = dynptrReg(type, first, id);
    r.refId = refId;
    frame.putSlot(n, ALL_DYNPTR, r);
    frame.noteWritten(n);
  }
}

/** Is there a whole dynptr that starts exactly there? */
/** Does a pointer lead to the beginning of a dynptr? */
export function isInitialised(env: Env, reg: Reg): boolean {
  if (reg.kind === 'dynptr_ptr') return true;
  const spi = dynptrSlot(env, reg);
  if (spi < 0) return false;
  const { stack } = env.frameOf(reg);
  return stack[spi].reg.dynptr?.first === true && stack[spi].isDynptr && stack[spi - 1].isDynptr;
}

/** The state of the dynptr that an argument leads to. */
function target(env: Env, reg: Reg): Reg {
  return reg.kind === 'dynptr_ptr' ? reg : env.frameOf(reg).stack[dynptrSlot(env, reg)].reg;
}
export const dynptrId = (env: Env, reg: Reg): number => target(env, reg).id;
export const dynptrRef = (env: Env, reg: Reg): number => target(env, reg).refId;
export const dynptrType = (env: Env, reg: Reg): DynptrType => target(env, reg).dynptr!.type;

/** A dynptr argument (process_dynptr_func). `argno` counts from 0. */
export function checkDynptr(env: Env, regno: number, arg: DynptrArg, cloneRef = 0): void {
  const reg = env.reg(regno);
  const bad = (message: string): never => env.fail(EINVAL, 'dynptr', message, regno);
  // How the kernel counts arguments here.
  const byName = env.rules.argsByRegister;
  const as = byName ? `R${regno}` : `arg #${env.rules.dynptrsEnd ? regno - 1 : regno}`;
  // 6.1 takes it that a helper made what a callback is given.
  if (!env.rules.dynptrsEnd && reg.kind === 'dynptr_ptr') return;
  if (!env.rules.dynptrsEnd) {
    if (reg.off % 8 !== 0) bad('cannot pass in dynptr at an offset');
  }
  if (reg.kind !== 'fp' && reg.kind !== 'dynptr_ptr') {
    bad(`${byName ? `R${regno}` : `arg#${regno - 1}`} expected pointer to stack or const struct bpf_dynptr`);
  }
  if (arg.uninit) {
    const spi = reg.kind === 'dynptr_ptr' ? -EINVAL : dynptrSlot(env, reg);
    // An impossible place is found by the stores below before 6.2.
    if ((spi < 0 && spi !== OUT_OF_STACK && env.rules.dynptrsEnd) || inTheWay(env, reg, spi)) {
      bad('Dynptr has to be an uninitialized dynptr');
    }
    for (const off of [0, 8]) memAccess(env, { regno, off, size: 8, access: 'write', value: -1 });
    create(env, reg, arg.type ?? 'local', cloneRef);
    return;
  }
  if (reg.kind === 'dynptr_ptr' && !arg.readOnly) {
    bad('cannot pass pointer to const bpf_dynptr, the helper mutates it');
  }
  if (!isInitialised(env, reg)) bad(`Expected an initialized dynptr as ${as}`);
  if (arg.type !== null && target(env, reg).dynptr?.type !== arg.type) {
    bad(`Expected a dynptr of type ${arg.type} as ${as}`);
  }
  if (reg.kind === 'dynptr_ptr') return;
  const frame = env.frameOf(reg);
  const spi = dynptrSlot(env, reg);
  // 6.1 forgets to note it: a dynptr that is overwritten on another path may be taken for one that is not.
  if (env.rules.dynptrsEnd) {
    markSlotRead(frame, spi);
    markSlotRead(frame, spi - 1);
  }
}

/** Before 6.2 nothing may be made over any part of a dynptr. */
const inTheWay = (env: Env, reg: Reg, spi: number): boolean =>
  !env.rules.dynptrsEnd &&
  spi >= 0 &&
  [spi, spi - 1].some((n) => env.frameOf(reg).stack[n].types.includes(SLOT_DYNPTR));

/** Submit and discard: the dynptr, its clones and all slices are gone (unmark_stack_slots_dynptr). */
export function releaseDynptr(env: Env, reg: Reg): boolean {
  const spi = dynptrSlot(env, reg);
  if (spi < 0) return false;
  const frame = env.frameOf(reg);
  const { refId, dynptr } = frame.stack[spi].reg;
  if (!refcounted(dynptr?.type)) {
    clearSlot(frame, spi);
    clearSlot(frame, spi - 1);
    return true;
  }
  releaseReference(env, refId);
  const gone = new Set<number>();
  for (let i = 1; i < frame.stack.length; i++) {
    const slot = frame.stack[i];
    if (!slot.isDynptr || slot.reg.refId !== refId || !slot.reg.dynptr?.first) continue;
    gone.add(slot.reg.id);
    clearSlot(frame, i);
    clearSlot(frame, i - 1);
  }
  // Slices that kernel functions made have no part in the reference.
  if (env.rules.slicesEnd) env.state.mapValues((r) => (gone.has(r.dynptrId) ? unknownReg(env.insn) : r));
  return true;
}
