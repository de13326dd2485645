// Naked functions: random assembly, byte for byte as clang's assembler has it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseElf } from '../../src/engine/bpf/index.ts';
import { clang, compileClang, compileOurs } from './compiler-support.ts';

const FUNCTIONS = 300;
const HEAD = `
#define SEC(n) __attribute__((section(n), used))
#define __naked __attribute__((naked))
static long (*bpf_ktime_get_ns)(void) = (void *)5;
static long (*bpf_get_prandom_u32)(void) = (void *)7;
struct bpf_insn { unsigned char code, dst_reg : 4, src_reg : 4; short off; int imm; };
char buffer[16] SEC(".data.buffer");
enum { SIX = 6 };
static __naked __attribute__((noinline, used)) int callee(void) { asm volatile("r0 = 1; exit;"); }
`;
const OPERANDS = `[ktime] "i"(bpf_ktime_get_ns), [six] "i"(SIX), [minus] "i"(-7), [buffer] "i"(&buffer),
  [insn] "i"(*(long *)&(struct bpf_insn) { .code = 0xb7, .dst_reg = 3, .off = -2, .imm = -5 })`;

const reg = fc.integer({ min: 0, max: 9 });
const imm = fc.oneof(fc.integer({ min: -70000, max: 70000 }).map(String), fc.constantFrom('0x7fffffff', '-0x80000000', '%[six]', '%[minus]')); // prettier-ignore
const off = fc.oneof(fc.integer({ min: 1, max: 512 }).map((n) => `- ${n}`), fc.integer({ min: 0, max: 900 }).map((n) => `+ ${n}`), fc.constant('+ %[six]')); // prettier-ignore
const wide = fc.constantFrom('r', 'w');
const size = fc.constantFrom('u8', 'u16', 'u32', 'u64');
const line = fc.oneof(
  fc.tuple(wide, reg, reg).map(([w, a, b]) => `${w}${a} = ${w}${b}`),
  fc.tuple(wide, reg, imm).map(([w, a, n]) => `${w}${a} = ${n}`),
  fc.tuple(wide, reg, fc.constantFrom('+', '-', '*', '/', '%%', '&', '|', '^', '<<', '>>', 's>>'), reg).map(([w, a, o, b]) => `${w}${a} ${o}= ${w}${b}`),
  fc.tuple(wide, reg, fc.constantFrom('+', '-', '*', '&', '|', '^'), imm).map(([w, a, o, n]) => `${w}${a} ${o}= ${n}`),
  fc.tuple(wide, reg, fc.constantFrom('s/', 's%%'), reg).map(([w, a, o, b]) => `${w}${a} ${o}= ${w}${b}`),
  fc.tuple(wide, reg).map(([w, a]) => `${w}${a} = -${w}${a}`),
  fc.tuple(reg, fc.constantFrom('be16', 'be32', 'be64', 'le16', 'le32', 'le64', 'bswap16', 'bswap32', 'bswap64')).map(([a, o]) => `r${a} = ${o} r${a}`),
  fc.tuple(reg, fc.constantFrom('s8', 's16', 's32'), reg).map(([a, t, b]) => `r${a} = (${t})r${b}`),
  fc.tuple(reg, fc.constantFrom('s8', 's16'), reg).map(([a, t, b]) => `w${a} = (${t})w${b}`),
  fc.tuple(reg, size, fc.constantFrom('10', '1', '7'), off).map(([a, t, b, o]) => `r${a} = *(${t} *)(r${b} ${o})`),
  fc.tuple(reg, fc.constantFrom('s8', 's16', 's32'), reg, off).map(([a, t, b, o]) => `r${a} = *(${t} *)(r${b} ${o})`),
  fc.tuple(size, off, reg).map(([t, o, a]) => `*(${t} *)(r10 ${o}) = r${a}`),
  fc.tuple(size, off, fc.integer({ min: -100, max: 100 })).map(([t, o, n]) => `*(${t} *)(r10 ${o}) = ${n}`),
  fc.tuple(fc.constantFrom(['u64', 'r'], ['u32', 'w']), off, fc.constantFrom('+', '&', '|', '^'), reg).map(([[t, w], o, op, a]) => `lock *(${t} *)(r10 ${o}) ${op}= ${w}${a}`),
  fc.tuple(fc.constantFrom(['u64', 'r'], ['u32', 'w']), fc.constantFrom('add', 'and', 'or', 'xor'), off, reg).map(([[t, w], op, o, a]) => `${w}${a} = atomic_fetch_${op}((${t} *)(r10 ${o}), ${w}${a})`),
  fc.tuple(fc.constantFrom(['xchg_64', 'r'], ['xchg32_32', 'w']), off, reg).map(([[op, w], o, a]) => `${w}${a} = ${op}(r10 ${o}, ${w}${a})`),
  fc.tuple(fc.constantFrom(['cmpxchg_64', 'r'], ['cmpxchg32_32', 'w']), off, reg).map(([[op, w], o, a]) => `${w}0 = ${op}(r10 ${o}, ${w}0, ${w}${a})`),
  fc.tuple(reg, fc.constantFrom('0x123456789abcdef0', '-1', '5', '%[buffer]', '0xffffffff00000000ULL')).map(([a, v]) => `r${a} = ${v} ll`),
  fc.tuple(wide, reg, fc.constantFrom('==', '!=', '<', '<=', '>', '>=', 's<', 's<=', 's>', 's>=', '&'), reg, fc.constantFrom('out_%=', '+0', '1f')).map(([w, a, o, b, t]) => `if ${w}${a} ${o} ${w}${b} goto ${t}`),
  fc.tuple(wide, reg, fc.constantFrom('==', '!=', '<', 's>', '&'), imm, fc.constantFrom('in_%=', '+0', '1b')).map(([w, a, o, n, t]) => `if ${w}${a} ${o} ${n} goto ${t}`),
  fc.constantFrom('call %[ktime]', 'call 7', 'call callee', 'goto out_%=', 'goto in_%=', 'gotol out_%=', 'gotol 1b', 'may_goto 1f', 'exit', '1: r1 = 1', 'r0 = *(u8 *)skb[4]', 'r0 = *(u32 *)skb[r3]', '.8byte %[insn]', '/* a */ r2 = 2 // b'),
); // prettier-ignore

const body = fc.array(line, { minLength: 1, maxLength: 14 }).map((lines) => `1: in_%=: ${lines.join(';\\n')};\\n1: out_%=: r0 = 0; exit;`); // prettier-ignore

/** A function's instructions as words, and where its relocations point to. */
function codeOf(bytes: Uint8Array): ReadonlyMap<string, { readonly code: string; readonly relocs: string }> {
  const elf = parseElf(bytes);
  if (!elf.ok) throw new Error(elf.error.message);
  const out = new Map<string, { code: string; relocs: string }>();
  for (const s of elf.value.symbols.filter((x) => /^f\d+$/.test(x.name))) {
    const section = elf.value.sections[s.section];
    const data = section.data.subarray(s.value, s.value + s.size);
    const relocs = elf.value
      .relocations(s.section)
      .filter((r) => r.offset >= s.value && r.offset < s.value + s.size)
      .map((r) => `${r.offset - s.value}:${r.type}:${elf.value.symbols[r.symbol].name}`);
    out.set(s.name, { code: Buffer.from(data).toString('hex').replace(/.{16}/g, '$& ').trim(), relocs: relocs.join(' ') }); // prettier-ignore
  }
  return out;
}

describe.skipIf(clang === undefined)('naked functions against clang', () => {
  it('random instructions', () => {
    const bodies = fc.sample(body, { numRuns: FUNCTIONS, seed: Number(process.env.LSMITH_SEED ?? 20261201) });
    const functions = bodies.map((b, n) => `SEC("test") __naked int f${n}(void) { asm volatile("${b}" : : ${OPERANDS} : ); }`); // prettier-ignore
    const text = `${HEAD}${functions.join('\n')}\nchar LICENSE[] SEC("license") = "GPL";\n`;
    const ours = compileOurs(text, null);
    expect(ours.diagnostics.map((d) => `${d.range.line}: ${d.message}`)).toEqual([]);
    const mine = codeOf(ours.object!);
    const theirs = codeOf(compileClang(text, ['-w']));
    expect(mine.size).toBe(FUNCTIONS);
    for (const [name, want] of theirs) expect(mine.get(name), bodies[Number(name.slice(1))]).toEqual(want);
  });
});
