/**
 * Simulated kernel memory: one growing ArrayBuffer with an allocator and a shadow map, in the manner of KASAN.
 * One shadow byte describes 8 bytes of arena: how many of its first bytes may be accessed (0 = none, 8 = all).
 * There are two shadows, for loads and for stores: bytes whose accesses must be noticed (map values, globals) or
 * refused (read-only data) look unaddressable there, so the interpreter's fast path is one comparison and everything
 * special ends up in its slow path.
 */
import { AssertionError } from '../../base/index.ts';
import { KERNEL_BASE_HI, type KAddr, type KernelMemory } from './types.ts';

/** The upper half of every kernel pointer, as the Int32 that registers hold. */
export const KHI = KERNEL_BASE_HI | 0;

/** The arena stays below 1 GiB, so that every address is a positive Int32. */
export const ARENA_LIMIT = 1 << 30;
const INITIAL_SIZE = 1 << 18;
/** The first page is never allocated: 0 is NULL, and bytes 0..63 always read as zero (see the interpreter). */
const FIRST = 0x1000;
/** Unaddressable bytes after each allocation, so that running off its end is caught. */
const REDZONE = 16;

/** What the slow path must do about accesses to an allocation. */
export interface AccessWatch {
  /** Report loads. */
  readonly loads: boolean;
  /** Report stores. */
  readonly stores: boolean;
  /** Refuse stores. */
  readonly readOnly: boolean;
  /** Names the value that contains an address. */
  valueAt(addr: number): WatchedValue;
}

/** A map value as the trace names it. `map` is the VM's own map object. */
export interface WatchedValue {
  readonly map: unknown;
  readonly key: Uint8Array;
  readonly start: number;
  readonly size: number;
}

/** One allocation. Blocks are never split or merged: a freed one is reused for requests of the same capacity. */
export interface Block {
  readonly start: KAddr;
  readonly capacity: number;
  size: number;
  label: string;
  live: boolean;
  watch: AccessWatch | null;
}

/** The arena is full: a modelled kernel that ran out of memory. */
export class OutOfMemory extends Error {
  override readonly name = 'OutOfMemory';
}

/** A copy of everything in an arena, to come back to. */
export interface ArenaSnapshot {
  readonly top: number;
  readonly bytes: Uint8Array;
  readonly load: Uint8Array;
  readonly store: Uint8Array;
  readonly blocks: readonly Block[];
  readonly freed: ReadonlyMap<number, readonly number[]>;
}

/** The implementation of `KernelMemory` that the interpreter works on. */
export class Arena implements KernelMemory {
  bytes: Uint8Array = new Uint8Array(INITIAL_SIZE);
  view: DataView = new DataView(this.bytes.buffer);
  /** Shadow for loads, one byte per 8. */
  loadOk: Uint8Array = new Uint8Array(INITIAL_SIZE >> 3);
  /** Shadow for stores. */
  storeOk: Uint8Array = new Uint8Array(INITIAL_SIZE >> 3);
  #top = FIRST;
  /** Sorted by start: allocation only appends, reuse keeps the place. */
  #blocks: Block[] = [];
  /** Freed blocks by capacity, oldest first, as indexes into #blocks. FIFO keeps stale pointers invalid for long. */
  #freed = new Map<number, number[]>();

  /** Bytes handed out so far, including freed ones. */
  get used(): number {
    return this.#top;
  }

  alloc(size: number, label: string): KAddr {
    return this.allocWatched(size, label, null);
  }

  /** Like `alloc`, with accesses reported to or refused for the interpreter. */
  allocWatched(size: number, label: string, watch: AccessWatch | null): KAddr {
    if (!Number.isInteger(size) || size < 0) throw new AssertionError(`alloc of ${size} bytes for ${label}`);
    const capacity = Math.max(8, Math.ceil(size / 8) * 8);
    const queue = this.#freed.get(capacity);
    let block: Block;
    if (queue !== undefined && queue.length > 0) {
      block = this.#blocks[queue.shift()!];
      block.size = size;
      block.label = label;
      block.live = true;
      block.watch = watch;
      this.bytes.fill(0, block.start, block.start + capacity);
    } else {
      const start = this.#top;
      const end = start + capacity + REDZONE;
      if (end > ARENA_LIMIT) throw new OutOfMemory(`simulated kernel memory is full: ${size} bytes for ${label}`);
      if (end > this.bytes.length) this.#grow(end);
      this.#top = end;
      block = { start: start as KAddr, capacity, size, label, live: true, watch };
      this.#blocks.push(block);
    }
    this.#shade(block);
    return block.start;
  }

  free(addr: KAddr): void {
    const index = this.#indexOf(addr);
    const block = this.#blocks[index];
    if (block === undefined || block.start !== addr || !block.live) {
      throw new AssertionError(`free of 0x${addr.toString(16)}, which is not allocated`);
    }
    block.live = false;
    block.watch = null;
    this.loadOk.fill(0, addr >> 3, (addr + block.capacity) >> 3);
    this.storeOk.fill(0, addr >> 3, (addr + block.capacity) >> 3);
    const queue = this.#freed.get(block.capacity);
    if (queue === undefined) this.#freed.set(block.capacity, [index]);
    else queue.push(index);
  }

  objectAt(addr: number): Block | undefined {
    const block = this.blockNear(addr);
    return block !== undefined && block.live && addr < block.start + Math.max(1, block.size) ? block : undefined;
  }

  /** The last block that starts at or before `addr`, live or not: for naming what a bad access was near to. */
  blockNear(addr: number): Block | undefined {
    const index = this.#indexOf(addr);
    return index < 0 ? undefined : this.#blocks[index];
  }

  writePtr(at: number, target: KAddr | 0): void {
    this.view.setInt32(at, target, true);
    this.view.setInt32(at + 4, target === 0 ? 0 : KHI, true);
  }

  readPtr(at: number): KAddr | 0 {
    return this.view.getInt32(at + 4, true) === KHI ? (this.view.getInt32(at, true) as KAddr) : 0;
  }

  /** True when every byte of [addr, addr + size) belongs to a live allocation (whatever its watch). */
  addressable(addr: number, size: number): boolean {
    if (size === 0) return true;
    const block = this.objectAt(addr);
    return block !== undefined && addr + size <= block.start + block.size;
  }

  /** Copies the whole state; cost is proportional to the memory in use. */
  snapshot(): ArenaSnapshot {
    const granules = (this.#top + 7) >> 3;
    return {
      top: this.#top,
      bytes: this.bytes.slice(0, this.#top),
      load: this.loadOk.slice(0, granules),
      store: this.storeOk.slice(0, granules),
      blocks: this.#blocks.map((b) => ({ ...b })),
      freed: new Map([...this.#freed].map(([k, v]) => [k, [...v]])),
    };
  }

  /** Goes back to a snapshot of this arena. */
  restore(s: ArenaSnapshot): void {
    if (s.top > this.bytes.length) this.#grow(s.top);
    this.bytes.fill(0, 0, Math.max(this.#top, s.top));
    this.loadOk.fill(0);
    this.storeOk.fill(0);
    this.bytes.set(s.bytes);
    this.loadOk.set(s.load);
    this.storeOk.set(s.store);
    this.#top = s.top;
    this.#blocks = s.blocks.map((b) => ({ ...b }));
    this.#freed = new Map([...s.freed].map(([k, v]) => [k, [...v]]));
  }

  #indexOf(addr: number): number {
    let lo = 0;
    let hi = this.#blocks.length;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if (this.#blocks[mid].start <= addr) lo = mid + 1;
      else hi = mid;
    }
    return lo - 1;
  }

  #shade(block: Block): void {
    const { start, size, watch } = block;
    const full = (start + size) >> 3;
    const shadow = (map: Uint8Array, hidden: boolean): void => {
      map.fill(0, start >> 3, (start + block.capacity) >> 3);
      if (hidden) return;
      map.fill(8, start >> 3, full);
      if ((size & 7) !== 0) map[full] = size & 7;
    };
    shadow(this.loadOk, watch !== null && watch.loads);
    shadow(this.storeOk, watch !== null && (watch.stores || watch.readOnly));
  }

  #grow(need: number): void {
    let size = this.bytes.length;
    while (size < need) size *= 2;
    const bytes = new Uint8Array(size);
    bytes.set(this.bytes);
    const load = new Uint8Array(size >> 3);
    load.set(this.loadOk);
    const store = new Uint8Array(size >> 3);
    store.set(this.storeOk);
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
    this.loadOk = load;
    this.storeOk = store;
  }
}

/** A fresh simulated kernel memory. */
export function createMemory(): KernelMemory {
  return new Arena();
}
