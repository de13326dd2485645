/**
 * What the window and a busy engine worker tell each other through shared memory: a worker that verifies receives no
 * messages, but it can look at, and write to, memory that both hold.
 */

const SLOTS = 256;
const BEATS = 0;
const INSNS = 1;
const FIRST = 2;

/** What the window thinks of a question: `later` = give up what was done and ask again when nothing urgent waits. */
export type Wish = 'wanted' | 'later' | 'unwanted';

export class WorkBoard {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer((FIRST + SLOTS) * 4)) {
    this.memory = memory;
    this.#words = new Int32Array(memory);
  }

  /** A board, or null where memory cannot be shared: then what runs, runs to its end. */
  static create(): WorkBoard | null {
    return typeof SharedArrayBuffer === 'undefined' ? null : new WorkBoard();
  }

  // Ids grow, so an id that was overwritten by a later one of its slot was forgotten long ago.
  static #slot(id: number): number {
    return FIRST + (id % SLOTS);
  }

  cancel(id: number): void {
    Atomics.store(this.#words, WorkBoard.#slot(id), id);
  }

  /** Asks to make room for something urgent; a question that is not wanted at all stays so. */
  postpone(id: number): void {
    if (this.wish(id) !== 'unwanted') Atomics.store(this.#words, WorkBoard.#slot(id), -id);
  }

  /** The worker has heard of a `postpone`; false when it has become a `cancel` meanwhile. */
  resume(id: number): boolean {
    return Atomics.compareExchange(this.#words, WorkBoard.#slot(id), -id, 0) !== id;
  }

  wish(id: number): Wish {
    const word = Atomics.load(this.#words, WorkBoard.#slot(id));
    return word === id ? 'unwanted' : word === -id ? 'later' : 'wanted';
  }

  /** The worker is alive, and so far: instructions that the verifier processed of the program it is at. */
  beat(insns: number): void {
    Atomics.add(this.#words, BEATS, 1);
    Atomics.store(this.#words, INSNS, insns);
  }

  /** Changes as long as the worker looks at the board. */
  get beats(): number {
    return Atomics.load(this.#words, BEATS);
  }

  get insns(): number {
    return Atomics.load(this.#words, INSNS);
  }
}
