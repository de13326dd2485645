/**
 * Turns local variables whose address does not escape into SSA values, aggregates slot by slot: a slot is a byte range
 * that is only ever accessed as a whole (stores of constants may span several).
 */
import type { Block, Func, Inst, ValueType } from '../ir.ts';
import { dominators } from './dominators.ts';
import { applyReplacements, removeDead } from './util.ts';

interface Slot {
  readonly offset: number;
  readonly size: number;
  type: ValueType;
  readonly stores: Set<Block>;
}

interface Access {
  readonly inst: Inst;
  readonly offset: number;
}

interface Candidate {
  readonly alloca: Inst;
  readonly accesses: Access[];
  slots: Slot[];
}

export function promoteAllocas(f: Func): boolean {
  const candidates = findCandidates(f);
  if (candidates.length === 0) return false;
  const promoted = new Set(candidates.map((c) => c.alloca));
  const place = new Map<Inst, { cand: Candidate; offset: number }>();
  for (const c of candidates) for (const a of c.accesses) place.set(a.inst, { cand: c, offset: a.offset });
  const dom = dominators(f);
  const phiSlot = new Map<Inst, Slot>();
  for (const c of candidates)
    for (const slot of c.slots) {
      const work = [...slot.stores].filter((b) => dom.reachable(b));
      const has = new Set<Block>();
      while (work.length > 0) {
        const b = work.pop()!;
        for (const d of dom.frontier(b)) {
          if (has.has(d)) continue;
          has.add(d);
          const phi = f.create('phi', slot.type, [], 0);
          phi.block = d;
          phi.targets = [...d.preds];
          phi.args = d.preds.map(() => f.undef(slot.type));
          d.insts.unshift(phi);
          phiSlot.set(phi, slot);
          work.push(d);
        }
      }
    }
  const replaced = new Map<Inst, Inst>();
  const values = new Map<Slot, Inst>();
  const current = (s: Slot): Inst => values.get(s) ?? f.undef(s.type);
  const visit = (b: Block): [Slot, Inst | undefined][] => {
    const undo: [Slot, Inst | undefined][] = [];
    const set = (s: Slot, v: Inst): void => {
      undo.push([s, values.get(s)]);
      values.set(s, v);
    };
    const out: Inst[] = [];
    for (const i of b.insts) {
      const slotOfPhi = phiSlot.get(i);
      if (slotOfPhi !== undefined) {
        set(slotOfPhi, i);
        out.push(i);
        continue;
      }
      const p = place.get(i);
      if (i.op === 'start' && promoted.has(i.args[0])) continue;
      if (p === undefined) {
        out.push(i);
        continue;
      }
      const emit = (n: Inst): Inst => {
        n.block = b;
        n.loc = i.loc;
        out.push(n);
        return n;
      };
      if (i.op === 'load') {
        const slot = p.cand.slots.find((s) => s.offset === p.offset)!;
        replaced.set(i, adapt(f, current(slot), slot, i.type as ValueType, i.size, emit));
        continue;
      }
      for (const slot of p.cand.slots) {
        if (slot.offset < p.offset || slot.offset >= p.offset + i.size) continue;
        const v = i.args[1];
        if (v.op === 'const') {
          const part = BigInt.asUintN(
            slot.size * 8,
            BigInt.asUintN(64, v.value) >> BigInt((slot.offset - p.offset) * 8),
          );
          set(slot, f.constant(slot.type, part));
        } else set(slot, toSlot(f, replaced.get(v) ?? v, slot, emit));
      }
    }
    b.insts = out;
    for (const s of b.succs)
      for (const phi of s.insts) {
        if (phi.op !== 'phi') break;
        const slot = phiSlot.get(phi);
        if (slot !== undefined) phi.targets.forEach((t, n) => t === b && (phi.args[n] = current(slot)));
      }
    return undo;
  };
  // Walks the dominator tree without recursion: functions can be thousands of blocks deep.
  const stack: { block: Block; undo: [Slot, Inst | undefined][]; next: number }[] = [];
  const enter = (b: Block): void => void stack.push({ block: b, undo: visit(b), next: 0 });
  enter(f.blocks[0]);
  while (stack.length > 0) {
    const top = stack[stack.length - 1];
    const kids = dom.children(top.block);
    if (top.next < kids.length) enter(kids[top.next++]);
    else {
      for (let n = top.undo.length - 1; n >= 0; n--) {
        const [slot, old] = top.undo[n];
        if (old === undefined) values.delete(slot);
        else values.set(slot, old);
      }
      stack.pop();
    }
  }
  applyReplacements(f, replaced);
  removeDead(f);
  return true;
}

function findCandidates(f: Func): Candidate[] {
  const found = new Map<Inst, Candidate>();
  const derived = new Map<Inst, { base: Inst; offset: number }>();
  const steps: Inst[] = [];
  for (const b of f.blocks)
    for (const i of b.insts)
      if (i.op === 'alloca') {
        found.set(i, { alloca: i, accesses: [], slots: [] });
        derived.set(i, { base: i, offset: 0 });
      } else if (i.op === 'bin' && i.type === 'ptr' && i.args[1].op === 'const') steps.push(i);
  if (found.size === 0) return [];
  // Addresses: constant distances from an alloca. Repeat until no more are found (uses may precede in block order).
  for (let grown = true; grown;) {
    grown = false;
    for (const i of steps) {
      const from = derived.get(i.args[0]);
      if (from === undefined || derived.has(i)) continue;
      const step = Number(i.args[1].value) * (i.bin === 'sub' ? -1 : 1);
      derived.set(i, { base: from.base, offset: from.offset + step });
      grown = true;
    }
  }
  for (const b of f.blocks)
    for (const i of b.insts)
      for (let n = 0; n < i.args.length; n++) {
        const d = i.args[n].type === 'ptr' ? derived.get(i.args[n]) : undefined;
        if (d === undefined || derived.get(i)?.base === d.base) continue;
        const c = found.get(d.base);
        if (c === undefined || i.op === 'start') continue;
        const direct = (i.op === 'load' || (i.op === 'store' && n === 0)) && !i.volatile;
        if (direct && d.offset >= 0 && d.offset + i.size <= d.base.size) c.accesses.push({ inst: i, offset: d.offset });
        else found.delete(d.base);
      }
  const out: Candidate[] = [];
  for (const c of found.values()) if (divide(c)) out.push(c);
  return out;
}

/** Cuts the variable into slots; false when accesses overlap in a way that cannot be split. */
function divide(c: Candidate): boolean {
  const slots = new Map<number, Slot>();
  const want = (offset: number, size: number, type: ValueType): boolean => {
    const s = slots.get(offset);
    if (s !== undefined) {
      if (s.size !== size) return false;
      if (s.type !== type && s.type === 'i64') s.type = type;
      return true;
    }
    slots.set(offset, { offset, size, type, stores: new Set() });
    return true;
  };
  const typeOf = (i: Inst, v: Inst): ValueType => (i.size < 8 ? 'i32' : v.type === 'ptr' ? 'ptr' : 'i64');
  for (const { inst, offset } of c.accesses) {
    if (inst.op === 'store' && inst.args[1].op === 'const') continue;
    if (!want(offset, inst.size, typeOf(inst, inst.op === 'load' ? inst : inst.args[1]))) return false;
  }
  const list = [...slots.values()].sort((a, b) => a.offset - b.offset);
  for (let n = 1; n < list.length; n++) if (list[n - 1].offset + list[n - 1].size > list[n].offset) return false;
  for (const { inst, offset } of c.accesses) {
    if (inst.op !== 'store') continue;
    for (const s of list) {
      if (s.offset + s.size <= offset || s.offset >= offset + inst.size) continue;
      // A constant may cover whole slots only.
      if (s.offset < offset || s.offset + s.size > offset + inst.size) return false;
      s.stores.add(inst.block!);
    }
  }
  c.slots = list;
  return true;
}

function makeCast(f: Func, cast: Inst['cast'], type: ValueType, v: Inst, emit: (i: Inst) => Inst): Inst {
  const i = f.create('cast', type, [v], 0);
  i.cast = cast;
  return emit(i);
}

/** A stored value as the slot keeps it. */
function toSlot(f: Func, v: Inst, slot: Slot, emit: (i: Inst) => Inst): Inst {
  if (v.type === slot.type) return v;
  if (slot.type === 'i32') {
    const wide = v.type === 'ptr' ? makeCast(f, 'bitcast', 'i64', v, emit) : v;
    return makeCast(f, 'trunc', 'i32', wide, emit);
  }
  if (v.type === 'i32') return makeCast(f, 'zext', 'i64', v, emit);
  return makeCast(f, 'bitcast', slot.type, v, emit);
}

/** A slot's value as a load of `size` bytes gives it: zero-extended. */
function adapt(f: Func, v: Inst, slot: Slot, type: ValueType, size: number, emit: (i: Inst) => Inst): Inst {
  let x = v;
  if (size < 4 && v.op !== 'undef') {
    const mask = f.constant('i32', (1n << BigInt(size * 8)) - 1n);
    const i = f.create('bin', 'i32', [v, mask], 0);
    i.bin = 'and';
    x = emit(i);
  }
  void slot;
  if (x.type === type) return x;
  if (x.op === 'undef') return f.undef(type);
  if (x.op === 'const') return f.constant(type, x.type === 'i32' ? BigInt.asUintN(32, x.value) : x.value);
  if (x.type === 'i32') return makeCast(f, 'zext', type, x, emit);
  return makeCast(f, type === 'i32' ? 'trunc' : 'bitcast', type, x, emit);
}
