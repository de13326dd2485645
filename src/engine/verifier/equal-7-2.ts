/**
 * How 7.1 and later compare stack slots: what is dead was forgotten before, halves of a slot are looked at on their own, and
 * within a loop data may stand for spilled numbers, too (stacksafe() of kernel/bpf/states.c).
 */
import type { Reg } from './reg.ts';
import { unknownReg } from './reg.ts';
import type { StackSlot } from './stack-slot.ts';
import { ALL_POISON, isBlank, SLOT_DYNPTR, SLOT_INVALID, SLOT_ITER, SLOT_MISC, SLOT_SPILL } from './stack-slot.ts';

const UNKNOWN: Reg = unknownReg();

/** How the values of two slots compare. */
export interface SlotRules {
  readonly exact: boolean;
  value(old: Reg, precise: boolean, cur: Reg): boolean;
  dynptr(old: Reg, cur: Reg): boolean;
  iter(old: Reg, cur: Reg): boolean;
}

/** The number that a load from byte `at` on finds, if it is one. */
function numberAt(types: readonly number[], reg: Reg, at: number): Reg | null {
  if (types[at] === SLOT_SPILL && reg.isScalar) return reg;
  for (let i = at; i < 8; i++) if (types[i] !== SLOT_MISC && !isBlank(types[i])) return null;
  return UNKNOWN;
}

const blankAs = (t: number): number => (isBlank(t) ? SLOT_INVALID : t);

/** The slot of a checkpoint: types of its bytes, its value, and whether that is needed precisely. */
export function slotCovered72(
  types: readonly number[],
  reg: Reg,
  precise: boolean,
  cur: StackSlot | undefined,
  rules: SlotRules,
): boolean {
  if (types === ALL_POISON && !rules.exact) return true;
  for (let i = 0; i < 8; i++) {
    const t = types[i];
    if (rules.exact && (cur === undefined || blankAs(t) !== blankAs(cur.types[i]))) return false;
    if (isBlank(t) || t === SLOT_MISC) continue;
    if (cur === undefined) return false;
    if (i === 0 || i === 4) {
      const a = numberAt(types, reg, i);
      const b = numberAt(cur.types, cur.reg, i);
      if (a !== null && b !== null) {
        if (!rules.value(a, a === reg && precise, b)) return false;
        i += i === 0 ? 7 : 3;
        continue;
      }
    }
    if (t !== cur.types[i]) return false;
    if (i === 7 && !held(types[7], reg, precise, cur, rules)) return false;
  }
  return true;
}

/** The last byte, which is alike on both sides, says what the slot holds. */
function held(type: number, reg: Reg, precise: boolean, cur: StackSlot, rules: SlotRules): boolean {
  switch (type) {
    case SLOT_SPILL:
      return rules.value(reg, precise, cur.reg);
    case SLOT_DYNPTR:
      return rules.dynptr(reg, cur.reg);
    case SLOT_ITER:
      return rules.iter(reg, cur.reg);
    default:
      return true;
  }
}
