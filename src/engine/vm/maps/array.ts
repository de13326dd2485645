/** array, percpu_array (one CPU) and global data. Semantics: kernel/bpf/arraymap.c. */
import { E2BIG, EEXIST, EINVAL } from '../errno.ts';
import type { MapDef } from '../../loader/index.ts';
import type { AccessWatch, WatchedValue } from '../memory.ts';
import type { KAddr } from '../types.ts';
import { BPF_F_LOCK, BPF_NOEXIST, VmMap, type MapHost } from './map.ts';

/** Arrays up to this size are one allocation; larger ones get their memory a piece at a time when it is touched. */
const WHOLE = 1 << 16;
const PIECE = 1 << 12;

export class ArrayMap extends VmMap {
  readonly #stride: number;
  readonly #perPiece: number;
  /** Piece number to address. */
  readonly #pieces = new Map<number, KAddr>();

  constructor(def: MapDef, host: MapHost) {
    super(def, host);
    this.#stride = Math.ceil(def.valueSize / 8) * 8;
    const whole = this.#stride * def.maxEntries <= WHOLE;
    this.#perPiece = whole ? def.maxEntries : Math.max(1, Math.floor(PIECE / this.#stride));
    if (whole && def.maxEntries > 0) this.#piece(0);
    if (def.initial !== undefined) {
      const at = this.#piece(0);
      this.mem.bytes.set(def.initial.subarray(0, def.valueSize), at);
    }
  }

  find(key: Uint8Array): number {
    return this.at(u32(key));
  }

  /** Address of an element, 0 when the index is too large. */
  at(index: number): number {
    if (index >= this.def.maxEntries) return 0;
    const n = Math.floor(index / this.#perPiece);
    return this.#piece(n) + (index - n * this.#perPiece) * this.#stride;
  }

  set(key: Uint8Array, value: Uint8Array, flags: number): number {
    if (this.badFlags(flags)) return -EINVAL;
    const index = u32(key);
    if (index >= this.def.maxEntries) return -E2BIG;
    if ((flags & BPF_NOEXIST) !== 0) return -EEXIST;
    if ((flags & BPF_F_LOCK) !== 0 && this.def.type === 'percpu_array') return -EINVAL;
    this.copyIn(this.at(index), value);
    return 0;
  }

  remove(): number {
    return -EINVAL;
  }

  /** All elements of a small array; of a large one those in pieces that were touched (the others are zero). */
  *items(): Iterable<{ readonly key: Uint8Array; readonly value: number }> {
    for (const n of [...this.#pieces.keys()].sort((a, b) => a - b)) {
      const end = Math.min((n + 1) * this.#perPiece, this.def.maxEntries);
      for (let i = n * this.#perPiece; i < end; i++) yield { key: u32Key(i), value: this.at(i) };
    }
  }

  /** Direct addresses exist for one-element arrays only (array_map_direct_value_addr). */
  override directValue(offset: number): number | undefined {
    return this.def.maxEntries === 1 && this.def.type === 'array' && offset >= 0 && offset < this.def.valueSize
      ? this.at(0) + offset
      : undefined;
  }

  dispose(): void {
    for (const at of this.#pieces.values()) this.mem.free(at);
    this.#pieces.clear();
  }

  #piece(n: number): KAddr {
    let at = this.#pieces.get(n);
    if (at !== undefined) return at;
    const { def } = this;
    const count = Math.min(this.#perPiece, def.maxEntries - n * this.#perPiece);
    const isGlobal = def.section !== undefined;
    const watch: AccessWatch = {
      loads: isGlobal,
      stores: true,
      readOnly: isGlobal && def.readOnly,
      valueAt: (addr): WatchedValue => {
        const k = Math.floor((addr - at!) / this.#stride);
        const key = isGlobal ? new Uint8Array(0) : u32Key(n * this.#perPiece + k);
        return { map: this, key, start: at! + k * this.#stride, size: def.valueSize };
      },
    };
    at = this.mem.allocWatched(this.#stride * count, isGlobal ? def.name : `value of map ${def.name}`, watch);
    this.#pieces.set(n, at);
    return at;
  }
}

/** First four bytes, little-endian. */
export const u32 = (b: Uint8Array): number => (b[0] | (b[1] << 8) | (b[2] << 16) | (b[3] << 24)) >>> 0;

export function u32Key(v: number): Uint8Array {
  return Uint8Array.of(v, v >>> 8, v >>> 16, v >>> 24);
}
