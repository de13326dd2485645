/**
 * Headers as the lexer and the declaration index leave them, in one array of bytes: for caches, so that a process that
 * compiles one file need not read the same headers again as the process before it. The numbers are in the machine's own
 * byte order, and mean something to the build of this code only that wrote them: who keeps the bytes keeps them apart.
 */
import type { DeclarationIndex, DeferredKind } from './declaration-index.ts';
import { indexDeclarations } from './declaration-index.ts';
import { lex, type TokenBuffer } from './lexer.ts';
import { IdentTable } from './tokens.ts';

/** A header read before. */
export interface KnownHeader {
  readonly buffer: TokenBuffer;
  readonly index: DeclarationIndex | null;
}

/** `LSHT` and the version of this format. */
const MAGIC = 0x5448534c;
const FORMAT = 1;
/** Words: magic, format, size, sum, number of identifiers before the first of ours, bytes of their names, headers. */
const HEAD = 7;
const SUM = 3;
/** Words of a header: bytes of its text, tokens, offset of an open comment, sizes of its index. */
const PER_HEADER = 8;

const KINDS: readonly DeferredKind[] = ['typedef', 'enumerator', 'var'];
const up = (n: number): number => (n + 3) & ~3;

/** The tables of headers with these texts. A text that is not plain ASCII is left out. */
export function writeHeaderTables(texts: readonly string[]): Uint8Array {
  const idents = new IdentTable();
  const first = idents.size;
  const plain = texts.filter((text) => /^[\x00-\x7f]*$/.test(text));
  const buffers = plain.map((text) => lex(text, idents));
  const indexes = buffers.map((buffer) => indexDeclarations(buffer, idents));
  const names: string[] = [];
  for (let id = first; id < idents.size; id++) names.push(idents.name(id));
  const encoder = new TextEncoder();
  const nameBytes = encoder.encode(names.join('\n'));
  const parts: { readonly array: Uint8Array | Int32Array }[] = [];
  const head: number[] = [MAGIC, FORMAT, 0, 0, first, nameBytes.length, plain.length];
  const add = (array: Uint8Array | Int32Array): void => void parts.push({ array });
  add(nameBytes);
  buffers.forEach((b, i) => {
    const text = encoder.encode(plain[i]);
    const x = indexes[i];
    head.push(text.length, b.count, b.openComment);
    if (x === null) head.push(0, 0, 0, 0, 0);
    else head.push(x.start.length, x.symbol.length, x.symbols.length, x.tags.length, 1);
    for (const array of [text, b.kind, b.flags, b.start, b.end, b.id]) add(array);
    if (x === null) return;
    const kinds = Uint8Array.from(x.kinds, (kind) => KINDS.indexOf(kind));
    for (const array of [x.start, x.end, x.runEnd, x.isRecord, x.symbol, x.tag, x.mention, x.used]) add(array);
    for (const array of [Int32Array.from(x.symbols), kinds, Int32Array.from(x.tags)]) add(array);
  });
  const size = parts.reduce((n, { array }) => n + up(array.byteLength), head.length * 4);
  const out = new Uint8Array(size);
  let at = head.length * 4;
  for (const { array } of parts) {
    out.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), at);
    at += up(array.byteLength);
  }
  const words = new Int32Array(out.buffer);
  words.set(head);
  words[2] = size;
  words[SUM] = sumOf(words);
  return out;
}

/** The numbers of the headers, and one word of each 512 bytes: sees blocks that were lost, as pageSum in bpf/btf-pages.ts. */
function sumOf(words: Int32Array): number {
  let sum = 1;
  const end = HEAD + words[HEAD - 1]! * PER_HEADER;
  for (let i = HEAD; i < words.length; i += i < end ? 1 : 128) sum = (Math.imul(sum, 31) + words[i]!) | 0;
  return sum;
}

export class HeaderTables {
  /** Names of identifiers, in the order of their numbers from `firstIdent` on. */
  readonly names: readonly string[];
  readonly firstIdent: number;
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  /** Where the parts of a header start, by its text. */
  readonly #headers = new Map<string, { readonly at: number; readonly header: number }>();
  readonly #decoder = new TextDecoder();

  /** Null when the bytes are damaged, or of another format. */
  static open(bytes: Uint8Array): HeaderTables | null {
    if (bytes.length < HEAD * 4 || bytes.length % 4 !== 0 || bytes.byteOffset % 4 !== 0) return null;
    const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
    if (words[0] !== MAGIC || words[1] !== FORMAT || words[2] !== bytes.length || words[SUM] !== sumOf(words))
      return null;
    return new HeaderTables(bytes, words);
  }

  private constructor(bytes: Uint8Array, words: Int32Array) {
    this.#bytes = bytes;
    this.#words = words;
    this.firstIdent = words[4]!;
    const count = words[6]!;
    let at = (HEAD + count * PER_HEADER) * 4;
    this.names = this.#decoder.decode(bytes.subarray(at, at + words[5]!)).split('\n');
    at += up(words[5]!);
    for (let i = 0; i < count; i++) {
      const header = HEAD + i * PER_HEADER;
      const text = this.#decoder.decode(bytes.subarray(at, at + words[header]!));
      this.#headers.set(text, { at, header });
      at += sizeOf(words, header);
    }
  }

  /** What is known of a header with exactly this text. */
  find(text: string): KnownHeader | undefined {
    const found = this.#headers.get(text);
    if (found === undefined) return undefined;
    const { header } = found;
    const words = this.#words;
    let at = found.at + up(words[header]!);
    const bytes = (n: number): Uint8Array => {
      const part = this.#bytes.subarray(at, at + n);
      at += up(n);
      return part;
    };
    const numbers = (n: number): Int32Array => {
      const part = words.subarray(at >> 2, (at >> 2) + n);
      at += n * 4;
      return part;
    };
    const count = words[header + 1]!;
    const buffer: TokenBuffer = {
      text,
      count,
      openComment: words[header + 2]!,
      kind: bytes(count),
      flags: bytes(count),
      start: numbers(count),
      end: numbers(count),
      id: numbers(count),
    };
    const [chunks, idents, symbols, tags, hasIndex] = words.subarray(header + 3, header + PER_HEADER);
    if (hasIndex === 0) return { buffer, index: null };
    const index: DeclarationIndex = {
      start: numbers(chunks!),
      end: numbers(chunks!),
      runEnd: numbers(chunks!),
      isRecord: bytes(chunks!),
      symbol: numbers(idents!),
      tag: numbers(idents!),
      mention: numbers(idents!),
      used: bytes(idents!),
      symbols: Array.from(numbers(symbols!)),
      kinds: Array.from(bytes(symbols!), (kind) => KINDS[kind]!),
      tags: Array.from(numbers(tags!)),
    };
    return { buffer, index };
  }
}

/** Bytes of all parts of a header, in the order of `writeHeaderTables`. */
function sizeOf(words: Int32Array, header: number): number {
  const [text, count, , chunks, idents, symbols, tags, hasIndex] = words.subarray(header, header + PER_HEADER);
  const tokens = up(text!) + 2 * up(count!) + 12 * count!;
  if (hasIndex === 0) return tokens;
  return tokens + 12 * chunks! + up(chunks!) + 12 * idents! + up(idents!) + 4 * symbols! + up(symbols!) + 4 * tags!;
}
