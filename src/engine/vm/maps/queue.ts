/** queue, stack and bloom_filter: maps without keys. Semantics: kernel/bpf/queue_stack_maps.c, bloom_filter.c. */
import { E2BIG, EINVAL, ENOENT, EOPNOTSUPP } from '../errno.ts';
import { BPF_ANY, BPF_EXIST, VmMap, keyText } from './map.ts';

const NO_KEY = new Uint8Array(0);

/** Maps that bpf_map_push_elem and its like work on. */
export abstract class KeylessMap extends VmMap {
  abstract push(value: Uint8Array, flags: number): number;
  /** Copies a value to `into` in the arena; `remove` for pop. 0 or -errno. */
  abstract take(into: number, remove: boolean): number;

  find(): number {
    return 0;
  }

  /** User space pushes with bpf(BPF_MAP_UPDATE_ELEM) and no key. */
  set(_key: Uint8Array, value: Uint8Array, flags: number): number {
    return this.push(value, flags);
  }

  remove(): number {
    return -EINVAL;
  }

  override *items(): Iterable<{ readonly key: Uint8Array; readonly value: number }> {}

  dispose(): void {}
}

export class QueueStackMap extends KeylessMap {
  /** Oldest first. */
  readonly #values: Uint8Array[] = [];

  push(value: Uint8Array, flags: number): number {
    // BPF_EXIST forces: the oldest element makes room.
    if (flags !== BPF_ANY && flags !== BPF_EXIST) return -EINVAL;
    if (this.#values.length >= this.def.maxEntries) {
      if (flags !== BPF_EXIST) return -E2BIG;
      this.#values.shift();
    }
    this.#values.push(value.slice(0, this.def.valueSize));
    return 0;
  }

  take(into: number, remove: boolean): number {
    const last = this.def.type === 'stack';
    const value = last ? this.#values.at(-1) : this.#values[0];
    if (value === undefined) {
      this.mem.bytes.fill(0, into, into + this.def.valueSize);
      return -ENOENT;
    }
    this.mem.bytes.set(value, into);
    if (remove) {
      if (last) this.#values.pop();
      else this.#values.shift();
    }
    return 0;
  }

  override lookup(): Uint8Array | undefined {
    return (this.def.type === 'stack' ? this.#values.at(-1) : this.#values[0])?.slice();
  }

  /** In the order in which they would be popped. */
  override *entries(): Iterable<readonly [Uint8Array, Uint8Array]> {
    const order = this.def.type === 'stack' ? [...this.#values].reverse() : this.#values;
    for (const v of order) yield [NO_KEY, v.slice()];
  }
}

/** Without false positives: the kernel's depend on its hash seed. */
export class BloomFilter extends KeylessMap {
  readonly #values = new Map<string, Uint8Array>();

  push(value: Uint8Array, flags: number): number {
    if (flags !== BPF_ANY) return -EINVAL;
    const own = value.slice(0, this.def.valueSize);
    this.#values.set(keyText(own), own);
    return 0;
  }

  /** Peek asks whether the value at `into` is in the set. */
  take(into: number, remove: boolean): number {
    if (remove) return -EOPNOTSUPP;
    return this.#values.has(keyText(this.copyOut(into))) ? 0 : -ENOENT;
  }

  override *entries(): Iterable<readonly [Uint8Array, Uint8Array]> {
    for (const v of this.#values.values()) yield [NO_KEY, v.slice()];
  }
}
