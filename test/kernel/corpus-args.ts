/**
 * Raw programs whose functions have more than five arguments: those beyond the fifth are stored below r11 and loaded from above it
 * (7.2). What the kernels said is in test/data/verifier/args-*.json, from 7.2 with the whole log.
 */
import type { LoggedProgram } from './logged-records.ts';
import { ALU, asm, encode, functionsOf, JMP, type Raw } from './verifier-programs.ts';

type Part = Raw | readonly Part[];
const flat = (p: Part): Raw[] => ('op' in p ? [p] : p.flatMap(flat));
const list: LoggedProgram[] = [];

interface Func {
  readonly params: number;
  readonly linkage?: 'global';
  readonly body: Part;
}
const func = (params: number, ...body: readonly Part[]): Func => ({ params, body });

/** Calls of functions are written by their number until all are there. */
const BY_NUMBER = 10_000;
const call = (n: number): Raw => asm.callLocal(BY_NUMBER + n);

/** `info` false: without BTF. */
function add(name: string, main: Part, funcs: readonly Func[] = [], info = true): void {
  const bodies = [main, ...funcs.map((f) => f.body)].map(flat);
  const starts = bodies.map((_, n) => bodies.slice(0, n).reduce((sum, b) => sum + b.length, 0));
  const code = bodies.flat().map((r, i) => {
    const byNumber = r.op === 0x85 && r.src === 1 && r.imm >= BY_NUMBER;
    return byNumber ? { ...r, imm: starts[r.imm - BY_NUMBER] - i - 1 } : r;
  });
  const functions = functionsOf([
    { name: 'raw', start: 0, params: 1, linkage: 'global' },
    ...funcs.map((f, n) => ({
      name: `f${n + 1}`,
      start: starts[n + 1],
      params: f.params,
      linkage: f.linkage ?? ('static' as const),
    })),
  ]);
  const rest = { hook: 'file_open', sleepable: false, license: 'GPL', insns: encode(code) };
  list.push({ name: `stack_args: ${name}`, ...rest, ...(info ? { functions } : {}) });
}

const ret = (v = 0): Raw[] => [asm.mov(0, v), asm.exit()];
/** Stores and loads of the sixth argument (`n` 0) and those after it. */
const put = (n: number, reg: number): Raw => asm.stx(8, 11, -8 * (n + 1), reg);
const putNumber = (n: number, v: number): Raw => asm.st(8, 11, -8 * (n + 1), v);
const get = (reg: number, n = 0): Raw => asm.ldx(8, reg, 11, 8 * (n + 1));
const args = (): Raw[] => [1, 2, 3, 4, 5].map((r) => asm.mov(r, r));
const random = (reg: number): Raw[] => [asm.call(7), asm.movr(reg, 0)];
/** Loads its arguments on the stack and is done. */
const six = func(6, get(0), ret());
const seven = func(7, get(0), get(1, 1), ret());

// Calls.
add('six', [args(), putNumber(0, 6), call(1), ret()], [six]);
add('seven', [args(), putNumber(0, 6), putNumber(1, 7), call(1), ret()], [seven]);
add(
  'twelve',
  [args(), [0, 1, 2, 3, 4, 5, 6].map((n) => putNumber(n, n)), call(1), ret()],
  [func(12, get(0, 6), ret())],
);
add('thirteen', [args(), [0, 1, 2, 3, 4, 5, 6].map((n) => putNumber(n, n)), call(1), ret()], [func(13, ret())]);
add('a register', [asm.mov(6, 3), args(), put(0, 6), call(1), ret()], [six]);
add('the context', [asm.movr(6, 1), args(), put(0, 6), call(1), ret()], [func(6, get(1), asm.ldx(8, 0, 1, 0), ret())]);
add('a register that was never set', [put(0, 7), args(), call(1), ret()], [six]);
add('the sixth is not stored', [args(), call(1), ret()], [six]);
add('the seventh is not stored', [args(), putNumber(0, 6), call(1), ret()], [seven]);
add('the sixth is not stored, the seventh is', [args(), putNumber(1, 6), call(1), ret()], [seven]);
add('stored on one way only', [random(6), args(), asm.jmp(JMP.eq, 6, 0, 1), putNumber(0, 6), call(1), ret()], [six]);
add('stored on both ways', [random(6), args(), asm.jmp(JMP.eq, 6, 0, 2), putNumber(0, 6), asm.ja(1), putNumber(0, 7), call(1), ret()], [six]); // prettier-ignore
add('called twice, stored once', [args(), putNumber(0, 6), call(1), args(), call(1), ret()], [six]);
add('called twice, stored twice', [args(), putNumber(0, 6), call(1), args(), putNumber(0, 6), call(1), ret()], [six]);
add('a helper is called in between', [putNumber(0, 6), asm.call(7), args(), call(1), ret()], [six]);
add('not one is loaded', [args(), putNumber(0, 6), call(1), ret()], [func(6, ret())]);
add('a global function', [args(), putNumber(0, 6), call(1), ret()], [{ ...six, linkage: 'global' }]);
add('passed on', [args(), putNumber(0, 6), call(1), ret()], [func(6, get(6), args(), put(0, 6), call(2), ret()), six]);
add('without BTF', [args(), putNumber(0, 6), call(1), ret()], [func(6, ret())], false);
add('loaded without BTF', [args(), putNumber(0, 6), call(1), ret()], [six], false);

// Stores and loads.
add('stored for nobody', [putNumber(0, 6), ret()]);
add('more are stored than taken', [args(), putNumber(0, 6), putNumber(2, 8), call(1), ret()], [six]);
add('the eighth on the stack', [args(), putNumber(7, 6), call(1), ret()], [six]);
add('loaded where there is none', [get(0), ret()]);
add(
  'loaded where the caller has some',
  [args(), putNumber(0, 6), call(1), call(2), ret()],
  [six, func(1, get(0), ret())],
);
add('loaded beyond the last', [args(), putNumber(0, 6), call(1), ret()], [func(6, get(0, 1), ret())]);
add('loaded after a store', [args(), putNumber(0, 6), call(1), ret()], [func(6, args(), putNumber(0, 1), get(6), call(2), ret()), six]); // prettier-ignore
add('loaded after a call', [args(), putNumber(0, 6), call(1), ret()], [func(6, asm.call(7), get(6), ret())]);
add(
  'loaded twice',
  [args(), putNumber(0, 6), call(1), ret()],
  [func(6, get(6), get(7), asm.alur(ALU.add, 6, 7), ret())],
);
add('loaded on one way, after a call on the other', [args(), putNumber(0, 6), call(1), ret()], [func(6, asm.jmp(JMP.eq, 1, 9, 1), asm.call(7), get(6), ret())]); // prettier-ignore

// Pointers to the stack.
const toSlot = (): Raw[] => [asm.st(8, 10, -8, 1), args(), asm.movr(6, 10), asm.alu(ALU.add, 6, -8), put(0, 6)].flat();
add(
  'a pointer to the stack is read through',
  [toSlot(), call(1), ret()],
  [func(6, get(1), asm.ldx(8, 0, 1, 0), ret())],
);
add('a pointer to the stack is written through', [args(), asm.movr(6, 10), asm.alu(ALU.add, 6, -8), put(0, 6), call(1), asm.ldx(8, 0, 10, -8), ret()], [func(6, get(1), asm.st(8, 1, 0, 5), ret())]); // prettier-ignore
add('a pointer to the stack is passed on', [toSlot(), call(1), ret()], [func(6, get(6), args(), put(0, 6), call(2), ret()), func(6, get(1), asm.ldx(8, 0, 1, 0), ret())]); // prettier-ignore
add('a slot that was never written is read', [args(), asm.movr(6, 10), asm.alu(ALU.add, 6, -8), put(0, 6), call(1), ret()], [func(6, get(1), asm.ldx(8, 0, 1, 0), ret())]); // prettier-ignore
add('a pointer to the stack or a number', [random(7), asm.st(8, 10, -8, 1), args(), asm.movr(6, 10), asm.alu(ALU.add, 6, -8), asm.jmp(JMP.eq, 7, 0, 1), asm.mov(6, 0), put(0, 6), call(1), ret()], [func(6, get(1), asm.jmp(JMP.eq, 1, 0, 1), asm.ldx(8, 0, 1, 0), ret())]); // prettier-ignore

// Other pointers, and numbers.
const lookup: Raw[] = [asm.st(4, 10, -4, 0), asm.movr(2, 10), asm.alu(ALU.add, 2, -4), ...asm.map(1, 0), asm.call(1)];
add('a map value that may be NULL', [lookup, asm.movr(6, 0), args(), put(0, 6), call(1), ret()], [func(6, get(1), asm.jmp(JMP.eq, 1, 0, 1), asm.ldx(8, 0, 1, 0), ret())]); // prettier-ignore
const reserve: Raw[] = [...asm.map(1, 2), asm.mov(2, 16), asm.mov(3, 0), asm.call(131), asm.jmp(JMP.ne, 0, 0, 1), asm.exit(), asm.movr(6, 0)]; // prettier-ignore
const submit: Raw[] = [asm.mov(2, 0), asm.call(132)];
add(
  'a record is submitted by the callee',
  [reserve, args(), put(0, 6), call(1), ret()],
  [func(6, get(1), submit, ret())],
);
add('a record is submitted by both', [reserve, args(), put(0, 6), call(1), asm.movr(1, 6), submit, ret()], [func(6, get(1), submit, ret())]); // prettier-ignore
/** Writes to its stack at the sixth argument. */
const indexed = func(6, get(3), asm.movr(2, 10), asm.alu(ALU.add, 2, -16), asm.alur(ALU.add, 2, 3), asm.st(1, 2, 0, 1), ret()); // prettier-ignore
add('an index with bounds', [random(6), asm.alu(ALU.and, 6, 15), args(), put(0, 6), call(1), ret()], [indexed]);
add('an index too large', [random(6), asm.alu(ALU.and, 6, 31), args(), put(0, 6), call(1), ret()], [indexed]);
const either = (a: number, b: number): Raw[] =>
  [random(7), asm.mov(6, a), asm.jmp(JMP.eq, 7, 0, 1), asm.mov(6, b)].flat();
add('a number that is needed precisely on both ways', [either(3, 9), args(), put(0, 6), call(1), ret()], [indexed]);
add('a number that is too large on one way', [either(3, 16), args(), put(0, 6), call(1), ret()], [indexed]);
add('numbers stored by both ways are indexes', [random(7), args(), asm.jmp(JMP.eq, 7, 0, 2), putNumber(0, 3), asm.ja(1), putNumber(0, 9), asm.mov(8, 1), asm.mov(8, 2), asm.jmp(JMP.eq, 7, 5, 1), asm.mov(9, 1), call(1), ret()], [indexed]); // prettier-ignore
add('one of two numbers stored is too large an index', [random(7), args(), asm.jmp(JMP.eq, 7, 0, 2), putNumber(0, 3), asm.ja(1), putNumber(0, 19), asm.mov(8, 1), asm.mov(8, 2), asm.jmp(JMP.eq, 7, 5, 1), asm.mov(9, 1), call(1), ret()], [indexed]); // prettier-ignore
add('in a loop', [asm.mov(6, 0), args(), put(0, 6), call(1), asm.alu(ALU.add, 6, 1), asm.jmp(JMP.lt, 6, 5, -9), ret()], [indexed]); // prettier-ignore

export const ARGS_PROGRAMS: readonly LoggedProgram[] = list;
