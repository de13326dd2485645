/** Inline assembly: barriers, the one-instruction idioms that shape verifier knowledge, and bpf_tail_call_static. */
import { type AsmOperand, type AsmStmt, type Expr, integerOf } from '../../c/index.ts';
import type { BinOp, Inst } from '../ir.ts';
import type { Lowering } from './context.ts';
import { lowerExpr } from './expr.ts';
import { loadPlace, lowerPlace, type Place, storePlace } from './place.ts';

const OPS: Readonly<Record<string, BinOp>> = {
  '+=': 'add',
  '-=': 'sub',
  '*=': 'mul',
  '/=': 'udiv',
  '%=': 'urem',
  '&=': 'and',
  '|=': 'or',
  '^=': 'xor',
  '<<=': 'shl',
  '>>=': 'lshr',
  's>>=': 'ashr',
};

export function lowerAsm(lw: Lowering, s: AsmStmt): void {
  const b = lw.b;
  lw.at(s);
  const text = s.template.replace(/\/\*.*?\*\//gs, ' ').trim();
  const memory = s.clobbers.includes('memory') || s.volatile;
  if (text === '') {
    barrier(lw, s, memory);
    return;
  }
  if (/\bcall 12\b/.test(text) && s.inputs.length === 3) {
    const args = s.inputs.map((i) => lowerExpr(lw, i.expr)!);
    b.call({ kind: 'helper', id: 12, name: 'bpf_tail_call' }, 'i64', args);
    return;
  }
  const operands = [...s.outputs, ...s.inputs];
  const find = (ref: string): AsmOperand | undefined => {
    const m = /^%(?:\[(\w+)\]|w?(\d+))$/.exec(ref);
    if (m === null) return undefined;
    return m[1] !== undefined ? operands.find((o) => o.name === m[1]) : operands[Number(m[2])];
  };
  const m = /^(%\S+)\s*(s?[-+*/%&|^<>]*=)\s*(\S+?);?$/.exec(text);
  const target = m === null ? undefined : find(m[1]);
  if (m !== null && target !== undefined && s.outputs.includes(target) && (m[2] === '=' || OPS[m[2]] !== undefined)) {
    const place = lowerPlace(lw, target.expr);
    const operand = find(m[3]);
    const number = /^-?(0x[0-9a-f]+|\d+)$/i.test(m[3]) ? b.i64(BigInt(m[3])) : null;
    const value = operand !== undefined ? wide(lw, lowerExpr(lw, operandValue(operand))!) : number;
    if (value !== null) {
      const result = m[2] === '=' ? value : b.bin(OPS[m[2]], wide(lw, loadPlace(lw, place)), value);
      storeWide(lw, place, b.opaque(result));
      if (s.clobbers.includes('memory')) b.fence();
      return;
    }
  }
  lw.cx.error(
    s,
    'codegen/asm',
    'this inline assembly is not supported',
    'Supported: empty templates (barriers), one operation on an output such as asm("%0 &= 255" : "+r"(x)), and bpf_tail_call_static. Write the rest in C.',
  );
}

const operandValue = (o: AsmOperand): Expr => o.expr;

function wide(lw: Lowering, v: Inst): Inst {
  return v.type === 'i32' ? lw.b.cast('zext', 'i64', v) : lw.b.cast('bitcast', 'i64', v);
}

function storeWide(lw: Lowering, p: Place, v: Inst): void {
  const int = integerOf(p.type);
  storePlace(lw, p, int === null ? lw.b.cast('bitcast', 'ptr', v) : int.size === 8 ? v : lw.b.cast('trunc', 'i32', v));
}

/** `asm volatile("" : "+r"(x))` hides a value, `asm volatile("" ::: "memory")` orders memory. */
function barrier(lw: Lowering, s: AsmStmt, memory: boolean): void {
  const b = lw.b;
  s.outputs.forEach((o, n) => {
    if (o.constraint.includes('m')) return;
    const place = lowerPlace(lw, o.expr);
    const tied = s.inputs.find((i) => i.constraint === String(n) || (o.name !== '' && i.constraint === `[${o.name}]`));
    const value = tied !== undefined ? lowerExpr(lw, tied.expr)! : loadPlace(lw, place);
    storePlace(lw, place, b.opaque(value));
  });
  for (const i of s.inputs) {
    if (/^\d+$/.test(i.constraint) || i.constraint.includes('i') || i.constraint.includes('m')) continue;
    const v = lowerExpr(lw, i.expr);
    if (v !== null) b.opaque(v);
  }
  if (memory && (s.clobbers.includes('memory') || s.outputs.length === 0)) b.fence();
}
