/**
 * Conditional jumps in the words of the C source: the condition that stands in the line, and whether it holds on the way
 * that was taken. Only what can be told from the line's text: null where the compiler moved things about.
 */
import {
  BPF_CLASS,
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JLE,
  BPF_JLT,
  BPF_JMP,
  BPF_JMP32,
  BPF_JNE,
  BPF_JSET,
  BPF_JSGE,
  BPF_JSGT,
  BPF_JSLE,
  BPF_JSLT,
  BPF_K,
  BPF_OP,
  BPF_SRC,
  disasmInsn,
  type InsnArray,
} from '../bpf/index.ts';
import type { LineRecord } from '../loader/index.ts';

export interface Branch {
  /** The condition in C, or of the instruction where the line has none. */
  readonly text: string;
  /** Does the condition of `text` hold on this way? Null = `text` is C, and cannot be told. */
  readonly holds: boolean | null;
  /** `text` is C. */
  readonly inC: boolean;
}

type Sense = 'eq' | 'ne' | 'up' | 'down';
const OPPOSITE: Readonly<Record<Sense, Sense>> = { eq: 'ne', ne: 'eq', up: 'down', down: 'up' };
const FLIPPED: Readonly<Record<Sense, Sense>> = { eq: 'eq', ne: 'ne', up: 'down', down: 'up' };

function senseOf(op: number): Sense | null {
  switch (op) {
    case BPF_JEQ:
      return 'eq';
    case BPF_JNE:
    case BPF_JSET:
      return 'ne';
    case BPF_JGT:
    case BPF_JGE:
    case BPF_JSGT:
    case BPF_JSGE:
      return 'up';
    case BPF_JLT:
    case BPF_JLE:
    case BPF_JSLT:
    case BPF_JSLE:
      return 'down';
    default:
      return null;
  }
}

/** What is between the parenthesis that opens at `open` and its partner; null = it closes on another line. */
function inside(text: string, open: number): string | null {
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    if (text[i] === '(') depth++;
    else if (text[i] === ')' && --depth === 0) return text.slice(open + 1, i);
  }
  return null;
}

/** Parts of an expression between operators outside of all parentheses, with where each begins. */
function parts(text: string, between: RegExp): { readonly text: string; readonly at: number }[] {
  const out: { text: string; at: number }[] = [];
  let depth = 0;
  let begin = 0;
  for (let i = 0; i < text.length; i++) {
    if ('([{'.includes(text[i])) depth++;
    else if (')]}'.includes(text[i])) depth--;
    const m = depth === 0 ? between.exec(text.slice(i)) : null;
    if (m === null) continue;
    out.push({ text: text.slice(begin, i), at: begin });
    begin = i + m[0].length;
    i = begin - 1;
  }
  out.push({ text: text.slice(begin), at: begin });
  return out;
}

/** The condition in a line of C, and its place in the line. */
function conditionIn(line: string): { readonly text: string; readonly at: number } | null {
  const m = /\b(if|while|for)\s*\(/.exec(line);
  if (m !== null) {
    const open = m.index + m[0].length - 1;
    const whole = inside(line, open);
    if (whole === null) return null;
    if (m[1] !== 'for') return { text: whole, at: open + 1 };
    const middle = parts(whole, /^;/)[1] as { text: string; at: number } | undefined;
    return middle === undefined ? null : { text: middle.text, at: open + 1 + middle.at };
  }
  if (!line.includes('?')) return null;
  const q = parts(line, /^\?/);
  if (q.length !== 2) return null;
  const before = /^(.*(?:\breturn\b|[^=!<>]=(?!=)))?(.*)$/.exec(q[0].text);
  return before === null ? null : { text: before[2], at: q[0].text.length - before[2].length };
}

/** Outer parentheses off. */
function bare(text: string): string {
  let t = text.trim();
  while (t.startsWith('(') && inside(t, 0)?.length === t.length - 2) t = t.slice(1, -1).trim();
  return t;
}

/** A number, a macro by its spelling, or sizeof. */
const looksConstant = (t: string): boolean =>
  /^(-?\s*(0x[\da-fA-F]+|\d+)[uUlL]*|[A-Z][A-Z0-9_]*|sizeof\b.*)$/.test(bare(t));

/** What a simple condition says of its variable operand; null = not simple. */
function senseIn(condition: string): Sense | null {
  // `->` is no comparison.
  let t = bare(condition.replaceAll('->', '..'));
  let negated = false;
  while (t.startsWith('!') && !t.startsWith('!=')) {
    negated = !negated;
    t = bare(t.slice(1));
  }
  if (parts(t, /^(&&|\|\||\?)/).length > 1) return null;
  if (/<<|>>/.test(t)) return null;
  const sides = parts(t, /^(==|!=|<=|>=|<|>)/);
  if (sides.length > 2) return null;
  let sense: Sense = 'ne';
  if (sides.length === 2) {
    const op = t.slice(sides[0].text.length, sides[1].at);
    sense = op === '==' ? 'eq' : op === '!=' ? 'ne' : op.startsWith('>') ? 'up' : 'down';
    if (looksConstant(sides[0].text) && !looksConstant(sides[1].text)) sense = FLIPPED[sense];
  }
  return negated ? OPPOSITE[sense] : sense;
}

/** One comparison of the line: with several, the one in whose text the column is. */
function comparisonAt(line: string, column: number): string | null {
  const c = conditionIn(line);
  if (c === null) return null;
  const all = parts(c.text, /^(&&|\|\|)/);
  if (all.length === 1) return c.text.trim();
  const at = column - 1 - c.at;
  const mine = all.filter((p) => at >= p.at && at <= p.at + p.text.length);
  // At the start of the whole condition a compiler may mean any part of it.
  return mine.length === 1 && at > 0 ? mine[0].text.trim() : null;
}

function insnCondition(insns: InsnArray, insn: number): string {
  return disasmInsn(insns, insn)
    .replace(/^if /, '')
    .replace(/ goto .*$/, '');
}

/** The condition at a conditional jump, for the way on which the jump was taken or not. */
export function branchOf(
  env: { readonly insns: InsnArray; lineOf(insn: number): LineRecord | null },
  insn: number,
  taken: boolean,
): Branch {
  const { insns } = env;
  const cls = insns.op[insn] & BPF_CLASS;
  const record = env.lineOf(insn);
  const inC = record === null ? null : comparisonAt(record.text, record.column);
  if (inC === null || (cls !== BPF_JMP && cls !== BPF_JMP32)) {
    const whole = record === null ? null : (conditionIn(record.text)?.text.trim() ?? null);
    return whole === null
      ? { text: insnCondition(insns, insn), holds: taken, inC: false }
      : { text: whole, holds: null, inC: true };
  }
  const sense = senseIn(inC);
  let jump = senseOf(insns.op[insn] & BPF_OP);
  // Unsigned comparisons with the smallest numbers are tests for zero.
  if (
    jump !== null &&
    (insns.op[insn] & BPF_SRC) === BPF_K &&
    insns.imm[insn] === 0 &&
    (sense === 'eq' || sense === 'ne')
  ) {
    const op = insns.op[insn] & BPF_OP;
    if (op === BPF_JGT) jump = 'ne';
    else if (op === BPF_JLE) jump = 'eq';
  }
  const holds =
    sense === null || jump === null ? null : sense === jump ? taken : sense === OPPOSITE[jump] ? !taken : null;
  return { text: inC, holds, inC: true };
}
