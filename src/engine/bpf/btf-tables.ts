/**
 * An indexed BTF blob: the blob as it is, after what is otherwise found out by going through all of it. It is for caches on
 * one machine: numbers are in the machine's own byte order, and are believed.
 *
 * What is always read comes first: a header, sums of the pages, the ids with flavoured names, and where each sixteenth
 * type starts. Then the names by their hash, types and enumerators together, laid out so that a look-up touches two pages; then the blob.
 */
import { err, ok, type Result } from '../../base/index.ts';
import { hashName } from './btf-index.ts';
import { PAGE, Pages, pagesOf, pageSum, type IndexedBtfFile } from './btf-pages.ts';
import type { BtfError } from './btf-types.ts';

/** `LSBT` and the version of this format: to be raised with every change. */
const MAGIC = 0x5442534c;
const FORMAT = 3;
/** Words of the header: magic, format, its own sum, the numbers of `Sizes`. */
const HEADER_WORDS = 16;
const SUM_WORD = 2;
const SIZES_WORD = 3;

/** One type in so many has its start written down; the others are found by walking from there. */
export const STRIDE = 16;
const BUCKET_BITS = 14;
const BUCKETS = 1 << BUCKET_BITS;
/** Marks an enumerator: the rest is the id of its enum. */
const ENUMERATOR = 0x80000000;

export interface NamedThing {
  readonly hash: number;
  /** Of the type, or of the enumerator's enum. */
  readonly id: number;
  readonly enumerator: boolean;
}

export interface BtfContent {
  readonly blob: Uint8Array;
  readonly starts: Uint32Array;
  readonly stringStart: number;
  readonly stringLength: number;
  /** In the order in which they are to be found: ascending ids. */
  readonly names: readonly NamedThing[];
  readonly flavored: readonly number[];
}

interface Sizes {
  readonly blob: number;
  readonly stringStart: number;
  readonly stringLength: number;
  readonly types: number;
  readonly names: number;
  readonly flavored: number;
}

/** Where the parts of the file are, in bytes. */
function layoutOf(s: Sizes) {
  const tail = (BUCKETS + 1) * 4 + s.names * 8 + s.blob;
  const anchors = Math.ceil(s.types / STRIDE);
  // The sums are of the pages behind the head, whose size depends on their number.
  let pages = pagesOf(tail);
  const headWords = (): number => HEADER_WORDS + pages + s.flavored + anchors;
  const sumsAt = HEADER_WORDS * 4;
  const headSize = pagesOf(headWords() * 4) * PAGE;
  const buckets = headSize;
  const names = buckets + (BUCKETS + 1) * 4;
  const blob = names + s.names * 8;
  pages = pagesOf(blob + s.blob - headSize);
  const flavored = sumsAt + pages * 4;
  return { pages, sumsAt, flavored, anchorsAt: flavored + s.flavored * 4, anchors, headSize, buckets, names, blob, size: roundUp(blob + s.blob) }; // prettier-ignore
}
const roundUp = (n: number): number => (n + 3) & ~3;

const wordsAt = (bytes: Uint8Array, at: number, count: number): Uint32Array => new Uint32Array(bytes.buffer, at, count);

export function writeTables(c: BtfContent): Uint8Array {
  const sizes: Sizes = {
    blob: c.blob.length,
    stringStart: c.stringStart,
    stringLength: c.stringLength,
    types: c.starts.length,
    names: c.names.length,
    flavored: c.flavored.length,
  };
  const l = layoutOf(sizes);
  const out = new Uint8Array(l.size);
  wordsAt(out, l.flavored, c.flavored.length).set(c.flavored);
  const anchors = wordsAt(out, l.anchorsAt, l.anchors);
  for (let i = 0; i < l.anchors; i++) anchors[i] = c.starts[i * STRIDE];
  writeNames(out, l, c.names);
  out.set(c.blob, l.blob);
  const sums = wordsAt(out, l.sumsAt, l.pages);
  for (let i = 0; i < l.pages; i++) {
    const start = l.headSize + i * PAGE;
    sums[i] = pageSum(wordsAt(out, start, Math.min(PAGE, l.size - start) >> 2));
  }
  const header = wordsAt(out, 0, HEADER_WORDS);
  header.set([MAGIC, FORMAT, 0, ...numbers(sizes)]);
  header[SUM_WORD] = headSum(wordsAt(out, 0, l.headSize >> 2));
  return out;
}

const numbers = (s: Sizes): number[] => [s.blob, s.stringStart, s.stringLength, s.types, s.names, s.flavored];

/** Of the header but the sum itself, and of one word of each 64 bytes behind it, as `pageSum` does. */
function headSum(words: Uint32Array): number {
  let sum = pageSum(words.subarray(HEADER_WORDS));
  for (let i = 0; i < HEADER_WORDS; i++) if (i !== SUM_WORD) sum = (Math.imul(sum, 31) + words[i]) | 0;
  return sum >>> 0;
}

/** The bucket is the upper part of the hash: entries in the order of their hashes are in the order of their buckets. */
const bucketOf = (hash: number): number => hash >>> (32 - BUCKET_BITS);

function writeNames(out: Uint8Array, l: { buckets: number; names: number }, names: readonly NamedThing[]): void {
  const buckets = wordsAt(out, l.buckets, BUCKETS + 1);
  for (const n of names) buckets[bucketOf(n.hash) + 1]++;
  for (let b = 1; b <= BUCKETS; b++) buckets[b] += buckets[b - 1];
  const next = buckets.slice();
  const entries = wordsAt(out, l.names, names.length * 2);
  for (const n of names) {
    const i = next[bucketOf(n.hash)]++;
    entries[i * 2] = n.hash;
    entries[i * 2 + 1] = n.enumerator ? (n.id | ENUMERATOR) >>> 0 : n.id;
  }
}

/** What is read of an indexed blob. Positions are positions in the blob. */
export class BtfTables {
  readonly blob: Uint8Array;
  readonly typeCount: number;
  readonly stringStart: number;
  readonly stringLength: number;
  readonly flavored: readonly number[];
  readonly anchors: Uint32Array;
  readonly #pages: Pages;
  readonly #blobAt: number;
  readonly #bucketsAt: number;
  readonly #buckets: Uint32Array;
  readonly #namesAt: number;
  readonly #entries: Uint32Array;

  constructor(pages: Pages, sizes: Sizes) {
    const l = layoutOf(sizes);
    const { bytes } = pages;
    this.#pages = pages;
    this.blob = bytes.subarray(l.blob, l.blob + sizes.blob);
    this.typeCount = sizes.types;
    this.stringStart = sizes.stringStart;
    this.stringLength = sizes.stringLength;
    this.flavored = Array.from(wordsAt(bytes, l.flavored, sizes.flavored));
    this.anchors = wordsAt(bytes, l.anchorsAt, l.anchors);
    this.#blobAt = l.blob;
    this.#bucketsAt = l.buckets;
    this.#buckets = wordsAt(bytes, l.buckets, BUCKETS + 1);
    this.#namesAt = l.names;
    this.#entries = wordsAt(bytes, l.names, sizes.names * 2);
  }

  /** From now on these bytes of the blob can be read. */
  need(at: number, length: number): void {
    this.#pages.need(this.#blobAt + at, length);
  }

  /** Visits what may have the name, types and enumerators in the order of their ids, until `visit` returns true. */
  candidates(name: string, enumerators: boolean, visit: (id: number) => boolean): void {
    const hash = hashName(name);
    const bucket = bucketOf(hash);
    this.#pages.need(this.#bucketsAt + bucket * 4, 8);
    const from = this.#buckets[bucket];
    const to = this.#buckets[bucket + 1];
    if (from === to) return;
    this.#pages.need(this.#namesAt + from * 8, (to - from) * 8);
    for (let i = from; i < to; i++) {
      if (this.#entries[i * 2] !== hash) continue;
      const id = this.#entries[i * 2 + 1];
      if (id >= ENUMERATOR === enumerators && visit(id & ~ENUMERATOR)) return;
    }
  }
}

/** Reads the head of the file; the rest when it is asked for. */
export function openTables(file: IndexedBtfFile): Result<BtfTables, BtfError> {
  const fail = (message: string) => err({ message, offset: 0 });
  const start = new Uint32Array(HEADER_WORDS);
  if (file.size < PAGE || !file.read(new Uint8Array(start.buffer), 0)) return fail('no indexed BTF');
  if (start[0] !== MAGIC || start[1] !== FORMAT) return fail('no indexed BTF of this format');
  const [blob, stringStart, stringLength, types, names, flavored] = start.subarray(SIZES_WORD);
  const sizes: Sizes = { blob, stringStart, stringLength, types, names, flavored };
  // Before memory is set aside: sizes that cannot be.
  if (
    blob > file.size ||
    names > file.size ||
    types > file.size ||
    flavored > types ||
    stringStart + stringLength > blob
  )
    return fail('the indexed BTF is damaged: its header is');
  const l = layoutOf(sizes);
  if (l.size !== file.size) return fail('the indexed BTF is damaged: its tables do not fill it');
  const bytes = new Uint8Array(file.size);
  if (!file.read(bytes.subarray(0, l.headSize), 0)) return fail('the indexed BTF cannot be read');
  if (headSum(wordsAt(bytes, 0, l.headSize >> 2)) !== start[SUM_WORD])
    return fail('the indexed BTF is damaged: its head is');
  const pages = new Pages(file, bytes, l.headSize / PAGE, wordsAt(bytes, l.sumsAt, l.pages));
  return ok(new BtfTables(pages, sizes));
}
