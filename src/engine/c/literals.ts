/** Spellings of numbers, characters and strings to values. */

export interface IntegerLiteral {
  /** Mathematical value (not wrapped). */
  readonly value: bigint;
  readonly decimal: boolean;
  readonly unsigned: boolean;
  /** Number of `l`s. */
  readonly longs: 0 | 1 | 2;
  /** A suffix that is none, else null. */
  readonly suffixError: string | null;
}

const INTEGER = /^(0[xX][0-9a-fA-F]+|0[bB][01]+|[0-9]+)([a-zA-Z_0-9.]*)$/;

/** Null when the spelling is no integer (floating, or digits outside the base). */
export function parseInteger(text: string): IntegerLiteral | null {
  const m = INTEGER.exec(text);
  if (m === null) return null;
  const digits = m[1]!;
  const suffix = m[2]!;
  let value: bigint;
  let decimal = false;
  if (digits.length > 64) value = 1n << 64n;
  else if (/^0[xXbB]/.test(digits)) value = BigInt(digits);
  else if (digits.length > 1 && digits[0] === '0') {
    if (/[89]/.test(digits)) return null;
    value = BigInt('0o' + digits.slice(1));
  } else {
    value = BigInt(digits);
    decimal = true;
  }
  const s = /^(?:([uU])(l|L|ll|LL)?|(l|L|ll|LL)([uU])?)?$/.exec(suffix);
  if (s === null) {
    if (/^[.eEpP]/.test(suffix)) return null;
    return { value, decimal, unsigned: false, longs: 0, suffixError: suffix };
  }
  const longs = (s[2] ?? s[3] ?? '').length as 0 | 1 | 2;
  return { value, decimal, unsigned: (s[1] ?? s[4]) !== undefined, longs, suffixError: null };
}

const SIMPLE: Record<string, number> = {
  n: 10, t: 9, r: 13, '0': 0, a: 7, b: 8, f: 12, v: 11, e: 27, '\\': 92, "'": 39, '"': 34, '?': 63,
}; // prettier-ignore

const encoder = new TextEncoder();

/** Bytes of the text between the quotes, escapes resolved, source characters as UTF-8. `bad` names an unknown escape. */
export function unescape(body: string): { readonly bytes: number[]; readonly bad: string | null } {
  const bytes: number[] = [];
  let bad: string | null = null;
  for (let i = 0; i < body.length; i++) {
    const c = body[i]!;
    if (c !== '\\') {
      const code = body.charCodeAt(i);
      if (code < 128) bytes.push(code);
      else {
        const point = body.codePointAt(i)!;
        const char = String.fromCodePoint(point);
        for (const b of encoder.encode(char)) bytes.push(b);
        i += char.length - 1;
      }
      continue;
    }
    const e = body[++i] ?? '';
    const octal = /^[0-7]{1,3}/.exec(body.slice(i, i + 3));
    if (octal !== null) {
      bytes.push(parseInt(octal[0], 8) & 255);
      i += octal[0].length - 1;
    } else if (e === 'x') {
      const hex = /^[0-9a-fA-F]+/.exec(body.slice(i + 1, i + 33));
      if (hex === null) bad = '\\x';
      else {
        bytes.push(parseInt(hex[0].slice(-2), 16));
        i += hex[0].length;
      }
    } else if (e === 'u' || e === 'U') {
      const hex = body.slice(i + 1, i + 1 + (e === 'u' ? 4 : 8));
      const point = /^[0-9a-fA-F]+$/.test(hex) ? parseInt(hex, 16) : -1;
      if (point < 0 || point > 0x10ffff) bad = '\\' + e;
      else for (const b of encoder.encode(String.fromCodePoint(point))) bytes.push(b);
      i += hex.length;
    } else if (e in SIMPLE) bytes.push(SIMPLE[e]!);
    else {
      bad = '\\' + e;
      if (e !== '') bytes.push(e.charCodeAt(0) & 255);
    }
  }
  return { bytes, bad };
}

/** Value of a character literal with its quotes (type int; several characters as GNU C packs them). */
export function parseChar(text: string): {
  readonly value: number;
  readonly count: number;
  readonly bad: string | null;
} {
  const open = text.indexOf("'");
  const { bytes, bad } = unescape(text.slice(open + 1, text.endsWith("'") && text.length > open + 1 ? -1 : undefined));
  if (bytes.length === 1) return { value: (bytes[0]! << 24) >> 24, count: 1, bad };
  let value = 0;
  for (const b of bytes) value = (value << 8) | b;
  return { value, count: bytes.length, bad };
}
