/**
 * Arguments beyond the fifth of static functions (7.1 on): the caller stores them below r11, which is no register but a name for
 * that place, and the callee loads them from above it, before it stores its own or calls anything (check_stack_arg_write(),
 * check_stack_arg_read()). Each is eight bytes and holds a whole value.
 */
import { BPF_DW, BPF_LDX, BPF_MEM, BPF_ST, BPF_STX, type InsnArray } from '../bpf/index.ts';
import type { Env } from './env.ts';
import { staticArgs } from './func-args.ts';
import { EACCES, EFAULT, EINVAL } from './env.ts';
import { defineReg, useReg } from './liveness.ts';
import { recordHistory } from './precision.ts';
import { constReg, NOT_INIT } from './reg.ts';
import type { Frame } from './state.ts';
import { ARG_ACCESS } from './trails.ts';

/** The number by which instructions name the place of the arguments. */
export const ARGUMENTS = 11;
const IN_REGISTERS = 5;
const MAX_ARGS = 12;
/** How many may be on the stack. */
export const MAX_STACK_ARGS = MAX_ARGS - IN_REGISTERS;
const ARG_SIZE = 8;

/** A load of an argument of this function. */
export const isArgLoad = ({ op, src, off }: InsnArray, i: number): boolean =>
  src[i] === ARGUMENTS && op[i] === (BPF_LDX | BPF_MEM | BPF_DW) && off[i] > 0 && off[i] % ARG_SIZE === 0;

/** A store of an argument for the next call. */
export const isArgStore = ({ op, dst, off }: InsnArray, i: number): boolean =>
  dst[i] === ARGUMENTS &&
  (op[i] === (BPF_STX | BPF_MEM | BPF_DW) || op[i] === (BPF_ST | BPF_MEM | BPF_DW)) &&
  off[i] < 0 &&
  off[i] % ARG_SIZE === 0;

/** Which argument on the stack an instruction means: 0 is the function's sixth. */
export const argSlot = ({ off }: InsnArray, i: number): number => Math.abs(off[i]) / ARG_SIZE - 1;

/** How many arguments of a function are on the stack, by BTF. Only static functions may have some. */
function incoming(env: Env, subprog: number): number {
  return Math.max(0, argCount(env, subprog) - IN_REGISTERS);
}

/** Arguments of a function that is called; 0 = BTF does not tell. */
function argCount(env: Env, subprog: number): number {
  const sub = env.subprogs[subprog];
  sub.args ??= countArgs(env, subprog, sub.funcTypeId);
  return sub.args;
}

function countArgs(env: Env, subprog: number, funcTypeId: number): number {
  const { btf } = env.obj;
  if (subprog === 0 || btf === null || funcTypeId === 0) return 0;
  const f = btf.type(funcTypeId);
  const proto = f.kind === 'func' ? btf.type(f.type) : f;
  return proto.kind === 'func_proto' ? proto.params.length : 0;
}

/** Executes a store of an argument. */
export function storeArg(env: Env): void {
  const { insns, insn, frame } = env;
  const byRegister = (insns.op[insn] & 7) === BPF_STX;
  if (byRegister) useReg(env, insns.src[insn]);
  const slot = argSlot(insns, insn);
  if (slot >= MAX_STACK_ARGS) {
    const words = `stack arg write offset ${insns.off[insn]} exceeds max ${MAX_STACK_ARGS} stack args`;
    env.fail(EINVAL, 'stack-args', words);
  }
  const args = frame.outArgs.slice();
  while (args.length <= slot) args.push(NOT_INIT);
  args[slot] = byRegister ? env.reg(insns.src[insn]) : constReg(insns.imm[insn], insn);
  frame.outArgs = args;
  const sub = env.subprogs[frame.subprog];
  sub.argsStored = Math.max(sub.argsStored, slot + 1);
  frame.noArgLoad = true;
  recordHistory(env, { stackAccess: ARG_ACCESS + slot });
}

/** Executes a load of an argument. */
export function loadArg(env: Env): void {
  const { insns, insn, frame, state } = env;
  defineReg(env, insns.dst[insn]);
  if (frame.noArgLoad) env.fail(EINVAL, 'stack-args', 'r11 load must be before any r11 store or call insn');
  const slot = argSlot(insns, insn);
  const count = incoming(env, frame.subprog);
  if (slot >= count) {
    const words = `invalid read from stack arg off ${insns.off[insn]} depth ${count * ARG_SIZE}`;
    env.fail(EACCES, 'stack-args', words);
  }
  env.setReg(insns.dst[insn], state.frames[state.frames.length - 2].outArgs[slot]);
  recordHistory(env, { stackAccess: ARG_ACCESS + slot });
}

/** A call of anything: what was not loaded by now is not loaded any more. */
export function noMoreArgLoads(env: Env): void {
  if (incoming(env, env.frame.subprog) > 0) env.frame.noArgLoad = true;
}

/** All arguments that BTF says a function has on the stack must be there. */
function checkArgsThere(env: Env, count: number): void {
  const { outArgs } = env.frame;
  for (let slot = 0; slot < count - IN_REGISTERS; slot++) {
    if ((outArgs[slot] ?? NOT_INIT).kind === '?') {
      const words = `callee expects ${count} args, stack arg${slot + 1} is not initialized`;
      env.fail(EFAULT, 'stack-args', words);
    }
  }
}

/**
 * The call of a static function: its arguments on the stack are there. What does not fit its BTF otherwise is no error, but from
 * then on nothing of that is believed (btf_check_subprog_call()).
 */
export function checkStaticCall(env: Env, subprog: number): void {
  const sub = env.subprogs[subprog];
  if (env.obj.btf !== null && sub.funcTypeId !== 0 && !sub.unreliable) {
    const count = argCount(env, subprog);
    const tooMany = count > MAX_ARGS;
    const words = `kernel supports at most ${MAX_ARGS} parameters, function ${sub.name} has ${count}`;
    if (tooMany) env.log.line(words);
    // The kernel keeps four bits of it.
    checkArgsThere(env, count & 15);
    if (tooMany) env.failWordless(EFAULT, 'stack-args', words);
    sub.unreliable = !argsFit(env, subprog, count);
  }
  const caller = env.subprogs[env.frame.subprog];
  caller.argsCalledFor = Math.max(caller.argsCalledFor, incoming(env, subprog));
}

/** Do the arguments of a static function fit? Logs the first that does not. */
function argsFit(env: Env, subprog: number, count: number): boolean {
  const sub = env.subprogs[subprog];
  if (sub.argKinds === undefined) sub.argKinds = staticArgs(env, subprog);
  const kinds = sub.argKinds;
  if (kinds === null) return false;
  for (let n = 0; n < count; n++) {
    const reg = n < IN_REGISTERS ? env.reg(n + 1) : env.frame.outArgs[n - IN_REGISTERS];
    if (kinds[n] === 'scalar' ? reg.isScalar : reg.kind === 'ctx') continue;
    const name = n < IN_REGISTERS ? `R${n + 1}` : `*(R${ARGUMENTS}-${(n - IN_REGISTERS + 1) * ARG_SIZE})`;
    env.log.line(`${name} ${kinds[n] === 'scalar' ? 'is not a scalar' : 'expects pointer to ctx'}`);
    return false;
  }
  return true;
}

/** After a call the arguments are gone, though their places stay. */
export function dropArgs(frame: Frame): void {
  if (frame.outArgs.some((r) => r !== NOT_INIT)) frame.outArgs = frame.outArgs.map(() => NOT_INIT);
}

/** Does a function take arguments on the stack, or call functions that do? */
export const hasStackArgs = (env: Env, subprog: number): boolean =>
  env.rules.stackArgs && (env.subprogs[subprog].argsCalledFor > 0 || incoming(env, subprog) > 0);

/** No function stores arguments that none of its calls takes (bpf_fixup_call_args()). */
export function checkArgsTaken(env: Env): void {
  env.subprogs.forEach((s, n) => {
    if (s.argsStored <= s.argsCalledFor) return;
    const words = `func#${n} writes ${s.argsStored} stack arg slots, but calls only require ${s.argsCalledFor}`;
    env.insn = -1;
    env.fail(EINVAL, 'stack-args', words);
  });
}
