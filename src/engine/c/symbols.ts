/** Names that stand for types and constants. */
import type { Loc } from './ast.ts';
import { INT, type CType, type EnumType, type TypedefType } from './types.ts';

export interface TypedefSymbol {
  readonly kind: 'typedef';
  readonly type: TypedefType;
  readonly nameLoc: Loc;
}

export interface EnumeratorSymbol {
  readonly kind: 'enumerator';
  readonly name: string;
  readonly value: bigint;
  readonly type: CType;
  readonly enum: EnumType;
  readonly nameLoc: Loc;
}

/** In C an enumerator is an `int` when it fits, else it has the type of its enum. */
export const enumeratorType = (e: EnumType, value: bigint): CType =>
  value >= -0x8000_0000n && value <= 0x7fff_ffffn ? INT : e.underlying;
