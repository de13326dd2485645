/** The end of the program: references, locks and the return value. */
import type { Env } from './env.ts';
import { EINVAL } from './env.ts';
import { attachProto } from './ctx.ts';
import { useReg } from './liveness.ts';
import { markPrecise } from './precision.ts';

/** Locks and references at EXIT. */
export function checkLeaks(env: Env): void {
  const frame = env.frame;
  const outer = frame.frameno === 0;
  if (env.state.lockMap !== null && (outer || !env.rules.trust)) {
    env.fail(EINVAL, 'lock-held', 'bpf_spin_unlock is missing');
  }
  if (env.state.rcuLock && outer) env.fail(EINVAL, 'rcu', 'bpf_rcu_read_unlock is missing');
  if (!outer && !frame.inCallback) return;
  const leaked = frame.refs.filter((r) => !frame.inCallback || r.callbackFrame === frame.frameno);
  if (leaked.length === 0) return;
  for (const r of leaked.slice(0, -1)) env.log.line(`Unreleased reference id=${r.id} alloc_insn=${r.insn}`);
  const last = leaked[leaked.length - 1];
  env.fail(EINVAL, 'reference-leak', `Unreleased reference id=${last.id} alloc_insn=${last.insn}`);
}

/** What R0 must be at the outermost EXIT. */
export function checkReturn(env: Env, subprog: number): void {
  const { attach } = env.prog;
  const proto = attachProto(env);
  const isVoid = proto !== null && env.btf.type(env.btf.strip(proto.ret)).kind === 'void';
  if (subprog === 0 && attach.progType === 'lsm' && isVoid) return;
  useReg(env, 0);
  const r = env.reg(0);
  if (subprog !== 0) {
    if (!r.isScalar) {
      env.fail(
        EINVAL,
        'return-type',
        `At subprogram exit the register R0 is not a scalar value (${env.typeText(r)})`,
        0,
      );
    }
    return;
  }
  let range: readonly [number, number] | null;
  let as32 = false;
  switch (attach.progType) {
    case 'lsm':
      range = env.hook?.returnRange ?? null;
      as32 = true;
      break;
    case 'lsm_cgroup':
      range = isVoid ? [1, 1] : [0, 1];
      break;
    case 'fmod_ret':
      range = null;
      break;
    default:
      range = [0, 0];
  }
  if (range === null) return;
  if (!r.isScalar) {
    env.fail(EINVAL, 'return-type', `At program exit the register R0 is not a known value (${env.typeText(r)})`, 0);
  }
  if (env.rules.trust) markPrecise(env, 0);
  if (env.rules.returnOk(r.num, range, as32)) return;
  const message = env.rules.returnMessage(r.num, range, 'program exit');
  if (attach.progType === 'lsm_cgroup' && isVoid) {
    env.log.line(message);
    env.fail(
      EINVAL,
      'return-range',
      "Note, BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!",
      0,
    );
  }
  env.fail(EINVAL, 'return-range', message, 0);
}
