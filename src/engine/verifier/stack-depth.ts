/** Stack of the whole chain of calls: 512 bytes, 8 or 16 frames; and what may not be called from where. */
import { BPF_CALL, BPF_JMP, BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC, OP_LD_IMM64 } from '../bpf/index.ts';
import { kfuncAt } from './callbacks.ts';
import type { Env } from './env.ts';
import { E2BIG, EACCES, EINVAL } from './env.ts';
import { THROW } from './kfuncs.ts';
import { hasStackArgs } from './stack-args.ts';

const MAX_STACK = 512;

/** From the program, and from each callback that runs on its own (check_max_stack_depth). */
export function checkStackDepth(env: Env): void {
  for (let n = env.subprogs.length - 1; n >= 0; n--) {
    if (n === 0 || env.subprogs[n].isAsyncCallback) visit(env, n, 0, 0, [n]);
  }
}

function rounded(env: Env, n: number): number {
  const { stackRound } = env.rules;
  return stackRound * Math.ceil(Math.max(env.subprogs[n].stackDepth, stackRound === 32 ? 1 : 0) / stackRound);
}

function visit(env: Env, n: number, depth: number, frame: number, chain: readonly number[]): void {
  const { insns } = env;
  const sub = env.subprogs[n];
  const total = depth + rounded(env, n);
  env.maxStackDepth = Math.max(env.maxStackDepth, total);
  if (total > MAX_STACK) {
    env.fail(EACCES, 'stack-too-large', `combined stack size of ${frame + 1} calls is ${total}. Too large`);
  }
  if (sub.hasTailCall && chain.some((c) => hasStackArgs(env, c))) {
    env.fail(EINVAL, 'stack-args', 'tail_calls are not allowed in programs with stack args');
  }
  for (let i = sub.start; i < sub.end; i++) {
    if (env.rules.trust && kfuncAt(env, i) === THROW && chain.some((c) => env.subprogs[c].isCallback)) {
      env.insn = i;
      env.fail(EINVAL, 'throw-in-callback', `bpf_throw kfunc (insn ${i}) cannot be called from callback subprog ${n}`);
    }
    const call = insns.op[i] === (BPF_JMP | BPF_CALL) && insns.src[i] === BPF_PSEUDO_CALL;
    const func = insns.op[i] === OP_LD_IMM64 && insns.src[i] === BPF_PSEUDO_FUNC;
    if (!call && !func) continue;
    const callee = env.subprogAt(i + insns.imm[i] + 1);
    if (env.subprogs[callee].isAsyncCallback) {
      // Runs on a stack of its own unless it is called directly.
      if (!call) continue;
      if (env.subprogs[callee].isExceptionCallback) {
        env.fail(EINVAL, 'exception-callback', `insn ${i} cannot call exception cb directly`);
      }
    }
    // Recursion ends here, too.
    if (frame + 1 >= env.rules.maxFrames) {
      env.insn = i;
      env.fail(E2BIG, 'too-deep', `the call stack of ${frame + 1} frames is too deep !`);
    }
    visit(env, callee, total, frame + 1, [...chain, callee]);
  }
}
