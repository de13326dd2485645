/** May the program attach where it wants to? Checked last by the kernel, and before any instruction is verified. */
import { maySleepIn, mayModify } from './attach-lists.ts';
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
  checkProto(env, name, f.type);
  if (a.progType === 'iter') {
    if (iterTarget(env.rules.iterTargets, name) === undefined) {
      env.failWordless(EINVAL, 'no-attach-target', `the kernel has no iterator '${name}'`);
    }
    return;
  }
  if (a.progType === 'lsm' || a.progType === 'lsm_cgroup') checkHook(env, name);
  else checkTracing(env, name);
}

/** Arguments that the trampoline knows how to pass (btf_distill_func_proto). */
const MAX_ARGS = 12;

function checkProto(env: Env, name: string, type: number): void {
  const proto = env.btf.type(type);
  if (proto.kind !== 'func_proto') return;
  const refuse = (what: string): never => env.fail(EINVAL, 'no-attach-target', `The function ${name} ${what}`);
  const { params, ret } = proto;
  if (params.length > MAX_ARGS) refuse(`has ${params.length} arguments. Too many.`);
  const returned = env.btf.type(env.btf.strip(ret));
  if (!isPassed(returned.kind) || isStruct(returned.kind))
    if (returned.kind !== 'void') refuse(`return type ${kindName(returned)} is unsupported.`);
  params.forEach((p, i) => {
    if (i === params.length - 1 && p.type === 0) refuse('with variable args is unsupported.');
    const t = env.btf.type(env.btf.strip(p.type));
    const size = t.kind === 'ptr' ? 8 : (env.btf.sizeOf(t.id) ?? 0);
    if ((t.kind !== 'void' && !isPassed(t.kind)) || size > 16) refuse(`arg${i} type ${kindName(t)} is unsupported.`);
    if (size === 0) refuse('has malformed void argument.');
  });
  const { progType } = env.prog.attach;
  const wide = (env.btf.sizeOf(returned.id) ?? 0) > 8;
  if (env.rules.attach.refusesWideReturn && wide && (progType === 'fexit' || progType === 'fmod_ret')) {
    env.fail(
      EOPNOTSUPP,
      'no-attach-target',
      `Attach to function ${name} with a >8 byte return value is not supported for this attach type`,
    );
  }
}

const EOPNOTSUPP = 95;
const isStruct = (kind: string): boolean => kind === 'struct' || kind === 'union';
const isPassed = (kind: string): boolean => isStruct(kind) || /^(int|enum|enum64|ptr)$/.test(kind);

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

/** fentry, fexit and fmod_ret programs. */
function checkTracing(env: Env, name: string): void {
  const { progType, sleepable } = env.prog.attach;
  const { attach } = env.rules;
  const { errorInjection } = env.platform;
  if (sleepable) {
    if (!maySleepIn(attach, name, errorInjection)) env.fail(EINVAL, 'not-sleepable', `${name} is not sleepable`);
  } else if (progType === 'fmod_ret' && !mayModify(attach, name, errorInjection)) {
    env.fail(EINVAL, 'not-modifiable', `${name}() is not modifiable`);
  }
  if (attach.denied.has(name)) {
    const words = attach.deniedMessage(name);
    if (words !== null) env.fail(EINVAL, 'not-traceable', words);
    env.failWordless(EINVAL, 'not-traceable', `tracing programs must not attach to ${name}()`);
  }
  if (progType !== 'fentry' && attach.noReturn.has(name)) {
    env.fail(EINVAL, 'not-traceable', attach.noReturnMessage(name));
  }
}
