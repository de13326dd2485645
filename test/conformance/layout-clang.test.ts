// Where members lie: random records with bit-fields, packing and alignment, and the sizes of objects that hold them, by the BTF of both compilers.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Btf, parseBtf, parseElf } from '../../src/engine/bpf/index.ts';
import { clang, compileClang, compileOurs } from './compiler-support.ts';

const RECORDS = 600;

const integers = { char: 8, 'unsigned char': 8, short: 16, 'unsigned short': 16, int: 32, 'unsigned int': 32, 'long long': 64, 'unsigned long long': 64 }; // prettier-ignore
const aligned = fc.constantFrom('', '', '', '', '', ' __attribute__((aligned(2)))', ' __attribute__((aligned(8)))');
const tight = fc.constantFrom('', '', '', '', ' __attribute__((packed))');
const bitfield = fc
  .tuple(fc.constantFrom(...(Object.keys(integers) as (keyof typeof integers)[])), fc.nat(), aligned, tight)
  .map(
    ([type, n, a, p]) =>
      (name: string) =>
        `${type} ${name} : ${1 + (n % integers[type])}${p}${a};`,
  );
const flag = fc.constant((name: string) => `_Bool ${name} : 1;`);
const choice = fc.nat(31).map((n) => (name: string) => `enum e ${name} : ${1 + n};`);
const nameless = fc.tuple(fc.constantFrom('char', 'short', 'int', 'long long'), fc.nat(8)).map(
  ([type, n]) =>
    () =>
      `${type} : ${Math.min(n, 8)};`,
);
const plain = fc
  .tuple(
    fc.constantFrom(
      'char @[3]',
      'short @',
      'int @',
      'long long @',
      'void *@',
      '_Bool @',
      'struct { char a; int b : 5; } @',
      'union { int a : 3; char b[5]; } @',
    ),
    aligned,
    tight,
  )
  .map(
    ([text, a, p]) =>
      (name: string) =>
        `${text.replace('@', name)}${p}${a};`,
  );
const anonymous = fc.constant((name: string) => `struct { short ${name}x : 9; char ${name}y : 7; };`);
const member = fc.oneof(
  { weight: 8, arbitrary: bitfield },
  { weight: 1, arbitrary: flag },
  { weight: 1, arbitrary: choice },
  { weight: 2, arbitrary: nameless },
  { weight: 4, arbitrary: plain },
  { weight: 1, arbitrary: anonymous },
);
const record = fc.record({
  tag: fc.constantFrom('struct', 'struct', 'struct', 'union'),
  members: fc.array(member, { minLength: 1, maxLength: 9 }),
  attribute: fc.constantFrom('', '', '', '', '__attribute__((packed))', '__attribute__((aligned(16)))', '__attribute__((packed, aligned(4)))'), // prettier-ignore
  pack: fc.constantFrom(0, 0, 0, 0, 0, 1, 2, 4),
});

/** `r<n>` with an object of it that has its first named member initialised. */
const text = (r: typeof record extends fc.Arbitrary<infer T> ? T : never, n: number): string => {
  const body = `${r.tag} r${n} { char first; ${r.members.map((m, i) => m(`m${i}`)).join(' ')} } ${r.attribute};`;
  const packed = r.pack === 0 ? body : `#pragma pack(push, ${r.pack})\n${body}\n#pragma pack(pop)`;
  return `${packed}\n${r.tag} r${n} o${n} = { .first = 1 };`;
};

function btfOf(bytes: Uint8Array): Btf {
  const elf = parseElf(bytes);
  if (!elf.ok) throw new Error(elf.error.message);
  const btf = parseBtf(elf.value.sections.find((s) => s.name === '.BTF')!.data);
  if (!btf.ok) throw new Error(btf.error.message);
  return btf.value;
}

function members(btf: Btf, id: number): unknown {
  const t = btf.type(id);
  if (t.kind !== 'struct' && t.kind !== 'union') return null;
  return [t.size, t.members.map((m) => [m.name, m.bitOffset, m.bitSize, m.name === '' ? members(btf, m.type) : null])];
}

/** Sizes of the variables of the data section. */
function objects(btf: Btf): Map<string, number> {
  const s = btf.type(btf.find('.data', 'datasec'));
  return new Map(s.kind === 'datasec' ? s.vars.map((v) => [btf.name(v.type), v.size]) : []);
}

describe.skipIf(clang === undefined)('layout of records', () => {
  it(`${RECORDS} random ones are laid out as clang does`, () => {
    const records = fc.sample(record, { numRuns: RECORDS, seed: 7 }).map(text);
    const source = `enum e { A, B = 3 };\n${records.join('\n')}\n__attribute__((section("lsm/x"), used)) int f(void *ctx) { return 0; }`;
    const r = compileOurs(source, null);
    expect(r.diagnostics.filter((d) => d.severity === 'error')).toEqual([]);
    const [ours, theirs] = [btfOf(r.object!), btfOf(compileClang(source))];
    const [mine, clangs] = [objects(ours), objects(theirs)];
    records.forEach((source, n) => {
      const kind = source.includes(`union r${n} {`) ? 'union' : 'struct';
      const [a, b] = [members(ours, ours.find(`r${n}`, kind)), members(theirs, theirs.find(`r${n}`, kind))];
      expect(a, source).toEqual(b);
      expect(a).not.toBeNull();
      expect(mine.get(`o${n}`), source).toBe(clangs.get(`o${n}`));
    });
  }, 60_000);
});
