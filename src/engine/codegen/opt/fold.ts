/** Constant arithmetic with eBPF's semantics (RFC 9669): division by zero gives 0, modulo by zero the dividend. */
import type { BinOp, Pred, ValueType } from '../ir.ts';

const width = (t: ValueType): number => (t === 'i32' ? 32 : 64);

/** Operands and result are sign-extended from the width of `type`, as `const` keeps them. */
export function foldBin(op: BinOp, type: ValueType, a: bigint, b: bigint): bigint {
  const w = width(type);
  const ua = BigInt.asUintN(w, a);
  const ub = BigInt.asUintN(w, b);
  const shift = ub & BigInt(w - 1);
  let r: bigint;
  switch (op) {
    case 'add':
      r = a + b;
      break;
    case 'sub':
      r = a - b;
      break;
    case 'mul':
      r = a * b;
      break;
    case 'udiv':
      r = ub === 0n ? 0n : ua / ub;
      break;
    case 'urem':
      r = ub === 0n ? ua : ua % ub;
      break;
    case 'sdiv':
      r = b === 0n ? 0n : a / b;
      break;
    case 'srem':
      r = b === 0n ? a : a % b;
      break;
    case 'and':
      r = a & b;
      break;
    case 'or':
      r = a | b;
      break;
    case 'xor':
      r = a ^ b;
      break;
    case 'shl':
      r = ua << shift;
      break;
    case 'lshr':
      r = ua >> shift;
      break;
    case 'ashr':
      r = a >> shift;
      break;
  }
  return BigInt.asIntN(w, r);
}

export function foldCompare(pred: Pred, type: ValueType, a: bigint, b: bigint): boolean {
  const w = width(type);
  const ua = BigInt.asUintN(w, a);
  const ub = BigInt.asUintN(w, b);
  switch (pred) {
    case 'eq':
      return ua === ub;
    case 'ne':
      return ua !== ub;
    case 'ult':
      return ua < ub;
    case 'ule':
      return ua <= ub;
    case 'ugt':
      return ua > ub;
    case 'uge':
      return ua >= ub;
    case 'slt':
      return a < b;
    case 'sle':
      return a <= b;
    case 'sgt':
      return a > b;
    case 'sge':
      return a >= b;
  }
}

/** Reverses the low `bytes` bytes; the rest is cleared, as BPF_END does. */
export function foldBswap(v: bigint, bytes: number): bigint {
  let r = 0n;
  for (let i = 0; i < bytes; i++) r = (r << 8n) | ((v >> BigInt(8 * i)) & 0xffn);
  return r;
}
