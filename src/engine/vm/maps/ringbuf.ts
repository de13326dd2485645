/**
 * Ring buffer and perf event array: ways out to user space. Semantics: kernel/bpf/ringbuf.c. A consumer is assumed
 * that has read everything when the next program starts, so a ring is full only for what one run puts into it.
 */
import { EINVAL, ENOTSUPP } from '../errno.ts';
import type { KAddr } from '../types.ts';
import { VmMap } from './map.ts';

const HEADER = 8;
/** BPF_RINGBUF_BUSY_BIT and _DISCARD_BIT are the two upper bits of the length. */
const MAX_RECORD = 0xffffffff >>> 2;
const PAGE = 4096;

export class RingBuf extends VmMap {
  #producer = 0;
  #consumer = 0;

  /** Address of a zeroed record, or 0 when it does not fit. */
  reserve(size: number): KAddr | 0 {
    if (size > MAX_RECORD) return 0;
    const length = Math.ceil((size + HEADER) / 8) * 8;
    if (length > this.def.maxEntries) return 0;
    if (this.#producer + length - this.#consumer > this.def.maxEntries - 1) return 0;
    this.#producer += length;
    return this.mem.alloc(size, `record of ${this.def.name}`);
  }

  /** bpf_ringbuf_query. */
  query(what: number): number {
    switch (what) {
      case 0:
        return this.#producer - this.#consumer;
      case 1:
        return this.def.maxEntries;
      case 2:
        return this.#consumer;
      case 3:
        return this.#producer;
      default:
        return 0;
    }
  }

  /** The consumer catches up. */
  drain(): void {
    this.#consumer = this.#producer;
  }

  find(): number {
    return 0;
  }

  set(): number {
    return -ENOTSUPP;
  }

  remove(): number {
    return -ENOTSUPP;
  }

  override *items(): Iterable<{ readonly key: Uint8Array; readonly value: number }> {}

  dispose(): void {}
}

/** perf_event_array, and map types that LSM programs can name but not use in this model. */
export class OpaqueMap extends VmMap {
  find(): number {
    return 0;
  }

  set(): number {
    return -EINVAL;
  }

  remove(): number {
    return -EINVAL;
  }

  override *items(): Iterable<{ readonly key: Uint8Array; readonly value: number }> {}

  dispose(): void {}
}

/** Why a ring buffer of this size cannot be created, or null (ringbuf_map_alloc). */
export function ringSizeProblem(maxEntries: number): string | null {
  if (maxEntries === 0 || maxEntries % PAGE !== 0)
    return `max_entries ${maxEntries} is no multiple of the page size ${PAGE}`;
  return (maxEntries & (maxEntries - 1)) !== 0 ? `max_entries ${maxEntries} is no power of two` : null;
}
