/** The run as a whole: limits, cancellation, log, explanation, robustness. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { verifyObject, verifyProgram, type VerifyOptions } from '../../../src/engine/verifier/index.ts';
import { KERNELS, platform } from '../../kernel/verifier-platforms.ts';
import { ALU, asm, encode, generate, JMP, rawObject, type Raw } from '../../kernel/verifier-programs.ts';

const check = (list: readonly (Raw | readonly Raw[])[], opts: VerifyOptions = {}, hook = 'file_open') => {
  const { obj, prog } = rawObject(encode(list.flat() as Raw[]), platform('6.12').btf, hook);
  return verifyProgram(obj, prog, platform('6.12'), opts);
};
const spin = [asm.mov(6, 0), asm.alu(ALU.add, 6, 1), asm.jmp(JMP.lt, 6, 0x7fffffff, -2), asm.mov(0, 0), asm.exit()];

describe('verifyProgram', () => {
  it('gives up at a million instructions', () => {
    const r = check(spin);
    expect([r.accepted, r.errno, r.message]).toEqual([false, 7, 'BPF program is too large. Processed 1000001 insn']);
    expect(r.explanation?.id).toBe('too-complex');
  }, 60_000);

  it('can be cancelled', () => {
    let polls = 0;
    const r = check(spin, { cancelled: () => ++polls > 3 });
    expect([r.accepted, r.errno]).toEqual([false, 125]);
    expect(r.insnsProcessed).toBeLessThan(20_000);
  });

  it('says where a NULL pointer came from and which branches led to its use', () => {
    const r = check([
      asm.call(7),
      asm.movr(6, 0),
      asm.st(8, 10, -8, 0),
      asm.movr(2, 10),
      asm.alu(ALU.add, 2, -8),
      asm.map(1, 0),
      asm.call(1),
      asm.jmp(JMP.eq, 6, 0, 1),
      asm.ldx(8, 1, 0, 0),
      asm.mov(0, 0),
      asm.exit(),
    ]);
    expect(r.message).toBe("R0 invalid mem access 'map_value_or_null'");
    expect(r.insn).toBe(9);
    expect(r.explanation).toMatchObject({
      id: 'null-deref',
      path: [{ insn: 8, what: expect.stringMatching(/^branch not taken: if r\d+ == 0x0 \(instruction 8\)$/) }],
    });
    expect(r.explanation?.text).toContain('looked up at instruction 7');
  });

  it('writes the log of the asked level', () => {
    const list = [asm.call(7), asm.alu(ALU.and, 0, 7), asm.mov(0, 0), asm.exit()];
    expect(check(list).log).toBe('');
    const full = check(list, { logLevel: 2 }).log;
    expect(full).toContain('1: (57) r0 &= 7');
    expect(full).toContain('R0_w=scalar(smin=smin32=0,smax=umax=smax32=umax32=7,var_off=(0x0; 0x7))');
    expect(full).toMatch(/processed 4 insns \(limit 1000000\)/);
  });

  it('counts visits', () => {
    const r = check([asm.mov(6, 0), asm.alu(ALU.add, 6, 1), asm.jmp(JMP.lt, 6, 10, -2), asm.mov(0, 0), asm.exit()]);
    expect([...r.visits]).toEqual([1, 10, 10, 1, 1]);
  });

  it('verifies all programs of an object', () => {
    const { obj } = rawObject(encode([asm.mov(0, 0), asm.exit()]), platform('6.12').btf, 'file_open');
    expect(verifyObject(obj, platform('6.12')).map((r) => r.accepted)).toEqual([true]);
  });

  it('never throws on arbitrary instructions', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 160 }), fc.constantFrom(...KERNELS), (bytes, kernel) => {
        const whole = bytes.slice(0, bytes.length & ~7);
        const { obj, prog } = rawObject(whole, platform(kernel).btf, 'file_open');
        let polls = 0;
        const r = verifyProgram(obj, prog, platform(kernel), { cancelled: () => ++polls > 5 });
        expect(typeof r.accepted).toBe('boolean');
      }),
      { numRuns: 500 },
    );
  });

  it('never throws on plausible programs with a changed instruction', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), fc.nat(), fc.integer({ min: 0, max: 255 }), (seed, at, value) => {
        const bytes = encode(generate(seed, true));
        bytes[at % bytes.length] = value;
        const { obj, prog } = rawObject(bytes, platform('6.12').btf, 'file_open');
        let polls = 0;
        verifyProgram(obj, prog, platform('6.12'), { cancelled: () => ++polls > 5, logLevel: 1 });
      }),
      { numRuns: 300 },
    );
  });
});
