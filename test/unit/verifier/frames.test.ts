/** Frames share their stack until one of them writes: each has what it would have in a list of its own. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KeptState } from '../../../src/engine/verifier/kept.ts';
import { constReg, NOT_INIT, type Reg } from '../../../src/engine/verifier/reg.ts';
import { ALL_SPILL, NO_BYTES } from '../../../src/engine/verifier/stack-slot.ts';
import { Frame, State } from '../../../src/engine/verifier/state.ts';

const VALUES = [NOT_INIT, constReg(1), constReg(2), constReg(3)];

/** The same as plain lists: values, what was written since the last checkpoint, and what that has. */
interface Model {
  values: Reg[];
  written: boolean[];
  kept: readonly Reg[];
}
interface Pair {
  readonly state: State;
  readonly model: Model;
}

const op = fc.record({
  what: fc.constantFrom('put', 'value', 'written', 'grow', 'copy', 'reuse', 'keep'),
  who: fc.nat(3),
  whom: fc.nat(3),
  slot: fc.nat(63),
  value: fc.nat(VALUES.length - 1),
});
type Op = typeof op extends fc.Arbitrary<infer T> ? T : never;

const copyOf = (m: Model): Model => ({ values: [...m.values], written: [...m.written], kept: m.kept });

function run(pairs: Pair[], o: Op): void {
  const { state, model } = pairs[o.who % pairs.length];
  const f = state.cur;
  const at = model.values.length === 0 ? -1 : o.slot % model.values.length;
  const value = VALUES[o.value];
  switch (o.what) {
    case 'put':
    case 'value':
    case 'written':
      if (at < 0) return;
      if (o.what === 'put') f.putSlot(at, ALL_SPILL, value);
      else if (o.what === 'value') f.putSlotReg(at, value);
      else {
        f.noteWritten(at);
        model.written[at] = true;
        return;
      }
      model.values[at] = value;
      return;
    case 'grow':
      f.grow((o.slot + 1) * 8);
      while (model.values.length <= o.slot) model.values.push(NOT_INIT);
      return;
    case 'copy':
      if (pairs.length < 4) pairs.push({ state: state.copy(), model: copyOf(model) });
      return;
    case 'reuse': {
      const other = o.whom % pairs.length;
      if (pairs[other].state !== state) pairs[other] = { state: state.copy(pairs[other].state), model: copyOf(model) };
      return;
    }
    case 'keep': {
      const kept = new KeptState(state, 0, o.value === 0);
      expect(kept.cur.stack.map((k) => k.reg)).toEqual(model.values);
      expect(kept.cur.stack.map((k) => k.written && k.first === kept.depth)).toEqual(
        model.values.map((_, i) => model.written[i] === true),
      );
      model.kept = [...model.values];
      model.written = [];
      return;
    }
  }
}

test('a stack holds what was put there, whoever else has it', () => {
  fc.assert(
    fc.property(fc.array(op, { maxLength: 60 }), (ops) => {
      const pairs: Pair[] = [{ state: new State([new Frame(-1, 0, 0)]), model: { values: [], written: [], kept: [] } }];
      for (const o of ops) run(pairs, o);
      for (const { state, model } of pairs) {
        const f = state.cur;
        expect(f.stack.map((s) => s.reg)).toEqual(model.values);
        expect(f.stack.map((_, i) => f.isWritten(i))).toEqual(model.values.map((_, i) => model.written[i] === true));
        expect((f.kept?.slots ?? []).map((k) => k.reg)).toEqual(model.kept);
        model.values.forEach((v, i) => {
          if (i >= model.kept.length || v !== model.kept[i])
            expect(f.isStackChanged || i >= model.kept.length).toBe(true);
        });
      }
    }),
  );
});

test('checkpoints between which nothing was written have the same stack', () => {
  const st = new State([new Frame(-1, 0, 0)]);
  st.cur.grow(16);
  st.cur.putSlot(0, ALL_SPILL, VALUES[1]);
  const first = new KeptState(st, 0);
  const other = st.copy();
  const second = new KeptState(st, 1);
  expect(second.cur.wholeStack).toBe(first.cur.wholeStack);
  st.cur.putSlot(1, NO_BYTES, NOT_INIT);
  const third = new KeptState(st, 2);
  expect(third.cur.stack.map((k, i) => k === first.cur.stack[i])).toEqual([true, false]);
  // Another way on from the first one: marks of the two must not mix.
  const beside = new KeptState(other, 3);
  expect(beside.cur.stack.map((k) => first.cur.stack.includes(k))).toEqual([false, false]);
  expect(beside.cur.stack.map((k) => k.parent)).toEqual([...first.cur.stack]);
});

test('registers that nothing happened to are the same in the next checkpoint, on one way on', () => {
  const st = new State([new Frame(-1, 0, 0)]);
  st.cur.regs[1] = VALUES[1];
  st.cur.regs[2] = VALUES[2];
  const first = new KeptState(st, 0);
  const other = st.copy();
  expect(new KeptState(st, 1).cur.allRegs).toBe(first.cur.allRegs);
  // Written with what was there: reads from here on are none of what was before.
  st.cur.written |= 1 << 1;
  st.cur.regs[2] = VALUES[3];
  const third = new KeptState(st, 2);
  const changed = third.cur.regs.flatMap((k, i) => (k === first.cur.regs[i] ? [] : [i]));
  expect(changed).toEqual([1, 2]);
  expect(third.cur.regs.map((k) => k.written).indexOf(true)).toBe(1);
  const beside = new KeptState(other, 3);
  expect(beside.cur.regs.filter((k) => first.cur.regs.includes(k))).toEqual([]);
  expect(beside.cur.regs.map((k) => k.parent)).toEqual([...first.cur.regs]);
});

test('a value that came from another frame is read where it was', () => {
  const st = new State([new Frame(-1, 0, 0)]);
  st.cur.regs[7] = VALUES[1];
  const kept = new KeptState(st, 0);
  const callee = new Frame(0, 1, 1);
  callee.moveReg(7, st.cur);
  expect(callee.regs[7]).toBe(VALUES[1]);
  expect(callee.readAt(7)).toBe(kept.cur.regs[7]);
  expect(callee.readDepth(7)).toBe(kept.depth);
  expect(callee.readAt(6)).toBe(null);
  st.frames.push(callee);
  const second = new KeptState(st, 1);
  expect(second.cur.regs[7].parent).toBe(kept.cur.regs[7]);
  expect(callee.readAt(7)).toBe(second.cur.regs[7]);
});

test('arguments that a frame has while it waits are read where they were before the call', () => {
  const st = new State([new Frame(-1, 0, 0)]);
  const before = new KeptState(st, 0);
  const callee = new Frame(0, 1, 1);
  st.frames.push(callee);
  const within = new KeptState(st, 1);
  expect(st.frames[0].readAt(1)).toBe(before.cur.regs[1]);
  expect(st.frames[0].readDepth(1)).toBe(before.depth);
  expect(st.frames[0].readAt(6)).toBe(within.frames[0].regs[6]);
  expect(st.frames[0].readDepth(6)).toBe(within.depth);
  callee.moveReg(0, callee);
  st.frames[0].moveReg(0, callee);
  st.frames.pop();
  expect(st.cur.readAt(0)).toBe(within.cur.regs[0]);
  expect(st.cur.readDepth(0)).toBe(within.depth);
  expect(new KeptState(st, 2).cur.regs[1].parent).toBe(before.cur.regs[1]);
});
