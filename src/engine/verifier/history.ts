/** The recorded way to a refusal as one list of instructions, with the value that each place had at each moment. */
import type { Begin, Held, Segment } from './record.ts';
import { pathTo } from './record.ts';

export interface Written {
  /** Position on the path of the instruction that changed the place; -1 = it was so at the entry. */
  readonly at: number;
  readonly now: Held | null;
  /** Set where a segment began with it: the change may be the exploration's, not the instruction's. */
  readonly begin: Begin | null;
}

export class History {
  /** Instruction numbers of the path, oldest first. */
  readonly insns: number[] = [];
  readonly #written = new Map<string, Written[]>();

  constructor(last: Segment | null) {
    for (const s of pathTo(last)) {
      // An entry, or a callback that runs on its own.
      if (s.full) this.#written.clear();
      this.#note(s.start, s.full ? -1 : this.insns.length - 1, s.begin);
      for (const step of s.steps) {
        this.insns.push(step.insn);
        this.#note(step.changes, this.insns.length - 1, null);
      }
    }
  }

  #note(changes: Segment['start'], at: number, begin: Begin | null): void {
    for (const { place, now } of changes) {
      if (place.endsWith(':')) {
        // The function was left: all of its places are gone.
        for (const [key, list] of this.#written)
          if (key.startsWith(place) && list[list.length - 1].now !== null) list.push({ at, now: null, begin });
        continue;
      }
      const list = this.#written.get(place);
      if (list === undefined) this.#written.set(place, [{ at, now, begin }]);
      else list.push({ at, now, begin });
    }
  }

  /** The last change of a place by an instruction before position `before`; null = it was never set. */
  lastWrite(place: string, before: number): Written | null {
    const list = this.#written.get(place) ?? [];
    for (let i = list.length - 1; i >= 0; i--) if (list[i].at < before) return list[i];
    return null;
  }

  /** What a place held before the instruction at a position. */
  at(place: string, position: number): Held | null {
    return this.lastWrite(place, position)?.now ?? null;
  }

  /** Places with what they were last, and when that began. */
  *places(): Generator<readonly [string, readonly Written[]]> {
    yield* this.#written;
  }
}
