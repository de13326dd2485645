/** References: what a program has acquired and must give back. */
import type { Env } from './env.ts';
import { ALLOC, isNonOwning, MAYBE_NULL, type Reg, unknownReg } from './reg.ts';
import type { Frame } from './state.ts';

/** A new reference of the current frame; its id is also the id of the pointer. */
export function acquire(env: Env): number {
  const id = env.newId();
  const frame = env.frame;
  frame.refs = [...frame.refs, { id, insn: env.insn, callbackFrame: frame.inCallback ? frame.frameno : 0 }];
  return id;
}

/**
 * Forgets a reference; false when the frame does not have it. Up to 6.12 a callback may only release what its own frame
 * acquired: not what its caller holds, nor what a function that it calls acquired for it (release_reference_state()).
 */
export function releaseState(env: Env, frame: Frame, id: number): boolean {
  const at = frame.refs.findIndex((r) => r.id === id);
  if (at < 0) return false;
  if (env.rules.callbackOwnRefs && frame.inCallback && frame.refs[at].callbackFrame !== frame.frameno) return false;
  const refs = frame.refs.slice();
  // Up to 6.13 the last one takes the place, which comparisons of states see.
  if (env.rules.callbackOwnRefs) refs[at] = refs[refs.length - 1];
  else refs.copyWithin(at, at + 1);
  refs.length--;
  frame.refs = refs;
  return true;
}

/** Releases, and with it every pointer that depends on it. */
export function releaseReference(env: Env, id: number): boolean {
  if (!releaseState(env, env.frame, id)) return false;
  env.state.mapValues((r) => (r.refId === id ? unknownReg(env.insn) : r));
  return true;
}

/** At an unlock: what a list or tree owns may go away now. */
export function invalidateNonOwning(env: Env): void {
  env.state.mapValues((r) => (isNonOwning(r) ? unknownReg(env.insn) : r));
}

/** Passing an object to a list or tree: all pointers to it are borrowed from now on. */
export function becomeNonOwning(env: Env, id: number): boolean {
  if (!env.frame.refs.some((r) => r.id === id)) return false;
  env.state.mapValues((r) => {
    if (r.refId !== id) return r;
    const n = r.copy();
    n.refId = 0;
    return env.nonOwning(n);
  });
  return true;
}

/** Is it an object that the program allocated (in whatever state)? */
export const isAllocated = (r: Reg): boolean => r.kind === 'ptr_' && (r.flags & ALLOC) !== 0;
/** Exactly a pointer to such an object, NULL excluded. */
export const isOwnObject = (r: Reg): boolean => r.kind === 'ptr_' && r.flags === ALLOC;
export const withoutNull = (r: Reg): Reg => {
  const n = r.copy();
  n.flags &= ~MAYBE_NULL;
  return n;
};
