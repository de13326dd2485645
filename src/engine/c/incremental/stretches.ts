/** Cuts a file into stretches: directives, and what looks like one declaration each. Parsing says whether it was one. */
import type { TokenBuffer } from '../lexer.ts';
import { Flag, T } from '../tokens.ts';

export interface Cut {
  /** First token, and the one after the last. */
  readonly from: number;
  readonly to: number;
  readonly directive: boolean;
  /** A directive stands in the middle: it has to be read each time. */
  readonly mixed: boolean;
}

export function cut(b: TokenBuffer): Cut[] {
  const out: Cut[] = [];
  const last = b.count - 1;
  for (let i = 0; i < last;) {
    const directive = isDirective(b, i);
    const { to, mixed } = directive ? { to: nextLine(b, i), mixed: false } : declaration(b, i, last);
    out.push({ from: i, to, directive, mixed });
    i = to;
  }
  return out;
}

const isDirective = (b: TokenBuffer, i: number): boolean =>
  b.kind[i] === T.Hash && (b.flags[i]! & Flag.LineStart) !== 0;

function nextLine(b: TokenBuffer, i: number): number {
  for (i++; b.kind[i] !== T.Eof && (b.flags[i]! & Flag.LineStart) === 0;) i++;
  return i;
}

/** Up to a `;` outside of brackets, or the `}` of a function's body. */
function declaration(b: TokenBuffer, from: number, last: number): { to: number; mixed: boolean } {
  let depth = 0;
  let body = false;
  let mixed = false;
  for (let i = from; i < last; i++) {
    switch (b.kind[i]) {
      case T.Hash:
        if (isDirective(b, i)) mixed = true;
        break;
      case T.LBrace:
        if (depth === 0) body = i > from && b.kind[i - 1] === T.RParen;
        depth++;
        break;
      case T.LParen:
      case T.LBracket:
        depth++;
        break;
      case T.RBrace:
        if (--depth < 0 || (depth === 0 && body)) return { to: i + 1, mixed };
        break;
      case T.RParen:
      case T.RBracket:
        depth--;
        break;
      case T.Semi:
        if (depth <= 0) return { to: i + 1, mixed };
    }
  }
  return { to: last, mixed };
}

/** What makes a stretch the same as another one: its text, and what its first token is in its line. */
export function textOf(b: TokenBuffer, c: Cut): string {
  const flags = b.flags[c.from]! & (Flag.LineStart | Flag.Space);
  return String(flags) + b.text.slice(b.start[c.from], b.end[c.to - 1]);
}
