/** The context of LSM and tracing programs: the arguments of the kernel function they attach to, 8 bytes each. */
import type { BtfType } from '../bpf/index.ts';
import { tagFlags } from './btf-walk.ts';
import type { Env } from './env.ts';
import { EACCES } from './env.ts';
import { iterTarget } from './iter-targets.ts';
import { hasBtfContext, progCtxAccess } from './prog-ctx.ts';
import type { Reg } from './reg.ts';
import { MAYBE_NULL, pointerReg, scalarReg, TRUSTED, unknownReg } from './reg.ts';
import { Scalar } from './scalar.ts';
import { tracepointArgError, tracepointArgNull } from './tracepoint-args.ts';

type Proto = Extract<BtfType, { kind: 'func_proto' }>;

/** The prototype of the function that the program attaches to; for tp_btf of the tracepoint's (without its first argument). */
export function attachProto(env: Env): Proto | null {
  if (env.prog.attach.btfId === 0) return null;
  const f = env.btf.type(env.prog.attach.btfId);
  if (f.kind === 'typedef') {
    const ptr = env.btf.type(env.btf.strip(f.type));
    const t = ptr.kind === 'ptr' ? env.btf.type(ptr.type) : ptr;
    return t.kind === 'func_proto' ? { ...t, params: t.params.slice(1) } : null;
  }
  if (f.kind !== 'func') return null;
  const p = env.btf.type(f.type);
  return p.kind === 'func_proto' ? p : null;
}

const KIND_NAMES: Partial<Record<BtfType['kind'], string>> = {
  int: 'INT',
  ptr: 'PTR',
  array: 'ARRAY',
  struct: 'STRUCT',
  union: 'UNION',
  enum: 'ENUM',
  fwd: 'FWD',
  typedef: 'TYPEDEF',
  func: 'FUNC',
  func_proto: 'FUNC_PROTO',
  void: 'UNKNOWN',
  enum64: 'ENUM64',
  float: 'FLOAT',
};
/** Kind of a type as the kernel's messages name it. */
export const kindName = (t: BtfType): string => KIND_NAMES[t.kind] ?? t.kind.toUpperCase();

function bad(env: Env, off: number, size: number, first: string | null, reason = 'ctx-access'): never {
  if (first !== null) env.log.line(first);
  env.fail(EACCES, reason, `invalid bpf_context access off=${off} size=${size}`);
}

/** A read or write of the context: what a register then holds. Refuses like btf_ctx_access(). */
export function ctxAccess(env: Env, off: number, size: number, write: boolean, signed: boolean): Reg {
  if (!hasBtfContext(env.prog.attach.progType)) return progCtxAccess(env, off, size, write, signed);
  // Tracing programs have a check of their own first; LSM programs may even write (to no effect).
  if (env.prog.attach.progType !== 'lsm' && env.prog.attach.progType !== 'lsm_cgroup') {
    if (off < 0 || off >= 96 || off % size !== 0 || write) bad(env, off, size, null);
  }
  const func = env.prog.attach.func.replace(/^btf_trace_/, '');
  if (off % 8 !== 0) bad(env, off, size, `func '${func}' offset ${off} is not multiple of 8`);
  const proto = attachProto(env);
  if (proto === null) return unknownReg(env.insn);
  const arg = argIndex(env, proto, off);
  const count = proto.params.length;
  const noArg = `func '${func}' doesn't have ${arg + 1}-th argument`;
  if (arg > count) bad(env, off, size, noArg, 'ctx-no-argument');
  let isRet = false;
  let typeId: number;
  if (arg === count) {
    const type = env.prog.attach.progType;
    if (type === 'fentry') bad(env, off, size, noArg, 'ctx-no-argument');
    const ret = env.btf.type(env.btf.strip(proto.ret));
    if (type === 'fmod_ret' && (ret.kind !== 'int' || ret.size > 8)) {
      bad(env, off, size, `ret type ${kindName(ret)} not allowed for fmod_ret`);
    }
    isRet = type === 'lsm';
    typeId = proto.ret;
  } else typeId = proto.params[arg].type;
  const t = env.btf.type(env.btf.strip(typeId));
  if (t.kind === 'int' || t.kind === 'enum' || t.kind === 'enum64' || t.kind === 'struct' || t.kind === 'union') {
    return isRet ? retValue(env) : unknownReg(env.insn);
  }
  if (t.kind !== 'ptr') {
    const name = t.kind === 'void' ? 'void' : t.name;
    bad(env, off, size, `func '${func}' arg${arg} '${name}' has type ${kindName(t)}. Only pointer access is allowed`);
  }
  if (size !== 8 && env.rules.wholePointerArgs) bad(env, off, size, `func '${func}' size ${size} must be 8`);
  const given = env.prog.attach.progType === 'iter' ? iterTarget(env.rules.iterTargets, func)?.args[arg] : undefined;
  if (given?.kind === 'buf') return maybeNull(env, pointerReg('buf', given.flags, env.insn));
  const target = env.btf.type(env.btf.strip(t.type));
  if (target.kind === 'void' || target.kind === 'int') return unknownReg(env.insn);
  if (target.kind !== 'struct' && target.kind !== 'union') {
    bad(env, off, size, `func '${func}' arg${arg} type ${kindName(target)} is not a struct`, 'ctx-not-struct');
  }
  if (given !== undefined) return structPointer(env, target.id, given.flags);
  let flags = tagFlags(env.btf, t.type);
  if (env.rules.trust) {
    if (argsTrusted(env)) flags |= TRUSTED;
    if (arg < count && proto.params[arg].name.endsWith('__nullable')) flags |= MAYBE_NULL;
    if (env.prog.attach.progType === 'tp_btf' && env.rules.tracepointNulls) {
      if (tracepointArgNull(func, arg)) flags |= MAYBE_NULL;
      // The kernel hands out a number then.
      if (tracepointArgError(func, arg)) return unknownReg(env.insn);
    }
  }
  const r = structPointer(env, target.id, flags);
  const kind = target.kind === 'struct' ? 'STRUCT' : 'UNION';
  env.log.line(`func '${func}' arg${arg} has btf_id ${target.id} type ${kind} '${target.name}'`);
  return r;
}

function structPointer(env: Env, btfId: number, flags: number): Reg {
  const r = pointerReg('ptr_', flags, env.insn);
  r.btf = env.btf;
  r.btfId = btfId;
  return maybeNull(env, r);
}

/** Comparisons with NULL count for all copies. */
function maybeNull(env: Env, r: Reg): Reg {
  if (r.mayBeNull) r.id = env.newId();
  return r;
}

/** Since 6.2: hooks that run on objects being freed do not get trusted pointers (bpf_lsm.c, untrusted_lsm_hooks). */
const UNTRUSTED_HOOKS: ReadonlySet<string> = new Set([
  'bpf_map_free_security',
  'bpf_map_free',
  'bpf_prog_free_security',
  'bpf_prog_free',
  'file_alloc_security',
  'file_free_security',
  'sk_alloc_security',
  'sk_free_security',
  'task_free',
]);

function argsTrusted(env: Env): boolean {
  const a = env.prog.attach;
  const hook = a.hook ?? '';
  if (a.progType === 'lsm' || a.progType === 'lsm_cgroup')
    return !UNTRUSTED_HOOKS.has(hook) && !env.rules.untrustedHooks.includes(hook);
  return a.progType === 'tp_btf' || a.progType === 'iter';
}

/** The trailing return value: 6.12 knows its range. */
function retValue(env: Env): Reg {
  const range = env.hook?.returnRange ?? null;
  if (range === null) return unknownReg(env.insn);
  const s = Scalar.unknown();
  s.smin = BigInt(range[0]);
  s.smax = BigInt(range[1]);
  s.s32min = range[0];
  s.s32max = range[1];
  env.rules.bounds.sync(s);
  return scalarReg(s, env.insn);
}

/** Arguments of more than 8 bytes take several places. */
function argIndex(env: Env, proto: Proto, off: number): number {
  if (off < 0) return proto.params.length + 1;
  let at = 0;
  for (let i = 0; i < proto.params.length; i++) {
    const size = env.btf.sizeOf(proto.params[i].type) ?? 8;
    at += Math.ceil(Math.max(size, 1) / 8) * 8;
    if (off < at) return i;
  }
  const ret = Math.ceil((env.btf.sizeOf(proto.ret) ?? 0) / 8) * 8;
  return off < at + ret ? proto.params.length : proto.params.length + 1;
}
