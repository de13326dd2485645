/** Why a program was refused: required, known, the path, where knowledge was lost, what to change. */
import {
  BPF_ALU,
  BPF_ALU64,
  BPF_CALL,
  BPF_CLASS,
  BPF_EXIT,
  BPF_JA,
  BPF_JMP,
  BPF_JMP32,
  BPF_OP,
  BPF_SRC,
  BPF_X,
  OP_CALL,
} from '../bpf/index.ts';
import type { LineRecord } from '../loader/index.ts';
import { branchOf } from './branches.ts';
import type { Env, Refusal } from './env.ts';
import { OTHER, requiredOf, WORDS, type Context } from './explain-words.ts';
import { History } from './history.ts';
import { copyLost, lastChange, lostBefore, type Good, type Lost } from './lost.ts';
import { lostText } from './lost-words.ts';
import { regText } from './print.ts';
import type { Reg } from './reg.ts';
import { MAYBE_NULL, RCU, TRUSTED, UNTRUSTED } from './reg.ts';
import { START } from './trails.ts';
import type { Explanation } from './types.ts';

/** `line 12 (`x = y;`)` or `instruction 7`. */
export function lineText(env: Env, insn: number): string {
  const l = insn < 0 ? null : env.lineOf(insn);
  return l === null ? `instruction ${insn}` : `line ${l.line} (\`${l.text.trim()}\`)`;
}

/** The register that a refusal is about: named by the check, or by its message. Of a sum, the number that is added. */
function regnoOf(env: Env, refusal: Refusal): number {
  const m = /\bR(\d+)\b/.exec(refusal.message);
  const n = refusal.regno >= 0 ? refusal.regno : m === null ? -1 : Number(m[1]);
  const { insns, insn } = env;
  // Memory and its size: of a pointer that is fixed, the size is what may be too large.
  const sized = refusal.reason === 'out-of-bounds' || refusal.reason === 'stack-bounds';
  if (sized && n >= 1 && n < 5 && insns.op[insn] === OP_CALL && env.reg(n).num.isConst && env.reg(n + 1).isScalar)
    return n + 1;
  if (!refusal.reason.startsWith('pointer-') || insn < 0 || env.state.frames.length === 0) return n;
  const cls = insns.op[insn] & BPF_CLASS;
  if ((cls !== BPF_ALU && cls !== BPF_ALU64) || (insns.op[insn] & BPF_SRC) !== BPF_X) return n;
  const [dst, src] = [insns.dst[insn], insns.src[insn]];
  if (env.reg(src).isScalar && !env.reg(src).num.isConst) return src;
  return env.reg(dst).isScalar && !env.reg(dst).num.isConst ? dst : n;
}

function regOf(env: Env, refusal: Refusal): Reg | null {
  const n = regnoOf(env, refusal);
  return n < 0 || n > 10 || env.state.frames.length === 0 ? null : env.reg(n);
}

function originText(env: Env, refusal: Refusal): string {
  const reg = regOf(env, refusal);
  if (reg === null || reg.origin < 0 || reg.origin === env.insn) return '';
  const what = reg.kind === 'map_value' ? 'looked up' : reg.kind === 'mem' ? 'reserved' : 'obtained';
  return `, ${what} at ${lineText(env, reg.origin)}`;
}

const MAX_PATH = 64;

/** The branches that led here, oldest first; rounds of a loop counted, not repeated. */
function pathOf(env: Env): Explanation['path'] {
  // There may be half a million steps: first they are only counted.
  const times = new Uint32Array(env.insns.count * 2);
  const found: number[] = [];
  for (let at = env.state.path; at !== START; at = env.branchTrail.before(at)) {
    const branch = env.branchTrail.branch(at);
    if (times[branch] === 0) {
      if (found.length >= MAX_PATH) break;
      found.push(branch);
    }
    times[branch]++;
  }
  return found.reverse().map((branch) => {
    const insn = branch >> 1;
    const taken = (branch & 1) === 1;
    const b = branchOf(env, insn, taken);
    const way = taken ? 'taken' : 'not taken';
    const what = b.inC
      ? b.holds === null
        ? `\`${b.text}\`: jump ${way} (instruction ${insn})`
        : `\`${b.text}\` is ${b.holds}`
      : `branch ${way}: if ${b.text} (instruction ${insn})`;
    return {
      insn,
      line: env.lineOf(insn),
      taken,
      condition: b.text,
      holds: b.holds,
      times: times[branch],
      what: times[branch] === 1 ? what : `${what}, ${times[branch]} times`,
    };
  });
}

/** What the verifier knew, in the kernel's notation and in words. */
function knownText(env: Env, refusal: Refusal): string {
  const n = regnoOf(env, refusal);
  const reg = regOf(env, refusal);
  if (refusal.reason === 'reference-leak')
    return env.frame.refs.map((r) => `Reference ${r.id} is held, acquired at ${lineText(env, r.insn)}.`).join(' ');
  if (refusal.reason === 'lock-held') return 'A bpf_spin_lock is held.';
  if (refusal.reason === 'rcu' && env.state.rcuLocks > 0) return 'The program is in an RCU read-side section.';
  if (refusal.reason === 'preempt' && env.state.preemptLock > 0)
    return `Preemption is disabled ${env.state.preemptLock} times.`;
  if (reg === null) return `${refusal.message.replace(/\.$/, '')}.`;
  if (reg.kind === '?') return `R${n} holds nothing on this path.`;
  return `R${n}=${regText(env, env.frame, reg, (env.frame.precise & (1 << n)) !== 0)}: ${inWords(reg)}.`;
}

const UNBOUNDED = 2 ** 31;
function range(r: Reg): string {
  const { num } = r;
  if (num.isConst) return num.constS64 + BigInt(r.isScalar ? 0 : r.off) + '';
  const low = num.sminNumber <= -UNBOUNDED ? null : num.smin;
  const high = num.smaxNumber >= UNBOUNDED ? null : num.smax;
  if (low === null && high === null) return 'without known bounds';
  return low === null
    ? `at most ${high}`
    : high === null
      ? `at least ${low}, without an upper bound`
      : `between ${low} and ${high}`;
}

function inWords(r: Reg): string {
  if (r.isScalar) return r.num.isConst ? `the number ${range(r)}` : `a number ${range(r)}`;
  const what = r.kind === 'ptr_' ? `a pointer to struct ${r.btf?.name(r.btfId) ?? '?'}` : `a pointer (${r.kind})`;
  const facts = [
    ...(r.flags & MAYBE_NULL ? ['may be NULL'] : []),
    ...(r.flags & UNTRUSTED ? ['not trusted'] : []),
    ...(r.num.isConst ? [] : [`offset ${range(r)}`]),
  ];
  return facts.length === 0 ? what : `${what}, ${facts.join(', ')}`;
}

const LIMIT = 2 ** 29;
const NUMERIC = new Set([
  'out-of-bounds',
  'index-negative',
  'index-unbounded',
  'stack-bounds',
  'stack-unbounded',
  'size-negative',
  'size-unbounded',
  'zero-size',
  'pointer-unbounded',
  'pointer-out-of-bounds',
  'pointer-math',
]);

/** Is a value good enough for the check that failed? Null = nothing about a value can be lost here. */
function goodFor(refusal: Refusal, bad: Reg): Good | null {
  const { reason, message } = refusal;
  if (NUMERIC.has(reason)) {
    const negative = bad.num.sminNumber < 0;
    const high = bad.num.umaxNumber;
    const bounded = high < LIMIT;
    if (bad.num.isConst && bad.num.sminNumber >= 0 && reason === 'zero-size') return (r) => r.num.uminNumber > 0;
    return (r) =>
      r.num.isConst && !bad.num.isConst
        ? true
        : (!negative || r.num.sminNumber >= 0) &&
          (reason === 'zero-size'
            ? r.num.uminNumber > 0
            : negative && bounded
              ? true
              : bounded
                ? r.num.umaxNumber < high
                : r.num.umaxNumber < LIMIT);
  }
  switch (reason) {
    case 'null-deref':
    case 'null-math':
    case 'null-argument':
      return (r) => r.isPointer && !r.mayBeNull;
    case 'not-a-pointer':
      return (r) => r.isPointer;
    case 'uninit-register':
      return (r) => r.kind !== '?';
    case 'size-not-constant':
      return (r) => r.num.isConst;
    case 'return-type':
      return (r) => r.isScalar;
    case 'return-range': {
      const m = /\[(-?\d+), (-?\d+)\]/.exec(message);
      const [low, high] = m === null ? [0, 1] : [Number(m[1]), Number(m[2])];
      return (r) =>
        r.isScalar &&
        ((r.num.sminNumber >= low && r.num.smaxNumber <= high) || (r.num.s32min >= low && r.num.s32max <= high));
    }
    case 'not-acquired':
      return (r) => r.refId !== 0;
    case 'untrusted-argument':
      return (r) => (r.flags & (TRUSTED | RCU)) !== 0 || r.refId !== 0;
    case 'wrong-struct':
      return (r) => r.kind === 'ptr_' && (r.btfId !== bad.btfId || r.btf !== bad.btf);
    default:
      return (r) => r.kind !== bad.kind || r.flags !== bad.flags;
  }
}

/** Reasons about the instruction or the program as such: no value is to blame. */
const ABOUT_PROGRAM =
  /^(unknown-helper|helper-not-here|sleepable-helper|gpl-|disabled-hook|no-hook|not-sleepable|no-attach|not-modifiable|denied-|no-return-|unsupported-function|map-not-for|unknown-opcode|reserved-fields|jump-|unreachable|back-edge|too-|infinite-loop|not-modelled|bad-|stack-too-large|ctx-no-argument|global-|hidden-exit|call-under-lock|internal|cancelled)/;

/** Does the explanation of such a refusal make use of the path? */
export const usesPath = (refusal: Refusal): boolean => !ABOUT_PROGRAM.test(refusal.reason);

const SECTIONS: Readonly<Record<string, string>> = { 'lock-held': 'lock', rcu: 'rcu', preempt: 'preempt' };

function lostOf(env: Env, refusal: Refusal, h: History): Lost | null {
  if (h.insns.length === 0) return null;
  if (refusal.reason === 'reference-leak') {
    const id = refId(env, refusal);
    return (
      copyLost(h, id) ?? {
        kind: 'acquired',
        at: lastPosition(h, env.frame.refs.find((r) => r.id === id)?.insn ?? -1),
        place: 'refs',
      }
    );
  }
  const section = SECTIONS[refusal.reason] as string | undefined;
  if (section !== undefined) {
    const at = lastChange(h, section);
    return at < 0
      ? null
      : { kind: h.at(section, h.insns.length) === null ? 'section-left' : 'acquired', at, place: section };
  }
  const n = regnoOf(env, refusal);
  const bad = regOf(env, refusal);
  if (bad === null || n === 10 || ABOUT_PROGRAM.test(refusal.reason)) return null;
  const good = goodFor(refusal, bad);
  return good === null ? null : lostBefore(env, h, `${env.frame.frameno}:R${n}`, good);
}

const refId = (env: Env, refusal: Refusal): number =>
  Number(/id=(\d+)/.exec(refusal.message)?.[1] ?? env.frame.refs[0]?.id ?? 0);

function lastPosition(h: History, insn: number): number {
  return h.insns.lastIndexOf(insn);
}

/** The head of a function, or its closing brace: where compilers put what belongs to no statement. */
const isFrame = (text: string): boolean =>
  /^\s*}?\s*$/.test(text) ||
  (/\)\s*\{?\s*$/.test(text) && !/;|^\s*(}\s*)?(if|for|while|switch|else|return|do)\b/.test(text));

const UNCONDITIONAL = new Set([BPF_JA, BPF_CALL, BPF_EXIT]);

/** The end of the path in C: the last line that is a statement, and for a condition whether it holds there. */
function leavesOf(env: Env, h: History): Explanation['leaves'] {
  const sub = env.subprogContaining(env.insn);
  let found: { insn: number; line: LineRecord } | null = null;
  for (let i = h.insns.length - 1; i >= 0; i--) {
    const insn = h.insns[i];
    if (env.subprogContaining(insn) !== sub) continue;
    const line = env.lineOf(insn);
    if (found !== null && line?.line !== found.line.line) break;
    if (line === null || isFrame(line.text)) continue;
    found ??= { insn, line };
    const op = env.insns.op[insn];
    const cls = op & BPF_CLASS;
    const conditional = (cls === BPF_JMP || cls === BPF_JMP32) && !UNCONDITIONAL.has(op & BPF_OP);
    if (i + 1 < h.insns.length && conditional)
      return { insn, line, holds: branchOf(env, insn, h.insns[i + 1] !== insn + 1).holds };
  }
  return found === null ? null : { ...found, holds: null };
}

const AT_END = /^(reference-leak|lock-held|rcu|preempt|return-)/;

/**
 * @param path what was recorded on the way; null = nothing
 */
export function explain(env: Env, refusal: Refusal, path: History | null): Explanation {
  const words = WORDS[refusal.reason] ?? OTHER;
  const h = path ?? new History(null);
  const ref =
    refusal.reason === 'reference-leak' ? env.frame.refs.find((r) => r.id === refId(env, refusal)) : undefined;
  const c: Context = {
    env,
    refusal,
    message: refusal.message,
    here: capital(lineText(env, env.insn)),
    origin: originText(env, refusal),
    acquired: ref === undefined ? '' : lineText(env, ref.insn),
  };
  const lost = lostOf(env, refusal, h);
  const insn = lost === null || lost.at < 0 ? -1 : h.insns[lost.at];
  return {
    id: refusal.reason,
    text: words.text(c),
    required: requiredOf(c),
    known: knownText(env, refusal),
    advice: words.advice(c),
    path: pathOf(env),
    lost:
      lost === null
        ? null
        : {
            kind: lost.kind,
            insn,
            line: insn < 0 ? null : env.lineOf(insn),
            what: lostText(env, h, lost, refusal.reason),
          },
    related: ref === undefined ? [] : [{ insn: ref.insn, line: env.lineOf(ref.insn), what: 'acquired here' }],
    leaves: AT_END.test(refusal.reason) && env.insns.op[env.insn] === 0x95 ? leavesOf(env, h) : null,
  };
}

const capital = (s: string): string => s[0].toUpperCase() + s.slice(1);
