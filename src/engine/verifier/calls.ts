/** Calls: helpers, functions of the program, callbacks; and the way back. */
import { acquiresReference, BPF_PSEUDO_CALL, BPF_PSEUDO_KFUNC_CALL, helperName } from '../bpf/index.ts';
import type { Env } from './env.ts';
import { EACCES, EINVAL, ENOTSUPP } from './env.ts';
import { enter, kfuncAt, startCallback } from './callbacks.ts';
import { dynptrId, dynptrRef, dynptrType, releaseDynptr } from './dynptr.ts';
import { checkStaticCall, dropArgs, noMoreArgLoads } from './stack-args.ts';
import { checkSubprogArgs, returnsNothing } from './func-args.ts';
import { isGraphFunc } from './graph.ts';
import { kfuncRole } from './kfunc-table.ts';
import { callKfunc } from './kfuncs.ts';
import type { CallMeta } from './helper-args.ts';
import { checkArg } from './helper-args.ts';
import { FN, helperProto, variantProto } from './helper-protos.ts';
import { isLsm, offer } from './offered.ts';
import { markRead } from './liveness.ts';
import { checkMapHelper } from './map-compat.ts';
import { memAccess } from './memory.ts';
import { changesPacket, forgetPackets } from './packet.ts';
import { checkSetRetval } from './exit.ts';
import { markPrecise } from './precision.ts';
import { frameText } from './print.ts';
import type { Reg } from './reg.ts';
import { acquire, releaseReference, releaseState } from './refs.ts';
import { ALLOC, MAYBE_NULL, NOT_INIT, PERCPU, pointerReg, RCU, RDONLY, RINGBUF, TRUSTED, unknownReg } from './reg.ts';
import { widenImprecise } from './widen.ts';
import { SAVED } from './frame-regs.ts';
import type { Frame } from './state.ts';
import { integerResult } from './helper-results.ts';

const MAX_HELPER = 211;

/** r0-r5 do not survive a call. */
export function clearCallerSaved(env: Env, frame: Frame): void {
  for (let i = 0; i < SAVED; i++) env.log.touchReg(i);
  frame.dropCallerSaved();
}

/** A CALL instruction. Leaves `env.insn` at the instruction *before* the next one to look at; true: the path ends. */
export function checkCall(env: Env): boolean {
  const { insns, insn } = env;
  const src = insns.src[insn];
  const bad = (src !== BPF_PSEUDO_KFUNC_CALL && insns.off[insn] !== 0) || src > 2 || insns.dst[insn] !== 0;
  if (bad) env.fail(EINVAL, 'reserved-fields', 'BPF_CALL uses reserved fields');
  if (env.state.lockMap !== null) {
    const local = src === BPF_PSEUDO_CALL;
    const kfunc = src === BPF_PSEUDO_KFUNC_CALL && callableUnderLock(env, kfuncRole(kfuncAt(env, insn)));
    const allowed = src === 0 ? insns.imm[insn] === FN.spinUnlock : (local || kfunc) && env.rules.trust;
    if (!allowed) env.fail(EINVAL, 'call-under-lock', 'function calls are not allowed while holding a lock');
  }
  if (env.usesStackArgs) {
    noMoreArgLoads(env);
    // Helpers and kernel functions have their arguments in registers.
    if (src !== BPF_PSEUDO_CALL) dropArgs(env.frame);
  }
  if (src === BPF_PSEUDO_KFUNC_CALL) return callKfunc(env);
  if (src === BPF_PSEUDO_CALL) callFunction(env);
  else callHelper(env);
  return false;
}

const UNDER_LOCK = /^bpf_(iter_num_(new|next|destroy)|arena_(alloc|free|reserve)_pages|stream_(vprintk|print_stack))$/;

const callableUnderLock = (env: Env, role: string): boolean =>
  isGraphFunc(role) || (env.rules.iteratorsUnderLock && UNDER_LOCK.test(role));

function callFunction(env: Env): void {
  const target = env.insn + env.insns.imm[env.insn] + 1;
  const n = env.subprogAt(target);
  const sub = env.subprogs[n];
  const caller = env.frame;
  if (sub.global) {
    const tooLate = (what: string): never => {
      env.log.line(`global function calls are not allowed ${what},`);
      return env.fail(EINVAL, 'call-under-lock', 'use static function instead');
    };
    if (!env.rules.trust && env.state.lockMap !== null) tooLate('while holding a lock');
    const fits = checkSubprogArgs(env, n);
    if (env.state.lockMap !== null) tooLate('while holding a lock');
    if (env.rules.sleepingGlobals) {
      if (sub.mightSleep && env.noSleepIn !== null) {
        env.fail(EINVAL, 'sleepable-helper', `sleepable global function ${sub.name}() called in ${env.noSleepIn}`);
      }
    } else if (env.state.preemptLock > 0) tooLate('with preemption disabled');
    if (!fits) {
      env.fail(
        env.globalArgsErrno,
        'global-args',
        env.rules.trust
          ? `Caller passes invalid args into func#${n} ('${sub.name}')`
          : `Caller passes invalid args into func#${n}`,
      );
    }
    env.globalsCalled.add(n);
    if (sub.changesPacket) forgetPackets(env);
    env.log.line(
      env.rules.trust
        ? `Func#${n} ('${sub.name}') is global and assumed valid.`
        : `Func#${n} is global and valid. Skipping.`,
    );
    clearCallerSaved(env, caller);
    dropArgs(caller);
    if (!returnsNothing(env, n)) env.setReg(0, unknownReg(env.insn));
    return;
  }
  if (env.rules.stackArgs) checkStaticCall(env, n);
  const callee = enter(env, env.state, n, env.insn);
  // The copies keep their places' parents: what the callee reads of them, the caller's past is asked for.
  for (let i = 1; i <= 5; i++) callee.moveReg(i, caller);
  clearCallerSaved(env, caller);
  env.log.put(env.log.level > 0 ? `caller:\n${frameText(env, caller)}\ncallee:\n${frameText(env, callee)}\n` : '');
  env.insn = sub.start - 1;
}

/** The common objects behind results. */
function btfResult(env: Env, name: string, flags: number): Reg {
  const r = pointerReg('ptr_', flags, env.insn);
  r.btf = env.btf;
  r.btfId = env.btf.find(name, 'struct');
  return r;
}

function checkAvailable(env: Env, id: number): NonNullable<ReturnType<typeof helperProto>> {
  const name = helperName(id);
  if (id < 0 || id > MAX_HELPER) env.fail(EINVAL, 'unknown-helper', `invalid func ${name}#${id}`);
  const offered = offer(env, id, name);
  if (offered === null) {
    // A helper that only sleepable programs have exists for this type, but not here.
    if (isLsm(env) && env.platform.lsmHelpers.sleepable.has(id) && helperProto(id)?.mightSleep) {
      checkAllowed(env, id, null);
      env.fail(EINVAL, 'sleepable-helper', env.rules.sleepableHelper(name, id));
    }
    env.fail(EINVAL, 'unknown-helper', env.rules.helperUnavailable(name, id));
  }
  const proto = offered.variant === null ? helperProto(id) : variantProto(offered.variant);
  if (proto === undefined) env.fail(ENOTSUPP, 'not-modelled', `helper ${name}#${id} is not modelled`);
  if (proto.gplOnly && !env.obj.gplCompatible) {
    env.fail(EINVAL, 'gpl-helper', 'cannot call GPL-restricted function from non-GPL compatible program');
  }
  checkAllowed(env, id, offered.variant);
  if (proto.mightSleep && env.rules.nestedRcu && env.noSleepIn !== null) {
    env.fail(EINVAL, 'sleepable-helper', `sleepable helper ${name}#${id} in ${env.noSleepIn}`);
  }
  if (proto.mightSleep && !env.inSleepable) {
    env.fail(EINVAL, 'sleepable-helper', env.rules.sleepableHelper(name, id));
  }
  if (proto.mightSleep && env.state.rcuLocks > 0) {
    env.fail(EINVAL, 'sleepable-helper', `sleepable helper ${name}#${id} in rcu_read_lock region`);
  }
  if (proto.mightSleep && env.state.preemptLock > 0) {
    env.fail(EINVAL, 'sleepable-helper', `sleepable helper ${name}#${id} in non-preemptible region`);
  }
  return proto;
}

/** Tracing programs may call bpf_d_path in these functions (bpf_trace.c, btf_allowlist_d_path). */
const D_PATH_FUNCS: ReadonlySet<string> = new Set([
  'security_file_permission',
  'security_inode_getattr',
  'security_file_open',
  'security_path_truncate',
  'vfs_truncate',
  'vfs_fallocate',
  'dentry_open',
  'vfs_getattr',
  'filp_close',
]);

/** Programs that trace the storage of sockets itself must not use it; nor those that change results. */
const sockStorageAllowed = ({ prog: { attach } }: Env): boolean =>
  attach.progType !== 'fmod_ret' && !attach.func.startsWith('bpf_sk_storage');

/** Helpers that some attach points only may call; LSM programs: on hooks that may sleep, even when they do not. */
function checkAllowed(env: Env, id: number, variant: string | null): void {
  const onHook = env.hook?.sleepable;
  const { progType, func } = env.prog.attach;
  let ok = true;
  if (id === FN.dPath) ok = progType === 'iter' || (onHook ?? D_PATH_FUNCS.has(func));
  else if (id === FN.imaInodeHash || id === FN.imaFileHash) ok = onHook === true;
  else if (/^sk_storage_(get|delete)=btf$/.test(variant ?? '')) ok = sockStorageAllowed(env);
  if (!ok) env.fail(EINVAL, 'helper-not-here', 'helper call is not allowed in probe');
}

function callHelper(env: Env): void {
  const id = env.insns.imm[env.insn];
  const proto = checkAvailable(env, id);
  const meta: CallMeta = {
    id,
    proto,
    map: null,
    mapUid: 0,
    exists: false,
    release: 0,
    refId: 0,
    filled: null,
    raw: false,
    sizeMax: 0n,
    memSize: 0,
    subprog: -1,
    retTypeId: 0,
    retBtf: null,
    kptr: null,
  };
  for (let i = 0; i < 5; i++) checkArg(env, meta, i);
  const writesMap = id === FN.mapUpdate || id === FN.mapDelete || id === FN.mapPush || id === FN.mapPop;
  if (writesMap && meta.map?.readOnly) env.fail(EACCES, 'map-read-only', 'write into map forbidden');
  if (id === FN.tailCall) markPrecise(env, 3);
  if (meta.filled !== null) {
    const { regno, size } = meta.filled;
    for (let i = 0; i < size; i++) memAccess(env, { regno, off: i, size: 1, access: 'write', value: -1 });
  }
  if (meta.release !== 0) release(env, meta, id);
  // Of dynptrs: before the registers are gone.
  const slice = id === FN.dynptrData ? { id: dynptrId(env, env.reg(1)), refId: dynptrRef(env, env.reg(1)) } : null;
  if (id === FN.dynptrFromMem && (env.reg(1).kind !== 'map_value' || env.reg(1).flags !== 0)) {
    env.fail(EACCES, 'dynptr', `Unsupported reg type ${env.typeText(env.reg(1))} for bpf_dynptr_from_mem data`, 1);
  }
  const skbWrite = id === FN.dynptrWrite && dynptrType(env, env.reg(1)) === 'skb';
  const rcuPercpu = (id === FN.perCpuPtr || id === FN.thisCpuPtr) && (env.reg(1).flags & RCU) !== 0;
  if (id === FN.tailCall) checkTailCall(env);
  if (id === FN.setRetval) checkSetRetval(env);
  if (id === FN.getLocalStorage) {
    if (!env.reg(2).isNull) {
      env.fail(EINVAL, 'local-storage-flags', "get_local_storage() doesn't support non-zero flags", 2);
    }
    markPrecise(env, 2);
  }
  const callback = startCallback(env, meta);
  const frame = callback === 'entered' ? env.state.frames[env.state.frames.length - 2] : env.frame;
  clearCallerSaved(env, frame);
  frame.regs[0] = resultOf(env, meta, rcuPercpu, slice);
  if (meta.map !== null) checkMapHelper(env, meta.map, id);
  if (id === FN.tailCall && env.rules.tailCallReturns) tailCallReturns(env);
  else if (changesPacket(env, id) || skbWrite) forgetPackets(env);
  if (id === FN.getFuncIp && isLsm(env)) {
    env.fail(ENOTSUPP, 'helper-not-here', `func ${helperName(id)}#${id} not supported for program type 29`);
  }
}

function release(env: Env, meta: CallMeta, id: number): void {
  const reg = env.reg(meta.release);
  let ok = true;
  if (meta.proto.args[meta.release - 1].includes('dynptr')) ok = releaseDynptr(env, reg);
  else if (id === FN.kptrXchg && meta.refId !== 0) {
    const inRcu = env.inRcu;
    ok = releaseState(env, env.frame, meta.refId);
    const released = (r: Reg): Reg => {
      if (r.refId !== meta.refId) return r;
      if (!env.rules.trust || !inRcu || (r.flags & ALLOC) === 0 || (r.flags & PERCPU) === 0)
        return unknownReg(env.insn);
      // The memory stays until the RCU section ends.
      const n = r.copy();
      n.refId = 0;
      n.flags = (n.flags & ~ALLOC) | RCU;
      return n;
    };
    if (ok) env.state.mapValues(released);
  } else if (meta.refId !== 0) ok = releaseReference(env, meta.refId);
  else if (!reg.isNull) ok = false;
  if (!ok) env.fail(EINVAL, 'not-acquired', `func ${helperName(id)}#${id} reference has not been acquired before`);
}

/**
 * From a function, a tail call that happens is a return with whatever the other program returns; one that does not happen is
 * another path, on which the packet is as it was.
 */
function tailCallReturns(env: Env): void {
  if (env.frame.frameno === 0) return;
  if (env.frame.inCallback) env.fail(EINVAL, 'tail-call', 'cannot tail call within callback');
  env.push(env.insn + 1, env.insn, 'other');
  forgetPackets(env);
  env.setReg(0, unknownReg(env.insn));
  returnToCaller(env);
  env.insn--;
}

function checkTailCall(env: Env): void {
  const frame = env.frame;
  if (env.state.lockMap !== null) {
    env.fail(EINVAL, 'lock-held', 'tail_call cannot be used inside bpf_spin_lock-ed region');
  }
  if (frame.frameno === 0 || frame.inCallback) {
    const leaked = frame.refs.filter((r) => !frame.inCallback || r.callbackFrame === frame.frameno);
    if (leaked.length > 0) {
      for (const r of leaked) env.log.line(`Unreleased reference id=${r.id} alloc_insn=${r.insn}`);
      env.fail(EINVAL, 'reference-leak', 'tail_call would lead to reference leak');
    }
  }
  if (env.state.rcuLocks > 0) env.fail(EINVAL, 'rcu', 'tail_call cannot be used inside bpf_rcu_read_lock-ed region');
  if (env.state.preemptLock > 0) {
    env.fail(EINVAL, 'preempt', 'tail_call cannot be used inside bpf_preempt_disable-ed region');
  }
}

function resultOf(
  env: Env,
  meta: CallMeta,
  rcuPercpu: boolean,
  slice: { readonly id: number; readonly refId: number } | null,
): Reg {
  const { ret } = meta.proto;
  const colon = ret.indexOf(':');
  const kind = colon < 0 ? ret : ret.slice(0, colon);
  let r: Reg;
  switch (kind) {
    case 'int':
      return integerResult(env, meta.id, meta.sizeMax);
    case 'void':
      return NOT_INIT;
    case 'value?':
      r = mapResult(env, meta);
      break;
    case 'value':
      r = mapResult(env, meta).copy();
      r.flags = 0;
      if (meta.map !== null && env.fields(meta.map).spinLock >= 0) r.id = env.newId();
      break;
    case 'sock?':
    case 'sock_common?':
    case 'tcp_sock?':
      r = pointerReg(kind.slice(0, -1) as 'sock', MAYBE_NULL, env.insn);
      break;
    case 'ringbuf?':
      r = pointerReg('mem', RINGBUF | MAYBE_NULL, env.insn);
      r.memSize = meta.memSize;
      break;
    case 'task':
      return btfResult(env, 'task_struct', env.rules.trust ? TRUSTED : 0);
    case 'btf':
      return btfResult(env, ret.slice(colon + 1), 0);
    case 'btf?':
      r = btfResult(env, ret.slice(colon + 1), MAYBE_NULL);
      break;
    case 'kptr?': {
      const { btf, typeId } = meta.kptr!.target!;
      const own = btf !== env.btf ? ALLOC | (meta.kptr!.kind === 'percpu_kptr' ? PERCPU : 0) : 0;
      r = pointerReg('ptr_', MAYBE_NULL | own, env.insn);
      r.btf = btf;
      r.btfId = typeId;
      r.id = env.newId();
      const id = acquire(env);
      r.id = id;
      r.refId = id;
      return r;
    }
    case 'dynmem?':
      r = pointerReg('mem', MAYBE_NULL, env.insn);
      r.memSize = meta.memSize;
      r.id = env.newId();
      r.dynptrId = slice!.id;
      r.refId = slice!.refId;
      return r;
    default: {
      // percpu, percpu?
      const btf = meta.retBtf ?? env.btf;
      const t = btf.type(btf.strip(meta.retTypeId));
      const nullable = kind.endsWith('?') ? MAYBE_NULL : 0;
      if (t.kind === 'struct' || t.kind === 'union') {
        r = pointerReg('ptr_', rcuPercpu ? ALLOC | RCU : nullable, env.insn);
        r.btf = btf;
        r.btfId = t.id;
      } else {
        r = pointerReg('mem', RDONLY | nullable, env.insn);
        r.memSize = btf.sizeOf(t.id) ?? 0;
      }
    }
  }
  if (r.mayBeNull) r.id = env.newId();
  if (castsPointer(meta.id)) r.refId = meta.refId;
  if (acquires(meta)) {
    const id = acquire(env);
    r.id = id;
    r.refId = id;
  }
  return r;
}

/** Does the result have to be released? */
function acquires(meta: CallMeta): boolean {
  if (acquiresReference(meta.id)) return true;
  return meta.id === FN.mapLookup && (meta.map?.type === 'sockmap' || meta.map?.type === 'sockhash');
}

/** bpf_tcp_sock, bpf_sk_fullsock and bpf_skc_to_*: the same socket under another type, with the same reference. */
const castsPointer = (id: number): boolean => /^bpf_(tcp_sock|sk_fullsock|skc_to_\w+)$/.test(helperName(id));

/** A value of the map, or for maps of maps: an inner map. */
function mapResult(env: Env, meta: CallMeta): Reg {
  const certain = meta.exists && meta.id === FN.mapLookup;
  const r = pointerReg('map_value', certain ? 0 : MAYBE_NULL, env.insn);
  r.map = meta.map;
  r.mapUid = meta.mapUid;
  if (certain && meta.map !== null && env.fields(meta.map).spinLock >= 0) r.id = env.newId();
  return r;
}

/** EXIT in a called function: back to the caller. */
export function returnToCaller(env: Env): void {
  const st = env.state;
  const callee = st.cur;
  const r0 = callee.regs[0];
  if (r0.kind === 'fp') env.fail(EINVAL, 'return-stack', 'cannot return stack pointer to the caller');
  const caller = st.frames[st.frames.length - 2];
  if (callee.inCallback) {
    if (!r0.isScalar) env.fail(EACCES, 'callback-return', 'R0 not a scalar value');
    markRead(callee, 0);
    markPrecise(env, 0);
    if (!env.rules.returnOk(r0.num, callee.callbackRange, false)) {
      env.fail(EINVAL, 'callback-return', env.rules.returnMessage(r0.num, callee.callbackRange, 'callback return'));
    }
  } else {
    caller.moveReg(0, callee);
    caller.refs = callee.refs;
  }
  const again = callee.inCallback && env.rules.iterateCallbacks;
  env.insn = again ? callee.callsite : callee.callsite + 1;
  env.log.put(
    env.log.level > 0
      ? `returning from callee:\n${frameText(env, callee)}\nto caller at ${env.insn}:\n${frameText(env, caller)}\n`
      : '',
  );
  st.leave();
  dropArgs(caller);
  if (again) widenImprecise(env, env.insn);
}
