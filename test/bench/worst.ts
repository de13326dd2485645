/** The largest runs that the verifier can be made to do. */
import { ALU, asm, JMP, type Raw } from '../kernel/verifier-programs.ts';

const repeat = (n: number, part: (i: number) => readonly Raw[]): Raw[] =>
  Array.from({ length: n }, (_, i) => part(i)).flat();

const MIX: readonly Raw[] = repeat(20, () => [
  asm.alu(ALU.mul, 7, 31),
  asm.alur(ALU.xor, 7, 8),
  asm.alu(ALU.add, 8, 17),
  asm.alu(ALU.rsh, 7, 3),
  asm.alur(ALU.or, 8, 7),
  asm.alu(ALU.and, 8, 0xffff),
  asm.alur32(ALU.add, 7, 8),
]);
const CHAIN: readonly Raw[] = [
  ...repeat(18, (i) => [asm.call(7), asm.jmp(JMP.eq, 0, 0, 1), asm.alu(ALU.add, 7, 1 << i)]),
  asm.jmp(JMP.gt, 7, 1_000_000, 1),
  asm.mov(1, 1),
  asm.mov(0, 0),
  asm.exit(),
];
const FULL_STACK: readonly Raw[] = repeat(60, (i) => [asm.st(8, 10, -8 * (i + 1), i)]);

/** Programs that keep the verifier busy to its limit of 1,000,000 instructions, each in another way. */
export const WORST: readonly { readonly name: string; readonly insns: readonly Raw[] }[] = [
  {
    name: 'counting loop',
    insns: [asm.mov(6, 0), asm.alu(ALU.add, 6, 1), asm.jmp(JMP.lt, 6, 600_000, -2), asm.mov(0, 0), asm.exit()],
  },
  {
    name: 'arithmetic',
    insns: [
      asm.mov(6, 0),
      asm.call(7),
      asm.movr(7, 0),
      asm.call(7),
      asm.movr(8, 0),
      ...MIX,
      asm.alu(ALU.add, 6, 1),
      asm.jmp(JMP.lt, 6, 100_000, -(MIX.length + 2)),
      asm.mov(0, 0),
      asm.exit(),
    ],
  },
  { name: 'paths', insns: [asm.mov(7, 0), ...CHAIN] },
  {
    name: 'paths with a full stack',
    insns: [...FULL_STACK, asm.mov(7, 0), ...CHAIN],
  },
  {
    name: 'counting loop with a full stack',
    insns: [
      ...FULL_STACK,
      asm.mov(6, 0),
      asm.alu(ALU.add, 6, 1),
      asm.jmp(JMP.lt, 6, 600_000, -2),
      asm.mov(0, 0),
      asm.exit(),
    ],
  },
  {
    name: 'loop that calls a function',
    insns: [
      asm.mov(6, 0),
      asm.movr(1, 6),
      asm.callLocal(5),
      asm.alu(ALU.add, 6, 1),
      asm.jmp(JMP.eq, 0, 17, 1),
      asm.jmp(JMP.lt, 6, 600_000, -5),
      asm.mov(0, 0),
      asm.exit(),
      asm.movr(0, 1),
      asm.alu(ALU.and, 0, 7),
      asm.exit(),
    ],
  },
  {
    name: 'eight functions deep, each with a full stack',
    insns: [
      ...repeat(7, () => [...FULL_STACK, asm.callLocal(1), asm.exit()]),
      ...FULL_STACK,
      asm.mov(6, 0),
      asm.alu(ALU.add, 6, 1),
      asm.jmp(JMP.lt, 6, 600_000, -2),
      asm.mov(0, 0),
      asm.exit(),
    ],
  },
  {
    // Each comparison leaves a path for later, nearly to the limit of 8,192; all of them keep the stack.
    name: 'paths for later, with a full stack',
    insns: [
      ...FULL_STACK,
      asm.call(7),
      ...repeat(8000, (i) => [asm.jmp(JMP.eq, 0, i + 5, 8000 - i)]),
      asm.mov(0, 0),
      asm.mov(7, 0),
      ...CHAIN,
    ],
  },
  {
    // Whether the branch is taken is decided by a number made long ago, so the search back is long every time.
    name: 'long searches back',
    insns: [
      asm.mov(6, 0),
      asm.mov(8, 1),
      ...repeat(100, () => [
        asm.alur(ALU.add, 8, 6),
        asm.alu(ALU.and, 8, 0xff),
        asm.stx(8, 10, -8, 8),
        asm.ldx(8, 8, 10, -8),
      ]),
      asm.jmp(JMP.gt, 8, 0x1ff, 1),
      asm.alu(ALU.add, 6, 1),
      asm.jmp(JMP.lt, 6, 100_000, -403),
      asm.mov(0, 0),
      asm.exit(),
    ],
  },
];
