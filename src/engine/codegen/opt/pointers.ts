/**
 * Pointers that walk through one object, and comparisons and differences of pointers into one object, become numbers.
 * The kernel's verifier learns nothing from comparing two pointers (but to packets): it would follow both ways, past
 * the end. The comparison of an offset is one that it understands, and one that unrolling can count.
 */
import { type Func, type Inst, type Pred, type ResultType, type Symbol } from '../ir.ts';
import { applyReplacements, splitAddress } from './util.ts';

/** An address as object + number + constant. */
interface Address {
  readonly base: Inst;
  readonly index: Inst | null;
  readonly offset: number;
}

/** Rewrites what it finds; true when there was something. */
export function numberPointers(f: Func): boolean {
  let changed = false;
  for (const b of f.blocks)
    for (const phi of b.phis()) if (phi.type === 'ptr' && isCompared(f, phi) && countSteps(f, phi)) changed = true;
  return compareOffsets(f) || changed;
}

/** Among the objects of two addresses, the one both are in: the start of a walk counts for the walk itself. */
function isCompared(f: Func, phi: Inst): boolean {
  const start = startOf(phi);
  if (start === null) return false;
  const home = (p: Inst): Inst => {
    const { base } = splitAddress(plain(p));
    return base === phi ? start.base : base;
  };
  const walks = (p: Inst): boolean => splitAddress(plain(p)).base === phi;
  return f.blocks.some((b) =>
    b.insts.some(
      (i) => isPointerPair(i) && (walks(i.args[0]) || walks(i.args[1])) && sameObject(home(i.args[0]), home(i.args[1])),
    ),
  );
}

/** The one object that a pointer starts in, when every other value of it is itself moved by a constant. */
function startOf(phi: Inst): { base: Inst; offsets: Map<Inst, number> } | null {
  let base: Inst | null = null;
  const offsets = new Map<Inst, number>();
  let steps = 0;
  for (const a of phi.args) {
    const s = splitAddress(a);
    if (s.base === phi) {
      steps++;
      continue;
    }
    if (s.base.op === 'const' || s.base.op === 'undef' || (base !== null && s.base !== base)) return null;
    base = s.base;
    offsets.set(a, s.offset);
  }
  return base === null || steps === 0 ? null : { base, offsets };
}

/** A counter in place of the pointer; the pointer is made of it where the loop begins. */
function countSteps(f: Func, phi: Inst): boolean {
  const start = startOf(phi)!;
  const block = phi.block!;
  const counter = f.create('phi', 'i64', [], phi.loc);
  counter.block = block;
  counter.targets = [...phi.targets];
  counter.args = phi.args.map((a, n) => {
    const from = start.offsets.get(a);
    if (from !== undefined) return f.constant('i64', from);
    const step = f.create('bin', 'i64', [counter, f.constant('i64', splitAddress(a).offset)], phi.loc);
    const pred = phi.targets[n];
    step.block = pred;
    pred.insts.splice(pred.insts.length - 1, 0, step);
    return step;
  });
  const pointer = f.create('bin', 'ptr', [start.base, counter], phi.loc);
  pointer.block = block;
  block.insts.splice(block.insts.indexOf(phi), 1, counter);
  block.insts.splice(block.phis().length, 0, pointer);
  applyReplacements(f, new Map([[phi, pointer]]));
  return true;
}

const SIGNED: Partial<Record<Pred, Pred>> = { ult: 'slt', ule: 'sle', ugt: 'sgt', uge: 'sge' };

/** Pointers into one object are compared and subtracted as their offsets. Those can be negative, seen from a middle. */
function compareOffsets(f: Func): boolean {
  let changed = false;
  for (const b of f.blocks)
    for (let n = 0; n < b.insts.length; n++) {
      const i = b.insts[n];
      if (!isPointerPair(i)) continue;
      const [x, y] = i.args.map((a) => addressOf(plain(a)));
      if (!sameObject(x.base, y.base)) continue;
      const shift = start(x.base) - start(y.base) + x.offset - y.offset;
      const number = (index: Inst | null, offset: number): Inst => {
        if (index === null) return f.constant('i64', offset);
        if (offset === 0) return index;
        const sum = f.create('bin', 'i64', [index, f.constant('i64', offset)], i.loc);
        sum.block = b;
        b.insts.splice(n++, 0, sum);
        return sum;
      };
      const same = x.index === y.index;
      // A comparison has its constant on the other side: the index itself is what gets known.
      i.args =
        i.op !== 'bin' && y.index === null && !same
          ? [number(x.index, 0), f.constant('i64', -shift)]
          : [number(same ? null : x.index, shift), number(same ? null : y.index, 0)];
      if (i.op !== 'bin') i.pred = SIGNED[i.pred] ?? i.pred;
      changed = true;
    }
  return changed;
}

const wide = (t: ResultType): boolean => t === 'i64';

/** Compares or subtracts two pointers. */
function isPointerPair(i: Inst): boolean {
  if (i.op === 'bin') return i.bin === 'sub' && wide(i.type) && i.args.every((a) => a.op === 'cast' && isPlain(a));
  return (i.op === 'cmp' || i.op === 'condbr') && i.args.every((a) => a.type === 'ptr' && a.op !== 'const');
}

const isPlain = (a: Inst): boolean => a.cast === 'bitcast' && a.args[0].type === 'ptr';

/** The pointer behind a conversion to a number. */
const plain = (a: Inst): Inst => (a.op === 'cast' && isPlain(a) ? a.args[0] : a);

function addressOf(p: Inst): Address {
  const s = splitAddress(p);
  const b = s.base;
  if (b.op !== 'bin' || b.type !== 'ptr' || b.bin !== 'add') return { base: b, index: null, offset: s.offset };
  const inner = splitAddress(b.args[0]);
  return { base: inner.base, index: b.args[1], offset: inner.offset + s.offset };
}

const start = (base: Inst): number => (base.op === 'global' ? base.offset : 0);

/** The same value, or addresses of one variable. */
function sameObject(a: Inst, b: Inst): boolean {
  if (a === b) return a.op !== 'undef';
  return a.op === 'global' && b.op === 'global' && sameSymbol(a.symbol!, b.symbol!);
}

const sameSymbol = (a: Symbol, b: Symbol): boolean =>
  a.kind === 'string' ? b.kind === 'string' && a.key === b.key : b.kind === a.kind && a.decl === b.decl;
