/** The macros in force. Counts its own states, and says who looked up what. */
import type { Macro } from '../macros.ts';

/** A state of the table: the same definitions in the same order lead from one to the same next. */
interface Version {
  readonly next: Map<Macro | number, Version>;
}

export class MacroTable {
  readonly #byId: (Macro | undefined)[];
  #version: Version;
  /** Of the reader: which macros it looked up, each once. */
  #reads: number[] | null = null;
  #seen = new Uint32Array(0);
  #reader = 0;

  /** @param from the table to start from: a copy */
  constructor(from?: MacroTable) {
    this.#byId = from === undefined ? [] : from.#byId.slice();
    this.#version = from === undefined ? { next: new Map() } : from.#version;
  }

  get version(): object {
    return this.#version;
  }

  #note(id: number): void {
    if (id >= this.#seen.length) {
      const more = new Uint32Array(Math.max(1024, id * 2));
      more.set(this.#seen);
      this.#seen = more;
    }
    if (this.#seen[id] === this.#reader) return;
    this.#seen[id] = this.#reader;
    this.#reads!.push(id);
  }

  get(id: number): Macro | undefined {
    if (this.#reads !== null) this.#note(id);
    return this.#byId[id];
  }

  has(id: number): boolean {
    return this.get(id) !== undefined;
  }

  set(id: number, macro: Macro): void {
    this.#byId[id] = macro;
    this.#step(macro);
  }

  delete(id: number): void {
    this.#byId[id] = undefined;
    this.#step(id);
  }

  #step(by: Macro | number): void {
    let next = this.#version.next.get(by);
    if (next === undefined) {
      next = { next: new Map() };
      this.#version.next.set(by, next);
    }
    this.#version = next;
  }

  *keys(): Generator<number> {
    for (let id = 0; id < this.#byId.length; id++) if (this.#byId[id] !== undefined) yield id;
  }

  /** From here on it is noted which macros are looked up. */
  startReading(): void {
    this.#reads = [];
    this.#reader++;
  }

  /** What was looked up, with the answers as they are now. */
  stopReading(): { readonly ids: readonly number[]; readonly values: readonly (Macro | undefined)[] } {
    const ids = this.#reads ?? [];
    this.#reads = null;
    return { ids, values: ids.map((id) => this.#byId[id]) };
  }

  /** The macro, unnoticed. */
  peek(id: number): Macro | undefined {
    return this.#byId[id];
  }
}
