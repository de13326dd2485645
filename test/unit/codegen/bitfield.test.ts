// Bit-fields of every width at every bit, packed or not: what is stored is read back, and nothing else changes.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bitPieces } from '../../../src/engine/codegen/lower/bitfield.ts';
import { code, errors, object, runner } from './support.ts';

interface Field {
  readonly type: string;
  readonly width: number;
}

const field = fc
  .constantFrom('u64', 's64', 'u32', 's32', 'u16', 's8')
  .chain((type) => fc.integer({ min: 1, max: Number(type.slice(1)) }).map((width): Field => ({ type, width })));

const ones = (n: number): bigint => (1n << BigInt(n)) - 1n;
const read = (image: bigint, at: number, f: Field): bigint => {
  const raw = (image >> BigInt(at)) & ones(f.width);
  return f.type.startsWith('s') ? BigInt.asIntN(f.width, raw) : raw;
};
const wide = (words: readonly bigint[]): bigint =>
  words.reduce((all, w, i) => all | (BigInt.asUintN(64, w) << BigInt(64 * i)), 0n);

describe('packed bit-fields', () => {
  it('a field across a 64-bit boundary in the initialiser of a local array', () => {
    const text = `struct s0 { s16 b; u32 c; s64 d; u64 e : 55; s64 f : 58; s64 g : 10; } __attribute__((packed));
      SEC("test") long f(u64 *w) { struct s0 list[2] = { { .f = w[0] }, { .e = w[1], .f = w[0], .g = -3 } };
        struct s0 st = list[w[2] & 1]; return st.f * 7 + st.g; }`;
    const run = runner(text);
    expect(run([1n, 5n, 0n]).r0).toBe(7n);
    expect(run([-1234567n, -1n, 1n]).r0).toBe(-1234567n * 7n - 3n);
    expect(run([1n << 57n, -1n, 1n]).r0).toBe(BigInt.asIntN(64, -(1n << 57n) * 7n - 3n));
  });

  it('stores, loads and compound assignments of random records', () => {
    fc.assert(
      fc.property(
        fc.array(field, { minLength: 1, maxLength: 5 }),
        fc.array(fc.bigInt(-(1n << 63n), (1n << 63n) - 1n), { minLength: 16, maxLength: 16 }),
        (fields, words) => {
          const bits = fields.reduce((n, f) => n + f.width, 0);
          const bytes = Math.ceil(bits / 8);
          const n = fields.length;
          const members = fields.map((f, i) => `${f.type} m${i} : ${f.width};`).join(' ');
          const each = (t: (i: number) => string): string => fields.map((_, i) => t(i)).join(' ');
          const run = runner(`struct s { ${members} } __attribute__((packed));
            _Static_assert(sizeof(struct s) == ${bytes}, "size");
            SEC("test") long f(u64 *w) {
              struct s *p = (void *)(w + 10); volatile u64 *v = w;
              ${each((i) => `w[${i}] = p->m${i} = v[${i}];`)}
              struct s q = { ${fields.map((_, i) => `.m${i} = v[5 + ${i}]`).join(', ')} };
              ${each((i) => `q.m${i} += 3;`)} ${each((i) => `w[5 + ${i}] = q.m${i};`)}
              return p->m${n - 1};
            }`);
          const got = run(words).words;
          let image = wide(words.slice(10));
          let at = 0;
          fields.forEach((f, i) => {
            const mask = ones(f.width) << BigInt(at);
            image = (image & ~mask) | ((BigInt.asUintN(64, words[i]) << BigInt(at)) & mask);
            expect(got[i]).toBe(BigInt.asIntN(64, read(image, at, f)));
            const sum = BigInt.asUintN(f.width, words[5 + i] + 3n);
            expect(got[5 + i]).toBe(BigInt.asIntN(64, read(sum, 0, f)));
            at += f.width;
          });
          expect(wide(got.slice(10))).toBe(image);
        },
      ),
      { numRuns: 60 },
    );
  }, 60_000);

  it('touches no byte behind the record', () => {
    const text = `struct t { u8 pad; u64 f : 35; } __attribute__((packed));
      SEC("test") long f(u64 *w) { struct t *p = (void *)w; p->f += 1; return p->f; }`;
    const insns = code(object(text).object, 'test');
    for (let i = 0; i < insns.count; i++) {
      const memory = (insns.op[i] & 7) >= 1 && (insns.op[i] & 7) <= 3;
      if (memory) expect(insns.off[i] + [4, 2, 1, 8][(insns.op[i] >> 3) & 3]).toBeLessThanOrEqual(6);
    }
  });

  it('takes one aligned unit where there is one', () => {
    expect(bitPieces({ offset: 10, size: 22, room: 4 })).toEqual([{ byte: 0, size: 4, shift: 10, bits: 22, from: 0 }]);
    expect(bitPieces({ offset: 7, size: 58, room: 9 })).toEqual([
      { byte: 0, size: 8, shift: 7, bits: 57, from: 0 },
      { byte: 8, size: 1, shift: 0, bits: 1, from: 57 },
    ]);
  });

  it('a byte-sized field moves to the next byte when this one does not hold it, unless packed', () => {
    const shape = (attribute: string): string => `struct s { u8 a : 5; u8 b : 5; s16 c : 9; } ${attribute};`;
    const text = (attribute: string): string =>
      `${shape(attribute)} SEC("test") long f(u64 *w) { struct s *p = (void *)w; p->b = 31; return sizeof(*p); }`;
    expect(runner(text(''))([0n])).toEqual({ r0: 4n, words: [31n << 8n] });
    expect(runner(text('__attribute__((packed))'))([0n])).toEqual({ r0: 3n, words: [31n << 5n] });
  });

  it('initialisers of globals write the same bits', () => {
    const r = object(`struct s0 { u8 a : 7; s64 f : 58; u32 g : 31; } __attribute__((packed));
      struct s0 glob = { .a = 0x55, .f = -2, .g = 0x7ffffffe };
      SEC("test") long f(u64 *w) { return glob.f + glob.g; }`);
    const image = 0x55n | (BigInt.asUintN(58, -2n) << 7n) | (0x7ffffffen << 65n);
    const bytes = Array.from({ length: 12 }, (_, i) => Number((image >> BigInt(8 * i)) & 255n));
    const at = Buffer.from(r.object).indexOf(Buffer.from(bytes));
    expect(at).toBeGreaterThan(0);
  });

  it('a relocated one across a 64-bit boundary is refused, a question for it is not', () => {
    const record = 'struct s { u8 a : 7; s64 f : 58; } __attribute__((packed)) CORE;';
    expect(errors(`${record} SEC("test") long f(struct s *p) { return p->f; }`)).toEqual(['codegen/core-bitfield']);
    expect(errors(`${record} SEC("test") long f(struct s *p) { return p->a; }`)).toEqual([]);
    const info = (kind: number): string[] =>
      errors(`${record} SEC("test") long f(struct s *p) { return __builtin_preserve_field_info(p->f, ${kind}); }`);
    expect(info(0)).toEqual(['codegen/core-bitfield']);
    expect(info(2)).toEqual([]);
  });
});
