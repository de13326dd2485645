/**
 * Writes kernel structs into simulated memory at the offsets that the kernel's own BTF gives. Fields are named by
 * dotted paths (`f_path.dentry`, `cap_effective.cap[0]`); members of anonymous structs and unions are found by name as
 * in C. A field that the kernel does not have is an error that names it, unless the caller asks with `has`.
 */
import { assert, AssertionError } from '../../base/index.ts';
import type { Btf } from '../bpf/index.ts';
import type { KAddr, KernelMemory } from '../vm/index.ts';

/** Where a field is. */
export interface FieldRef {
  readonly bitOffset: number;
  /** 0 = not a bitfield. */
  readonly bitSize: number;
  /** BTF id as declared. */
  readonly type: number;
  /** In bytes; of the declared type. */
  readonly size: number;
}

/** Byte offsets of fields, looked up once. */
export class StructLayout {
  readonly #btf: Btf;
  readonly #structs = new Map<string, { id: number; size: number } | null>();
  readonly #fields = new Map<string, FieldRef | null>();

  constructor(btf: Btf) {
    this.#btf = btf;
  }

  hasStruct(name: string): boolean {
    return this.#struct(name) !== null;
  }

  size(struct: string): number {
    const s = this.#struct(struct);
    if (s === null) throw new AssertionError(`the kernel's BTF has no struct ${struct}`);
    return s.size;
  }

  /** Undefined when the struct or the field is not in this kernel. */
  find(struct: string, path: string): FieldRef | undefined {
    const key = `${struct}.${path}`;
    let ref = this.#fields.get(key);
    if (ref === undefined) {
      const s = this.#struct(struct);
      ref = s === null ? null : this.#resolve(s.id, path);
      this.#fields.set(key, ref);
    }
    return ref ?? undefined;
  }

  field(struct: string, path: string): FieldRef {
    const ref = this.find(struct, path);
    if (ref === undefined) throw new AssertionError(`the kernel's BTF has no field struct ${struct}.${path}`);
    return ref;
  }

  /** Byte offset of a field that is no bitfield. */
  offset(struct: string, path: string): number {
    const ref = this.field(struct, path);
    assert(ref.bitSize === 0, `struct ${struct}.${path} is a bitfield`);
    return ref.bitOffset >> 3;
  }

  #struct(name: string): { id: number; size: number } | null {
    let s = this.#structs.get(name);
    if (s === undefined) {
      const id = this.#btf.find(name, 'struct') || this.#btf.find(name, 'union');
      s = id === 0 ? null : { id, size: this.#btf.sizeOf(id) ?? 0 };
      this.#structs.set(name, s);
    }
    return s;
  }

  #resolve(structId: number, path: string): FieldRef | null {
    let at: FieldRef = { bitOffset: 0, bitSize: 0, type: structId, size: 0 };
    for (const part of path.split('.')) {
      const [, name, index] = /^([^[]+)(?:\[(\d+)\])?$/.exec(part) ?? [];
      if (name === undefined) return null;
      const member = this.#member(at.type, name, 0);
      if (member === null) return null;
      at = { ...member, bitOffset: at.bitOffset + member.bitOffset };
      if (index !== undefined) {
        const array = this.#btf.type(this.#btf.strip(at.type));
        if (array.kind !== 'array' || Number(index) >= Math.max(1, array.count)) return null;
        const size = this.#btf.sizeOf(array.type) ?? 0;
        at = { bitOffset: at.bitOffset + Number(index) * size * 8, bitSize: 0, type: array.type, size };
      }
    }
    return at;
  }

  #member(typeId: number, name: string, base: number): FieldRef | null {
    const t = this.#btf.type(this.#btf.strip(typeId));
    if (t.kind !== 'struct' && t.kind !== 'union') return null;
    for (const m of t.members) {
      if (m.name === name) {
        return {
          bitOffset: base + m.bitOffset,
          bitSize: m.bitSize,
          type: m.type,
          size: this.#btf.sizeOf(m.type) ?? 0,
        };
      }
      if (m.name === '') {
        const inner = this.#member(m.type, name, base + m.bitOffset);
        if (inner !== null) return inner;
      }
    }
    return null;
  }
}

const encoder = new TextEncoder();

export class StructWriter {
  readonly layout: StructLayout;
  readonly memory: KernelMemory;

  constructor(layout: StructLayout, memory: KernelMemory) {
    this.layout = layout;
    this.memory = memory;
  }

  /** Allocates a zeroed struct. */
  alloc(struct: string, label: string, extraBytes = 0): KAddr {
    return this.memory.alloc(this.layout.size(struct) + extraBytes, `struct ${struct} ${label}`);
  }

  /** A NUL-terminated string of its own. */
  string(text: string, label: string): KAddr {
    const bytes = encoder.encode(text);
    const at = this.memory.alloc(bytes.length + 1, label);
    this.memory.bytes.set(bytes, at);
    return at;
  }

  has(struct: string, path: string): boolean {
    return this.layout.find(struct, path) !== undefined;
  }

  /** Sets an integer or enum field (bitfields too). Values wrap to the field's size. */
  set(addr: KAddr, struct: string, path: string, value: number | bigint): void {
    const f = this.layout.field(struct, path);
    if (f.bitSize > 0) {
      this.#setBits(addr, f, BigInt(value));
      return;
    }
    const at = addr + (f.bitOffset >> 3);
    const view = this.memory.view;
    switch (f.size) {
      case 1:
        view.setUint8(at, Number(BigInt.asUintN(8, BigInt(value))));
        break;
      case 2:
        view.setUint16(at, Number(BigInt.asUintN(16, BigInt(value))), true);
        break;
      case 4:
        view.setUint32(at, Number(BigInt.asUintN(32, BigInt(value))), true);
        break;
      case 8:
        view.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), true);
        break;
      default:
        throw new AssertionError(`struct ${struct}.${path} has ${f.size} bytes and is no integer`);
    }
  }

  setPtr(addr: KAddr, struct: string, path: string, target: KAddr | 0): void {
    const f = this.layout.field(struct, path);
    assert(f.size === 8 && f.bitSize === 0, `struct ${struct}.${path} is no pointer`);
    this.memory.writePtr(addr + (f.bitOffset >> 3), target);
  }

  /** Raw bytes into an array or embedded struct; cut to the field's size. */
  setBytes(addr: KAddr, struct: string, path: string, bytes: Uint8Array): void {
    const f = this.layout.field(struct, path);
    const at = addr + (f.bitOffset >> 3);
    this.memory.bytes.fill(0, at, at + f.size);
    this.memory.bytes.set(bytes.subarray(0, f.size), at);
  }

  /** A char array: cut so that a NUL remains. */
  setString(addr: KAddr, struct: string, path: string, text: string): void {
    const f = this.layout.field(struct, path);
    this.setBytes(addr, struct, path, encoder.encode(text).subarray(0, Math.max(0, f.size - 1)));
  }

  /** Reads an integer field, unsigned. */
  get(addr: KAddr, struct: string, path: string): bigint {
    const f = this.layout.field(struct, path);
    const at = addr + (f.bitOffset >> 3);
    if (f.bitSize > 0) {
      return (this.#word(addr, f) >> BigInt(f.bitOffset & 7)) & ((1n << BigInt(f.bitSize)) - 1n);
    }
    const view = this.memory.view;
    switch (f.size) {
      case 1:
        return BigInt(view.getUint8(at));
      case 2:
        return BigInt(view.getUint16(at, true));
      case 4:
        return BigInt(view.getUint32(at, true));
      case 8:
        return view.getBigUint64(at, true);
      default:
        throw new AssertionError(`struct ${struct}.${path} has ${f.size} bytes and is no integer`);
    }
  }

  getPtr(addr: KAddr, struct: string, path: string): KAddr | 0 {
    return this.memory.readPtr(addr + this.layout.offset(struct, path));
  }

  /** Address of an embedded member. */
  at(addr: KAddr, struct: string, path: string): KAddr {
    return (addr + this.layout.offset(struct, path)) as KAddr;
  }

  #word(addr: KAddr, f: FieldRef): bigint {
    const at = addr + (f.bitOffset >> 3);
    const bytes = Math.ceil(((f.bitOffset & 7) + f.bitSize) / 8);
    let word = 0n;
    for (let i = bytes - 1; i >= 0; i--) word = (word << 8n) | BigInt(this.memory.view.getUint8(at + i));
    return word;
  }

  #setBits(addr: KAddr, f: FieldRef, value: bigint): void {
    const shift = BigInt(f.bitOffset & 7);
    const mask = ((1n << BigInt(f.bitSize)) - 1n) << shift;
    let word = (this.#word(addr, f) & ~mask) | ((value << shift) & mask);
    const at = addr + (f.bitOffset >> 3);
    const bytes = Math.ceil(((f.bitOffset & 7) + f.bitSize) / 8);
    for (let i = 0; i < bytes; i++, word >>= 8n) this.memory.view.setUint8(at + i, Number(word & 0xffn));
  }
}
