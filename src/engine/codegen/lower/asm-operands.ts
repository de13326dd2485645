/** Operands of inline assembly that are known when it is compiled: numbers, addresses, functions. */
import {
  type AsmOperand,
  evaluate,
  type Expr,
  helperId,
  integerOf,
  type InitEntry,
  isBool,
  sizeOf,
} from '../../c/index.ts';
import { type AsmConstant, type Callee, functionCallee } from '../ir.ts';
import type { UnitContext } from './context.ts';

/** The operand that `%[name]` or `%0` stands for. */
export const operandOf = (operands: readonly AsmOperand[], ref: string): AsmOperand | undefined =>
  /^\d+$/.test(ref) ? operands[Number(ref)] : operands.find((o) => o.name === ref);

/** What an operand is when it is no register. */
export function constantOf(e: Expr): AsmConstant | null {
  const c = evaluate(e);
  if (c === null) {
    const bits = literalBits(e);
    if (bits !== null) return { kind: 'number', value: bits };
    const id = helperId(e);
    return id === null ? null : { kind: 'number', value: BigInt(id) };
  }
  if (c.base === null) return { kind: 'number', value: asPrinted(c.value, e) };
  if (c.base.kind === 'string') return null;
  const symbol = c.base.kind === 'function' ? { kind: 'func' as const, decl: c.base } : { kind: 'var' as const, decl: c.base }; // prettier-ignore
  return { kind: 'address', symbol, addend: Number(c.value) };
}

/** Compilers print a constant operand as a signed number of its type, unsigned ones too. */
export const asPrinted = (value: bigint, e: Expr): bigint => BigInt.asIntN(sizeAsPrinted(e) * 8, value);

/** The bytes of that number. */
export function sizeAsPrinted(e: Expr): number {
  const int = integerOf(e.type);
  return int === null || isBool(e.type) ? 8 : int.size;
}

/** Of `*(long *)&(struct bpf_insn) { ... }`, how filter macros write an instruction: its bits. */
function literalBits(e: Expr): bigint | null {
  if (e.kind !== 'cast' || e.cast !== 'lvalueToRvalue' || e.operand.kind !== 'deref') return null;
  let p = e.operand.pointer;
  while (p.kind === 'cast') p = p.operand;
  if (p.kind !== 'address' || p.operand.kind !== 'compoundLiteral') return null;
  const { init, image } = p.operand.variable;
  const size = sizeOf(e.type);
  let bits = 0n;
  if (image !== null) {
    for (let n = size - 1; n >= 0; n--) bits = (bits << 8n) | BigInt(image.bytes[n] ?? 0);
    return image.relocs.length === 0 ? bits : null;
  }
  if (init?.kind !== 'aggregate') return null;
  for (const entry of init.entries) {
    const at = placeOf(entry);
    const value = evaluate(entry.value);
    if (at === null || value === null || value.base !== null) return null;
    const mask = ((1n << at.size) - 1n) << at.bit;
    bits = (bits & ~mask) | ((value.value << at.bit) & mask);
  }
  return BigInt.asUintN(size * 8, bits);
}

function placeOf(e: InitEntry): { readonly bit: bigint; readonly size: bigint } | null {
  if (e.bitfield !== null) return { bit: BigInt(e.bitfield.bitOffset), size: BigInt(e.bitfield.bitSize) };
  const int = integerOf(e.type);
  return int === null ? null : { bit: BigInt(e.offset * 8), size: BigInt(int.size * 8) };
}

/** The address of the variable or function of the unit that assembly calls by its name. */
export function symbolOf(cx: UnitContext, name: string): (AsmConstant & { kind: 'address' }) | null {
  cx.askedUnit = true;
  const decl = [...cx.unit.variables, ...cx.unit.functions].find((d) => d.name === name);
  if (decl === undefined) return null;
  const symbol = decl.kind === 'function' ? { kind: 'func' as const, decl } : { kind: 'var' as const, decl };
  return { kind: 'address', symbol, addend: 0 };
}

/** What `call` names: an operand (`find` has its expression), a helper's number, or a function of the unit. */
export function calleeOf(cx: UnitContext, text: string, find: (ref: string) => Expr): Callee | null {
  const operand = /^%(?:\[(\w+)\]|(\d+))$/.exec(text);
  const ref = operand?.[1] ?? operand?.[2];
  if (ref !== undefined) {
    const c = constantOf(find(ref));
    if (c?.kind === 'address') return c.symbol.kind === 'func' ? functionCallee(c.symbol.decl) : null;
    return c === null ? null : helper(Number(c.value));
  }
  if (/^-?\d+$/.test(text)) return helper(Number(text));
  cx.askedUnit = true;
  const decl = cx.unit.functions.find((f) => f.name === text);
  return decl === undefined ? null : functionCallee(decl);
}

const helper = (id: number): Callee => ({ kind: 'helper', id, name: `helper #${id}` });
