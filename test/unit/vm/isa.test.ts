/** Every ALU operation, jump and atomic against BigInt semantics written down from RFC 9669. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { runRaw } from '../../../src/engine/vm/index.ts';
import { assemble, exit, ld64, mov, type Row } from './support.ts';

const u = (bits: number, v: bigint): bigint => BigInt.asUintN(bits, v);
const s = (bits: number, v: bigint): bigint => BigInt.asIntN(bits, v);

/** Values at the edges are where 32-bit halves go wrong. */
const value = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.bigInt({ min: 0n, max: 2n ** 33n }),
  fc.bigInt({ min: -(2n ** 33n), max: 300n }).map((v) => u(64, v)),
  fc.constantFrom(0n, 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n, 2n ** 53n - 1n, 2n ** 63n, 2n ** 64n - 1n),
);
const imm32 = fc.oneof(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), fc.integer({ min: -3, max: 66 }));

type Op = (a: bigint, b: bigint, bits: number) => bigint;
const div = (a: bigint, b: bigint): bigint => (b === 0n ? 0n : a / b);
const mod = (a: bigint, b: bigint): bigint => (b === 0n ? a : a % b);

/** [name, opcode bits, offset field, semantics on unsigned operands of `bits` bits]. */
const BINARY: readonly (readonly [string, number, number, Op])[] = [
  ['add', 0x00, 0, (a, b) => a + b],
  ['sub', 0x10, 0, (a, b) => a - b],
  ['mul', 0x20, 0, (a, b) => a * b],
  ['div', 0x30, 0, (a, b) => div(a, b)],
  ['sdiv', 0x30, 1, (a, b, n) => div(s(n, a), s(n, b))],
  ['or', 0x40, 0, (a, b) => a | b],
  ['and', 0x50, 0, (a, b) => a & b],
  ['lsh', 0x60, 0, (a, b, n) => a << (b & BigInt(n - 1))],
  ['rsh', 0x70, 0, (a, b, n) => a >> (b & BigInt(n - 1))],
  ['mod', 0x90, 0, (a, b) => mod(a, b)],
  ['smod', 0x90, 1, (a, b, n) => mod(s(n, a), s(n, b))],
  ['xor', 0xa0, 0, (a, b) => a ^ b],
  ['mov', 0xb0, 0, (_a, b) => b],
  ['arsh', 0xc0, 0, (a, b, n) => s(n, a) >> (b & BigInt(n - 1))],
];

const run = (rows: readonly Row[]): bigint => {
  const r = runRaw(assemble(rows));
  expect(r.fault).toBeNull();
  return r.r0;
};

describe('ALU', () => {
  for (const bits of [32, 64]) {
    const cls = bits === 64 ? 7 : 4;
    test.each(BINARY)(`%s${bits} with a register`, (_name, code, off, op) => {
      fc.assert(
        fc.property(value, value, (a, b) => {
          const got = run([...ld64(0, a), ...ld64(1, b), [code | 8 | cls, 0, 1, off, 0], exit]);
          expect(got).toBe(u(bits, op(u(bits, a), u(bits, b), bits)));
        }),
      );
    });
    test.each(BINARY)(`%s${bits} with an immediate`, (_name, code, off, op) => {
      fc.assert(
        fc.property(value, imm32, (a, imm) => {
          const got = run([...ld64(0, a), [code | cls, 0, 0, off, imm], exit]);
          expect(got).toBe(u(bits, op(u(bits, a), u(bits, BigInt(imm)), bits)));
        }),
      );
    });
    test(`neg${bits}`, () => {
      fc.assert(
        fc.property(value, (a) => {
          expect(run([...ld64(0, a), [0x80 | cls, 0, 0, 0, 0], exit])).toBe(u(bits, -u(bits, a)));
        }),
      );
    });
    test.each(bits === 64 ? [8, 16, 32] : [8, 16])(`movsx${bits} from %i bits`, (from) => {
      fc.assert(
        fc.property(value, (a) => {
          const got = run([...ld64(1, a), [0xb8 | cls, 0, 1, from, 0], exit]);
          expect(got).toBe(u(bits, s(from, a)));
        }),
      );
    });
  }

  test('the same register as both operands', () => {
    fc.assert(
      fc.property(value, fc.constantFrom(...BINARY), fc.boolean(), (a, [, code, off, op], wide) => {
        const bits = wide ? 64 : 32;
        const got = run([...ld64(0, a), [code | 8 | (wide ? 7 : 4), 0, 0, off, 0], exit]);
        expect(got).toBe(u(bits, op(u(bits, a), u(bits, a), bits)));
      }),
    );
  });

  const reverse = (v: bigint, bits: number): bigint => {
    let out = 0n;
    for (let i = 0; i < bits; i += 8) out = (out << 8n) | ((v >> BigInt(i)) & 0xffn);
    return out;
  };
  test.each([16, 32, 64])('byte swaps of %i bits', (bits) => {
    fc.assert(
      fc.property(value, (a) => {
        expect(run([...ld64(0, a), [0xd4, 0, 0, 0, bits], exit])).toBe(u(bits, a));
        expect(run([...ld64(0, a), [0xdc, 0, 0, 0, bits], exit])).toBe(reverse(a, bits));
        expect(run([...ld64(0, a), [0xd7, 0, 0, 0, bits], exit])).toBe(reverse(a, bits));
      }),
    );
  });
});

type Cond = (a: bigint, b: bigint, bits: number) => boolean;
const JUMPS: readonly (readonly [string, number, Cond])[] = [
  ['jeq', 0x10, (a, b) => a === b],
  ['jgt', 0x20, (a, b) => a > b],
  ['jge', 0x30, (a, b) => a >= b],
  ['jset', 0x40, (a, b) => (a & b) !== 0n],
  ['jne', 0x50, (a, b) => a !== b],
  ['jsgt', 0x60, (a, b, n) => s(n, a) > s(n, b)],
  ['jsge', 0x70, (a, b, n) => s(n, a) >= s(n, b)],
  ['jlt', 0xa0, (a, b) => a < b],
  ['jle', 0xb0, (a, b) => a <= b],
  ['jslt', 0xc0, (a, b, n) => s(n, a) < s(n, b)],
  ['jsle', 0xd0, (a, b, n) => s(n, a) <= s(n, b)],
];
/** Equal operands and equal halves must be common. */
const pair = fc.oneof(
  fc.tuple(value, value),
  value.map((v) => [v, v] as [bigint, bigint]),
  fc.tuple(value, value).map(([a, b]) => [a, (a & ~0xffffffffn) | (b & 0xffffffffn)] as [bigint, bigint]),
);

describe('jumps', () => {
  for (const bits of [32, 64]) {
    const cls = bits === 64 ? 5 : 6;
    test.each(JUMPS)(`%s${bits} with a register`, (_name, code, cond) => {
      fc.assert(
        fc.property(pair, ([a, b]) => {
          const got = run([...ld64(1, a), ...ld64(2, b), mov(0, 1), [code | 8 | cls, 1, 2, 1, 0], mov(0, 0), exit]);
          expect(got).toBe(cond(u(bits, a), u(bits, b), bits) ? 1n : 0n);
        }),
      );
    });
    test.each(JUMPS)(`%s${bits} with an immediate`, (_name, code, cond) => {
      fc.assert(
        fc.property(
          fc.oneof(
            value,
            imm32.map((v) => u(64, BigInt(v))),
          ),
          imm32,
          (a, imm) => {
            const got = run([...ld64(1, a), mov(0, 1), [code | cls, 1, 0, 1, imm], mov(0, 0), exit]);
            expect(got).toBe(cond(u(bits, a), u(bits, BigInt(imm)), bits) ? 1n : 0n);
          },
        ),
      );
    });
  }
  test('ja takes its offset, gotol its immediate', () => {
    expect(run([mov(0, 1), [0x05, 0, 0, 1, 99], mov(0, 2), exit])).toBe(1n);
    expect(run([mov(0, 1), [0x06, 0, 0, 99, 1], mov(0, 2), exit])).toBe(1n);
  });
});

describe('atomics', () => {
  const OPS: readonly (readonly [string, number, (m: bigint, r: bigint) => bigint])[] = [
    ['add', 0x00, (m, r) => m + r],
    ['or', 0x40, (m, r) => m | r],
    ['and', 0x50, (m, r) => m & r],
    ['xor', 0xa0, (m, r) => m ^ r],
    ['xchg', 0xe0, (_m, r) => r],
  ];
  for (const bits of [32, 64]) {
    const code = bits === 64 ? 0xdb : 0xc3;
    test.each(OPS)(`%s, ${bits} bits, with and without fetch`, (name, op, f) => {
      fc.assert(
        fc.property(value, value, fc.boolean(), (m, r, wantFetch) => {
          const fetch = wantFetch || name === 'xchg';
          const rows = (result: Row): Row[] => [
            ...ld64(2, m),
            [0x7b, 10, 2, -8, 0],
            ...ld64(1, r),
            [code, 10, 1, -8, op | (fetch ? 1 : 0)],
            result,
            exit,
          ];
          // Only `bits` bits of memory change; a fetch zero-extends.
          const memory = (m & ~u(bits, -1n)) | u(bits, f(m, r));
          expect(run(rows([0x79, 0, 10, -8, 0]))).toBe(u(64, memory));
          expect(run(rows([0xbf, 0, 1, 0, 0]))).toBe(fetch ? u(bits, m) : r);
        }),
      );
    });
    test(`cmpxchg, ${bits} bits`, () => {
      fc.assert(
        fc.property(value, value, value, fc.boolean(), (m, r, other, same) => {
          const expected = same ? u(bits, m) : other;
          const rows = (result: Row): Row[] => [
            ...ld64(2, m),
            [0x7b, 10, 2, -8, 0],
            ...ld64(1, r),
            ...ld64(0, expected),
            [code, 10, 1, -8, 0xf1],
            result,
            exit,
          ];
          const hit = u(bits, expected) === u(bits, m);
          expect(run(rows([0x79, 0, 10, -8, 0]))).toBe(hit ? (m & ~u(bits, -1n)) | u(bits, r) : m);
          expect(run(rows([0xb7, 9, 0, 0, 0]))).toBe(u(bits, m));
        }),
      );
    });
  }
});

describe('loads and stores', () => {
  const SIZES = [
    ['b', 0x10, 8],
    ['h', 0x08, 16],
    ['w', 0x00, 32],
    ['dw', 0x18, 64],
  ] as const;
  test.each(SIZES)('%s at any alignment, from a register and from an immediate', (_name, size, bits) => {
    fc.assert(
      fc.property(value, imm32, fc.integer({ min: -40, max: -8 }), (v, imm, off) => {
        const mask = u(bits, -1n);
        expect(run([...ld64(1, v), [0x63 | size, 10, 1, off, 0], [0x61 | size, 0, 10, off, 0], exit])).toBe(v & mask);
        expect(run([[0x62 | size, 10, 0, off, imm], [0x61 | size, 0, 10, off, 0], exit])).toBe(u(bits, BigInt(imm)));
        if (bits < 64) {
          expect(run([...ld64(1, v), [0x63 | size, 10, 1, off, 0], [0x81 | size, 0, 10, off, 0], exit])).toBe(
            u(64, s(bits, v)),
          );
        }
      }),
    );
  });
  test.each(SIZES)('%s, acquiring and releasing', (_name, size, bits) => {
    fc.assert(
      fc.property(value, value, (v, before) => {
        const rows: Row[] = [
          ...ld64(1, before),
          [0x7b, 10, 1, -8, 0],
          ...ld64(1, v),
          [0xc3 | size, 10, 1, -8, 0x110],
          ...ld64(0, before),
        ];
        expect(run([...rows, [0xc3 | size, 0, 10, -8, 0x100], exit])).toBe(u(bits, v));
        expect(run([...rows, [0x79, 0, 10, -8, 0], exit])).toBe((before & ~u(bits, -1n)) | u(bits, v));
      }),
    );
  });
  test('a store touches its bytes only', () => {
    expect(
      run([...ld64(1, 0x1111111111111111n), [0x7b, 10, 1, -8, 0], [0x72, 10, 0, -6, 0xff], [0x79, 0, 10, -8, 0], exit]),
    ).toBe(0x1111111111ff1111n);
  });
  test('the memory of a raw run comes back changed', () => {
    const mem = Uint8Array.of(1, 2, 3);
    const r = runRaw(assemble([[0x72, 1, 0, 2, 9], [0xbf, 0, 2, 0, 0], exit]), mem);
    expect([r.r0, ...mem]).toEqual([3n, 1, 2, 9]);
  });
});
