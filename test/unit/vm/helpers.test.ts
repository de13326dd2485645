/** Helpers: results, errnos and effects, by family. */
import { describe, expect, test } from 'vitest';
import type { KernelServices, MapEvent } from '../../../src/engine/vm/index.ts';
import { createVmObject } from '../../../src/engine/vm/index.ts';
import { BtfBuilder, parseBtf } from '../../../src/engine/bpf/index.ts';
import {
  bench,
  call,
  exit,
  fp,
  kptr,
  ld64,
  ldMap,
  ldx,
  le32,
  le64,
  mapDef,
  mov,
  movr,
  program,
  s64,
  st32,
  stx,
  type Bench,
  type Row,
} from './support.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
/** Writes text with its NUL on the stack at fp + off. */
function onStack(text: string, off: number): Row[] {
  const b = bytesOf(text + '\0');
  return Array.from(b, (c, i): Row => [0x72, 10, 0, off + i, c]);
}
/** r0 = 8 bytes of the stack. */
const stack = (off: number): Row => ldx(0, 10, off);

describe('current', () => {
  test('ids, cpu, time, task', () => {
    const b = bench();
    expect(b.run([call(14), exit]).r0).toBe((7n << 32n) | 8n);
    expect(b.run([call(15), exit]).r0).toBe((100n << 32n) | 1000n);
    expect(b.run([call(80), exit]).r0).toBe(0x100000002n);
    expect(b.run([call(8), exit]).r0).toBe(0n);
    expect(b.run([call(5), exit]).r0).toBe(1_000_000_000n);
    expect(b.run([call(118), exit]).r0).toBe(0x100000000n - 75000n + 500n);
    expect(b.run([call(35), exit]).r0).toBe(kptr(b.task));
    expect(b.run([call(158), exit]).r0).toBe(kptr(b.task));
  });
  test('random numbers are the same in every world, and differ', () => {
    const two: Row[] = [call(7), movr(6, 0), [0x67, 6, 0, 0, 32], call(7), [0x4f, 0, 6, 0, 0], exit];
    const first = bench().run(two).r0;
    expect(bench().run(two).r0).toBe(first);
    expect(first >> 32n).not.toBe(first & 0xffffffffn);
  });
  test('comm is padded with zeros and always terminated', () => {
    const b = bench();
    const rows = (size: number): Row[] => [
      mov(1, -1),
      stx(10, -8, 1),
      ...fp(1, -8),
      mov(2, size),
      call(16),
      stack(-8),
      exit,
    ];
    expect(le64(b.run(rows(8)).r0)).toEqual(bytesOf('bash\0\0\0\0'));
    expect(le64(b.run(rows(3)).r0)).toEqual(Uint8Array.of(0x62, 0x61, 0, 255, 255, 255, 255, 255));
  });
});

describe('reading memory', () => {
  const read = (helper: number, size: number, from: Row[]): Row[] => [
    mov(1, -1),
    stx(10, -8, 1),
    ...fp(1, -8),
    mov(2, size),
    ...from,
    call(helper),
    movr(6, 0),
  ];
  test('probe_read_kernel copies, or zeroes and says EFAULT', () => {
    const b = bench();
    b.services.memory.view.setUint32(b.task, 0x11223344, true);
    expect(b.run([...read(113, 4, ld64(3, kptr(b.task))), stack(-8), exit]).r0).toBe(0xffffffff11223344n);
    for (const bad of [0n, 0x1000n, kptr(b.task + 62), 0xffffffff81000000n]) {
      expect(s64(b.run([...read(113, 4, ld64(3, bad)), exit]).r0)).toBe(-14);
      expect(b.run([...read(113, 4, ld64(3, bad)), stack(-8), exit]).r0).toBe(0xffffffff00000000n);
    }
    expect(b.notes.join()).toMatch(/past the end of struct task_struct/);
  });
  test('user memory is reached by the user helpers and by probe_read', () => {
    const b = bench();
    b.user.set(bytesOf('secret\0'), 8);
    for (const helper of [112, 148, 4]) {
      expect(b.run([...read(helper, 4, [mov(3, 0x1008)]), stack(-8), exit]).r0).toBe(0xffffffff72636573n);
    }
    expect(s64(b.run([...read(112, 4, ld64(3, kptr(b.task))), exit]).r0)).toBe(-14);
    expect(s64(b.run([...read(112, 4, [mov(3, 0x103e)]), exit]).r0)).toBe(-14);
  });
  test('strings: length with NUL, cut to the buffer, the rest untouched', () => {
    const b = bench();
    b.user.set(bytesOf('abc\0'), 0);
    expect(b.run([...read(114, 8, [mov(3, 0x1000)]), exit]).r0).toBe(4n);
    expect(le64(b.run([...read(114, 8, [mov(3, 0x1000)]), stack(-8), exit]).r0)).toEqual(
      Uint8Array.of(97, 98, 99, 0, 255, 255, 255, 255),
    );
    expect(b.run([...read(114, 3, [mov(3, 0x1000)]), exit]).r0).toBe(3n);
    expect(le64(b.run([...read(114, 3, [mov(3, 0x1000)]), stack(-8), exit]).r0)).toEqual(
      Uint8Array.of(97, 98, 0, 255, 255, 255, 255, 255),
    );
    expect(s64(b.run([...read(115, 8, [mov(3, 0)]), exit]).r0)).toBe(-14);
    // A string that ends with memory.
    b.services.memory.bytes.set(bytesOf('xy\0'), b.task + 61);
    expect(b.run([...read(115, 8, ld64(3, kptr(b.task + 61))), exit]).r0).toBe(3n);
  });
  test('probe_write_user writes', () => {
    const b = bench();
    b.run([st32(10, -8, 0x41424344), mov(1, 0x1004), ...fp(2, -8), mov(3, 4), call(36), exit]);
    expect([...b.user.subarray(3, 9)]).toEqual([0, 0x44, 0x43, 0x42, 0x41, 0]);
  });
  test('a destination outside memory is a fault that names the helper', () => {
    const r = bench().run([...fp(1, -4), mov(2, 8), mov(3, 0), call(113), exit]);
    expect(r.fault?.message).toMatch(/bpf_probe_read_kernel: argument 1: write of 8 bytes .* across the end/);
  });
});

describe('d_path', () => {
  const rows = (size: number): Row[] => [mov(1, 0), ...fp(2, -64), mov(3, size), call(147), exit];
  test('length with NUL; the tail of the buffer keeps a copy', () => {
    expect(bench().run(rows(64)).r0).toBe(12n);
    const b = bench([mapDef(0, 'ringbuf', { keySize: 0, valueSize: 0, maxEntries: 4096 })]);
    const out = b.run([
      ...rows(32).slice(0, -1),
      ...ldMap(1, 0),
      ...fp(2, -64),
      mov(3, 32),
      mov(4, 0),
      call(130),
      exit,
    ]);
    const text = new TextDecoder().decode(out.ringRecords[0].bytes);
    expect(text).toBe('/etc/shadow\0' + '\0'.repeat(8) + '/etc/shadow\0');
  });
  test('ENAMETOOLONG for a small buffer, 0 for none', () => {
    expect(s64(bench().run(rows(11)).r0)).toBe(-36);
    expect(bench().run(rows(0)).r0).toBe(0n);
  });
});

describe('text', () => {
  const print = (format: string, args: Row[] = []): Row[] => [
    ...onStack(format, -128),
    ...fp(1, -128),
    mov(2, format.length + 1),
    mov(3, 0),
    mov(4, 0),
    mov(5, 0),
    ...args,
    call(6),
    exit,
  ];
  test('trace_printk', () => {
    const b = bench();
    const r = b.run(print('pid %d u %u x %llx', [mov(3, -5), mov(4, -1), ...ld64(5, 0xdeadbeef12n)]));
    expect(r.printk).toEqual(['pid -5 u 4294967295 x deadbeef12']);
    expect(r.r0).toBe(32n);
  });
  test('strings come from memory, and nothing from bad pointers', () => {
    const b = bench();
    b.user.set(bytesOf('user\0'), 0);
    const r = b.run([...onStack('kernel', -200), ...print('%s-%s-%s', [...fp(3, -200), mov(4, 0x1000), mov(5, 0)])]);
    expect(r.printk).toEqual(['kernel-user-']);
  });
  test('a format that the kernel refuses gives EINVAL and prints nothing', () => {
    for (const bad of ['%f', '%', '%n', '%d %d %d %d', 'caf\u00e9']) {
      const r = bench().run(print(bad));
      expect([s64(r.r0), r.printk.length]).toEqual([-22, 0]);
    }
  });
  test('trace_vprintk takes its arguments from an array', () => {
    const rows: Row[] = [
      ...onStack('%d %c %%', -128),
      mov(1, 1),
      stx(10, -16, 1),
      mov(1, 65),
      stx(10, -8, 1),
      ...fp(1, -128),
      mov(2, 9),
      ...fp(3, -16),
      mov(4, 16),
      call(177),
      exit,
    ];
    expect(bench().run(rows).printk).toEqual(['1 A %']);
  });
  test('snprintf terminates and returns the whole length', () => {
    const rows = (size: number): Row[] => [
      ...onStack('n=%d', -128),
      mov(1, -1),
      stx(10, -8, 1),
      mov(1, 12345),
      stx(10, -16, 1),
      ...fp(1, -8),
      mov(2, size),
      ...fp(3, -128),
      ...fp(4, -16),
      mov(5, 8),
      call(165),
      movr(6, 0),
    ];
    expect(bench().run([...rows(8), exit]).r0).toBe(8n);
    expect(le64(bench().run([...rows(8), stack(-8), exit]).r0)).toEqual(bytesOf('n=12345\0'));
    expect(bench().run([...rows(4), exit]).r0).toBe(8n);
    expect(le64(bench().run([...rows(4), stack(-8), exit]).r0)).toEqual(
      Uint8Array.of(0x6e, 0x3d, 0x31, 0, 255, 255, 255, 255),
    );
  });
  test.each([
    ['same', 'same', 5, 0],
    ['abc', 'abd', 4, -1],
    ['b', 'abd', 2, 1],
    ['abX', 'abY', 2, 0],
    ['ab', 'ab', 8, 0],
  ])('strncmp of %s and %s over %i', (a, b, n, want) => {
    const rows: Row[] = [
      ...onStack(a, -32),
      ...onStack(b, -64),
      ...fp(1, -32),
      mov(2, n),
      ...fp(3, -64),
      call(182),
      exit,
    ];
    expect(s64(bench().run(rows).r0)).toBe(want);
  });
  test.each([
    [105, '42', 10, 2, 42n],
    [105, '  -42x', 10, 5, -42n],
    [105, '0x1f', 0, 4, 31n],
    [105, '017', 0, 3, 15n],
    [105, '9223372036854775808', 10, -34, 0n],
    [105, '-9223372036854775808', 10, 20, -(2n ** 63n)],
    [105, 'x', 10, -22, 0n],
    [105, '1', 7, -22, 0n],
    [105, '+1', 10, -22, 0n],
    [105, '0x', 16, -22, 0n],
    [105, '0x', 0, 1, 0n],
    [105, '-', 10, -22, 0n],
    [106, '18446744073709551615', 10, 20, -1n],
    [106, '-1', 10, -22, 0n],
    [106, 'ff', 16, 2, 255n],
  ])('strto%i of %s, base %i', (helper, text, base, want, value) => {
    const rows = (end: Row[]): Row[] => [
      mov(1, 55),
      stx(10, -8, 1),
      ...onStack(text, -64),
      ...fp(1, -64),
      mov(2, text.length),
      mov(3, base),
      ...fp(4, -8),
      call(helper),
      ...end,
      exit,
    ];
    expect(s64(bench().run(rows([])).r0)).toBe(want);
    expect(BigInt.asIntN(64, bench().run(rows([stack(-8)])).r0)).toBe(value);
  });
});

describe('callbacks', () => {
  const func = (dst: number, diff: number): Row[] => [
    [0x18, dst, 4, 0, diff],
    [0, 0, 0, 0, 0],
  ];
  /** r0 = bpf_loop(count, cb, fp - 8, 0); then r0 = r0 << 32 | sum. cb: *ctx += index; return index == stop. */
  const loop = (count: number, stop: number, flags = 0): Row[] => [
    mov(1, 0),
    stx(10, -8, 1),
    mov(1, count),
    ...func(2, 9),
    ...fp(3, -8),
    mov(4, flags),
    call(181),
    [0x67, 0, 0, 0, 32],
    ldx(1, 10, -8),
    [0x4f, 0, 1, 0, 0],
    exit,
    ldx(3, 2, 0),
    [0x0f, 3, 1, 0, 0],
    stx(2, 0, 3),
    mov(0, 0),
    [0x55, 1, 0, 1, stop],
    mov(0, 1),
    exit,
  ];
  test('loop runs so many times, or until the callback says stop', () => {
    expect(bench().run(loop(5, -1)).r0).toBe((5n << 32n) | 10n);
    expect(bench().run(loop(5, 2)).r0).toBe((3n << 32n) | 3n);
    expect(bench().run(loop(0, 2)).r0).toBe(0n);
    expect(BigInt.asIntN(32, bench().run(loop(5, 2, 1)).r0 >> 32n)).toBe(-22n);
    expect(BigInt.asIntN(32, bench().run(loop((1 << 23) + 1, 2)).r0 >> 32n)).toBe(-7n);
  });
  test('hits of a callback are counted, and a session can stop inside it', () => {
    const b = bench();
    const p = program('loop', loop(4, -1));
    const r = b.vm.run(p, []);
    expect(r.hits[13]).toBe(4);
    expect(r.hits.reduce((x, y) => x + y, 0)).toBe(r.insns);
    const session = b.vm.start(p, []);
    let inside = 0;
    while (session.step(1)) if (session.depth === 1) inside++;
    expect(inside).toBeGreaterThan(4);
    expect(session.result()).toEqual(r);
  });
  test('for_each_map_elem visits key and value', () => {
    const b = bench([mapDef(0, 'hash')]);
    b.vm.maps[0].update(le32(1), le64(10n), 0n);
    b.vm.maps[0].update(le32(2), le64(20n), 0n);
    const rows: Row[] = [
      mov(1, 0),
      stx(10, -8, 1),
      ...ldMap(1, 0),
      ...func(2, 9),
      ...fp(3, -8),
      mov(4, 0),
      call(164),
      ldx(1, 10, -8),
      [0x67, 0, 0, 0, 32],
      [0x4f, 0, 1, 0, 0],
      exit,
      ldx(5, 4, 0),
      ldx(0, 3, 0),
      [0x0f, 5, 0, 0, 0],
      [0x61, 0, 2, 0, 0],
      [0x0f, 5, 0, 0, 0],
      stx(4, 0, 5),
      mov(0, 0),
      exit,
    ];
    expect(b.run(rows)).toMatchObject({ r0: (2n << 32n) | 33n, fault: null });
  });
});

describe('arguments of the function', () => {
  test('get_func_arg, get_func_arg_cnt, get_func_ret', () => {
    const b = bench();
    const arg = (n: number): Row[] => [mov(2, n), ...fp(3, -8), call(183), movr(6, 0)];
    expect(b.vm.run(program('p', [...arg(1), stack(-8), exit], 'fexit'), [5n, 6n, 7n]).r0).toBe(6n);
    expect(s64(b.vm.run(program('p', [...arg(2), exit], 'fexit'), [5n, 6n, 7n]).r0)).toBe(-22);
    expect(b.vm.run(program('p', [call(185), exit], 'fexit'), [5n, 6n, 7n]).r0).toBe(2n);
    expect(b.vm.run(program('p', [...fp(2, -8), call(184), stack(-8), exit], 'fexit'), [5n, 6n, 7n]).r0).toBe(7n);
    expect(s64(b.vm.run(program('p', [...fp(2, -8), call(184), exit]), [5n]).r0)).toBe(-95);
  });
});

describe('dynptr', () => {
  test('from memory: read, write, data, and their limits', () => {
    const b = bench([mapDef(0, 'array', { maxEntries: 1, valueSize: 16 })]);
    const make: Row[] = [
      st32(10, -4, 0),
      ...ldMap(1, 0),
      ...fp(2, -4),
      call(1),
      movr(1, 0),
      mov(2, 16),
      mov(3, 0),
      ...fp(4, -32),
      call(197),
      mov(1, 0x55),
      stx(10, -48, 1),
    ];
    const write = (off: number, len: number): Row[] => [
      ...fp(1, -32),
      mov(2, off),
      ...fp(3, -48),
      mov(4, len),
      mov(5, 0),
      call(202),
    ];
    const r = b.run([...make, ...write(8, 8), exit]);
    expect(s64(r.r0)).toBe(0);
    expect([...b.vm.maps[0].lookup(le32(0))!].slice(7, 10)).toEqual([0, 0x55, 0]);
    expect(r.mapEvents.map((e: MapEvent) => e.op)).toEqual(['lookup', 'write']);
    expect(s64(b.run([...make, ...write(9, 8), exit]).r0)).toBe(-7);
    const read: Row[] = [
      ...fp(1, -8),
      mov(2, 1),
      ...fp(3, -32),
      mov(4, 8),
      mov(5, 0),
      call(201),
      [0x71, 0, 10, -8, 0],
      exit,
    ];
    expect(b.run([...make, ...read]).r0).toBe(0x55n);
    const data = (off: number): Row[] => [...fp(1, -32), mov(2, off), mov(3, 8), call(203), exit];
    expect(b.run([...make, ...data(9)]).r0).toBe(0n);
    expect(b.run([...make, ...data(8)]).r0).not.toBe(0n);
  });
  test('of a ring buffer', () => {
    const b = bench([mapDef(0, 'ringbuf', { keySize: 0, valueSize: 0, maxEntries: 4096 })]);
    const r = b.run([
      ...ldMap(1, 0),
      mov(2, 4),
      mov(3, 0),
      ...fp(4, -16),
      call(198),
      movr(6, 0),
      st32(10, -24, 77),
      ...fp(1, -16),
      mov(2, 0),
      ...fp(3, -24),
      mov(4, 4),
      mov(5, 0),
      call(202),
      ...fp(1, -16),
      mov(2, 0),
      call(199),
      movr(0, 6),
      exit,
    ]);
    expect([r.r0, r.fault, [...r.ringRecords[0].bytes]]).toEqual([0n, null, [77, 0, 0, 0]]);
  });
});

describe('locks and kptrs', () => {
  test('kptr_xchg swaps', () => {
    const b = bench([mapDef(0, 'array', { maxEntries: 1 })]);
    b.vm.maps[0].update(le32(0), le64(5n), 0n);
    const r = b.run([st32(10, -4, 0), ...ldMap(1, 0), ...fp(2, -4), call(1), movr(1, 0), mov(2, 6), call(194), exit]);
    expect([r.r0, b.vm.maps[0].lookup(le32(0))]).toEqual([5n, le64(6n)]);
  });
});

describe('perf events', () => {
  test('are recorded like ring records', () => {
    const b = bench([mapDef(0, 'perf_event_array', { valueSize: 4 })]);
    const r = b.run([
      st32(10, -4, 9),
      ...ldMap(2, 0),
      ...ld64(3, 0xffffffffn),
      ...fp(4, -4),
      mov(5, 4),
      call(25),
      exit,
    ]);
    expect([r.r0, [...r.ringRecords[0].bytes]]).toEqual([0n, [9, 0, 0, 0]]);
  });
});

describe('outside the model', () => {
  test.each([
    [67, -22],
    [109, 0],
    [161, -95],
    [209, 0],
  ])('helper %i says so', (id, want) => {
    const b: Bench = bench();
    expect(s64(b.run([call(id), exit]).r0)).toBe(want);
    expect(b.notes.length).toBe(1);
  });
  test('kernel variables read as NULL', () => {
    const b = bench();
    expect(b.run([[0x18, 1, 3, 0, 4], [0, 0, 0, 0, 0], [0x61, 0, 1, 0, 0], exit])).toMatchObject({
      r0: 0n,
      fault: null,
    });
    expect(b.notes).toEqual(['kernel variable with BTF id 4']);
  });
  test('kfuncs without the kernel BTF', () => {
    const b = bench();
    expect(b.run([[0x85, 0, 2, 0, 77], exit]).fault?.message).toMatch(/BTF id 77 is not modelled/);
    expect(b.notes.length).toBe(1);
  });
});

describe('with the kernel BTF', () => {
  const built = new BtfBuilder();
  const u64t = built.addInt('long unsigned int', 8);
  const u32t = built.addInt('unsigned int', 4);
  built.addStruct('linux_binprm', 16, [
    { name: 'vma', type: u64t, bitOffset: 0 },
    { name: 'have_execfd', type: u32t, bitOffset: 64, bitSize: 1 },
    { name: 'secureexec', type: u32t, bitOffset: 66, bitSize: 1 },
  ]);
  built.addStruct('file', 16, [
    { name: 'f_op', type: u64t, bitOffset: 0 },
    { name: 'private_data', type: u64t, bitOffset: 64 },
  ]);
  const names = ['bpf_iter_num_new', 'bpf_iter_num_next', 'bpf_iter_num_destroy', 'bpf_task_acquire', 'bpf_strange'];
  const ids = names.map((n) => built.addFunc(n, built.addFuncProto(0, []), 'extern'));
  const parsed = parseBtf(built.emit());
  if (!parsed.ok) throw new Error(parsed.error.message);
  const make = () => {
    const b = bench();
    const services: KernelServices = { ...b.services, kernelBtf: parsed.value };
    const object = { name: 't', license: 'GPL', gplCompatible: true, btf: null, maps: [], programs: [] };
    return { b, vm: createVmObject(object, services) };
  };
  test('bpf_iter_num loops over its range', () => {
    const kcall = (n: number): Row => [0x85, 0, 2, 0, ids[n]];
    const { vm } = make();
    const r = vm.run(
      program('p', [
        mov(6, 0),
        ...fp(1, -8),
        mov(2, 3),
        mov(3, 6),
        kcall(0),
        ...fp(1, -8),
        kcall(1),
        [0x15, 0, 0, 3, 0],
        [0x61, 1, 0, 0, 0],
        [0x0f, 6, 1, 0, 0],
        [0x05, 0, 0, -7, 0],
        ...fp(1, -8),
        kcall(2),
        movr(0, 6),
        exit,
      ]),
      [],
    );
    expect(r).toMatchObject({ r0: 12n, fault: null });
    expect(vm.run(program('p', [mov(1, 5), kcall(4), exit]), []).fault?.message).toMatch(/bpf_strange is not modelled/);
  });
  test('bprm_opts_set sets the bit, sock_from_file follows private_data', () => {
    const { b, vm } = make();
    const mem = b.services.memory;
    const at = mem.alloc(16, 'struct linux_binprm');
    const rows = (flags: number): Row[] => [ldx(1, 1, 0), mov(2, flags), call(159), exit];
    expect(vm.run(program('p', rows(1)), [kptr(at)]).r0).toBe(0n);
    expect(mem.bytes[at + 8]).toBe(4);
    expect(vm.run(program('p', rows(0)), [kptr(at)]).r0).toBe(0n);
    expect(mem.bytes[at + 8]).toBe(0);
    expect(s64(vm.run(program('p', rows(2)), [kptr(at)]).r0)).toBe(-22);

    const sock = mem.alloc(8, 'struct socket');
    const f = mem.alloc(16, 'struct file');
    const sockOf: Row[] = [ldx(1, 1, 0), call(162), exit];
    expect(vm.run(program('p', sockOf), [kptr(f)]).r0).toBe(0n);
    mem.writePtr(f + 8, sock);
    expect(vm.run(program('p', sockOf), [kptr(f)]).r0).toBe(kptr(sock));
  });
});
