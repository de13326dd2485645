/**
 * C types after checking. Types are immutable graphs with their sugar kept (typedefs, qualifiers, tags), because BTF
 * and CO-RE need the sugar; `strip()` gives the type that arithmetic and layout look at.
 * Data model: LP64 little-endian as clang's `bpf` target has it (`char` signed, `long` and pointers 64 bit,
 * `__int128` aligned to 16, bitfields in the System V manner).
 */

export interface VoidType {
  readonly kind: 'void';
}

export type IntName =
  | '_Bool'
  | 'char'
  | 'signed char'
  | 'unsigned char'
  | 'short'
  | 'unsigned short'
  | 'int'
  | 'unsigned int'
  | 'long'
  | 'unsigned long'
  | 'long long'
  | 'unsigned long long'
  | '__int128'
  | 'unsigned __int128';

export interface IntType {
  readonly kind: 'int';
  /** Canonical C spelling, also clang's BTF spelling but for `long int` and the like (codegen maps those). */
  readonly name: IntName;
  /** Bytes: 1, 2, 4, 8 or 16. */
  readonly size: number;
  readonly signed: boolean;
  /** Conversion rank of C11 6.3.1.1. */
  readonly rank: number;
}

/** Only layout and BTF of headers need it: arithmetic on it is a diagnostic (`c/float`). */
export interface FloatType {
  readonly kind: 'float';
  readonly name: 'float' | 'double' | 'long double';
  readonly size: number;
}

export interface PointerType {
  readonly kind: 'pointer';
  readonly pointee: CType;
}

export interface ArrayType {
  readonly kind: 'array';
  readonly element: CType;
  /** Null for `[]` (flexible or incomplete). */
  readonly count: number | null;
}

export interface FunctionParam {
  readonly name: string;
  readonly type: CType;
}

export interface FunctionType {
  readonly kind: 'function';
  readonly ret: CType;
  readonly params: readonly FunctionParam[];
  readonly variadic: boolean;
  /** False for `f()`: arguments unchecked. */
  readonly prototyped: boolean;
}

export interface Field {
  /** '' for an anonymous struct/union member or an unnamed bitfield (unnamed bitfields are not in `fields`). */
  readonly name: string;
  readonly type: CType;
  /** Where its name stands in C source (a `Loc`); absent for types of the kernel. */
  readonly nameLoc?: number;
  /** From the start of the record. */
  readonly bitOffset: number;
  /** 0 = not a bitfield. */
  readonly bitSize: number;
  /** Position among the record's fields: what a CO-RE access string counts (BTF member index). */
  readonly index: number;
  readonly parent: RecordType;
  readonly declTags: readonly string[];
}

/**
 * A struct or union. One object per definition: identity is type identity. `fields`, `size`, `align` and `complete`
 * are getters that, for a type of the kernel's BTF, read the definition at first use.
 */
export interface RecordType {
  readonly kind: 'record';
  readonly tag: 'struct' | 'union';
  /** '' when anonymous. */
  readonly name: string;
  /** Unique in a translation unit. */
  readonly id: number;
  readonly complete: boolean;
  readonly fields: readonly Field[];
  /** Bytes; 0 while incomplete. */
  readonly size: number;
  readonly align: number;
  /** Field accesses must get CO-RE relocations. */
  readonly preserveAccessIndex: boolean;
  /** From where the definition comes: C source, or the profile's BTF behind the virtual vmlinux.h. */
  readonly origin: 'source' | 'btf';
  /** Id in the profile's BTF, 0 when `origin` is 'source'. */
  readonly btfId: number;
  readonly declTags: readonly string[];
}

export interface Enumerator {
  readonly name: string;
  readonly value: bigint;
}

export interface EnumType {
  readonly kind: 'enum';
  readonly name: string;
  readonly id: number;
  readonly complete: boolean;
  /** The compatible integer type: `unsigned int` unless a value is negative or needs 64 bits (as clang does). */
  readonly underlying: IntType;
  readonly enumerators: readonly Enumerator[];
  readonly origin: 'source' | 'btf';
  readonly btfId: number;
  readonly preserveAccessIndex: boolean;
}

export interface TypedefType {
  readonly kind: 'typedef';
  readonly name: string;
  readonly target: CType;
  readonly preserveAccessIndex: boolean;
  readonly origin: 'source' | 'btf';
  readonly btfId: number;
  readonly declTags: readonly string[];
}

export interface QualifiedType {
  readonly kind: 'qualified';
  readonly base: CType;
  readonly const: boolean;
  readonly volatile: boolean;
  readonly restrict: boolean;
}

/** `__attribute__((btf_type_tag("x")))` applied to a pointee, as BTF's TYPE_TAG. */
export interface TypeTagType {
  readonly kind: 'tag';
  readonly tag: string;
  readonly base: CType;
}

/** The type of an expression that had an error: converts to anything silently. Never in a unit without errors. */
export interface ErrorType {
  readonly kind: 'error';
}

export type CType =
  | VoidType
  | IntType
  | FloatType
  | PointerType
  | ArrayType
  | FunctionType
  | RecordType
  | EnumType
  | TypedefType
  | QualifiedType
  | TypeTagType
  | ErrorType;

/** A type without sugar on top. */
export type BareType = Exclude<CType, TypedefType | QualifiedType | TypeTagType>;

export const VOID: VoidType = { kind: 'void' };
export const ERROR: ErrorType = { kind: 'error' };

const int = (name: IntName, size: number, signed: boolean, rank: number): IntType => ({
  kind: 'int',
  name,
  size,
  signed,
  rank,
});

export const BOOL = int('_Bool', 1, false, 0);
export const CHAR = int('char', 1, true, 1);
export const SCHAR = int('signed char', 1, true, 1);
export const UCHAR = int('unsigned char', 1, false, 1);
export const SHORT = int('short', 2, true, 2);
export const USHORT = int('unsigned short', 2, false, 2);
export const INT = int('int', 4, true, 3);
export const UINT = int('unsigned int', 4, false, 3);
export const LONG = int('long', 8, true, 4);
export const ULONG = int('unsigned long', 8, false, 4);
export const LLONG = int('long long', 8, true, 5);
export const ULLONG = int('unsigned long long', 8, false, 5);
export const INT128 = int('__int128', 16, true, 6);
export const UINT128 = int('unsigned __int128', 16, false, 6);
export const FLOAT: FloatType = { kind: 'float', name: 'float', size: 4 };
export const DOUBLE: FloatType = { kind: 'float', name: 'double', size: 8 };
export const LONG_DOUBLE: FloatType = { kind: 'float', name: 'long double', size: 8 };

export const pointerTo = (pointee: CType): PointerType => ({ kind: 'pointer', pointee });
export const arrayOf = (element: CType, count: number | null): ArrayType => ({ kind: 'array', element, count });

/** Peels typedefs, qualifiers and tags off the top. */
export function strip(t: CType): BareType {
  while (t.kind === 'typedef' || t.kind === 'qualified' || t.kind === 'tag')
    t = t.kind === 'typedef' ? t.target : t.base;
  return t;
}

export interface Qualifiers {
  readonly const: boolean;
  readonly volatile: boolean;
  readonly restrict: boolean;
}

const NO_QUALIFIERS: Qualifiers = { const: false, volatile: false, restrict: false };

/** All qualifiers on the top level, typedefs seen through; an array has those of its elements. */
export function qualifiersOf(t: CType): Qualifiers {
  let q = NO_QUALIFIERS;
  for (;;) {
    if (t.kind === 'qualified') {
      q = { const: q.const || t.const, volatile: q.volatile || t.volatile, restrict: q.restrict || t.restrict };
      t = t.base;
    } else if (t.kind === 'typedef') t = t.target;
    else if (t.kind === 'tag') t = t.base;
    else if (t.kind === 'array') t = t.element;
    else return q;
  }
}

/** Adds qualifiers; a no-op when there is nothing to add. */
export function qualify(t: CType, q: Partial<Qualifiers>): CType {
  const c = q.const === true;
  const v = q.volatile === true;
  const r = q.restrict === true;
  if (!c && !v && !r) return t;
  if (t.kind === 'array') return { kind: 'array', element: qualify(t.element, q), count: t.count };
  if (t.kind === 'qualified') {
    if ((t.const || !c) && (t.volatile || !v) && (t.restrict || !r)) return t;
    return {
      kind: 'qualified',
      base: t.base,
      const: t.const || c,
      volatile: t.volatile || v,
      restrict: t.restrict || r,
    };
  }
  return { kind: 'qualified', base: t, const: c, volatile: v, restrict: r };
}

/** The type of an r-value: qualifiers on top are dropped, the typedef name under them is kept. */
export function unqualified(t: CType): CType {
  while (t.kind === 'qualified' || t.kind === 'tag') t = t.base;
  if (t.kind === 'typedef' && hasQualifiers(qualifiersOf(t)) && strip(t).kind !== 'array') return unqualified(t.target);
  return t;
}

/** A type without its own qualifiers. Those within a typedef stay: CO-RE knows types by their names. */
export function asNamed(t: CType): CType {
  while (t.kind === 'qualified' || t.kind === 'tag') t = t.base;
  return t;
}

const hasQualifiers = (q: Qualifiers): boolean => q.const || q.volatile || q.restrict;

/** Bytes of an object of the type; 0 for void, functions and incomplete types (GNU C says 1 for the first two: see `sizeofValue`). */
export function sizeOf(t: CType): number {
  const b = strip(t);
  switch (b.kind) {
    case 'int':
    case 'float':
      return b.size;
    case 'pointer':
      return 8;
    case 'array':
      return (b.count ?? 0) * sizeOf(b.element);
    case 'record':
      return b.size;
    case 'enum':
      return b.underlying.size;
    default:
      return 0;
  }
}

/** Alignment in bytes (1 when unknown). */
export function alignOf(t: CType): number {
  const b = strip(t);
  switch (b.kind) {
    case 'int':
    case 'float':
      return b.size;
    case 'pointer':
      return 8;
    case 'array':
      return alignOf(b.element);
    case 'record':
      return Math.max(1, b.align);
    case 'enum':
      return b.underlying.size;
    default:
      return 1;
  }
}

/** What `sizeof` evaluates to: GNU C gives 1 for void and functions. */
export function sizeofValue(t: CType): number {
  const b = strip(t);
  return b.kind === 'void' || b.kind === 'function' ? 1 : sizeOf(b);
}

export function isComplete(t: CType): boolean {
  const b = strip(t);
  switch (b.kind) {
    case 'void':
    case 'function':
      return false;
    case 'array':
      return b.count !== null && isComplete(b.element);
    case 'record':
    case 'enum':
      return b.complete;
    default:
      return true;
  }
}

/** Integer types incl. enums and bool. */
export const isInteger = (t: CType): boolean => {
  const k = strip(t).kind;
  return k === 'int' || k === 'enum';
};
export const isPointer = (t: CType): boolean => strip(t).kind === 'pointer';
export const isScalar = (t: CType): boolean => {
  const k = strip(t).kind;
  return k === 'int' || k === 'enum' || k === 'pointer' || k === 'float';
};
export const isVoid = (t: CType): boolean => strip(t).kind === 'void';
export const isRecord = (t: CType): boolean => strip(t).kind === 'record';
export const isError = (t: CType): boolean => t.kind === 'error' || strip(t).kind === 'error';

/** The integer type that a value of an integer or enum type has; null for other types. */
export function integerOf(t: CType): IntType | null {
  const b = strip(t);
  return b.kind === 'int' ? b : b.kind === 'enum' ? b.underlying : null;
}

export const isBool = (t: CType): boolean => {
  const b = strip(t);
  return b.kind === 'int' && b.rank === 0;
};

/** Wraps a mathematical value into an integer type (C conversion; `_Bool` is value != 0). */
export function wrapTo(t: IntType, v: bigint): bigint {
  if (t.rank === 0) return v === 0n ? 0n : 1n;
  return t.signed ? BigInt.asIntN(t.size * 8, v) : BigInt.asUintN(t.size * 8, v);
}
