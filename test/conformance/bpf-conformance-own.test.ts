/**
 * Our own conformance cases: at least one for each instruction of RFC 9669 that the machine has. Expected values are
 * literals, so that this file judges the interpreter without sharing code or formulas with it or its property tests.
 */
import { expect, describe, test } from 'vitest';
import { decodeInsns } from '../../src/engine/bpf/index.ts';
import { runRaw } from '../../src/engine/vm/index.ts';

type Row = readonly [op: number, dst: number, src: number, off: number, imm: number];

const covered = new Set<number>();

function run(rows: readonly Row[], mem?: Uint8Array): bigint {
  const bytes = new Uint8Array(rows.length * 8);
  const view = new DataView(bytes.buffer);
  rows.forEach(([op, dst, src, off, imm], i) => {
    covered.add(op);
    view.setUint8(i * 8, op);
    view.setUint8(i * 8 + 1, (src << 4) | dst);
    view.setInt16(i * 8 + 2, off, true);
    view.setInt32(i * 8 + 4, imm, true);
  });
  const r = runRaw(decodeInsns(bytes), mem);
  expect(r.fault).toBeNull();
  return r.r0;
}

const ld = (dst: number, v: bigint): Row[] => [
  [0x18, dst, 0, 0, Number(BigInt.asIntN(32, v))],
  [0, 0, 0, 0, Number(BigInt.asIntN(32, v >> 32n))],
];
const exit: Row = [0x95, 0, 0, 0, 0];

/** r0 = A; r1 = B; then the instruction on r0 with r1 or the immediate. */
const A = 0x80000001f0000013n;
const B = 0xfffffff300000007n;
// prettier-ignore
const ALU: readonly (readonly [name: string, op: number, off: number, imm: number, result: bigint])[] = [
  ['add32 reg', 0x0c, 0, 0, 0xf000001an],
  ['add32 imm', 0x04, 0, -13, 0xf0000006n],
  ['sub32 reg', 0x1c, 0, 0, 0xf000000cn],
  ['sub32 imm', 0x14, 0, -13, 0xf0000020n],
  ['mul32 reg', 0x2c, 0, 0, 0x90000085n],
  ['mul32 imm', 0x24, 0, -13, 0xcfffff09n],
  ['div32 reg', 0x3c, 0, 0, 0x22492495n],
  ['div32 imm', 0x34, 0, -13, 0x0n],
  ['sdiv32 reg', 0x3c, 1, 0, 0xfdb6db71n],
  ['sdiv32 imm', 0x34, 1, -13, 0x13b13afn],
  ['or32 reg', 0x4c, 0, 0, 0xf0000017n],
  ['or32 imm', 0x44, 0, -13, 0xfffffff3n],
  ['and32 reg', 0x5c, 0, 0, 0x3n],
  ['and32 imm', 0x54, 0, -13, 0xf0000013n],
  ['lsh32 reg', 0x6c, 0, 0, 0x980n],
  ['lsh32 imm', 0x64, 0, -13, 0x980000n],
  ['rsh32 reg', 0x7c, 0, 0, 0x1e00000n],
  ['rsh32 imm', 0x74, 0, -13, 0x1e00n],
  ['mod32 reg', 0x9c, 0, 0, 0x0n],
  ['mod32 imm', 0x94, 0, -13, 0xf0000013n],
  ['smod32 reg', 0x9c, 1, 0, 0xfffffffcn],
  ['smod32 imm', 0x94, 1, -13, 0xfffffff6n],
  ['xor32 reg', 0xac, 0, 0, 0xf0000014n],
  ['xor32 imm', 0xa4, 0, -13, 0xfffffe0n],
  ['mov32 reg', 0xbc, 0, 0, 0x7n],
  ['mov32 imm', 0xb4, 0, -13, 0xfffffff3n],
  ['arsh32 reg', 0xcc, 0, 0, 0xffe00000n],
  ['arsh32 imm', 0xc4, 0, -13, 0xfffffe00n],
  ['neg32', 0x84, 0, 0, 0xfffffedn],
  ['movsx32 from 8', 0xbc, 8, 0, 0x7n],
  ['movsx32 from 16', 0xbc, 16, 0, 0x7n],
  ['add64 reg', 0x0f, 0, 0, 0x7ffffff4f000001an],
  ['add64 imm', 0x07, 0, -13, 0x80000001f0000006n],
  ['sub64 reg', 0x1f, 0, 0, 0x8000000ef000000cn],
  ['sub64 imm', 0x17, 0, -13, 0x80000001f0000020n],
  ['mul64 reg', 0x2f, 0, 0, 0x4fffff1690000085n],
  ['mul64 imm', 0x27, 0, -13, 0x7fffffe6cfffff09n],
  ['div64 reg', 0x3f, 0, 0, 0x0n],
  ['div64 imm', 0x37, 0, -13, 0x0n],
  ['sdiv64 reg', 0x3f, 1, 0, 0x9d89d89n],
  ['sdiv64 imm', 0x37, 1, -13, 0x9d89d89b2762761n],
  ['or64 reg', 0x4f, 0, 0, 0xfffffff3f0000017n],
  ['or64 imm', 0x47, 0, -13, 0xfffffffffffffff3n],
  ['and64 reg', 0x5f, 0, 0, 0x8000000100000003n],
  ['and64 imm', 0x57, 0, -13, 0x80000001f0000013n],
  ['lsh64 reg', 0x6f, 0, 0, 0xf800000980n],
  ['lsh64 imm', 0x67, 0, -13, 0x98000000000000n],
  ['rsh64 reg', 0x7f, 0, 0, 0x100000003e00000n],
  ['rsh64 imm', 0x77, 0, -13, 0x1000n],
  ['mod64 reg', 0x9f, 0, 0, 0x80000001f0000013n],
  ['mod64 imm', 0x97, 0, -13, 0x80000001f0000013n],
  ['smod64 reg', 0x9f, 1, 0, 0xfffffff6ab13b154n],
  ['smod64 imm', 0x97, 1, -13, 0x0n],
  ['xor64 reg', 0xaf, 0, 0, 0x7ffffff2f0000014n],
  ['xor64 imm', 0xa7, 0, -13, 0x7ffffffe0fffffe0n],
  ['mov64 reg', 0xbf, 0, 0, 0xfffffff300000007n],
  ['mov64 imm', 0xb7, 0, -13, 0xfffffffffffffff3n],
  ['arsh64 reg', 0xcf, 0, 0, 0xff00000003e00000n],
  ['arsh64 imm', 0xc7, 0, -13, 0xfffffffffffff000n],
  ['neg64', 0x87, 0, 0, 0x7ffffffe0fffffedn],
  ['movsx64 from 8', 0xbf, 8, 0, 0x7n],
  ['movsx64 from 16', 0xbf, 16, 0, 0x7n],
  ['movsx64 from 32', 0xbf, 32, 0, 0x7n],
  ['le16', 0xd4, 0, 16, 0x13n],
  ['be16', 0xdc, 0, 16, 0x1300n],
  ['bswap16', 0xd7, 0, 16, 0x1300n],
  ['le32', 0xd4, 0, 32, 0xf0000013n],
  ['be32', 0xdc, 0, 32, 0x130000f0n],
  ['bswap32', 0xd7, 0, 32, 0x130000f0n],
  ['le64', 0xd4, 0, 64, 0x80000001f0000013n],
  ['be64', 0xdc, 0, 64, 0x130000f001000080n],
  ['bswap64', 0xd7, 0, 64, 0x130000f001000080n],
];

/** Operands of the jump cases; the string says for each pair whether the jump is taken. */
// prettier-ignore
const PAIRS: readonly (readonly [bigint, bigint])[] = [
  [1n, 2n], [2n, 1n], [2n, 2n], [0xffffffffffffffffn, 1n], [0x100000001n, 1n], [4n, 0xfffffffen],
];
// prettier-ignore
const JUMPS: readonly (readonly [name: string, op: number, taken: string])[] = [
  ['jeq', 0x15, 'FFTFFF'],
  ['jgt', 0x25, 'FTFTTF'],
  ['jge', 0x35, 'FTTTTF'],
  ['jset', 0x45, 'FFTTTT'],
  ['jne', 0x55, 'TTFTTT'],
  ['jsgt', 0x65, 'FTFFTF'],
  ['jsge', 0x75, 'FTTFTF'],
  ['jlt', 0xa5, 'TFFFFT'],
  ['jle', 0xb5, 'TFTFFT'],
  ['jslt', 0xc5, 'TFFTFT'],
  ['jsle', 0xd5, 'TFTTFT'],
  ['jeq32', 0x16, 'FFTFTF'],
  ['jgt32', 0x26, 'FTFTFF'],
  ['jge32', 0x36, 'FTTTTF'],
  ['jset32', 0x46, 'FFTTTT'],
  ['jne32', 0x56, 'TTFTFT'],
  ['jsgt32', 0x66, 'FTFFFT'],
  ['jsge32', 0x76, 'FTTFTT'],
  ['jlt32', 0xa6, 'TFFFFT'],
  ['jle32', 0xb6, 'TFTFTT'],
  ['jslt32', 0xc6, 'TFFTFF'],
  ['jsle32', 0xd6, 'TFTTTF'],
];

/** Memory for loads: read at the given offset. */
const MEM = Uint8Array.of(0x80, 0x01, 0xfe, 0xff, 0x03, 0x00, 0x00, 0x90, 0x11, 0x22);
// prettier-ignore
const LOADS: readonly (readonly [name: string, op: number, off: number, result: bigint])[] = [
  ['ldxb', 0x71, 0, 0x80n], ['ldxh', 0x69, 1, 0xfe01n], ['ldxw', 0x61, 4, 0x90000003n], ['ldxdw', 0x79, 2, 0x221190000003fffen],
  ['ldxsb', 0x91, 0, 0xffffffffffffff80n], ['ldxsh', 0x89, 2, 0xfffffffffffffffen], ['ldxsw', 0x81, 4, 0xffffffff90000003n],
];
/** Stores at offset 1 into ten bytes of 0xee. */
// prettier-ignore
const STORES: readonly (readonly [name: string, op: number, imm: number, result: string])[] = [
  ['stb', 0x72, -2, 'eefeeeeeeeeeeeeeeeee'], ['sth', 0x6a, -2, 'eefeffeeeeeeeeeeeeee'],
  ['stw', 0x62, -2, 'eefeffffffeeeeeeeeee'], ['stdw', 0x7a, -2, 'eefeffffffffffffffee'],
  ['stxb', 0x73, 0, 'ee08eeeeeeeeeeeeeeee'], ['stxh', 0x6b, 0, 'ee0807eeeeeeeeeeeeee'],
  ['stxw', 0x63, 0, 'ee08070605eeeeeeeeee'], ['stxdw', 0x7b, 0, 'ee0807060504030201ee'],
];
/** Memory 0x00000002_00000003 (8 bytes at fp - 8), r1 = 0x00000001_00000006, r0 = 0x00000002_00000003. */
// prettier-ignore
const ATOMICS: readonly (readonly [name: string, imm: number, memory32: bigint, memory64: bigint, fetches: boolean])[] = [
  ['add', 0x00, 0x200000009n, 0x300000009n, false], ['fetch_add', 0x01, 0x200000009n, 0x300000009n, true],
  ['or', 0x40, 0x200000007n, 0x300000007n, false], ['fetch_or', 0x41, 0x200000007n, 0x300000007n, true],
  ['and', 0x50, 0x200000002n, 0x2n, false], ['fetch_and', 0x51, 0x200000002n, 0x2n, true],
  ['xor', 0xa0, 0x200000005n, 0x300000005n, false], ['fetch_xor', 0xa1, 0x200000005n, 0x300000005n, true],
  ['xchg', 0xe1, 0x200000006n, 0x100000006n, true],
];

const hex = (b: Uint8Array): string => Array.from(b, (x) => x.toString(16).padStart(2, '0')).join('');

describe('own conformance cases', () => {
  test.each(ALU)('%s', (_name, op, off, imm, result) => {
    const src = (op & 8) !== 0 && (op & 0xf7) !== 0xd4 ? 1 : 0;
    expect(run([...ld(0, A), ...ld(1, B), [op, 0, src, off, imm], exit])).toBe(result);
  });

  test.each(JUMPS)('%s', (_name, op, taken) => {
    const got = PAIRS.map(([a, b]) => {
      const reg = run([...ld(1, a), ...ld(2, b), [0xb7, 0, 0, 0, 1], [op | 8, 1, 2, 1, 0], [0xb7, 0, 0, 0, 0], exit]);
      // The same with an immediate, where the second operand fits one.
      if (b < 0x80000000n) {
        expect(run([...ld(1, a), [0xb7, 0, 0, 0, 1], [op, 1, 0, 1, Number(b)], [0xb7, 0, 0, 0, 0], exit])).toBe(reg);
      }
      return reg === 1n ? 'T' : 'F';
    });
    expect(got.join('')).toBe(taken);
  });

  test.each(LOADS)('%s', (_name, op, off, result) => expect(run([[op, 0, 1, off, 0], exit], MEM.slice())).toBe(result));

  test.each(STORES)('%s', (_name, op, imm, result) => {
    const mem = new Uint8Array(10).fill(0xee);
    run([...ld(2, 0x0102030405060708n), [op, 1, (op & 1) !== 0 ? 2 : 0, 1, imm], [0xb7, 0, 0, 0, 0], exit], mem);
    expect(hex(mem)).toBe(result);
  });

  const setUp: Row[] = [...ld(0, 0x200000003n), [0x7b, 10, 0, -8, 0], ...ld(1, 0x100000006n)];
  const memory: Row[] = [[0x79, 0, 10, -8, 0], exit];
  test.each(ATOMICS)('atomic %s', (_name, imm, memory32, memory64, fetches) => {
    expect(run([...setUp, [0xc3, 10, 1, -8, imm], ...memory])).toBe(memory32);
    expect(run([...setUp, [0xdb, 10, 1, -8, imm], ...memory])).toBe(memory64);
    expect(run([...setUp, [0xc3, 10, 1, -8, imm], [0xbf, 0, 1, 0, 0], exit])).toBe(fetches ? 3n : 0x100000006n);
    expect(run([...setUp, [0xdb, 10, 1, -8, imm], [0xbf, 0, 1, 0, 0], exit])).toBe(
      fetches ? 0x200000003n : 0x100000006n,
    );
  });
  test('atomic cmpxchg', () => {
    expect(run([...setUp, [0xdb, 10, 1, -8, 0xf1], ...memory])).toBe(0x100000006n);
    expect(run([...setUp, [0xc3, 10, 1, -8, 0xf1], ...memory])).toBe(0x200000006n);
    expect(run([...setUp, [0xb7, 0, 0, 0, 3], [0xdb, 10, 1, -8, 0xf1], ...memory])).toBe(0x200000003n);
    expect(run([...setUp, [0xb7, 0, 0, 0, 9], [0xdb, 10, 1, -8, 0xf1], exit])).toBe(0x200000003n);
    expect(run([...setUp, [0xb7, 0, 0, 0, 9], [0xc3, 10, 1, -8, 0xf1], exit])).toBe(3n);
  });

  test('ja, gotol', () => {
    expect(run([[0xb7, 0, 0, 0, 1], [0x05, 0, 0, 1, 0], [0xb7, 0, 0, 0, 2], exit])).toBe(1n);
    expect(run([[0xb7, 0, 0, 0, 1], [0x06, 0, 0, 0, 1], [0xb7, 0, 0, 0, 2], exit])).toBe(1n);
  });
  test('call of a helper and of a local function, callx', () => {
    expect(run([[0x85, 0, 0, 0, 8], exit])).toBe(0n); // bpf_get_smp_processor_id
    expect(run([[0x85, 0, 1, 0, 1], exit, [0xb7, 0, 0, 0, 4], exit])).toBe(4n);
    expect(run([[0x18, 1, 4, 0, 3], [0, 0, 0, 0, 0], [0x8d, 1, 0, 0, 0], exit, [0xb7, 0, 0, 0, 5], exit])).toBe(5n);
  });

  test('every instruction of the base, atomic, division and byte-swap groups was run', () => {
    const jumps = JUMPS.flatMap(([, op]) => [op, op | 8]);
    const alu = [...Array(13).keys()]
      .flatMap((k) => [4, 7, 12, 15].map((x) => (k << 4) | x))
      .filter((op) => op !== 0x8c && op !== 0x8f);
    const memory = [...LOADS, ...STORES].map(([, op]) => op);
    const all = [...jumps, ...alu, ...memory, 0x18, 0x05, 0x06, 0x85, 0x8d, 0x95, 0xc3, 0xdb, 0xd4, 0xdc, 0xd7];
    expect(all.filter((op) => !covered.has(op))).toEqual([]);
    expect(new Set(all).size).toBe(120);
  });
});
