/** Control flow: constant branches, merging of straight lines, empty blocks, threading of known phis. */
import { rebuildPreds } from '../lower/builder.ts';
import { type Block, type Func, type Inst, type ValueType } from '../ir.ts';
import { foldCompare } from './fold.ts';
import { applyReplacements, redirectPred, removePred } from './util.ts';

export function cleanControlFlow(f: Func): boolean {
  let any = false;
  for (let changed = true; changed;) {
    changed = constantBranches(f);
    rebuildPreds(f);
    if (threadKnownPhis(f)) changed = true;
    if (skipEmptyBlocks(f, !changed)) changed = true;
    if (mergeLines(f)) changed = true;
    any ||= changed;
  }
  return any;
}

function jumpTo(f: Func, b: Block, target: Block): void {
  const old = b.terminator;
  const jump = f.create('br', 'void', [], old.loc);
  jump.targets = [target];
  jump.block = b;
  b.insts[b.insts.length - 1] = jump;
}

function constantBranches(f: Func): boolean {
  let changed = false;
  for (const b of f.blocks) {
    const t = b.terminator;
    if (t.op !== 'condbr') continue;
    const [x, y] = t.args;
    if (t.targets[0] === t.targets[1]) {
      // Both ways are one: its phis (if any) already agree, as an edge is counted once per predecessor.
      if (t.targets[0].phis().length > 0) continue;
      jumpTo(f, b, t.targets[0]);
      changed = true;
    } else if (sameReturns(t.targets[0], t.targets[1])) {
      removePred(t.targets[1], b);
      jumpTo(f, b, t.targets[0]);
      changed = true;
    } else if (x.op === 'const' && y.op === 'const') {
      const taken = foldCompare(t.pred, x.type as ValueType, x.value, y.value) ? 0 : 1;
      removePred(t.targets[1 - taken], b);
      jumpTo(f, b, t.targets[taken]);
      changed = true;
    }
  }
  return changed;
}

/** Whether both blocks do nothing but return the same. */
function sameReturns(a: Block, b: Block): boolean {
  if (a.insts.length !== 1 || b.insts.length !== 1) return false;
  const [x, y] = [a.insts[0], b.insts[0]];
  if (x.op !== 'ret' || y.op !== 'ret') return false;
  const [p, q] = [x.args[0], y.args[0]];
  return p === q || (p !== undefined && q !== undefined && p.op === 'const' && q.op === 'const' && p.value === q.value);
}

/** The block that `b` leads to alone and that nothing else leads to. */
function nextInLine(f: Func, b: Block): Block | null {
  const t = b.terminator;
  if (t.op !== 'br') return null;
  const s = t.targets[0];
  return s === b || s === f.blocks[0] || s.preds.length !== 1 ? null : s;
}

/** b → (only successor s, only predecessor b): one block. */
function mergeLines(f: Func): boolean {
  let changed = false;
  const gone = new Set<Block>();
  const replaced = new Map<Inst, Inst>();
  for (const b of f.blocks) {
    if (gone.has(b)) continue;
    for (let s = nextInLine(f, b); s !== null; s = nextInLine(f, b)) {
      b.insts.pop();
      for (const i of s.insts) {
        if (i.op === 'phi') {
          replaced.set(i, i.args[0]);
          continue;
        }
        i.block = b;
        b.insts.push(i);
      }
      for (const next of b.succs) redirectPred(next, s, b);
      if (s.unroll !== 'none' && b.unroll === 'none') b.unroll = s.unroll;
      gone.add(s);
      changed = true;
    }
  }
  if (changed) {
    f.blocks = f.blocks.filter((b) => !gone.has(b));
    applyReplacements(f, replaced);
  }
  return changed;
}

/**
 * A block that only jumps on: its predecessors jump there themselves.
 *
 * @param settled nothing else was found to do before
 */
function skipEmptyBlocks(f: Func, settled: boolean): boolean {
  let changed = false;
  /** Whether the other steps are known to find nothing until something is done that they could go on from. */
  let alone: boolean | null = settled ? null : false;
  const places = new Int32Array(f.blockLimit);
  f.blocks.forEach((b, n) => (places[b.id] = n));
  for (const b of f.blocks) {
    if (b === f.blocks[0] || b.insts.length !== 1 || b.preds.length === 0) continue;
    const t = b.terminator;
    if (t.op !== 'br' || t.targets[0] === b) continue;
    const s = t.targets[0];
    const phis = s.phis();
    // Where a predecessor already leads to s, the phis could not tell the two edges apart.
    if (phis.length > 0 && b.preds.some((p) => s.preds.includes(p) || p.succs.filter((x) => x === b).length > 1))
      continue;
    // As the blocks are before anything is done to them.
    alone ??= f.blocks.every((x) => nextInLine(f, x) === null);
    const preds = [...b.preds];
    for (const p of preds) {
      const pt = p.terminator;
      pt.targets = pt.targets.map((x) => (x === b ? s : x));
    }
    for (const phi of phis) {
      const n = phi.targets.indexOf(b);
      const v = phi.args[n];
      phi.targets.splice(n, 1, ...preds);
      phi.args.splice(n, 1, ...preds.map(() => v));
    }
    if (b.unroll !== 'none' && s.unroll === 'none') s.unroll = b.unroll;
    b.preds = [];
    s.preds.splice(s.preds.indexOf(b), 1);
    s.preds.push(...preds);
    s.preds.sort((x, y) => places[x.id] - places[y.id]);
    changed = true;
    // Values meet there now: what can be threaded or merged is, before the next block is taken out.
    if (phis.length === 0) alone = false;
    else if (!alone || s.preds.length === 1 || testsPhi(s) || preds.some(testsPhi)) break;
  }
  if (changed) rebuildPreds(f);
  return changed;
}

/** Whether a block has nothing but phis, and branches on one of them. */
function testsPhi(b: Block): boolean {
  const t = b.terminator;
  if (t.op !== 'condbr' || b.insts[0].op !== 'phi' || b.insts[b.insts.length - 2].op !== 'phi') return false;
  const [x, y] = t.args;
  return x.op === 'phi' && x.block === b && y.op === 'const';
}

/**
 * A block of phis that branches on one of them: predecessors that bring a constant go straight to the outcome. Only
 * blocks without other work are threaded, so nothing is duplicated that the verifier has to see once.
 */
function threadKnownPhis(f: Func): boolean {
  let elsewhere: Set<Inst> | null = null;
  let changed = false;
  for (const b of f.blocks) {
    if (b === f.blocks[0] || !testsPhi(b)) continue;
    const t = b.terminator;
    const phis = b.phis();
    const [x, y] = t.args;
    // Other uses of the phis beyond this block would need new phis.
    const used: Set<Inst> = (elsewhere ??= phisUsedElsewhere(f));
    if (phis.some((p) => used.has(p))) continue;
    for (let n = 0; n < x.args.length; n++) {
      const v = x.args[n];
      if (v.op !== 'const') continue;
      const p = x.targets[n];
      const target = t.targets[foldCompare(t.pred, v.type as ValueType, v.value, y.value) ? 0 : 1];
      if (target === b || p.succs.filter((s) => s === b).length > 1) continue;
      if (target.phis().length > 0 && target.preds.includes(p)) continue;
      for (const phi of target.phis()) {
        const k = phi.targets.indexOf(b);
        const from = phi.args[k];
        // A phi of b used by the successor's phi: take what this predecessor brings.
        const brought = from.block === b && from.op === 'phi' ? from.args[from.targets.indexOf(p)] : from;
        if (brought.op === 'phi' && brought.block !== p) used.add(brought);
        phi.args.push(brought);
        phi.targets.push(p);
      }
      target.preds.push(p);
      p.terminator.targets = p.terminator.targets.map((s) => (s === b ? target : s));
      removePred(b, p);
      changed = true;
      n--;
    }
  }
  if (changed) rebuildPreds(f);
  return changed;
}

/** Phis that are used beyond the branch of their block and the phis behind it. */
function phisUsedElsewhere(f: Func): Set<Inst> {
  const out = new Set<Inst>();
  for (const b of f.blocks) {
    const last = b.insts.length - 1;
    b.insts.forEach((i, at) => {
      for (let n = 0; n < i.args.length; n++) {
        const a = i.args[n];
        if (a.op !== 'phi' || (a.block === b && at === last)) continue;
        if (i.op !== 'phi' || i.targets[n] !== a.block || a.block === b) out.add(a);
      }
    });
  }
  return out;
}

/** Gives every edge from a branch to a block with phis a block of its own, where copies can stand. */
export function splitCriticalEdges(f: Func): void {
  for (const b of [...f.blocks]) {
    const t = b.terminator;
    if (t.op !== 'condbr') continue;
    t.targets.forEach((s, n) => {
      if (s.phis().length === 0 || (s.preds.length < 2 && t.targets[0] !== t.targets[1])) return;
      const mid = f.addBlock();
      const jump = f.create('br', 'void', [], t.loc);
      jump.targets = [s];
      jump.block = mid;
      mid.insts.push(jump);
      mid.preds = [b];
      t.targets[n] = mid;
      redirectPred(s, b, mid);
    });
  }
}
