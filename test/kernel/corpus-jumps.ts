/**
 * Raw programs with indirect jumps (`gotox rX`), and the instruction arrays that these go through. What the kernels said is in
 * test/data/verifier/jumps-*.json; from 7.2, which has them, with the whole log. Before 6.19 the arrays are no maps.
 */
import type { LoggedProgram } from './logged-records.ts';
import { ALU, asm, encode, JMP, RAW_MAPS, type Raw } from './verifier-programs.ts';

type Part = Raw | readonly Part[];
type Table = readonly number[];
const flat = (p: Part): Raw[] => ('op' in p ? [p] : p.flatMap(flat));
const list: LoggedProgram[] = [];
/** Numbers of `tables` are instructions, as they are counted: a wide load is two. */
const add = (name: string, tables: readonly Table[], ...parts: readonly Part[]): void =>
  void list.push({
    name: `indirect_jump: ${name}`,
    hook: 'file_open',
    sleepable: false,
    license: 'GPL',
    insns: encode(parts.flatMap(flat)),
    tables: tables.map((insns) => ({ insns, frozen: true })),
  });
/** Changes the program that was added last. */
const but = (change: Partial<LoggedProgram>): void => void list.push({ ...list.pop()!, ...change });

const T = RAW_MAPS.length;
const raw = (op: number, dst: number, src: number, off: number, imm: number): Raw => ({ op, dst, src, off, imm });
/** Two instructions. */
const ret = (v = 0): Raw[] => [asm.mov(0, v), asm.exit()];
/** Three instructions: r1 = an address from the table. */
const load = (off = 0, table = T): Raw[] => [...asm.mapValue(1, table, off), asm.ldx(8, 1, 1, 0)];
/** Four. */
const go = (off = 0, table = T): Raw[] => [...load(off, table), asm.gotox(1)];
/** Eight: r0 = a number of 0 to `mask`, r1 = the address at it. Nothing but r0 to r5 changes. */
const pick = (mask: number, shift = 3): Raw[] => [
  asm.call(7),
  asm.alu(ALU.and, 0, mask),
  asm.alu(ALU.lsh, 0, shift),
  ...asm.mapValue(1, T),
  asm.alur(ALU.add, 1, 0),
  asm.ldx(8, 1, 1, 0),
  asm.gotox(1),
];

// Where they go.
add('one way', [[4]], go(), ret());
add('two ways, one of them by a constant', [[4, 6]], go(8), ret(), ret(-1));
add('the other one', [[4, 6]], go(0), ret(), ret(-4096));
add('by a number', [[8, 10]], pick(1), ret(), ret(-1));
add('one of the ways is refused', [[8, 10]], pick(1), ret(), ret(-4096));
add('ways in any order, some twice', [[14, 8, 10, 8, 12, 8, 14, 10]], pick(7), ret(), ret(-1), ret(-2), ret(-3));
add('some of the entries', [[13, 9, 11, 13]], asm.call(7), asm.alu(ALU.and, 0, 1), asm.alu(ALU.add, 0, 1), asm.alu(ALU.lsh, 0, 3), asm.mapValue(1, T), asm.alur(ALU.add, 1, 0), asm.ldx(8, 1, 1, 0), asm.gotox(1), ret(), ret(-1), ret(-4096)); // prettier-ignore
add('counted from the end', [[8, 8, 10]], asm.call(7), asm.alu(ALU.and, 0, 2), asm.alu(ALU.lsh, 0, 3), asm.mapValue(1, T, 16), asm.alur(ALU.sub, 1, 0), asm.ldx(8, 1, 1, 0), asm.gotox(1), ret(), ret(-1)); // prettier-ignore
add('the offset is in the load', [[4, 6]], asm.mapValue(1, T), asm.ldx(8, 1, 1, 8), asm.gotox(1), ret(), ret(-1));
add('the address is kept while a helper is called', [[6]], load(), asm.movr(6, 1), asm.call(7), asm.gotox(6), ret());
add('two jumps through one table', [[8, 12]], pick(1), go(8), ret());
add('two tables', [[8, 12], [14]], pick(1), go(0, T + 1), asm.mov(6, 1), asm.mov(7, 1), ret()); // prettier-ignore
add('the last instruction', [[1]], asm.ja(2), ret(), go());
add('what follows is reached through the table only', [[6, 4]], go(8), ret(), ret(-1));
add('what follows is not reached', [[6]], go(), ret(), ret(-1));
add('back to the beginning for ever', [[0, 4]], go(), ret());
add('a loop that ends', [[1]], asm.mov(6, 0), asm.alu(ALU.add, 6, 1), asm.jmp(JMP.gt, 6, 5, 4), go(), ret());
add('a loop without end', [[1, 9]], asm.mov(6, 0), asm.call(7), asm.alu(ALU.and, 0, 1), asm.alu(ALU.lsh, 0, 3), asm.mapValue(1, T), asm.alur(ALU.add, 1, 0), asm.ldx(8, 1, 1, 0), asm.gotox(1), ret()); // prettier-ignore
add('in a sleepable program', [[4]], go(), ret());
but({ sleepable: true });

// What is known after them.
const set = (v: number, on: number): Raw[] => [asm.mov(6, v), asm.ja(on)];
const valueAt6: Raw[] = [
  asm.st(4, 10, -4, 0),
  asm.movr(2, 10),
  asm.alu(ALU.add, 2, -4),
  ...asm.map(1, 0),
  asm.call(1),
  asm.jmp(JMP.ne, 0, 0, 1),
  asm.exit(),
  asm.alur(ALU.add, 0, 6),
  asm.ldx(1, 1, 0, 0),
];
add(
  'each way sets an index',
  [[8, 10, 12, 14]],
  pick(3),
  set(0, 6),
  set(9, 4),
  set(33, 2),
  set(63, 0),
  valueAt6,
  ret(),
);
add('one way sets it too large', [[8, 10, 12, 14]], pick(3), set(0, 6), set(64, 4), set(33, 2), set(63, 0), valueAt6, ret()); // prettier-ignore
add('a register is set on some ways only', [[9, 11]], asm.mov(6, 1), pick(1), asm.mov(7, 2), asm.ja(0), asm.alur(ALU.add, 6, 7), ret()); // prettier-ignore
add('a register and a slot that one way reads', [[11, 14, 16]], asm.mov(6, 1), asm.mov(7, 2), asm.st(8, 10, -8, 3), pick(1), asm.ldx(8, 3, 10, -8), asm.alur(ALU.add, 6, 3), asm.ja(2), asm.alur(ALU.add, 7, 7), asm.ja(0), ret()); // prettier-ignore
add('a slot that was never written, on one way', [[8, 10]], pick(1), ret(), asm.ldx(8, 3, 10, -8), ret());
add('ways that differ in nothing that matters', [[9, 11, 13, 15]], asm.mov(6, 1), pick(3), set(1, 6), set(2, 4), set(3, 2), set(4, 0), asm.call(7), asm.call(7), asm.jmp(JMP.eq, 0, 5, 1), asm.mov(7, 1), ret()); // prettier-ignore
/** Twelve instructions; the call that keeps registers is the eighth. All of the stack is the function's that they call. */
const spilled: Part = [asm.mov(3, 3), go(), asm.mov(2, 2), asm.stx(8, 10, -8, 3), asm.call(8), asm.ldx(8, 3, 10, -8), asm.callLocal(2), ret()]; // prettier-ignore
add('a number that is needed precisely behind it', [[8, 12]], pick(1), asm.movr(2, 10), asm.alu(ALU.add, 2, -16), asm.alur(ALU.add, 2, 0), asm.st(1, 2, 0, 1), ret()); // prettier-ignore
add('spills around a call', [[5]], spilled, asm.st(8, 10, -504, 0), ret());
add('spills around a call that a way leads to', [[5, 7]], spilled, asm.st(8, 10, -504, 0), ret());

// Tables.
add('the table is not frozen', [[4]], go(), ret());
but({ tables: [{ insns: [4], frozen: false }] });
add('an entry beyond the program', [[4, 6]], go(), ret());
add('an entry in the middle of a wide load', [[4, 1]], go(), ret());
add('no table', [], asm.mov(1, 0), asm.gotox(1), ret());
add('a table that is used for nothing', [[2]], asm.map(1, T), ret());
add('a table that is used for nothing, with an entry beyond the program', [[9]], asm.map(1, T), ret());
add('a table, not its values', [[4]], asm.map(1, T), asm.ldx(8, 1, 1, 0), asm.gotox(1), ret());
add('a table of another function', [[1]], asm.callLocal(2), ret(), go(), ret());
add('a table of two functions', [[3, 1]], asm.callLocal(2), ret(), go(8), ret());
add(
  'a table that leads beyond its function',
  [[4, 9]],
  go(),
  asm.callLocal(2),
  asm.mov(0, 0),
  asm.exit(),
  ret(),
  ret(),
);
add('a table for each function', [[5], [11]], asm.callLocal(6), go(), ret(), go(0, T + 1), ret());
add('a table is passed to a helper for maps', [[0]], asm.st(4, 10, -4, 0), asm.movr(2, 10), asm.alu(ALU.add, 2, -4), asm.map(1, T), asm.call(1), ret()); // prettier-ignore

// Accesses.
add('an index too large', [[8, 10]], pick(3), ret(), ret());
add('an index that is no multiple of 8', [[8, 10]], pick(7, 0), ret(), ret());
add('an offset that is no multiple of 8', [[4, 4]], go(4), ret());
add('an offset beyond the table', [[4]], go(8), ret());
add('an offset far beyond the table', [[4]], go(1 << 30), ret());
add('a negative offset in the load', [[4]], asm.mapValue(1, T), asm.ldx(8, 1, 1, -8), asm.gotox(1), ret());
add('half an address', [[4]], asm.mapValue(1, T), asm.ldx(4, 1, 1, 0), asm.gotox(1), ret());
add('half an address, with its sign', [[4]], asm.mapValue(1, T), raw(0x81, 1, 1, 0, 0), asm.gotox(1), ret());
add('an address that is acquired', [[4]], asm.mapValue(1, T), asm.atomic(8, 1, 0, 1, 0x100), asm.gotox(1), ret());
add('the table is written', [[7]], asm.mapValue(2, T), asm.st(8, 2, 0, 0), go(), ret());
add('the table is written at an index', [[5, 5]], asm.call(7), asm.alu(ALU.and, 0, 8), asm.mapValue(2, T), asm.alur(ALU.add, 2, 0), asm.stx(8, 2, 0, 0), ret()); // prettier-ignore
add('the table is added to', [[5]], asm.mov(1, 1), asm.mapValue(2, T), asm.atomic(8, 2, 0, 1, 0), ret());
add('the table is read by a helper', [[11]], asm.map(1, 2), asm.mapValue(2, T), asm.mov(3, 8), asm.mov(4, 0), asm.call(130), go(), ret()); // prettier-ignore
add('more of it is read by a helper', [[11]], asm.map(1, 2), asm.mapValue(2, T), asm.mov(3, 16), asm.mov(4, 0), asm.call(130), go(), ret()); // prettier-ignore

// What else may be done with an address.
add('a number instead of an address', [[5]], load(), asm.mov(1, 5), asm.gotox(1), ret());
add('the stack instead of an address', [[4]], load(), asm.gotox(10), ret());
add('a register that was never set', [[4]], load(), asm.gotox(5), ret());
add('the place in the table instead of what is there', [[4]], asm.mapValue(1, T), asm.mov(2, 0), asm.gotox(1), ret());
add('something is added', [[5]], load(), asm.alu(ALU.add, 1, 8), asm.gotox(1), ret());
add('nothing is added', [[5]], load(), asm.alu(ALU.add, 1, 0), asm.gotox(1), ret());
add('the difference of two', [[6]], load(), asm.movr(2, 1), asm.alur(ALU.sub, 2, 1), asm.gotox(2), ret());
add('a copy of the lower half', [[5]], load(), asm.movr32(1, 1), asm.gotox(1), ret());
add('spilled', [[6]], load(), asm.stx(8, 10, -8, 1), asm.ldx(8, 1, 10, -8), asm.gotox(1), ret());
add('half of it spilled', [[5]], load(), asm.stx(4, 10, -8, 1), asm.gotox(1), ret());
add('read through', [[5]], load(), asm.ldx(8, 2, 1, 0), asm.gotox(1), ret());
add('compared with another', [[6, 7]], load(), asm.movr(2, 1), asm.jmpr(JMP.eq, 1, 2, 1), asm.gotox(1), ret());
add('compared with nothing', [[5]], load(), asm.jmp(JMP.eq, 1, 0, 1), asm.gotox(1), ret());
add('returned', [[3]], load(), asm.movr(0, 1), asm.exit());
add('given to a function, which jumps', [[8]], load(), asm.callLocal(2), ret(), asm.mov(0, 0), asm.gotox(1), ret());

// Encoding.
add('reserved field: source', [[4]], load(), raw(0x0d, 1, 1, 0, 0), ret());
add('reserved field: offset', [[4]], load(), raw(0x0d, 1, 0, 1, 0), ret());
add('reserved field: immediate', [[4]], load(), raw(0x0d, 1, 0, 0, 1), ret());
add('register 11', [[4]], load(), asm.gotox(11), ret());
add('of class JMP32', [[4]], load(), raw(0x0e, 1, 0, 0, 0), ret());

export const JUMP_PROGRAMS: readonly LoggedProgram[] = list;
