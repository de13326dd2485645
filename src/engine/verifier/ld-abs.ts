/** BPF_LD_ABS and BPF_LD_IND: the old way to read packet bytes, with implied registers. */
import { BPF_ABS, BPF_CLASS, BPF_DW, BPF_IND, BPF_LD, BPF_MODE, BPF_SIZE, OP_CALL } from '../bpf/index.ts';
import type { ProgType } from '../loader/index.ts';
import { returnToCaller } from './calls.ts';
import type { Env } from './env.ts';
import { EINVAL } from './env.ts';
import { unreleased } from './exit.ts';
import { useReg } from './liveness.ts';
import { checkFixedOffset } from './offsets.ts';
import { constReg, unknownReg } from './reg.ts';

const TYPES: ReadonlySet<ProgType> = new Set(['socket_filter', 'sched_cls', 'sched_act']);
const CTX_REG = 6;
const TAIL_CALL = 12;

/** Leaves `env.insn` before the next instruction, or, in a called function, where its caller goes on: 'returned'. */
export function checkLdAbs(env: Env): 'next' | 'returned' {
  const { insns, insn } = env;
  const mode = insns.op[insn] & BPF_MODE;
  const fail = (message: string, reason = 'ld-abs'): never => env.fail(EINVAL, reason, message);
  if (!TYPES.has(env.prog.attach.progType)) {
    fail('BPF_LD_[ABS|IND] instructions not allowed for this program type');
  }
  if (env.state.frames.some((f) => f.inCallback)) fail('cannot use BPF_LD_[ABS|IND] within callback');
  const wide = (insns.op[insn] & BPF_SIZE) === BPF_DW;
  if (insns.dst[insn] !== 0 || insns.off[insn] !== 0 || wide || (mode === BPF_ABS && insns.src[insn] !== 0)) {
    fail('BPF_LD_[ABS|IND] uses reserved fields', 'reserved-fields');
  }
  useReg(env, CTX_REG);
  // The program may end here, without anything being released.
  const leaks = unreleased(env);
  for (const line of leaks) env.log.line(line);
  const words = env.rules.leakSummary ? 'would lead to reference leak' : 'cannot be mixed with socket references';
  if (leaks.length > 0) fail(`BPF_LD_[ABS|IND] ${words}`, 'reference-leak');
  if (env.state.lockMap !== null) {
    fail('BPF_LD_[ABS|IND] cannot be used inside bpf_spin_lock-ed region', 'lock-held');
  }
  if (env.state.rcuLocks > 0) fail('BPF_LD_[ABS|IND] cannot be used inside bpf_rcu_read_lock-ed region', 'rcu');
  const ctx = env.reg(CTX_REG);
  if (ctx.kind !== 'ctx') fail('at the time of BPF_LD_ABS|IND R6 != pointer to skb');
  if (mode === BPF_IND) useReg(env, insns.src[insn]);
  checkFixedOffset(env, CTX_REG, ctx, false);
  env.frame.dropCallerSaved();
  env.setReg(0, unknownReg(insn));
  if (env.state.frames.length === 1) return 'next';
  // Where there are no such bytes the function returns 0: a path of its own.
  env.push(insn + 1, insn, 'other');
  env.setReg(0, constReg(0n, insn));
  returnToCaller(env);
  return 'returned';
}

/** Functions with a hidden way out must return a number (check_btf_func, check_abnormal_return). */
export function checkHiddenExits(env: Env): void {
  const { insns, obj } = env;
  env.subprogs.forEach((sub, n) => {
    if (n === 0) return;
    let hidden = '';
    for (let i = sub.start; i < sub.end; i++) {
      const op = insns.op[i];
      const mode = op & BPF_MODE;
      if ((op & BPF_CLASS) === BPF_LD && (mode === BPF_ABS || mode === BPF_IND)) hidden ||= 'LD_ABS';
      else if (op === OP_CALL && insns.src[i] === 0 && insns.imm[i] === TAIL_CALL) hidden ||= 'tail_call';
    }
    if (hidden === '') return;
    if (obj.btf === null || sub.funcTypeId === 0) {
      env.fail(EINVAL, 'hidden-exit', `${hidden} is not allowed in subprogs without BTF`);
    }
    const f = obj.btf.type(sub.funcTypeId);
    const proto = f.kind === 'func' ? obj.btf.type(f.type) : f;
    const ret = proto.kind === 'func_proto' ? obj.btf.kind(obj.btf.strip(proto.ret)) : 'void';
    if (ret === 'int' || ret === 'enum' || ret === 'enum64') return;
    env.fail(EINVAL, 'hidden-exit', `${hidden} is only allowed in functions that return 'int'.`);
  });
}
