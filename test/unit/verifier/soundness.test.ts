/** What is accepted is sound: random programs run with every access and every register held against the verifier's claims. */
import { describe, expect, it } from 'vitest';
import { verifyProgram, type Claim } from '../../../src/engine/verifier/index.ts';
import { randomProgram } from '../../fuzz/programs.ts';
import { relabel, layout } from '../../fuzz/labelled.ts';
import { shrink } from '../../fuzz/shrink.ts';
import { checkSoundness } from '../../fuzz/soundness-check.ts';
import { KERNELS, platform } from '../../kernel/verifier-platforms.ts';
import { ALU, asm, encode, rawObject, type Raw } from '../../kernel/verifier-programs.ts';

const FIRST = 700_000;

describe.each(KERNELS)('accepted programs under the rules of %s', (kernel) => {
  it('never leave what was verified', { timeout: 30_000 }, () => {
    let accepted = 0;
    for (let seed = FIRST; seed < FIRST + 120; seed++) {
      const r = checkSoundness(randomProgram(seed, kernel !== '6.1'), kernel, seed, 3);
      if (r.accepted) accepted++;
      expect({ seed, unsound: r.unsound }).toEqual({ seed, unsound: null });
    }
    expect(accepted).toBeGreaterThan(30);
  });

  it('claims tell right from wrong values', () => {
    const raws = [asm.call(7), asm.alu(ALU.and, 0, 7), asm.movr(6, 0), asm.mov(0, 0), asm.exit()];
    const seen = new Map<number, readonly Claim[]>();
    const { obj, prog } = rawObject(encode(raws), platform(kernel).btf, 'file_open');
    const r = verifyProgram(obj, prog, platform(kernel), {
      observe: (insn, _depth, claims) => void seen.set(insn, claims),
      strictPruning: true,
    });
    expect(r.accepted).toBe(true);
    const masked = seen.get(2)![0];
    expect([masked.allows(7n, []), masked.allows(8n, []), masked.allows(1n << 63n, [])]).toEqual([true, false, false]);
    const stack = seen.get(2)![10];
    expect([stack.allows(0x1000n, [0x1000n]), stack.allows(0xff8n, [0x1000n])]).toEqual([true, false]);
    expect(seen.get(3)![6].allows(9n, [])).toBe(false);
    expect(seen.get(0)![6].allows(9n, [])).toBeNull();
  });
});

describe('the shrinker', () => {
  it('finds the smallest program that still fails', async () => {
    const raws = randomProgram(4242, true);
    const division = (list: readonly Raw[]): boolean => list.some((r) => r.op === 0x85 && r.imm === 7);
    const small = await shrink(raws, (list) => Promise.resolve(list.map(division)));
    expect(small.length).toBe(1);
  });

  it('keeps jumps on their targets', () => {
    for (let seed = 1; seed < 60; seed++) {
      const raws = randomProgram(seed, true);
      expect(layout(relabel(raws))).toEqual(raws);
    }
  });
});
