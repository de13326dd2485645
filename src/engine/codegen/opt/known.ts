/**
 * What the conditions on the way to a block say of a value. A comparison that they answer is gone, and a signed value
 * that cannot be negative there is widened with zeroes: the kernel's verifier keeps what it learned of the lower half
 * then, and loses it over the two shifts of a sign extension.
 */
import { type Block, type Func, type Inst, NEGATED, type Pred } from '../ir.ts';
import { dominators } from './dominators.ts';
import { unsignedMax } from './simplify.ts';

/** A comparison with a constant that holds. */
interface Fact {
  readonly value: Inst;
  readonly pred: Pred;
  readonly constant: bigint;
}

interface Range {
  smin: bigint;
  smax: bigint;
  umin: bigint;
  umax: bigint;
  /** Numbers inside the bounds that it is not (unsigned). */
  readonly not: bigint[];
}

/** Uses what is known; true when something changed. */
export function useConditions(f: Func): boolean {
  const dom = dominators(f);
  const facts: Fact[] = [];
  let changed = false;
  const enter = (b: Block): number => {
    const before = facts.length;
    const fact = edgeFact(b);
    if (fact !== null) facts.push(fact);
    if (facts.length === 0) return 0;
    for (const i of b.insts) {
      if (i.op === 'cast' && i.cast === 'sext') {
        const range = known(facts, i.args[0]);
        if (range === null || range.smin < 0n) continue;
        i.cast = 'zext';
        changed = true;
      } else if ((i.op === 'cmp' || i.op === 'condbr') && i.args[1].op === 'const' && i.args[0].op !== 'const') {
        const range = known(facts, i.args[0]);
        const answer = range === null ? null : decide(range, i.pred, i.args[1].value, widthOf(i.args[0]));
        if (answer === null) continue;
        // Left to simplification and control flow, which see two constants.
        i.pred = 'eq';
        i.args = [f.constant('i32', answer ? 1 : 0), f.constant('i32', 1)];
        changed = true;
      }
    }
    return facts.length - before;
  };
  const stack: { block: Block; next: number; added: number }[] = [];
  const visit = (b: Block): void => void stack.push({ block: b, next: 0, added: enter(b) });
  visit(f.blocks[0]);
  while (stack.length > 0) {
    const top = stack[stack.length - 1];
    const kids = dom.children(top.block);
    if (top.next < kids.length) visit(kids[top.next++]);
    else {
      facts.length -= top.added;
      stack.pop();
    }
  }
  return changed;
}

/** The condition under which a block with one predecessor is entered. */
function edgeFact(b: Block): Fact | null {
  if (b.preds.length !== 1) return null;
  const t = b.preds[0].terminator;
  if (t.op !== 'condbr' || t.targets[0] === t.targets[1] || t.args[1].op !== 'const' || t.args[0].op === 'const')
    return null;
  const pred = t.targets[0] === b ? t.pred : NEGATED[t.pred];
  if (t.args[0].type === 'ptr' && pred !== 'ne') return null;
  return { value: t.args[0], pred, constant: t.args[1].value };
}

const widthOf = (v: Inst): number => (v.type === 'i32' ? 32 : 64);

/** Null when no condition was about the value. */
function known(facts: readonly Fact[], v: Inst): Range | null {
  const bits = widthOf(v);
  let r: Range | null = null;
  for (const f of facts) {
    if (f.value !== v) continue;
    r ??= wholeRange(v, bits);
    narrow(r, f.pred, f.constant, bits);
  }
  return r;
}

const wholeRange = (v: Inst, bits: number): Range => ({
  smin: -(1n << BigInt(bits - 1)),
  smax: (1n << BigInt(bits - 1)) - 1n,
  umin: 0n,
  umax: v.type === 'ptr' ? (1n << 64n) - 1n : unsignedMax(v),
  not: [],
});

function narrow(r: Range, pred: Pred, c: bigint, bits: number): void {
  const u = BigInt.asUintN(bits, c);
  const most = (x: bigint, y: bigint): bigint => (x > y ? x : y);
  const least = (x: bigint, y: bigint): bigint => (x < y ? x : y);
  switch (pred) {
    case 'eq':
      r.smin = r.smax = c;
      r.umin = r.umax = u;
      break;
    case 'ult':
      r.umax = least(r.umax, u - 1n);
      break;
    case 'ule':
      r.umax = least(r.umax, u);
      break;
    case 'ugt':
      r.umin = most(r.umin, u + 1n);
      break;
    case 'uge':
      r.umin = most(r.umin, u);
      break;
    case 'slt':
      r.smax = least(r.smax, c - 1n);
      break;
    case 'sle':
      r.smax = least(r.smax, c);
      break;
    case 'sgt':
      r.smin = most(r.smin, c + 1n);
      break;
    case 'sge':
      r.smin = most(r.smin, c);
      break;
    case 'ne':
      r.not.push(u);
      if (u === r.umin) r.umin++;
      if (u === r.umax) r.umax--;
      if (c === r.smin) r.smin++;
      if (c === r.smax) r.smax--;
      break;
  }
  // On one side of the sign both orders are the same.
  const half = 1n << BigInt(bits - 1);
  if (r.smin >= 0n) {
    r.umin = most(r.umin, r.smin);
    r.umax = least(r.umax, r.smax);
  }
  if (r.umax < half) {
    r.smin = most(r.smin, r.umin);
    r.smax = least(r.smax, r.umax);
  }
}

/** Whether a comparison holds for all of a range, or for none of it; null when for some. */
function decide(r: Range, pred: Pred, c: bigint, bits: number): boolean | null {
  // A path that cannot be taken: nothing is to be concluded from it.
  if (r.smin > r.smax || r.umin > r.umax) return null;
  const u = BigInt.asUintN(bits, c);
  const by = (min: bigint, max: bigint, x: bigint, strict: boolean): boolean | null =>
    strict ? (max < x ? true : min >= x ? false : null) : max <= x ? true : min > x ? false : null;
  const not = (a: boolean | null): boolean | null => (a === null ? null : !a);
  switch (pred) {
    case 'ult':
      return by(r.umin, r.umax, u, true);
    case 'ule':
      return by(r.umin, r.umax, u, false);
    case 'uge':
      return not(by(r.umin, r.umax, u, true));
    case 'ugt':
      return not(by(r.umin, r.umax, u, false));
    case 'slt':
      return by(r.smin, r.smax, c, true);
    case 'sle':
      return by(r.smin, r.smax, c, false);
    case 'sge':
      return not(by(r.smin, r.smax, c, true));
    case 'sgt':
      return not(by(r.smin, r.smax, c, false));
    case 'eq':
    case 'ne': {
      const apart = c < r.smin || c > r.smax || u < r.umin || u > r.umax || r.not.includes(u);
      const one = r.umin === r.umax && r.umin === u;
      const equal = apart ? false : one ? true : null;
      return pred === 'eq' ? equal : not(equal);
    }
  }
}
