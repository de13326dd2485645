/** Queued states share what they have in common, and each is what it was when its turn comes. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { park, unpark } from '../../../src/engine/verifier/parked.ts';
import { constReg, NOT_INIT } from '../../../src/engine/verifier/reg.ts';
import { Frame, State } from '../../../src/engine/verifier/state.ts';
import { ALL_SPILL, NO_BYTES, SLOT_MISC } from '../../../src/engine/verifier/stack-slot.ts';

const SEVEN = constReg(7);
const MISC: readonly number[] = NO_BYTES.map(() => SLOT_MISC);
const value = fc.constantFrom(NOT_INIT, SEVEN);
const slot = fc.record({ types: fc.constantFrom(NO_BYTES, MISC), reg: value, written: fc.boolean() });
const frame = fc.record({
  regs: fc.array(value, { minLength: 11, maxLength: 11 }),
  written: fc.nat(0x7ff),
  precise: fc.nat(3),
  stack: fc.array(slot, { maxLength: 6 }),
});
const state = fc.array(frame, { minLength: 1, maxLength: 3 }).map(
  (frames) =>
    new State(
      frames.map((f, n) => {
        const made = new Frame(-1, n, 0);
        f.regs.forEach((v, i) => (made.regs[i] = v));
        made.written = f.written;
        made.precise = f.precise;
        made.grow(f.stack.length * 8);
        f.stack.forEach((s, i) => {
          made.putSlot(i, s.types, s.reg);
          if (s.written) made.noteWritten(i);
        });
        return made;
      }),
    ),
);
const held = (s: State): unknown =>
  s.frames.map((f) => ({
    regs: [...f.regs],
    written: f.written,
    precise: f.precise,
    stack: f.stack.map((c, i) => [c.types, c.reg, f.isWritten(i)]),
  }));
const overwrite = (f: Frame): void => {
  f.regs.fill(SEVEN);
  f.written = 0x7ff;
  f.grow((f.stack.length + 1) * 8);
  f.stack.forEach((_, i) => {
    f.putSlot(i, ALL_SPILL, SEVEN);
    f.noteWritten(i);
  });
};

test('parked states hold what they held, and are their own again in the order of a stack', () => {
  fc.assert(
    fc.property(fc.array(state, { minLength: 2, maxLength: 5 }), (states) => {
      const before = states.map(held);
      for (let i = 1; i < states.length; i++) park(states[i], states[i - 1]);
      expect(states.map(held)).toEqual(before);
      for (let i = states.length - 1; i >= 0; i--) {
        const s = states[i];
        const spare = new State([]);
        unpark(s, spare);
        expect(held(s)).toEqual(before[i]);
        for (const f of s.frames) {
          overwrite(f);
        }
        expect(states.slice(0, i).map(held)).toEqual(before.slice(0, i));
      }
    }),
  );
});

test('a frame that two states have in common is stored once', () => {
  const make = (): State => {
    const outer = new Frame(-1, 0, 0);
    const inner = new Frame(0, 1, 1);
    return new State([outer, inner]);
  };
  const below = make();
  const above = below.copy();
  above.cur.regs[3] = SEVEN;
  park(above, below);
  expect(above.frames.map((f, i) => f === below.frames[i])).toEqual([true, false]);
});

test('a copy in the places of a state that is not needed any more is like one in places of its own', () => {
  fc.assert(
    fc.property(state, state, (from, old) => {
      const before = held(from);
      const made = from.copy(old);
      expect(made).toBe(old);
      expect(made).toEqual(from.copy());
      expect(held(made)).toEqual(before);
      for (const f of made.frames) {
        overwrite(f);
      }
      expect(held(from)).toEqual(before);
    }),
  );
});
