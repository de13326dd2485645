/**
 * Loads and stores of stack variables that could not be promoted (their address goes to helpers): values known from an
 * earlier store in the block are used directly, and stores that are overwritten or never read are dropped.
 *
 * Only the program's own stack is touched: what other memory holds can change under us, and a second load after a check
 * is never introduced anywhere.
 */
import type { Func, Inst, ValueType } from '../ir.ts';
import { applyReplacements, splitAddress } from './util.ts';

interface Known {
  readonly size: number;
  readonly value: Inst;
}

export function forwardStackMemory(f: Func): boolean {
  const escaped = escapedAllocas(f);
  const replaced = new Map<Inst, Inst>();
  const find = (i: Inst): Inst => {
    let r = i;
    for (let n = replaced.get(r); n !== undefined; n = replaced.get(r)) r = n;
    return r;
  };
  let changed = false;
  for (const b of f.blocks) {
    // alloca → offset → last stored or loaded value
    const known = new Map<Inst, Map<number, Known>>();
    const forget = (a: Inst, offset: number, size: number): void => {
      const m = known.get(a);
      if (m === undefined) return;
      for (const [o, k] of m) if (o < offset + size && offset < o + k.size) m.delete(o);
    };
    const forgetEscaped = (): void => {
      for (const a of known.keys()) if (escaped.has(a)) known.delete(a);
    };
    for (const i of b.insts) {
      if (i.op !== 'phi') i.args = i.args.map(find);
      switch (i.op) {
        case 'load':
        case 'store': {
          const { base, offset } = splitAddress(i.args[0]);
          if (base.op !== 'alloca') {
            // Another pointer may lead to an escaped variable; loads do not change anything.
            if (i.op === 'store' && base.op !== 'global' && base.op !== 'param') forgetEscaped();
            break;
          }
          let m = known.get(base);
          if (m === undefined) known.set(base, (m = new Map<number, Known>()));
          if (i.op === 'load') {
            if (i.volatile) break;
            const k = m.get(offset);
            if (k === undefined || k.size !== i.size) break;
            const v = asLoaded(f, k.value, i);
            if (v !== null) {
              replaced.set(i, v);
              changed = true;
            }
          } else {
            forget(base, offset, i.size);
            if (!i.volatile) m.set(offset, { size: i.size, value: i.args[1] });
          }
          break;
        }
        case 'call':
        case 'atomic':
        case 'fence':
          if (i.op === 'atomic' && splitAddress(i.args[0]).base.op === 'alloca') known.delete(splitAddress(i.args[0]).base);
          forgetEscaped();
          break;
        default:
          break;
      }
    }
  }
  applyReplacements(f, replaced);
  if (changed) for (const b of f.blocks) b.insts = b.insts.filter((i) => !replaced.has(i));
  if (dropOverwritten(f, escaped)) changed = true;
  return changed;
}

/** The value a load gives when `stored` was stored with its size; null when a conversion would be needed. */
function asLoaded(f: Func, stored: Inst, load: Inst): Inst | null {
  if (stored.op === 'const') {
    const v = BigInt.asUintN(load.size * 8, BigInt.asUintN(64, stored.value));
    return f.constant(load.type as ValueType, v);
  }
  return stored.type === load.type && load.size === (load.type === 'i32' ? 4 : 8) ? stored : null;
}

/** Variables whose address is known outside direct loads and stores. */
function escapedAllocas(f: Func): Set<Inst> {
  const out = new Set<Inst>();
  const direct = new Map<Inst, Inst>();
  for (const b of f.blocks)
    for (const i of b.insts) {
      if (i.op === 'alloca') direct.set(i, i);
      i.args.forEach((a, n) => {
        const s = splitAddress(a);
        if (s.base.op !== 'alloca') return;
        const address = (i.op === 'load' || i.op === 'store' || i.op === 'atomic') && n === 0;
        const step = i.op === 'bin' && i.type === 'ptr' && n === 0 && i.args[1].op === 'const';
        if (!address && !step && !(i.op === 'condbr' || i.op === 'cmp')) out.add(s.base);
      });
    }
  return out;
}

/** Within a block: a store whose bytes are all stored again, or lost with the frame, before anything can read them. */
function dropOverwritten(f: Func, escaped: ReadonlySet<Inst>): boolean {
  let changed = false;
  for (const b of f.blocks) {
    // Bytes that need not be kept, looking backwards from the end of the block.
    const covered = new Map<Inst, Uint8Array>();
    const leaves = b.terminator.op === 'ret';
    let read = false;
    const of = (a: Inst): Uint8Array => {
      let bytes = covered.get(a);
      if (bytes === undefined) {
        bytes = new Uint8Array(a.size).fill(leaves && !(read && escaped.has(a)) ? 1 : 0);
        covered.set(a, bytes);
      }
      return bytes;
    };
    const readEscaped = (): void => {
      read = true;
      for (const [a, bytes] of covered) if (escaped.has(a)) bytes.fill(0);
    };
    const dead = new Set<Inst>();
    for (let n = b.insts.length - 1; n >= 0; n--) {
      const i = b.insts[n];
      if (i.op === 'call' || i.op === 'fence' || i.op === 'atomic') {
        if (i.op === 'atomic') {
          const { base } = splitAddress(i.args[0]);
          if (base.op === 'alloca') of(base).fill(0);
        }
        readEscaped();
      } else if (i.op === 'load') {
        const { base, offset } = splitAddress(i.args[0]);
        if (base.op === 'alloca') of(base).fill(0, Math.max(0, offset), Math.max(0, offset + i.size));
        else readEscaped();
      } else if (i.op === 'store' && !i.volatile) {
        const { base, offset } = splitAddress(i.args[0]);
        if (base.op !== 'alloca' || offset < 0 || offset + i.size > base.size) continue;
        const bytes = of(base);
        if (bytes.subarray(offset, offset + i.size).every((x) => x === 1)) dead.add(i);
        else bytes.fill(1, offset, offset + i.size);
      }
    }
    if (dead.size > 0) {
      b.insts = b.insts.filter((i) => !dead.has(i));
      changed = true;
    }
  }
  return changed;
}
