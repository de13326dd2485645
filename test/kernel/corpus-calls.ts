/**
 * Raw programs in which what was explored counts: functions that are called several times, references that are given up in
 * another order, numbers and dynptrs on the stack that one path changes. What the kernels said is in
 * test/data/verifier/calls-*.json.
 */
import type { LoggedProgram } from './logged-records.ts';
import { ALU, asm, encode, functionsOf, JMP, type Raw } from './verifier-programs.ts';

type Part = Raw | readonly Part[];
const flat = (p: Part): Raw[] => ('op' in p ? [p] : p.flatMap(flat));
const list: LoggedProgram[] = [];

/** `f` is called from places where the main program has a call of offset -1. */
function add(name: string, main: Part, f: Part = []): void {
  const a = flat(main);
  const b = flat(f);
  const code = [...a, ...b].map((r, i) =>
    r.op === 0x85 && r.src === 1 && r.imm === -1 ? { ...r, imm: a.length - i - 1 } : r,
  );
  const functions = functionsOf([
    { name: 'raw', start: 0, params: 1, linkage: 'global' },
    ...(b.length > 0 ? [{ name: 'f', start: a.length, params: 1, linkage: 'static' as const }] : []),
  ]);
  list.push({
    name: `calls: ${name}`,
    hook: 'file_open',
    sleepable: false,
    license: 'GPL',
    insns: encode(code),
    functions,
  });
}

const ret = (v = 0): Raw[] => [asm.mov(0, v), asm.exit()];
const call = asm.callLocal(-1);
const random = (): Raw => asm.call(7);
const times = (n: number, part: (i: number) => Part): Part => Array.from({ length: n }, (_, i) => part(i));

/** Adds to r6 or not, `n` times. */
const branches = (n: number): Part => [
  asm.mov(6, 0),
  times(n, (i) => [random(), asm.jmp(JMP.gt, 0, 10 + i, 1), asm.alu(ALU.add, 6, 1)]),
  asm.movr(0, 6),
  asm.exit(),
];
for (const n of [2, 4, 6, 9]) {
  for (const calls of [2, 5]) {
    add(
      `a function with ${n} branches, ${calls} times`,
      [times(calls, () => [asm.movr(1, 10), call]), ret()],
      branches(n),
    );
  }
}
add(
  'the result decides whether it is called again',
  [asm.movr(1, 10), call, asm.jmp(JMP.gt, 0, 2, 2), asm.movr(1, 10), call, asm.movr(1, 10), call, ret()],
  branches(5),
);

/** Bytes of a ring buffer in r0, or the end of the program. */
const reserve = (): Part => [...asm.map(1, 2), asm.mov(2, 16), asm.mov(3, 0), asm.call(131), asm.jmp(JMP.ne, 0, 0, 2)];
const submit = (reg: number): Raw[] => [asm.movr(1, reg), asm.mov(2, 0), asm.call(132)];
for (const [name, first, second] of [
  ['first', 6, 7],
  ['second', 7, 6],
] as const) {
  add(`two reservations, the ${name} is given up before a branch`, [
    [reserve(), ret(), asm.movr(6, 0)],
    // Without the second one the first is given up.
    [...asm.map(1, 2), asm.mov(2, 16), asm.mov(3, 0), asm.call(131), asm.jmp(JMP.ne, 0, 0, 5), submit(6), ret()],
    asm.movr(7, 0),
    [
      ...asm.map(1, 2),
      asm.mov(2, 16),
      asm.mov(3, 0),
      asm.call(131),
      asm.jmp(JMP.ne, 0, 0, 8),
      submit(6),
      submit(7),
      ret(),
    ],
    asm.movr(8, 0),
    submit(first),
    [random(), asm.jmp(JMP.gt, 0, 5, 2), random(), random()],
    [random(), asm.jmp(JMP.gt, 0, 5, 2), random(), random()],
    [submit(second), submit(8), ret()],
  ]);
}

add('half a slot learns what its number does', [
  random(),
  asm.alu(ALU.and, 0, 0xffff),
  asm.movr(1, 0),
  asm.stx(4, 10, -8, 0),
  asm.jmp(JMP.lt, 0, 1, 3),
  asm.ldx(4, 1, 10, -8),
  asm.jmp(JMP.ge, 1, 1, 1),
  asm.ldx(8, 0, 9, 0),
  ret(),
]);

const dynptr = (): Part => [...asm.map(1, 2), asm.mov(2, 8), asm.mov(3, 0), asm.movr(4, 10), asm.alu(ALU.add, 4, -16)];
const discard = (): Part => [asm.movr(1, 10), asm.alu(ALU.add, 1, -16), asm.mov(2, 0), asm.call(200)];
add('a dynptr is made and given up', [dynptr(), asm.call(198), discard(), ret()]);
add('a dynptr that one path overwrites', [
  asm.mov(9, 0xeb9f),
  dynptr(),
  asm.call(198),
  asm.jmp(JMP.eq, 0, 0, 1),
  asm.ja(1),
  asm.stx(8, 10, -16, 9),
  discard(),
  ret(),
]);
add('a dynptr at a variable offset', [
  asm.st(8, 10, -8, 0),
  asm.st(8, 10, -16, 0),
  asm.st(8, 10, -24, 0),
  random(),
  asm.alu(ALU.and, 0, 8),
  asm.movr(6, 0),
  dynptr(),
  asm.alur(ALU.sub, 4, 6),
  asm.call(198),
  discard(),
  ret(),
]);
add('a long jump', [random(), asm.jmp(JMP.gt, 0, 5, 1), asm.jmp32(0, 0, 1, 0), asm.mov(6, 1), ret()]);

export const CALL_PROGRAMS: readonly LoggedProgram[] = list;
