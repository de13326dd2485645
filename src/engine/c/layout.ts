/**
 * Struct and union layout as clang's generic System V record layout does it (the `bpf` target), and the record and enum
 * types that C source defines.
 */
import type { Loc } from './ast.ts';
import {
  alignOf,
  sizeOf,
  UINT,
  type CType,
  type EnumType,
  type Enumerator,
  type Field,
  type IntType,
  type RecordType,
} from './types.ts';

/** What the braces of a struct or union say. */
interface RecordDefinition {
  complete: boolean;
  fields: readonly Field[];
  size: number;
  align: number;
  preserveAccessIndex: boolean;
  declTags: readonly string[];
}

export class SourceRecord implements RecordType {
  readonly kind = 'record';
  readonly tag: 'struct' | 'union';
  readonly name: string;
  readonly id: number;
  /** Being defined right now. */
  open = false;
  readonly origin = 'source';
  readonly btfId = 0;
  loc: Loc;
  /** Reads the definition, which waits until something looks into it (see deferred.ts). */
  later: (() => void) | null = null;
  readonly #definition: RecordDefinition = {
    complete: false,
    fields: [],
    size: 0,
    align: 1,
    preserveAccessIndex: false,
    declTags: [],
  };

  get #read(): RecordDefinition {
    const { later } = this;
    if (later !== null) {
      this.later = null;
      later();
    }
    return this.#definition;
  }

  get complete(): boolean {
    return this.#read.complete;
  }

  get fields(): readonly Field[] {
    return this.#read.fields;
  }

  get size(): number {
    return this.#read.size;
  }

  get align(): number {
    return this.#read.align;
  }

  get preserveAccessIndex(): boolean {
    return this.#read.preserveAccessIndex;
  }

  set preserveAccessIndex(preserve: boolean) {
    this.#read.preserveAccessIndex = preserve;
  }

  get declTags(): readonly string[] {
    return this.#read.declTags;
  }

  set declTags(tags: readonly string[]) {
    this.#read.declTags = tags;
  }

  define(fields: readonly Field[], size: number, align: number): void {
    Object.assign(this.#definition, { complete: true, fields, size, align });
  }

  constructor(tag: 'struct' | 'union', name: string, id: number, loc: Loc) {
    this.tag = tag;
    this.name = name;
    this.id = id;
    this.loc = loc;
  }
}

export class SourceEnum implements EnumType {
  readonly kind = 'enum';
  readonly name: string;
  readonly id: number;
  complete = false;
  underlying: IntType = UINT;
  enumerators: Enumerator[] = [];
  readonly origin = 'source';
  readonly btfId = 0;
  preserveAccessIndex = false;
  loc: Loc;
  constructor(name: string, id: number, loc: Loc) {
    this.name = name;
    this.id = id;
    this.loc = loc;
  }
}

export interface FieldInput {
  readonly name: string;
  readonly type: CType;
  /** -1 = not a bitfield; 0 only for unnamed ones. */
  readonly width: number;
  readonly packed: boolean;
  /** Bytes, 0 = none. */
  readonly aligned: number;
  readonly declTags: readonly string[];
  /** Where its name stands. */
  readonly nameLoc?: number;
}

const roundUp = (n: number, to: number): number => Math.ceil(n / to) * to;

/**
 * The boundary, in bits, that a bit-field moves to when its type's storage unit does not hold it: packed ones need none.
 * `#pragma pack` limits it (and, as in clang, takes a packed field for an unpacked one).
 */
function bitAlignment(f: FieldInput, tight: boolean, pack: number): number {
  const natural = Math.max(alignOf(f.type), f.aligned) * 8;
  if (pack > 0) return Math.min(natural, pack * 8);
  return tight ? Math.max(1, f.aligned * 8) : natural;
}

/** Places the fields and completes the record. `pack`: limit of `#pragma pack`, 0 = none. */
export function layOut(
  record: SourceRecord,
  inputs: readonly FieldInput[],
  packed: boolean,
  aligned: number,
  pack: number,
): void {
  let bits = 0;
  let size = 0;
  let align = 1;
  const fields: Field[] = [];
  for (const f of inputs) {
    if (record.tag === 'union') bits = 0;
    const tight = f.packed || packed;
    const natural = alignOf(f.type);
    let offset: number;
    if (f.width >= 0) {
      const a = bitAlignment(f, tight, pack);
      const fits = (bits % a) + f.width <= sizeOf(f.type) * 8;
      if (f.width === 0) bits = roundUp(bits, Math.max(natural, f.aligned) * 8);
      else if (pack === 0 && !fits) bits = roundUp(bits, a);
      else if (f.aligned > 0 && (pack === 0 || f.aligned <= pack)) bits = roundUp(bits, f.aligned * 8);
      offset = bits;
      bits += f.width;
      if (f.name !== '') align = Math.max(align, Math.ceil(a / 8));
    } else {
      let a = Math.max(tight ? 1 : natural, f.aligned);
      if (pack > 0) a = Math.min(a, pack);
      offset = roundUp(bits, a * 8);
      bits = offset + sizeOf(f.type) * 8;
      align = Math.max(align, a);
    }
    size = Math.max(size, bits);
    if (f.width < 0 || f.name !== '') {
      fields.push({
        name: f.name,
        type: f.type,
        bitOffset: offset,
        bitSize: f.width < 0 ? 0 : f.width,
        index: fields.length,
        parent: record,
        declTags: f.declTags,
        nameLoc: f.nameLoc ?? 0,
      });
    }
  }
  const whole = Math.max(align, aligned);
  record.define(fields, roundUp(Math.ceil(size / 8), whole), whole);
}

/** Finds a member by name through anonymous members; the path to it, outermost first. */
export function findField(record: RecordType, name: string, stripType: (t: CType) => CType): Field[] | null {
  for (const f of record.fields) if (f.name === name) return [f];
  for (const f of record.fields) {
    if (f.name !== '') continue;
    const t = stripType(f.type);
    if (t.kind !== 'record') continue;
    const rest = findField(t, name, stripType);
    if (rest !== null) return [f, ...rest];
  }
  return null;
}

/** Every member name that `.` could reach, for suggestions. */
export function fieldNames(record: RecordType, stripType: (t: CType) => CType): string[] {
  return record.fields.flatMap((f) => {
    if (f.name !== '') return [f.name];
    const t = stripType(f.type);
    return t.kind === 'record' ? fieldNames(t, stripType) : [];
  });
}
