/** Which places are read later: marks run up the chain of checkpoints until a write screens them off. */
import type { Env } from './env.ts';
import { EACCES } from './env.ts';
import type { Kept, KeptState } from './kept.ts';
import type { Frame, State } from './state.ts';

/**
 * The value of register `n` is read: so is the same place in the checkpoints before, up to its last write.
 * @returns how many there were
 */
export const markRead = (frame: Frame, n: number): number => markFrom(frame.readAt(n), frame.readDepth(n));

/** The same for slot `n` of a frame's stack. */
export function markSlotRead(frame: Frame, n: number): number {
  const { kept } = frame;
  if (kept === null || !kept.reads || n >= kept.slots.length || frame.isWritten(n)) return 0;
  return markFrom(kept.slots[n], frame.keptDepth);
}

function markFrom(from: Kept | null, fromDepth: number): number {
  let walked = 0;
  let k = from;
  let depth = fromDepth;
  while (k !== null && k.readTo < depth) {
    const seen = k.readTo >= k.first;
    walked += depth - (seen ? k.readTo : k.first - 1);
    k.readTo = depth;
    // Checkpoints before were told already, or what they hold was overwritten.
    if (seen || k.written) break;
    depth = k.parentDepth;
    k = k.parent;
  }
  return walked;
}

export function noteWalk(env: Env, walked: number): void {
  if (walked > env.longestMarkRead) env.longestMarkRead = walked;
}

/** Source operand: must hold something. */
export function useReg(env: Env, regno: number): void {
  checkRegno(env, regno);
  env.log.touchReg(regno);
  const { frame } = env;
  if (frame.regs[regno].kind === '?') env.fail(EACCES, 'uninit-register', `R${regno} !read_ok`, regno);
  // r10 is never written: no need to track it.
  if (regno !== 10) noteWalk(env, markRead(frame, regno));
}

/** Destination operand. The caller stores the new value. */
export function defineReg(env: Env, regno: number): void {
  checkRegno(env, regno);
  env.log.touchReg(regno);
  if (regno === 10) env.fail(EACCES, 'write-fp', 'frame pointer is read only', regno);
  env.frame.written |= 1 << regno;
}

function checkRegno(env: Env, regno: number): void {
  if (regno > 10) env.fail(22, 'bad-register', `R${regno} is invalid`);
}

/** What the rest of an equivalent state reads is read by us. */
export function propagateLiveness(old: KeptState, cur: State): void {
  if (old.allRead) return;
  old.frames.forEach((f, n) => {
    const g = cur.frames[n];
    for (let i = n < old.frames.length - 1 ? 6 : 0; i < 10; i++) if (old.isRead(f.regs[i])) markRead(g, i);
    for (let i = 0; i < f.stack.length && i < g.stack.length; i++) if (old.isRead(f.stack[i])) markSlotRead(g, i);
  });
}
