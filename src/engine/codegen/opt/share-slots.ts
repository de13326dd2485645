/**
 * Stack memory shared by variables that are never needed at the same time. A BPF frame has 512 bytes, and macros such as
 * BPF_CORE_READ leave a variable behind at every use.
 *
 * A variable is needed from the `start` mark of its declaration to the last access through an address that is derived
 * from it. One whose address goes where it cannot be followed (stored, or handed to a function that returns a pointer)
 * shares with nobody.
 */
import type { Func, Inst } from '../ir.ts';

/** Gives variables that do not overlap in time one slot; removes all `start` marks. */
export function shareSlots(f: Func): void {
  const vars = f.blocks.flatMap((b) => b.insts.filter((i) => i.op === 'alloca'));
  if (vars.length > 1) merge(f, vars);
  for (const b of f.blocks) b.insts = b.insts.filter((i) => i.op !== 'start');
}

function merge(f: Func, vars: readonly Inst[]): void {
  const { owners, pinned } = followAddresses(f, vars);
  const number = new Map<Inst, number>(vars.filter((v) => !pinned.has(v)).map((v, n) => [v, n]));
  if (number.size < 2) return;
  const accesses = (i: Inst): number[] => {
    const out: number[] = [];
    if (i.op === 'phi' || i.op === 'bin' || i.op === 'cast' || i.op === 'opaque') return out;
    for (const a of i.args) for (const v of owners.get(a) ?? []) if (number.has(v)) out.push(number.get(v)!);
    return out;
  };
  const conflicts = interference(f, number, accesses);
  // The largest first: smaller ones go into its bytes.
  const order = [...number.keys()].sort((a, b) => b.size - a.size || a.id - b.id);
  const homes: { home: Inst; members: number[] }[] = [];
  const moved = new Map<Inst, Inst>();
  for (const v of order) {
    const n = number.get(v)!;
    const fit = homes.find((h) => h.home.align >= v.align && h.members.every((m) => !conflicts[n].has(m)));
    if (fit === undefined) homes.push({ home: v, members: [n] });
    else {
      fit.members.push(n);
      moved.set(v, fit.home);
    }
  }
  if (moved.size === 0) return;
  for (const b of f.blocks) {
    b.insts = b.insts.filter((i) => !moved.has(i));
    for (const i of b.insts) for (let n = 0; n < i.args.length; n++) i.args[n] = moved.get(i.args[n]) ?? i.args[n];
  }
}

/** Which variables each address may point into, and the variables whose address gets out of sight. */
function followAddresses(f: Func, vars: readonly Inst[]): { owners: Map<Inst, Set<Inst>>; pinned: Set<Inst> } {
  const owners = new Map<Inst, Set<Inst>>(vars.map((v) => [v, new Set([v])]));
  const pinned = new Set<Inst>();
  const passing = f.blocks.flatMap((b) =>
    b.insts.filter(
      (i) => i.op === 'phi' || i.op === 'bin' || i.op === 'cast' || i.op === 'opaque' || i.op === 'fieldptr',
    ),
  );
  for (let grown = true; grown;) {
    grown = false;
    for (const i of passing)
      for (const a of i.args) {
        const given = owners.get(a);
        if (given === undefined) continue;
        for (const v of given) {
          const mine = owners.get(i);
          if (mine === undefined) owners.set(i, new Set([v]));
          else if (mine.has(v)) continue;
          else mine.add(v);
          grown = true;
        }
      }
  }
  for (const b of f.blocks)
    for (const i of b.insts)
      i.args.forEach((a, n) => {
        const kept =
          i.op === 'ret' ||
          ((i.op === 'store' || i.op === 'atomic') && n > 0) ||
          (i.op === 'call' && i.callee!.kind !== 'helper' && i.type !== 'void' && i.type !== 'i32');
        if (kept) for (const v of owners.get(a) ?? []) pinned.add(v);
      });
  return { owners, pinned };
}

/** For each variable the others that are needed at some point where it is. */
function interference(f: Func, number: ReadonlyMap<Inst, number>, accesses: (i: Inst) => number[]): Set<number>[] {
  const places = new Int32Array(f.blockLimit);
  f.blocks.forEach((b, n) => (places[b.id] = n));
  /** What happens to variables in each block, the last first: a number for an access, its complement for a start. */
  const events = f.blocks.map((b) => {
    const list: number[] = [];
    for (let n = b.insts.length - 1; n >= 0; n--) {
      const i = b.insts[n];
      if (i.op === 'start') {
        const v = number.get(i.args[0]);
        if (v !== undefined) list.push(~v);
      } else for (const v of accesses(i)) list.push(v);
    }
    return list;
  });
  const liveIn: ReadonlySet<number>[] = f.blocks.map(() => NOTHING);
  const walk = (at: number, onLive: (v: number, live: ReadonlySet<number>) => void): ReadonlySet<number> => {
    const list = events[at];
    const { succs } = f.blocks[at];
    // All pairs that are needed there are found in the block that comes next.
    if (list.length === 0 && succs.length === 1) return liveIn[places[succs[0].id]];
    const live = new Set<number>();
    const add = (v: number): void => {
      if (live.has(v)) return;
      onLive(v, live);
      live.add(v);
    };
    for (const s of succs) liveIn[places[s.id]].forEach(add);
    for (const v of list) {
      if (v >= 0) add(v);
      else live.delete(~v);
    }
    return live;
  };
  for (let changed = true; changed;) {
    changed = false;
    for (let at = f.blocks.length - 1; at >= 0; at--) {
      const live = walk(at, () => {});
      if (live.size === liveIn[at].size) continue;
      liveIn[at] = live;
      changed = true;
    }
  }
  const conflicts = Array.from({ length: number.size }, () => new Set<number>());
  for (let at = 0; at < f.blocks.length; at++) {
    walk(at, (v, live) => {
      for (const o of live) {
        conflicts[v].add(o);
        conflicts[o].add(v);
      }
    });
  }
  return conflicts;
}

const NOTHING: ReadonlySet<number> = new Set();
