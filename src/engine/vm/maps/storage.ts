/** task, inode, sk and cgroup local storage: values that live as long as their owner. kernel/bpf/bpf_local_storage.c. */
import { EEXIST, EINVAL, ENOENT } from '../errno.ts';
import type { KAddr } from '../types.ts';
import { BPF_EXIST, BPF_F_LOCK, BPF_NOEXIST, VmMap } from './map.ts';

export class StorageMap extends VmMap {
  /** By owner address, in creation order. */
  readonly #values = new Map<number, KAddr>();

  /** Value of an owner, 0 = none yet. */
  ofOwner(owner: number): number {
    return this.#values.get(owner) ?? 0;
  }

  /** Creates the value of an owner that has none; zeroed, or a copy of `init`. */
  create(owner: number, init: Uint8Array | null): number {
    const at = this.allocValue(ownerKey(owner));
    if (init !== null) this.copyIn(at, init);
    this.#values.set(owner, at);
    return at;
  }

  /** The owner is gone, or a program deletes its value. 0 or -ENOENT. */
  drop(owner: number): number {
    const at = this.#values.get(owner);
    if (at === undefined) return -ENOENT;
    this.#values.delete(owner);
    this.host.release(at);
    return 0;
  }

  /** In this model user space names the owner by its address (the kernel uses a file descriptor). */
  find(key: Uint8Array): number {
    return this.ofOwner(ownerOf(key));
  }

  set(key: Uint8Array, value: Uint8Array, flags: number): number {
    if (this.badFlags(flags)) return -EINVAL;
    const owner = ownerOf(key);
    const at = this.ofOwner(owner);
    const mode = flags & ~BPF_F_LOCK;
    if (at !== 0 && mode === BPF_NOEXIST) return -EEXIST;
    if (at === 0 && mode === BPF_EXIST) return -ENOENT;
    if (at !== 0) this.copyIn(at, value);
    else this.create(owner, value);
    return 0;
  }

  remove(key: Uint8Array): number {
    return this.drop(ownerOf(key));
  }

  // The declared key size is that of a file descriptor; here keys are addresses.
  override lookup(key: Uint8Array): Uint8Array | undefined {
    const at = this.find(key);
    return at === 0 ? undefined : this.copyOut(at);
  }

  override update(key: Uint8Array, value: Uint8Array, flags: bigint): number {
    if (key.length !== 8 || value.length !== this.def.valueSize) return -EINVAL;
    return this.set(key, value, Number(flags));
  }

  override delete(key: Uint8Array): number {
    return key.length === 8 ? this.remove(key) : -EINVAL;
  }

  *items(): Iterable<{ readonly key: Uint8Array; readonly value: number }> {
    for (const [owner, value] of this.#values) yield { key: ownerKey(owner), value };
  }

  dispose(): void {
    for (const at of this.#values.values()) this.mem.free(at);
    this.#values.clear();
  }
}

/** The owner's pointer as programs see it, little-endian. */
export function ownerKey(owner: number): Uint8Array {
  const key = new Uint8Array(8);
  const view = new DataView(key.buffer);
  view.setUint32(0, owner, true);
  view.setUint32(4, owner === 0 ? 0 : 0xffff8880, true);
  return key;
}

const ownerOf = (key: Uint8Array): number => new DataView(key.buffer, key.byteOffset).getUint32(0, true);
