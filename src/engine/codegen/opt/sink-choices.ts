/**
 * A flag that a test sets (`if (!p) ok = false;`) is set where it is used: the test moves down, its outcome is not carried
 * along. The verifier would walk all that lies between once for each outcome; clang keeps such a flag as a `select`, which
 * ends up beside its use too.
 */
import type { Block, Func, Inst } from '../ir.ts';
import { cleanControlFlow } from './cfg.ts';
import { type Dominators, dominators, naturalLoops } from './dominators.ts';
import { simplify } from './simplify.ts';
import { redirectPred, removeDead, removePred } from './util.ts';

/** Flags that are moved in one function: each asks for the dominators again. */
const MOST = 64;

export function sinkChoices(f: Func): void {
  for (let moved = 0; moved < MOST && sinkOne(f); moved++) {
    // Threading leaves phis with one way in, for which no copies are selected; and another flag may be next to its use.
    while (cleanControlFlow(f) || simplify(f));
    removeDead(f);
  }
}

/** The test in front of a block where two ways meet, one of them empty. */
interface Choice {
  readonly test: Inst;
  readonly from: Block;
  /** The empty block on one of the ways. */
  readonly arm: Block;
}

function sinkOne(f: Func): boolean {
  const flags = f.blocks.flatMap((b) => (choiceOf(b) === null ? [] : b.phis().filter((p) => isFlag(p))));
  if (flags.length === 0) return false;
  const users = new Map<Inst, Inst[]>(flags.map((p) => [p, []]));
  for (const b of f.blocks) for (const i of b.insts) for (const a of i.args) users.get(a)?.push(i);
  const dom = dominators(f);
  const loops = innermostLoops(dom);
  for (const flag of flags) {
    const from = flag.block!;
    if (!dom.reachable(from)) continue;
    const to = placeOf(flag, users.get(flag)!, dom);
    // In another loop it would be worked out from the values of another round.
    if (to === null || to === from || loops.get(to) !== loops.get(from)) continue;
    sink(f, flag, choiceOf(from)!, to, users.get(flag)!);
    return true;
  }
  return false;
}

function choiceOf(b: Block): Choice | null {
  if (b.preds.length !== 2) return null;
  for (const [from, arm] of [b.preds, [b.preds[1], b.preds[0]]]) {
    const test = from.terminator;
    if (test.op !== 'condbr' || test.args[0].op === 'maygoto' || test.targets[0] === test.targets[1]) continue;
    if (arm.insts.length === 1 && arm.succs.length === 1 && arm.preds.length === 1 && arm.preds[0] === from)
      return { test, from, arm };
  }
  return null;
}

/** Constants, outcomes of comparisons, and what is chosen among them; at least one way brings a constant. */
function isFlag(phi: Inst): boolean {
  const seen = new Set<Inst>();
  const plain = (v: Inst): boolean => {
    if (v.op !== 'phi' || seen.has(v)) return v.op === 'const' || v.op === 'cmp' || v.op === 'phi';
    seen.add(v);
    return v.type !== 'ptr' && v.args.every(plain);
  };
  return plain(phi) && phi.args.some((a) => a.op === 'const');
}

/** The block that leads to all uses. */
function placeOf(flag: Inst, users: readonly Inst[], dom: Dominators): Block | null {
  let common: Block | undefined;
  for (const user of users) {
    // A phi uses its value at the end of the predecessor.
    const places = user.op === 'phi' ? user.targets.filter((_, n) => user.args[n] === flag) : [user.block!];
    for (const p of places) {
      if (!dom.reachable(p)) return null;
      let at: Block | undefined = common ?? p;
      while (at !== undefined && !dom.dominates(at, p)) at = dom.idom(at);
      common = at;
    }
  }
  return common ?? null;
}

/** The header of the innermost loop that a block is in. */
function innermostLoops(dom: Dominators): Map<Block, Block> {
  const found = new Map<Block, Block>();
  for (const { header, blocks } of naturalLoops(dom)) for (const b of blocks) found.set(b, header);
  return found;
}

/** Repeats the test in `to`, before what needs its outcome there. */
function sink(f: Func, flag: Inst, choice: Choice, to: Block, users: readonly Inst[]): void {
  const at = to.insts.findIndex((i, n) => n === to.insts.length - 1 || (i.op !== 'phi' && users.includes(i)));
  const rest = f.addBlock();
  rest.insts = to.insts.splice(at);
  for (const i of rest.insts) i.block = rest;
  for (const s of rest.succs) redirectPred(s, to, rest);
  const arm = f.addBlock();
  const jump = f.create('br', 'void', [], choice.test.loc);
  jump.targets = [rest];
  jump.block = arm;
  arm.insts.push(jump);
  arm.preds = [to];
  const test = f.clone(choice.test);
  test.targets = choice.test.targets.map((t) => (t === choice.arm ? arm : rest));
  test.block = to;
  to.insts.push(test);
  rest.preds = [to, arm];
  const value = (from: Block): Inst => flag.args[flag.targets.indexOf(from)];
  const moved = f.create('phi', flag.type, [value(choice.from), value(choice.arm)], flag.loc);
  moved.targets = [to, arm];
  moved.block = rest;
  rest.insts.unshift(moved);
  const { block } = flag;
  block!.insts.splice(block!.insts.indexOf(flag), 1);
  for (const u of users) for (let n = 0; n < u.args.length; n++) if (u.args[n] === flag) u.args[n] = moved;
  if (block!.phis().length > 0) return;
  // Nothing is chosen here any more.
  removePred(block!, choice.arm);
  const on = f.create('br', 'void', [], choice.test.loc);
  on.targets = [block!];
  on.block = choice.from;
  choice.from.insts[choice.from.insts.length - 1] = on;
  f.blocks.splice(f.blocks.indexOf(choice.arm), 1);
}
