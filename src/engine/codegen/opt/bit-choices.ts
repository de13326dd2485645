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
  for (const b of [...f.blocks]) if (foldAt(f, b)) any = true;
  if (!any) return false;
  while (cleanControlFlow(f) || simplify(f));
  removeDead(f);
  return true;
}

/** A bit of a value, and the way that is taken when it is set. */
interface BitTest {
  readonly value: Inst;
  readonly bit: bigint;
  readonly whenSet: Block;
}

/** What a phi is: `base` with `bit` turned over where the tested bit is set. */
interface Choice {
  readonly phi: Inst;
  readonly base: Inst;
  readonly bit: bigint;
  readonly turned: boolean;
}

function foldAt(f: Func, b: Block): boolean {
  if (b.preds.length !== 2) return false;
  const phis = b.phis();
  if (phis.length === 0 || phis.length > MOST) return false;
  for (const [from, arm] of [b.preds, [b.preds[1], b.preds[0]]]) {
    if (arm.preds.length !== 1 || arm.preds[0] !== from || arm.succs.length !== 1) continue;
    const work = arm.insts.slice(0, -1);
    if (work.length > MOST || !work.every((i) => i.op === 'bin' && i.bin === 'or' && usedOnlyBy(f, i, phis))) continue;
    const test = testedBit(from);
    if (test === null) continue;
    const choices = phis.map((phi) => choiceOf(phi, arm, test.whenSet === arm));
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

function usedOnlyBy(f: Func, i: Inst, phis: readonly Inst[]): boolean {
  return f.blocks.every((b) => b.insts.every((user) => !user.args.includes(i) || phis.includes(user)));
}

const isOneBit = (v: bigint): boolean => v > 0n && (v & (v - 1n)) === 0n;

/** The bit that the end of a block looks at. */
function testedBit(b: Block): BitTest | null {
  const t = b.terminator;
  if (t.op !== 'condbr' || (t.pred !== 'eq' && t.pred !== 'ne') || t.targets[0] === t.targets[1]) return null;
  const [value, constant] = t.args;
  if (value.type === 'ptr' || constant.op !== 'const') return null;
  const bit = onlyBit(value);
  if (bit === null || (constant.value !== 0n && constant.value !== bit)) return null;
  const equalMeansSet = constant.value !== 0n;
  return { value, bit, whenSet: t.targets[(t.pred === 'eq') === equalMeansSet ? 0 : 1] };
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
    if (!isOneBit(bit)) return null;
    return { phi, base: clear, bit, turned: (clear.value & bit) !== 0n };
  }
  if (set.op !== 'bin' || set.bin !== 'or' || set.args[0] !== clear || set.args[1].op !== 'const') return null;
  const bit = BigInt.asUintN(bits, set.args[1].value);
  return isOneBit(bit) ? { phi, base: clear, bit, turned: false } : null;
}

/** Computes the value at the end of `from`, in front of the branch. */
function replace(f: Func, c: Choice, from: Block, test: BitTest): void {
  const type = c.phi.type as ValueType;
  const add = (i: Inst): Inst => {
    i.block = from;
    from.insts.splice(from.insts.length - 1, 0, i);
    return i;
  };
  const bin = (op: 'shl' | 'lshr' | 'or' | 'xor', x: Inst, y: Inst): Inst => {
    const i = f.create('bin', x.type, [x, y], c.phi.loc);
    i.bin = op;
    return add(i);
  };
  const cast = (op: 'zext' | 'trunc', x: Inst, to: ValueType): Inst => {
    const i = f.create('cast', to, [x], c.phi.loc);
    i.cast = op;
    return add(i);
  };
  let v = test.value;
  if (v.type === 'i32' && type === 'i64') v = cast('zext', v, 'i64');
  const distance = log2(c.bit) - log2(test.bit);
  const by = f.constant(v.type as ValueType, BigInt(Math.abs(distance)));
  if (distance !== 0) v = bin(distance > 0 ? 'shl' : 'lshr', v, by);
  if (v.type === 'i64' && type === 'i32') v = cast('trunc', v, 'i32');
  const zero = c.base.op === 'const' && c.base.value === 0n;
  if (!zero) v = bin(c.turned ? 'xor' : 'or', v, c.base);
  c.phi.args = c.phi.targets.map(() => v);
}

const log2 = (bit: bigint): number => bit.toString(2).length - 1;
