/** L-values: where an object is, how far its alignment is known, and whether its offset is relocated by CO-RE. */
import {
  alignOf,
  type CType,
  type Expr,
  integerOf,
  qualifiersOf,
  type RecordType,
  sizeOf,
  strip,
  type VarDecl,
  type ParamDecl,
} from '../../c/index.ts';
import { type CoreStep, type Inst, stringSymbol } from '../ir.ts';
import { type BitRange, loadBits, refuseRelocation, relocatedUnit, storeBits } from './bitfield.ts';
import type { Lowering } from './context.ts';
import { lowerExpr, storeInit } from './expr.ts';

export interface Place {
  readonly base: Inst;
  /** Bytes after `base` (and after the relocated part, when there is one). */
  readonly offset: number;
  /** The relocated part: path and its byte offset at compile time. */
  readonly core: { readonly type: CType; readonly steps: readonly CoreStep[]; readonly offset: number } | null;
  /** `pointer[n]` with constant n: index and byte offset, in case a CO-RE path starts here. */
  readonly first: number;
  readonly type: CType;
  /** Known alignment of the address in bytes. */
  readonly align: number;
  readonly volatile: boolean;
  readonly bits: BitRange | null;
  /** The object is a variable of this program: its layout is ours, nothing to relocate. */
  readonly own: boolean;
}

export const lowBit = (n: number): number => (n === 0 ? 4096 : n & -n);

export function placeAt(base: Inst, type: CType, align = alignOf(type), own = false): Place {
  const volatile = qualifiersOf(type).volatile;
  return { base, offset: 0, core: null, first: 0, type, align, volatile, bits: null, own };
}

/** Where a variable lives. Automatic ones get their slot at first mention. */
export function variablePlace(lw: Lowering, decl: VarDecl | ParamDecl): Place {
  if (decl.kind === 'var' && decl.storage !== 'auto') {
    const align = Math.max(alignOf(decl.type), decl.attributes.aligned);
    return placeAt(lw.b.global({ kind: 'var', decl }), decl.type, align, decl.storage !== 'extern');
  }
  return placeAt(variableSlot(lw, decl), decl.type, slotAlign(decl.type, decl.attributes.aligned), true);
}

const slotAlign = (t: CType, aligned: number): number => {
  const size = sizeOf(t);
  return Math.max(alignOf(t), aligned, size >= 8 ? 8 : 1);
};

export function variableSlot(lw: Lowering, decl: VarDecl | ParamDecl): Inst {
  let slot = lw.slots.get(decl);
  if (slot === undefined) {
    slot = lw.b.alloca(
      Math.max(1, sizeOf(decl.type)),
      slotAlign(decl.type, decl.attributes.aligned),
      decl.name || '(temporary)',
    );
    lw.slots.set(decl, slot);
  }
  return slot;
}

/** Memory for an intermediate aggregate. */
export function temporary(lw: Lowering, type: CType, name = '(temporary)'): Place {
  const align = slotAlign(type, 0);
  const slot = lw.b.alloca(Math.max(1, sizeOf(type)), align, name);
  lw.b.start(slot);
  return placeAt(slot, type, align, true);
}

/** The address, with the CO-RE path applied. For a bitfield: of its record-relative byte. */
export function addressOf(lw: Lowering, p: Place): Inst {
  let a = p.base;
  if (p.core !== null) a = lw.b.fieldPtr(a, { type: p.core.type, steps: p.core.steps }, p.core.offset);
  return lw.b.ptrAdd(a, p.offset);
}

/** A place with no pending CO-RE path (its address is computed). */
export const settle = (lw: Lowering, p: Place): Place =>
  p.core === null ? p : { ...p, base: addressOf(lw, p), offset: 0, core: null };

export const shift = (p: Place, bytes: number, type: CType): Place => ({
  ...p,
  offset: p.offset + bytes,
  align: Math.min(p.align, lowBit(bytes)),
  type,
  bits: null,
});

export function lowerPlace(lw: Lowering, e: Expr): Place {
  switch (e.kind) {
    case 'var':
      return variablePlace(lw, e.decl);
    case 'string':
      return placeAt(lw.b.global(stringSymbol(e.bytes)), e.type, 1, true);
    case 'deref': {
      const pointer = peelAddress(e.pointer);
      if (pointer !== null) return { ...lowerPlace(lw, pointer), type: e.type };
      return pointerPlace(lw, e.pointer, e.type);
    }
    case 'member':
      return memberPlace(lw, e);
    case 'index':
      return indexPlace(lw, e);
    case 'preserveAccess': {
      const before = lw.preserve;
      lw.preserve = true;
      const p = lowerPlace(lw, e.operand);
      lw.preserve = before;
      return p;
    }
    case 'compoundLiteral': {
      const v = e.variable;
      if (v.storage === 'auto') lw.b.start(variableSlot(lw, v));
      const p = variablePlace(lw, v);
      if (v.storage === 'auto' && v.init !== null) storeInit(lw, p, v.init);
      return p;
    }
    case 'cast':
      if (e.cast === 'noop' || e.cast === 'bitcast') return { ...lowerPlace(lw, e.operand), type: e.type };
      break;
    case 'comma':
      lowerExpr(lw, e.left);
      return lowerPlace(lw, e.right);
    default:
      break;
  }
  // A record r-value (call, conditional, assignment, statement expression): it is in a temporary.
  const value = lowerExpr(lw, e);
  if (value === null) {
    lw.unsupported(e, 'this expression has no address', 'Store the value in a variable first.');
    return temporary(lw, e.type);
  }
  return placeAt(value, e.type, undefined, true);
}

/** `&x` behind representation-preserving casts that keep the pointee's type, so that `*&x` is `x`. */
function peelAddress(e: Expr): Expr | null {
  let p = e;
  while (p.kind === 'cast' && p.cast === 'noop') p = p.operand;
  return p.kind === 'address' && p.operand.kind !== 'function' ? p.operand : null;
}

function pointerPlace(lw: Lowering, pointer: Expr, type: CType): Place {
  const base = lowerExpr(lw, pointer)!;
  return placeAt(base, type, Math.max(alignOf(type), pointerAlign(base)));
}

/** What is known of an address's alignment from where it comes. */
export function pointerAlign(p: Inst): number {
  if (p.op === 'alloca') return p.align;
  if (p.op === 'global' && p.symbol?.kind === 'var')
    return Math.min(Math.max(alignOf(p.symbol.decl.type), p.symbol.decl.attributes.aligned), lowBit(p.offset));
  if (p.op === 'bin' && p.bin === 'add' && p.args[1].op === 'const')
    return Math.min(pointerAlign(p.args[0]), lowBit(Number(BigInt.asIntN(32, p.args[1].value))));
  return 1;
}

function memberPlace(lw: Lowering, e: Expr & { kind: 'member' }): Place {
  const base = lowerPlace(lw, e.base);
  const f = e.field;
  const byte = Math.floor(f.bitOffset / 8);
  const relocate = base.core !== null || ((e.preserve || lw.preserve) && (!base.own || lw.preserve));
  const volatile = base.volatile || qualifiersOf(f.type).volatile;
  // A bitfield's place is its record; `bits.offset` counts from there.
  const bits = f.bitSize > 0 ? { offset: f.bitOffset, size: f.bitSize, room: sizeOf(f.parent) } : null;
  const align = bits === null ? Math.min(base.align, lowBit(byte)) : base.align;
  const type = f.type;
  if (!relocate) {
    return { ...base, offset: base.offset + (bits === null ? byte : 0), type, align, volatile, bits, first: 0 };
  }
  let at = base;
  if (at.core === null) {
    let start: Place = at;
    let index = at.first;
    if (index === 0 && at.offset !== 0) {
      start = placeAt(addressOf(lw, at), at.type, at.align);
      index = 0;
    }
    at = {
      ...start,
      offset: 0,
      core: { type: recordSpelling(at.type, f.parent), steps: [{ kind: 'index', index }], offset: start.offset },
    };
  }
  const core = at.core!;
  const step: CoreStep = { kind: 'field', field: f };
  const unit = bits === null ? null : relocatedUnit(f.bitOffset, f.bitSize, sizeOf(f.type));
  if (bits !== null && unit === null && !lw.asksExistence) refuseRelocation(lw, e);
  const offset = core.offset + (unit === null ? byte : unit.byte);
  return {
    ...at,
    core: { ...core, steps: [...core.steps, step], offset },
    first: 0,
    type,
    align,
    volatile,
    bits: unit === null || bits === null ? null : { ...bits, offset: f.bitOffset - unit.byte * 8 },
  };
}

/** The spelling of the record behind a place's type; the field's own parent when the types do not match. */
function recordSpelling(t: CType, parent: RecordType): CType {
  if (strip(t) !== parent) return parent;
  // Qualifiers have no name: a relocation of a `const struct x` would be about an anonymous type.
  while (t.kind === 'qualified' || t.kind === 'tag') t = t.base;
  return t;
}

function indexPlace(lw: Lowering, e: Expr & { kind: 'index' }): Place {
  const size = sizeOf(e.type);
  const array = e.pointer.kind === 'cast' && e.pointer.cast === 'arrayDecay' ? e.pointer.operand : null;
  const constant = e.index.kind === 'int' ? Number(BigInt.asIntN(64, e.index.value)) : null;
  if (array !== null) {
    const base = lowerPlace(lw, array);
    if (constant !== null) {
      if (base.core !== null) {
        const core = base.core;
        return {
          ...base,
          type: e.type,
          align: Math.min(base.align, lowBit(constant * size)),
          core: {
            ...core,
            steps: [...core.steps, { kind: 'index', index: constant }],
            offset: core.offset + constant * size,
          },
        };
      }
      return { ...shift(base, constant * size, e.type), first: 0 };
    }
    const index = lowerExpr(lw, e.index)!;
    const settled = addressOf(lw, base);
    const address = lw.b.bin('add', settled, scaled(lw, index, size));
    return {
      ...placeAt(address, e.type, Math.min(base.align, lowBit(size)), base.own),
      volatile: base.volatile || qualifiersOf(e.type).volatile,
    };
  }
  const pointer = lowerExpr(lw, e.pointer)!;
  const align = Math.max(alignOf(e.type), Math.min(pointerAlign(pointer), lowBit(size)));
  if (constant !== null) return { ...placeAt(pointer, e.type, align), offset: constant * size, first: constant };
  const index = lowerExpr(lw, e.index)!;
  return placeAt(lw.b.bin('add', pointer, scaled(lw, index, size)), e.type, align);
}

/** A 64-bit element index in bytes. */
export function scaled(lw: Lowering, index: Inst, size: number): Inst {
  const wide = lw.b.cast('bitcast', 'i64', index);
  if (size === 1) return wide;
  if (size === 0) return lw.b.i64(0);
  if ((size & (size - 1)) === 0) return lw.b.bin('shl', wide, lw.b.i64(Math.log2(size)), true);
  return lw.b.bin('mul', wide, lw.b.i64(size), true);
}

/** Loads a scalar (also a bitfield) as its C value: extended as its type says. */
export function loadPlace(lw: Lowering, p: Place): Inst {
  if (p.bits !== null) return loadBits(lw, p, p.bits);
  const int = integerOf(p.type);
  const type = int === null ? 'ptr' : int.size === 8 ? 'i64' : 'i32';
  const size = int === null ? 8 : int.size;
  const raw = lw.b.load(type, addressOf(lw, p), size, p.volatile, p.align);
  return int !== null && int.signed && size < 4 ? lw.b.cast('sextin', 'i32', raw, size) : raw;
}

/** Stores a scalar; the result is the value as it reads back (bitfields truncate). */
export function storePlace(lw: Lowering, p: Place, value: Inst): Inst {
  if (p.bits === null) {
    const int = integerOf(p.type);
    lw.b.store(addressOf(lw, p), value, int === null ? 8 : int.size, p.volatile, p.align);
    return value;
  }
  return storeBits(lw, p, p.bits, value);
}
