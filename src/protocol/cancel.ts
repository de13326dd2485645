/** How a question that is being answered is given up: a busy worker receives no messages, but it can look at shared memory. */

const SLOTS = 256;

/** Which questions are not wanted any more, by their ids; both sides hold the same memory. */
export class CancelBoard {
  readonly memory: SharedArrayBuffer;
  readonly #slots: Int32Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(SLOTS * 4)) {
    this.memory = memory;
    this.#slots = new Int32Array(memory);
  }

  /** A board, or null where memory cannot be shared: then what runs, runs to its end. */
  static create(): CancelBoard | null {
    return typeof SharedArrayBuffer === 'undefined' ? null : new CancelBoard();
  }

  /** Ids grow, so an id that was overwritten by a later one of its slot was forgotten long ago. */
  cancel(id: number): void {
    Atomics.store(this.#slots, id % SLOTS, id);
  }

  isCancelled(id: number): boolean {
    return Atomics.load(this.#slots, id % SLOTS) === id;
  }
}
