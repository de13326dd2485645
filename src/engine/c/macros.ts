/** Macro definitions: reading `#define`, and the substitution of arguments into a body (`#`, `##`, GNU comma, `__VA_OPT__`). */
import type { Loc } from './ast.ts';
import type { Diagnostics } from './diagnostics.ts';
import { lex } from './lexer.ts';
import type { Sources } from './sources.ts';
import type { IdentTable } from './tokens.ts';
import { Flag, T, type Token } from './tokens.ts';

/** What the value of a macro like `__LINE__` comes from. */
export interface Place {
  readonly sources: Sources;
  readonly cursors: readonly unknown[];
  counter: number;
}

export interface Macro {
  readonly name: string;
  readonly id: number;
  readonly loc: Loc;
  /** Null for an object-like macro. */
  readonly params: readonly number[] | null;
  /** The last parameter takes all that is left (`...` or GNU `args...`). */
  readonly variadic: boolean;
  /** Body tokens, made at first use. */
  body: readonly Token[] | null;
  readonly makeBody: () => readonly Token[];
  /** `__LINE__` and the like: computed at each use. */
  readonly dynamic?: (name: Token, at: Place) => Token;
  /** It is being expanded now: its name is left alone. */
  disabled: boolean;
}

export const bodyOf = (m: Macro): readonly Token[] => (m.body ??= m.makeBody());

export interface MacroArgument {
  /** As written. */
  readonly raw: readonly Token[];
  /** The variadic part was left out altogether: not even a comma stands for it. */
  readonly absent?: boolean;
  /** Fully expanded, made at first use. */
  expanded: readonly Token[] | null;
}

export interface SubstituteContext {
  readonly idents: IdentTable;
  readonly diagnostics: Diagnostics;
  /** Expands an argument by itself. */
  readonly expand: (tokens: readonly Token[]) => readonly Token[];
  /** Loc of a produced token. */
  readonly loc: (spelling: Loc, fromArgument: boolean) => Loc;
}

const withLoc = (t: Token, loc: Loc, flags: number): Token => ({ kind: t.kind, text: t.text, id: t.id, loc, flags });

/** Replaces the parameters in a function-like macro's body. */
export function substitute(macro: Macro, args: readonly MacroArgument[], cx: SubstituteContext): Token[] {
  const params = macro.params!;
  const vaOpt = cx.idents.intern('__VA_OPT__');
  const variadic = macro.variadic ? args.at(-1)! : null;

  const indexOf = (t: Token): number => (t.kind === T.Ident ? params.indexOf(t.id) : -1);
  const expanded = (arg: MacroArgument): readonly Token[] => (arg.expanded ??= cx.expand(arg.raw));
  const copyArg = (out: Token[], tokens: readonly Token[], at: Token): void => {
    for (let i = 0; i < tokens.length; i++) {
      const t = tokens[i]!;
      const space = i === 0 ? at.flags & Flag.Space : t.flags & (Flag.Space | Flag.LineStart) ? Flag.Space : 0;
      out.push(withLoc(t, cx.loc(t.loc, true), (t.flags & Flag.NoExpand) | space));
    }
  };
  const string = (tokens: readonly Token[], at: Token): Token => ({
    kind: T.String,
    text: stringify(tokens),
    id: 0,
    loc: cx.loc(at.loc, false),
    flags: at.flags & Flag.Space,
  });

  /** `__VA_OPT__(...)` at `i`: what it stands for, and the index of its `)`; null when there is none. */
  const optional = (body: readonly Token[], i: number): { tokens: Token[]; end: number } | null => {
    if (variadic === null || body[i]?.id !== vaOpt || body[i + 1]?.kind !== T.LParen) return null;
    let depth = 0;
    let end = i + 1;
    for (; end < body.length; end++) {
      if (body[end]!.kind === T.LParen) depth++;
      else if (body[end]!.kind === T.RParen && --depth === 0) break;
    }
    return { tokens: expanded(variadic).length > 0 ? run(body.slice(i + 2, end)) : [], end };
  };

  const run = (body: readonly Token[]): Token[] => {
    const out: Token[] = [];
    /** Puts the right operand of `##` behind what `out` ends in; an empty one leaves that as it is. */
    const paste = (tokens: readonly Token[], put: () => void): void => {
      if (tokens.length === 0) return;
      const at = out.length;
      put();
      pasteAt(out, at, cx);
    };
    for (let i = 0; i < body.length; i++) {
      const t = body[i]!;
      if (t.kind === T.Hash) {
        const opt = optional(body, i + 1);
        const n = body[i + 1] === undefined ? -1 : indexOf(body[i + 1]!);
        if (opt !== null || n >= 0) {
          out.push(string(opt !== null ? opt.tokens : args[n]!.raw, t));
          i = opt !== null ? opt.end : i + 1;
          continue;
        }
      }
      if (t.kind === T.HashHash && i > 0 && i + 1 < body.length) {
        const right = body[++i]!;
        const n = indexOf(right);
        const opt = optional(body, i);
        if (opt !== null) {
          paste(opt.tokens, () => out.push(...opt.tokens));
          i = opt.end;
        } else if (n >= 0) {
          const arg = args[n]!;
          if (arg === variadic && out.at(-1)?.kind === T.Comma) {
            // GNU: the comma goes with arguments that were left out; empty ones keep it. There is no pasting.
            if (arg.absent === true) out.pop();
            else copyArg(out, expanded(arg), right);
          } else paste(arg.raw, () => copyArg(out, arg.raw, right));
        } else if (right.kind === T.Hash && body[i + 1] !== undefined && indexOf(body[i + 1]!) >= 0) {
          const text = string(args[indexOf(body[++i]!)]!.raw, right);
          paste([text], () => out.push(text));
        } else paste([right], () => out.push(withLoc(right, cx.loc(right.loc, false), right.flags & Flag.Space)));
        // `a ## b ## c`: the next `##` sees an empty operand as a placemarker.
        if (out.length === 0) out.push(placemarker(t));
        continue;
      }
      const opt = optional(body, i);
      const n = indexOf(t);
      const pasteNext = (at: number): boolean => body[at + 1]?.kind === T.HashHash && at + 2 < body.length;
      if (opt !== null) {
        out.push(...opt.tokens);
        i = opt.end;
        if (opt.tokens.length === 0 && pasteNext(i)) out.push(placemarker(t));
      } else if (n < 0) out.push(withLoc(t, cx.loc(t.loc, false), t.flags & Flag.Space));
      else if (!pasteNext(i)) copyArg(out, expanded(args[n]!), t);
      else if (args[n]!.raw.length === 0) out.push(placemarker(t));
      else copyArg(out, args[n]!.raw, t);
    }
    return out;
  };
  return run(bodyOf(macro)).filter((t) => t.kind !== T.Placemarker);
}

/** An object-like macro's tokens; only `##` means something there. */
export function instantiate(macro: Macro, cx: SubstituteContext): Token[] {
  const body = bodyOf(macro);
  const out: Token[] = [];
  for (let i = 0; i < body.length; i++) {
    const t = body[i]!;
    if (t.kind === T.HashHash && out.length > 0 && i + 1 < body.length) {
      const right = body[++i]!;
      out.push(withLoc(right, cx.loc(right.loc, false), 0));
      pasteAt(out, out.length - 1, cx);
    } else out.push(withLoc(t, cx.loc(t.loc, false), t.flags & Flag.Space));
  }
  return out;
}

const placemarker = (at: Token): Token => ({ kind: T.Placemarker, text: '', id: 0, loc: at.loc, flags: 0 });

/** Joins `out[at - 1]` and `out[at]` to one token. */
function pasteAt(out: Token[], at: number, cx: SubstituteContext): void {
  const left = out[at - 1];
  const right = out[at];
  if (left === undefined || right === undefined) return;
  if (left.kind === T.Placemarker) {
    out.splice(at - 1, 1);
    return;
  }
  if (right.kind === T.Placemarker) {
    out.splice(at, 1);
    return;
  }
  const text = left.text + right.text;
  const joined = lexOne(text, cx.idents);
  if (joined === null) {
    cx.diagnostics.error(
      'c/bad-paste',
      `pasting formed '${text}', an invalid preprocessing token`,
      left.loc,
      right.loc,
    );
    return;
  }
  out.splice(at - 1, 2, { ...joined, loc: left.loc, flags: left.flags & Flag.Space });
}

/** The text as a single token, null when it is none or several. */
export function lexOne(text: string, idents: IdentTable): Token | null {
  // Nearly all pastes make identifiers.
  if (/^[A-Za-z_$][\w$]*$/.test(text)) return { kind: T.Ident, text, id: idents.intern(text), loc: 0, flags: 0 };
  const b = lex(text, idents);
  if (b.count !== 2 || b.kind[0] === T.Unknown || (b.flags[0]! & Flag.Bad) !== 0 || b.end[0] !== text.length)
    return null;
  return { kind: b.kind[0]!, text, id: b.id[0]!, loc: 0, flags: 0 };
}

/** `#arg`: the spelling with white space collapsed and quotes escaped. */
export function stringify(tokens: readonly Token[]): string {
  let text = '';
  tokens.forEach((t, i) => {
    if (i > 0 && (t.flags & (Flag.Space | Flag.LineStart)) !== 0) text += ' ';
    text += t.kind === T.String || t.kind === T.Char ? t.text.replace(/[\\"]/g, '\\$&') : t.text;
  });
  return `"${text}"`;
}

/** What the reader of a `#define` line found, or why not. */
export type DefineResult =
  { readonly ok: true; readonly macro: Macro } | { readonly ok: false; readonly message: string; readonly at: Token };

/** Reads the tokens after `#define`. */
export function readDefine(line: readonly Token[], directive: Token, idents: IdentTable): DefineResult {
  const name = line[0];
  if (name === undefined) return { ok: false, message: 'macro name missing', at: directive };
  if (name.kind !== T.Ident) return { ok: false, message: 'macro name must be an identifier', at: name };
  if (name.text === 'defined') return { ok: false, message: "'defined' cannot be used as a macro name", at: name };
  let i = 1;
  let params: number[] | null = null;
  let variadic = false;
  const open = line[1];
  if (open !== undefined && open.kind === T.LParen && (open.flags & Flag.Space) === 0) {
    params = [];
    i = 2;
    for (;;) {
      const t = line[i++];
      if (t === undefined) return { ok: false, message: "missing ')' in macro parameter list", at: line.at(-1)! };
      if (t.kind === T.RParen && params.length === 0) break;
      if (t.kind === T.Ellipsis) {
        params.push(idents.intern('__VA_ARGS__'));
        variadic = true;
      } else if (t.kind === T.Ident) {
        if (params.includes(t.id)) return { ok: false, message: `duplicate macro parameter name '${t.text}'`, at: t };
        params.push(t.id);
        if (line[i]?.kind === T.Ellipsis) {
          variadic = true;
          i++;
        }
      } else return { ok: false, message: 'invalid token in macro parameter list', at: t };
      const sep = line[i++];
      if (sep === undefined) return { ok: false, message: "missing ')' in macro parameter list", at: line.at(-1)! };
      if (sep.kind === T.RParen) break;
      if (variadic) return { ok: false, message: "missing ')' in macro parameter list", at: sep };
      if (sep.kind !== T.Comma) return { ok: false, message: 'expected comma in macro parameter list', at: sep };
    }
  }
  const body = line.slice(i);
  if (body[0]?.kind === T.HashHash)
    return { ok: false, message: "'##' cannot appear at start of macro expansion", at: body[0] };
  if (body.at(-1)?.kind === T.HashHash) {
    return { ok: false, message: "'##' cannot appear at end of macro expansion", at: body.at(-1)! };
  }
  if (params !== null) {
    for (let j = 0; j < body.length; j++) {
      const next = body[j + 1];
      if (
        body[j]!.kind === T.Hash &&
        (next === undefined || !(params.includes(next.id) || next.text === '__VA_OPT__'))
      ) {
        return { ok: false, message: "'#' is not followed by a macro parameter", at: body[j]! };
      }
    }
  }
  return {
    ok: true,
    macro: {
      name: name.text,
      id: name.id,
      loc: name.loc,
      params,
      variadic,
      body,
      makeBody: () => body,
      disabled: false,
    },
  };
}

/** Whether a redefinition is the same but for white space. */
export function sameMacro(a: Macro, b: Macro): boolean {
  if (a.dynamic !== undefined || b.dynamic !== undefined) return false;
  if ((a.params === null) !== (b.params === null) || a.variadic !== b.variadic) return false;
  if (a.params !== null && (a.params.length !== b.params!.length || a.params.some((p, i) => p !== b.params![i])))
    return false;
  const x = bodyOf(a);
  const y = bodyOf(b);
  return x.length === y.length && x.every((t, i) => t.kind === y[i]!.kind && t.text === y[i]!.text);
}
