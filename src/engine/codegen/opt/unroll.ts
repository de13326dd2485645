/** Full unrolling of loops whose trip count is known: by pragma, or when the result is small. */
import type { Block } from '../ir.ts';
import { type Func, type Inst, isFloating, type ValueType } from '../ir.ts';
import { dominators, latchesOf, loopOf } from './dominators.ts';
import { constantBytes } from './expand-blocks.ts';
import { foldBin, foldCompare } from './fold.ts';

/** Without a pragma: operations after unrolling. About where clang -O2 stops. */
const SMALL = 240;
/** With `#pragma unroll`. */
const LARGE = 30000;
const MAX_TRIPS = 4096;
/** Without a pragma, of a loop that can be left early too: its copies would all lead to one place, with a value each. */
const EARLY_TRIPS = 8;

interface Loop {
  readonly header: Block;
  readonly latch: Block;
  readonly blocks: readonly Block[];
}

/**
 * Unrolls innermost loops; how many (run the other passes, then come again: what was around them is innermost then).
 * Loops in a row are all done at once, as the other passes look at the whole function each time. Where none can be, those
 * are that a pragma names, with the loops in them.
 *
 * @param most loops to unroll
 */
export function unrollLoops(f: Func, most: number): number {
  const { innermost, around } = findLoops(f);
  return unrollThese(f, innermost, most) || unrollThese(f, around, Math.min(most, 1));
}

function unrollThese(f: Func, loops: readonly Loop[], most: number): number {
  let unrolled = 0;
  for (const loop of loops) {
    if (unrolled >= most) break;
    const hint = loop.header.unroll;
    if (hint === 'disable' || hint === 1) continue;
    const known = hint === 'none' ? readsConstants(loop) : null;
    const size = loop.blocks.reduce((n, b) => n + b.insts.reduce((m, i) => m + (known?.has(i) ? 0 : costOf(i)), 0), 0);
    const limit = hint === 'none' ? SMALL : LARGE;
    const bound = hint === 'none' && known === null && exitsOf(loop) > 1 ? EARLY_TRIPS : MAX_TRIPS;
    const trips = tripCount(f, loop, Math.min(bound, Math.floor(limit / size)));
    if (trips === null) continue;
    oneEntry(f, loop);
    unroll(f, loop, trips);
    unrolled++;
  }
  return unrolled;
}

/** A call has its arguments to put in place. */
const costOf = (i: Inst): number => (i.op === 'call' ? 1 + i.args.length : 1);

/**
 * What is constant in every copy of a loop's body, for a loop that goes over constant data (a name that is compared with a
 * string literal): the counter, and what is read at it. Null when it reads no such data.
 */
function readsConstants(loop: Loop): ReadonlySet<Inst> | null {
  const reads = loop.blocks.some((b) => b.insts.some((i) => i.op === 'load' && isConstantData(i)));
  if (!reads) return null;
  let counters = loop.header
    .phis()
    .filter((p) => p.args.every((a, n) => p.targets[n] === loop.latch || a.op === 'const'));
  for (;;) {
    const known = new Set(counters);
    const follows = (i: Inst): boolean =>
      i.op === 'load'
        ? isConstantData(i) && known.has(i.args[0])
        : FOLDED.has(i.op) && i.args.every((a) => a.op === 'const' || known.has(a));
    for (const b of loop.blocks) for (const i of b.insts) if (follows(i)) known.add(i);
    // What is carried on and not known in each round is no counter, and what follows from it is not known either.
    const sure = counters.filter((p) => known.has(p.args[p.targets.indexOf(loop.latch)]));
    if (sure.length === counters.length) return known;
    counters = sure;
  }
}

const FOLDED: ReadonlySet<Inst['op']> = new Set(['bin', 'cast', 'cmp', 'global']);

/** A load of the bytes of a string or constant table, at whatever place. */
function isConstantData(load: Inst): boolean {
  let base = load.args[0];
  while (base.op === 'bin' && base.type === 'ptr') base = base.args[0];
  return !load.volatile && base.op === 'global' && constantBytes(base) !== null;
}

/** Loops with one back edge: those that contain no other loop, and of the rest those that are to be unrolled. */
function findLoops(f: Func): { readonly innermost: readonly Loop[]; readonly around: readonly Loop[] } {
  const dom = dominators(f);
  const innermost: Loop[] = [];
  const around: Loop[] = [];
  const headers = new Set<Block>();
  for (const b of dom.order) for (const s of b.succs) if (dom.dominates(s, b)) headers.add(s);
  for (const header of headers) {
    const latches = latchesOf(dom, header);
    if (latches.length !== 1 || header.preds.length < 2 || new Set(header.preds).size < header.preds.length) continue;
    const inside = loopOf(header, latches);
    const outer = [...headers].some((h) => h !== header && inside.has(h));
    if (outer && header.unroll === 'none') continue;
    (outer ? around : innermost).push({ header, latch: latches[0], blocks: dom.order.filter((b) => inside.has(b)) });
  }
  return { innermost, around };
}

/**
 * Runs the loop on the constants that its phis start with. The number of times the back edge is taken before an exit
 * that every iteration passes is certain to be taken; null when that is not known within `limit` iterations.
 */
function tripCount(f: Func, loop: Loop, limit: number): number | null {
  const dom = dominators(f);
  const inside = new Set(loop.blocks);
  const phis = loop.header.phis();
  const exits = loop.blocks.filter((b) => {
    const t = b.terminator;
    return t.op === 'condbr' && t.targets.some((s) => !inside.has(s)) && dom.dominates(b, loop.latch);
  });
  if (exits.length === 0) return null;
  let values = new Map<Inst, bigint | null>();
  for (const p of phis) {
    const starts = p.args.filter((_, n) => p.targets[n] !== loop.latch);
    const start = starts[0];
    values.set(p, start.op === 'const' && starts.every((s) => s === start) ? start.value : null);
  }
  for (let trip = 0; trip <= limit; trip++) {
    const env = new Map(values);
    const value = (v: Inst): bigint | null => {
      if (v.op === 'const') return v.value;
      const known = env.get(v);
      if (known !== undefined) return known;
      let r: bigint | null = null;
      if (v.block !== null && inside.has(v.block)) {
        env.set(v, null);
        const args = v.op === 'bin' || v.op === 'cast' || v.op === 'cmp' ? v.args.map(value) : [];
        if (args.length > 0 && args.every((a) => a !== null)) r = fold(v, args as bigint[]);
      }
      env.set(v, r);
      return r;
    };
    for (const b of exits) {
      const t = b.terminator;
      const x = value(t.args[0]);
      const y = value(t.args[1]);
      if (x === null || y === null) continue;
      const taken = t.targets[foldCompare(t.pred, t.args[0].type as ValueType, x, y) ? 0 : 1];
      if (!inside.has(taken)) return trip;
    }
    const next = new Map<Inst, bigint | null>();
    for (const p of phis) next.set(p, value(p.args[p.targets.indexOf(loop.latch)]));
    if ([...next.values()].every((v) => v === null)) return null;
    values = next;
  }
  return null;
}

const exitsOf = (loop: Loop): number => loop.blocks.filter((b) => b.succs.some((s) => !loop.blocks.includes(s))).length;

/** A block in front of a loop that several paths lead to. */
function oneEntry(f: Func, { header, latch }: Loop): void {
  const outside = header.preds.filter((p) => p !== latch);
  if (outside.length === 1) return;
  const pre = f.addBlock();
  pre.preds = outside;
  for (const phi of header.phis()) {
    const given = outside.map((p) => phi.args[phi.targets.indexOf(p)]);
    let start = given[0];
    if (given.some((g) => g !== start)) {
      start = f.create('phi', phi.type, given, phi.loc);
      start.targets = [...outside];
      start.block = pre;
      pre.insts.push(start);
    }
    phi.args = [start, phi.args[phi.targets.indexOf(latch)]];
    phi.targets = [pre, latch];
  }
  const jump = f.create('br', 'void', [], 0);
  jump.targets = [header];
  jump.block = pre;
  pre.insts.push(jump);
  for (const p of outside) p.terminator.targets = p.terminator.targets.map((t) => (t === header ? pre : t));
  header.preds = [pre, latch];
}

function fold(v: Inst, args: bigint[]): bigint | null {
  const type = v.type as ValueType;
  if (type === 'ptr') return null;
  if (v.op === 'bin') return foldBin(v.bin, type, args[0], args[1]);
  if (v.op === 'cmp') return foldCompare(v.pred, v.args[0].type as ValueType, args[0], args[1]) ? 1n : 0n;
  switch (v.cast) {
    case 'zext':
      return BigInt.asUintN(32, args[0]);
    case 'sextin':
      return BigInt.asIntN(v.size * 8, args[0]);
    case 'trunc':
      return BigInt.asIntN(32, args[0]);
    default:
      return args[0];
  }
}

/** Lays `trips + 1` copies of the body one behind the other; the last one leaves through its exit. */
function unroll(f: Func, loop: Loop, trips: number): void {
  keepOutsideUses(f, loop);
  const { header, latch, blocks } = loop;
  const inside = new Set(blocks);
  const phis = header.phis();
  const carried = phis.map((p) => p.args[p.targets.indexOf(latch)]);
  let lastLatch = latch;
  let lastHeader = header;
  const links: { latch: Block; from: Block; to: Block }[] = [];
  let lastValue = (v: Inst): Inst => v;
  for (let n = 1; n <= trips; n++) {
    const map = new Map<Inst, Inst>();
    const copies = new Map<Block, Block>(blocks.map((b) => [b, f.addBlock()]));
    const value = (v: Inst): Inst => (isFloating(v) ? v : (map.get(v) ?? v));
    // What the previous copy computed comes in; the copy's own phis of the header are gone.
    phis.forEach((p, k) => map.set(p, lastValue(carried[k])));
    const made: Inst[] = [];
    for (const b of blocks) {
      const copy = copies.get(b)!;
      for (const i of b.insts) {
        if (b === header && i.op === 'phi') continue;
        const c = f.clone(i);
        c.block = copy;
        c.targets = i.targets.map((t) => copies.get(t) ?? t);
        map.set(i, c);
        copy.insts.push(c);
        made.push(c);
      }
      if (b !== header) copy.unroll = b.unroll;
      copy.preds = b === header ? [lastLatch] : b.preds.map((p) => copies.get(p)!);
    }
    for (const c of made) c.args = c.args.map(value);
    for (const b of blocks)
      for (const s of b.succs) {
        if (inside.has(s)) continue;
        s.preds.push(copies.get(b)!);
        for (const phi of s.phis()) {
          phi.args.push(value(phi.args[phi.targets.indexOf(b)]));
          phi.targets.push(copies.get(b)!);
        }
      }
    // Back edges stay until all copies are made from the unchanged original.
    const start = copies.get(header)!;
    links.push({ latch: lastLatch, from: lastHeader, to: start });
    lastHeader = start;
    lastLatch = copies.get(latch)!;
    lastValue = value;
  }
  const end = f.addBlock();
  const stop = f.create('unreachable', 'void', [], 0);
  stop.block = end;
  end.insts.push(stop);
  end.preds = [lastLatch];
  links.push({ latch: lastLatch, from: lastHeader, to: end });
  for (const l of links) l.latch.terminator.targets = l.latch.terminator.targets.map((t) => (t === l.from ? l.to : t));
  header.preds = header.preds.filter((p) => p !== latch);
  for (const p of phis) {
    const k = p.targets.indexOf(latch);
    p.targets.splice(k, 1);
    p.args.splice(k, 1);
  }
  header.unroll = 'none';
}

/**
 * Values of the loop that are used after it go through a variable, so that the copies need no bookkeeping: the next
 * round of mem2reg puts the right phis in.
 */
function keepOutsideUses(f: Func, loop: Loop): void {
  const inside = new Set(loop.blocks);
  const entry = f.blocks[0];
  const uses = new Map<Inst, { user: Inst; arg: number }[]>();
  for (const b of f.blocks)
    for (const i of b.insts)
      i.args.forEach((a, arg) => {
        if (a.block === null || !inside.has(a.block) || isFloating(a)) return;
        const at = i.op === 'phi' ? i.targets[arg] : b;
        // A phi right behind an exit takes the value on the edge: each copy gets its own argument there.
        if (inside.has(at)) return;
        (uses.get(a) ?? uses.set(a, []).get(a)!).push({ user: i, arg });
      });
  for (const [value, list] of uses) {
    const size = value.type === 'i32' ? 4 : 8;
    const slot = f.create('alloca', 'ptr', [], value.loc);
    slot.size = size;
    slot.align = size;
    slot.name = '(loop value)';
    slot.block = entry;
    entry.insts.unshift(slot);
    const store = f.create('store', 'void', [slot, value], value.loc);
    store.size = size;
    store.block = value.block;
    const home = value.block!.insts;
    let at = home.indexOf(value) + 1;
    while (home[at].op === 'phi') at++;
    home.splice(at, 0, store);
    for (const { user, arg } of list) {
      const load = f.create('load', value.type, [slot], user.loc);
      load.size = size;
      const where = user.op === 'phi' ? user.targets[arg] : user.block!;
      load.block = where;
      const before = user.op === 'phi' ? where.insts.length - 1 : where.insts.indexOf(user);
      where.insts.splice(before, 0, load);
      user.args[arg] = load;
    }
  }
}
