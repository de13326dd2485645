/** The arena: allocation, shadow, growth, snapshots. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createMemory, type KAddr } from '../../../src/engine/vm/index.ts';
import { Arena, OutOfMemory } from '../../../src/engine/vm/memory.ts';

describe('arena', () => {
  test('objects are zeroed, aligned, named, apart from each other, and never at NULL', () => {
    const m = createMemory();
    const a = m.alloc(5, 'a');
    const b = m.alloc(0, 'b');
    const c = m.alloc(16, 'c');
    expect(a).toBeGreaterThanOrEqual(4096);
    for (const at of [a, b, c]) expect(at % 8).toBe(0);
    expect(m.objectAt(a + 4)).toMatchObject({ start: a, size: 5, label: 'a' });
    expect(m.objectAt(a + 5)).toBeUndefined();
    expect(m.objectAt(c - 1)).toBeUndefined();
    expect(m.objectAt(c + 15)?.label).toBe('c');
    expect(m.objectAt(0)).toBeUndefined();
  });
  test('freed memory is gone, comes back zeroed, and cannot be freed twice', () => {
    const m = createMemory();
    const a = m.alloc(8, 'a');
    m.bytes.fill(7, a, a + 8);
    m.free(a);
    expect(m.objectAt(a)).toBeUndefined();
    expect(() => m.free(a)).toThrow(/not allocated/);
    expect(() => m.free((a + 8) as KAddr)).toThrow(/not allocated/);
    const again = m.alloc(8, 'again');
    expect([again, ...m.bytes.subarray(again, again + 8)]).toEqual([a, 0, 0, 0, 0, 0, 0, 0, 0]);
  });
  test('pointers are in the direct map, NULL stays NULL', () => {
    const m = createMemory();
    const a = m.alloc(16, 'a');
    m.writePtr(a, a);
    expect(m.view.getBigUint64(a, true)).toBe(0xffff888000000000n + BigInt(a));
    expect(m.readPtr(a)).toBe(a);
    m.writePtr(a, 0);
    expect(m.view.getBigUint64(a, true)).toBe(0n);
    expect(m.readPtr(a)).toBe(0);
  });
  test('grows, and says when it is full', () => {
    const m = createMemory();
    const a = m.alloc(8, 'a');
    m.view.setInt32(a, 42, true);
    const big = m.alloc(1 << 20, 'big');
    expect(m.view.getInt32(a, true)).toBe(42);
    expect(m.objectAt(big + (1 << 20) - 1)?.label).toBe('big');
    expect(() => m.alloc(2 ** 31, 'huge')).toThrow(OutOfMemory);
    expect(() => m.alloc(-1, 'bad')).toThrow();
  });
  test('any sequence of alloc and free: live objects never overlap and the shadow says exactly what they hold', () => {
    const op = fc.oneof(
      fc.nat(100).map((size) => ({ size })),
      fc.nat(20).map((free) => ({ free })),
    );
    fc.assert(
      fc.property(fc.array(op, { maxLength: 60 }), (ops) => {
        const m = new Arena();
        const live: { at: KAddr; size: number }[] = [];
        for (const o of ops) {
          if ('size' in o) live.push({ at: m.alloc(o.size, 'x'), size: o.size });
          else if (live.length > 0) m.free(live.splice(o.free % live.length, 1)[0].at);
        }
        const owner = new Map<number, number>();
        live.forEach(({ at, size }, i) => {
          for (let k = at; k < at + size; k++) {
            expect(owner.has(k)).toBe(false);
            owner.set(k, i);
          }
        });
        for (let k = 4096 - 8; k < m.used + 8; k++) {
          expect(m.loadOk[k >> 3] > (k & 7)).toBe(owner.has(k));
          expect(m.addressable(k, 1)).toBe(owner.has(k));
        }
      }),
    );
  });
  test('a snapshot brings contents and allocations back', () => {
    const m = new Arena();
    const a = m.alloc(8, 'a');
    const b = m.alloc(8, 'b');
    m.view.setInt32(a, 1, true);
    const s = m.snapshot();
    m.view.setInt32(a, 2, true);
    m.free(b);
    const c = m.alloc(1 << 19, 'c');
    m.restore(s);
    expect(m.view.getInt32(a, true)).toBe(1);
    expect(m.objectAt(b)?.label).toBe('b');
    expect(m.objectAt(c + 1000)).toBeUndefined();
    expect(m.loadOk[c >> 3]).toBe(0);
    expect(m.alloc(1 << 19, 'c again')).toBe(c);
  });
});
