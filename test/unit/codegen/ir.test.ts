import { describe, expect, it } from 'vitest';
import type { FunctionDecl } from '../../../src/engine/c/index.ts';
import { Func, type Inst, printFunc } from '../../../src/engine/codegen/ir.ts';
import { verifyFunction } from '../../../src/engine/codegen/ir-verify.ts';
import { Builder, rebuildPreds } from '../../../src/engine/codegen/lower/builder.ts';

const decl = { name: 'f', loc: 0, end: 0 } as unknown as FunctionDecl;

/** if (p > 4) x = 1 else x = 2; return x */
function diamond(): { f: Func; b: Builder; phi: Inst } {
  const f = new Func(decl);
  f.returns = 'i32';
  const p = f.addParam('i32');
  const b = new Builder(f);
  const [yes, no, end] = [f.addBlock(), f.addBlock(), f.addBlock()];
  b.condbr('ugt', p, b.i32(4), yes, no);
  b.block = yes;
  b.br(end);
  b.block = no;
  b.br(end);
  b.block = end;
  const phi = b.phi('i32', [
    [yes, b.i32(1)],
    [no, b.i32(2)],
  ]);
  b.ret(phi);
  rebuildPreds(f);
  return { f, b, phi };
}

describe('structural checks', () => {
  it('accept a diamond, and print it', () => {
    const { f } = diamond();
    expect(verifyFunction(f)).toEqual([]);
    expect(printFunc(f)).toBe(
      [
        'func @f(i32) i32 {',
        'b0:',
        '  condbr ugt %arg0, i32 4 ? b1 : b2',
        'b1:  ; from b0',
        '  br b3',
        'b2:  ; from b0',
        '  br b3',
        'b3:  ; from b1 b2',
        `  %${f.blocks[3].insts[0].id} = phi i32 [b1: i32 1] [b2: i32 2]`,
        `  ret %${f.blocks[3].insts[0].id}`,
        '}',
      ].join('\n'),
    );
  });

  it.each<[string, (d: ReturnType<typeof diamond>) => void, string]>([
    ['a missing terminator', ({ f }) => void f.blocks[1].insts.pop(), 'does not end in a terminator'],
    ['a wrong predecessor list', ({ f }) => void f.blocks[3].preds.pop(), 'lists predecessors'],
    ['a phi without an argument', ({ phi }) => void phi.targets.pop(), 'phi of'],
    [
      'a use before its definition',
      ({ f, b, phi }) => {
        const add = f.create('bin', 'i32', [phi, b.i32(1)], 0);
        add.block = f.blocks[1];
        f.blocks[1].insts.unshift(add);
      },
      'does not dominate',
    ],
    [
      'operands of another type',
      ({ f, b, phi }) => {
        const add = f.create('bin', 'i32', [phi, b.i64(1)], 0);
        add.block = f.blocks[3];
        f.blocks[3].insts.splice(1, 0, add);
      },
      'operands have the result type',
    ],
    [
      'a value of another function',
      ({ f, b }) => {
        const foreign = f.create('bin', 'i32', [b.i32(1), b.i32(2)], 0);
        f.blocks[3].terminator.args[0] = foreign;
      },
      'not in the function',
    ],
  ])('find %s', (_, damage, message) => {
    const d = diamond();
    damage(d);
    expect(verifyFunction(d.f).join('\n')).toContain(message);
  });
});

describe('the builder', () => {
  it('folds constants and drops what is unreachable', () => {
    const f = new Func(decl);
    const b = new Builder(f);
    expect(b.bin('add', b.i32(0x7fffffff), b.i32(1)).value).toBe(-0x80000000n);
    expect(b.bin('udiv', b.i64(-1), b.i64(0)).value).toBe(0n);
    expect(b.bin('urem', b.i64(7), b.i64(0)).value).toBe(7n);
    expect(b.cast('zext', 'i64', b.i32(-1)).value).toBe(0xffffffffn);
    expect(b.bswap(b.i32(0x11223344), 2).value).toBe(0x4433n);
    const dead = f.addBlock();
    b.ret(null);
    b.block = dead;
    b.ret(null);
    rebuildPreds(f);
    expect(f.blocks).toHaveLength(1);
  });
});
