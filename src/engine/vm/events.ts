/** Collects what a run did to maps, in order, for the trace. */
import type { MapDef } from '../loader/index.ts';
import type { Arena, WatchedValue } from './memory.ts';
import type { MapEvent, RuntimeMap } from './types.ts';

/** A program in a long loop must not fill the memory of the tool: later events are only counted. */
const MAX_EVENTS = 20_000;

type Mutable = { -readonly [K in keyof MapEvent]: MapEvent[K] };

/** The map events of one run. A series of stores into one value is one 'write' with the value before and after. */
export class EventLog {
  readonly list: Mutable[] = [];
  dropped = 0;
  readonly #mem: Arena;
  #open: { readonly event: Mutable; readonly start: number; readonly size: number } | null = null;
  /** Slots that already reported a read: a loop over a global is one event an instruction. */
  readonly #reads = new Set<number>();

  constructor(mem: Arena) {
    this.#mem = mem;
  }

  /** Lookup, update, delete, reserve. `before` and `after` must be copies. */
  op(
    def: MapDef,
    op: MapEvent['op'],
    key: Uint8Array,
    before: Uint8Array | null,
    after: Uint8Array | null,
    found: boolean,
    insn: number,
  ): void {
    this.close();
    this.#push({ map: def, op, key, before, after, found, insn });
  }

  /** A load from a global. */
  read(value: WatchedValue, insn: number): void {
    if (this.#reads.has(insn)) return;
    this.#reads.add(insn);
    this.close();
    const now = this.#copy(value.start, value.size);
    this.#push({ map: defOf(value), op: 'read', key: value.key, before: now, after: now, found: true, insn });
  }

  /** A store into a map value is about to happen. */
  write(value: WatchedValue, insn: number): void {
    if (this.#open !== null && this.#open.start === value.start) return;
    this.close();
    const before = this.#copy(value.start, value.size);
    const event: Mutable = { map: defOf(value), op: 'write', key: value.key, before, after: null, found: true, insn };
    if (this.#push(event)) this.#open = { event, start: value.start, size: value.size };
  }

  /** Completes the open write with the value as it is now. */
  close(): void {
    if (this.#open === null) return;
    this.#open.event.after = this.#copy(this.#open.start, this.#open.size);
    this.#open = null;
  }

  #push(event: Mutable): boolean {
    if (this.list.length >= MAX_EVENTS) {
      this.dropped++;
      return false;
    }
    this.list.push(event);
    return true;
  }

  #copy(start: number, size: number): Uint8Array {
    return this.#mem.bytes.slice(start, start + size);
  }
}

const defOf = (value: WatchedValue): MapDef => (value.map as RuntimeMap).def;
