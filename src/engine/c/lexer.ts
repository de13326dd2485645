/**
 * Source text to tokens, in one pass over char codes, into struct-of-arrays (a 3.6 MB vmlinux.h must not become a
 * million objects, and a header's tokens are kept between compilations). The lexer reports nothing: what is wrong with a
 * token is a flag, because text in a skipped `#if` group may be anything.
 */
import { Flag, T, type IdentTable } from './tokens.ts';

/** The tokens of one file. Ends with an Eof token. Index = token number. */
export interface TokenBuffer {
  readonly text: string;
  readonly count: number;
  readonly kind: Uint8Array;
  readonly flags: Uint8Array;
  readonly start: Int32Array;
  /** Exclusive. */
  readonly end: Int32Array;
  /** Identifier number, 0 for other tokens. */
  readonly id: Int32Array;
  /** Offset of an unterminated block comment, -1 when there is none. */
  readonly openComment: number;
}

// Character classes: 1 identifier start, 2 digit, 4 horizontal space, 8 newline.
const CLASS = new Uint8Array(128);
for (let c = 0; c < 26; c++) CLASS[65 + c] = CLASS[97 + c] = 1;
CLASS[95] = CLASS[36] = 1;
for (let c = 48; c < 58; c++) CLASS[c] = 2;
for (const c of [32, 9, 11, 12, 13]) CLASS[c] = 4;
CLASS[10] = 8;

const BACKSLASH = 92;

/** Letters beyond ASCII may stand in identifiers; other such characters are stray. */
const isWideLetter = (c: number, text: string, at: number): boolean =>
  c >= 0xd800 && c < 0xe000 ? false : /[\p{L}\p{Nl}\p{M}]/u.test(text[at]!);

/** Length of a line splice (backslash, blanks, newline) at `p`, 0 when there is none. */
function spliceAt(text: string, p: number): number {
  let q = p + 1;
  let c = text.charCodeAt(q);
  while (c === 32 || c === 9 || c === 13) c = text.charCodeAt(++q);
  return c === 10 ? q + 1 - p : 0;
}

export function lex(text: string, idents: IdentTable): TokenBuffer {
  const n = text.length;
  let capacity = Math.max(64, (n >> 2) + 16);
  let kind = new Uint8Array(capacity);
  let flags = new Uint8Array(capacity);
  let start = new Int32Array(capacity);
  let end = new Int32Array(capacity);
  let id = new Int32Array(capacity);
  let count = 0;
  let flag: number = Flag.LineStart;
  let openComment = -1;
  let p = text.charCodeAt(0) === 0xfeff ? 1 : 0;

  const grow = (): void => {
    capacity *= 2;
    const copy = <A extends Uint8Array | Int32Array>(from: A, to: A): A => (to.set(from), to);
    kind = copy(kind, new Uint8Array(capacity)) as typeof kind;
    flags = copy(flags, new Uint8Array(capacity)) as typeof flags;
    start = copy(start, new Int32Array(capacity)) as typeof start;
    end = copy(end, new Int32Array(capacity)) as typeof end;
    id = copy(id, new Int32Array(capacity)) as typeof id;
  };

  // Characters of a token with its splices taken out; sets `spliced` when there was one.
  let spliced = false;
  const skipSplices = (q: number): number => {
    while (text.charCodeAt(q) === BACKSLASH) {
      const len = spliceAt(text, q);
      if (len === 0) break;
      spliced = true;
      q += len;
    }
    return q;
  };

  while (p < n) {
    let c = text.charCodeAt(p);
    const cls = c < 128 ? CLASS[c]! : 0;
    if (cls === 4) {
      flag |= Flag.Space;
      p++;
      continue;
    }
    if (cls === 8) {
      flag = Flag.LineStart;
      p++;
      continue;
    }
    if (count + 1 >= capacity) grow();
    const at = p;
    spliced = false;

    if (cls === 1 || (c >= 128 && isWideLetter(c, text, p))) {
      // String and character prefixes are joined to the literal below.
      do {
        p++;
        c = text.charCodeAt(p);
        if (c === BACKSLASH) {
          p = skipSplices(p);
          c = text.charCodeAt(p);
        }
      } while (c < 128 ? (CLASS[c]! & 3) !== 0 : c >= 128 && isWideLetter(c, text, p));
      const isPrefix = (c === 34 || c === 39) && p - at <= 2 && !spliced && /^(?:L|u|U|u8)$/.test(text.slice(at, p));
      if (!isPrefix) {
        const name = spliced ? unsplice(text.slice(at, p)) : text.slice(at, p);
        kind[count] = T.Ident;
        id[count] = idents.intern(name);
        start[count] = at;
        end[count] = p;
        flags[count++] = spliced ? flag | Flag.Spliced : flag;
        flag = 0;
        continue;
      }
    }

    if (cls === 2 || (c === 46 && CLASS[text.charCodeAt(p + 1) & 127] === 2 && text.charCodeAt(p + 1) < 128)) {
      // A pp-number: digits, letters, dots and signs after an exponent letter.
      for (;;) {
        p++;
        let d = text.charCodeAt(p);
        if (d === BACKSLASH) {
          p = skipSplices(p);
          d = text.charCodeAt(p);
        }
        if (d < 128 && ((CLASS[d]! & 3) !== 0 || d === 46)) continue;
        if ((d === 43 || d === 45) && /[eEpP]/.test(text[p - 1]!)) continue;
        break;
      }
      kind[count] = T.Number;
      start[count] = at;
      end[count] = p;
      flags[count++] = spliced ? flag | Flag.Spliced : flag;
      flag = 0;
      continue;
    }

    if (c === 34 || c === 39) {
      const quote = c;
      let closed = false;
      p++;
      while (p < n) {
        const d = text.charCodeAt(p);
        if (d === quote) {
          p++;
          closed = true;
          break;
        }
        if (d === 10) break;
        if (d === BACKSLASH) {
          const len = spliceAt(text, p);
          if (len > 0) {
            spliced = true;
            p += len;
          } else p += text.charCodeAt(p + 1) === 10 ? 1 : 2;
        } else p++;
      }
      if (p > n) p = n;
      kind[count] = quote === 34 ? T.String : T.Char;
      start[count] = at;
      end[count] = p;
      flags[count++] = flag | (spliced ? Flag.Spliced : 0) | (closed ? 0 : Flag.Bad);
      flag = 0;
      continue;
    }

    if (c === 47) {
      const q = skipSplices(p + 1);
      const d = text.charCodeAt(q);
      if (d === 47) {
        // To the end of the line; a splice continues the comment.
        p = q + 1;
        for (;;) {
          const nl = text.indexOf('\n', p);
          if (nl < 0) {
            p = n;
            break;
          }
          let back = nl - 1;
          while (
            back > p &&
            (text.charCodeAt(back) === 13 || text.charCodeAt(back) === 32 || text.charCodeAt(back) === 9)
          )
            back--;
          p = nl;
          if (text.charCodeAt(back) !== BACKSLASH || back < q) break;
          p = nl + 1;
        }
        flag |= Flag.Space;
        continue;
      }
      if (d === 42) {
        const close = text.indexOf('*/', q + 1);
        if (close < 0) {
          openComment = at;
          p = n;
        } else p = close + 2;
        flag |= Flag.Space;
        continue;
      }
    }

    if (c === BACKSLASH) {
      const len = spliceAt(text, p);
      if (len > 0) {
        p += len;
        flag |= Flag.Space;
        continue;
      }
    }

    let k: number = T.Unknown;
    // The next two characters, looked up lazily with splices skipped.
    const q1 = skipSplices(p + 1);
    const c1 = text.charCodeAt(q1);
    let next = p + 1;
    const one = (kk: number): void => {
      k = kk;
    };
    const two = (kk: number): void => {
      k = kk;
      next = q1 + 1;
    };
    switch (c) {
      case 40: one(T.LParen); break;
      case 41: one(T.RParen); break;
      case 91: one(T.LBracket); break;
      case 93: one(T.RBracket); break;
      case 123: one(T.LBrace); break;
      case 125: one(T.RBrace); break;
      case 126: one(T.Tilde); break;
      case 63: one(T.Question); break;
      case 59: one(T.Semi); break;
      case 44: one(T.Comma); break;
      case 46: {
        const q2 = skipSplices(q1 + 1);
        if (c1 === 46 && text.charCodeAt(q2) === 46) {
          k = T.Ellipsis;
          next = q2 + 1;
        } else one(T.Dot);
        break;
      }
      case 43: c1 === 43 ? two(T.PlusPlus) : c1 === 61 ? two(T.PlusEq) : one(T.Plus); break;
      case 45: c1 === 45 ? two(T.MinusMinus) : c1 === 61 ? two(T.MinusEq) : c1 === 62 ? two(T.Arrow) : one(T.Minus); break;
      case 38: c1 === 38 ? two(T.AmpAmp) : c1 === 61 ? two(T.AmpEq) : one(T.Amp); break;
      case 124: c1 === 124 ? two(T.PipePipe) : c1 === 61 ? two(T.PipeEq) : one(T.Pipe); break;
      case 42: c1 === 61 ? two(T.StarEq) : one(T.Star); break;
      case 47: c1 === 61 ? two(T.SlashEq) : one(T.Slash); break;
      case 33: c1 === 61 ? two(T.Ne) : one(T.Bang); break;
      case 61: c1 === 61 ? two(T.EqEq) : one(T.Eq); break;
      case 94: c1 === 61 ? two(T.CaretEq) : one(T.Caret); break;
      case 35: c1 === 35 ? two(T.HashHash) : one(T.Hash); break;
      case 58: c1 === 62 ? two(T.RBracket) : one(T.Colon); break;
      case 37:
        c1 === 61 ? two(T.PercentEq) : c1 === 62 ? two(T.RBrace) : c1 === 58 ? two(T.Hash) : one(T.Percent);
        break;
      case 60:
      case 62: {
        const less = c === 60;
        if (c1 === c) {
          const q2 = skipSplices(q1 + 1);
          if (text.charCodeAt(q2) === 61) {
            k = less ? T.ShlEq : T.ShrEq;
            next = q2 + 1;
          } else two(less ? T.Shl : T.Shr);
        } else if (c1 === 61) two(less ? T.Le : T.Ge);
        else if (less && c1 === 58) two(T.LBracket);
        else if (less && c1 === 37) two(T.LBrace);
        else one(less ? T.Lt : T.Gt);
        break;
      }
      default:
        // A stray character; surrogate pairs stay together.
        if (c >= 0xd800 && c < 0xdc00 && p + 1 < n) next = p + 2;
    } // prettier-ignore
    p = next;
    kind[count] = k;
    start[count] = at;
    end[count] = p;
    flags[count++] = flag | (spliced && p > q1 ? Flag.Spliced : 0) | (k === T.Unknown ? Flag.Bad : 0);
    flag = 0;
  }

  kind[count] = T.Eof;
  start[count] = end[count] = n;
  flags[count++] = flag | Flag.LineStart;
  // `slice`, so that a cached buffer holds no slack.
  return {
    text,
    count,
    kind: kind.slice(0, count),
    flags: flags.slice(0, count),
    start: start.slice(0, count),
    end: end.slice(0, count),
    id: id.slice(0, count),
    openComment,
  };
}

/** Takes the line splices out of a spelling. */
export const unsplice = (text: string): string => text.replace(/\\[ \t\r]*\n/g, '');
