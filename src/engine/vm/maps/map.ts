/** What all maps share. `find`, `set` and `remove` are the program's side, the RuntimeMap methods user space's. */
import type { MapDef } from '../../loader/index.ts';
import { EINVAL, EPERM } from '../errno.ts';
import type { Arena, WatchedValue } from '../memory.ts';
import type { KAddr, RuntimeMap } from '../types.ts';

/** Update flags (include/uapi/linux/bpf.h). */
export const BPF_ANY = 0;
export const BPF_NOEXIST = 1;
export const BPF_EXIST = 2;
export const BPF_F_LOCK = 4;
/** Map creation flag: read-only for user space. */
const BPF_F_RDONLY = 1 << 3;

/** What maps need of the object they belong to. */
export interface MapHost {
  readonly mem: Arena;
  /** Frees a value: at once, or when the program that may still point to it has ended (RCU's grace period). */
  release(addr: KAddr): void;
  /** Byte ranges of a value that updates leave alone: bpf_spin_lock, bpf_timer. */
  specialFields(def: MapDef): readonly { readonly offset: number; readonly size: number }[];
  /** Map by index in the object, for map-in-map. */
  mapAtIndex(index: number): VmMap | undefined;
  mapAt(addr: number): VmMap | undefined;
}

/** Size reserved for `struct bpf_map`; its fields are not modelled and read as zero. */
const STRUCT_BPF_MAP_SIZE = 512;

export abstract class VmMap implements RuntimeMap {
  readonly def: MapDef;
  /** The arena address that programs see as the map. */
  readonly addr: KAddr;
  protected readonly host: MapHost;
  protected readonly mem: Arena;
  readonly #special: readonly { readonly offset: number; readonly size: number }[];

  constructor(def: MapDef, host: MapHost) {
    this.def = def;
    this.host = host;
    this.mem = host.mem;
    this.addr = host.mem.alloc(STRUCT_BPF_MAP_SIZE, `struct bpf_map ${def.name}`);
    this.#special = host.specialFields(def);
  }

  /** Address of the value (or inner map) of a key, 0 = none. */
  abstract find(key: Uint8Array): number;
  /** 0 or a negative errno. */
  abstract set(key: Uint8Array, value: Uint8Array, flags: number): number;
  abstract remove(key: Uint8Array): number;
  /** Keys and value addresses. */
  abstract items(): Iterable<{ readonly key: Uint8Array; readonly value: number }>;
  /** Gives all memory back. */
  abstract dispose(): void;

  /** Address of the only value of global data and one-entry arrays, for ld_imm64; undefined for other maps. */
  directValue(_offset: number): number | undefined {
    return undefined;
  }

  lookup(key: Uint8Array): Uint8Array | undefined {
    if (key.length !== this.def.keySize) return undefined;
    const at = this.find(key);
    return at === 0 ? undefined : this.copyOut(at);
  }

  update(key: Uint8Array, value: Uint8Array, flags: bigint): number {
    if ((this.def.flags & BPF_F_RDONLY) !== 0 || (this.def.section !== undefined && this.def.readOnly)) return -EPERM;
    if (key.length !== this.def.keySize || value.length !== this.def.valueSize) return -EINVAL;
    return this.set(key, value, flags > 0xffffffffn ? -1 : Number(flags));
  }

  delete(key: Uint8Array): number {
    if ((this.def.flags & BPF_F_RDONLY) !== 0) return -EPERM;
    return key.length === this.def.keySize ? this.remove(key) : -EINVAL;
  }

  *entries(): Iterable<readonly [Uint8Array, Uint8Array]> {
    for (const { key, value } of this.items()) yield [key, this.copyOut(value)];
  }

  /** A copy of a value's bytes. */
  copyOut(at: number): Uint8Array {
    return this.mem.bytes.slice(at, at + this.def.valueSize);
  }

  /** Copies a value in, leaving locks and timers alone (copy_map_value). */
  protected copyIn(at: number, value: Uint8Array): void {
    if (this.#special.length === 0) {
      this.mem.bytes.set(value.subarray(0, this.def.valueSize), at);
      return;
    }
    const merged = value.slice(0, this.def.valueSize);
    for (const f of this.#special) merged.set(this.mem.bytes.subarray(at + f.offset, at + f.offset + f.size), f.offset);
    this.mem.bytes.set(merged, at);
  }

  /** A value of its own, zeroed, whose stores are reported under `key`. */
  protected allocValue(key: Uint8Array): KAddr {
    const { valueSize: size, name } = this.def;
    const watched: { -readonly [K in keyof WatchedValue]: WatchedValue[K] } = { map: this, key, start: 0, size };
    const at = this.mem.allocWatched(size, `value of map ${name}`, {
      loads: false,
      stores: true,
      readOnly: false,
      valueAt: () => watched,
    });
    watched.start = at;
    return at;
  }

  /** -EINVAL for flags that updates do not know. */
  protected badFlags(flags: number): boolean {
    const lock = (flags & BPF_F_LOCK) !== 0 && flags > 0;
    if (flags < 0 || (flags & ~BPF_F_LOCK) >>> 0 > BPF_EXIST) return true;
    return lock && this.#special.length === 0;
  }
}

/** Bytes as a JavaScript map key. */
export function keyText(key: Uint8Array): string {
  let s = '';
  for (let i = 0; i < key.length; i++) s += String.fromCharCode(key[i]);
  return s;
}
