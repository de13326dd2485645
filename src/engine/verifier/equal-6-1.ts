/**
 * When 6.1 takes a register for covered by an explored one (regsafe() of kernel/bpf/verifier.c): apart from numbers and map
 * values only the identical register will do, ids included, so more is explored than later kernels explore.
 */
import type { Env } from './env.ts';
import type { Reg } from './reg.ts';
import { covers, sameShape } from './reg.ts';
import type { StackSlot } from './stack-slot.ts';
import type { FrameFacts } from './frame-facts.ts';
import { isSpill, SLOT_INVALID, SLOT_MISC } from './stack-slot.ts';

/** Ids that stand for each other in one frame. Unlike later, two old ones may stand for the same new one. */
export type FrameIds = Map<number, number>;

function standsFor(ids: FrameIds, old: number, cur: number): boolean {
  const known = ids.get(old);
  if (known === undefined) ids.set(old, cur);
  return known === undefined || known === cur;
}

/** Null: a kind for which all kernels compare alike. */
export function regCovered61(
  env: Env,
  old: Reg,
  read: boolean,
  precise: boolean,
  cur: Reg,
  ids: FrameIds,
): boolean | null {
  if (!read) return true;
  const equal = sameShape(old, cur) && old.num.same(cur.num) && old.id === cur.id && old.refId === cur.refId;
  if (old.kind === 'fp') return equal && old.frame === cur.frame;
  if (equal || old.kind === '?') return true;
  if (cur.kind === '?') return false;
  switch (old.kind) {
    case 'scalar':
      if (!cur.isScalar) return false;
      return (!precise && !env.strictPruning) || covers(old, cur);
    case 'map_key':
    case 'map_value':
      if (!sameShape(old, cur)) return false;
      return old.mayBeNull ? standsFor(ids, old.id, cur.id) : covers(old, cur);
    case 'ctx':
    case 'map_ptr':
    case 'ptr_':
    case 'mem':
    case 'buf':
    case 'func':
      return false;
    default:
      return null;
  }
}

/**
 * A stack slot that is read later, as stacksafe() has it: a spilled number and data do not stand for each other, whatever the
 * number is.
 */
export function slotCovered61(
  types: readonly number[],
  cur: StackSlot | undefined,
  spilled: (cur: Reg) => boolean,
): boolean {
  for (let i = 0; i < types.length; i++) {
    if (types[i] === SLOT_INVALID || types[i] === SLOT_MISC) continue;
    if (cur?.types[i] !== types[i]) return false;
  }
  return !isSpill(types) || (cur !== undefined && spilled(cur.reg));
}

/** References must be the very same ones. */
export const refsEqual61 = (old: FrameFacts, cur: FrameFacts): boolean =>
  old.refs.length === cur.refs.length &&
  old.refs.every((r, i) => {
    const c = cur.refs[i];
    return r.id === c.id && r.insn === c.insn && r.callbackFrame === c.callbackFrame;
  });
