/** The BTF encoding: numbers and record sizes (Documentation/bpf/btf.rst of the kernel). */
import type { BtfKindName } from './btf-types.ts';

export const BTF_MAGIC = 0xeb9f;
export const BTF_VERSION = 1;
export const BTF_HEADER_SIZE = 24;
/** Bytes before the kind-specific part of a type record. */
export const BTF_TYPE_SIZE = 12;
/** The kernel's BTF_MAX_TYPE and BTF_MAX_NAME_OFFSET: larger blobs are refused there, and here. */
export const BTF_MAX_TYPE = 0x000fffff;
export const BTF_MAX_NAME_OFFSET = 0x00ffffff;

/** Kind number → name, in the order of the format. */
export const BTF_KIND_NAMES: readonly BtfKindName[] = [
  'void',
  'int',
  'ptr',
  'array',
  'struct',
  'union',
  'enum',
  'fwd',
  'typedef',
  'volatile',
  'const',
  'restrict',
  'func',
  'func_proto',
  'var',
  'datasec',
  'float',
  'decl_tag',
  'type_tag',
  'enum64',
];

/** Kind name → number. */
export const BTF_KIND: Readonly<Record<BtfKindName, number>> = Object.fromEntries(
  BTF_KIND_NAMES.map((name, i) => [name, i]),
) as Record<BtfKindName, number>;

export const BTF_INT_SIGNED = 1;
export const BTF_INT_CHAR = 2;
export const BTF_INT_BOOL = 4;

export const BTF_LINKAGES = ['static', 'global', 'extern'] as const;

/** Bytes that follow the 12-byte record: a fixed part plus a part for each of `vlen`. */
const FIXED: readonly number[] = [0, 4, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 4, 0, 0];
const PER_ITEM: readonly number[] = [0, 0, 0, 0, 12, 12, 8, 0, 0, 0, 0, 0, 0, 8, 0, 12, 0, 0, 0, 12];

/** Size of a whole type record, or 0 for a kind number that is not BTF. */
export function btfRecordSize(kind: number, vlen: number): number {
  if (kind < 1 || kind >= FIXED.length) return 0;
  return BTF_TYPE_SIZE + FIXED[kind] + PER_ITEM[kind] * vlen;
}
