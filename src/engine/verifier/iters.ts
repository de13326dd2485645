/**
 * Open-coded iterators (bpf_iter_<type>_new, _next, _destroy): state in stack slots, and loops that end because `next`
 * returns NULL some day. As Linux 6.12 does it: each `next` forks into "drained" and "one more", and the loop is done when
 * the state of one more round is covered by one from before.
 */
import type { Env } from './env.ts';
import { EINVAL } from './env.ts';
import { markSlotRead } from './liveness.ts';
import { memAccess } from './memory.ts';
import { acquire, releaseReference, withoutNull } from './refs.ts';
import type { IterInfo, Reg } from './reg.ts';
import { constReg, pointerReg, RCU, UNTRUSTED } from './reg.ts';
import { clearSlot, objectSlot, OUT_OF_STACK } from './slots.ts';
import type { State } from './state.ts';
import { ALL_ITER, SLOT_ITER } from './stack-slot.ts';
import { previousEntry, widenTo } from './widen.ts';

/** Which step of an iterator a kernel function is; `use` = it takes an iterator (`__iter`). */
export type IterStep = 'new' | 'next' | 'destroy' | 'use';

/** The iterator that an argument turned out to be. */
export interface IterPlace {
  readonly frame: number;
  readonly spi: number;
  readonly refId: number;
}

const typeText = (env: Env, typeId: number): string => env.btf.name(typeId).replace(/^bpf_iter_/, '');

/** An iterator argument of type `typeId` (process_iter_arg). `rcu`: it needs an RCU section. */
export function checkIter(
  env: Env,
  regno: number,
  typeId: number,
  step: IterStep,
  rcu: boolean,
  func: string,
): IterPlace | null {
  const reg = env.reg(regno);
  const bad = (message: string): never => env.fail(EINVAL, 'iterator', message, regno);
  const byName = env.rules.argsByRegister;
  if (reg.kind !== 'fp') bad(`${byName ? `R${regno}` : `arg#${regno - 1}`} expected pointer to an iterator on stack`);
  const as = byName ? `R${regno}` : `arg #${regno - 1}`;
  const slots = (env.btf.sizeOf(typeId) ?? 0) / 8;
  if (step === 'new') {
    if (!isFree(env, reg, slots)) bad(`expected uninitialized iter_${typeText(env, typeId)} as ${as}`);
    for (let i = 0; i < slots; i++) memAccess(env, { regno, off: i * 8, size: 8, access: 'write', value: -1 });
    create(env, reg, typeId, slots, rcu);
    return null;
  }
  const spi = objectSlot(env, reg, 'iter', slots);
  const frame = env.frameOf(reg);
  let fine = spi >= 0;
  for (let i = 0; fine && i < slots; i++) {
    const slot = frame.stack[spi - i];
    const st = slot.reg;
    if (st.flags & UNTRUSTED) {
      env.fail(71, 'iterator', `expected an RCU CS when using ${func}`, regno);
    }
    fine = slot.isIter && st.iter?.btfId === typeId && (st.refId !== 0) === (i === 0);
  }
  if (!fine) bad(`expected an initialized iter_${typeText(env, typeId)} as ${as}`);
  for (let i = 0; i < slots; i++) {
    markSlotRead(frame, spi - i);
    env.log.touchSlot(spi - i);
  }
  const place = { frame: reg.frame, spi, refId: frame.stack[spi].reg.refId };
  if (step === 'destroy') destroy(env, reg, spi, slots);
  return place;
}

/** Nothing but another iterator may be in the way. */
function isFree(env: Env, reg: Reg, slots: number): boolean {
  const spi = objectSlot(env, reg, 'iter', slots);
  if (spi === OUT_OF_STACK) return true;
  if (spi < 0) return false;
  for (let i = 0; i < slots; i++) if (env.frameOf(reg).stack[spi - i].types.includes(SLOT_ITER)) return false;
  return true;
}

function create(env: Env, reg: Reg, typeId: number, slots: number, rcu: boolean): void {
  const spi = objectSlot(env, reg, 'iter', slots);
  const id = acquire(env);
  const frame = env.frameOf(reg);
  for (let i = 0; i < slots; i++) {
    // Like the kernel: a kind of register that never gets out of the slot.
    const st = pointerReg('fp', rcu ? (env.inRcu ? RCU : UNTRUSTED) : 0, env.insn);
    st.refId = i === 0 ? id : 0;
    st.iter = { btfId: typeId, state: 'active', depth: 0 };
    frame.putSlot(spi - i, ALL_ITER, st);
    frame.noteWritten(spi - i);
    env.log.touchSlot(spi - i);
  }
}

function destroy(env: Env, reg: Reg, spi: number, slots: number): void {
  const frame = env.frameOf(reg);
  releaseReference(env, frame.stack[spi].reg.refId);
  for (let i = 0; i < slots; i++) clearSlot(frame, spi - i);
}

const regAt = (st: State, at: IterPlace): Reg => st.frames[at.frame].stack[at.spi].reg;

function change(st: State, at: IterPlace, more: Partial<IterInfo>): void {
  const r = regAt(st, at).copy();
  r.iter = { ...r.iter!, ...more };
  st.frames[at.frame].putSlotReg(at.spi, r);
}

/** State of the iterator: what its `next` returns depends on it. */
export const iterReg = (env: Env, at: IterPlace): Reg => regAt(env.state, at);

/** After the call of `next`: this path sees the end, another one more element (process_iter_next_call). */
export function iterNext(env: Env, at: IterPlace): void {
  if (regAt(env.state, at).iter!.state === 'active') {
    const before = previousEntry(env, env.state.parent, env.insn);
    const more = env.push(env.insn + 1, env.insn, 'iterator-next');
    change(more, at, { depth: regAt(more, at).iter!.depth + 1 });
    if (before !== null) widenTo(env, before, more);
    more.cur.regs[0] = withoutNull(more.cur.regs[0]);
  }
  change(env.state, at, { state: 'drained' });
  env.setReg(0, constReg(0n, env.insn));
}
