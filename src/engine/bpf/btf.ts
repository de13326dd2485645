/** Reads a BTF blob: one pass finds where each type starts, everything else is decoded when asked for. */
import { err, ok, type Result } from '../../base/index.ts';
import {
  BTF_HEADER_SIZE,
  BTF_TYPE_SIZE,
  BTF_INT_BOOL,
  BTF_INT_CHAR,
  BTF_INT_SIGNED,
  BTF_KIND,
  BTF_KIND_NAMES,
  BTF_LINKAGES,
  BTF_MAGIC,
  BTF_MAX_NAME_OFFSET,
  BTF_MAX_TYPE,
  BTF_VERSION,
  btfRecordSize,
} from './btf-format.ts';
import { hashCString, NameIndex, readCString } from './btf-index.ts';
import type { IndexedBtfFile } from './btf-pages.ts';
import { openTables, STRIDE, writeTables, type BtfTables, type NamedThing } from './btf-tables.ts';
import { typeText } from './btf-print.ts';
import type { Btf, BtfError, BtfKindName, BtfMember, BtfType } from './btf-types.ts';

/**
 * Longest chain of typedefs, modifiers and arrays that is followed. The kernel's own limit
 * (MAX_RESOLVE_DEPTH in kernel/bpf/btf.c) is 32; beyond it a chain counts as endless.
 */
const MAX_DEPTH = 64;
/** Strings are made readable in steps of so many bytes. */
const STRING_STEP = 64;
/** Decoded types kept; more than any one program touches, and a bound on memory for whole-blob walks. */
const CACHE_TYPES = 8192;

const VOID: BtfType = { kind: 'void', id: 0, name: '' };
const linkageOf = (n: number): 'static' | 'global' | 'extern' => BTF_LINKAGES[n] ?? 'static';

/** Where the strings are and where each type starts. */
interface BtfLayout {
  /** 0 for a type that is still to be looked for in `tables`. */
  readonly starts: Uint32Array;
  readonly stringStart: number;
  readonly stringLength: number;
  readonly tables?: BtfTables;
}

/**
 * Parses a raw little-endian BTF blob (the contents of `.BTF` or of /sys/kernel/btf/vmlinux). Checks the header, the
 * string section and that every record is whole; references to ids out of range read as void.
 */
export function parseBtf(bytes: Uint8Array): Result<Btf, BtfError> {
  const read = readRecords(bytes);
  return read.ok ? ok(new BlobBtf(bytes, read.value)) : read;
}

function readRecords(bytes: Uint8Array): Result<BtfLayout, BtfError> {
  const fail = (message: string, offset: number) => err({ message, offset });
  if (bytes.length < BTF_HEADER_SIZE) {
    return fail(`BTF is cut short: ${bytes.length} bytes, the header alone has ${BTF_HEADER_SIZE}`, bytes.length);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint16(0, true);
  if (magic === 0x9feb) return fail('BTF is big-endian; only little-endian is supported', 0);
  if (magic !== BTF_MAGIC) return fail(`not BTF: magic is 0x${magic.toString(16)}, expected 0xeb9f`, 0);
  if (view.getUint8(2) !== BTF_VERSION) return fail(`BTF version ${view.getUint8(2)} is not supported`, 2);
  const headerSize = view.getUint32(4, true);
  if (headerSize < BTF_HEADER_SIZE || headerSize > bytes.length)
    return fail(`BTF header length ${headerSize} is wrong`, 4);
  const typeStart = headerSize + view.getUint32(8, true);
  const typeLength = view.getUint32(12, true);
  const stringStart = headerSize + view.getUint32(16, true);
  const stringLength = view.getUint32(20, true);
  if (typeStart % 4 !== 0) return fail('BTF type section is not aligned to 4 bytes', 8);
  if (typeStart + typeLength > bytes.length) {
    return fail(
      `BTF is cut short: types end at ${typeStart + typeLength}, the blob has ${bytes.length} bytes`,
      bytes.length,
    );
  }
  if (stringStart + stringLength > bytes.length) {
    return fail(
      `BTF is cut short: strings end at ${stringStart + stringLength}, the blob has ${bytes.length} bytes`,
      bytes.length,
    );
  }
  if (stringLength === 0 || stringLength - 1 > BTF_MAX_NAME_OFFSET) {
    return fail(`BTF string section has an impossible length ${stringLength}`, 20);
  }
  if (bytes[stringStart] !== 0) return fail('BTF string section does not begin with an empty string', stringStart);
  if (bytes[stringStart + stringLength - 1] !== 0) {
    return fail('BTF string section does not end with a zero byte', stringStart + stringLength - 1);
  }

  // First pass counts and checks, second one fills: cheaper than a growing array, and exact.
  const typeEnd = typeStart + typeLength;
  let count = 1;
  for (let p = typeStart; p < typeEnd; count++) {
    if (p + 12 > typeEnd) return fail(`BTF type [${count}] is cut short`, p);
    const info = view.getUint32(p + 4, true);
    const kind = (info >>> 24) & 0x1f;
    const size = btfRecordSize(kind, info & 0xffff);
    if (size === 0) return fail(`BTF type [${count}] has unknown kind ${kind}`, p + 4);
    if (p + size > typeEnd) return fail(`BTF type [${count}] (${BTF_KIND_NAMES[kind]}) is cut short`, p);
    if (view.getUint32(p, true) >= stringLength) return fail(`BTF type [${count}] has its name outside the strings`, p);
    if (count > BTF_MAX_TYPE) return fail(`BTF has more than ${BTF_MAX_TYPE} types`, p);
    p += size;
  }
  const starts = new Uint32Array(count);
  for (let p = typeStart, id = 1; id < count; id++) {
    starts[id] = p;
    const info = view.getUint32(p + 4, true);
    p += btfRecordSize((info >>> 24) & 0x1f, info & 0xffff);
  }
  return ok({ starts, stringStart, stringLength });
}

/** The blob with what going through it tells: for a cache, so that opening it the next time costs next to nothing. */
export function indexBtf(bytes: Uint8Array): Result<Uint8Array, BtfError> {
  const read = readRecords(bytes);
  return read.ok ? ok(writeTables(new BlobBtf(bytes, read.value).content())) : read;
}

/** Opens what `indexBtf` made; only files that we wrote ourselves, because what stands in them is believed. */
export function openIndexedBtf(file: IndexedBtfFile): Result<Btf, BtfError> {
  const opened = openTables(file);
  if (!opened.ok) return opened;
  const tables = opened.value;
  const { stringStart, stringLength, typeCount } = tables;
  return ok(new BlobBtf(tables.blob, { starts: new Uint32Array(typeCount), stringStart, stringLength, tables }));
}

class BlobBtf implements Btf {
  readonly typeCount: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #starts: Uint32Array;
  readonly #strings: Uint8Array;
  readonly #cache = new Map<number, BtfType>();
  #cachedItems = 0;
  #names: NameIndex | undefined;
  #flavored: readonly number[] | undefined;
  #enumerators: { readonly index: NameIndex; readonly owner: Uint32Array; readonly ordinal: Uint16Array } | undefined;

  readonly #tables: BtfTables | undefined;

  constructor(bytes: Uint8Array, layout: BtfLayout) {
    const { starts, stringStart, stringLength, tables } = layout;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#starts = starts;
    this.#strings = bytes.subarray(stringStart, stringStart + stringLength);
    this.typeCount = starts.length;
    this.#tables = tables;
    this.#flavored = tables?.flavored;
  }

  /** Everything that is found out by going through the blob. */
  content() {
    const names: NamedThing[] = [];
    const add = (at: number, id: number, enumerator: boolean): void => {
      if (at > 0) names.push({ hash: hashCString(this.#strings, at), id, enumerator });
    };
    for (let id = 1; id < this.typeCount; id++) add(this.#nameAt(id), id, false);
    for (let id = 1; id < this.typeCount; id++) {
      if (this.#enumeratorSize(id) === 0) continue;
      const vlen = this.#view.getUint16(this.#starts[id] + 4, true);
      for (let i = 0; i < vlen; i++) add(this.#enumeratorAt(id, i), id, true);
    }
    return {
      blob: this.#bytes,
      starts: this.#starts,
      stringStart: this.#strings.byteOffset - this.#bytes.byteOffset,
      stringLength: this.#strings.length,
      names,
      flavored: this.flavoredIds(),
    };
  }

  /** Where the record of a type in range starts; all of it can be read then. */
  #start(id: number): number {
    return this.#starts[id] || this.#locate(id);
  }

  /** Walks from the last type whose start is written down. */
  #locate(id: number): number {
    const tables = this.#tables;
    if (tables === undefined || id === 0) return 0;
    let at = id & ~(STRIDE - 1);
    // Type 0 is not in the blob.
    let p = tables.anchors[at / STRIDE];
    if (at === 0) {
      at = 1;
      p = this.#firstType();
    }
    for (; ; at++) {
      tables.need(p, BTF_TYPE_SIZE);
      const info = this.#view.getUint32(p + 4, true);
      const size = btfRecordSize((info >>> 24) & 0x1f, info & 0xffff);
      if (at === id) {
        tables.need(p, size);
        this.#starts[id] = p;
        return p;
      }
      p += size;
    }
  }

  #firstType(): number {
    this.#tables?.need(0, BTF_HEADER_SIZE);
    return this.#view.getUint32(4, true) + this.#view.getUint32(8, true);
  }

  get blobSize(): number {
    return this.#bytes.length;
  }

  get memory(): number {
    const enums = this.#enumerators;
    return (
      this.#bytes.byteLength +
      this.#starts.byteLength +
      (this.#names?.memory ?? 0) +
      (enums ? enums.index.memory + enums.owner.byteLength + enums.ordinal.byteLength : 0) +
      // Decoded records: about 120 bytes an object in V8, and each member or enumerator is one.
      120 * (this.#cache.size + this.#cachedItems)
    );
  }

  #inRange(id: number): boolean {
    return id > 0 && id < this.typeCount && Number.isInteger(id);
  }

  string(offset: number): string {
    if (!(offset > 0) || offset >= this.#strings.length) return '';
    this.#needString(offset);
    return readCString(this.#strings, offset);
  }

  /** Makes a string readable to its end. */
  #needString(offset: number): void {
    const tables = this.#tables;
    if (tables === undefined) return;
    const start = this.#strings.byteOffset - this.#bytes.byteOffset;
    for (let at = offset; ; at += STRING_STEP) {
      tables.need(start + at, STRING_STEP);
      const end = this.#strings.indexOf(0, at);
      if (end >= 0 && end < at + STRING_STEP) return;
      if (at + STRING_STEP >= this.#strings.length) return;
    }
  }

  kind(id: number): BtfKindName {
    if (!this.#inRange(id)) return 'void';
    return BTF_KIND_NAMES[this.#view.getUint8(this.#start(id) + 7) & 0x1f];
  }

  name(id: number): string {
    return this.#inRange(id) ? this.string(this.#view.getUint32(this.#start(id), true)) : '';
  }

  type(id: number): BtfType {
    if (!this.#inRange(id)) return VOID;
    let t = this.#cache.get(id);
    if (t === undefined) {
      t = this.#decode(id);
      if (this.#cache.size >= CACHE_TYPES) {
        this.#cache.clear();
        this.#cachedItems = 0;
      }
      this.#cache.set(id, t);
      if (t.kind === 'struct' || t.kind === 'union') this.#cachedItems += t.members.length;
      else if (t.kind === 'enum' || t.kind === 'enum64') this.#cachedItems += t.values.length;
      else if (t.kind === 'func_proto') this.#cachedItems += t.params.length;
      else if (t.kind === 'datasec') this.#cachedItems += t.vars.length;
    }
    return t;
  }

  #decode(id: number): BtfType {
    const view = this.#view;
    const p = this.#start(id);
    const info = view.getUint32(p + 4, true);
    const kind = BTF_KIND_NAMES[(info >>> 24) & 0x1f];
    const flag = info >>> 31 === 1;
    const vlen = info & 0xffff;
    const name = this.string(view.getUint32(p, true));
    const sizeOrType = view.getUint32(p + 8, true);
    const extra = p + 12;
    switch (kind) {
      case 'void':
        return VOID;
      case 'int': {
        const word = view.getUint32(extra, true);
        const encoding = (word >>> 24) & 0xf;
        return {
          kind,
          id,
          name,
          size: sizeOrType,
          bits: word & 0xff,
          signed: (encoding & BTF_INT_SIGNED) !== 0,
          char: (encoding & BTF_INT_CHAR) !== 0,
          bool: (encoding & BTF_INT_BOOL) !== 0,
        };
      }
      case 'ptr':
      case 'typedef':
      case 'volatile':
      case 'const':
      case 'restrict':
      case 'type_tag':
        return { kind, id, name, type: sizeOrType };
      case 'array':
        return {
          kind,
          id,
          name: '',
          type: view.getUint32(extra, true),
          indexType: view.getUint32(extra + 4, true),
          count: view.getUint32(extra + 8, true),
        };
      case 'struct':
      case 'union': {
        const members: BtfMember[] = [];
        for (let i = 0, q = extra; i < vlen; i++, q += 12) {
          const offset = view.getUint32(q + 8, true);
          members.push({
            name: this.string(view.getUint32(q, true)),
            type: view.getUint32(q + 4, true),
            bitOffset: flag ? offset & 0xffffff : offset,
            bitSize: flag ? offset >>> 24 : 0,
          });
        }
        return { kind, id, name, size: sizeOrType, members };
      }
      case 'enum': {
        const values = [];
        for (let i = 0, q = extra; i < vlen; i++, q += 8) {
          values.push({
            name: this.string(view.getUint32(q, true)),
            value: BigInt(flag ? view.getInt32(q + 4, true) : view.getUint32(q + 4, true)),
          });
        }
        return { kind, id, name, size: sizeOrType, signed: flag, values };
      }
      case 'enum64': {
        const values = [];
        for (let i = 0, q = extra; i < vlen; i++, q += 12) {
          const value = (BigInt(view.getUint32(q + 8, true)) << 32n) | BigInt(view.getUint32(q + 4, true));
          values.push({ name: this.string(view.getUint32(q, true)), value: flag ? BigInt.asIntN(64, value) : value });
        }
        return { kind, id, name, size: sizeOrType, signed: flag, values };
      }
      case 'fwd':
        return { kind, id, name, union: flag };
      case 'func':
        return { kind, id, name, type: sizeOrType, linkage: linkageOf(vlen) };
      case 'func_proto': {
        const params = [];
        for (let i = 0, q = extra; i < vlen; i++, q += 8) {
          params.push({ name: this.string(view.getUint32(q, true)), type: view.getUint32(q + 4, true) });
        }
        // A last parameter without name and type stands for `...`.
        const last = params[params.length - 1];
        const variadic = last !== undefined && last.type === 0 && last.name === '';
        if (variadic) params.pop();
        return { kind, id, name: '', ret: sizeOrType, params, variadic };
      }
      case 'var':
        return { kind, id, name, type: sizeOrType, linkage: linkageOf(view.getUint32(extra, true)) };
      case 'datasec': {
        const vars = [];
        for (let i = 0, q = extra; i < vlen; i++, q += 12) {
          vars.push({
            type: view.getUint32(q, true),
            offset: view.getUint32(q + 4, true),
            size: view.getUint32(q + 8, true),
          });
        }
        return { kind, id, name, size: sizeOrType, vars };
      }
      case 'float':
        return { kind, id, name, size: sizeOrType };
      case 'decl_tag':
        return { kind, id, name, type: sizeOrType, componentIndex: view.getInt32(extra, true) };
    }
  }

  #nameIndex(): NameIndex {
    return (this.#names ??= NameIndex.build(this.#strings, this.typeCount, this.#nameAt));
  }

  readonly #nameAt = (id: number): number => {
    if (id === 0) return -1;
    const at = this.#view.getUint32(this.#start(id), true);
    return at === 0 ? -1 : at;
  };

  find(name: string, kind: BtfKindName): number {
    if (name === '') return 0;
    let found = 0;
    this.#named(name, (id) => {
      if (this.kind(id) !== kind) return false;
      found = id;
      return true;
    });
    return found;
  }

  findAll(name: string): readonly number[] {
    const ids: number[] = [];
    if (name === '') return ids;
    this.#named(name, (id) => {
      ids.push(id);
      return false;
    });
    return ids;
  }

  /** Visits the types of a name in the order of their ids, until `visit` returns true. */
  #named(name: string, visit: (id: number) => boolean): void {
    const tables = this.#tables;
    if (tables === undefined) this.#nameIndex().forEach(name, visit);
    else tables.candidates(name, false, (id) => this.name(id) === name && visit(id));
  }

  flavoredIds(): readonly number[] {
    return (this.#flavored ??= this.#findFlavored());
  }

  /** Scans the string section once; types are looked at only when some name has three underscores. */
  #findFlavored(): readonly number[] {
    const strings = this.#strings;
    const offsets = new Set<number>();
    let start = 0;
    for (let p = 0, run = 0, seen = false; p < strings.length; p++) {
      if (strings[p] === 0) {
        if (seen) offsets.add(start);
        start = p + 1;
        run = 0;
        seen = false;
      } else {
        run = strings[p] === 0x5f ? run + 1 : 0;
        if (run === 3) seen = true;
      }
    }
    if (offsets.size === 0) return [];
    const ids: number[] = [];
    for (let id = 1; id < this.typeCount; id++) {
      // A name may be the tail of a longer string, so the text itself decides where the string is not one of those.
      const at = this.#view.getUint32(this.#start(id), true);
      if (offsets.has(at) || (at > 0 && strings[at - 1] !== 0 && this.string(at).includes('___'))) ids.push(id);
    }
    return ids;
  }

  findEnumerator(name: string): { readonly enumId: number; readonly value: bigint } | undefined {
    if (name === '') return undefined;
    let found: { readonly enumId: number; readonly value: bigint } | undefined;
    if (this.#tables !== undefined) {
      this.#tables.candidates(name, true, (id) => {
        const t = this.type(id);
        const value = t.kind === 'enum' || t.kind === 'enum64' ? t.values.find((v) => v.name === name) : undefined;
        if (value === undefined) return false;
        found = { enumId: id, value: value.value };
        return true;
      });
      return found;
    }
    const enums = (this.#enumerators ??= this.#indexEnumerators());
    enums.index.forEach(name, (entry) => {
      const t = this.type(enums.owner[entry]);
      if (t.kind === 'enum' || t.kind === 'enum64')
        found = { enumId: t.id, value: t.values[enums.ordinal[entry]].value };
      return true;
    });
    return found;
  }

  #indexEnumerators() {
    const view = this.#view;
    let count = 0;
    for (let id = 1; id < this.typeCount; id++)
      if (this.#enumeratorSize(id) > 0) count += view.getUint16(this.#start(id) + 4, true);
    const owner = new Uint32Array(count);
    const ordinal = new Uint16Array(count);
    for (let id = 1, e = 0; id < this.typeCount; id++) {
      if (this.#enumeratorSize(id) === 0) continue;
      const vlen = view.getUint16(this.#start(id) + 4, true);
      for (let i = 0; i < vlen; i++, e++) {
        owner[e] = id;
        ordinal[e] = i;
      }
    }
    const nameAt = (e: number): number => this.#enumeratorAt(owner[e], ordinal[e]);
    return { index: NameIndex.build(this.#strings, count, nameAt), owner, ordinal };
  }

  /** Bytes of an enumerator of the type; 0 when it is no enum. */
  #enumeratorSize(id: number): number {
    const kind = this.#view.getUint8(this.#start(id) + 7) & 0x1f;
    return kind === BTF_KIND.enum ? 8 : kind === BTF_KIND.enum64 ? 12 : 0;
  }

  #enumeratorAt(owner: number, ordinal: number): number {
    const at = this.#view.getUint32(this.#start(owner) + 12 + ordinal * this.#enumeratorSize(owner), true);
    return at > 0 && at < this.#strings.length ? at : -1;
  }

  strip(id: number): number {
    for (let i = 0; i < MAX_DEPTH; i++) {
      if (!this.#inRange(id)) return 0;
      switch (this.kind(id)) {
        case 'typedef':
        case 'const':
        case 'volatile':
        case 'restrict':
        case 'type_tag':
          id = this.#view.getUint32(this.#start(id) + 8, true);
          break;
        default:
          return id;
      }
    }
    return 0;
  }

  sizeOf(id: number): number | undefined {
    let times = 1;
    for (let i = 0; i < MAX_DEPTH; i++) {
      id = this.strip(id);
      const kind = this.kind(id);
      const p = this.#start(id);
      let size: number;
      switch (kind) {
        case 'array':
          times *= this.#view.getUint32(p + 20, true);
          id = this.#view.getUint32(p + 12, true);
          continue;
        case 'var':
        case 'decl_tag':
          id = this.#view.getUint32(p + 8, true);
          continue;
        case 'ptr':
          size = 8;
          break;
        case 'int':
        case 'struct':
        case 'union':
        case 'enum':
        case 'enum64':
        case 'float':
        case 'datasec':
          size = this.#view.getUint32(p + 8, true);
          break;
        default:
          return undefined;
      }
      // The kernel counts sizes in 32 bits and refuses what does not fit.
      return size * times <= 0xffffffff ? size * times : undefined;
    }
    return undefined;
  }

  typeText(id: number): string {
    return typeText(this, id);
  }
}
