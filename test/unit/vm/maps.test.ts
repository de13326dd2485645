/** Map semantics: flags, errnos, lifetimes, events. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { KAddr } from '../../../src/engine/vm/index.ts';
import {
  bench,
  call,
  exit,
  fp,
  kptr,
  ld64,
  ldMap,
  ldValue,
  ldx,
  le32,
  le64,
  mapDef,
  mov,
  movr,
  s64,
  st32,
  stx,
  type Row,
} from './support.ts';

const ANY = 0n;
const NOEXIST = 1n;
const EXIST = 2n;
const num = (b: Uint8Array | undefined): number | undefined =>
  b === undefined ? undefined : Number(new DataView(b.buffer).getBigUint64(0, true));
const list = (m: { entries(): Iterable<readonly [Uint8Array, Uint8Array]> }): number[][] =>
  [...m.entries()].map(([k, v]) => [k[0], v[0]]);

describe('hash', () => {
  const make = () => bench([mapDef(0, 'hash', { maxEntries: 2 })]).vm.maps[0];
  test('flags and errnos', () => {
    const m = make();
    expect(m.update(le32(1), le64(10n), EXIST)).toBe(-2);
    expect(m.update(le32(1), le64(10n), NOEXIST)).toBe(0);
    expect(m.update(le32(1), le64(11n), NOEXIST)).toBe(-17);
    expect(m.update(le32(1), le64(12n), EXIST)).toBe(0);
    expect(m.update(le32(1), le64(12n), 3n)).toBe(-22);
    expect(m.update(le32(1), le64(12n), 1n << 40n)).toBe(-22);
    expect(m.update(le32(1), le64(12n), 4n)).toBe(-22); // BPF_F_LOCK without a lock in the value
    expect(m.update(le32(2), le64(20n), ANY)).toBe(0);
    expect(m.update(le32(3), le64(30n), ANY)).toBe(-7);
    expect(m.update(le32(1), le64(13n), ANY)).toBe(0);
    expect(num(m.lookup(le32(1)))).toBe(13);
    expect(m.lookup(le32(3))).toBeUndefined();
    expect(m.delete(le32(3))).toBe(-2);
    expect(m.delete(le32(1))).toBe(0);
    expect(list(m)).toEqual([[2, 20]]);
  });
  test('behaves as a dictionary with room for so many keys', () => {
    const op = fc.record({
      kind: fc.constantFrom('set', 'del', 'get'),
      key: fc.integer({ min: 0, max: 6 }),
      flags: fc.constantFrom(0n, 1n, 2n),
      value: fc.nat(200),
    });
    fc.assert(
      fc.property(fc.array(op, { maxLength: 60 }), (ops) => {
        const m = bench([mapDef(0, 'hash', { maxEntries: 3 })]).vm.maps[0];
        const model = new Map<number, number>();
        for (const { kind, key, flags, value } of ops) {
          const has = model.has(key);
          if (kind === 'get') expect(num(m.lookup(le32(key)))).toBe(model.get(key));
          else if (kind === 'del') expect(m.delete(le32(key))).toBe(model.delete(key) ? 0 : -2);
          else {
            const want = has && flags === 1n ? -17 : !has && flags === 2n ? -2 : !has && model.size === 3 ? -7 : 0;
            expect(m.update(le32(key), le64(BigInt(value)), flags)).toBe(want);
            if (want === 0) model.set(key, value);
          }
        }
        expect(new Map(list(m).map(([k, v]) => [k, v]))).toEqual(model);
      }),
    );
  });
  test('lru makes room by dropping what was used longest ago', () => {
    const m = bench([mapDef(0, 'lru_hash', { maxEntries: 2 })]).vm.maps[0];
    m.update(le32(1), le64(1n), ANY);
    m.update(le32(2), le64(2n), ANY);
    m.lookup(le32(1));
    expect(m.update(le32(3), le64(3n), ANY)).toBe(0);
    expect(list(m)).toEqual([
      [1, 1],
      [3, 3],
    ]);
  });
  test('a pointer from a lookup outlives the element until the program ends, and sees the old value', () => {
    const b = bench([mapDef(0, 'hash')]);
    b.vm.maps[0].update(le32(1), le64(10n), ANY);
    const r = b.run([
      st32(10, -4, 1),
      ...ldMap(1, 0),
      ...fp(2, -4),
      call(1),
      movr(6, 0),
      mov(1, 99),
      stx(10, -16, 1),
      ...ldMap(1, 0),
      ...fp(2, -4),
      ...fp(3, -16),
      mov(4, 0),
      call(2),
      ldx(7, 6, 0),
      ...ldMap(1, 0),
      ...fp(2, -4),
      call(3),
      ldx(0, 6, 0),
      [0x67, 0, 0, 0, 8],
      [0x0f, 0, 7, 0, 0],
      exit,
    ]);
    expect(r.fault).toBeNull();
    expect(r.r0).toBe(10n * 256n + 10n);
    expect(r.mapEvents.map((e) => [e.op, num(e.before ?? undefined), num(e.after ?? undefined), e.found])).toEqual([
      ['lookup', 10, 10, true],
      ['update', 10, 99, true],
      ['delete', 99, undefined, true],
    ]);
  });
});

describe('array', () => {
  test('flags and errnos', () => {
    const m = bench([mapDef(0, 'array', { maxEntries: 2 })]).vm.maps[0];
    expect(m.update(le32(1), le64(5n), ANY)).toBe(0);
    expect(m.update(le32(1), le64(5n), NOEXIST)).toBe(-17);
    expect(m.update(le32(1), le64(6n), EXIST)).toBe(0);
    expect(m.update(le32(2), le64(5n), ANY)).toBe(-7);
    expect(m.update(le32(0), le64(5n), 8n)).toBe(-22);
    expect(m.update(le32(0), le64(5n).slice(1), ANY)).toBe(-22);
    expect(m.delete(le32(1))).toBe(-22);
    expect(m.lookup(le32(2))).toBeUndefined();
    expect(list(m)).toEqual([
      [0, 0],
      [1, 6],
    ]);
  });
  test('a large array costs memory where it is touched', () => {
    const b = bench([mapDef(0, 'array', { maxEntries: 10_000_000, valueSize: 64 })]);
    const m = b.vm.maps[0];
    const value = new Uint8Array(64).fill(7);
    expect(m.update(le32(9_999_999), value, ANY)).toBe(0);
    expect(m.lookup(le32(9_999_999))).toEqual(value);
    expect(m.lookup(le32(123_456))).toEqual(new Uint8Array(64));
    expect(m.update(le32(10_000_000), value, ANY)).toBe(-7);
    expect(b.services.memory.bytes.length).toBeLessThan(1 << 20);
  });
  test('stores through a pointer are one write event with the value before and after', () => {
    const b = bench([mapDef(0, 'array', { maxEntries: 2 })]);
    const r = b.run([
      st32(10, -4, 1),
      ...ldMap(1, 0),
      ...fp(2, -4),
      call(1),
      st32(0, 0, 3),
      st32(0, 4, 4),
      mov(0, 0),
      exit,
    ]);
    expect(r.mapEvents.map((e) => e.op)).toEqual(['lookup', 'write']);
    expect(r.mapEvents[1]).toMatchObject({
      key: le32(1),
      before: le64(0n),
      after: Uint8Array.of(3, 0, 0, 0, 4, 0, 0, 0),
      insn: 6,
    });
    expect(num(b.vm.maps[0].lookup(le32(1)))).toBe(0x400000003);
  });
  test('one value cannot be overrun at the end of the array', () => {
    const b = bench([mapDef(0, 'array', { maxEntries: 1, valueSize: 12 })]);
    const r = b.run([st32(10, -4, 0), ...ldMap(1, 0), ...fp(2, -4), call(1), st32(0, 16, 1), exit]);
    expect(r.fault?.message).toMatch(/store of 4 bytes .* past the end of "value of map array_0"/);
  });
});

describe('globals', () => {
  const data = mapDef(0, 'array', { name: '.data', section: '.data', maxEntries: 1, initial: le64(5n) });
  const rodata = mapDef(1, 'array', {
    name: '.rodata',
    section: '.rodata',
    maxEntries: 1,
    initial: le64(6n),
    readOnly: true,
  });
  test('start with their initial contents; loads and stores are events', () => {
    const b = bench([data, rodata]);
    const r = b.run([
      ...ldValue(1, 0, 4),
      ...ldValue(2, 1, 0),
      ldx(0, 2, 0),
      st32(1, 0, 1),
      ldx(3, 1, -4),
      [0x0f, 0, 3, 0, 0],
      exit,
    ]);
    expect(r.r0).toBe(0x10000000bn);
    expect(r.mapEvents.map((e) => [e.op, e.map.name, e.insn])).toEqual([
      ['read', '.rodata', 4],
      ['write', '.data', 5],
      ['read', '.data', 6],
    ]);
    expect(num(r.mapEvents[1].before!)).toBe(5);
    expect(num(r.mapEvents[1].after!)).toBe(0x100000005);
    expect(num(b.vm.maps[0].lookup(le32(0)))).toBe(0x100000005);
  });
  test('.rodata cannot be written, by nobody', () => {
    const b = bench([data, rodata]);
    expect(b.run([...ldValue(1, 1, 0), st32(1, 0, 1), exit]).fault?.message).toMatch(/only read is supported/);
    expect(b.vm.maps[1].update(le32(0), le64(1n), ANY)).toBe(-1);
  });
  test('an offset outside the section faults', () => {
    expect(bench([data]).run([...ldValue(1, 0, 8), exit]).fault?.message).toMatch(/no such address/);
  });
});

describe('lpm_trie', () => {
  const make = (maxEntries = 16) => bench([mapDef(0, 'lpm_trie', { keySize: 8, maxEntries, flags: 1 })]).vm.maps[0];
  const ip = (len: number, ...b: number[]): Uint8Array => Uint8Array.of(len, 0, 0, 0, ...b);
  test('the longest prefix wins', () => {
    const m = make();
    m.update(ip(8, 10, 0, 0, 0), le64(1n), ANY);
    m.update(ip(24, 10, 1, 2, 0), le64(2n), ANY);
    expect(num(m.lookup(ip(32, 10, 1, 2, 3)))).toBe(2);
    expect(num(m.lookup(ip(32, 10, 9, 9, 9)))).toBe(1);
    expect(num(m.lookup(ip(16, 10, 1, 0, 0)))).toBe(1);
    expect(m.lookup(ip(32, 11, 1, 2, 3))).toBeUndefined();
    m.update(ip(0, 0, 0, 0, 0), le64(3n), ANY);
    expect(num(m.lookup(ip(32, 11, 1, 2, 3)))).toBe(3);
  });
  test('errnos', () => {
    const m = make(1);
    expect(m.update(ip(33, 1, 1, 1, 1), le64(1n), ANY)).toBe(-22);
    expect(m.update(ip(8, 1, 0, 0, 0), le64(1n), EXIST)).toBe(-2);
    expect(m.update(ip(8, 1, 0, 0, 0), le64(1n), ANY)).toBe(0);
    expect(m.update(ip(8, 1, 2, 3, 4), le64(2n), NOEXIST)).toBe(-17); // bits after the prefix do not count
    expect(m.update(ip(8, 1, 2, 3, 4), le64(2n), ANY)).toBe(0);
    expect(m.update(ip(9, 1, 0, 0, 0), le64(1n), ANY)).toBe(-28);
    expect(m.update(ip(8, 1, 0, 0, 0), le64(1n), 4n)).toBe(-22);
    expect(m.delete(ip(9, 1, 0, 0, 0))).toBe(-2);
    expect(m.delete(ip(33, 1, 0, 0, 0))).toBe(-22);
    expect(m.delete(ip(8, 1, 9, 9, 9))).toBe(0);
    expect(list(m)).toEqual([]);
  });
  test('agrees with looking through all prefixes', () => {
    const byte = fc.constantFrom(0, 1, 2, 0x80, 0xff);
    const key = fc.tuple(fc.integer({ min: 0, max: 32 }), byte, byte, byte, byte);
    const bits = (b: readonly number[], n: number): string =>
      b
        .map((x) => x.toString(2).padStart(8, '0'))
        .join('')
        .slice(0, n);
    fc.assert(
      fc.property(
        fc.array(key, { maxLength: 12 }),
        fc.array(key, { maxLength: 6 }),
        fc.array(key, { minLength: 1, maxLength: 8 }),
        (add, remove, ask) => {
          const m = make(64);
          const model = new Map<string, number>();
          add.forEach(([len, ...b], i) => {
            m.update(ip(len, ...b), le64(BigInt(i)), ANY);
            model.set(bits(b, len), i);
          });
          for (const [len, ...b] of remove) expect(m.delete(ip(len, ...b))).toBe(model.delete(bits(b, len)) ? 0 : -2);
          for (const [len, ...b] of ask) {
            let want: number | undefined;
            for (let n = 0; n <= len; n++) want = model.get(bits(b, n)) ?? want;
            expect(num(m.lookup(ip(len, ...b)))).toBe(want);
          }
          expect([...m.entries()].length).toBe(model.size);
        },
      ),
    );
  });
  test('iterates as the kernel does: children before their prefix, 0 before 1', () => {
    const m = make();
    const keys = [ip(8, 10, 0, 0, 0), ip(16, 10, 1, 0, 0), ip(16, 10, 0, 0, 0), ip(0, 0, 0, 0, 0), ip(8, 192, 0, 0, 0)];
    for (const k of keys) m.update(k, le64(0n), ANY);
    expect([...m.entries()].map(([k]) => [k[0], k[4], k[5]])).toEqual([
      [16, 10, 0],
      [16, 10, 1],
      [8, 10, 0],
      [8, 192, 0],
      [0, 0, 0],
    ]);
  });
});

describe('queue, stack, bloom filter', () => {
  const push = (v: number, flags = 0): Row[] => [
    mov(1, v),
    stx(10, -8, 1),
    ...ldMap(1, 0),
    ...fp(2, -8),
    mov(3, flags),
    call(87),
  ];
  const take = (helper: number): Row[] => [...ldMap(1, 0), ...fp(2, -16), call(helper)];
  test.each([
    ['queue', 1n],
    ['stack', 2n],
  ] as const)('%s', (type, first) => {
    const b = bench([mapDef(0, type, { keySize: 0, maxEntries: 2 })]);
    expect(b.run([...push(1), ...push(2), ...take(88), ldx(0, 10, -16), exit]).r0).toBe(first);
    expect(s64(b.run([...push(3), ...push(4), exit]).r0)).toBe(-7);
    expect(s64(b.run([...push(4, 2), exit]).r0)).toBe(0);
    expect(s64(b.run([...push(4, 1), exit]).r0)).toBe(-22);
    expect(b.run([...take(89), ldx(0, 10, -16), exit]).r0).toBe(type === 'queue' ? 3n : 4n);
    const r = b.run([...take(88), ...take(88), movr(6, 0), ...take(88), exit]);
    expect(s64(r.r0)).toBe(-2);
    expect(r.mapEvents.map((e) => [e.op, e.found])).toEqual([
      ['delete', true],
      ['delete', true],
      ['delete', false],
    ]);
  });
  test('bloom filter', () => {
    const b = bench([mapDef(0, 'bloom_filter', { keySize: 0 })]);
    const ask = (v: number): Row[] => [mov(1, v), stx(10, -16, 1), ...take(89), exit];
    expect(s64(b.run([...push(7), exit]).r0)).toBe(0);
    expect(s64(b.run(ask(7)).r0)).toBe(0);
    expect(s64(b.run(ask(8)).r0)).toBe(-2);
    expect(s64(b.run([...push(7, 2), exit]).r0)).toBe(-22);
  });
});

describe('ring buffer', () => {
  const ring = mapDef(0, 'ringbuf', { keySize: 0, valueSize: 0, maxEntries: 4096 });
  const reserve = (size: number): Row[] => [...ldMap(1, 0), mov(2, size), mov(3, 0), call(131)];
  test('submitted records come out in order, discarded ones do not', () => {
    const r = bench([ring]).run([
      ...reserve(8),
      movr(6, 0),
      ...reserve(4),
      movr(7, 0),
      st32(6, 0, 1),
      st32(6, 4, 2),
      st32(7, 0, 3),
      movr(1, 7),
      mov(2, 0),
      call(132),
      movr(1, 6),
      mov(2, 0),
      call(132),
      ...reserve(8),
      movr(1, 0),
      mov(2, 0),
      call(133),
      mov(0, 0),
      exit,
    ]);
    expect(r.fault).toBeNull();
    expect(r.ringRecords.map((x) => [...x.bytes])).toEqual([
      [3, 0, 0, 0],
      [1, 0, 0, 0, 2, 0, 0, 0],
    ]);
    expect(r.mapEvents.map((e) => [e.op, e.found])).toEqual([
      ['reserve', true],
      ['reserve', true],
      ['reserve', true],
    ]);
  });
  test('is full when one run puts in too much, and empty for the next', () => {
    const b = bench([ring]);
    // 4096 bytes hold 3 records of 1024 + 8; the fourth gives NULL. The verifier would want each of them released.
    const rows = [...reserve(1024), ...reserve(1024), ...reserve(1024), movr(6, 0), ...reserve(1024), exit];
    expect(b.run(rows).r0).toBe(0n);
    expect(b.run([...reserve(1024), exit]).r0).not.toBe(0n);
    expect(b.run([...reserve(4096), exit]).r0).toBe(0n);
  });
  test('output, query, and a record that is used after submission', () => {
    const b = bench([ring]);
    const query = (what: number): Row[] => [...ldMap(1, 0), mov(2, what), call(134)];
    const r = b.run([
      st32(10, -8, 9),
      ...ldMap(1, 0),
      ...fp(2, -8),
      mov(3, 4),
      mov(4, 0),
      call(130),
      movr(6, 0),
      ...query(0),
      [0x0f, 0, 6, 0, 0],
      exit,
    ]);
    expect([r.r0, ...r.ringRecords[0].bytes]).toEqual([16n, 9, 0, 0, 0]);
    expect(b.run([...query(1), exit]).r0).toBe(4096n);
    const late = b.run([...reserve(8), movr(6, 0), movr(1, 0), mov(2, 0), call(132), st32(6, 0, 1), exit]);
    expect(late.fault?.message).toMatch(/inside freed "record of ringbuf_0"/);
    expect(b.run([...fp(1, -8), mov(2, 0), call(132), exit]).fault?.message).toMatch(/no reserved/);
  });
});

describe('local storage', () => {
  const storage = mapDef(0, 'task_storage', { maxEntries: 0, flags: 1 });
  const get = (flags: number): Row[] => [movr(2, 6), ...ldMap(1, 0), mov(3, 0), mov(4, flags), call(156)];
  const start: Row[] = [call(158), movr(6, 0)];
  test('is created on demand, keeps its value, and goes with its owner', () => {
    const b = bench([storage]);
    expect(b.run([...start, ...get(0), exit]).r0).toBe(0n);
    const r = b.run([...start, ...get(1), st32(0, 0, 5), mov(0, 0), exit]);
    expect(r.mapEvents.map((e) => [e.op, num(e.key)])).toEqual([
      ['update', Number(kptr(b.task))],
      ['write', Number(kptr(b.task))],
    ]);
    expect(b.run([...start, ...get(0), ldx(0, 0, 0), exit]).r0).toBe(5n);
    b.vm.onFree('inode', b.task);
    expect([...b.vm.maps[0].entries()].length).toBe(1);
    b.vm.onFree('task', b.task);
    expect([...b.vm.maps[0].entries()].length).toBe(0);
    b.vm.onFree('task', 0x9999 as KAddr);
  });
  test('delete, bad flags, NULL owner, initial value', () => {
    const b = bench([storage]);
    const remove: Row[] = [...start, ...ldMap(1, 0), movr(2, 6), call(157), exit];
    expect(s64(b.run(remove).r0)).toBe(-2);
    expect(b.run([...start, ...get(2), exit]).r0).toBe(0n);
    expect(b.run([mov(6, 0), ...get(1), exit]).r0).toBe(0n);
    const init: Row[] = [
      ...start,
      mov(1, 77),
      stx(10, -8, 1),
      ...ldMap(1, 0),
      movr(2, 6),
      ...fp(3, -8),
      mov(4, 1),
      call(156),
      ldx(0, 0, 0),
      exit,
    ];
    expect(b.run(init).r0).toBe(77n);
    expect(s64(b.run(remove).r0)).toBe(0);
  });
});

describe('maps of maps', () => {
  const maps = [
    mapDef(0, 'hash_of_maps', { valueSize: 4, innerMap: 1, maxEntries: 1 }),
    mapDef(1, 'array', { maxEntries: 1 }),
    mapDef(2, 'array', { maxEntries: 1 }),
    mapDef(3, 'array', { maxEntries: 1, valueSize: 4 }),
  ];
  test('lookups give the inner map, which then works', () => {
    const b = bench(maps);
    b.vm.maps[2].update(le32(0), le64(123n), ANY);
    expect(b.vm.maps[0].update(le32(5), le32(2), ANY)).toBe(0);
    const r = b.run([
      st32(10, -4, 5),
      st32(10, -8, 0),
      ...ldMap(1, 0),
      ...fp(2, -4),
      call(1),
      movr(1, 0),
      ...fp(2, -8),
      call(1),
      ldx(0, 0, 0),
      exit,
    ]);
    expect(r).toMatchObject({ r0: 123n, fault: null });
    expect([...b.vm.maps[0].entries()]).toEqual([[le32(5), le32(2)]]);
  });
  test('inner maps must look like the template, and be there', () => {
    const m = bench(maps).vm.maps[0];
    expect(m.update(le32(5), le32(3), ANY)).toBe(-22);
    expect(m.update(le32(5), le32(9), ANY)).toBe(-22);
    expect(m.update(le32(5), le32(1), ANY)).toBe(0);
    expect(m.update(le32(6), le32(1), ANY)).toBe(-7);
    expect(m.delete(le32(6))).toBe(-2);
  });
});

test('types without a model exist, hold nothing and say so', () => {
  const b = bench([mapDef(0, 'stack_trace')]);
  expect(b.notes.join()).toMatch(/stack_trace/);
  expect(b.vm.maps[0].update(le32(0), le64(1n), ANY)).toBe(-22);
  expect(b.run([...ld64(0, 1n), exit]).r0).toBe(1n);
});

test('an atomic add on a global is one write event', () => {
  const b = bench([mapDef(0, 'array', { name: '.bss', section: '.bss', maxEntries: 1, initial: le64(5n) })]);
  const r = b.run([...ldValue(1, 0, 0), mov(2, 3), [0xdb, 1, 2, 0, 0x01], movr(0, 2), exit]);
  expect([r.r0, num(b.vm.maps[0].lookup(le32(0)))]).toEqual([5n, 8]);
  expect(r.mapEvents.map((e) => [e.op, num(e.before!), num(e.after!)])).toEqual([['write', 5, 8]]);
});
