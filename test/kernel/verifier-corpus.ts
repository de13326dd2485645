/** Named raw programs, one rule of the verifier each. Verdicts of both kernels are recorded in test/data/verifier. */
import { RULE_PROGRAMS } from './corpus-rules.ts';
import { ALU, asm, encode, JMP, type Raw } from './verifier-programs.ts';

export interface CorpusEntry {
  readonly name: string;
  readonly hook: string;
  readonly sleepable: boolean;
  readonly license: string;
  readonly insns: Uint8Array;
}

const list: CorpusEntry[] = [];
type Part = Raw | readonly Raw[];
function add(name: string, parts: readonly Part[], more: Partial<Omit<CorpusEntry, 'name' | 'insns'>> = {}): void {
  const insns = encode(parts.flat() as Raw[]);
  list.push({ name, hook: 'file_open', sleepable: false, license: 'GPL', insns, ...more });
}

const ret = (v = 0): Raw[] => [asm.mov(0, v), asm.exit()];
/** r0 = value of map 0 or NULL; clobbers r1-r5. */
const lookup = (map = 0): Raw[] => [
  asm.st(8, 10, -8, 0),
  asm.movr(2, 10),
  asm.alu(ALU.add, 2, -8),
  ...asm.map(1, map),
  asm.call(1),
];
const notNull = (): Raw[] => [asm.jmp(JMP.ne, 0, 0, 1), asm.exit()];
const reserve = (size = 16): Raw[] => [...asm.map(1, 2), asm.mov(2, size), asm.mov(3, 0), asm.call(131)];
const submit = (): Raw[] => [asm.movr(1, 0), asm.mov(2, 0), asm.call(132)];

// Program shape.
add('shape: return 0', [ret()]);
add('shape: unreachable instruction', [asm.ja(1), asm.mov(0, 1), ret()]);
add('shape: falls off the end', [asm.mov(0, 0)]);
add('shape: jump out of range', [asm.mov(0, 0), asm.ja(5), asm.exit()]);
add('shape: reserved field in exit', [asm.mov(0, 0), { op: 0x95, dst: 1, src: 0, off: 0, imm: 0 }]);
add('shape: unknown opcode', [{ op: 0xff, dst: 0, src: 0, off: 0, imm: 0 }, ret()]);
add('shape: half an ld_imm64', [{ op: 0x18, dst: 1, src: 0, off: 0, imm: 1 }, ret()]);
add('shape: jump into an ld_imm64', [asm.mov(0, 0), asm.jmp(JMP.eq, 0, 0, 1), asm.imm64(1, 1, 1), ret()]);
add('shape: division by zero', [asm.mov(0, 1), asm.alu(ALU.div, 0, 0), asm.exit()]);
add('shape: shift too wide', [asm.mov(0, 1), asm.alu(ALU.lsh, 0, 64), asm.exit()]);
add('v4: sign-extending move', [asm.mov(1, -5), asm.movsx(0, 1, 8), ret()]);
add('endless loop', [asm.mov(0, 0), asm.ja(-1), asm.exit()]);
add('loop without progress', [asm.mov(1, 0), asm.jmp(JMP.eq, 1, 0, -1), ret()]);
add('bounded loop', [asm.mov(6, 0), asm.alu(ALU.add, 6, 1), asm.jmp(JMP.lt, 6, 100, -2), ret()]);
add('loop entered in its middle', [
  asm.mov(6, 0),
  asm.ja(1),
  asm.alu(ALU.add, 6, 1),
  asm.mov(7, 1),
  asm.jmp(JMP.lt, 6, 10, -3),
  ret(),
]);

// Registers.
add('register: R2 never set', [asm.movr(0, 2), asm.exit()]);
add('register: R0 never set', [asm.exit()]);
add('register: R1 after a call', [asm.call(7), asm.movr(0, 1), asm.exit()]);
add('register: set on one branch only', [
  asm.call(7),
  asm.jmp(JMP.eq, 0, 0, 1),
  asm.mov(6, 1),
  asm.movr(0, 6),
  asm.mov(0, 0),
  asm.exit(),
]);
add('register: write to r10', [asm.mov(10, 0), ret()]);
add('register: number as pointer', [asm.mov(1, 16), asm.ldx(8, 0, 1, 0), asm.exit()]);

// Return values.
add('return: -1', [ret(-1)]);
add('return: -4095', [ret(-4095)]);
add('return: -4096', [ret(-4096)]);
add('return: 1', [ret(1)]);
add('return: random', [asm.call(7), asm.exit()]);
add('return: checked range', [asm.call(7), asm.jmp(JMP.eq, 0, 0, 1), asm.mov(0, -13), asm.exit()]);
add('return: a pointer', [asm.movr(0, 10), asm.exit()]);
add('return: the context', [asm.movr(0, 1), asm.exit()]);
add('return: trailing ret argument', [asm.ldx(4, 0, 1, 8), asm.exit()]);
add('return: trailing ret argument, 8 bytes', [asm.ldx(8, 0, 1, 8), asm.exit()]);
add('return: void hook without value', [asm.exit()], { hook: 'task_free' });
add('return: void hook with any value', [ret(77)], { hook: 'task_free' });
add('return: bool hook 1', [ret(1)], { hook: 'xfrm_state_pol_flow_match' });
add('return: bool hook -1', [ret(-1)], { hook: 'xfrm_state_pol_flow_match' });

// Attach point.
add('hook: disabled', [ret()], { hook: 'getprocattr' });
add('hook: not sleepable', [ret()], { hook: 'task_free', sleepable: true });
add('hook: sleepable', [ret()], { sleepable: true });
add('licence: not GPL', [ret()], { license: 'Proprietary' });

// Context.
add('context: argument 0', [asm.ldx(8, 2, 1, 0), ret()]);
add('context: argument that is not there', [asm.ldx(8, 2, 1, 16), ret()]);
add('context: far beyond', [asm.ldx(8, 2, 1, 800), ret()]);
add('context: half a pointer', [asm.ldx(4, 2, 1, 0), ret()]);
add('context: odd offset', [asm.ldx(1, 2, 1, 3), ret()]);
add('context: moved pointer', [asm.alu(ALU.add, 1, 8), asm.ldx(8, 2, 1, 0), ret()]);
add('context: store', [asm.mov(2, 0), asm.stx(8, 1, 0, 2), ret()]);
add('context: immediate store', [asm.st(8, 1, 0, 0), ret()]);

// Kernel structures.
add('struct: pointer field', [asm.ldx(8, 2, 1, 0), asm.ldx(8, 3, 2, 32), ret()]);
add('struct: beyond the end', [asm.ldx(8, 2, 1, 0), asm.ldx(4, 3, 2, 20000), ret()]);
add('struct: negative offset', [asm.ldx(8, 2, 1, 0), asm.ldx(4, 3, 2, -8), ret()]);
add('struct: write', [asm.ldx(8, 2, 1, 0), asm.st(4, 2, 0, 0), ret()]);
add('struct: variable offset', [
  asm.ldx(8, 6, 1, 0),
  asm.call(7),
  asm.alu(ALU.and, 0, 7),
  asm.alur(ALU.add, 6, 0),
  asm.ldx(1, 3, 6, 0),
  ret(),
]);
add('struct: socket->sk without check', [asm.ldx(8, 2, 1, 0), asm.ldx(8, 3, 2, 24), asm.ldx(2, 4, 3, 16), ret()], {
  hook: 'socket_connect',
});
add(
  'struct: socket->sk with check',
  [asm.ldx(8, 2, 1, 0), asm.ldx(8, 3, 2, 24), asm.jmp(JMP.eq, 3, 0, 1), asm.ldx(2, 4, 3, 16), ret()],
  { hook: 'socket_connect' },
);

// Pointers to anything but structs: `struct qstr` has the same layout everywhere.
const qstrName = (): Raw[] => [asm.ldx(8, 2, 1, 8), asm.jmp(JMP.ne, 2, 0, 2), ...ret(), asm.ldx(8, 3, 2, 8)];
const leaf = (name: string, body: readonly (Raw | readonly Raw[])[]): void =>
  add(`leaf: ${name}`, [qstrName(), ...body, ret()], { hook: 'inode_init_security_anon' });
leaf('read', [asm.ldx(1, 4, 3, 0)]);
leaf('read at any offset', [asm.alu(ALU.add, 3, 1 << 30), asm.alu(ALU.add, 3, 1 << 30), asm.ldx(8, 4, 3, -32768)]);
leaf('offset by an unknown number', [asm.movr(6, 3), asm.call(7), asm.alur(ALU.add, 6, 0), asm.ldx(1, 4, 6, 0)]);
leaf('bitwise arithmetic', [asm.alu(ALU.and, 3, -8), asm.ldx(1, 4, 3, 0)]);
leaf('taken from a number', [asm.mov(4, 5), asm.alur(ALU.sub, 4, 3)]);
leaf('32-bit arithmetic', [asm.alu32(ALU.add, 3, 1), asm.movr(4, 3)]);
leaf('write', [asm.st(1, 3, 0, 0)]);
leaf('as the text of bpf_trace_printk', [asm.movr(1, 3), asm.mov(2, 4), asm.call(6)]);
leaf('compared with NULL', [asm.jmp(JMP.eq, 3, 0, 1), asm.ldx(1, 4, 3, 0)]);
leaf('spilled and filled', [asm.stx(8, 10, -8, 3), asm.ldx(8, 4, 10, -8), asm.ldx(1, 5, 4, 0)]);
leaf('returned', [asm.jmp(JMP.eq, 3, 0, 2), asm.movr(0, 3), asm.exit()]);
leaf('one load of both it and the struct', [
  asm.movr(6, 2),
  asm.movr(7, 3),
  asm.call(7),
  asm.jmp(JMP.eq, 0, 0, 1),
  asm.movr(6, 7),
  asm.ldx(1, 4, 6, 0),
]);
leaf('one load of both it and the stack', [
  asm.st(8, 10, -8, 0),
  asm.movr(6, 10),
  asm.alu(ALU.add, 6, -8),
  asm.movr(7, 3),
  asm.call(7),
  asm.jmp(JMP.eq, 0, 0, 1),
  asm.movr(6, 7),
  asm.ldx(1, 4, 6, 0),
]);

// Stack.
add('stack: read never written', [asm.ldx(8, 0, 10, -8), asm.mov(0, 0), asm.exit()]);
add('stack: above the frame', [asm.mov(1, 0), asm.stx(8, 10, 0, 1), ret()]);
add('stack: below 512', [asm.st(8, 10, -520, 0), ret()]);
add('stack: exactly 512', [asm.st(8, 10, -512, 0), ret()]);
add('stack: misaligned', [asm.st(8, 10, -12, 0), ret()]);
add('stack: spill and fill of a pointer', [asm.stx(8, 10, -8, 1), asm.ldx(8, 2, 10, -8), asm.ldx(8, 3, 2, 0), ret()]);
add('stack: half of a spilled pointer', [asm.stx(8, 10, -8, 1), asm.ldx(4, 2, 10, -8), ret()]);
add('stack: 4-byte spill of a pointer', [asm.stx(4, 10, -8, 1), ret()]);
add('stack: random index', [asm.call(7), asm.movr(2, 10), asm.alur(ALU.add, 2, 0), asm.st(1, 2, -8, 0), ret()]);
add('stack: bounded index', [
  asm.call(7),
  asm.alu(ALU.and, 0, 15),
  asm.movr(2, 10),
  asm.alur(ALU.add, 2, 0),
  asm.st(1, 2, -16, 0),
  ret(),
]);
add('stack: index one too far', [
  asm.call(7),
  asm.alu(ALU.and, 0, 16),
  asm.movr(2, 10),
  asm.alur(ALU.add, 2, 0),
  asm.st(1, 2, -16, 0),
  ret(),
]);
add('stack: spilled number keeps its range', [
  asm.call(7),
  asm.alu(ALU.and, 0, 7),
  asm.stx(8, 10, -8, 0),
  asm.ldx(8, 3, 10, -8),
  asm.movr(2, 10),
  asm.alur(ALU.add, 2, 3),
  asm.st(1, 2, -16, 0),
  ret(),
]);
add('stack: spilled 32-bit number keeps its range', [
  asm.call(7),
  asm.alu(ALU.and, 0, 7),
  asm.stx(4, 10, -8, 0),
  asm.ldx(4, 3, 10, -8),
  asm.movr(2, 10),
  asm.alur(ALU.add, 2, 3),
  asm.st(1, 2, -16, 0),
  ret(),
]);

// Maps.
add('map: no NULL check', [lookup(), asm.ldx(8, 0, 0, 0), asm.mov(0, 0), asm.exit()]);
add('map: NULL check', [lookup(), notNull(), asm.ldx(8, 1, 0, 0), ret()]);
add('map: NULL check of a copy', [lookup(), asm.movr(6, 0), asm.jmp(JMP.eq, 0, 0, 1), asm.ldx(8, 1, 6, 0), ret()]);
add('map: 32-bit NULL check', [lookup(), asm.jmp32(JMP.eq, 0, 0, 1), asm.ldx(8, 1, 0, 0), ret()]);
add('map: arithmetic before the check', [lookup(), asm.alu(ALU.add, 0, 8), notNull(), asm.ldx(8, 1, 0, 0), ret()]);
add('map: last byte', [lookup(), notNull(), asm.ldx(1, 1, 0, 63), ret()]);
add('map: one byte too far', [lookup(), notNull(), asm.ldx(1, 1, 0, 64), ret()]);
add('map: before the value', [lookup(), notNull(), asm.ldx(1, 1, 0, -1), ret()]);
add('map: masked index', [
  asm.call(7),
  asm.movr(6, 0),
  asm.alu(ALU.and, 6, 63),
  lookup(),
  notNull(),
  asm.alur(ALU.add, 0, 6),
  asm.ldx(1, 1, 0, 0),
  ret(),
]);
add('map: mask one bit too wide', [
  asm.call(7),
  asm.movr(6, 0),
  asm.alu(ALU.and, 6, 127),
  lookup(),
  notNull(),
  asm.alur(ALU.add, 0, 6),
  asm.ldx(1, 1, 0, 0),
  ret(),
]);
add('map: unbounded index', [
  asm.call(5),
  asm.movr(6, 0),
  lookup(),
  notNull(),
  asm.alur(ALU.add, 0, 6),
  asm.ldx(1, 1, 0, 0),
  ret(),
]);
add('map: signed check only', [
  asm.call(5),
  asm.movr(6, 0),
  lookup(),
  notNull(),
  asm.jmp(JMP.sgt, 6, 8, 2),
  asm.alur(ALU.add, 0, 6),
  asm.ldx(1, 1, 0, 0),
  ret(),
]);
add('map: unsigned check', [
  asm.call(5),
  asm.movr(6, 0),
  lookup(),
  notNull(),
  asm.jmp(JMP.gt, 6, 8, 2),
  asm.alur(ALU.add, 0, 6),
  asm.ldx(1, 1, 0, 0),
  ret(),
]);
add('map: 32-bit check of a 64-bit index', [
  asm.call(5),
  asm.movr(6, 0),
  lookup(),
  notNull(),
  asm.jmp32(JMP.gt, 6, 8, 2),
  asm.alur(ALU.add, 0, 6),
  asm.ldx(1, 1, 0, 0),
  ret(),
]);
add('map: 32-bit check of a 32-bit index', [
  asm.call(5),
  asm.movr32(6, 0),
  lookup(),
  notNull(),
  asm.jmp32(JMP.gt, 6, 8, 2),
  asm.alur(ALU.add, 0, 6),
  asm.ldx(1, 1, 0, 0),
  ret(),
]);
add('map: check of a copy counts', [
  asm.call(5),
  asm.movr(6, 0),
  asm.movr(7, 6),
  lookup(),
  notNull(),
  asm.jmp(JMP.gt, 7, 8, 2),
  asm.alur(ALU.add, 0, 6),
  asm.ldx(1, 1, 0, 0),
  ret(),
]);
add('map: check of copy plus constant', [
  asm.call(7),
  asm.movr(6, 0),
  asm.movr(7, 6),
  asm.alu(ALU.add, 7, 1),
  lookup(),
  notNull(),
  asm.jmp(JMP.gt, 7, 8, 3),
  asm.jmp(JMP.eq, 7, 0, 2),
  asm.alur(ALU.add, 0, 6),
  asm.ldx(1, 1, 0, 0),
  ret(),
]);
add('map: bound in a register', [
  asm.call(7),
  asm.movr(6, 0),
  asm.mov(7, 8),
  lookup(),
  notNull(),
  asm.jmpr(JMP.gt, 6, 7, 2),
  asm.alur(ALU.add, 0, 6),
  asm.ldx(1, 1, 0, 0),
  ret(),
]);
add('map: bound in a bounded register', [
  asm.call(7),
  asm.movr(6, 0),
  asm.call(7),
  asm.movr(7, 0),
  asm.alu(ALU.and, 7, 7),
  lookup(),
  notNull(),
  asm.jmpr(JMP.gt, 6, 7, 2),
  asm.alur(ALU.add, 0, 6),
  asm.ldx(1, 1, 0, 0),
  ret(),
]);
add('map: key never written', [asm.movr(2, 10), asm.alu(ALU.add, 2, -8), asm.map(1, 0), asm.call(1), ret()]);
add('map: key is a number', [asm.mov(2, 4), asm.map(1, 0), asm.call(1), ret()]);
add('map: key outside of the stack', [asm.movr(2, 10), asm.map(1, 0), asm.call(1), ret()]);
add('map: number as map', [
  asm.st(8, 10, -8, 0),
  asm.movr(2, 10),
  asm.alu(ALU.add, 2, -8),
  asm.mov(1, 1),
  asm.call(1),
  ret(),
]);
add('map: ring buffer in lookup', [lookup(2), ret()]);
add('map: pointer arithmetic on the map', [asm.map(1, 0), asm.alu(ALU.add, 1, 8), ret()]);
add('map: atomic add', [lookup(), notNull(), asm.mov(1, 1), asm.atomic(8, 0, 0, 1, 0), ret()]);
add('map: misaligned atomic', [lookup(), notNull(), asm.mov(1, 1), asm.atomic(8, 0, 4, 1, 0), ret()]);
add('map: unknown atomic', [lookup(), notNull(), asm.mov(1, 1), asm.atomic(8, 0, 0, 1, 0x77), ret()]);
add('map: pointer stored in a value', [lookup(), notNull(), asm.stx(8, 0, 0, 10), ret()]);

// Pointer arithmetic.
add('pointer: multiplied', [asm.movr(2, 10), asm.alu(ALU.mul, 2, 2), ret()]);
add('pointer: masked', [asm.movr(2, 10), asm.alu(ALU.and, 2, -8), ret()]);
add('pointer: 32-bit add', [asm.movr(2, 10), asm.alu32(ALU.add, 2, -8), ret()]);
add('pointer: sum of two', [asm.movr(2, 10), asm.alur(ALU.add, 2, 10), ret()]);
add('pointer: difference of two', [asm.movr(2, 10), asm.alur(ALU.sub, 2, 10), ret()]);
add('pointer: subtract from stack pointer', [asm.movr(2, 10), asm.alu(ALU.sub, 2, 8), ret()]);
add('pointer: compared with a pointer', [asm.movr(2, 10), asm.jmpr(JMP.eq, 2, 10, 0), ret()]);
add('pointer: far away', [asm.imm64(2, 0x40000000, 0), asm.movr(3, 10), asm.alur(ALU.add, 3, 2), ret()]);

// Helpers.
add('helper: unknown number', [asm.call(9999), ret()]);
add('helper: not for LSM', [asm.mov(2, 0), asm.call(58), ret()]);
add('helper: sleepable one', [
  asm.movr(1, 10),
  asm.alu(ALU.add, 1, -8),
  asm.mov(2, 8),
  asm.mov(3, 0),
  asm.call(148),
  ret(),
]);
add(
  'helper: sleepable one in a sleepable program',
  [asm.movr(1, 10), asm.alu(ALU.add, 1, -8), asm.mov(2, 8), asm.mov(3, 0), asm.call(148), ret()],
  { sleepable: true },
);
add('helper: d_path where allowed', [
  asm.ldx(8, 1, 1, 0),
  asm.alu(ALU.add, 1, 64),
  asm.st(8, 10, -8, 0),
  asm.movr(2, 10),
  asm.alu(ALU.add, 2, -8),
  asm.mov(3, 8),
  asm.call(147),
  ret(),
]);
add(
  'helper: d_path where not',
  [asm.ldx(8, 1, 1, 0), asm.movr(2, 10), asm.alu(ALU.add, 2, -8), asm.mov(3, 8), asm.call(147), ret()],
  { hook: 'file_permission' },
);
add('helper: comm into the stack', [asm.movr(1, 10), asm.alu(ALU.add, 1, -16), asm.mov(2, 16), asm.call(16), ret()]);
add('helper: buffer too small', [asm.movr(1, 10), asm.alu(ALU.add, 1, -8), asm.mov(2, 16), asm.call(16), ret()]);
add('helper: negative size', [
  asm.movr(1, 10),
  asm.alu(ALU.add, 1, -8),
  asm.mov(2, -1),
  asm.mov(3, 0),
  asm.call(113),
  ret(),
]);
add('helper: unbounded size', [
  asm.call(7),
  asm.movr(2, 0),
  asm.movr(1, 10),
  asm.alu(ALU.add, 1, -8),
  asm.mov(3, 0),
  asm.call(113),
  ret(),
]);
add('helper: size of unknown sign', [
  asm.call(5),
  asm.movr(2, 0),
  asm.movr(1, 10),
  asm.alu(ALU.add, 1, -8),
  asm.mov(3, 0),
  asm.call(113),
  ret(),
]);
add('helper: bounded size', [
  asm.call(7),
  asm.movr(2, 0),
  asm.alu(ALU.and, 2, 7),
  asm.movr(1, 10),
  asm.alu(ALU.add, 1, -8),
  asm.mov(3, 0),
  asm.call(113),
  ret(),
]);
add('helper: size 0 where not allowed', [
  asm.movr(1, 10),
  asm.alu(ALU.add, 1, -16),
  asm.mov(2, 0),
  asm.call(16),
  ret(),
]);
add('helper: size may be 0 where not allowed', [
  asm.call(7),
  asm.movr(2, 0),
  asm.alu(ALU.and, 2, 15),
  asm.movr(1, 10),
  asm.alu(ALU.add, 1, -16),
  asm.call(16),
  ret(),
]);
add('helper: NULL destination with size 0', [asm.mov(1, 0), asm.mov(2, 0), asm.mov(3, 0), asm.call(113), ret()]);
add('helper: context as memory', [asm.mov(2, 8), asm.mov(3, 0), asm.call(113), ret()]);
add('helper: wrong structure', [asm.ldx(8, 2, 1, 0), asm.map(1, 1), asm.call(146), ret()]);
add('helper: printk', [
  asm.st(8, 10, -8, 0x6968),
  asm.movr(1, 10),
  asm.alu(ALU.add, 1, -8),
  asm.mov(2, 8),
  asm.call(6),
  ret(),
]);
add('helper: current task', [asm.call(158), asm.ldx(4, 1, 0, 0), ret()]);
add('helper: function as memory', [asm.call(7), asm.movr(1, 0), asm.mov(2, 4), asm.call(16), ret()]);

// Ring buffer.
add('ringbuf: reserve and submit', [reserve(), notNull(), asm.st(8, 0, 8, 1), submit(), ret()]);
add('ringbuf: never released', [reserve(), notNull(), asm.st(8, 0, 8, 1), ret()]);
add('ringbuf: released on one branch', [
  reserve(),
  notNull(),
  asm.ldx(8, 6, 0, 0),
  asm.jmp(JMP.eq, 6, 0, 3),
  submit(),
  ret(),
]);
add('ringbuf: no NULL check', [reserve(), submit(), ret()]);
add('ringbuf: written beyond the record', [reserve(), notNull(), asm.st(8, 0, 16, 1), submit(), ret()]);
add('ringbuf: used after submit', [reserve(), notNull(), asm.movr(6, 0), submit(), asm.st(8, 6, 0, 1), ret()]);
add('ringbuf: submitted twice', [
  reserve(),
  notNull(),
  asm.movr(6, 0),
  submit(),
  asm.movr(1, 6),
  asm.mov(2, 0),
  asm.call(132),
  ret(),
]);
add('ringbuf: moved pointer submitted', [reserve(), notNull(), asm.alu(ALU.add, 0, 8), submit(), ret()]);
add('ringbuf: number submitted', [asm.mov(1, 0x1234), asm.mov(2, 0), asm.call(132), ret()]);
add('ringbuf: random size', [asm.call(7), asm.movr(2, 0), asm.map(1, 2), asm.mov(3, 0), asm.call(131), ret()]);
add('ringbuf: two records', [
  reserve(),
  notNull(),
  asm.movr(6, 0),
  reserve(),
  asm.jmp(JMP.eq, 0, 0, 3),
  submit(),
  asm.movr(1, 6),
  asm.mov(2, 0),
  asm.call(133),
  ret(),
]);
add('ringbuf: map value submitted', [lookup(), notNull(), submit(), ret()]);

// Functions.
add('function: two arguments', [
  asm.mov(1, 3),
  asm.mov(2, 4),
  asm.callLocal(2),
  asm.mov(0, 0),
  asm.exit(),
  asm.movr(0, 1),
  asm.alur(ALU.add, 0, 2),
  asm.exit(),
]);
add('function: stack of the caller', [
  asm.st(8, 10, -8, 1),
  asm.movr(1, 10),
  asm.alu(ALU.add, 1, -8),
  asm.callLocal(2),
  asm.mov(0, 0),
  asm.exit(),
  asm.ldx(8, 0, 1, 0),
  asm.exit(),
]);
add('function: returns its stack', [asm.callLocal(2), asm.mov(0, 0), asm.exit(), asm.movr(0, 10), asm.exit()]);
add('function: r6 of the caller is not visible', [
  asm.mov(6, 1),
  asm.callLocal(2),
  asm.mov(0, 0),
  asm.exit(),
  asm.movr(0, 6),
  asm.exit(),
]);
add('function: recursion', [asm.callLocal(2), asm.mov(0, 0), asm.exit(), asm.callLocal(-1), asm.mov(0, 0), asm.exit()]);
add('function: combined stack too large', [
  asm.st(8, 10, -400, 0),
  asm.callLocal(2),
  asm.mov(0, 0),
  asm.exit(),
  asm.st(8, 10, -200, 0),
  asm.mov(0, 0),
  asm.exit(),
]);
add('function: return range of a callee', [asm.callLocal(1), asm.exit(), asm.mov(0, -1), asm.exit()]);

for (const p of RULE_PROGRAMS) list.push({ ...p, hook: 'file_open', sleepable: false, license: 'GPL' });

export const CORPUS: readonly CorpusEntry[] = list;
