/** Name → numbers, kept as two integer tables over bytes that stay where they are: no strings are made to build it. */

/** FNV-1a over the bytes of a NUL-terminated string. */
export function hashCString(bytes: Uint8Array, at: number): number {
  let h = 0x811c9dc5;
  for (let p = at; p < bytes.length && bytes[p] !== 0; p++) h = Math.imul(h ^ bytes[p], 0x01000193);
  return h >>> 0;
}

/** The same of a string. */
export function hashName(name: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) {
    const c = name.charCodeAt(i);
    if (c >= 0x80) return hashCString(utf8Encode(name), 0);
    h = Math.imul(h ^ c, 0x01000193);
  }
  return h >>> 0;
}

/** True when the NUL-terminated string at `at` is exactly `name` (which has no NUL). */
export function cStringEquals(bytes: Uint8Array, at: number, name: Uint8Array): boolean {
  if (at + name.length >= bytes.length) return false;
  for (let i = 0; i < name.length; i++) if (bytes[at + i] !== name[i]) return false;
  return bytes[at + name.length] === 0;
}

/**
 * A chained hash table from names to entry numbers 0..n-1. `nameAt(i)` is the byte position of entry i's name,
 * or -1 for an entry without one. Chains list entries in ascending order.
 */
export class NameIndex {
  readonly #bytes: Uint8Array;
  readonly #nameAt: (entry: number) => number;
  /** First entry of a bucket, plus one, so that 0 means "none"; their number is a power of two. */
  readonly heads: Uint32Array;
  /** The entry after an entry in its bucket, plus one. */
  readonly next: Uint32Array;

  constructor(bytes: Uint8Array, nameAt: (entry: number) => number, heads: Uint32Array, next: Uint32Array) {
    this.#bytes = bytes;
    this.#nameAt = nameAt;
    this.heads = heads;
    this.next = next;
  }

  static build(bytes: Uint8Array, count: number, nameAt: (entry: number) => number): NameIndex {
    let buckets = 16;
    while (buckets < count) buckets *= 2;
    const heads = new Uint32Array(buckets);
    const next = new Uint32Array(count);
    for (let i = count - 1; i >= 0; i--) {
      const at = nameAt(i);
      if (at < 0) continue;
      const slot = hashCString(bytes, at) & (buckets - 1);
      next[i] = heads[slot];
      heads[slot] = i + 1;
    }
    return new NameIndex(bytes, nameAt, heads, next);
  }

  get memory(): number {
    return this.heads.byteLength + this.next.byteLength;
  }

  /** Calls `visit` for each entry of that name in ascending order until it returns true. */
  forEach(name: string, visit: (entry: number) => boolean): void {
    const key = utf8Encode(name);
    const withNul = new Uint8Array(key.length + 1);
    withNul.set(key);
    const slot = hashCString(withNul, 0) & (this.heads.length - 1);
    for (let e = this.heads[slot]; e !== 0; e = this.next[e - 1]) {
      if (cStringEquals(this.#bytes, this.#nameAt(e - 1), key) && visit(e - 1)) return;
    }
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const utf8Encode = (text: string): Uint8Array => encoder.encode(text);

/** The NUL-terminated string at `at`; a missing NUL ends it at the end of the bytes. */
export function readCString(bytes: Uint8Array, at: number): string {
  let end = at;
  let ascii = true;
  while (end < bytes.length && bytes[end] !== 0) {
    if (bytes[end] >= 0x80) ascii = false;
    end++;
  }
  if (!ascii || end - at > 256) return decoder.decode(bytes.subarray(at, end));
  let text = '';
  for (let p = at; p < end; p++) text += String.fromCharCode(bytes[p]);
  return text;
}
