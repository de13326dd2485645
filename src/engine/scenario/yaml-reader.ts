/**
 * Reads YAML with places: every complaint has an exact line and column, unknown keys get a suggestion, and hostile
 * input (huge, deeply nested, alias bombs) ends in one plain diagnostic.
 */
import type { Document } from 'yaml';
import {
  LineCounter,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  parseDocument,
  type Node,
  type Pair,
  type Scalar,
  type YAMLMap,
} from 'yaml';
import type { Diagnostic, SourceRange } from '../../base/index.ts';

const MAX_TEXT = 1 << 20;
/** Aliases that are followed in one file; what they stand for is read each time. */
const MAX_ALIASES = 200;
const MAX_DEPTH = 100;
const MAX_NODES = 100_000;

/** Edit distance with early exit, for suggestions. */
export function closest(word: string, known: Iterable<string>): string | null {
  let best: string | null = null;
  let limit = Math.max(1, Math.min(3, Math.floor(word.length / 2))) + 1;
  for (const k of known) {
    if (Math.abs(k.length - word.length) >= limit || k.length > 64 || word.length > 64) continue;
    const d = distance(word.toLowerCase(), k.toLowerCase());
    if (d < limit) {
      limit = d;
      best = k;
    }
  }
  return best;
}

/** Insertions, deletions, replacements and swaps of neighbours. */
function distance(a: string, b: string): number {
  let older: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      let d = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) d = Math.min(d, older[j - 2] + 1);
      next.push(d);
    }
    older = row;
    row = next;
  }
  return row[b.length];
}

export type YamlNode = Node | null | undefined;

/** A place: a node, or a span of offsets within the text. */
export type Place = YamlNode | readonly [number, number];

export class YamlReader {
  readonly file: string;
  readonly diagnostics: Diagnostic[] = [];
  readonly root: YamlNode;
  readonly #lines = new LineCounter();
  readonly #doc: Document.Parsed | Document | null;
  readonly #size: number;
  #aliases = 0;

  constructor(text: string, file: string) {
    this.file = file;
    this.#size = text.length;
    let doc: Document.Parsed | null = null;
    if (text.length > MAX_TEXT) {
      this.error([0, 0], 'scenario/too-large', `the file is larger than ${MAX_TEXT >> 20} MiB`);
    } else if (tooDeep(text)) {
      this.error([0, 0], 'scenario/too-deep', `the file nests deeper than ${MAX_DEPTH} levels`);
    } else {
      try {
        doc = parseDocument(text, {
          lineCounter: this.#lines,
          uniqueKeys: true,
          prettyErrors: false,
        }) as Document.Parsed;
        for (const e of doc.errors.slice(0, 20)) this.error(e.pos, 'scenario/yaml', e.message);
        this.#checkSize(doc.contents);
      } catch (e) {
        // The parser recurses; what it cannot hold is no scenario.
        doc = null;
        this.error(
          [0, 0],
          'scenario/yaml',
          e instanceof RangeError ? 'the file nests too deeply' : 'not readable as YAML',
        );
      }
    }
    this.#doc = doc;
    this.root = this.hasErrors ? null : (doc?.contents as YamlNode);
  }

  get hasErrors(): boolean {
    return this.diagnostics.some((d) => d.severity === 'error');
  }

  #checkSize(contents: unknown): void {
    let nodes = 0;
    const visit = (n: unknown, depth: number): boolean => {
      if (++nodes > MAX_NODES || depth > MAX_DEPTH) return false;
      if (isMap(n)) return n.items.every((p) => visit(p.key, depth + 1) && visit(p.value, depth + 1));
      if (isSeq(n)) return n.items.every((i) => visit(i, depth + 1));
      return true;
    };
    if (!visit(contents, 0))
      this.error([0, 0], 'scenario/too-deep', 'the file has too many or too deeply nested values');
  }

  /** Line of a place, from 1. */
  line(place: Place): number {
    return this.range(place).line;
  }

  range(place: Place): SourceRange {
    let span: readonly [number, number] = [0, 0];
    if (Array.isArray(place)) span = place as readonly [number, number];
    else if (place && 'range' in (place as Node) && (place as Node).range) {
      const r = (place as Node).range!;
      span = [r[0], r[1]];
    }
    const at = (offset: number) => {
      const p = this.#lines.linePos(Math.max(0, Math.min(offset, this.#size)));
      return { line: Math.max(1, p.line), column: Math.max(1, p.col) };
    };
    const a = at(span[0]);
    const b = at(Math.max(span[0], span[1]));
    return { file: this.file, line: a.line, column: a.column, endLine: b.line, endColumn: b.column };
  }

  error(place: Place, code: string, message: string, suggestion: string | null = null): void {
    if (this.diagnostics.length >= 100) return;
    const range = this.range(place);
    this.diagnostics.push({
      severity: 'error',
      code,
      message: suggestion === null ? message : `${message}; did you mean ${suggestion}?`,
      range,
      ...(suggestion === null
        ? {}
        : { fixes: [{ title: `Change to ${suggestion}`, edits: [{ range, text: suggestion }] }] }),
    });
  }

  warn(place: Place, code: string, message: string): void {
    this.diagnostics.push({ severity: 'warning', code, message, range: this.range(place) });
  }

  /** Follows an alias, a bounded number of times. */
  deref(node: unknown): YamlNode {
    if (!isAlias(node)) return node as YamlNode;
    if (++this.#aliases > MAX_ALIASES) {
      if (this.#aliases === MAX_ALIASES + 1) {
        this.error(node, 'scenario/aliases', `more than ${MAX_ALIASES} aliases are used`);
      }
      return null;
    }
    const target = this.#doc === null ? undefined : node.resolve(this.#doc as Document);
    if (target === undefined) {
      this.error(node, 'scenario/aliases', `there is no anchor &${node.source}`);
      return null;
    }
    return isAlias(target) ? this.deref(target) : target;
  }

  isPresent(node: unknown): boolean {
    const n = this.deref(node);
    return n !== null && n !== undefined && !(isScalar(n) && n.value === null);
  }

  /** A mapping with known keys; others are errors. */
  fields(node: unknown, what: string, known: readonly string[]): Fields | null {
    const map = this.mapping(node, what);
    if (map === null) return null;
    const out = new Fields(this, map, what);
    for (const key of out.keys()) {
      if (!known.includes(key)) {
        this.error(
          out.keyNode(key),
          'scenario/unknown-key',
          `${what} has no key ${JSON.stringify(key)}`,
          closest(key, known),
        );
      }
    }
    return out;
  }

  /** A mapping with names that the author chose: `name → node`, in order. */
  entries(
    node: unknown,
    what: string,
  ): readonly { readonly key: string; readonly keyNode: YamlNode; readonly value: unknown }[] {
    if (!this.isPresent(node)) return [];
    const map = this.mapping(node, what);
    if (map === null) return [];
    const fields = new Fields(this, map, what);
    return fields.keys().map((key) => ({ key, keyNode: fields.keyNode(key), value: fields.get(key) }));
  }

  mapping(node: unknown, what: string): YAMLMap | null {
    const n = this.deref(node);
    if (isMap(n)) return n;
    this.error(n ?? (node as YamlNode), 'scenario/type', `${what} must be a mapping (key: value)`);
    return null;
  }

  list(node: unknown, what: string): readonly unknown[] {
    if (!this.isPresent(node)) return [];
    const n = this.deref(node);
    if (isSeq(n)) return n.items;
    this.error(n, 'scenario/type', `${what} must be a list`);
    return [];
  }

  scalar(node: unknown): Scalar | null {
    const n = this.deref(node);
    return isScalar(n) ? n : null;
  }

  /** A string; numbers count as what was written (`6.10` stays `6.10`). */
  text(node: unknown, what: string): string | null {
    const s = this.scalar(node);
    if (s !== null && typeof s.value === 'string') return s.value;
    if (s !== null && typeof s.value === 'number') return s.source ?? String(s.value);
    this.error(this.deref(node) ?? (node as YamlNode), 'scenario/type', `${what} must be a text`);
    return null;
  }

  texts(node: unknown, what: string): string[] {
    return this.list(node, what).flatMap((item) => this.text(item, `each entry of ${what}`) ?? []);
  }

  integer(node: unknown, what: string, min: number, max: number): number | null {
    const s = this.scalar(node);
    const v = s?.value;
    if (typeof v === 'number' && Number.isInteger(v) && v >= min && v <= max) return v;
    this.error(this.deref(node), 'scenario/type', `${what} must be a whole number from ${min} to ${max}`);
    return null;
  }

  boolean(node: unknown, what: string): boolean | null {
    const s = this.scalar(node);
    if (typeof s?.value === 'boolean') return s.value;
    this.error(this.deref(node), 'scenario/type', `${what} must be true or false`);
    return null;
  }

  /** Permission bits as they were written: octal with a leading 0 (`0640`, `"0640"`, `0o640`). */
  mode(node: unknown, what: string): number | null {
    const s = this.scalar(node);
    const source = s === null ? '' : typeof s.value === 'string' ? s.value : (s.source ?? String(s.value));
    const mode = parseMode(source);
    if (mode === null) {
      this.error(this.deref(node), 'scenario/mode', `${what} must be octal with a leading 0, e.g. "0640"`);
    }
    return mode;
  }

  oneOf<T extends string>(node: unknown, what: string, known: readonly T[]): T | null {
    const text = this.text(node, what);
    if (text === null) return null;
    if ((known as readonly string[]).includes(text)) return text as T;
    this.error(
      this.deref(node),
      'scenario/unknown-value',
      `${what} cannot be ${JSON.stringify(text)}: one of ${known.join(', ')}`,
      closest(text, known),
    );
    return null;
  }

  /** Plain data, for map entries and globals. */
  plain(node: unknown, depth = 0): unknown {
    const n = this.deref(node);
    if (depth > 20) return null;
    if (isScalar(n)) return n.value;
    if (isSeq(n)) return n.items.map((i) => this.plain(i, depth + 1));
    if (isMap(n)) {
      const out: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
      for (const p of n.items) out[keyText(p)] = this.plain(p.value, depth + 1);
      return out;
    }
    return null;
  }
}

/** Octal permission bits, or null. */
export function parseMode(text: string): number | null {
  const m = /^0o?([0-7]{1,5})$/.exec(text);
  return m ? parseInt(m[1], 8) & 0o7777 : null;
}

const keyText = (p: Pair): string => (isScalar(p.key) ? (p.key.source ?? String(p.key.value)) : '');

/** A mapping's keys and values. */
export class Fields {
  readonly node: YAMLMap;
  readonly what: string;
  readonly #pairs = new Map<string, Pair>();

  constructor(reader: YamlReader, node: YAMLMap, what: string) {
    this.node = node;
    this.what = what;
    for (const pair of node.items) {
      const key = isScalar(pair.key) ? String(pair.key.source ?? pair.key.value) : null;
      if (key === null || key === 'null')
        reader.error(pair.key as YamlNode, 'scenario/type', `a key of ${what} must be a text`);
      else this.#pairs.set(key, pair);
    }
  }

  keys(): string[] {
    return [...this.#pairs.keys()];
  }

  has(key: string): boolean {
    return this.#pairs.has(key);
  }

  get(key: string): unknown {
    return this.#pairs.get(key)?.value;
  }

  keyNode(key: string): YamlNode {
    return this.#pairs.get(key)?.key as YamlNode;
  }
}

/** A cheap look at nesting before a recursive parser sees the text: brackets, indentation and `- - -` chains. */
function tooDeep(text: string): boolean {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === '[' || c === '{') {
      if (++depth > MAX_DEPTH) return true;
    } else if ((c === ']' || c === '}') && depth > 0) depth--;
    else if (c === '\n' && depth > 0 && i + 1 < text.length && text[i + 1] !== ' ') depth = 0;
  }
  return /(?:[-?:][ \t\n]{1,8}){101}/.test(text);
}
