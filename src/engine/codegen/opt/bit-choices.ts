/**
 * A test of one bit that sets another (`if (flags & O_CREAT) perms |= CREATE;`) is arithmetic: the bit moves to its new place.
 * The verifier walks what follows once instead of once for each outcome, and keeps one number that it does not know instead
 * of several that it tells apart (6.1 tells all of them apart once a function was called). clang does the same.
 */
import type { Block, Func, Inst, ValueType } from '../ir.ts';
import { cleanControlFlow } from './cfg.ts';
import { simplify, unsignedMax } from './simplify.ts';
import { removeDead, removePred } from './util.ts';

/** Values that are chosen at one place: more of them and a branch is the shorter code. */
const MOST = 2;

/** True when something changed. */
export function foldBitChoices(f: Func): boolean {
  let any = false;
  for (const b of [...f.blocks]) {
    if (foldAt(f, b)) any = true;
    if (foldComparisons(f, b)) any = true;
  }
  if (!any) return false;
  while (cleanControlFlow(f) || simplify(f));
  removeDead(f);
  return true;
}

/** A bit of a value, and what the comparison says when it is set. */
interface BitTest {
  readonly value: Inst;
  readonly bit: bigint;
  readonly setIs: boolean;
}

/** What a phi is: `base`, and `bit` besides where the tested bit is set (or, `whenClear`, where it is not). */
interface Choice {
  readonly phi: Inst;
  readonly base: Inst;
  readonly bit: bigint;
  readonly whenClear: boolean;
}

function foldAt(f: Func, b: Block): boolean {
  if (b.preds.length !== 2) return false;
  const phis = b.phis();
  if (phis.length === 0 || phis.length > MOST || isReturn(f, b, phis)) return false;
  for (const [from, arm] of [b.preds, [b.preds[1], b.preds[0]]]) {
    if (arm.preds.length !== 1 || arm.preds[0] !== from || arm.succs.length !== 1) continue;
    const work = arm.insts.slice(0, -1);
    if (work.length > MOST || !work.every((i) => i.op === 'bin' && i.bin === 'or' && usedOnlyBy(f, i, phis))) continue;
    const branch = from.terminator;
    const test = testedBit(branch);
    if (test === null || branch.targets[0] === branch.targets[1]) continue;
    const armWhenSet = branch.targets[test.setIs ? 0 : 1] === arm;
    const choices = phis.map((phi) => choiceOf(phi, arm, armWhenSet));
    if (choices.includes(null)) continue;
    for (const c of choices) replace(f, c!, from, test);
    removePred(b, arm);
    const on = f.create('br', 'void', [], from.terminator.loc);
    on.targets = [b];
    on.block = from;
    from.insts[from.insts.length - 1] = on;
    f.blocks.splice(f.blocks.indexOf(arm), 1);
    return true;
  }
  return false;
}

/**
 * A program's `return` of one number or another: nothing is walked behind it, and what the verifier has to say of one of the
 * numbers it says at that one's `return`.
 */
const isReturn = (f: Func, b: Block, phis: readonly Inst[]): boolean =>
  f.decl.attributes.section !== null &&
  b.terminator.op === 'ret' &&
  b.insts.every((i) => i.op === 'phi' || i.op === 'cast' || i.op === 'ret') &&
  phis.every((p) => p.args.every((a) => a.op === 'const'));

/** A comparison whose outcome is stored or returned: the bit is that outcome. */
function foldComparisons(f: Func, b: Block): boolean {
  let changed = false;
  for (const i of [...b.insts]) {
    if (i.op !== 'cmp') continue;
    const test = testedBit(i);
    if (test === null) continue;
    const before = { block: b, at: b.insts.indexOf(i) };
    const v = moved(f, test, 1n, i, before);
    i.op = 'bin';
    i.bin = 'xor';
    i.args = [v, f.constant(i.type as ValueType, test.setIs ? 0n : 1n)];
    changed = true;
  }
  return changed;
}

function usedOnlyBy(f: Func, i: Inst, phis: readonly Inst[]): boolean {
  return f.blocks.every((b) => b.insts.every((user) => !user.args.includes(i) || phis.includes(user)));
}

const isOneBit = (v: bigint): boolean => v > 0n && (v & (v - 1n)) === 0n;

/** The bit that a comparison, or the branch on one, looks at. */
function testedBit(t: Inst): BitTest | null {
  if ((t.op !== 'condbr' && t.op !== 'cmp') || (t.pred !== 'eq' && t.pred !== 'ne')) return null;
  const [value, constant] = t.args;
  if (value.type === 'ptr' || constant.op !== 'const') return null;
  const bit = onlyBit(value);
  if (bit === null || (constant.value !== 0n && constant.value !== bit)) return null;
  return { value, bit, setIs: (t.pred === 'eq') === (constant.value !== 0n) };
}

/** The one bit that a value can have; null when it can have others. */
function onlyBit(v: Inst): bigint | null {
  if (v.op === 'bin' && v.bin === 'and' && v.args[1].op === 'const') {
    const mask = BigInt.asUintN(v.type === 'i32' ? 32 : 64, v.args[1].value);
    if (isOneBit(mask)) return mask;
  }
  return unsignedMax(v) === 1n && v.op !== 'cmp' ? 1n : null;
}

function choiceOf(phi: Inst, arm: Block, armWhenSet: boolean): Choice | null {
  if (phi.type === 'ptr') return null;
  const inArm = phi.args[phi.targets.indexOf(arm)];
  const other = phi.args[phi.targets[0] === arm ? 1 : 0];
  const [set, clear] = armWhenSet ? [inArm, other] : [other, inArm];
  const bits = phi.type === 'i32' ? 32 : 64;
  if (set.op === 'const' && clear.op === 'const') {
    const bit = BigInt.asUintN(bits, set.value ^ clear.value);
    const whenClear = (clear.value & bit) !== 0n;
    return isOneBit(bit) ? { phi, base: whenClear ? set : clear, bit, whenClear } : null;
  }
  for (const [more, base] of [
    [set, clear],
    [clear, set],
  ]) {
    if (more.op !== 'bin' || more.bin !== 'or' || more.args[0] !== base || more.args[1].op !== 'const') continue;
    const bit = BigInt.asUintN(bits, more.args[1].value);
    if (isOneBit(bit)) return { phi, base, bit, whenClear: more === clear };
  }
  return null;
}

/** Computes the value at the end of `from`, in front of the branch. */
function replace(f: Func, c: Choice, from: Block, test: BitTest): void {
  const place = { block: from, at: from.insts.length - 1 };
  let v = moved(f, test, c.bit, c.phi, place);
  const combine = (op: 'or' | 'xor', other: Inst): void => {
    const i = f.create('bin', v.type, [v, other], c.phi.loc);
    i.bin = op;
    v = insert(i, place);
  };
  if (c.whenClear) combine('xor', f.constant(v.type as ValueType, c.bit));
  if (c.base.op !== 'const' || c.base.value !== 0n) combine('or', c.base);
  c.phi.args = c.phi.targets.map(() => v);
}

interface Place {
  readonly block: Block;
  at: number;
}

function insert(i: Inst, place: Place): Inst {
  i.block = place.block;
  place.block.insts.splice(place.at++, 0, i);
  return i;
}

/** The tested bit as bit `to` of a value of the type of `like`. */
function moved(f: Func, test: BitTest, to: bigint, like: Inst, place: Place): Inst {
  const type = like.type as ValueType;
  const cast = (op: 'zext' | 'trunc', x: Inst): Inst => {
    const i = f.create('cast', type, [x], like.loc);
    i.cast = op;
    return insert(i, place);
  };
  let v = test.value;
  if (v.type === 'i32' && type === 'i64') v = cast('zext', v);
  const distance = log2(to) - log2(test.bit);
  if (distance !== 0) {
    const i = f.create('bin', v.type, [v, f.constant(v.type as ValueType, BigInt(Math.abs(distance)))], like.loc);
    i.bin = distance > 0 ? 'shl' : 'lshr';
    v = insert(i, place);
  }
  return v.type === 'i64' && type === 'i32' ? cast('trunc', v) : v;
}

const log2 = (bit: bigint): number => bit.toString(2).length - 1;
