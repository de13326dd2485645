/**
 * The virtual vmlinux.h: names of the profile's BTF turned into C types when a program uses them. A record's members
 * are decoded when something looks into it, so that a file using three structs costs three structs.
 */
import type { Btf, BtfType } from '../bpf/index.ts';
import { enumeratorType, type EnumeratorSymbol, type TypedefSymbol } from './symbols.ts';
import {
  alignOf, arrayOf, BOOL, CHAR, DOUBLE, FLOAT, INT, INT128, LLONG, LONG, pointerTo, qualify, SCHAR, SHORT, UCHAR, UINT,
  UINT128, ULLONG, ULONG, USHORT, VOID, type CType, type EnumType, type Enumerator, type Field, type FloatType,
  type IntType, type RecordType, type TypedefType,
} from './types.ts'; // prettier-ignore

/** Ids of kernel types start here, so that they never meet those of C source. */
const ID_BASE = 1_000_000_000;

class KernelRecord implements RecordType {
  readonly kind = 'record';
  readonly id: number;
  readonly preserveAccessIndex = true;
  readonly origin = 'btf';
  readonly declTags: readonly string[] = [];
  #fields: readonly Field[] | null = null;
  #align = 0;
  readonly tag: 'struct' | 'union';
  readonly name: string;
  readonly btfId: number;
  readonly complete: boolean;
  readonly #types: KernelTypes;

  constructor(types: KernelTypes, tag: 'struct' | 'union', name: string, btfId: number, complete: boolean) {
    this.#types = types;
    this.tag = tag;
    this.name = name;
    this.btfId = btfId;
    this.complete = complete;
    this.id = ID_BASE + btfId;
  }

  get size(): number {
    return this.complete ? (this.#types.btf.sizeOf(this.btfId) ?? 0) : 0;
  }

  get fields(): readonly Field[] {
    if (this.#fields !== null) return this.#fields;
    const t = this.#types.btf.type(this.btfId);
    if (!this.complete || (t.kind !== 'struct' && t.kind !== 'union')) return (this.#fields = []);
    const fields: Field[] = [];
    this.#fields = fields;
    t.members.forEach((m, index) => {
      fields.push({
        name: m.name,
        type: this.#types.typeOf(m.type),
        bitOffset: m.bitOffset,
        bitSize: m.bitSize,
        index,
        parent: this,
        declTags: [],
      });
    });
    return fields;
  }

  get align(): number {
    if (this.#align === 0) {
      this.#align = 1; // against cycles in damaged BTF
      let align = 1;
      for (const f of this.fields) {
        const a = alignOf(f.type);
        // A member off its alignment: the struct is packed.
        if (f.bitSize === 0 && (f.bitOffset / 8) % a !== 0) return this.#align;
        align = Math.max(align, a);
      }
      if (this.size % align === 0) this.#align = align;
    }
    return this.#align;
  }
}

class KernelEnum implements EnumType {
  readonly kind = 'enum';
  readonly complete = true;
  readonly origin = 'btf';
  readonly preserveAccessIndex = true;
  readonly id: number;
  readonly name: string;
  readonly btfId: number;
  readonly underlying: IntType;
  readonly enumerators: readonly Enumerator[];

  constructor(t: Extract<BtfType, { kind: 'enum' | 'enum64' }>) {
    this.name = t.name;
    this.btfId = t.id;
    this.id = ID_BASE + t.id;
    this.enumerators = t.values;
    const negative = t.values.some((v) => v.value < 0n);
    this.underlying =
      t.size === 8 ? (negative ? LONG : ULONG)
      : t.size === 1 ? (negative ? SCHAR : UCHAR)
      : t.size === 2 ? (negative ? SHORT : USHORT)
      : negative ? INT : UINT; // prettier-ignore
  }
}

export class KernelTypes {
  readonly btf: Btf;
  readonly #types: Map<number, CType>;
  readonly #symbols: Map<string, TypedefSymbol | EnumeratorSymbol | undefined>;
  readonly #tags: Map<string, RecordType | EnumType | undefined>;
  /** What the kernel calls the type that goes by a name here; null: nothing goes by it. */
  readonly #renamed: ReadonlyMap<string, string | null>;

  /** @param from whose types and symbols to share */
  constructor(btf: Btf, from?: KernelTypes, renamed: ReadonlyMap<string, string | null> = new Map()) {
    this.btf = btf;
    this.#types = from === undefined ? new Map() : from.#types;
    this.#symbols = from === undefined ? new Map() : from.#symbols;
    this.#tags = from === undefined ? new Map() : from.#tags;
    this.#renamed = renamed;
  }

  /**
   * The same types as a header in which macros stand for some of their names: `#define btf_ptr btf_ptr___not_used` before
   * the `#include` makes room for a `struct btf_ptr` of one's own.
   *
   * @param macros name to what it is replaced by
   */
  renamed(macros: ReadonlyMap<string, string>): KernelTypes {
    if (macros.size === 0) return this;
    const renamed = new Map<string, string | null>([...macros.keys()].map((from) => [from, null]));
    for (const [from, to] of macros) if (renamed.get(to) !== null) renamed.set(to, from);
    return new KernelTypes(this.btf, this, renamed);
  }

  typedef(name: string): TypedefType | null {
    const id = this.btf.find(name, 'typedef');
    if (id === 0) return null;
    const t = this.typeOf(id);
    return t.kind === 'typedef' ? t : null;
  }

  enumerator(name: string): { readonly enum: EnumType; readonly value: bigint } | null {
    const found = this.btf.findEnumerator(name);
    if (found === undefined) return null;
    const t = this.typeOf(found.enumId);
    return t.kind === 'enum' ? { enum: t, value: found.value } : null;
  }

  record(tag: 'struct' | 'union', name: string): RecordType | null {
    const id = this.btf.find(name, tag);
    if (id !== 0) return this.typeOf(id) as RecordType;
    const fwd = this.btf.find(name, 'fwd');
    if (fwd === 0) return null;
    const t = this.typeOf(fwd);
    return t.kind === 'record' && t.tag === tag ? t : null;
  }

  enum(name: string): EnumType | null {
    const id = this.btf.find(name, 'enum') || this.btf.find(name, 'enum64');
    return id === 0 ? null : (this.typeOf(id) as EnumType);
  }

  /** What the kernel calls what goes by the name here; null: nothing does. */
  #kernelName(name: string): string | null {
    const known = this.#renamed.get(name);
    return known === undefined ? name : known;
  }

  /** The typedef or enumerator of that name: always the same object. */
  symbol(name: string): TypedefSymbol | EnumeratorSymbol | undefined {
    const known = this.#kernelName(name);
    if (known === null) return undefined;
    if (!this.#symbols.has(known)) this.#symbols.set(known, this.#makeSymbol(known));
    return this.#symbols.get(known);
  }

  #makeSymbol(name: string): TypedefSymbol | EnumeratorSymbol | undefined {
    const type = this.typedef(name);
    if (type !== null) return { kind: 'typedef', type, nameLoc: 0 };
    const e = this.enumerator(name);
    if (e === null) return undefined;
    return {
      kind: 'enumerator',
      name,
      value: e.value,
      type: enumeratorType(e.enum, e.value),
      enum: e.enum,
      nameLoc: 0,
    };
  }

  /** The struct, union or enum of that name. */
  tag(name: string): RecordType | EnumType | undefined {
    const known = this.#kernelName(name);
    if (known === null) return undefined;
    if (!this.#tags.has(known))
      this.#tags.set(
        known,
        this.record('struct', known) ?? this.record('union', known) ?? this.enum(known) ?? undefined,
      );
    return this.#tags.get(known);
  }

  /** The C type of a BTF type. Only records are lazy: every cycle of C types goes through one. */
  typeOf(id: number, depth = 0): CType {
    if (id === 0 || depth > 60) return VOID;
    const known = this.#types.get(id);
    if (known !== undefined) return known;
    const made = this.#make(id, depth + 1);
    this.#types.set(id, made);
    return made;
  }

  #make(id: number, depth: number): CType {
    const t = this.btf.type(id);
    switch (t.kind) {
      case 'int':
        return intType(t);
      case 'float':
        return t.size === 4
          ? FLOAT
          : t.size === 8
            ? DOUBLE
            : ({ kind: 'float', name: 'long double', size: t.size } as FloatType);
      case 'ptr':
        return pointerTo(this.typeOf(t.type, depth));
      case 'const':
      case 'volatile':
      case 'restrict':
        return qualify(this.typeOf(t.type, depth), { [t.kind]: true });
      // The kernel's own tags (`rcu`, `user`) say nothing to a program's local types.
      case 'type_tag':
        return this.typeOf(t.type, depth);
      case 'typedef':
        return {
          kind: 'typedef',
          name: t.name,
          target: this.typeOf(t.type, depth),
          preserveAccessIndex: false,
          origin: 'btf',
          btfId: id,
          declTags: [],
        };
      case 'array':
        return arrayOf(this.typeOf(t.type, depth), t.count);
      case 'struct':
      case 'union':
        return new KernelRecord(this, t.kind, t.name, id, true);
      case 'fwd': {
        const tag = t.union ? 'union' : 'struct';
        const full = this.btf.find(t.name, tag);
        return full !== 0 ? this.typeOf(full, depth) : new KernelRecord(this, tag, t.name, id, false);
      }
      case 'enum':
      case 'enum64':
        return new KernelEnum(t);
      case 'func_proto': {
        const params = t.params.map((p) => ({ name: p.name, type: this.typeOf(p.type, depth) }));
        return { kind: 'function', ret: this.typeOf(t.ret, depth), params, variadic: t.variadic, prototyped: true };
      }
      default:
        return VOID;
    }
  }
}

function intType(t: Extract<BtfType, { kind: 'int' }>): IntType {
  if (t.bool || t.name === '_Bool' || t.name === 'bool') return BOOL;
  switch (t.size) {
    case 1:
      return t.name === 'char' ? CHAR : t.signed ? SCHAR : UCHAR;
    case 2:
      return t.signed ? SHORT : USHORT;
    case 4:
      return t.signed ? INT : UINT;
    case 16:
      return t.signed ? INT128 : UINT128;
    default:
      return t.name.includes('long long') ? (t.signed ? LLONG : ULLONG) : t.signed ? LONG : ULONG;
  }
}
