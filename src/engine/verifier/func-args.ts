/** Arguments of global functions, by the object's BTF: such functions are verified once, for any arguments of these types. */
import type { Btf, BtfType } from '../bpf/index.ts';
import { structMatches } from './btf-walk.ts';
import { isContextPointer, userContext } from './ctx-types.ts';
import { kindName } from './ctx.ts';
import { checkDynptr, constDynptr } from './dynptr.ts';
import type { Env } from './env.ts';
import { EACCES, EFAULT, EINVAL, ENOENT, EOPNOTSUPP, Refusal } from './env.ts';
import { argOffset, memReg } from './helper-args.ts';
import { markRead } from './liveness.ts';
import type { Reg } from './reg.ts';
import { MAYBE_NULL, pointerReg, RCU, TRUSTED, unknownReg } from './reg.ts';

export type FuncArg =
  | { readonly kind: 'scalar' }
  | { readonly kind: 'ctx' }
  | { readonly kind: 'dynptr' }
  | { readonly kind: 'arena' }
  | { readonly kind: 'btf'; readonly btfId: number; readonly nullable: boolean }
  | { readonly kind: 'mem'; readonly size: number; readonly nonNull: boolean };

const TAGS: ReadonlySet<string> = new Set(['ctx', 'trusted', 'nonnull', 'nullable', 'arena']);
const isNumber = (t: BtfType): boolean => t.kind === 'int' || t.kind === 'enum' || t.kind === 'enum64';
const nameOf = (t: BtfType): string => (t.kind === 'void' ? '' : t.name);

/** What the function takes; refuses what the kernel cannot verify on its own (btf_prepare_func_args). */
export function argsOf(env: Env, subprog: number): readonly FuncArg[] {
  const sub = env.subprogs[subprog];
  const btf = env.obj.btf;
  if (btf === null || sub.funcTypeId === 0) env.fail(EFAULT, 'global-btf', 'Global functions need valid BTF');
  const f = btf.type(sub.funcTypeId);
  const p = f.kind === 'func' ? btf.type(f.type) : f;
  if (p.kind !== 'func_proto') env.fail(EFAULT, 'global-btf', `Invalid type of function ${sub.name}()`);
  if (p.params.length > 5) {
    const words = env.rules.stackArgs
      ? `global function ${sub.name} has ${p.params.length} > 5 args, stack args not supported`
      : `Global function ${sub.name}() with ${p.params.length} > 5 args. Buggy compiler.`;
    env.fail(EINVAL, 'global-args', words);
  }
  const ret = btf.type(btf.strip(p.ret));
  if (!isNumber(ret) && !(ret.kind === 'void' && env.rules.voidGlobals)) {
    const [errno, words] = env.rules.voidGlobals
      ? [EOPNOTSUPP, 'return value not void or scalar. ']
      : [EINVAL, "doesn't return scalar. "];
    env.fail(errno, 'global-return', `Global function ${sub.name}() ${words}Only those are supported.`);
  }
  return p.params.map((param, i) => argOf(env, btf, sub.funcTypeId, sub.name, param.type, i));
}

/** What a static function takes by BTF, as far as the kernel compares it with a call; null = it does not. */
export function staticArgs(env: Env, subprog: number): readonly ('scalar' | 'ctx')[] | null {
  const { btf } = env.obj;
  const { funcTypeId } = env.subprogs[subprog];
  if (btf === null || funcTypeId === 0) return null;
  const f = btf.type(funcTypeId);
  const p = f.kind === 'func' ? btf.type(f.type) : f;
  if (p.kind !== 'func_proto') return null;
  const ret = btf.type(btf.strip(p.ret));
  if (ret.kind !== 'void' && !isNumber(ret)) return null;
  const kinds = p.params.map((param) => {
    const t = btf.type(btf.strip(param.type));
    if (isNumber(t)) return 'scalar';
    return t.kind === 'ptr' && isContextPointer(btf, t, env.prog.attach.progType) ? 'ctx' : null;
  });
  return kinds.includes(null) ? null : (kinds as ('scalar' | 'ctx')[]);
}

/** Is it a function that returns nothing, where global ones may? */
export function returnsNothing(env: Env, subprog: number): boolean {
  const { btf } = env.obj;
  if (!env.rules.voidGlobals || btf === null) return false;
  const f = btf.type(env.subprogs[subprog].funcTypeId);
  const p = f.kind === 'func' ? btf.type(f.type) : f;
  return p.kind === 'func_proto' && btf.type(btf.strip(p.ret)).kind === 'void';
}

/**
 * The kernel looks at the prototype of the program itself, too, and only says what it thinks of it: `void *ctx` is no context
 * to it (do_check_common()).
 */
export function noteMainArgs(env: Env): void {
  if (env.obj.btf === null || env.subprogs[0].funcTypeId === 0 || !env.rules.trust) return;
  try {
    argsOf(env, 0);
  } catch (e) {
    if (!(e instanceof Refusal)) throw e;
  }
}

function argOf(env: Env, btf: Btf, funcId: number, func: string, typeId: number, i: number): FuncArg {
  const bad = (message: string, errno = EINVAL): never => env.fail(errno, 'global-args', message);
  const tags = env.rules.trust ? argTags(env, funcId, i) : new Set<string>();
  for (const t of tags) if (!TAGS.has(t)) bad(`arg#${i} has unsupported set of tags`, EOPNOTSUPP);
  const only = (...names: string[]): void => {
    for (const t of tags) if (!names.includes(t)) bad(`arg#${i} has invalid combination of tags`);
  };
  const t = btf.type(btf.strip(typeId));
  if (t.kind === 'ptr') {
    const target = btf.type(btf.strip(t.type));
    if (tags.has('ctx') || isContextPointer(btf, t, env.prog.attach.progType)) {
      only('ctx');
      if (tags.has('ctx')) checkContextType(env, btf, t, i);
      return { kind: 'ctx' };
    }
    if (env.rules.trust && isDynptr(target)) {
      only();
      return { kind: 'dynptr' };
    }
    if (tags.has('trusted')) {
      if (tags.has('nonnull')) bad(`arg#${i} has invalid combination of tags`);
      return { kind: 'btf', btfId: kernelType(env, target, i), nullable: tags.has('nullable') };
    }
    if (tags.has('arena')) {
      if (tags.size > 1) bad(`arg#${i} arena cannot be combined with any other tags`);
      return { kind: 'arena' };
    }
    if (tags.has('nullable')) bad(`arg#${i} has invalid combination of tags`);
    const size = btf.sizeOf(target.id);
    if (size !== undefined && target.kind !== 'void' && target.kind !== 'fwd' && target.kind !== 'func_proto') {
      return { kind: 'mem', size, nonNull: tags.has('nonnull') };
    }
    bad(`arg#${i} reference type('${kindName(target)} ${nameOf(target)}') size cannot be determined: -22`);
  }
  if (tags.size > 0) bad(`arg#${i} has pointer tag, but is not a pointer type`);
  if (isNumber(t)) return { kind: 'scalar' };
  return bad(`Arg#${i} type ${kindName(t)} in ${func}() is not supported yet.`);
}

const isDynptr = (t: BtfType): boolean =>
  (t.kind === 'struct' || t.kind === 'union' || t.kind === 'fwd') && t.name === 'bpf_dynptr';

/** `__arg_nonnull` and friends (6.8 on). */
const argTags = (env: Env, funcId: number, index: number): ReadonlySet<string> =>
  new Set(
    env.tags
      .of(funcId, index)
      .filter((t) => t.startsWith('arg:'))
      .map((t) => t.slice(4)),
  );

/** The one kernel type of that name. */
function kernelType(env: Env, t: BtfType, i: number): number {
  const essential = nameOf(t).replace(/___.*$/, '');
  const ids = env.btf.findAll(essential).filter((id) => env.btf.kind(id) === t.kind);
  if (ids.length === 1) return ids[0];
  const [what, errno] = ids.length === 0 ? ['has no matches', ENOENT] : ['is ambiguous', 3];
  return env.fail(errno, 'global-args', `arg#${i} reference type('${kindName(t)} ${nameOf(t)}') ${what}`);
}

/** `__arg_ctx` on a type that may not be one (btf_validate_prog_ctx_type). */
function checkContextType(env: Env, btf: Btf, ptr: BtfType, i: number): void {
  const bad = (message: string): never => env.fail(EINVAL, 'global-args', message);
  if (ptr.kind !== 'ptr') return;
  const { progType } = env.prog.attach as { readonly progType: string };
  if ((progType === 'kprobe' || progType === 'perf_event') && isContextPointer(btf, ptr, 'kprobe')) return;
  const t = btf.type(btf.strip(ptr.type));
  if (t.kind === 'void') return;
  const name = nameOf(t);
  if (name === '') bad(`arg#${i} type doesn't have a name`);
  const u64 = t.kind === 'int' && t.size === 8;
  switch (progType) {
    case 'raw_tp':
    case 'raw_tracepoint':
    case 'raw_tracepoint_writable':
    case 'lsm':
    case 'lsm_cgroup':
    case 'struct_ops':
    case 'fentry':
    case 'fexit':
    case 'fmod_ret':
      if (u64) return;
      break;
    case 'tp_btf':
      if (u64 || (t.kind === 'struct' && name === 'bpf_raw_tracepoint_args')) return;
      break;
    case 'iter':
      if (t.kind === 'struct' && name.startsWith('bpf_iter__')) return;
      break;
    case 'tracepoint':
    case 'tp':
    case 'syscall':
      return;
    default:
  }
  const want = userContext(progType);
  if (want === null) bad(`arg#${i} should be void pointer`);
  if (t.kind !== 'struct' || name !== want) bad(`arg#${i} should be \`struct ${want} *\``);
}

/** The registers that a function verified on its own starts with. */
export function entryReg(env: Env, arg: FuncArg): Reg {
  switch (arg.kind) {
    case 'scalar':
    case 'arena':
      return unknownReg();
    case 'ctx':
      return pointerReg('ctx');
    case 'dynptr':
      return constDynptr(env, 'local');
    case 'btf': {
      const r = pointerReg('ptr_', TRUSTED | (arg.nullable ? MAYBE_NULL : 0));
      r.btf = env.btf;
      r.btfId = arg.btfId;
      r.id = env.newId();
      return r;
    }
    case 'mem': {
      const r = pointerReg('mem', arg.nonNull ? 0 : MAYBE_NULL);
      r.memSize = arg.size;
      r.id = env.newId();
      return r;
    }
  }
}

/** Do the caller's registers fit a global function? Logs what does not; false then. */
export function checkSubprogArgs(env: Env, subprog: number): boolean {
  try {
    argsOf(env, subprog).forEach((arg, i) => checkArgument(env, arg, i));
    return true;
  } catch (e) {
    if (!(e instanceof Refusal) || e.errno === EFAULT) throw e;
    env.globalArgsErrno = e.errno;
    return false;
  }
}

/** Whatever is wrong with memory, the call fails with EINVAL. */
function asInvalid(check: () => void): void {
  try {
    check();
  } catch (e) {
    if (!(e instanceof Refusal)) throw e;
    throw new Refusal(EINVAL, e.reason, e.message, e.regno);
  }
}

function checkArgument(env: Env, arg: FuncArg, i: number): void {
  const regno = i + 1;
  const reg = env.reg(regno);
  const bad = (message: string, errno = EINVAL): never => env.fail(errno, 'global-args', message, regno);
  markRead(env.frame, regno);
  switch (arg.kind) {
    case 'scalar':
      if (!reg.isScalar) bad(`R${regno} is not a scalar`);
      return;
    case 'ctx':
      if (env.rules.trust) argOffset(env, regno, reg, false);
      if (reg.kind !== 'ctx' || reg.off !== 0) bad(`arg#${i} expects pointer to ctx`);
      return;
    case 'arena':
      if (reg.kind !== 'arena' && !reg.isScalar) bad(`R${regno} is not a pointer to arena or scalar.`);
      return;
    case 'dynptr':
      argOffset(env, regno, reg, false);
      checkDynptr(env, regno, { uninit: false, readOnly: true, type: null });
      return;
    case 'btf': {
      if (reg.isNull && arg.nullable) return;
      const flags = arg.nullable ? reg.flags & ~MAYBE_NULL : reg.flags;
      if (reg.kind !== 'ptr_' || (flags !== 0 && flags !== TRUSTED && flags !== RCU)) {
        bad(`R${regno} type=${env.typeText(reg)} expected=ptr_, trusted_ptr_, rcu_ptr_`, EACCES);
      }
      if (!structMatches(env, reg.btf!, reg.btfId, reg.off, arg.btfId)) {
        bad(`R${regno} is of type ${reg.btf!.name(reg.btfId)} but ${env.btf.name(arg.btfId)} is expected`, EACCES);
      }
      argOffset(env, regno, reg, false);
      return;
    }
    case 'mem':
      if (env.rules.trust) argOffset(env, regno, reg, false);
      asInvalid(() => memReg(env, regno, reg, arg.size));
      if (arg.nonNull && reg.mayBeNull) bad(`arg#${i} is expected to be non-NULL`);
  }
}
