/** Is a state covered by one that was explored before? */
import type { Env } from './env.ts';
import { slotCovered72, type SlotRules } from './equal-7-2.ts';
import { refsEqual61, regCovered61, slotCovered61, type FrameIds } from './equal-6-1.ts';
import type { Kept, KeptState } from './kept.ts';
import { wholeOffset } from './offsets.ts';
import { rangeCovers } from './packet.ts';
import { settlePrecision } from './precision.ts';
import type { Reg } from './reg.ts';
import { baseId, covers, linkOf, NOT_INIT, sameShape, unknownReg } from './reg.ts';
import type { State } from './state.ts';
import type { StackSlot } from './stack-slot.ts';
import { isDynptr, isIter, isSpill, SLOT_INVALID, SLOT_MISC, SLOT_SPILL } from './stack-slot.ts';

/** How strictly: `covers` uses liveness and precision, `range` neither, `exact` wants the same values. */
export type Exactness = 'covers' | 'range' | 'exact';

/** Ids of the two states that stand for each other. There are few: searched one by one. */
export class IdMap {
  #frameIds: FrameIds | null = null;
  private readonly olds: number[] = [];
  private readonly curs: number[] = [];
  private fresh = 0x2000_0000;

  /** What 6.1 compares by; anew for each frame. */
  get frameIds(): FrameIds {
    return (this.#frameIds ??= new Map());
  }

  nextFrame(): void {
    this.#frameIds = null;
  }

  /** Zero only matches zero. */
  same(old: number, cur: number): boolean {
    if ((old !== 0) !== (cur !== 0)) return false;
    if (old === 0) return true;
    const { olds, curs } = this;
    for (let i = 0; i < olds.length; i++) {
      if (olds[i] === old) return curs[i] === cur;
      if (curs[i] === cur) return false;
    }
    olds.push(old);
    curs.push(cur);
    return true;
  }

  /** An independent number gets an id of its own, so that it does not stand for a linked one. */
  sameScalar(old: number, cur: number): boolean {
    if (old === 0) return true;
    return this.same(baseId(old), cur === 0 ? ++this.fresh : baseId(cur));
  }
}

function exactly(old: Reg, cur: Reg, ids: IdMap): boolean {
  return sameShape(old, cur) && old.num.same(cur.num) && ids.same(old.id, cur.id) && ids.same(old.refId, cur.refId);
}

/** `old` with what the checkpoint says of its place: read later, needed precisely. */
function valueCovered(
  env: Env,
  old: Reg,
  read: boolean,
  precise: boolean,
  cur: Reg,
  ids: IdMap,
  how: Exactness,
): boolean {
  if (how === 'exact') return exactly(old, cur, ids) && old.frame === cur.frame;
  if (env.rules.identicalPointers) {
    const verdict = regCovered61(env, old, read, precise, cur, ids.frameIds);
    if (verdict !== null) return verdict;
  }
  if (how === 'covers' && !read) return true;
  // Dead where that is known before the walk.
  if (old.kind === '?') return how === 'covers' || env.before !== null || cur.kind === '?';
  if (old.kind !== cur.kind || old.flags !== cur.flags) return false;
  switch (old.kind) {
    case 'scalar': {
      if (!precise && how === 'covers' && !env.strictPruning) return true;
      if (env.rules.compareScalarIds) {
        const link = linkOf(old.id);
        if (old.id !== 0 && link !== linkOf(cur.id)) return false;
        if (link !== 0 && old.off !== cur.off) return false;
        if (!ids.sameScalar(old.id, cur.id)) return false;
      }
      return covers(old, cur);
    }
    case 'map_key':
    case 'map_value':
    case 'mem':
    case 'buf':
    case 'insn':
      if (env.rules.offsetsInOne && old.off !== cur.off) return coveredWithOffsets(env, old, cur, ids);
      return sameShape(old, cur) && covers(old, cur) && ids.same(old.id, cur.id) && ids.same(old.refId, cur.refId);
    case 'tp_buffer':
      return sameShape(old, cur) && covers(old, cur) && ids.same(old.id, cur.id) && ids.same(old.refId, cur.refId);
    case 'pkt':
    case 'pkt_meta':
      return rangeCovers(old, cur) && old.off === cur.off && ids.same(old.id, cur.id) && covers(old, cur);
    case 'arena':
      return true;
    case 'fp':
      return old.frame === cur.frame && exactly(old, cur, ids);
    default:
      return exactly(old, cur, ids);
  }
}

/** Memory where the whole offset is one number. */
function coveredWithOffsets(env: Env, old: Reg, cur: Reg, ids: IdMap): boolean {
  const a = wholeOffset(old, env.rules.bounds);
  const b = wholeOffset(cur, env.rules.bounds);
  return sameShape(a, b) && covers(a, b) && ids.same(old.id, cur.id) && ids.same(old.refId, cur.refId);
}

/** A place of a checkpoint against what the current state has there. */
function placeCovered(env: Env, st: KeptState, k: Kept, cur: Reg, ids: IdMap, how: Exactness): boolean {
  const old = st.reg(k);
  return isSame(old, cur) || valueCovered(env, old, st.isRead(k), isPrecise(env, st, k, how), cur, ids, how);
}

/** Is a place of a checkpoint needed precisely? Only `covers` wants to know. */
function isPrecise(env: Env, st: KeptState, k: Kept, how: Exactness): boolean {
  if (how === 'covers') settlePrecision(env);
  return st.isPrecise(k);
}

/** The very same value, without ids that would have to be compared: covered whatever is asked. */
const isSame = (old: Reg, cur: Reg): boolean => old === cur && old.id === 0 && old.refId === 0;

/** A slot of data that nobody knows. */
function isMisc(types: readonly number[]): boolean {
  for (let i = 0; i < 8; i++) if (types[i] !== SLOT_MISC && types[i] !== SLOT_INVALID) return false;
  return true;
}

function sameTypes(a: readonly number[], b: readonly number[]): boolean {
  if (a === b) return true;
  for (let i = 0; i < 8; i++) if (a[i] !== b[i]) return false;
  return true;
}

const UNKNOWN: Reg = unknownReg();

/** All eight bytes are one spilled number. */
const isScalar64 = (types: readonly number[], reg: Reg): boolean => types[0] === SLOT_SPILL && reg.isScalar;

const asScalar = (types: readonly number[], reg: Reg): Reg | null =>
  isScalar64(types, reg) ? reg : isMisc(types) ? UNKNOWN : null;

const sameDynptr = (old: Reg, cur: Reg, ids: IdMap): boolean =>
  old.dynptr?.type === cur.dynptr?.type && old.dynptr?.first === cur.dynptr?.first && ids.same(old.refId, cur.refId);

/** The depth of an iterator does not count: it only tells iterations apart in the search for endless loops. */
const sameIter = (old: Reg, cur: Reg, ids: IdMap): boolean =>
  old.flags === cur.flags &&
  old.iter?.btfId === cur.iter?.btfId &&
  old.iter?.state === cur.iter?.state &&
  ids.same(old.refId, cur.refId);

/** What 7.1 and later compare slots by. */
const slotRules = (env: Env, ids: IdMap, how: Exactness): SlotRules => ({
  exact: how === 'exact',
  value: (old, precise, cur) => valueCovered(env, old, true, precise, cur, ids, how),
  dynptr: (old, cur) => sameDynptr(old, cur, ids),
  iter: (old, cur) => sameIter(old, cur, ids),
});

/** All slots of frame `n`. */
function stackCovered(env: Env, st: KeptState, n: number, cur: State, ids: IdMap, how: Exactness): boolean {
  const { stack: old, wholeStack } = st.frames[n];
  const { stack } = cur.frames[n];
  // The very same slots, with nothing to compare beyond the values.
  if (wholeStack.held === stack && !wholeStack.hasIds && (how === 'covers' || !st.clean)) return true;
  let later: SlotRules | null = null;
  for (let i = 0; i < old.length; i++) {
    const k = old[i];
    // Not read later, where reads are noted on the way.
    if (how === 'covers' && !st.isRead(k)) continue;
    const b = stack[i] as StackSlot | undefined;
    const types = st.types(k);
    const reg = st.reg(k);
    if (b !== undefined && types === b.types && isSame(reg, b.reg)) continue;
    if (env.before === null) {
      if (!slotCovered(env, st, k, b, ids, how)) return false;
      continue;
    }
    later ??= slotRules(env, ids, how);
    if (!slotCovered72(types, reg, isPrecise(env, st, k, how), b, later)) return false;
  }
  return true;
}

/** Arguments on the stack of frame `n` (stack_arg_safe()). */
function argsCovered(env: Env, st: KeptState, n: number, cur: State, ids: IdMap, how: Exactness): boolean {
  const { args: old, noArgLoad } = st.frames[n];
  const { outArgs } = cur.frames[n];
  if (!noArgLoad && cur.frames[n].noArgLoad) return false;
  const all = Math.max(old.length, outArgs.length);
  for (let i = 0; i < all; i++) {
    const now = outArgs[i] ?? NOT_INIT;
    if (i < old.length) {
      if (!placeCovered(env, st, old[i], now, ids, how)) return false;
    } else if (!valueCovered(env, NOT_INIT, true, false, now, ids, how)) return false;
  }
  return true;
}

/** A slot as kernels before 7.1 compare it. */
function slotCovered(env: Env, st: KeptState, k: Kept, b: StackSlot | undefined, ids: IdMap, how: Exactness): boolean {
  const types = st.types(k);
  const reg = st.reg(k);
  const read = st.isRead(k);
  if (env.rules.identicalPointers) {
    return !read || slotCovered61(types, b, (cur) => placeCovered(env, st, k, cur, ids, how));
  }
  if (how !== 'covers') {
    if (b === undefined || !sameTypes(types, b.types)) return false;
  } else if (!read) return true;
  // Reading unknown data gave an unknown number; whatever is there now will do, be it a pointer that cannot be read in parts.
  if (isMisc(types)) return true;
  if (b === undefined) return false;
  const oldReg = asScalar(types, reg);
  const curReg = asScalar(b.types, b.reg);
  if (oldReg !== null && curReg !== null) {
    const precise = isScalar64(types, reg) && isPrecise(env, st, k, how);
    return valueCovered(env, oldReg, read, precise, curReg, ids, how);
  }
  for (let i = 0; i < 8; i++) {
    const t = types[i];
    const u = b.types[i];
    if (t !== SLOT_INVALID && t !== SLOT_MISC && t !== u) return false;
  }
  if (isSpill(types) && b.isSpill && !placeCovered(env, st, k, b.reg, ids, how)) return false;
  if (isDynptr(types) && b.isDynptr && !sameDynptr(reg, b.reg, ids)) return false;
  return !(isIter(types) && b.isIter && !sameIter(reg, b.reg, ids));
}

/** Does `old`, which was explored, cover `cur`? */
export function statesEqual(env: Env, old: KeptState, cur: State, how: Exactness): boolean {
  if (old.frames.length !== cur.frames.length) return false;
  const ids = new IdMap();
  if (old.lockMap !== cur.lockMap || old.rcuLocks !== cur.rcuLocks) return false;
  if (old.preemptLock !== cur.preemptLock || old.inSleepable !== cur.inSleepable) return false;
  if (!ids.same(old.lockId, cur.lockId)) return false;
  // Ids fit or do not in any order of the places. Most states that differ do so in the innermost frame.
  for (let f = old.frames.length - 1; f >= 0; f--) {
    const a = old.frames[f];
    const b = cur.frames[f];
    ids.nextFrame();
    if (a.callsite !== b.callsite || a.subprog !== b.subprog || a.inCallback !== b.inCallback) return false;
    if (a.callbackDepth > b.callbackDepth) return false;
    const live = env.before?.liveRegs(old.frames, f, old.insn) ?? ~0;
    for (let i = 0; i < 11; i++) {
      if (live & (1 << i) && !placeCovered(env, old, a.regs[i], b.regs[i], ids, how)) return false;
    }
    if (!stackCovered(env, old, f, cur, ids, how)) return false;
    if (!argsCovered(env, old, f, cur, ids, how)) return false;
    if (env.rules.identicalPointers) {
      if (!refsEqual61(a, b)) return false;
      continue;
    }
    if (a.refs.length !== b.refs.length || !a.refs.every((r, i) => ids.same(r.id, b.refs[i].id))) return false;
  }
  return true;
}

/** Is one of the active iterators in another iteration? Then meeting an equal state is no endless loop. */
export function iterDepthsDiffer(old: KeptState, cur: State): boolean {
  return old.frames.some((f, n) =>
    f.stack.some((k, i) => {
      const before = isIter(old.types(k)) ? old.reg(k).iter : null;
      return before?.state === 'active' && cur.frames[n].stack[i].reg.iter?.depth !== before.depth;
    }),
  );
}

/** A cheap filter before the exact comparison: the same registers in the current frame. */
export function maybeLooping(old: KeptState, cur: State): boolean {
  if (old.frames.length !== cur.frames.length) return false;
  const a = old.cur.regs;
  const b = cur.cur.regs;
  for (let i = 0; i < a.length; i++) {
    const x = old.reg(a[i]);
    const y = b[i];
    if (x === y) continue;
    if (x.id !== y.id || x.refId !== y.refId || !sameShape(x, y) || !x.num.same(y.num)) return false;
  }
  return true;
}
