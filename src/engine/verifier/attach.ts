/** May the program attach where it wants to? Checked last by the kernel, and before any instruction is verified. */
import type { BtfType } from '../bpf/index.ts';
import { kindName } from './ctx.ts';
import type { Env } from './env.ts';
import { EINVAL, ENOENT } from './env.ts';
import { iterTarget } from './iter-targets.ts';
import { hasBtfContext } from './prog-ctx.ts';

export function checkAttach(env: Env): void {
  const a = env.prog.attach;
  if (!hasBtfContext(a.progType)) return;
  const btfId = a.btfId;
  if (btfId === 0) env.fail(EINVAL, 'no-attach-target', 'Tracing programs must provide btf_id');
  const f = env.btf.type(btfId);
  if (f.kind === 'void') env.fail(EINVAL, 'no-attach-target', `attach_btf_id ${btfId} is invalid`);
  if (a.progType === 'tp_btf') {
    if (f.kind !== 'typedef') env.fail(EINVAL, 'no-attach-target', `attach_btf_id ${btfId} is not a typedef`);
    return;
  }
  if (f.kind !== 'func') env.fail(EINVAL, 'no-attach-target', `attach_btf_id ${btfId} is not a function`);
  const { name } = f;
  checkSignature(env, env.btf.type(f.type), name);
  if (a.progType === 'iter') {
    if (iterTarget(env.rules.iterTargets, name) === undefined) {
      env.failWordless(EINVAL, 'no-attach-target', `the kernel has no iterator '${name}'`);
    }
    return;
  }
  if (a.progType === 'lsm' || a.progType === 'lsm_cgroup') checkHook(env, name);
  else checkTracing(env, name);
}

const MAX_ARGS = 12;
const MAX_ARG_SIZE = 16;
const EOPNOTSUPP = 95;

/** Functions that a trampoline can stand in for (btf_distill_func_proto()). */
function checkSignature(env: Env, proto: BtfType, name: string): void {
  if (proto.kind !== 'func_proto') return;
  const refuse = (what: string): never => env.fail(EINVAL, 'unsupported-function', `The function ${name} ${what}`);
  const { params, ret, variadic } = proto;
  const count = params.length + (variadic ? 1 : 0);
  if (count > MAX_ARGS) refuse(`has ${count} arguments. Too many.`);
  const type = (id: number): BtfType => env.btf.type(env.btf.strip(id));
  const result = type(ret);
  if (result.kind === 'struct' || result.kind === 'union' || !isPassed(env, result))
    refuse(`return type ${kindName(result)} is unsupported.`);
  params.forEach((p, i) => {
    const t = type(p.type);
    if (!isPassed(env, t) || ('size' in t && t.size > MAX_ARG_SIZE)) {
      refuse(`arg${i} type ${kindName(t)} is unsupported.`);
    }
    if (t.kind === 'void') refuse('has malformed void argument.');
  });
  if (variadic) refuse('with variable args is unsupported.');
  const { progType } = env.prog.attach;
  const wide = 'size' in result && result.size > 8;
  if (env.rules.attach.refusesWideReturn && wide && (progType === 'fexit' || progType === 'fmod_ret')) {
    env.fail(
      EOPNOTSUPP,
      'unsupported-function',
      `Attach to function ${name} with a >8 byte return value is not supported for this attach type`,
    );
  }
}

/** Kinds of types that come in registers or on the stack. */
const PASSED: ReadonlySet<BtfType['kind']> = new Set(['void', 'ptr', 'int', 'enum', 'enum64', 'struct']);
const isPassed = (env: Env, t: BtfType): boolean =>
  PASSED.has(t.kind) || (t.kind === 'union' && env.rules.attach.unionArgs);

function checkHook(env: Env, name: string): void {
  const { btfId, sleepable } = env.prog.attach;
  if (sleepable && env.hook?.sleepable !== true) env.fail(EINVAL, 'not-sleepable', `${name} is not sleepable`);
  if (!env.obj.gplCompatible) env.fail(EINVAL, 'gpl-lsm', 'LSM programs must have a GPL compatible license');
  if (env.hook === undefined) {
    env.fail(
      name.startsWith('bpf_lsm_') ? EINVAL : ENOENT,
      'no-hook',
      `attach_btf_id ${btfId} points to wrong type name ${name}`,
    );
  }
  if (!env.hook.attachable) {
    env.fail(EINVAL, 'disabled-hook', `attach_btf_id ${btfId} points to disabled hook ${name}`);
  }
}

/** fentry, fexit and fmod_ret programs (bpf_check_attach_target(), check_attach_btf_id()). */
function checkTracing(env: Env, name: string): void {
  const { progType, sleepable } = env.prog.attach;
  const { tracing } = env.platform;
  const { attach } = env.rules;
  if (tracing.noAddress(name)) {
    env.fail(ENOENT, 'no-attach-target', `The address of function ${name} cannot be found`);
  }
  if (sleepable) {
    if (!tracing.sleepable(name)) env.fail(EINVAL, 'not-sleepable-function', `${name} is not sleepable`);
  } else if (progType === 'fmod_ret' && !name.startsWith('security_') && !tracing.modifiable(name)) {
    env.fail(EINVAL, 'not-modifiable', `${name}() is not modifiable`);
  }
  if (tracing.denied(name)) {
    const words = attach.deniedMessage(name);
    if (words !== null) env.fail(EINVAL, 'denied-function', words);
    env.failWordless(EINVAL, 'denied-function', `tracing programs must not attach to ${name}()`);
  }
  if (progType !== 'fentry' && tracing.noReturn(name)) {
    env.fail(EINVAL, 'no-return-function', attach.noReturnMessage(name));
  }
}
