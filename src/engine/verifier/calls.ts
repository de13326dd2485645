/** Calls: helpers, functions of the program, callbacks; and the way back. */
import { BPF_PSEUDO_CALL, BPF_PSEUDO_KFUNC_CALL, helperName } from '../bpf/index.ts';
import type { Env } from './env.ts';
import { E2BIG, EACCES, EINVAL, ENOTSUPP } from './env.ts';
import { argsOf } from './func-args.ts';
import { callKfunc } from './kfuncs.ts';
import type { CallMeta } from './helper-args.ts';
import { checkArg, helperMem } from './helper-args.ts';
import { FN, helperProto } from './helper-protos.ts';
import { markRead } from './liveness.ts';
import { checkMapHelper } from './map-compat.ts';
import { memAccess } from './memory.ts';
import { markPrecise } from './precision.ts';
import { frameText } from './print.ts';
import type { Reg } from './reg.ts';
import { MAYBE_NULL, NOT_INIT, pointerReg, RDONLY, RINGBUF, scalarReg, TRUSTED, unknownReg } from './reg.ts';
import { widenImprecise } from './widen.ts';
import { Frame } from './state.ts';
import { SCALAR_UNKNOWN } from './scalar.ts';
import { LIVE_WRITTEN } from './state.ts';

const MAX_FRAMES = 8;
const MAX_HELPER = 211;

/** r0-r5 do not survive a call. */
export function clearCallerSaved(frame: Frame): void {
  for (let i = 0; i <= 5; i++) {
    frame.regs[i].reg = NOT_INIT;
    frame.regs[i].live |= LIVE_WRITTEN;
  }
}

/** A CALL instruction. Leaves `env.insn` at the instruction *before* the next one to look at. */
export function checkCall(env: Env): void {
  const { insns, insn } = env;
  const src = insns.src[insn];
  const bad = (src !== BPF_PSEUDO_KFUNC_CALL && insns.off[insn] !== 0) || src > 2 || insns.dst[insn] !== 0;
  if (bad) env.fail(EINVAL, 'reserved-fields', 'BPF_CALL uses reserved fields');
  if (env.state.lockMap !== null) {
    const local = src === BPF_PSEUDO_CALL;
    const allowed = src === 0 ? insns.imm[insn] === FN.spinUnlock : local && env.rules.trust;
    if (!allowed) env.fail(EINVAL, 'call-under-lock', 'function calls are not allowed while holding a lock');
  }
  if (src === BPF_PSEUDO_CALL) callFunction(env);
  else if (src === BPF_PSEUDO_KFUNC_CALL) callKfunc(env);
  else callHelper(env);
}

function callFunction(env: Env): void {
  const target = env.insn + env.insns.imm[env.insn] + 1;
  const n = env.subprogAt(target);
  const sub = env.subprogs[n];
  const caller = env.frame;
  if (sub.global) {
    if (env.state.lockMap !== null) {
      env.log.line('global function calls are not allowed while holding a lock,');
      env.fail(EINVAL, 'call-under-lock', 'use static function instead');
    }
    checkGlobalArgs(env, n);
    env.globalsCalled.add(n);
    env.log.line(
      env.rules.trust
        ? `Func#${n} ('${sub.name}') is global and assumed valid.`
        : `Func#${n} is global and valid. Skipping.`,
    );
    clearCallerSaved(caller);
    env.setReg(0, unknownReg(env.insn));
    return;
  }
  const callee = enter(env, env.state, n, env.insn);
  // The copies keep their places' parents: what the callee reads of them, the caller's past is asked for.
  for (let i = 1; i <= 5; i++) callee.regs[i] = caller.regs[i].copy();
  clearCallerSaved(caller);
  env.log.put(env.log.level > 0 ? `caller:\n${frameText(env, caller)}\ncallee:\n${frameText(env, callee)}\n` : '');
  env.insn = sub.start - 1;
}

/** A new frame on top of a state. */
function enter(env: Env, state: typeof env.state, subprog: number, callsite: number): Frame {
  if (state.frames.length >= MAX_FRAMES) {
    env.fail(E2BIG, 'too-deep', `the call stack of ${state.frames.length + 1} frames is too deep`);
  }
  const callee = new Frame(callsite, state.frames.length, subprog);
  callee.refs = state.cur.refs.slice();
  const fp = pointerReg('fp', 0, callsite);
  fp.frame = callee.frameno;
  callee.regs[10].reg = fp;
  state.frames.push(callee);
  return callee;
}

function checkGlobalArgs(env: Env, n: number): void {
  const sub = env.subprogs[n];
  const args = argsOf(env, n);
  const invalid = (): never =>
    env.fail(
      EINVAL,
      'global-args',
      env.rules.trust
        ? `Caller passes invalid args into func#${n} ('${sub.name}')`
        : `Caller passes invalid args into func#${n}`,
    );
  args.forEach((arg, i) => {
    const regno = i + 1;
    const reg = env.reg(regno);
    markRead(env.cell(regno));
    if (arg.kind === 'scalar') {
      if (!reg.isScalar) {
        env.log.line(`R${regno} is not a scalar`);
        invalid();
      }
    } else if (arg.kind === 'ctx') {
      if (reg.kind !== 'ctx' || reg.off !== 0) {
        env.log.line(`arg#${i} expects pointer to ctx`);
        invalid();
      }
    } else {
      if (reg.isNull && !arg.nonNull) return;
      const saved = reg;
      if (reg.mayBeNull && arg.nonNull) {
        env.log.line(`arg#${i} is expected to be non-NULL`);
        invalid();
      }
      if (reg.mayBeNull) {
        const r = reg.copy();
        r.flags &= ~MAYBE_NULL;
        env.setReg(regno, r);
      }
      helperMem(env, null, regno, arg.size, 'read', true, false);
      helperMem(env, null, regno, arg.size, 'write', true, false);
      env.setReg(regno, saved);
    }
  });
}

/** The common objects behind results. */
function btfResult(env: Env, name: string, flags: number): Reg {
  const r = pointerReg('ptr_', flags, env.insn);
  r.btf = env.btf;
  r.btfId = env.btf.find(name, 'struct');
  return r;
}

function checkAvailable(env: Env, id: number): NonNullable<ReturnType<typeof helperProto>> {
  const { attach } = env.prog;
  const name = helperName(id);
  if (id < 0 || id > MAX_HELPER) env.fail(EINVAL, 'unknown-helper', `invalid func ${name}#${id}`);
  const set = attach.sleepable ? env.platform.lsmHelpers.sleepable : env.platform.lsmHelpers.normal;
  const tracing = attach.progType !== 'lsm' && attach.progType !== 'lsm_cgroup';
  const known = set.has(id) || (tracing && id === FN.getFuncIp);
  if (!known) {
    // A helper that only sleepable programs have exists for this type, but not here.
    if (env.platform.lsmHelpers.sleepable.has(id) && helperProto(id)?.mightSleep) {
      env.fail(EINVAL, 'sleepable-helper', 'helper call might sleep in a non-sleepable prog');
    }
    env.fail(EINVAL, 'unknown-helper', env.rules.helperUnavailable(name, id));
  }
  const proto = helperProto(id);
  if (proto === undefined) env.fail(ENOTSUPP, 'not-modelled', `helper ${name}#${id} is not modelled`);
  if (proto.gplOnly && !env.obj.gplCompatible) {
    env.fail(EINVAL, 'gpl-helper', 'cannot call GPL-restricted function from non-GPL compatible program');
  }
  if (id === FN.dPath && !dPathAllowed(env)) {
    env.fail(EINVAL, 'helper-not-here', 'helper call is not allowed in probe');
  }
  if (proto.mightSleep && !attach.sleepable) {
    env.fail(EINVAL, 'sleepable-helper', 'helper call might sleep in a non-sleepable prog');
  }
  if (proto.mightSleep && env.state.rcuLock) {
    env.fail(EINVAL, 'sleepable-helper', `sleepable helper ${name}#${id} in rcu_read_lock region`);
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

const dPathAllowed = (env: Env): boolean =>
  env.hook !== undefined ? env.hook.sleepable : D_PATH_FUNCS.has(env.prog.attach.func);

function callHelper(env: Env): void {
  const id = env.insns.imm[env.insn];
  const proto = checkAvailable(env, id);
  const meta: CallMeta = {
    id,
    proto,
    map: null,
    mapUid: 0,
    release: 0,
    refId: 0,
    filled: null,
    raw: false,
    sizeMax: 0n,
    memSize: 0,
    subprog: -1,
    retTypeId: 0,
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
  if (id === FN.tailCall) checkTailCall(env);
  const callback = startCallback(env, meta);
  const frame = callback === 'entered' ? env.state.frames[env.state.frames.length - 2] : env.frame;
  clearCallerSaved(frame);
  frame.regs[0].reg = resultOf(env, meta);
  if (meta.map !== null) checkMapHelper(env, meta.map, id);
  if (id === FN.getFuncIp && env.prog.attach.progType === 'lsm') {
    env.fail(ENOTSUPP, 'helper-not-here', `func ${helperName(id)}#${id} not supported for program type 29`);
  }
}

function release(env: Env, meta: CallMeta, id: number): void {
  const reg = env.reg(meta.release);
  if (reg.isNull) return;
  const frame = env.frame;
  const at = frame.refs.findIndex((r) => r.id === meta.refId);
  if (at < 0) env.fail(EINVAL, 'not-acquired', `func ${helperName(id)}#${id} reference has not been acquired before`);
  frame.refs.splice(at, 1);
  for (const c of env.state.cells()) if (c.reg.refId === meta.refId) c.reg = unknownReg(env.insn);
}

function checkTailCall(env: Env): void {
  const frame = env.frame;
  if (frame.frameno === 0 || frame.inCallback) {
    if (frame.refs.length > 0) {
      for (const r of frame.refs) env.log.line(`Unreleased reference id=${r.id} alloc_insn=${r.insn}`);
      env.fail(EINVAL, 'reference-leak', 'tail_call would lead to reference leak');
    }
  }
  if (env.state.rcuLock) env.fail(EINVAL, 'rcu', 'tail_call cannot be used inside bpf_rcu_read_lock-ed region');
}

function resultOf(env: Env, meta: CallMeta): Reg {
  const { ret } = meta.proto;
  const colon = ret.indexOf(':');
  const kind = colon < 0 ? ret : ret.slice(0, colon);
  let r: Reg;
  switch (kind) {
    case 'int':
      return refineResult(env, meta);
    case 'void':
      return NOT_INIT;
    case 'value?':
      r = mapResult(env, meta);
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
    default: {
      // percpu, percpu?
      const t = env.btf.type(env.btf.strip(meta.retTypeId));
      const nullable = kind.endsWith('?') ? MAYBE_NULL : 0;
      if (t.kind === 'struct' || t.kind === 'union') {
        r = pointerReg('ptr_', nullable, env.insn);
        r.btf = env.btf;
        r.btfId = t.id;
      } else {
        r = pointerReg('mem', RDONLY | nullable, env.insn);
        r.memSize = env.btf.sizeOf(t.id) ?? 0;
      }
    }
  }
  if (r.mayBeNull) r.id = env.newId();
  if (meta.id === FN.ringbufReserve) {
    const id = env.newId();
    const frame = env.frame;
    frame.refs.push({ id, insn: env.insn, callbackFrame: frame.inCallback ? frame.frameno : 0 });
    r.id = id;
    r.refId = id;
  }
  return r;
}

/** A value of the map, or for maps of maps: an inner map. */
function mapResult(env: Env, meta: CallMeta): Reg {
  const r = pointerReg('map_value', MAYBE_NULL, env.insn);
  r.map = meta.map;
  r.mapUid = meta.mapUid;
  return r;
}

const ERRNO_MAX = 4095;

function refineResult(env: Env, meta: CallMeta): Reg {
  const bounded: readonly number[] = [
    FN.getStack,
    FN.getTaskStack,
    FN.probeReadStr,
    FN.probeReadKernelStr,
    FN.probeReadUserStr,
  ];
  if (!bounded.includes(meta.id)) return unknownReg(env.insn);
  const s = SCALAR_UNKNOWN.clone();
  s.smax = BigInt.asIntN(64, meta.sizeMax);
  s.s32max = Number(BigInt.asIntN(32, meta.sizeMax));
  s.smin = BigInt(-ERRNO_MAX);
  s.s32min = -ERRNO_MAX;
  env.rules.bounds.sync(s);
  env.rules.bounds.repair(s);
  return scalarReg(s, env.insn);
}

/** Helpers with a callback: its visit is queued (6.7 on) or done at once (before). */
function startCallback(env: Env, meta: CallMeta): 'none' | 'queued' | 'entered' {
  const { id } = meta;
  if (id !== FN.loop && id !== FN.forEachMapElem && id !== FN.findVma) return 'none';
  const n = meta.subprog;
  const frame = env.frame;
  if (id === FN.forEachMapElem) {
    const ok = ['hash', 'lru_hash', 'percpu_hash', 'lru_percpu_hash', 'array', 'percpu_array'].includes(meta.map!.type);
    if (!ok) env.fail(ENOTSUPP, 'map-helper-mismatch', 'callback function not allowed for map');
  }
  if (id === FN.loop) {
    if (env.reg(4).isNull) markPrecise(env, 4);
    if (env.rules.iterateCallbacks) {
      markPrecise(env, 1);
      if (BigInt(frame.callbackDepth) >= env.reg(1).num.umax) {
        frame.callbackDepth = 0;
        return 'none';
      }
    }
  }
  env.subprogs[n].isCallback = true;
  const args = callbackArgs(env, meta);
  if (env.rules.iterateCallbacks) {
    const st = env.push(env.subprogs[n].start, env.insn);
    const callee = enter(env, st, n, env.insn);
    setCallbackRegs(callee, args);
    st.callbackUnroll++;
    st.frames[st.frames.length - 2].callbackDepth++;
    frame.callbackDepth = 0;
    return 'queued';
  }
  const callee = enter(env, env.state, n, env.insn);
  setCallbackRegs(callee, args);
  env.insn = env.subprogs[n].start - 1;
  return 'entered';
}

function setCallbackRegs(callee: Frame, args: readonly Reg[]): void {
  args.forEach((r, i) => {
    callee.regs[i + 1].reg = r;
  });
  callee.inCallback = true;
  callee.callbackRange = [0, 1];
}

function callbackArgs(env: Env, meta: CallMeta): Reg[] {
  switch (meta.id) {
    case FN.loop:
      return [unknownReg(env.insn), env.reg(3)];
    case FN.findVma:
      return [env.reg(1), btfResult(env, 'vm_area_struct', 0), env.reg(4)];
    default: {
      const map = env.reg(1);
      const key = pointerReg('map_key', 0, env.insn);
      key.map = map.map;
      key.mapUid = map.mapUid;
      const value = pointerReg('map_value', 0, env.insn);
      value.map = map.map;
      value.mapUid = map.mapUid;
      return [map, key, value, env.reg(3)];
    }
  }
}

/** EXIT in a called function: back to the caller. */
export function returnToCaller(env: Env): void {
  const st = env.state;
  const callee = st.cur;
  const r0 = callee.regs[0].reg;
  if (r0.kind === 'fp') env.fail(EINVAL, 'return-stack', 'cannot return stack pointer to the caller');
  const caller = st.frames[st.frames.length - 2];
  if (callee.inCallback) {
    if (!r0.isScalar) env.fail(EACCES, 'callback-return', 'R0 not a scalar value');
    markRead(callee.regs[0]);
    markPrecise(env, 0);
    if (!env.rules.returnOk(r0.num, callee.callbackRange, false)) {
      env.fail(EINVAL, 'callback-return', env.rules.returnMessage(r0.num, callee.callbackRange, 'callback return'));
    }
  } else {
    caller.regs[0] = callee.regs[0].copy();
    caller.refs = callee.refs.slice();
  }
  const again = callee.inCallback && env.rules.iterateCallbacks;
  env.insn = again ? callee.callsite : callee.callsite + 1;
  env.log.put(
    env.log.level > 0
      ? `returning from callee:\n${frameText(env, callee)}\nto caller at ${env.insn}:\n${frameText(env, caller)}\n`
      : '',
  );
  st.frames.pop();
  if (again) widenImprecise(env, env.insn);
}
