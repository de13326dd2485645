/**
 * Maps of maps and program arrays. User space stores file descriptors in them; here the number is the index of the
 * map or program in the object.
 */
import { E2BIG, EEXIST, EINVAL, ENOENT } from '../errno.ts';
import { u32, u32Key } from './array.ts';
import { BPF_EXIST, BPF_NOEXIST, VmMap, keyText } from './map.ts';

export class MapOfMaps extends VmMap {
  readonly #inner = new Map<string, { readonly key: Uint8Array; readonly index: number }>();

  /** Programs get the inner map itself. */
  find(key: Uint8Array): number {
    const entry = this.#inner.get(keyText(key));
    return entry === undefined ? 0 : (this.host.mapAtIndex(entry.index)?.addr ?? 0);
  }

  set(key: Uint8Array, value: Uint8Array, flags: number): number {
    if (flags < 0 || flags > BPF_EXIST) return -EINVAL;
    const index = u32(value);
    const inner = this.host.mapAtIndex(index);
    const template = this.def.innerMap === undefined ? undefined : this.host.mapAtIndex(this.def.innerMap);
    // bpf_map_meta_equal: type, key and value size and flags must match the template.
    if (inner === undefined || (template !== undefined && !sameShape(inner, template))) return -EINVAL;
    const text = keyText(key);
    const has = this.#inner.has(text);
    if (this.def.type === 'array_of_maps') {
      if (flags !== 0) return -EINVAL;
      if (u32(key) >= this.def.maxEntries) return -E2BIG;
    } else {
      if (has && flags === BPF_NOEXIST) return -EEXIST;
      if (!has && flags === BPF_EXIST) return -ENOENT;
      if (!has && this.#inner.size >= this.def.maxEntries) return -E2BIG;
    }
    this.#inner.set(text, { key: key.slice(), index });
    return 0;
  }

  remove(key: Uint8Array): number {
    return this.#inner.delete(keyText(key)) ? 0 : -ENOENT;
  }

  override lookup(key: Uint8Array): Uint8Array | undefined {
    const entry = this.#inner.get(keyText(key));
    return entry === undefined ? undefined : u32Key(entry.index);
  }

  override *items(): Iterable<{ readonly key: Uint8Array; readonly value: number }> {}

  override *entries(): Iterable<readonly [Uint8Array, Uint8Array]> {
    for (const { key, index } of this.#inner.values()) yield [key.slice(), u32Key(index)];
  }

  dispose(): void {
    this.#inner.clear();
  }
}

const sameShape = (a: VmMap, b: VmMap): boolean =>
  a.def.type === b.def.type &&
  a.def.keySize === b.def.keySize &&
  a.def.valueSize === b.def.valueSize &&
  a.def.flags === b.def.flags;

export class ProgArray extends VmMap {
  readonly #programs = new Map<number, number>();

  /** Index of the program in a slot, undefined = empty. */
  programIndex(slot: number): number | undefined {
    return slot < this.def.maxEntries ? this.#programs.get(slot) : undefined;
  }

  find(): number {
    return 0;
  }

  set(key: Uint8Array, value: Uint8Array, flags: number): number {
    if (flags !== 0) return -EINVAL;
    if (u32(key) >= this.def.maxEntries) return -E2BIG;
    this.#programs.set(u32(key), u32(value));
    return 0;
  }

  remove(key: Uint8Array): number {
    if (u32(key) >= this.def.maxEntries) return -E2BIG;
    return this.#programs.delete(u32(key)) ? 0 : -ENOENT;
  }

  override lookup(key: Uint8Array): Uint8Array | undefined {
    const index = this.programIndex(u32(key));
    return index === undefined ? undefined : u32Key(index);
  }

  override *items(): Iterable<{ readonly key: Uint8Array; readonly value: number }> {}

  override *entries(): Iterable<readonly [Uint8Array, Uint8Array]> {
    for (const [slot, index] of this.#programs) yield [u32Key(slot), u32Key(index)];
  }

  dispose(): void {
    this.#programs.clear();
  }
}
