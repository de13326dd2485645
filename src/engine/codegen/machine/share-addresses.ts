/**
 * The address of a variable that was loaded a few operations before is used again (`if (pid && pid != mine)`) instead of
 * being loaded anew, which takes two slots. Only where no call lies between and a register is free in all likelihood.
 */
import type { Symbol } from '../ir.ts';
import { forDefs, forUses, type MBlock, type MFunc, type MInst } from './mir.ts';

/** Operations that an address is remembered for. */
const NEAR = 12;

interface Known {
  readonly reg: number;
  /** Operations since. */
  readonly age: number;
}

/** Before registers are assigned: each address is in a register of its own, which nothing else writes. */
export function shareAddresses(f: MFunc): void {
  const places = placesOf(f);
  if (places.size < 2) return;
  const entries = new Map<MBlock, MBlock | null>();
  for (const b of f.blocks) for (const s of b.succs) entries.set(s, entries.has(s) ? null : b);
  const renamed = new Map<number, number>();
  const ends = new Map<MBlock, Map<string, Known>>();
  for (const b of f.blocks) {
    const from = entries.get(b);
    const known = new Map(from === undefined || from === null ? [] : (ends.get(from) ?? []));
    for (const [n, i] of b.insts.entries()) {
      if (i.kind === 'call') known.clear();
      const key = i.kind === 'ld64' && places.has(i.dst) ? keyOf(i) : null;
      const before = key === null ? undefined : known.get(key);
      if (before !== undefined && endsBeforeCall(b, n, i.dst, places.get(i.dst)!)) renamed.set(i.dst, before.reg);
      for (const [k, at] of known) {
        if (at.age >= NEAR) known.delete(k);
        else known.set(k, { ...at, age: at.age + 1 });
      }
      if (key !== null && before === undefined) known.set(key, { reg: i.dst, age: 0 });
    }
    ends.set(b, known);
  }
  if (renamed.size === 0) return;
  for (const b of f.blocks) {
    b.insts = b.insts.filter((i) => i.kind !== 'ld64' || !renamed.has(i.dst));
    for (const i of b.insts) {
      i.src = renamed.get(i.src) ?? i.src;
      i.dst = renamed.get(i.dst) ?? i.dst;
      i.lhs = renamed.get(i.lhs) ?? i.lhs;
    }
  }
}

/** Registers that hold an address, and how often each is read; only such as are written once and not changed in place. */
function placesOf(f: MFunc): Map<number, number> {
  const out = new Map<number, number>();
  const writes = new Map<number, number>();
  const reads = new Map<number, number>();
  const write = (r: number): void => void writes.set(r, (writes.get(r) ?? 0) + 1);
  const read = (r: number): void => void reads.set(r, (reads.get(r) ?? 0) + 1);
  for (const b of f.blocks)
    for (const i of b.insts) {
      forDefs(i, write);
      forUses(i, read);
      if (i.kind === 'ld64' && i.symbol !== null) out.set(i.dst, 0);
    }
  for (const r of out.keys()) {
    if (writes.get(r) === 1) out.set(r, reads.get(r) ?? 0);
    else out.delete(r);
  }
  return out;
}

/** Whether all reads of a register come in this block, behind `n` and before a call. */
function endsBeforeCall(b: MBlock, n: number, reg: number, reads: number): boolean {
  let left = reads;
  const count = (r: number): void => {
    if (r === reg) left--;
  };
  for (const i of b.insts.slice(n + 1, n + 1 + NEAR)) {
    if (i.kind === 'call') break;
    forUses(i, count);
  }
  return left === 0;
}

const symbols = new WeakMap<object, number>();
let count = 0;

function symbolKey(s: Symbol): string {
  if (s.kind === 'string') return `"${s.key}`;
  let n = symbols.get(s.decl);
  if (n === undefined) symbols.set(s.decl, (n = count++));
  return `${n}`;
}

const keyOf = (i: MInst): string => `${symbolKey(i.symbol!)}+${i.imm64}`;
