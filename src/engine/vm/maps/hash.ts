/** hash, lru_hash and their per-cpu forms (one CPU). Semantics: kernel/bpf/hashtab.c. */
import { E2BIG, EEXIST, EINVAL, ENOENT } from '../errno.ts';
import type { KAddr } from '../types.ts';
import { BPF_EXIST, BPF_F_LOCK, BPF_NOEXIST, VmMap, keyText } from './map.ts';

interface Element {
  readonly key: Uint8Array;
  value: KAddr;
}

export class HashMap extends VmMap {
  /** In insertion order (the kernel's order depends on a random hash seed); for LRU: least recently used first. */
  readonly #elements = new Map<string, Element>();

  find(key: Uint8Array): number {
    const text = keyText(key);
    const element = this.#elements.get(text);
    if (element === undefined) return 0;
    if (this.#lru) this.#touch(text, element);
    return element.value;
  }

  set(key: Uint8Array, value: Uint8Array, flags: number): number {
    if (this.badFlags(flags)) return -EINVAL;
    const text = keyText(key);
    const old = this.#elements.get(text);
    const mode = flags & ~BPF_F_LOCK;
    if (old !== undefined && mode === BPF_NOEXIST) return -EEXIST;
    if (old === undefined && mode === BPF_EXIST) return -ENOENT;
    if (old !== undefined) {
      if ((flags & BPF_F_LOCK) !== 0 || this.#percpu) {
        this.copyIn(old.value, value);
      } else {
        // A new element takes the old one's place: pointers from earlier lookups keep seeing the old value.
        const stale = old.value;
        old.value = this.allocValue(old.key);
        this.copyIn(old.value, value);
        this.host.release(stale);
      }
      if (this.#lru) this.#touch(text, old);
      return 0;
    }
    if (this.#elements.size >= this.def.maxEntries) {
      if (!this.#lru) return -E2BIG;
      // The kernel evicts in batches and by reference bits; here exactly the least recently used one goes.
      const [victimText, victim] = this.#elements.entries().next().value!;
      this.#elements.delete(victimText);
      this.host.release(victim.value);
    }
    const own = key.slice();
    const element: Element = { key: own, value: this.allocValue(own) };
    this.copyIn(element.value, value);
    this.#elements.set(text, element);
    return 0;
  }

  remove(key: Uint8Array): number {
    const text = keyText(key);
    const element = this.#elements.get(text);
    if (element === undefined) return -ENOENT;
    this.#elements.delete(text);
    this.host.release(element.value);
    return 0;
  }

  *items(): Iterable<{ readonly key: Uint8Array; readonly value: number }> {
    for (const { key, value } of this.#elements.values()) yield { key: key.slice(), value };
  }

  dispose(): void {
    for (const e of this.#elements.values()) this.mem.free(e.value);
    this.#elements.clear();
  }

  get #lru(): boolean {
    return this.def.type === 'lru_hash' || this.def.type === 'lru_percpu_hash';
  }

  get #percpu(): boolean {
    return this.def.type === 'percpu_hash' || this.def.type === 'lru_percpu_hash';
  }

  #touch(text: string, element: Element): void {
    this.#elements.delete(text);
    this.#elements.set(text, element);
  }
}
