/**
 * C types as BTF. Records of the C source are written whole. Records of the kernel (virtual vmlinux.h) are written with
 * the members that CO-RE accesses name, at their offsets: libbpf matches members by name, so a policy that reads two
 * fields of task_struct carries two fields, not the closure of half the kernel. Records that are only pointed to by
 * members become forward declarations, as clang does.
 */
import { BtfBuilder } from '../../bpf/index.ts';
import { sizeOf, strip, type CType, type EnumType, type IntType, type RecordType } from '../../c/index.ts';
import type { UsedFields } from './used-fields.ts';

/** How much of a record behind a pointer is wanted. */
type Reach = 'full' | 'named';

export class TypeWriter {
  readonly btf = new BtfBuilder();
  readonly #used: UsedFields;
  readonly #ints = new Map<string, number>();
  readonly #derived = new Map<string, number>();
  readonly #records = new Map<RecordType, number>();
  readonly #enums = new Map<EnumType, number>();
  readonly #typedefs = new Map<string, number>();
  /** Pointers whose pointee is decided at the end: the record's id if it was written, else a forward declaration. */
  readonly #later: { readonly id: number; readonly record: RecordType }[] = [];
  #arrayIndex = 0;

  constructor(used: UsedFields) {
    this.#used = used;
  }

  /** @param reach 'named': a record right behind a pointer may stay a forward declaration */
  type(t: CType, reach: Reach = 'full'): number {
    switch (t.kind) {
      case 'void':
      case 'error':
        return 0;
      case 'int':
        return this.#int(t);
      case 'float':
        return this.#once(`float:${t.name}`, () => this.btf.addFloat(t.name, t.size));
      case 'pointer':
        return this.#pointer(t.pointee, reach);
      case 'array': {
        const element = this.type(t.element, reach);
        const count = t.count ?? 0;
        return this.#once(`array:${element}:${count}`, () => this.btf.addArray(element, this.#indexType(), count));
      }
      case 'function': {
        const ret = this.type(t.ret, reach);
        const params = t.params.map((p) => ({ name: p.name, type: this.type(p.type, reach) }));
        const key = `proto:${ret}:${params.map((p) => `${p.name}=${p.type}`).join(',')}:${t.variadic}`;
        return this.#once(key, () => this.btf.addFuncProto(ret, params, t.variadic));
      }
      case 'record':
        return this.record(t);
      case 'enum':
        return this.#enum(t);
      case 'typedef': {
        // Typedef names share one name space; two of one name with different targets cannot be in one scope of use here.
        const known = this.#typedefs.get(t.name);
        if (known !== undefined) return known;
        const id = this.btf.addTypedef(t.name, 0);
        this.#typedefs.set(t.name, id);
        this.btf.setType(id, this.type(t.target, reach));
        return id;
      }
      case 'tag': {
        const base = this.type(t.base, reach);
        return this.#once(`tag:${t.tag}:${base}`, () => this.btf.addTypeTag(t.tag, base));
      }
      case 'qualified': {
        let id = this.type(t.base, reach);
        const wrap = (on: boolean, what: string, add: (id: number) => number): void => {
          if (!on) return;
          const inner = id;
          id = this.#once(`${what}:${inner}`, () => add(inner));
        };
        wrap(t.restrict, 'restrict', (x) => this.btf.addRestrict(x));
        wrap(t.volatile, 'volatile', (x) => this.btf.addVolatile(x));
        wrap(t.const, 'const', (x) => this.btf.addConst(x));
        return id;
      }
    }
  }

  /** The record with its members; kernel records with the used ones. */
  record(r: RecordType): number {
    const known = this.#records.get(r);
    if (known !== undefined) return known;
    if (!r.complete) return this.#forward(r);
    const add = r.tag === 'struct' ? 'addStruct' : 'addUnion';
    const id = this.btf[add](r.name, r.size);
    this.#records.set(r, id);
    const members = this.members(r).map((index) => {
      const f = r.fields[index];
      return { name: f.name, type: this.type(f.type, 'named'), bitOffset: f.bitOffset, bitSize: f.bitSize };
    });
    this.btf.setMembers(id, members);
    for (const tag of r.declTags) this.btf.addDeclTag(tag, id);
    this.members(r).forEach((index, at) => {
      for (const tag of r.fields[index].declTags) this.btf.addDeclTag(tag, id, at);
    });
    return id;
  }

  /** Field indexes that are written for a record, in order: position here = BTF member index. */
  members(r: RecordType): readonly number[] {
    const used = this.#used.get(r);
    // An anonymous kernel record inside a written one is identified by its members; without any it says nothing.
    if (r.origin === 'source') return r.fields.map((f) => f.index);
    return used === undefined ? [] : [...used].sort((a, b) => a - b);
  }

  /** Settles the pointers that were left open. Call once, after everything else was written. */
  finish(): void {
    for (const { id, record } of this.#later) this.btf.setType(id, this.#records.get(record) ?? this.#forward(record));
  }

  #pointer(pointee: CType, reach: Reach): number {
    const bare = strip(pointee);
    // Seen through qualifiers and typedefs, a pointer in a record does not drag the record in.
    if (reach === 'named' && bare.kind === 'record' && bare.name !== '' && pointee.kind === 'record') {
      return this.#once(`later:${bare.id}`, () => {
        const id = this.btf.addPtr(0);
        this.#later.push({ id, record: bare });
        return id;
      });
    }
    if (bare.kind === 'record' && pointee.kind === 'record') {
      // The pointer may lead back to the record that is being written: its id exists by then.
      const to = this.record(bare);
      return this.#once(`ptr:${to}`, () => this.btf.addPtr(to));
    }
    if (reach === 'named' && bare.kind === 'record' && bare.name !== '' && pointee.kind === 'qualified') {
      return this.#once(`later:${bare.id}:${Number(pointee.const)}${Number(pointee.volatile)}`, () => {
        let inner = 0;
        const ptr = this.btf.addPtr(0);
        if (pointee.volatile) inner = this.btf.addVolatile(0);
        const outer = pointee.const ? this.btf.addConst(inner) : inner;
        const hole = inner !== 0 ? inner : outer !== 0 ? outer : ptr;
        if (outer !== 0) this.btf.setType(ptr, outer);
        this.#later.push({ id: hole, record: bare });
        return ptr;
      });
    }
    const to = this.type(pointee, reach);
    return this.#once(`ptr:${to}`, () => this.btf.addPtr(to));
  }

  #forward(r: RecordType): number {
    return this.#once(`fwd:${r.tag}:${r.name}`, () => this.btf.addFwd(r.name, r.tag === 'union'));
  }

  #enum(e: EnumType): number {
    const known = this.#enums.get(e);
    if (known !== undefined) return known;
    const { size, signed } = e.underlying;
    const add = size === 8 ? 'addEnum64' : 'addEnum';
    const id = this.btf[add](e.name, size, e.enumerators, signed);
    this.#enums.set(e, id);
    return id;
  }

  #int(t: IntType): number {
    const bool = t.rank === 0;
    return this.#onceIn(this.#ints, t.name, () => this.btf.addInt(t.name, t.size, { signed: t.signed, bool }));
  }

  #indexType(): number {
    return (this.#arrayIndex ||= this.btf.addInt('__ARRAY_SIZE_TYPE__', 4));
  }

  #once(key: string, add: () => number): number {
    return this.#onceIn(this.#derived, key, add);
  }

  #onceIn(map: Map<string, number>, key: string, add: () => number): number {
    let id = map.get(key);
    if (id === undefined) map.set(key, (id = add()));
    return id;
  }
}

/** Bytes a variable takes in its section. */
export const storageSize = (t: CType, image: Uint8Array | null): number => Math.max(sizeOf(t), image?.length ?? 0);
