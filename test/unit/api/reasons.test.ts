/**
 * Where knowledge was lost, exactly: for each refused policy of test/data/repairs the line where the refusal shows and the
 * line and kind of the loss; for raw programs, which no compiler makes, the instruction.
 */
import { describe, expect, it } from 'vitest';
import { verifyProgram, type LostKind } from '../../../src/engine/verifier/index.ts';
import { RULE_PROGRAMS } from '../../kernel/corpus-rules.ts';
import { platform } from '../../kernel/verifier-platforms.ts';
import { ALU, asm, encode, rawObject, type Raw } from '../../kernel/verifier-programs.ts';
import { repairCases } from '../../data/repairs/cases.ts';
import { bench } from './support.ts';

const { engine } = bench();

/** Policy, reason, line where it shows, kind and line of the loss (null: nothing was lost). */
const CASES: readonly (readonly [string, string, number, LostKind | null, number])[] = [
  ['call-under-lock', 'call-under-lock', 14, null, 0],
  ['constant-written', 'map-read-only', 9, null, 0],
  ['current-task-number', 'not-a-pointer', 9, 'call-result', 7],
  ['d-path-elsewhere', 'helper-not-here', 9, null, 0],
  ['endless-loop', 'too-many-branches', 9, null, 0],
  ['global-pointer-argument', 'return-range', 14, 'call-result', 14],
  ['index-global-array', 'index-unbounded', 11, 'call-result', 9],
  ['index-local-array', 'stack-unbounded', 10, 'call-result', 8],
  ['index-map-value', 'index-unbounded', 13, 'call-result', 9],
  ['index-one-too-far', 'out-of-bounds', 15, 'weak-check', 13],
  ['index-signed', 'pointer-out-of-bounds', 15, 'weak-check', 13],
  ['iterator-early-return', 'reference-leak', 15, 'acquired', 13],
  ['kernel-write', 'btf-write', 9, 'load', 5],
  ['key-by-value', 'argument-type', 8, 'call-result', 7],
  ['leak-at-end', 'reference-leak', 12, 'acquired', 7],
  ['leak-deny-path', 'reference-leak', 13, 'copy-lost', 12],
  ['leak-dynptr', 'reference-leak', 13, 'acquired', 9],
  ['leak-early-return', 'reference-leak', 13, 'acquired', 7],
  ['leak-task', 'reference-leak', 15, 'copy-lost', 14],
  ['lock-early-return', 'lock-held', 14, 'acquired', 12],
  ['loop-to-variable', 'too-many-branches', 10, null, 0],
  ['null-argument-buffer', 'null-argument', 10, 'call-result', 8],
  ['null-argument-submit', 'null-argument', 9, 'call-result', 7],
  ['null-in-branch', 'null-deref', 11, 'call-result', 8],
  ['null-in-function', 'null-deref', 8, 'call-result', 6],
  ['null-map-value-read', 'null-deref', 10, 'call-result', 8],
  ['null-map-value', 'null-deref', 10, 'call-result', 8],
  ['null-math', 'null-math', 11, 'call-result', 8],
  ['null-ringbuf', 'null-deref', 9, 'call-result', 7],
  ['null-sock', 'null-deref', 7, 'load', 7],
  ['null-task-storage', 'null-deref', 10, 'call-result', 9],
  ['number-as-memory', 'not-a-pointer', 9, 'call-result', 7],
  ['number-as-struct', 'not-a-pointer', 10, 'call-result', 7],
  ['pointer-offset', 'index-unbounded', 13, 'call-result', 9],
  ['printk-string', 'size-unbounded', 10, 'call-result', 8],
  ['rcu-early-return', 'rcu', 12, 'acquired', 10],
  ['reserve-variable', 'size-not-constant', 8, 'call-result', 7],
  ['return-computed', 'return-range', 9, 'load', 7],
  ['return-flag', 'return-range', 12, 'load', 12],
  ['return-helper-result', 'return-range', 9, 'call-result', 9],
  ['return-positive', 'return-range', 8, 'constant', 8],
  ['return-too-low', 'return-range', 8, 'constant', 8],
  ['size-map-value', 'out-of-bounds', 12, 'constant', 12],
  ['size-negative', 'size-unbounded', 12, 'weak-check', 10],
  ['size-too-large', 'stack-bounds', 9, 'constant', 9],
  ['size-unbounded', 'size-unbounded', 10, 'call-result', 8],
  ['size-zero', 'zero-size', 12, 'weak-check', 10],
  ['sleepable-helper', 'sleepable-helper', 9, null, 0],
  ['submit-twice', 'argument-type', 12, 'released', 11],
  ['use-after-submit', 'not-a-pointer', 12, 'released', 11],
  ['wrong-structure', 'wrong-struct', 9, 'load', 5],
];

describe('refused policies', () => {
  it('are at least 25 with a place, and all cases of 6.12', () => {
    expect(CASES.filter((c) => c[3] !== null).length).toBeGreaterThanOrEqual(25);
    const known = new Set(repairCases().map((c) => c.name));
    expect(CASES.filter((c) => !known.has(c[0]))).toEqual([]);
  });

  const limit = { timeout: 30_000 };
  it.each(CASES)('%s: %s at line %i, lost by %s at line %i', limit, (name, reason, line, kind, lostLine) => {
    const { diagnostics } = engine.check(`test/data/repairs/${name}.bpf.c`, '6.12');
    const d = diagnostics.find((x) => x.reasons !== undefined)!;
    const r = d.reasons!;
    expect([r.id, d.range.line, r.lost?.kind ?? null, r.lost?.range?.line ?? 0]).toEqual([
      reason,
      line,
      kind,
      lostLine,
    ]);
    for (const text of [r.text, r.required, r.known, r.change]) expect(text.length).toBeGreaterThan(5);
    if (kind !== null) expect(r.lost!.message.length).toBeGreaterThan(20);
    for (const p of r.path) expect(p.range?.line).toBeGreaterThan(0);
  });
});

describe('a leak on every kernel', () => {
  it.each(['6.1', '6.12', '7.2'])('%s: at the return, with the call that acquired', (kernel) => {
    const { diagnostics } = engine.check('test/data/repairs/leak-early-return.bpf.c', kernel);
    const d = diagnostics.find((x) => x.code === 'verifier/reference-leak')!;
    expect([d.range.line, d.range.column]).toEqual([13, 3]);
    expect(d.reasons!.related).toMatchObject([{ message: 'acquired here', range: { line: 7 } }]);
    expect(d.reasons!.path.map((p) => [p.range?.line, p.condition, p.holds])).toEqual([
      [9, '!e', false],
      [12, 'e->uid == 0', true],
    ]);
  });
});

const end = [asm.mov(0, 0), asm.exit()];
const random = asm.call(7);

/** Raw program, message, kind of the loss and its instruction. */
const RAW: Readonly<Record<string, readonly [readonly Raw[], string, LostKind, number]>> = {
  'a pointer through 32 bits': [
    [asm.movr32(6, 1), asm.ldx(8, 0, 6, 0), ...end],
    'R6 invalid mem access',
    'narrowed',
    0,
  ],
  'a register that a call destroyed': [[random, asm.movr(6, 1), ...end], 'R1 !read_ok', 'call-destroyed', 0],
  'a register that nothing set': [[asm.movr(0, 6), ...end], 'R6 !read_ok', 'never-set', -1],
  'a saved pointer that is overwritten in part': [
    [asm.stx(8, 10, -8, 1), asm.st(4, 10, -8, 0), asm.ldx(8, 6, 10, -8), asm.ldx(8, 0, 6, 0), ...end],
    'R6 invalid mem access',
    'stack-overwritten',
    1,
  ],
  'a saved pointer under a write at a variable offset': [
    [
      asm.movr(6, 1),
      asm.stx(8, 10, -8, 6),
      asm.stx(8, 10, -16, 6),
      random,
      asm.alu(ALU.and, 0, 8),
      asm.movr(7, 10),
      asm.alu(ALU.add, 7, -16),
      asm.alur(ALU.add, 7, 0),
      asm.st(1, 7, 0, 1),
      asm.ldx(8, 8, 10, -8),
      asm.ldx(8, 0, 8, 0),
      ...end,
    ],
    'R8 invalid mem access',
    'stack-variable',
    8,
  ],
  'a pointer that was copied, saved and read back before it was cut': [
    [
      asm.movr(6, 1),
      asm.movr32(6, 6),
      asm.stx(8, 10, -8, 6),
      asm.ldx(8, 7, 10, -8),
      asm.movr(8, 7),
      asm.ldx(8, 0, 8, 0),
      ...end,
    ],
    'R8 invalid mem access',
    'narrowed',
    1,
  ],
};

describe('raw programs on 6.12', () => {
  it.each(Object.entries(RAW))('%s', (_, [insns, message, kind, insn]) => {
    const { obj, prog } = rawObject(encode(insns), platform('6.12').btf, 'file_open', false, 'GPL');
    const r = verifyProgram(obj, prog, platform('6.12'));
    expect(r.message).toContain(message);
    expect([r.explanation?.lost?.kind, r.explanation?.lost?.insn]).toEqual([kind, insn]);
  });

  it('a number that a loop of any number of rounds adds up', () => {
    const p = RULE_PROGRAMS.find((x) => x.name === 'widening: forgotten number as an index')!;
    const { obj, prog } = rawObject(p.insns, platform('6.12').btf, 'file_open', false, 'GPL');
    const { explanation } = verifyProgram(obj, prog, platform('6.12'));
    expect([explanation?.lost?.kind, explanation?.lost?.insn]).toEqual(['widened', 11]);
  });
});
