/** Inlining: always for always_inline, by size for static functions. Callees come first, already optimised. */
import { acquiresReference, helperName } from '../../bpf/index.ts';
import type { FunctionDecl } from '../../c/index.ts';
import type { Block } from '../ir.ts';
import type { Func, Inst, ValueType } from '../ir.ts';
import { foldCompare } from './fold.ts';
import { applyReplacements, redirectPred, replacement } from './util.ts';

/**
 * A function that costs no more than this is inlined wherever it is called, by the measure and with the limit that clang
 * has at -O2 (llvm/lib/Analysis/InlineCost.cpp: 5 an operation, 25 more a call, minus the call that goes). Global functions
 * too: the verifier checks them on their own and for any argument, so what passes a context or the stack on loads only when
 * it is inlined.
 */
const SMALL = 225;
/** Of one block, a function may cost so much more: what is around it can make one piece of both. */
const STRAIGHT = 1.5;
const OPERATION = 5;
const CALL = 25;
/** A function that is called once may have this many operations. */
const ONCE = 2000;

/** Functions that are inlined by no measure of size. */
const staysApart = ({ attributes: a }: FunctionDecl): boolean => a.noInline || a.naked || a.weak || a.section !== null;

export function shouldInline(callee: Func, calls: number): boolean {
  const a = callee.decl.attributes;
  if (a.naked) return false;
  if (a.alwaysInline) return true;
  // More than five registers of arguments cannot be passed.
  if (callee.params.length > 5) return true;
  if (staysApart(callee.decl)) return false;
  if (isSmall(callee)) return true;
  if (callee.decl.linkage === 'global') return false;
  return (calls === 1 || needsConstants(callee)) && !callee.decl.addressTaken && sizeOfFunction(callee) <= ONCE;
}

/** What calling it costs. */
const callCost = (args: number): number => OPERATION * (args + 1) + CALL;

/** What an operation adds to a function that it is inlined into. */
function costOf(i: Inst): number {
  switch (i.op) {
    case 'const':
    case 'undef':
    case 'phi':
    case 'alloca':
    case 'start':
    case 'global':
    case 'fieldptr':
    case 'br':
    case 'ret':
      return 0;
    case 'cast':
      return i.cast === 'sext' || i.cast === 'sextin' ? OPERATION : 0;
    case 'bin':
      return i.type === 'ptr' && i.args[1].op === 'const' ? 0 : OPERATION;
    case 'call':
      return callCost(i.args.length);
    default:
      return OPERATION;
  }
}

const costOfBlock = (b: Block): number => b.insts.reduce((sum, i) => sum + costOf(i), 0);

function isSmall(f: Func): boolean {
  const most = (f.blocks.length === 1 ? SMALL * STRAIGHT : SMALL) + callCost(f.params.length);
  let cost = 0;
  for (const b of f.blocks) if ((cost += costOfBlock(b)) > most) return false;
  return true;
}

/** Memory operations whose size is not known in the function: no code can be made of them there. */
const needsConstants = (f: Func): boolean =>
  f.blocks.some((b) =>
    b.insts.some(
      (i) => i.op === 'block' && i.args.slice(i.name.startsWith('str') ? 0 : 2).some((a) => a.op === 'param'),
    ),
  );

/** Results that must be given back: ring buffer records, sockets, what a kptr field held. */
const acquires = (id: number): boolean => acquiresReference(id) || helperName(id) === 'bpf_kptr_xchg';

/**
 * Whether a callback must have this function within itself: kernels up to 6.12 let a callback release only what its own
 * frame acquired (release_reference_state() in kernel/bpf/verifier.c), not what a function acquired that it calls.
 */
export function acquiresForCallback(callee: Func, caller: FunctionDecl): boolean {
  if (!caller.addressTaken || callee.returns !== 'ptr') return false;
  if (staysApart(callee.decl) || callee.decl.linkage === 'global') return false;
  return (
    sizeOfFunction(callee) <= ONCE &&
    callee.blocks.some((b) =>
      b.insts.some((i) => i.op === 'call' && i.callee?.kind === 'helper' && acquires(i.callee.id)),
    )
  );
}

/**
 * Whether a call is small for what it passes: constants can decide the first branches of the callee, and only what they
 * lead to is inlined in the end.
 */
export function isSmallFor(callee: Func, call: Inst): boolean {
  if (staysApart(callee.decl) || callee.decl.linkage === 'global') return false;
  if (!call.args.some((x) => x.op === 'const')) return false;
  const value = (v: Inst): Inst => (v.op === 'param' ? (call.args[v.index] ?? v) : v);
  let cost = 0;
  let decided = false;
  const seen = new Set<Block>();
  const work = [callee.blocks[0]];
  while (work.length > 0) {
    const b = work.pop()!;
    if (seen.has(b)) continue;
    seen.add(b);
    cost += costOfBlock(b);
    if (cost > SMALL + callCost(call.args.length)) return false;
    const t = b.terminator;
    const [x, y] = t.op === 'condbr' ? t.args.map(value) : [];
    if (x?.op === 'const' && y?.op === 'const') {
      decided = true;
      work.push(t.targets[foldCompare(t.pred, x.type as ValueType, x.value, y.value) ? 0 : 1]);
    } else work.push(...b.succs);
  }
  return decided;
}

/**
 * Whether what a call passes decides that the callee does nothing and returns a constant: `if (!p) return 0;` for a null
 * pointer. clang specialises such functions, `noinline` ones and global ones too, and the call is gone.
 */
export function isConstantFor(callee: Func, call: Inst): boolean {
  if (callee.decl.attributes.weak || callee.decl.attributes.naked) return false;
  const value = (v: Inst): Inst => (v.op === 'param' ? (call.args[v.index] ?? v) : v);
  const seen = new Set<Block>();
  let b = callee.blocks[0];
  while (b.insts.length === 1 && !seen.has(b)) {
    seen.add(b);
    const t = b.terminator;
    if (t.op === 'ret') return t.args.length === 0 || value(t.args[0]).op === 'const';
    if (t.op === 'br') b = t.targets[0];
    else if (t.op === 'condbr') {
      const [x, y] = t.args.map(value);
      if (x.op !== 'const' || y.op !== 'const') return false;
      b = t.targets[foldCompare(t.pred, x.type as ValueType, x.value, y.value) ? 0 : 1];
    } else return false;
  }
  return false;
}

export const sizeOfFunction = (f: Func): number => f.blocks.reduce((n, b) => n + b.insts.length, 0);

/** Replaces all calls of chosen functions in `f`. */
export function inlineCalls(f: Func, choose: (decl: FunctionDecl, call: Inst) => Func | null): boolean {
  let changed = false;
  const results = new Map<Inst, Inst>();
  for (let n = 0; n < f.blocks.length; n++) {
    const b = f.blocks[n];
    for (const i of b.insts) {
      if (i.op !== 'call' || i.callee?.kind !== 'local') continue;
      // What a call passes may be the result of another that is gone.
      for (let k = 0; k < i.args.length; k++) i.args[k] = replacement(results, i.args[k]);
      const callee = choose(i.callee.decl, i);
      if (callee === null) continue;
      const result = inlineOne(f, b, i, callee);
      if (result !== null) results.set(i, result);
      changed = true;
      break;
    }
  }
  applyReplacements(f, results);
  return changed;
}

/** Puts a copy of the callee where the call is; the value to use for the call, null when it has none. */
function inlineOne(f: Func, block: Block, call: Inst, callee: Func): Inst | null {
  const at = block.insts.indexOf(call);
  const after = f.addBlock();
  after.insts = block.insts.splice(at);
  after.insts.shift();
  for (const i of after.insts) i.block = after;
  for (const s of after.succs) redirectPred(s, block, after);

  const blocks = new Map<Block, Block>();
  for (const b of callee.blocks) {
    const copy = f.addBlock();
    copy.unroll = b.unroll;
    blocks.set(b, copy);
  }
  const values = new Map<Inst, Inst>();
  callee.params.forEach((p, n) => values.set(p, call.args[n] ?? f.constant(p.type as ValueType, 0)));
  const mapped = (v: Inst): Inst => {
    const known = values.get(v);
    if (known !== undefined) return known;
    if (v.op === 'const') return f.constant(v.type as ValueType, v.value);
    if (v.op === 'undef') return f.undef(v.type as ValueType);
    return v;
  };
  const copies: Inst[] = [];
  const returns: [Block, Inst | null][] = [];
  const entry = f.blocks[0];
  for (const b of callee.blocks) {
    const copy = blocks.get(b)!;
    for (const i of b.insts) {
      if (i.op === 'ret') {
        const jump = f.create('br', 'void', [], i.loc);
        jump.targets = [after];
        jump.block = copy;
        copy.insts.push(jump);
        returns.push([copy, i.args[0] ?? null]);
        continue;
      }
      const c = f.clone(i);
      if (i.targets.length > 0) c.targets = i.targets.map((t) => blocks.get(t)!);
      values.set(i, c);
      if (i.op === 'alloca') {
        c.block = entry;
        entry.insts.unshift(c);
        continue;
      }
      c.block = copy;
      copy.insts.push(c);
      copies.push(c);
    }
    copy.preds = b.preds.map((p) => blocks.get(p)!);
  }
  for (const c of copies) for (let n = 0; n < c.args.length; n++) c.args[n] = mapped(c.args[n]);
  const jump = f.create('br', 'void', [], call.loc);
  const target = blocks.get(callee.blocks[0])!;
  jump.targets = [target];
  jump.block = block;
  block.insts.push(jump);
  target.preds = [block];
  after.preds = returns.map((r) => r[0]);
  if (call.type === 'void') return null;
  const type = call.type;
  const given = returns.map(([, v]) => (v === null ? f.undef(type) : mapped(v)));
  if (given.length === 1) return given[0];
  const result = f.create('phi', type, given, call.loc);
  result.targets = returns.map(([b]) => b);
  result.block = after;
  after.insts.unshift(result);
  return result;
}
