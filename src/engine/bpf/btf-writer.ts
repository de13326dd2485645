/** Builds a BTF blob. Types get their ids as they are added; struct members and references may be filled in later. */
import { assert } from '../../base/index.ts';
import {
  BTF_HEADER_SIZE,
  BTF_INT_BOOL,
  BTF_INT_CHAR,
  BTF_INT_SIGNED,
  BTF_KIND,
  BTF_LINKAGES,
  BTF_MAGIC,
  BTF_VERSION,
  btfRecordSize,
} from './btf-format.ts';
import { utf8Encode } from './btf-index.ts';
import type { BtfKindName } from './btf-types.ts';

/** A string section with each string stored once. Offset 0 is the empty string. */
export class StringTable {
  readonly #offsets = new Map<string, number>([['', 0]]);
  #bytes = new Uint8Array(4096);
  #size = 1;

  get size(): number {
    return this.#size;
  }

  add(text: string): number {
    let offset = this.#offsets.get(text);
    if (offset === undefined) {
      assert(!text.includes('\0'), 'a string for a string table has a NUL');
      offset = this.#size;
      this.#offsets.set(text, offset);
      this.#write(text);
    }
    return offset;
  }

  /** Behind what is there, with its NUL. */
  #write(text: string): void {
    // UTF-8 has at most three bytes for what is one unit in a string.
    const room = this.#size + 3 * text.length + 1;
    if (room > this.#bytes.length) {
      const more = new Uint8Array(2 * room);
      more.set(this.#bytes);
      this.#bytes = more;
    }
    const bytes = this.#bytes;
    let p = this.#size;
    for (let i = 0; i < text.length; i++) {
      const c = text.charCodeAt(i);
      if (c >= 0x80) {
        const encoded = utf8Encode(text);
        bytes.set(encoded, this.#size);
        p = this.#size + encoded.length;
        break;
      }
      bytes[p++] = c;
    }
    bytes[p++] = 0;
    this.#size = p;
  }

  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#size);
  }
}

export interface BtfMemberInput {
  readonly name: string;
  readonly type: number;
  readonly bitOffset: number;
  /** 0 or absent = not a bitfield. */
  readonly bitSize?: number;
}

export interface BtfEnumeratorInput {
  readonly name: string;
  readonly value: bigint | number;
}

export interface BtfParamInput {
  readonly name: string;
  readonly type: number;
}

type Linkage = (typeof BTF_LINKAGES)[number];

interface Entry {
  readonly kind: BtfKindName;
  readonly name: number;
  flag: boolean;
  /** vlen, or the linkage of a function. */
  vlen: number;
  sizeOrType: number;
  extra: readonly number[];
}

/** Every `add…` returns the id of the new type; ids count from 1 (0 is void). */
export class BtfBuilder {
  readonly #strings = new StringTable();
  readonly #entries: Entry[] = [];

  /** Offset of a string in the string section, e.g. for `.BTF.ext` records. */
  string(text: string): number {
    return this.#strings.add(text);
  }

  /** The id that the next type will have. */
  get nextId(): number {
    return this.#entries.length + 1;
  }

  #add(
    kind: BtfKindName,
    name: string,
    sizeOrType: number,
    vlen = 0,
    flag = false,
    extra: readonly number[] = [],
  ): number {
    this.#entries.push({ kind, name: this.#strings.add(name), flag, vlen, sizeOrType, extra });
    return this.#entries.length;
  }

  /** `bits` defaults to all of `size` bytes (8 for bool as well, as clang does). */
  addInt(
    name: string,
    size: number,
    opts: { signed?: boolean; char?: boolean; bool?: boolean; bits?: number } = {},
  ): number {
    const encoding =
      (opts.signed ? BTF_INT_SIGNED : 0) | (opts.char ? BTF_INT_CHAR : 0) | (opts.bool ? BTF_INT_BOOL : 0);
    return this.#add('int', name, size, 0, false, [(encoding << 24) | (opts.bits ?? size * 8)]);
  }

  addFloat(name: string, size: number): number {
    return this.#add('float', name, size);
  }

  addPtr(type: number): number {
    return this.#add('ptr', '', type);
  }

  addConst(type: number): number {
    return this.#add('const', '', type);
  }

  addVolatile(type: number): number {
    return this.#add('volatile', '', type);
  }

  addRestrict(type: number): number {
    return this.#add('restrict', '', type);
  }

  addTypedef(name: string, type: number): number {
    return this.#add('typedef', name, type);
  }

  addTypeTag(name: string, type: number): number {
    return this.#add('type_tag', name, type);
  }

  /** `componentIndex` -1 tags the declaration itself, else a member or parameter. */
  addDeclTag(name: string, type: number, componentIndex = -1): number {
    return this.#add('decl_tag', name, type, 0, false, [componentIndex]);
  }

  addArray(type: number, indexType: number, count: number): number {
    return this.#add('array', '', 0, 0, false, [type, indexType, count]);
  }

  addFwd(name: string, union = false): number {
    return this.#add('fwd', name, 0, 0, union);
  }

  /** Members may be given later with `setMembers`, so that types can refer to each other. */
  addStruct(name: string, size: number, members: readonly BtfMemberInput[] = []): number {
    return this.#addComposite('struct', name, size, members);
  }

  addUnion(name: string, size: number, members: readonly BtfMemberInput[] = []): number {
    return this.#addComposite('union', name, size, members);
  }

  #addComposite(kind: 'struct' | 'union', name: string, size: number, members: readonly BtfMemberInput[]): number {
    const id = this.#add(kind, name, size);
    this.setMembers(id, members);
    return id;
  }

  setMembers(id: number, members: readonly BtfMemberInput[]): void {
    const entry = this.#entries[id - 1];
    assert(entry?.kind === 'struct' || entry?.kind === 'union', 'setMembers wants a struct or union');
    // With the kind flag set an offset has 24 bits and the size of a bitfield above them.
    entry.flag = members.some((m) => (m.bitSize ?? 0) > 0);
    entry.vlen = members.length;
    entry.extra = members.flatMap((m) => {
      const offset = entry.flag ? ((m.bitSize ?? 0) << 24) | (m.bitOffset & 0xffffff) : m.bitOffset;
      return [this.#strings.add(m.name), m.type, offset];
    });
  }

  /** Points a pointer, modifier, typedef, function or variable at another type. */
  setType(id: number, type: number): void {
    const entry = this.#entries[id - 1];
    assert(entry !== undefined, 'setType wants an id that was added');
    entry.sizeOrType = type;
  }

  addEnum(name: string, size: number, values: readonly BtfEnumeratorInput[], signed = false): number {
    const extra = values.flatMap((v) => [this.#strings.add(v.name), Number(BigInt.asIntN(32, BigInt(v.value)))]);
    return this.#add('enum', name, size, values.length, signed, extra);
  }

  addEnum64(name: string, size: number, values: readonly BtfEnumeratorInput[], signed = false): number {
    const extra = values.flatMap((v) => {
      const value = BigInt.asUintN(64, BigInt(v.value));
      return [this.#strings.add(v.name), Number(value & 0xffffffffn), Number(value >> 32n)];
    });
    return this.#add('enum64', name, size, values.length, signed, extra);
  }

  addFuncProto(ret: number, params: readonly BtfParamInput[], variadic = false): number {
    const extra = params.flatMap((p) => [this.#strings.add(p.name), p.type]);
    if (variadic) extra.push(0, 0);
    return this.#add('func_proto', '', ret, params.length + (variadic ? 1 : 0), false, extra);
  }

  addFunc(name: string, proto: number, linkage: Linkage): number {
    return this.#add('func', name, proto, BTF_LINKAGES.indexOf(linkage));
  }

  addVar(name: string, type: number, linkage: Linkage): number {
    return this.#add('var', name, type, 0, false, [BTF_LINKAGES.indexOf(linkage)]);
  }

  addDatasec(name: string, size: number, vars: readonly { type: number; offset: number; size: number }[]): number {
    return this.#add(
      'datasec',
      name,
      size,
      vars.length,
      false,
      vars.flatMap((v) => [v.type, v.offset, v.size]),
    );
  }

  /** The blob, as it goes into a `.BTF` section. */
  emit(): Uint8Array {
    let typeLength = 0;
    for (const e of this.#entries) {
      assert(e.vlen <= 0xffff, 'a BTF type has more than 65535 parts');
      typeLength += btfRecordSize(BTF_KIND[e.kind], e.kind === 'func' ? 0 : e.vlen);
    }
    const strings = this.#strings.bytes();
    const bytes = new Uint8Array(BTF_HEADER_SIZE + typeLength + strings.length);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, BTF_MAGIC, true);
    view.setUint8(2, BTF_VERSION);
    view.setUint32(4, BTF_HEADER_SIZE, true);
    view.setUint32(12, typeLength, true);
    view.setUint32(16, typeLength, true);
    view.setUint32(20, strings.length, true);
    let p = BTF_HEADER_SIZE;
    const u32 = (v: number): void => {
      view.setUint32(p, v >>> 0, true);
      p += 4;
    };
    for (const e of this.#entries) {
      u32(e.name);
      u32((e.flag ? 0x80000000 : 0) | (BTF_KIND[e.kind] << 24) | e.vlen);
      u32(e.sizeOrType);
      for (const v of e.extra) u32(v);
    }
    bytes.set(strings, p);
    return bytes;
  }
}
