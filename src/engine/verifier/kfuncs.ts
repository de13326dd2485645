/** Calls of kernel functions (kfuncs) by BTF id: availability, flags, effects and results. As check_kfunc_call() of 6.12. */
import { pushAsync, pushTreeCallback } from './callbacks.ts';
import { kindName } from './ctx.ts';
import type { Env } from './env.ts';
import { EACCES, EFAULT, EINVAL, ENOTSUPP } from './env.ts';
import { releaseDynptr } from './dynptr.ts';
import { checkReturn } from './exit.ts';
import { givesNode, inTreeCallback, leavesInPlace, LIST_PUSH, nodeOf, RB_ADD, REFCOUNT_ACQUIRE } from './graph.ts';
import { iterNext, iterReg } from './iters.ts';
import type { KfuncMeta } from './kfunc-args.ts';
import { checkKfuncArgs, FILE_DISCARD, isScalarStruct } from './kfunc-args.ts';
import type { Kfunc } from './kfunc-table.ts';
import { kfuncAllowed } from './kfunc-table.ts';
import { markRead } from './liveness.ts';
import { mayWritePacket } from './packet.ts';
import { acquire, becomeNonOwning, releaseReference } from './refs.ts';
import { mayInterruptAnything } from './map-compat.ts';
import type { Reg } from './reg.ts';
import {
  ALLOC,
  DYNPTR_SKB,
  DYNPTR_XDP,
  MAYBE_NULL,
  NOT_INIT,
  PERCPU,
  pointerReg,
  RCU,
  RDONLY,
  TRUSTED,
  unknownReg,
  untrustedMemory,
  UNTRUSTED,
} from './reg.ts';

const RCU_LOCK = 'bpf_rcu_read_lock';
const RCU_UNLOCK = 'bpf_rcu_read_unlock';
const PREEMPT_DISABLE = 'bpf_preempt_disable';
const PREEMPT_ENABLE = 'bpf_preempt_enable';
const OBJ_NEW = 'bpf_obj_new';
const PERCPU_NEW = 'bpf_percpu_obj_new';
export const THROW = 'bpf_throw';
/** Largest size of objects that exist once per CPU. */
const PERCPU_MAX = 512;

/** The function called at an instruction, if programs of this type may call it. */
export function kfuncOf(env: Env, i: number): Kfunc | null {
  if (env.insns.off[i] !== 0) return null;
  const k = env.rules.kfuncs.get(env.btf.name(env.insns.imm[i]));
  return k !== undefined && kfuncAllowed(k, env.prog.attach.progType, env.rules.kfuncHooks) ? k : null;
}

/** The call at `env.insn`. True when the path ends here (bpf_throw). */
export function callKfunc(env: Env): boolean {
  const { insns, insn } = env;
  const id = insns.imm[insn];
  const f = env.btf.type(id);
  if (insns.off[insn] !== 0 || f.kind !== 'func') {
    env.fail(EINVAL, 'kfunc', `kernel btf_id ${id} is not a function`);
  }
  const proto = env.btf.type(f.type);
  if (proto.kind !== 'func_proto') {
    env.fail(EINVAL, 'kfunc', `kernel function btf_id ${id} does not have a valid func_proto`);
  }
  const func = kfuncOf(env, insn);
  if (func === null) env.fail(EACCES, 'kfunc', `calling kernel function ${f.name} is not allowed`);
  if (func.flags.has('device_bound')) {
    env.fail(EINVAL, 'kfunc', 'metadata kfuncs require device-bound program');
  }
  if (func.role === '__bpf_trap') {
    env.fail(EFAULT, 'trap', 'unexpected __bpf_trap() due to uninitialized variable?');
  }
  if (func.flags.has('kptr_get') || func.flags.has('unmodelled'))
    env.fail(ENOTSUPP, 'not-modelled', `kernel function ${f.name} is not modelled`);
  const sleepable = func.flags.has('sleepable');
  const mustSleep = sleepable && !env.inSleepable;
  if (mustSleep && env.rules.kfuncSleepsFirst) {
    env.fail(EACCES, 'sleepable-helper', `program must be sleepable to call sleepable kfunc ${f.name}`);
  }
  const meta: KfuncMeta = {
    func,
    id,
    params: proto.params,
    release: 0,
    refId: 0,
    constant: null,
    resultSize: 0,
    resultReadOnly: false,
    map: null,
    mapUid: 0,
    subprog: -1,
    owningRef: false,
    object: null,
    root: null,
    dynptr: null,
    iter: null,
    contextType: 0,
  };
  checkKfuncArgs(env, meta);
  if (env.rules.nmiSafeDrops && /^bpf_(percpu_)?obj_drop$/.test(func.role)) checkDropInNmi(env, meta);
  if (mustSleep) {
    env.fail(EINVAL, 'sleepable-helper', `kernel function ${f.name} is sleepable but the program is not`);
  }
  if (func.role === RB_ADD) pushTreeCallback(env, meta.subprog, meta.root!);
  if (f.name === 'bpf_session_cookie') meta.resultSize = 8;
  if (func.role === 'bpf_wq_set_callback') pushAsync(env, meta.subprog, env.reg(1).map!, env.reg(1).mapUid, true);
  sections(env, func, sleepable);
  const protects = env.rules.rcuSectionWanted && func.flags.has('rcu_protected');
  if (protects && !env.inRcu) {
    env.fail(EACCES, 'rcu', `kernel func ${f.name} requires RCU critical section protection`);
  }
  releases(env, meta);
  if (f.name === THROW) {
    env.seenException = true;
    // Without a callback, the cookie becomes the return value.
    if (env.exceptionCallback < 0) checkReturn(env, env.state.frames[0].subprog, 1);
  }
  meta.params.forEach((_, i) => {
    if (env.reg(i + 1).kind !== '?') markRead(env.frame, i + 1);
  });
  for (let i = 0; i <= 5; i++) {
    env.setReg(i, NOT_INIT);
    env.log.touchReg(i);
  }
  result(env, meta, proto.ret);
  if (func.flags.has('iter_next') && meta.iter !== null) iterNext(env, meta.iter);
  return f.name === THROW;
}

/** RCU and preemption sections: entering, leaving, and what may not be called inside. */
function sections(env: Env, func: Kfunc, sleepable: boolean): void {
  if (env.rules.nestedRcu) {
    rcuSection(env, func.name, true);
    preemptSection(env, func.name);
    if (sleepable && env.noSleepIn !== null) sleepsIn(env, func.name, env.noSleepIn);
    if (isRcuFunc(func.name)) noRcuInTree(env);
    return;
  }
  const st = env.state;
  if (st.rcuLocks > 0 && env.rules.trust && isRcuFunc(func.name)) noRcuInTree(env);
  if (st.rcuLocks > 0 && sleepable) sleepsIn(env, func.name, 'rcu_read_lock region');
  rcuSection(env, func.name, false);
  if (st.preemptLock > 0 && sleepable) sleepsIn(env, func.name, 'non-preemptible region');
  preemptSection(env, func.name);
}

const isRcuFunc = (name: string): boolean => name === RCU_LOCK || name === RCU_UNLOCK;

function sleepsIn(env: Env, name: string, where: string): never {
  env.fail(EACCES, 'sleepable-helper', `kernel func ${name} is sleepable within ${where}`);
}

function noRcuInTree(env: Env): void {
  if (!inTreeCallback(env)) return;
  env.fail(EACCES, 'rcu', 'Calling bpf_rcu_read_{lock,unlock} in unnecessary rbtree callback');
}

function rcuSection(env: Env, name: string, nests: boolean): void {
  const st = env.state;
  if (name === RCU_LOCK) {
    if (st.rcuLocks > 0 && !nests) env.fail(EINVAL, 'rcu', `nested rcu read lock (kernel function ${name})`);
    st.rcuLocks++;
  } else if (name === RCU_UNLOCK) {
    if (st.rcuLocks === 0) env.fail(EINVAL, 'rcu', `unmatched rcu read unlock (kernel function ${name})`);
    if (--st.rcuLocks === 0) rcuEnds(env);
  }
}

function preemptSection(env: Env, name: string): void {
  const st = env.state;
  if (name === PREEMPT_DISABLE) st.preemptLock++;
  else if (name === PREEMPT_ENABLE) {
    if (st.preemptLock === 0) {
      env.fail(EINVAL, 'preempt', `unmatched attempt to enable preemption (kernel function ${name})`);
    }
    st.preemptLock--;
  }
}

/** What was protected may go away now. */
function rcuEnds(env: Env): void {
  const end = (r: Reg): Reg => {
    if ((r.flags & RCU) === 0) return r;
    const n = r.copy();
    n.flags = (r.flags & ~(RCU | MAYBE_NULL)) | UNTRUSTED;
    return n;
  };
  env.state.mapValues(end);
  for (const f of env.state.frames) {
    for (let i = 0; i < f.stack.length; i++) if (f.stack[i].isIter) f.putSlotReg(i, end(f.stack[i].reg));
  }
}

function releases(env: Env, meta: KfuncMeta): void {
  const { name, role } = meta.func;
  const lost = (): never =>
    env.fail(EINVAL, 'not-acquired', `kfunc ${name}#${meta.id} reference has not been acquired before`);
  if (meta.func.name === FILE_DISCARD) {
    if (!releaseDynptr(env, env.reg(1))) lost();
  } else if (meta.release !== 0 && !releaseReference(env, env.reg(meta.release).refId)) lost();
  if (!LIST_PUSH.has(role) && role !== RB_ADD) return;
  const id = env.reg(2).refId;
  if (!becomeNonOwning(env, id)) {
    env.fail(EINVAL, 'graph', `kfunc ${name}#${meta.id} conversion of owning ref to non-owning failed`);
  }
  if (!releaseReference(env, id)) lost();
}

/** Fields whose objects may be freed anywhere (btf_field_is_nmi_safe()). */
const NMI_SAFE: ReadonlySet<string> = new Set([
  'bpf_spin_lock',
  'bpf_res_spin_lock',
  'bpf_timer',
  'bpf_wq',
  'bpf_task_work',
  'kptr_untrusted',
  'bpf_refcount',
]);
const TRACING_FUNCS: ReadonlySet<string> = new Set(['fentry', 'fexit', 'fmod_ret', 'tp_btf']);

/** Tracing programs may interrupt whoever works on such a field. */
function checkDropInNmi(env: Env, meta: KfuncMeta): void {
  const { progType, sleepable } = env.prog.attach;
  if (!mayInterruptAnything(progType) && (sleepable || !TRACING_FUNCS.has(progType))) return;
  const { object } = meta;
  const record = object === null ? null : env.specials.ofStruct(object.btf, object.typeId);
  if (record === null || record.fields.every((f) => NMI_SAFE.has(f.kind))) return;
  env.fail(
    EINVAL,
    'kfunc-args',
    `${meta.func.name} cannot be used in tracing programs on types with NMI unsafe fields`,
  );
}

/** R0 after the call. */
function result(env: Env, meta: KfuncMeta, retType: number): void {
  const { role, flags } = meta.func;
  const t = env.btf.type(env.btf.strip(retType));
  if (t.kind === 'void') return;
  env.frame.written |= 1;
  if (t.kind !== 'ptr') {
    env.setReg(0, unknownReg(env.insn));
    return;
  }
  let r = pointerResult(env, meta, env.btf.strip(t.type));
  const retNull = flags.has('ret_null') && !(role === REFCOUNT_ACQUIRE && meta.owningRef);
  if (retNull) {
    r = r.copy();
    r.flags |= MAYBE_NULL;
    r.id = env.newId();
  }
  if (flags.has('acquire')) {
    const id = acquire(env);
    if (retNull) r.id = id;
    r.refId = id;
  } else if (leavesInPlace(role)) r = env.nonOwning(r);
  if (env.hasSpinLock(r) && r.id === 0) r.id = env.newId();
  env.setReg(0, r);
}

function pointerResult(env: Env, meta: KfuncMeta, targetId: number): Reg {
  const { name, role, flags } = meta.func;
  const bad = (message: string): never => env.fail(EINVAL, 'kfunc-args', message);
  const kernelPointer = (typeId: number, f: number): Reg => {
    const r = pointerReg('ptr_', f, env.insn);
    r.btf = env.btf;
    r.btfId = typeId;
    return r;
  };
  if (role === OBJ_NEW || role === PERCPU_NEW) return newObject(env, meta);
  if (role === REFCOUNT_ACQUIRE) {
    const r = pointerReg('ptr_', ALLOC, env.insn);
    r.btf = meta.object!.btf;
    r.btfId = meta.object!.typeId;
    return r;
  }
  if (givesNode(role)) return nodeOf(env, meta.root!);
  if (name === 'bpf_cast_to_kern_ctx') return kernelPointer(meta.contextType, TRUSTED);
  if (name === 'bpf_rdonly_cast') {
    const id = Number(BigInt.asUintN(32, meta.constant ?? 0n));
    const kind = env.btf.kind(id);
    const { untrustedMemory: toVoid } = env.rules;
    // Type 0 is void; an id that BTF does not have is refused below.
    if (toVoid && id === 0) return untrustedMemory(env.insn);
    if (kind !== 'struct' && kind !== 'union') {
      bad(`kfunc bpf_rdonly_cast type ID argument must be of a struct${toVoid ? ' or void' : ''}`);
    }
    return kernelPointer(id, UNTRUSTED);
  }
  if (name === 'bpf_dynptr_slice' || name === 'bpf_dynptr_slice_rdwr') return slice(env, meta);
  const target = env.btf.type(targetId);
  if (target.kind === 'void') return unknownReg(env.insn);
  if (target.kind !== 'struct') {
    let size = meta.resultSize;
    let readOnly = meta.resultReadOnly;
    if (size === 0) {
      size = env.btf.sizeOf(targetId) ?? 0;
      readOnly = true;
    }
    if (size === 0) {
      const text = target.kind === 'union' ? target.name : '';
      bad(`kernel function ${name} returns pointer type ${kindName(target)} ${text} is not supported`);
    }
    const r = pointerReg('mem', readOnly ? RDONLY : 0, env.insn);
    r.memSize = size;
    r.refId = meta.refId;
    return r;
  }
  // By 7.2 results are trusted; caches of slab objects are not held.
  let f = env.rules.kfuncArgsTrusted ? (name === 'bpf_get_kmem_cache' ? UNTRUSTED : TRUSTED) : 0;
  if (env.rules.rcuSectionWanted && flags.has('rcu_protected')) f = RCU;
  if (flags.has('iter_next') && meta.iter !== null) f = iterReg(env, meta.iter).flags & RCU ? RCU : TRUSTED;
  return kernelPointer(targetId, f);
}

function newObject(env: Env, meta: KfuncMeta): Reg {
  const percpu = meta.func.role === PERCPU_NEW;
  const bad = (message: string): never => env.fail(EINVAL, 'kfunc-args', message);
  const id = meta.constant ?? 0n;
  if (BigInt.asUintN(32, id) !== id) bad('local type ID argument must be in range [0, U32_MAX]');
  const btf = env.obj.btf;
  if (btf === null) return bad('bpf_obj_new/bpf_percpu_obj_new requires prog BTF');
  const t = btf.type(Number(id));
  if (t.kind !== 'struct') return bad('bpf_obj_new/bpf_percpu_obj_new type ID argument must be of a struct');
  if (percpu) {
    if (t.size > PERCPU_MAX) bad(`bpf_percpu_obj_new type size (${t.size}) is greater than ${PERCPU_MAX}`);
    if (!isScalarStruct(env, btf, t.id)) bad('bpf_percpu_obj_new type ID argument must be of a struct of scalars');
    if (env.specials.ofStruct(btf, t.id) !== null) {
      bad('bpf_percpu_obj_new type ID argument must not contain special fields');
    }
  }
  const r = pointerReg('ptr_', ALLOC | (percpu ? PERCPU : 0), env.insn);
  r.btf = btf;
  r.btfId = t.id;
  return r;
}

function slice(env: Env, meta: KfuncMeta): Reg {
  const { type, id } = meta.dynptr!;
  let flags = type === 'skb' ? DYNPTR_SKB : type === 'xdp' ? DYNPTR_XDP : 0;
  if (meta.func.name === 'bpf_dynptr_slice') flags |= RDONLY;
  else if (!mayWritePacket(env.prog.attach.progType)) {
    env.fail(EINVAL, 'dynptr', 'the prog does not allow writes to packet data');
  }
  const r = pointerReg('mem', flags, env.insn);
  r.memSize = Number(BigInt.asUintN(32, meta.constant ?? 0n));
  r.dynptrId = id;
  return r;
}
