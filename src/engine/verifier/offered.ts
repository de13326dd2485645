/** Which helpers a program may call, and in which form its type has them. */
import { helperName } from '../bpf/index.ts';
import type { AttachTarget } from '../loader/index.ts';
import type { Env } from './env.ts';
import type { HelperProto } from './helper-protos.ts';
import { helperProto, variantProto } from './helper-protos.ts';
import { offeredHelper } from './prog-helpers.ts';
import type { VerifierPlatform } from './types.ts';

export const isLsm = (env: Env): boolean =>
  env.prog.attach.progType === 'lsm' || env.prog.attach.progType === 'lsm_cgroup';

/** Does the kernel offer a helper to LSM programs of this kind, of the machine or of a cgroup? */
export function offeredToLsm(platform: VerifierPlatform, attach: AttachTarget, id: number): boolean {
  const { normal, sleepable, cgroup, cgroupHook } = platform.lsmHelpers;
  if (attach.progType === 'lsm_cgroup') return cgroup.has(id) || cgroupHook(attach.hook ?? '')?.has(id) === true;
  return (attach.sleepable ? sleepable : normal).has(id);
}

/** What the program type offers for a helper number; null = nothing. */
export function offer(env: Env, id: number, name: string): { readonly variant: string | null } | null {
  const { attach } = env.prog;
  if (!isLsm(env)) return offeredHelper(attach, id, name, env.platform.version) ?? null;
  return offeredToLsm(env.platform, attach, id) ? { variant: LSM_VARIANTS[id] ?? null } : null;
}

/** Helpers that LSM programs have in another form than most (bpf_lsm_func_proto): of the current task, of a socket. */
const LSM_VARIANTS: Readonly<Record<number, string>> = {
  17: 'get_cgroup_classid=current',
  49: 'setsockopt=sock',
  57: 'getsockopt=sock',
  67: 'get_stack=raw_tp',
  188: 'xdp_get_buff_len=btf',
};

/** The prototype that the program's type has; undefined = none, or it is not modelled. */
export function offeredProto(env: Env, id: number): HelperProto | undefined {
  const offered = offer(env, id, helperName(id));
  // Those that only sleepable programs may call have a prototype for all of the type.
  if (offered === null) return isLsm(env) && env.platform.lsmHelpers.sleepable.has(id) ? helperProto(id) : undefined;
  return offered.variant === null ? helperProto(id) : variantProto(offered.variant);
}
