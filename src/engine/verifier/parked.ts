/**
 * Many paths for later: a program may leave 8,192 of them, each with up to eight frames of registers. Nothing
 * changes a queued state once the next one is queued, so what it has in common with the one below it is stored once; only
 * collecting the garbage of that many copies took longer than verifying.
 */
import type { State } from './state.ts';

/** Takes from `below`, a parked state, what `state` has just so. From now on no place of `state` may be changed. */
export function park(state: State, below: State): void {
  const depth = Math.min(state.frames.length, below.frames.length);
  for (let f = 0; f < depth; f++) {
    const a = state.frames[f];
    const b = below.frames[f];
    if (a.isLike(b)) state.frames[f] = b;
  }
}

/** Gives a parked state places of its own again: those of `spare`, which is not needed any more. */
export function unpark(state: State, spare: State): void {
  const shared = state.frames;
  state.frames = spare.frames;
  spare.frames = [];
  state.takeFrames(shared);
}
