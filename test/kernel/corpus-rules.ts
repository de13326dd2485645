/**
 * Raw programs for the rules of the model that the rest of the corpus does not show from both sides: accepted and refused.
 * Names begin with the rule (`model-rules.ts`).
 */
import { ALU, asm, encode, JMP, type Raw } from './verifier-programs.ts';

type Part = Raw | readonly Part[];
export interface RuleDraft {
  readonly name: string;
  readonly insns: Uint8Array;
}
const list: RuleDraft[] = [];
const flat = (p: Part): Raw[] => ('op' in p ? [p] : p.flatMap(flat));
const add = (name: string, ...parts: readonly Part[]): void =>
  void list.push({ name, insns: encode(parts.flatMap(flat)) });

const raw = (op: number, dst: number, src: number, off: number, imm: number): Raw => ({ op, dst, src, off, imm });
const ret = (): Raw[] => [asm.mov(0, 0), asm.exit()];
const random = (reg: number): Raw[] => [asm.call(7), asm.movr(reg, 0)];
/** 64 bits that nothing is known of. */
const time = (reg: number): Raw[] => [asm.call(5), asm.movr(reg, 0)];
/** r0 = 64 bytes of a map, or the program ends. */
const value = (): Raw[] => [
  asm.st(4, 10, -4, 0),
  asm.movr(2, 10),
  asm.alu(ALU.add, 2, -4),
  ...asm.map(1, 0),
  asm.call(1),
  asm.jmp(JMP.ne, 0, 0, 1),
  asm.exit(),
];
/** Reads the byte at r6 of a map value. */
const byteAt = (): Raw[] => [asm.alur(ALU.add, 0, 6), asm.ldx(1, 1, 0, 0), ...ret()];
/** Two instructions: the end of the program. */
const out = ret;

// Numbers.
add('signed64: both ends', time(6), value(), asm.jmp(JMP.slt, 6, 0, 3), asm.jmp(JMP.sgt, 6, 63, 2), byteAt());
add('refinement: no high bits', time(6), value(), asm.jmp(JMP.set, 6, -64, 2), byteAt());
add('refinement: some high bits', time(6), value(), asm.jmp(JMP.set, 6, -128, 2), byteAt());
const bounded = (mask: number): Part[] => [random(6), random(7), asm.alu(ALU.and, 7, mask), value()];
add('operands: bound by a number', bounded(63), asm.jmpr(JMP.ge, 6, 7, 2), byteAt());
add('operands: bound by a large number', bounded(127), asm.jmpr(JMP.ge, 6, 7, 2), byteAt());
const copied = [random(6), asm.movr(7, 6)];
add('linked: the copy is changed', copied, asm.alu(ALU.xor, 7, 1), value(), asm.jmp(JMP.gt, 7, 63, 2), byteAt());
const sum = [random(6), asm.alu(ALU.and, 6, 0xffff), asm.movr(7, 6), asm.alu(ALU.add, 7, 8), value()];
add('add_const: the sum is checked', sum, asm.jmp(JMP.ge, 7, 72, 2), byteAt());
add('add_const: the sum is one too large', sum, asm.jmp(JMP.ge, 7, 73, 2), byteAt());
const byteInto = [random(7), asm.movsx(6, 7, 8)];
add('sign_extension: move, masked', byteInto, asm.alu(ALU.and, 6, 63), value(), byteAt());
add('sign_extension: move, may be negative', byteInto, value(), asm.jmp(JMP.sgt, 6, 63, 2), byteAt());
const loadSigned = (off: number): Raw => raw(0x91, 6, 10, off, 0);
const stored = [random(7), asm.stx(8, 10, -16, 7), loadSigned(-16)];
add('sign_extension: load, checked', stored, value(), asm.jmp(JMP.gt, 6, 63, 2), byteAt());
add('sign_extension: load, one end', stored, value(), asm.jmp(JMP.sgt, 6, 63, 2), byteAt());
add('alu32: high half is cleared', time(6), asm.alu32(ALU.rsh, 6, 26), value(), byteAt());
add('alu32: wraps', random(6), asm.alu(ALU.and, 6, 63), asm.alu32(ALU.sub, 6, 1), value(), byteAt());
const swap16 = raw(0xdc, 6, 0, 0, 16);
add('byte_swap: masked after', random(6), swap16, asm.alu(ALU.and, 6, 63), value(), byteAt());
add('byte_swap: masked before', random(6), asm.alu(ALU.and, 6, 63), swap16, value(), byteAt());

// Memory.
add('alignment: map values need none', value(), asm.ldx(4, 1, 0, 3), ret());
add('partial: byte of a number', asm.st(8, 10, -8, 0x1234), asm.ldx(1, 6, 10, -8), ret());
add('partial: byte over a pointer', asm.stx(8, 10, -8, 1), asm.st(1, 10, -8, 0), asm.ldx(8, 6, 10, -8), asm.ldx(8, 7, 6, 0), ret()); // prettier-ignore

// Loads that acquire and stores that release.
const acquire = (size: 1 | 2 | 4 | 8, d: number, s: number, off: number): Raw => asm.atomic(size, d, off, s, 0x100);
const release = (size: 1 | 2 | 4 | 8, d: number, off: number, s: number): Raw => asm.atomic(size, d, off, s, 0x110);
for (const size of [1, 2, 4, 8] as const) {
  add(`acquire: ${size} bytes of a map value`, value(), acquire(size, 1, 0, 8), ret());
  add(`acquire: ${size} bytes stored to a map value`, value(), asm.mov(1, 5), release(size, 0, 8, 1), ret());
  add(`acquire: ${size} bytes, beyond the map value`, value(), acquire(size, 1, 0, 65 - size), ret());
  add(`acquire: ${size} bytes stored, beyond the map value`, value(), asm.mov(1, 5), release(size, 0, 65 - size, 1), ret()); // prettier-ignore
}
add('acquire: misaligned in a map value', value(), acquire(4, 1, 0, 2), ret());
add('acquire: stored misaligned', value(), asm.mov(1, 5), release(8, 0, 4, 1), ret());
add('acquire: a bounded number from the stack', random(6), asm.alu(ALU.and, 6, 63), asm.stx(8, 10, -16, 6), value(), acquire(8, 6, 10, -16), byteAt()); // prettier-ignore
add('acquire: a number released to the stack', random(6), asm.alu(ALU.and, 6, 63), release(8, 10, -16, 6), value(), asm.ldx(8, 6, 10, -16), byteAt()); // prettier-ignore
add('acquire: part of it', random(6), asm.alu(ALU.and, 6, 63), release(4, 10, -16, 6), value(), acquire(4, 6, 10, -16), byteAt()); // prettier-ignore
add('acquire: a pointer from the stack', asm.movr(7, 1), release(8, 10, -16, 7), acquire(8, 7, 10, -16), asm.ldx(8, 2, 7, 0), ret()); // prettier-ignore
add('acquire: half a pointer to the stack', release(4, 10, -16, 1), ret());
add('acquire: the same register', random(6), asm.movr(7, 10), asm.stx(8, 10, -16, 6), acquire(8, 7, 7, -16), ret());
add('acquire: into r10', value(), acquire(8, 10, 0, 0), ret());
add('acquire: from the context', acquire(8, 2, 1, 0), ret());
add('acquire: stored to the context', asm.mov(2, 0), release(8, 1, 0, 2), ret());
add('acquire: from a kernel struct', asm.ldx(8, 2, 1, 0), acquire(8, 3, 2, 32), ret());
add('acquire: stored to a kernel struct', asm.ldx(8, 2, 1, 0), asm.mov(3, 0), release(8, 2, 32, 3), ret());
add('acquire: from a struct walked to', asm.ldx(8, 2, 1, 0), asm.ldx(8, 3, 2, 32), acquire(8, 4, 3, 0), ret());
add('acquire: from the text of a name', asm.ldx(8, 2, 1, 0), asm.ldx(8, 3, 2, 32), asm.ldx(8, 4, 3, 40), acquire(1, 5, 4, 0), ret()); // prettier-ignore
add('acquire: from a value that may be NULL', asm.st(8, 10, -8, 0), asm.movr(2, 10), asm.alu(ALU.add, 2, -8), ...asm.map(1, 0), asm.call(1), acquire(8, 1, 0, 0), ret()); // prettier-ignore
add('acquire: from a number', asm.mov(2, 16), acquire(8, 3, 2, 0), ret());
add('acquire: a register that was never set', release(8, 10, -8, 3), ret());
add('acquire: two kinds of pointers', asm.ldx(8, 6, 1, 0), asm.call(7), asm.jmp(JMP.eq, 0, 0, 2), asm.movr(6, 10), asm.alu(ALU.add, 6, -8), asm.st(8, 10, -8, 0), acquire(8, 1, 6, 0), ret()); // prettier-ignore
add('acquire: an add of two bytes', value(), asm.mov(1, 1), asm.atomic(2, 0, 0, 1, 0), ret());
add('acquire: both bits', value(), asm.mov(1, 1), asm.atomic(8, 0, 0, 1, 0x101), ret());

// Functions that helpers call: nothing tells what they are.
add(
  'callback: without the program’s BTF',
  asm.mov(1, 100),
  raw(0x18, 2, 4, 0, 6),
  raw(0, 0, 0, 0, 0),
  asm.mov(3, 0),
  asm.mov(4, 0),
  asm.call(181),
  ret(),
  ret(),
);

// R11 holds arguments beyond the fifth on 7.2: only whole ones are stored below it and loaded above it.
add('shape: R11 as a number', asm.mov(11, 0), ret());
add('shape: an argument loaded from below R11', asm.ldx(8, 2, 11, -8), ret());
add('shape: an argument stored above R11', asm.st(8, 11, 8, 0), ret());
add('shape: half an argument stored below R11', asm.st(4, 11, -8, 0), ret());
add('shape: an argument stored between two', asm.stx(8, 11, -12, 1), ret());

// Limits.
const frames = (n: number): Raw[] => [
  ...Array.from({ length: n - 1 }, (): Raw[] => [asm.callLocal(2), ...ret()]).flat(),
  ...ret(),
];
add('frames: eight', frames(8));
add('frames: nine', frames(9));
add('frames: sixteen', frames(16));
add('frames: seventeen', frames(17));
const ladder = (n: number): Raw[] => [
  asm.call(7),
  ...Array.from({ length: n }, (_, i) => asm.jmp(JMP.eq, 0, i + 5, n - i - 1)),
  ...out(),
];
add('jumps: 8,100 ways for later', ladder(8100));
add('jumps: 8,200 ways for later', ladder(8200));
add('stack_depth: two functions', asm.st(8, 10, -200, 0), asm.callLocal(2), ret(), asm.st(8, 10, -200, 0), ret());

// Spills around calls that keep registers (bpf_get_smp_processor_id: all but R0): slots that only they use cost nothing on 6.12.
const CPU = 8;
const spills = (off: number, ...regs: number[]): Raw[] =>
  regs.map((r, i) => asm.stx(8, 10, off + 8 * (regs.length - 1 - i), r));
const fills = (off: number, ...regs: number[]): Raw[] =>
  regs.map((r, i) => asm.ldx(8, r, 10, off + 8 * (regs.length - 1 - i))).reverse();
/** Registers saved around a call, the last one lowest. */
const saved = (off: number, regs: readonly number[], id = CPU): Raw[] => [
  ...spills(off, ...regs),
  asm.call(id),
  ...fills(off, ...regs),
];
/** Calls a function that takes 500 bytes, 512 with what is rounded up: nothing is left for the caller. */
const full = (...body: readonly Part[]): Part[] => {
  const mine = [asm.mov(2, 2), asm.mov(3, 3), ...body.flat(), asm.callLocal(2), ...ret()] as Raw[];
  return [mine, asm.st(8, 10, -504, 0), ret()];
};
add('fastcall: spill of one register', ...full(saved(-8, [1])));
add('fastcall: spills of three', ...full(saved(-24, [1, 2, 3])));
add('fastcall: a register that stays in its place', asm.mov(6, 1), ...full(saved(-8, [6])));
add('fastcall: R0, which the call sets', asm.mov(0, 1), ...full(saved(-8, [0])));
add('fastcall: the slot is read elsewhere', ...full(saved(-8, [1]), asm.ldx(8, 3, 10, -8)));
add('fastcall: the slot is read by a helper', ...full(saved(-8, [1]), asm.movr(2, 10), asm.alu(ALU.add, 2, -8), ...asm.map(1, 1), asm.call(1))); // prettier-ignore
add('fastcall: the slot is written by a helper', ...full(saved(-8, [1]), asm.movr(1, 10), asm.alu(ALU.add, 1, -8), asm.mov(2, 8), asm.call(16))); // prettier-ignore
add('fastcall: a slot above is used, too', ...full(saved(-16, [1]), asm.st(8, 10, -8, 0)));
add('fastcall: a slot below is used, too', ...full(saved(-8, [1]), asm.stx(8, 10, -16, 1)));
add('fastcall: a slot below is used by an immediate store', ...full(saved(-8, [1]), asm.st(8, 10, -16, 0)));
add('fastcall: not the lowest slot', ...full(saved(-8, [1]), asm.mov(2, 2), saved(-16, [2])));
add('fastcall: another register is restored', ...full(spills(-8, 1), asm.call(CPU), fills(-8, 2)));
add('fastcall: four bytes', ...full(asm.stx(4, 10, -8, 2), asm.call(CPU), asm.ldx(4, 2, 10, -8)));
add('fastcall: a call that is not fast', ...full(asm.mov(4, 4), saved(-8, [4], 7)));
add('fastcall: a fast call and one that is not', ...full(saved(-8, [1]), asm.mov(4, 4), saved(-8, [4], 7)));
add('fastcall: jump to the first spill', ...full(asm.jmp(JMP.eq, 2, 5, 1), asm.mov(3, 1), saved(-8, [1])));
add('fastcall: jump to the second spill', ...full(asm.jmp(JMP.eq, 2, 5, 1), saved(-16, [1, 3])));
add('fastcall: jump to the call', ...full(asm.jmp(JMP.eq, 2, 5, 1), saved(-8, [1])));
add('fastcall: jump over the fill', ...full(spills(-8, 1), asm.call(CPU), asm.jmp(JMP.eq, 0, 5, 1), fills(-8, 1)));
add('fastcall: a call between two pairs', ...full(spills(-16, 2, 3), asm.call(CPU), asm.mov(5, 1), fills(-16, 2, 3)));

// Exploring.
const either = (a: number, b: number): Raw[] => [asm.call(7), asm.mov(6, a), asm.jmp(JMP.eq, 0, 0, 1), asm.mov(6, b)];
add('pruning: difference without effect', either(0, 70), value(), asm.stx(8, 0, 0, 6), ret());
add('pruning: second path matters', either(0, 70), value(), byteAt());

/** A loop that the kernel's budget ends: what its rounds add up to is forgotten, as nothing in it needs the number. */
const mayGoto = (off: number): Raw => raw(0xe5, 0, 0, off, 0);
const rounds: Part = [
  value(),
  asm.movr(9, 0),
  asm.mov(6, 0),
  asm.mov(8, 0),
  mayGoto(4),
  asm.alu(ALU.add, 6, 1),
  random(8),
  asm.ja(-5),
];
add('widening: number of no consequence', rounds, asm.stx(8, 9, 0, 6), ret());
add('widening: forgotten number as an index', rounds, asm.jmp(JMP.eq, 8, 0, 2), asm.alur(ALU.add, 9, 6), asm.ldx(1, 1, 9, 0), ret()); // prettier-ignore

export const RULE_PROGRAMS: readonly RuleDraft[] = list;
