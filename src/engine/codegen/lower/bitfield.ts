/** Bit-fields: which memory holds one, and how it is read and written there. */
import { integerOf, type Node, sizeOf } from '../../c/index.ts';
import type { Inst } from '../ir.ts';
import type { Lowering } from './context.ts';
import { addressOf, lowBit, type Place } from './place.ts';

/** Where the bits of a field lie, counted from the place's address. */
export interface BitRange {
  readonly offset: number;
  readonly size: number;
  /** Bytes from that address that belong to the record: nothing behind them may be touched. */
  readonly room: number;
}

interface Unit {
  readonly byte: number;
  readonly size: 1 | 2 | 4 | 8;
}

/** A part of a field that lies in one load unit: its position there, its size, and which of the field's bits it begins with. */
interface Piece extends Unit {
  readonly shift: number;
  readonly bits: number;
  readonly from: number;
}

const SIZES = [1, 2, 4, 8] as const;

/**
 * The unit of a relocated bit-field: the declared type's aligned unit that holds it, or the next larger one, as libbpf
 * computes them for the running kernel. Null when no 64-bit unit holds it (packed records only): libbpf refuses that.
 */
export function relocatedUnit(bitOffset: number, bitSize: number, declared: number): Unit | null {
  for (const size of SIZES) {
    if (size < declared) continue;
    const byte = Math.floor(bitOffset / (size * 8)) * size;
    if (bitOffset + bitSize <= (byte + size) * 8) return { byte, size };
  }
  return null;
}

/** Reports a bit-field that no relocation can describe; clang's back end gives up on it too. */
export function refuseRelocation(lw: Lowering, node: Node): void {
  lw.cx.error(
    node,
    'codegen/core-bitfield',
    'this bit-field lies across a 64-bit boundary and cannot be relocated for another kernel',
    'CO-RE reads a bit-field with one aligned load of at most 8 bytes. Read the bytes of the record with bpf_probe_read_kernel(), or take preserve_access_index off a record whose layout is your own.',
  );
}

/** The fewest aligned units inside the record that hold all bits. Only packed fields need more than one. */
export function bitPieces(range: BitRange): Piece[] {
  const out: Piece[] = [];
  const end = range.offset + range.size;
  for (let at = range.offset; at < end;) {
    let best: Piece | null = null;
    for (const size of SIZES) {
      const byte = Math.floor(at / (size * 8)) * size;
      if (byte + size > range.room && size > 1) continue;
      const bits = Math.min(end, (byte + size) * 8) - at;
      if (best === null || bits > best.bits) best = { byte, size, shift: at - byte * 8, bits, from: at - range.offset };
    }
    out.push(best!);
    at += best!.bits;
  }
  return out;
}

interface Access {
  readonly base: Inst;
  readonly pieces: readonly Piece[];
  readonly align: (p: Piece) => number;
}

function accessOf(lw: Lowering, p: Place, bits: BitRange): Access {
  const base = addressOf(lw, p);
  if (p.core === null)
    return { base, pieces: bitPieces(bits), align: (u) => Math.min(p.align, lowBit(u.byte), u.size) };
  // The relocated offset is that of the unit itself. Without one the place was refused already: any code will do.
  const unit = relocatedUnit(bits.offset, bits.size, sizeOf(p.type)) ?? { byte: 0, size: 8 };
  const piece: Piece = { byte: 0, size: unit.size, shift: bits.offset, bits: bits.size, from: 0 };
  return { base, pieces: [piece], align: (u) => u.size };
}

type Word = 'i32' | 'i64';

/** A value in another width; what is new is zero. */
function resize(lw: Lowering, v: Inst, type: Word): Inst {
  if (v.type === type) return v;
  return lw.b.cast(type === 'i64' ? 'zext' : 'trunc', type, v);
}

const ones = (bits: number): bigint => (1n << BigInt(bits)) - 1n;

/** The bits of a piece at the low end of its unit's word, zero- or sign-extended. */
function extract(lw: Lowering, raw: Inst, type: Word, piece: Piece, signed: boolean): Inst {
  const { b } = lw;
  const width = type === 'i64' ? 64 : 32;
  if (signed) {
    const up = b.bin('shl', raw, b.constant(type, width - piece.bits - piece.shift));
    return b.bin('ashr', up, b.constant(type, width - piece.bits));
  }
  const down = b.bin('lshr', raw, b.constant(type, piece.shift));
  return piece.shift + piece.bits < piece.size * 8 ? b.bin('and', down, b.constant(type, ones(piece.bits))) : down;
}

export function loadBits(lw: Lowering, p: Place, bits: BitRange): Inst {
  const { b } = lw;
  const access = accessOf(lw, p, bits);
  const int = integerOf(p.type)!;
  const load = (piece: Piece, type: Word): Inst =>
    b.load(type, b.ptrAdd(access.base, piece.byte), piece.size, p.volatile, access.align(piece));
  let v: Inst;
  if (access.pieces.length === 1) {
    const [piece] = access.pieces;
    const type = piece.size === 8 ? 'i64' : 'i32';
    v = extract(lw, load(piece, type), type, piece, int.signed);
  } else {
    const type = bits.size > 32 ? 'i64' : 'i32';
    const width = type === 'i64' ? 64 : 32;
    const parts = access.pieces.map((piece) => {
      const own = piece.size === 8 ? 'i64' : 'i32';
      const part = resize(lw, extract(lw, load(piece, own), own, piece, false), type);
      return b.bin('shl', part, b.constant(type, piece.from));
    });
    v = parts.reduce((all, part) => b.bin('or', all, part));
    const spare = b.constant(type, width - bits.size);
    if (int.signed) v = b.bin('ashr', b.bin('shl', v, spare), spare);
  }
  if (int.size === 8 && v.type === 'i32') return b.cast(int.signed ? 'sext' : 'zext', 'i64', v);
  return int.size < 8 && v.type === 'i64' ? b.cast('trunc', 'i32', v) : v;
}

/** The result is the value as it reads back: cut to the field. */
export function storeBits(lw: Lowering, p: Place, bits: BitRange, value: Inst): Inst {
  const { b } = lw;
  const access = accessOf(lw, p, bits);
  for (const piece of access.pieces) {
    const type = piece.size === 8 ? 'i64' : 'i32';
    const address = b.ptrAdd(access.base, piece.byte);
    const align = access.align(piece);
    const source = b.bin('lshr', value, b.constant(value.type as Word, piece.from));
    let v = resize(lw, source, type);
    if (piece.bits < piece.size * 8) {
      const mask = ones(piece.bits);
      const old = b.load(type, address, piece.size, p.volatile, align);
      const kept = b.bin('and', old, b.constant(type, ~(mask << BigInt(piece.shift))));
      const put = b.bin('shl', b.bin('and', v, b.constant(type, mask)), b.constant(type, piece.shift));
      v = b.bin('or', kept, put);
    }
    b.store(address, v, piece.size, p.volatile, align);
  }
  const int = integerOf(p.type);
  if (int === null) return value;
  const [width, type]: [number, Word] = int.size === 8 ? [64, 'i64'] : [32, 'i32'];
  if (bits.size === width) return value;
  if (!int.signed) return b.bin('and', value, b.constant(type, ones(bits.size)));
  const amount = b.constant(type, width - bits.size);
  return b.bin('ashr', b.bin('shl', value, amount), amount);
}
