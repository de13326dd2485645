/** The kernel's bpf format subset. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatBpf } from '../../../src/engine/vm/index.ts';

const from = {
  text: (address: bigint) => (address === 1n ? Uint8Array.of(0x68, 0x69, 0) : undefined),
  bytes: (address: bigint, size: number) =>
    address === 2n ? Uint8Array.from({ length: size }, (_, i) => (size === 4 ? [127, 0, 0, 1][i] : i)) : undefined,
};
const f = (format: string, ...args: bigint[]): string | undefined => formatBpf(format, args, from);
const M1 = 2n ** 64n - 1n;

test.each<[string, bigint[], string | undefined]>([
  ['plain', [], 'plain'],
  ['100%%', [], '100%'],
  ['%d %i', [M1, 5n], '-1 5'],
  ['%u %x %X', [M1, 0xabcn, 0xabcn], '4294967295 abc ABC'],
  ['%ld %lld %llu %lx', [M1, M1, M1, M1], `-1 -1 ${M1} ffffffffffffffff`],
  ['[%5d|%-5d|%05d]', [42n, 42n, M1 - 41n], '[   42|42   |-0042]'],
  ['%+d', [7n], '+7'],
  ['%c%c', [0x41n, 0x42n], 'AB'],
  ['%s!%s', [1n, 99n], 'hi!'],
  ['%6s', [1n], '    hi'],
  ['%p %px %pK', [0x10n, 0x10n, 0x10n], '0000000000000010 0000000000000010 0000000000000010'],
  ['%pI4 %pi4', [2n, 2n], '127.0.0.1 127.000.000.001'],
  ['%pI6', [2n], '0001:0203:0405:0607:0809:0a0b:0c0d:0e0f'],
  ['%pi6', [2n], '000102030405060708090a0b0c0d0e0f'],
  ['%pI4', [3n], '0.0.0.0'],
  ['%pks', [1n], 'hi'],
  ['%pS', [0xffn], '0xff'],
  ['%pus', [1n], 'hi'],
  ['%p,%p', [1n, 2n], '0000000000000001,0000000000000002'],
  ['%pz', [1n], undefined],
  ['%d', [], undefined],
  ['%f', [1n], undefined],
  ['%n', [1n], undefined],
  ['%lc', [1n], undefined],
  ['%pI5', [1n], undefined],
  ['%', [1n], undefined],
  ['\x01', [], undefined],
  ['tab\tnewline\n', [], 'tab\tnewline\n'],
])('%j', (format, args, want) => expect(f(format, ...args)).toBe(want));

test('any text is formatted or refused', () => {
  const piece = fc.constantFrom('%', 'd', 'l', 'p', 'I', '4', 's', '-', '0', '9', ' ', 'x');
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(piece).map((a) => a.join('')),
      ),
      (format) => {
        const out = f(format, 1n, 2n, 3n);
        expect(out === undefined || typeof out === 'string').toBe(true);
        if (out !== undefined && !format.includes('%')) expect(out).toBe(format);
      },
    ),
  );
});
