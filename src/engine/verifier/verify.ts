/** The run: checks of the program as a whole, then every path of every function that is verified on its own. */
import {
  BPF_ALU,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_CLASS,
  BPF_EXIT,
  BPF_JA,
  BPF_JMP,
  BPF_JMP32,
  BPF_K,
  BPF_LD,
  BPF_LDX,
  BPF_MODE,
  BPF_OP,
  BPF_SRC,
  BPF_ST,
  BPF_STX,
  OP_LD_IMM64,
} from '../bpf/index.ts';
import type { LoadedObject, LoadedProgram } from '../loader/index.ts';
import { checkAlu } from './alu.ts';
import { checkAtomic } from './atomics.ts';
import { checkAttach } from './attach.ts';
import { checkCall, returnToCaller } from './calls.ts';
import { checkCfg, checkEncoding, checkSubprogs, findSubprogs, jumpTarget, JMP_POINT, PRUNE_POINT } from './cfg.ts';
import { E2BIG, EINVAL, Env, Refusal } from './env.ts';
import { checkLeaks, checkReturn } from './exit.ts';
import { explain, usesPath } from './explain.ts';
import { findExceptionCallback } from './exceptions.ts';
import { argsOf, entryReg, noteMainArgs, returnsNothing } from './func-args.ts';
import { checkIndirectJump, isIndirectJump } from './indirect-jumps.ts';
import { checkJump } from './jump.ts';
import { checkHiddenExits, checkLdAbs } from './ld-abs.ts';
import { checkLdImm64 } from './ld-imm.ts';
import { Fastcalls } from './fastcall.ts';
import { LivenessBefore } from './liveness-before.ts';
import { LoopVisits } from './loop-visits.ts';
import { checkMemInsn } from './memory.ts';
import { claimsOf } from './observe.ts';
import { takeExtraStack } from './stack-extra.ts';
import { checkArgsTaken } from './stack-args.ts';
import { checkStackDepth } from './stack-depth.ts';
import { History } from './history.ts';
import { findCallEffects } from './call-effects.ts';
import { recordHistory } from './precision.ts';
import { frameText, printInsn, printTouched } from './print.ts';
import { pathEnded, visit } from './prune.ts';
import { endOfPath, Recorder } from './record.ts';
import { pointerReg } from './reg.ts';
import { Frame, State } from './state.ts';
import { stateTree } from './states.ts';
import { START } from './trails.ts';
import type { Explanation, VerifierPlatform, VerifierResult, VerifyOptions } from './types.ts';

const INSN_LIMIT = 1_000_000;

/** Verifies one program as BPF_PROG_LOAD of the platform's kernel would (for a fully privileged user). */
export function verifyProgram(
  obj: LoadedObject,
  prog: LoadedProgram,
  platform: VerifierPlatform,
  opts: VerifyOptions = {},
): VerifierResult {
  let recorder = opts.recordStates === true ? new Recorder(true) : null;
  let { env, refusal } = attempt(obj, prog, platform, opts, recorder);
  if (refusal !== null && recorder?.truncated === true) {
    // Once more, for the end of the path that failed.
    recorder = new Recorder(true, endOfPath(recorder.current));
    ({ env, refusal } = attempt(obj, prog, platform, opts, recorder));
  }
  const explanation = refusal === null ? null : explainRefusal(env, refusal, opts);
  return result(env, refusal, explanation);
}

interface Attempt {
  readonly env: Env;
  readonly refusal: Refusal | null;
}

function attempt(
  obj: LoadedObject,
  prog: LoadedProgram,
  platform: VerifierPlatform,
  opts: VerifyOptions,
  recorder: Recorder | null,
): Attempt {
  const env = new Env(obj, prog, platform, opts, recorder);
  try {
    run(env);
    summary(env);
    return { env, refusal: null };
  } catch (e) {
    if (!(e instanceof Refusal)) throw e;
    recorder?.ended('error');
    summary(env);
    return { env, refusal: e };
  }
}

/** Beyond this the path is not recorded a second time: what is refused then is refused for its length. */
const EXPLAIN_LIMIT = 300_000;

/** Explains from the recorded path; where there is none, the program is verified once more to have one. */
function explainRefusal(env: Env, refusal: Refusal, opts: VerifyOptions): Explanation {
  if (env.recorder !== null && !env.recorder.truncated) return explain(env, refusal, new History(env.recorder.current));
  const wanted = opts.explain !== false && env.insnsProcessed > 0 && env.insnsProcessed <= EXPLAIN_LIMIT;
  if (!wanted || !usesPath(refusal)) return explain(env, refusal, null);
  const { obj, prog, platform } = env;
  const again = { ...opts, logLevel: 0 as const, observe: undefined };
  const second = attempt(obj, prog, platform, again, new Recorder(false));
  if (second.refusal?.reason !== refusal.reason) return explain(env, refusal, null);
  return explain(second.env, second.refusal, new History(second.env.recorder!.current));
}

/** All programs of an object that would be loaded. */
export function verifyObject(
  obj: LoadedObject,
  platform: VerifierPlatform,
  opts: VerifyOptions = {},
): VerifierResult[] {
  return obj.programs.map((p) => verifyProgram(obj, p, platform, opts));
}

function run(env: Env): void {
  findSubprogs(env);
  if (env.log.level > 1) env.subprogs.forEach((f, n) => env.log.line(`func#${n} @${f.start}`));
  checkSubprogs(env);
  checkHiddenExits(env);
  findExceptionCallback(env);
  env.insn = -1;
  checkAttach(env);
  checkEncoding(env);
  checkCfg(env);
  findCallEffects(env);
  if (env.rules.livenessBefore) {
    env.before = new LivenessBefore(env);
    env.loops = new LoopVisits(env.before);
  }
  if (env.rules.fastcall) env.fastcalls = new Fastcalls(env);
  const globals = (only: ReadonlySet<number> | null): void => {
    const done = new Set<number>();
    for (let again = true; again;) {
      again = false;
      env.subprogs.forEach((s, n) => {
        if (!s.global || done.has(n) || (only !== null && !only.has(n))) return;
        done.add(n);
        again = true;
        explore(env, n);
      });
    }
  };
  if (env.rules.trust) {
    explore(env, 0);
    if (env.exceptionCallback >= 0) env.globalsCalled.add(env.exceptionCallback);
    // Only what is called, directly or by another one, since 6.8.
    globals(env.globalsCalled);
  } else {
    globals(null);
    explore(env, 0);
  }
  env.fastcalls?.giveBackStack(env);
  checkStackDepth(env);
  takeExtraStack(env);
  checkArgsTaken(env);
}

/** Verifies function `n` from its entry. */
function explore(env: Env, n: number): void {
  const frame = new Frame(-1, 0, n);
  frame.regs[10] = pointerReg('fp');
  const sub = env.subprogs[n];
  if (n === 0) {
    noteMainArgs(env);
    frame.regs[1] = pointerReg('ctx');
  } else {
    env.log.line(`Validating ${sub.name}() func#${n}...`);
    const args = argsOf(env, n);
    if (sub.isExceptionCallback) {
      frame.inExceptionCallback = true;
      if (returnsNothing(env, n)) env.fail(EINVAL, 'exception-callback', 'exception cb cannot return void');
      if (args.length !== 1 || args[0].kind !== 'scalar') {
        env.fail(EINVAL, 'exception-callback', 'exception cb only supports single integer argument');
      }
    }
    args.forEach((arg, i) => {
      frame.regs[i + 1] = entryReg(env, arg);
    });
  }
  env.state = new State([frame]);
  env.state.firstInsn = sub.start;
  env.insn = sub.start;
  env.prevInsn = -1;
  env.pending = [];
  env.explored.clear();
  env.loops?.clear();
  env.log.lastLine = null;
  env.log.touchAll();
  loop(env);
  // Level 1 is about failures: what was accepted leaves nothing.
  if (env.log.level === 1) env.log.cut(0);
  if (n === 0) return;
  const who = env.rules.trust ? `Func#${n} ('${sub.name}')` : `Func#${n}`;
  env.log.line(`${who} is safe for any args that match its prototype`);
}

function loop(env: Env): void {
  let prev = -1;
  let printState = false;
  for (;;) {
    env.curHistory = START;
    env.prevInsn = prev;
    if (++env.insnsProcessed > INSN_LIMIT) {
      env.fail(E2BIG, 'too-complex', `BPF program is too large. Processed ${env.insnsProcessed} insn`);
    }
    env.spend(1);
    env.state.lastInsn = prev;
    const prune = (env.points[env.insn] & PRUNE_POINT) !== 0;
    if (prune) env.before?.forgetDead(env);
    env.recorder?.arrive(env);
    const visited = prune ? visit(env) : 'new';
    if (visited === 'explored') {
      env.log.line(printState ? `\nfrom ${prev} to ${env.insn}: safe` : `${env.insn}: safe`);
      env.log.touchAll();
      pathEnded(env, env.state);
      if (!env.pop()) return;
      prev = env.prevInsn;
      printState = true;
      continue;
    }
    // Up to 6.7 the history after a checkpoint begins without the jump that led there: searches back end a round earlier.
    const first = visited === 'checkpoint' && !env.rules.fullBacktrack;
    if (env.points[env.insn] & JMP_POINT && !first) recordHistory(env);
    if (env.log.level > 0) {
      if (printState && env.log.level === 2) {
        env.log.line(`\nfrom ${prev} to ${env.insn}:${frameText(env, env.frame)}`);
        printState = false;
      }
      printTouched(env);
      printInsn(env, env.insn);
    }
    env.visits[env.insn]++;
    env.recorder?.step(env);
    env.observe?.(env.insn, env.state.frames.length - 1, claimsOf(env));
    prev = env.insn;
    const next = step(env);
    if (next === 'ended') {
      env.recorder?.ended('exit');
      env.log.touchAll();
      pathEnded(env, env.state);
      if (!env.pop()) return;
      prev = env.prevInsn;
      printState = true;
    } else if (next === 'returned') printState = true;
    if (next === 'next') env.insn++;
  }
}

/** One instruction. `next`: go on after `env.insn`; `there`: `env.insn` is set. */
function step(env: Env): 'next' | 'there' | 'returned' | 'ended' {
  const { insns } = env;
  const op = insns.op[env.insn];
  const cls = op & BPF_CLASS;
  switch (cls) {
    case BPF_ALU:
    case BPF_ALU64:
      checkAlu(env);
      return 'next';
    case BPF_LDX:
    case BPF_ST:
    case BPF_STX:
      if (cls === BPF_STX && (op & BPF_MODE) === BPF_ATOMIC) checkAtomic(env);
      else checkMemInsn(env);
      return 'next';
    case BPF_LD:
      if (op !== OP_LD_IMM64) return checkLdAbs(env);
      checkLdImm64(env);
      env.insn++;
      return 'next';
    default:
      return stepJump(env, op);
  }
}

function stepJump(env: Env, op: number): 'next' | 'there' | 'returned' | 'ended' {
  const { insns, insn } = env;
  env.jumpsProcessed++;
  const o = op & BPF_OP;
  const wide = (op & BPF_CLASS) === BPF_JMP;
  const plain = (op & BPF_SRC) === BPF_K && insns.src[insn] === 0 && insns.dst[insn] === 0;
  if (wide && o === BPF_CALL) {
    if (!checkCall(env)) return 'next';
    checkLeaks(env, true);
    return 'ended';
  }
  if (isIndirectJump(op)) {
    checkIndirectJump(env);
    return 'there';
  }
  if (o === BPF_JA) {
    const ok = plain && (wide ? insns.imm[insn] === 0 : insns.off[insn] === 0);
    if (!ok) env.fail(EINVAL, 'reserved-fields', 'BPF_JA uses reserved fields');
    env.insn = jumpTarget(env, insn);
    return 'there';
  }
  if (wide && o === BPF_EXIT) {
    if (!plain || insns.imm[insn] !== 0) env.fail(EINVAL, 'reserved-fields', 'BPF_EXIT uses reserved fields');
    checkLeaks(env);
    if (env.state.frames.length > 1) {
      returnToCaller(env);
      return 'returned';
    }
    checkReturn(env, env.state.frames[0].subprog);
    return 'ended';
  }
  if ((op & BPF_CLASS) === BPF_JMP32 || wide) checkJump(env);
  return 'next';
}

function summary(env: Env): void {
  if (env.log.level === 0) return;
  if (env.log.level > 1 || env.logStats) {
    env.log.line(`stack depth ${env.subprogs.map((x) => x.stackDepth).join('+')}`);
  }
  env.log.line(
    `processed ${env.insnsProcessed} insns (limit ${INSN_LIMIT}) max_states_per_insn ${env.maxStatesPerInsn} ` +
      `total_states ${env.totalStates} peak_states ${env.peakStates} mark_read ${env.longestMarkRead}`,
  );
}

function result(env: Env, refusal: Refusal | null, explanation: Explanation | null): VerifierResult {
  const at = refusal === null ? -1 : env.insn;
  return {
    program: env.prog.name,
    accepted: refusal === null,
    errno: refusal?.errno ?? 0,
    message: refusal?.message ?? '',
    insn: at,
    line: at < 0 ? null : env.lineOf(at),
    explanation,
    log: env.log.toString(),
    insnsProcessed: env.insnsProcessed,
    totalStates: env.totalStates,
    peakStates: env.peakStates,
    maxStackDepth: env.maxStackDepth,
    visits: env.visits,
    ...(env.recorder === null ? {} : { states: stateTree(env, env.recorder) }),
  };
}
