/**
 * A file of which only the pages are read that somebody looks at. Memory for all of it is set aside, but a system gives
 * what was never written no pages: opening a file costs nothing, and five megabytes of BTF cost what is used of them.
 */

/** The file, as whoever opened it lets it be read. */
export interface IndexedBtfFile {
  readonly size: number;
  /** Fills `into` from the file, beginning at `position`; false when that cannot be done. */
  read(into: Uint8Array, position: number): boolean;
  /** The same content from its origin, when the file turns out to be damaged. */
  remake(): Uint8Array;
}

/** A file that is in memory already. */
export const inMemory = (bytes: Uint8Array): IndexedBtfFile => ({
  size: bytes.length,
  read(into, position) {
    if (position + into.length > bytes.length) return false;
    into.set(bytes.subarray(position, position + into.length));
    return true;
  },
  remake: () => bytes,
});

const PAGE_BITS = 12;
export const PAGE = 1 << PAGE_BITS;
export const pagesOf = (size: number): number => (size + PAGE - 1) >> PAGE_BITS;

/**
 * A checksum of one word of each 64 bytes. It is there for what happens to files: blocks that were never written, or belong
 * to another file. It takes a tenth of the time of one over all bytes, which would be longer than reading them.
 * @param words from the start of a page
 */
export function pageSum(words: Uint32Array): number {
  let sum = words.length;
  for (let i = 0; i < words.length; i += 16) sum = (Math.imul(sum, 31) + words[i]) | 0;
  return sum >>> 0;
}

export class Pages {
  readonly bytes: Uint8Array;
  readonly #file: IndexedBtfFile;
  readonly #sums: Uint32Array;
  readonly #first: number;
  readonly #here: Uint8Array;

  /**
   * @param sums of the pages from number `first` on; the ones before it are there already
   * @param bytes as long as the file, its own buffer from the beginning
   */
  constructor(file: IndexedBtfFile, bytes: Uint8Array, first: number, sums: Uint32Array) {
    this.#file = file;
    this.bytes = bytes;
    this.#first = first;
    this.#sums = sums;
    this.#here = new Uint8Array(pagesOf(bytes.length));
    this.#here.fill(1, 0, first);
  }

  /** From now on these bytes can be read. What lies beyond the end is left out. */
  need(at: number, length: number): void {
    const last = Math.min((at + length - 1) >> PAGE_BITS, this.#here.length - 1);
    for (let page = at >> PAGE_BITS; page <= last; page++) if (this.#here[page] === 0) this.#load(page);
  }

  #load(page: number): void {
    const start = page << PAGE_BITS;
    const part = this.bytes.subarray(start, start + PAGE);
    const words = new Uint32Array(this.bytes.buffer, start, part.length >> 2);
    if (this.#file.read(part, start) && pageSum(words) === this.#sums[page - this.#first]) this.#here[page] = 1;
    else {
      const all = this.#file.remake();
      if (all.length !== this.bytes.length) throw new Error('indexed BTF: what was made anew is something else');
      this.bytes.set(all);
      this.#here.fill(1);
    }
  }
}
