/** The end of the program: references, locks and the return value. */
import type { Env } from './env.ts';
import { EINVAL } from './env.ts';
import { attachProto } from './ctx.ts';
import { returnsNothing } from './func-args.ts';
import { returnRangeOf } from './prog-returns.ts';
import { useReg } from './liveness.ts';
import { markPrecise } from './precision.ts';
import type { Reg } from './reg.ts';

export const ERRNO_MAX = 4095;

/** Locks and references at EXIT, or (`thrown`) at bpf_throw(). */
export function checkLeaks(env: Env, thrown = false): void {
  const outer = env.frame.frameno === 0 || thrown;
  const references = (): void => {
    const leaks = unreleased(env, thrown);
    if (leaks.length > 0 && env.rules.leakSummary) leaks.push(`${ending(thrown)} would lead to reference leak`);
    for (const line of leaks.slice(0, -1)) env.log.line(line);
    if (leaks.length > 0) env.fail(EINVAL, 'reference-leak', leaks[leaks.length - 1]);
  };
  lockLeft(env, outer, thrown);
  if (env.rules.leakSummary) references();
  if (outer) sectionsLeft(env, thrown);
  if (!env.rules.leakSummary) references();
}

const ending = (thrown: boolean): string => (thrown ? 'bpf_throw' : 'BPF_EXIT instruction in main prog');
const inRegion = (env: Env, thrown: boolean, region: string): string | null =>
  thrown || env.rules.leakSummary ? `${ending(thrown)} cannot be used inside ${region}-ed region` : null;

function lockLeft(env: Env, outer: boolean, thrown: boolean): void {
  if (env.state.lockMap === null || (!outer && env.rules.trust)) return;
  env.fail(EINVAL, 'lock-held', inRegion(env, thrown, 'bpf_spin_lock') ?? 'bpf_spin_unlock is missing');
}

function sectionsLeft(env: Env, thrown: boolean): void {
  const { rcuLocks, preemptLock: n } = env.state;
  if (rcuLocks > 0) {
    env.fail(EINVAL, 'rcu', inRegion(env, thrown, 'bpf_rcu_read_lock') ?? 'bpf_rcu_read_unlock is missing');
  }
  if (n > 0) {
    const missing = `${n} bpf_preempt_enable${n === 1 ? ' is' : '(s) are'} missing`;
    env.fail(EINVAL, 'preempt', inRegion(env, thrown, 'bpf_preempt_disable') ?? missing);
  }
}

/** One line for each reference that this frame must not leave behind. */
export function unreleased(env: Env, thrown = false): string[] {
  const frame = env.frame;
  if (frame.frameno > 0 && !thrown && !frame.inCallback) return [];
  return frame.refs
    .filter((r) => thrown || !frame.inCallback || r.callbackFrame === frame.frameno)
    .map((r) => `Unreleased reference id=${r.id} alloc_insn=${r.insn}`);
}

/** What a register must be at the outermost EXIT: R0, or for an exception R1. */
export function checkReturn(env: Env, subprog: number, regno = 0): void {
  const { attach } = env.prog;
  const isVoid = returnsVoid(env);
  const outer = env.state.frames[0];
  const main = subprog === 0 || outer.inExceptionCallback;
  if (main && attach.progType === 'lsm' && isVoid) return;
  if (!main && !outer.inAsyncCallback && returnsNothing(env, subprog)) return;
  useReg(env, regno);
  const r = env.reg(regno);
  if (outer.inAsyncCallback) {
    checkRange(
      env,
      r,
      regno,
      outer.callbackRange,
      env.rules.dynptrsEnd ? 'async callback return' : 'async callback',
      false,
    );
    return;
  }
  if (!main) {
    if (!r.isScalar) {
      env.fail(
        EINVAL,
        'return-type',
        `At subprogram exit the register R${regno} is not a scalar value (${env.typeText(r)})`,
        regno,
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
    default:
      range = returnRangeOf(attach);
  }
  if (range === null) return;
  checkRange(env, r, regno, range, 'program exit', as32, isVoid && attach.progType === 'lsm_cgroup');
}

/**
 * bpf_set_retval(): not where there is nothing to return. Newer kernels take only what the function may return, as check_helper_call()
 * of 7.2 does.
 */
export function checkSetRetval(env: Env): void {
  const { progType } = env.prog.attach;
  const r = env.reg(1);
  const { retvalInRange } = env.rules;
  if (retvalInRange) {
    if (!r.isScalar) env.fail(EINVAL, 'return-type', 'R1 is not a scalar', 1);
    if (readsOption(env)) return;
  }
  if (progType === 'lsm_cgroup' && returnsVoid(env)) {
    env.fail(EINVAL, 'return-range', "BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!", 1);
  }
  const range = retvalInRange ? resultRange(env) : null;
  if (range !== null) checkRange(env, r, 1, range, 'bpf_set_retval', true);
}

/** Programs that see what getsockopt() returned: any number. */
function readsOption(env: Env): boolean {
  const { progType, attachType } = env.prog.attach;
  return progType === 'cgroup_sockopt' && attachType === 'cgroup_getsockopt';
}

/** What the result that cgroup programs share may be (bpf_get_retval(), bpf_set_retval()); null = anything. */
export function resultRange(env: Env): readonly [number, number] | null {
  const lsm = env.prog.attach.progType === 'lsm_cgroup';
  if (readsOption(env) || (lsm && returnsVoid(env))) return null;
  return (lsm ? env.hook?.returnRange : null) ?? [-ERRNO_MAX, 0];
}

function returnsVoid(env: Env): boolean {
  const proto = attachProto(env);
  return proto !== null && env.btf.type(env.btf.strip(proto.ret)).kind === 'void';
}

function checkRange(
  env: Env,
  r: Reg,
  regno: number,
  range: readonly [number, number],
  where: string,
  as32: boolean,
  voidHook = false,
): void {
  if (!r.isScalar) {
    env.fail(
      EINVAL,
      'return-type',
      `At ${where} the register R${regno} is not a known value (${env.typeText(r)})`,
      regno,
    );
  }
  if (env.rules.trust) markPrecise(env, regno);
  if (env.rules.returnOk(r.num, range, as32)) return;
  const message = env.rules.returnMessage(r.num, range, where).replace('R0', `R${regno}`);
  if (voidHook) {
    env.log.line(message);
    env.fail(
      EINVAL,
      'return-range',
      "Note, BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!",
      regno,
    );
  }
  env.fail(EINVAL, 'return-range', message, regno);
}
