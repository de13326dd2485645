/** What 7.2 finds out before the walk, as that kernel's own level-2 log has it (recorded by test/kernel/verifier-log.test.ts). */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { verifyProgram, type VerifierResult } from '../../../src/engine/verifier/index.ts';
import { LIVENESS_PROGRAMS, plainLines } from '../../kernel/liveness-programs.ts';
import { platform, type Kernel } from '../../kernel/verifier-platforms.ts';
import { ALU, asm, encode, JMP, rawObject } from '../../kernel/verifier-programs.ts';

interface Recorded {
  readonly name: string;
  readonly log: readonly string[];
}
const recorded = JSON.parse(
  readFileSync(new URL('../../data/verifier/liveness-7.2.json', import.meta.url), 'utf8'),
) as Recorded[];

function verify(insns: Uint8Array, kernel: Kernel = '7.2'): VerifierResult {
  const { obj, prog } = rawObject(insns, platform(kernel).btf, 'file_open', false, 'GPL');
  return verifyProgram(obj, prog, platform(kernel), { logLevel: 2 });
}

describe('the whole log is that of 7.2', () => {
  it('for all programs', () => {
    expect(recorded.map((r) => r.name)).toEqual(LIVENESS_PROGRAMS.map((p) => p.name));
  });
  it.each(LIVENESS_PROGRAMS.map((p) => [p.name, p] as const))('%s', (name, p) => {
    expect(plainLines(verify(p.insns).log)).toEqual(recorded.find((r) => r.name === name)!.log);
  });
});

it('a branch that a constant decides is a jump on 7.2 only', () => {
  const { insns } = LIVENESS_PROGRAMS[1];
  expect(verify(insns).log).toContain('4: (05) goto pc+2');
  expect(verify(insns, '6.12').log).toContain('4: (15) if r6 == 0x1 goto pc+2');
});

it('what is not read later does not tell states apart', () => {
  // Both ways leave another number in r7 and in a slot, which nothing reads.
  const insns = encode([
    asm.call(7),
    asm.movr(6, 0),
    asm.mov(7, 1),
    asm.jmp(JMP.gt, 6, 5, 2),
    asm.mov(7, 2),
    asm.st(8, 10, -8, 3),
    ...Array.from({ length: 8 }, () => asm.alu(ALU.add, 6, 1)),
    asm.jmp(JMP.eq, 6, 9, 0),
    ...Array.from({ length: 8 }, () => asm.alu(ALU.add, 6, 1)),
    asm.mov(0, 0),
    asm.exit(),
  ]);
  const r = verify(insns);
  expect(r.accepted).toBe(true);
  expect(r.log).toContain(': safe');
});
