/** Checkpoints: keeping states, and ending a path that an explored state covers. */
import { CALLS_CALLBACK, FORCE_CHECKPOINT, ITER_NEXT, JMP_POINT, MAY_GOTO } from './cfg.ts';
import type { Env } from './env.ts';
import { Checkpoint, EINVAL } from './env.ts';
import { iterDepthsDiffer, maybeLooping, statesEqual } from './equal.ts';
import { KeptState } from './kept.ts';
import { dropLoneIds } from './liveness-before.ts';
import { propagateLiveness } from './liveness.ts';
import { propagatePrecision, recordHistory, settlePrecision } from './precision.ts';
import { frameText } from './print.ts';
import type { Hit } from './record.ts';
import type { PathState, State } from './state.ts';

/** The outermost loop header that a state belongs to. */
export function loopEntry(st: PathState): PathState | null {
  let top = st.loopEntry;
  while (top !== null && top.loopEntry !== null && top !== top.loopEntry) top = top.loopEntry;
  for (let s: PathState | null = st; s !== null && s.loopEntry !== top;) {
    const before: PathState | null = s.loopEntry;
    s.loopEntry = top;
    s = before;
  }
  return top;
}

function updateLoopEntry(cur: PathState, header: PathState): void {
  const c = loopEntry(cur) ?? cur;
  const h = loopEntry(header) ?? header;
  if (h.branches > 0 && h.dfsDepth <= c.dfsDepth) {
    cur.loopEntry = header;
    header.usedAsLoopEntry = true;
  }
}

/** A path ended: the checkpoints it went through have one branch less to explore. */
export function pathEnded(env: Env, st: State): void {
  if (env.loops !== null) {
    st.branches--;
    for (let s = st.parent; s !== null; s = s.parent) {
      if (--s.branches > 0) return;
      env.loops.explored(env, s);
    }
    return;
  }
  for (let s: PathState | null = st; s !== null; s = s.parent) {
    s.branches--;
    if (s.branches === 0 && s.parent !== null && s.loopEntry !== null) updateLoopEntry(s.parent, s.loopEntry);
    if (s.branches > 0) return;
  }
}

function sameCallsites(a: KeptState, b: State): boolean {
  if (a.frames.length !== b.frames.length) return false;
  for (let i = 0; i < a.frames.length; i++) if (a.frames[i].callsite !== b.frames[i].callsite) return false;
  return true;
}

/** Checkpoints that a state at an instruction may have to be compared with; those at others may be among them. */
export function checkpointsAt(env: Env, st: State | KeptState, insn: number): Checkpoint[] {
  return env.explored.get(placeOf(env, st, insn)) ?? [];
}

/**
 * The list of checkpoints: its key has the call in it which led to the function (explored_state() of all kernels), so those of
 * other calls are seldom in it, and when they are, they count as the kernel counts them.
 */
const placeOf = (env: Env, st: State | KeptState, insn: number): number =>
  ((insn ^ st.cur.callsite) >>> 0) % env.insns.count;

/** What checkpoints hold that was not read is forgotten when they are explored completely. */
function cleanExplored(list: readonly Checkpoint[], insn: number, cur: State): void {
  for (const c of list) {
    if (c.state.insn !== insn || c.state.branches > 0 || c.state.clean) continue;
    const entry = loopEntry(c.state);
    if (entry !== null && entry.branches > 0) continue;
    if (sameCallsites(c.state, cur)) c.state.clean = true;
  }
}

/** May an explored state still learn what the rest of its loop needs? */
function openLoop(env: Env, st: KeptState): boolean {
  if (env.loops !== null) return env.loops.isOpen(st);
  const entry = loopEntry(st);
  return entry !== null && entry.branches > 0;
}

/** The path goes on in a state of a loop that is not explored yet. */
function closesLoop(env: Env, cur: State, header: PathState): void {
  if (env.loops === null) updateLoopEntry(cur, header);
}

/** What becomes of a path at a prune point: its rest was explored already, or it goes on, perhaps from a new checkpoint. */
type Visit = 'explored' | 'checkpoint' | 'new';

/** At a prune point: compares the state with explored ones, and may keep it. */
export function visit(env: Env): Visit {
  const cur = env.state;
  const at = env.insn;
  const force =
    env.testStateFreq ||
    (env.points[at] & FORCE_CHECKPOINT) !== 0 ||
    (env.rules.fullBacktrack && cur.historyCount > 40);
  let add =
    force || (env.jumpsProcessed - env.prevJumpsProcessed >= 2 && env.insnsProcessed - env.prevInsnsProcessed >= 8);
  const list = checkpointsAt(env, cur, at);
  if (env.before === null) cleanExplored(list, at, cur);
  let seen = 0;
  for (let n = 0; n < list.length;) {
    const c = list[n];
    seen++;
    if (c.state.insn !== at) {
      n++;
      continue;
    }
    env.spend(c.state.frames.length);
    if (c.state.branches > 0) {
      const async = c.state.cur.inAsyncCallback && c.state.cur.asyncEntry !== cur.cur.asyncEntry;
      if (async) {
        // Another entry into the callback: neither a loop nor explored yet.
      } else if (env.points[at] & ITER_NEXT) {
        if (statesEqual(env, c.state, cur, 'range') && iterIsActive(env)) {
          closesLoop(env, cur, c.state);
          return hit(env, c, 'iterator');
        }
      } else if (
        env.points[at] & MAY_GOTO &&
        c.state.mayGotoDepth !== cur.mayGotoDepth &&
        statesEqual(env, c.state, cur, 'range')
      ) {
        closesLoop(env, cur, c.state);
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
      const strict = openLoop(env, c.state);
      if (statesEqual(env, c.state, cur, strict ? 'range' : 'covers')) {
        if (strict) closesLoop(env, cur, loopEntry(c.state) ?? c.state);
        return hit(env, c, strict ? 'loop' : 'equal');
      }
    }
    if (add) c.misses++;
    const patience = env.points[at] & FORCE_CHECKPOINT && c.state.branches > 0 ? 64 : 3;
    if (c.misses > c.hits * patience + patience) {
      // Unlikely to be of use: forget it (its children still hold it).
      list.splice(n, 1);
      if (env.loops !== null) env.loops.evict(c.state);
      else if (c.state.clean && !c.state.usedAsLoopEntry) env.peakStates--;
      continue;
    }
    n++;
  }
  env.maxStatesPerInsn = Math.max(env.maxStatesPerInsn, seen);
  if (!add) return 'new';
  checkpoint(env, list);
  return 'checkpoint';
}

const loops = (env: Env, old: KeptState): boolean =>
  statesEqual(env, old, env.state, env.rules.fullBacktrack ? 'exact' : 'covers') &&
  !iterDepthsDiffer(old, env.state) &&
  old.mayGotoDepth === env.state.mayGotoDepth &&
  old.callbackUnroll === env.state.callbackUnroll;

/** Is the iterator that the call steps (its first argument) not drained? */
function iterIsActive(env: Env): boolean {
  const r1 = env.reg(1);
  const spi = Math.trunc((-(r1.off + Number(r1.num.constS64)) - 1) / 8);
  return env.frameOf(r1).stack[spi]?.reg.iter?.state === 'active';
}

function infiniteLoop(env: Env, old: KeptState): never {
  const message = `infinite loop detected at insn ${env.insn}`;
  settlePrecision(env);
  if (env.rules.fullBacktrack) {
    // 6.12 prints both states after the sentence.
    const extra = `cur state:${frameText(env, env.frame)}\nold state:${frameText(env, old.frameAt(env.state.frames.length - 1))}`;
    try {
      env.fail(EINVAL, 'infinite-loop', message);
    } finally {
      env.log.line(extra);
    }
  }
  env.fail(EINVAL, 'infinite-loop', message);
}

function hit(env: Env, c: Checkpoint, how: Hit): 'explored' {
  c.hits++;
  env.recorder?.pruned(env, c.state, how);
  propagateLiveness(c.state, env.state);
  if (env.points[env.insn] & JMP_POINT) recordHistory(env);
  propagatePrecision(env, c.state);
  if (how !== 'equal') env.loops?.backEdge(env, c.state);
  return 'explored';
}

function checkpoint(env: Env, list: Checkpoint[]): void {
  env.totalStates++;
  if (env.loops === null) env.peakStates++;
  env.prevJumpsProcessed = env.jumpsProcessed;
  env.prevInsnsProcessed = env.insnsProcessed;
  if (env.before !== null) dropLoneIds(env.state);
  const at = placeOf(env, env.state, env.insn);
  const kept = new KeptState(env.state, env.insn, env.before !== null);
  env.loops?.enter(env, kept);
  env.recorder?.kept(kept);
  list.unshift(new Checkpoint(kept));
  env.explored.set(at, list);
}
