/** Structural checks of the IR: what every pass may rely on. Tests run it after each pass. */
import type { Block } from './ir.ts';
import { type Func, type Inst, isFloating, isTerminator, printInst } from './ir.ts';
import { dominators } from './opt/dominators.ts';

/** All violations, as text; empty = well formed. */
export function verifyFunction(f: Func): string[] {
  const errors: string[] = [];
  const bad = (i: Inst, what: string): void => void errors.push(`${f.name}: ${printInst(i)}: ${what}`);
  const inFunction = new Set<Block>(f.blocks);
  const preds = new Map<Block, Block[]>(f.blocks.map((b) => [b, []]));
  for (const b of f.blocks) {
    const last = b.insts[b.insts.length - 1];
    if (last === undefined || !isTerminator(last)) {
      errors.push(`${f.name}: b${b.id} does not end in a terminator`);
      return errors;
    }
    for (const s of b.succs) {
      if (!inFunction.has(s)) errors.push(`${f.name}: b${b.id} jumps to b${s.id}, which is not in the function`);
      else preds.get(s)!.push(b);
    }
  }
  if (errors.length > 0) return errors;
  for (const b of f.blocks) {
    const a = [...b.preds]
      .map((x) => x.id)
      .sort()
      .join(' ');
    const e = preds
      .get(b)!
      .map((x) => x.id)
      .sort()
      .join(' ');
    if (a !== e) errors.push(`${f.name}: b${b.id} lists predecessors [${a}], has [${e}]`);
  }
  if (f.blocks[0].preds.length > 0) errors.push(`${f.name}: the entry block has predecessors`);
  const dom = dominators(f);
  const position = new Map<Inst, number>();
  for (const b of f.blocks) b.insts.forEach((i, n) => position.set(i, n));
  for (const b of f.blocks) {
    let phisOver = false;
    b.insts.forEach((i, n) => {
      if (i.block !== b) bad(i, 'stands in another block than it says');
      if (isTerminator(i) && n !== b.insts.length - 1) bad(i, 'terminator in the middle of a block');
      if (i.op === 'phi') {
        if (phisOver) bad(i, 'phi after other operations');
        const want = b.preds
          .map((x) => x.id)
          .sort()
          .join(' ');
        const have = i.targets
          .map((x) => x.id)
          .sort()
          .join(' ');
        if (want !== have) bad(i, `phi of [${have}] in a block with predecessors [${want}]`);
      } else phisOver = true;
      checkTypes(i, bad);
      i.args.forEach((a, k) => {
        if (isFloating(a)) return;
        if (a.block === null || !position.has(a)) {
          bad(i, `uses %${a.id}, which is not in the function`);
          return;
        }
        if (!dom.reachable(b)) return;
        if (i.op === 'phi') {
          if (dom.reachable(i.targets[k]) && !dom.dominates(a.block, i.targets[k]))
            bad(i, `%${a.id} does not reach b${i.targets[k].id}`);
        } else if (a.block === b ? position.get(a)! >= n : !dom.dominates(a.block, b))
          bad(i, `%${a.id} does not dominate its use`);
      });
    });
  }
  return errors;
}

function checkTypes(i: Inst, bad: (i: Inst, what: string) => void): void {
  const arg = (n: number): string => i.args[n]?.type ?? 'missing';
  const want = (cond: boolean, what: string): void => {
    if (!cond) bad(i, what);
  };
  const wide = (t: string): boolean => t === 'i64' || t === 'ptr';
  switch (i.op) {
    case 'bin':
      want(i.args.length === 2, 'two operands');
      if (i.type === 'ptr')
        want(
          arg(0) === 'ptr' && arg(1) === 'i64' && (i.bin === 'add' || i.bin === 'sub'),
          'pointer arithmetic is ptr ± i64',
        );
      else want(arg(0) === i.type && arg(1) === i.type, 'operands have the result type');
      break;
    case 'cast':
      if (i.cast === 'trunc') want(i.type === 'i32' && arg(0) === 'i64', 'trunc is i64 → i32');
      else if (i.cast === 'zext' || i.cast === 'sext')
        want(i.type === 'i64' && arg(0) === 'i32', 'extension is i32 → i64');
      else if (i.cast === 'bitcast') want(wide(i.type) && wide(arg(0)), 'bitcast is between 64-bit types');
      else want(i.type === arg(0) && i.size < (i.type === 'i32' ? 4 : 8), 'sextin keeps the type');
      break;
    case 'cmp':
    case 'condbr':
      want(
        i.args.length === 2 && (arg(0) === arg(1) || (wide(arg(0)) && wide(arg(1)))),
        'compared values have one type',
      );
      if (i.op === 'cmp') want(i.type === 'i32', 'cmp gives i32');
      break;
    case 'load':
      want(arg(0) === 'ptr', 'address is a ptr');
      want(i.type !== 'i32' || i.size <= 4, 'an i32 load has at most 4 bytes');
      want(i.type !== 'ptr' || i.size === 8, 'a ptr load has 8 bytes');
      break;
    case 'store':
      want(arg(0) === 'ptr' && i.args.length === 2, 'address is a ptr');
      want(arg(1) !== 'i32' || i.size <= 4, 'an i32 store has at most 4 bytes');
      break;
    case 'atomic':
      want(arg(0) === 'ptr' && (i.size === 4 || i.size === 8), 'atomics have 4 or 8 bytes');
      break;
    case 'phi':
      i.args.forEach((_, n) =>
        want(arg(n) === i.type || (wide(arg(n)) && wide(i.type)), 'phi arguments have its type'),
      );
      break;
    case 'fieldptr':
      want(arg(0) === 'ptr', 'base is a ptr');
      break;
    case 'call':
      want(i.args.length <= 5, 'at most five arguments');
      break;
    default:
      break;
  }
}
