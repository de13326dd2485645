/**
 * Memory within a function: a value that is known from an earlier load or store is used instead of loading it again,
 * and stores to the stack that are overwritten or never read are dropped.
 *
 * Loading once matters to the verifier: in `if (p->len < 16) buf[p->len]` the length that was checked must be the one
 * that is used. Nothing is ever loaded earlier or more often than in the source.
 */
import type { Block, Func, Inst, ValueType } from '../ir.ts';
import { reversePostorder } from './dominators.ts';
import { unsignedMax } from './simplify.ts';
import { accessKey, addressBase, applyReplacements, replacement, splitAddress } from './util.ts';

/** What is known of memory: by address base, the value at each offset. */
type Known = Map<string, Entry>;
type Values = Map<number, { readonly size: number; readonly value: Inst }>;

interface Entry {
  readonly base: Inst;
  readonly at: Values;
  /** The block that may change it; others copy it first. */
  readonly owner: Block;
}

export function forwardMemory(f: Func): boolean {
  const escaped = escapes(f);
  const replaced = new Map<Inst, Inst>();
  const after = new Map<Block, Known>();
  let changed = false;
  for (const b of reversePostorder(f)) {
    // Knowledge flows along straight lines; where paths meet it starts anew.
    const before = b.preds.length === 1 ? after.get(b.preds[0]) : undefined;
    const known: Known = new Map(before);
    const own = (key: string, e: Entry): Values => {
      if (e.owner === b) return e.at;
      const copy = { base: e.base, at: new Map(e.at), owner: b };
      known.set(key, copy);
      return copy.at;
    };
    const entry = (base: Inst): Values => {
      const key = baseKey(base);
      const e = known.get(key);
      if (e !== undefined) return own(key, e);
      const at: Values = new Map();
      known.set(key, { base, at, owner: b });
      return at;
    };
    for (const [at, i] of b.insts.entries()) {
      if (i.op !== 'phi' && replaced.size > 0)
        for (let n = 0; n < i.args.length; n++) i.args[n] = replacement(replaced, i.args[n]);
      switch (i.op) {
        case 'load': {
          const { base, offset } = splitAddress(i.args[0]);
          if (i.volatile) break;
          const values = entry(base);
          const k = values.get(offset);
          const v = k !== undefined && k.size === i.size ? asLoaded(f, k.value, i) : null;
          if (v !== null) {
            replaced.set(i, v);
            changed = true;
          } else values.set(offset, { size: i.size, value: i });
          break;
        }
        case 'store': {
          const { base, offset } = splitAddress(i.args[0]);
          const key = baseKey(base);
          for (const [k, e] of known) {
            if (k !== key) {
              if (mayAlias(base, e.base, (a) => escaped(a, b, at))) known.delete(k);
              continue;
            }
            const values = own(k, e);
            for (const [o, v] of values) if (o < offset + i.size && offset < o + v.size) values.delete(o);
          }
          if (!i.volatile) entry(base).set(offset, { size: i.size, value: i.args[1] });
          break;
        }
        case 'call':
        case 'block':
        case 'fence':
          for (const [k, e] of known) if (e.base.op !== 'alloca' || escaped(e.base, b, at)) known.delete(k);
          break;
        case 'atomic':
          known.clear();
          break;
        default:
          break;
      }
    }
    after.set(b, known);
  }
  applyReplacements(f, replaced);
  if (changed) for (const b of f.blocks) b.insts = b.insts.filter((i) => !replaced.has(i));
  if (dropOverwritten(f, changed ? escapes(f) : escaped)) changed = true;
  return changed;
}

/** An index that is computed anew at each access, as extensions are: by what it is computed from. */
function indexKey(v: Inst): string {
  if (v.op === 'const') return `${v.value}`;
  if (v.op === 'cast') return `${v.cast}${v.size} ${indexKey(v.args[0])}`;
  const scaled = v.op === 'bin' && (v.bin === 'shl' || v.bin === 'mul' || v.bin === 'and') && v.args[1].op === 'const';
  return scaled ? `${v.type} ${indexKey(v.args[0])} ${v.bin} ${v.args[1].value}` : `%${v.id}`;
}

/** One key for equal addresses: field addresses are made anew at each access, addresses of globals too. */
function baseKey(base: Inst): string {
  if (base.op === 'global') {
    const s = base.symbol!;
    return `global ${s.kind === 'string' ? `"${s.key}` : s.decl.name} ${s.kind === 'var' ? s.decl.loc : 0} ${base.offset}`;
  }
  if (base.op === 'fieldptr') return `field ${base.args[0].id} ${accessKey(base.access!)}`;
  if (base.op === 'bin' && base.type === 'ptr') return `${baseKey(base.args[0])} ${base.bin} ${indexKey(base.args[1])}`;
  return `%${base.id}`;
}

/** Different bases: can they lead to the same byte? */
function mayAlias(a: Inst, b: Inst, escaped: (a: Inst) => boolean): boolean {
  if (a.op === 'alloca' && b.op === 'alloca') return a === b;
  for (const [x, y] of [
    [a, b],
    [b, a],
  ]) {
    if (x.op === 'alloca') return escaped(x) && mayBeStack(y);
  }
  if (a.op === 'global' && b.op === 'global') {
    const s = a.symbol!;
    const t = b.symbol!;
    return s.kind === 'var' && t.kind === 'var' ? s.decl === t.decl : false;
  }
  return true;
}

/** Our own functions can give back an address that they were given. */
const mayReturnStack = (call: Inst): boolean => call.callee!.kind === 'local' || call.callee!.kind === 'indirect';

/** The value a load gives when `stored` was stored with its size; null when a conversion would be needed. */
function asLoaded(f: Func, stored: Inst, load: Inst): Inst | null {
  if (stored.op === 'const') {
    const v = BigInt.asUintN(load.size * 8, BigInt.asUintN(64, stored.value));
    return f.constant(load.type as ValueType, v);
  }
  if (stored.type !== load.type) return null;
  if (load.size === (load.type === 'i32' ? 4 : 8)) return stored;
  // A narrow load zero-extends: right for a value that has nothing above those bytes, as one that was loaded so.
  return load.type !== 'ptr' && unsignedMax(stored) < 1n << BigInt(load.size * 8) ? stored : null;
}

/** Whether a variable's address can be known outside direct loads and stores when an operation of a block is done. */
type Escaped = (a: Inst, b: Block, at: number) => boolean;

function escapes(f: Func): Escaped {
  // Where the address of each first leaves, block by block, and the blocks that come after one of these.
  const first = new Map<Inst, Map<Block, number>>();
  for (const b of f.blocks)
    b.insts.forEach((i, at) => {
      for (let n = 0; n < i.args.length; n++) {
        const base = addressBase(i.args[n]);
        if (base.op !== 'alloca') continue;
        const address = (i.op === 'load' || i.op === 'store' || i.op === 'atomic') && n === 0;
        const step = i.op === 'bin' && i.type === 'ptr' && n === 0 && i.args[1].op === 'const';
        if (address || step || i.op === 'start' || i.op === 'condbr' || i.op === 'cmp') continue;
        // What a phi merges is known at the end of where it comes from.
        const place = i.op === 'phi' ? i.targets[n] : b;
        let places = first.get(base);
        if (places === undefined) first.set(base, (places = new Map<Block, number>()));
        const position = i.op === 'phi' ? place.insts.length - 1 : at;
        if (position < (places.get(place) ?? Infinity)) places.set(place, position);
      }
    });
  // Worked out for the variables that are asked for.
  const behind = new Map<Inst, Uint8Array>();
  const blocksBehind = (a: Inst, places: ReadonlyMap<Block, number>): Uint8Array => {
    let reached = behind.get(a);
    if (reached !== undefined) return reached;
    behind.set(a, (reached = new Uint8Array(f.blockLimit)));
    const work = [...places.keys()];
    while (work.length > 0)
      for (const s of work.pop()!.succs) {
        if (reached[s.id] === 1) continue;
        reached[s.id] = 1;
        work.push(s);
      }
    return reached;
  };
  return (a, b, at) => {
    const places = first.get(a);
    return places !== undefined && ((places.get(b) ?? Infinity) <= at || blocksBehind(a, places)[b.id] === 1);
  };
}

/** Can what an address leads to be a variable whose address is known? What a helper returns, and globals, never are. */
const mayBeStack = (base: Inst): boolean =>
  base.op !== 'global' && base.op !== 'param' && !(base.op === 'call' && !mayReturnStack(base));

/** How many blocks ahead it is looked whether bytes are stored again: each is a call within a call. */
const DEEPEST = 500;

/** Stores whose bytes are all stored again, or lost with the frame, before anything can read them. */
function dropOverwritten(f: Func, escaped: Escaped): boolean {
  let changed = false;
  /** Of blocks that were looked at: which bytes of a variable need not be kept at their start. */
  const starts = new Map<Block, (a: Inst) => Uint8Array>();
  let depth = 0;
  for (const b of reversePostorder(f).reverse()) {
    const covered = new Map<Inst, Uint8Array>();
    const { succs } = b;
    const leaves = b.terminator.op === 'ret';
    /** The last operation that may read what is known outside; -1: none. */
    let lastRead = -1;
    const of = (a: Inst): Uint8Array => {
      let bytes = covered.get(a);
      if (bytes === undefined) {
        bytes = new Uint8Array(a.size);
        if (lastRead < 0 || !escaped(a, b, lastRead)) {
          if (leaves) bytes.fill(1);
          else if (depth < DEEPEST) {
            depth++;
            meet(bytes, succs.map((s) => starts.get(s)), a); // prettier-ignore
            depth--;
          }
        }
        covered.set(a, bytes);
      }
      return bytes;
    };
    const readEscaped = (at: number): void => {
      if (lastRead < 0) lastRead = at;
      for (const [a, bytes] of covered) if (escaped(a, b, at)) bytes.fill(0);
    };
    const dead = new Set<Inst>();
    for (let n = b.insts.length - 1; n >= 0; n--) {
      const i = b.insts[n];
      if (i.op === 'call' || i.op === 'block' || i.op === 'fence' || i.op === 'atomic') {
        if (i.op === 'atomic') {
          const { base } = splitAddress(i.args[0]);
          if (base.op === 'alloca') of(base).fill(0);
        }
        readEscaped(n);
      } else if (i.op === 'load') {
        const { base, offset } = splitAddress(i.args[0]);
        if (base.op === 'alloca') of(base).fill(0, Math.max(0, offset), Math.max(0, offset + i.size));
        else if (mayBeStack(base)) readEscaped(n);
      } else if (i.op === 'start') {
        of(i.args[0]).fill(1);
      } else if (i.op === 'store' && !i.volatile) {
        const { base, offset } = splitAddress(i.args[0]);
        if (base.op !== 'alloca' || offset < 0 || offset + i.size > base.size) continue;
        const bytes = of(base);
        if (bytes.subarray(offset, offset + i.size).every((x) => x === 1)) dead.add(i);
        else bytes.fill(1, offset, offset + i.size);
      }
    }
    starts.set(b, of);
    if (dead.size > 0) {
      b.insts = b.insts.filter((i) => !dead.has(i));
      changed = true;
    }
  }
  return changed;
}

/** Bytes that need not be kept on any way on; a way back, which was not looked at yet, keeps all. */
function meet(bytes: Uint8Array, ways: readonly (((a: Inst) => Uint8Array) | undefined)[], a: Inst): void {
  if (ways.length === 0 || ways.includes(undefined)) return;
  bytes.fill(1);
  for (const way of ways) way!(a).forEach((x, n) => (bytes[n] &= x));
}
