/** Checkpoints: keeping states, and ending a path that an explored state covers. */
import { CALLS_CALLBACK, FORCE_CHECKPOINT, ITER_NEXT, JMP_POINT, MAY_GOTO } from './cfg.ts';
import type { Checkpoint, Env } from './env.ts';
import { EINVAL } from './env.ts';
import { iterDepthsDiffer, maybeLooping, statesEqual } from './equal.ts';
import { cleanState, isClean, propagateLiveness } from './liveness.ts';
import { propagatePrecision, recordHistory } from './precision.ts';
import { frameText } from './print.ts';
import type { Hit } from './record.ts';
import type { Frame, State } from './state.ts';
import { LIVE_DONE } from './state.ts';

/** The outermost loop header that a state belongs to. */
export function loopEntry(st: State): State | null {
  let top = st.loopEntry;
  while (top !== null && top.loopEntry !== null && top !== top.loopEntry) top = top.loopEntry;
  for (let s: State | null = st; s !== null && s.loopEntry !== top;) {
    const before: State | null = s.loopEntry;
    s.loopEntry = top;
    s = before;
  }
  return top;
}

function updateLoopEntry(cur: State, header: State): void {
  const c = loopEntry(cur) ?? cur;
  const h = loopEntry(header) ?? header;
  if (h.branches > 0 && h.dfsDepth <= c.dfsDepth) {
    cur.loopEntry = header;
    header.usedAsLoopEntry = true;
  }
}

/** A path ended: the checkpoints it went through have one branch less to explore. */
export function pathEnded(st: State): void {
  for (let s: State | null = st; s !== null; s = s.parent) {
    s.branches--;
    if (s.branches === 0 && s.parent !== null && s.loopEntry !== null) updateLoopEntry(s.parent, s.loopEntry);
    if (s.branches > 0) return;
  }
}

function sameCallsites(a: State, b: State): boolean {
  if (a.frames.length !== b.frames.length) return false;
  for (let i = 0; i < a.frames.length; i++) if (a.frames[i].callsite !== b.frames[i].callsite) return false;
  return true;
}

/** At a prune point: true when the rest of the path was explored already. Otherwise may keep the state. */
export function alreadyVisited(env: Env): boolean {
  const cur = env.state;
  const at = env.insn;
  const force =
    env.testStateFreq ||
    (env.points[at] & FORCE_CHECKPOINT) !== 0 ||
    (env.rules.fullBacktrack && cur.history.length > 40);
  let add =
    force || (env.jumpsProcessed - env.prevJumpsProcessed >= 2 && env.insnsProcessed - env.prevInsnsProcessed >= 8);
  const list = env.explored.get(at) ?? [];
  for (const c of list) {
    if (c.state.branches > 0 || isClean(c.state)) continue;
    const entry = loopEntry(c.state);
    if (entry !== null && entry.branches > 0) continue;
    if (sameCallsites(c.state, cur)) cleanState(c.state);
  }
  let seen = 0;
  for (let n = 0; n < list.length;) {
    const c = list[n];
    seen++;
    if (c.state.branches > 0) {
      const async = c.state.cur.inAsyncCallback && c.state.cur.asyncEntry !== cur.cur.asyncEntry;
      if (async) {
        // Another entry into the callback: neither a loop nor explored yet.
      } else if (env.points[at] & ITER_NEXT) {
        if (statesEqual(env, c.state, cur, 'range') && iterIsActive(env)) {
          updateLoopEntry(cur, c.state);
          return hit(env, c, 'iterator');
        }
      } else if (
        env.points[at] & MAY_GOTO &&
        c.state.mayGotoDepth !== cur.mayGotoDepth &&
        statesEqual(env, c.state, cur, 'range')
      ) {
        updateLoopEntry(cur, c.state);
        return hit(env, c, 'may-goto');
      } else if (env.points[at] & CALLS_CALLBACK) {
        if (statesEqual(env, c.state, cur, 'range')) return hit(env, c, 'callback');
      } else if (maybeLooping(c.state, cur) && loops(env, c.state)) {
        infiniteLoop(env, c.state);
      }
      if (
        !force &&
        env.jumpsProcessed - env.prevJumpsProcessed < 20 &&
        env.insnsProcessed - env.prevInsnsProcessed < 100
      ) {
        add = false;
      }
    } else {
      const entry = loopEntry(c.state);
      const strict = entry !== null && entry.branches > 0;
      if (statesEqual(env, c.state, cur, strict ? 'range' : 'covers')) {
        if (strict && entry !== null) updateLoopEntry(cur, entry);
        return hit(env, c, strict ? 'loop' : 'equal');
      }
    }
    if (add) c.misses++;
    const patience = env.points[at] & FORCE_CHECKPOINT && c.state.branches > 0 ? 64 : 3;
    if (c.misses > c.hits * patience + patience) {
      // Unlikely to be of use: forget it (its children still hold it).
      list.splice(n, 1);
      if (c.state.frames[0].regs[0].live & LIVE_DONE && !c.state.usedAsLoopEntry) env.peakStates--;
      continue;
    }
    n++;
  }
  env.maxStatesPerInsn = Math.max(env.maxStatesPerInsn, seen);
  if (add) checkpoint(env, list);
  return false;
}

const loops = (env: Env, old: State): boolean =>
  statesEqual(env, old, env.state, env.rules.fullBacktrack ? 'exact' : 'covers') &&
  !iterDepthsDiffer(old, env.state) &&
  old.mayGotoDepth === env.state.mayGotoDepth &&
  old.callbackUnroll === env.state.callbackUnroll;

/** Is the iterator that the call steps (its first argument) not drained? */
function iterIsActive(env: Env): boolean {
  const r1 = env.reg(1);
  const spi = Math.trunc((-(r1.off + Number(r1.num.constS64)) - 1) / 8);
  return env.frameOf(r1).stack[spi]?.cell.reg.iter?.state === 'active';
}

function infiniteLoop(env: Env, old: State): never {
  const message = `infinite loop detected at insn ${env.insn}`;
  if (env.rules.fullBacktrack) {
    // 6.12 prints both states after the sentence.
    const extra = `cur state:${frameText(env, env.frame)}\nold state:${frameText(env, old.frames[env.state.frames.length - 1])}`;
    try {
      env.fail(EINVAL, 'infinite-loop', message);
    } finally {
      env.log.line(extra);
    }
  }
  env.fail(EINVAL, 'infinite-loop', message);
}

function hit(env: Env, c: Checkpoint, how: Hit): true {
  c.hits++;
  env.recorder?.pruned(env, c.state, how);
  propagateLiveness(c.state, env.state);
  if (env.points[env.insn] & JMP_POINT) recordHistory(env, {});
  propagatePrecision(env, c.state);
  return true;
}

/** A new checkpoint starts imprecise. */
function forgetPrecision(f: Frame): void {
  const { regs, stack } = f;
  for (let i = 0; i < regs.length; i++) regs[i].precise = false;
  for (let i = 0; i < stack.length; i++) if (stack[i].isSpill) stack[i].cell.precise = false;
}

function checkpoint(env: Env, list: Checkpoint[]): void {
  const cur = env.state;
  env.totalStates++;
  env.peakStates++;
  env.prevJumpsProcessed = env.jumpsProcessed;
  env.prevInsnsProcessed = env.insnsProcessed;
  for (const f of cur.frames) forgetPrecision(f);
  const kept = cur.copy();
  kept.insn = env.insn;
  kept.branches = 1;
  env.recorder?.kept(kept);
  cur.parent = kept;
  cur.firstInsn = env.insn;
  cur.history = [];
  cur.dfsDepth = kept.dfsDepth + 1;
  list.unshift({ state: kept, hits: 0, misses: 0 });
  env.explored.set(env.insn, list);
  cur.frames.forEach((f, n) => {
    const k = kept.frames[n];
    const inner = n === cur.frames.length - 1;
    for (let i = 0; i < 10; i++) {
      // Callers' r1-r5 are dead, and r0 comes from the callee.
      if (inner || i >= 6) f.regs[i].parent = k.regs[i];
      f.regs[i].live = 0;
    }
    const { stack } = f;
    for (let i = 0; i < stack.length; i++) {
      stack[i].cell.live = 0;
      stack[i].cell.parent = k.stack[i].cell;
    }
  });
}
