/** Functions that helpers and kernel functions call back: at once and repeatedly, or later on their own. */
import { BPF_PSEUDO_KFUNC_CALL } from '../bpf/index.ts';
import type { MapDef } from '../loader/index.ts';
import type { Field } from './btf-fields.ts';
import { constDynptr } from './dynptr.ts';
import type { Env } from './env.ts';
import { E2BIG, EINVAL, ENOTSUPP } from './env.ts';
import { checkSubprogArgs } from './func-args.ts';
import { nodeOf } from './graph.ts';
import type { CallMeta } from './helper-args.ts';
import { FN } from './helper-protos.ts';
import { markPrecise } from './precision.ts';
import type { Reg } from './reg.ts';
import { pointerReg, unknownReg } from './reg.ts';
import { Frame, State } from './state.ts';

const COMPLEXITY_LIMIT_ASYNC = 8192;

/** A new frame on top of a state. */
export function enter(env: Env, state: State, subprog: number, callsite: number): Frame {
  if (state.frames.length >= env.rules.maxFrames) {
    env.fail(E2BIG, 'too-deep', `the call stack of ${state.frames.length + 1} frames is too deep`);
  }
  const callee = new Frame(callsite, state.frames.length, subprog);
  callee.refs = state.cur.refs;
  const fp = pointerReg('fp', 0, callsite);
  fp.frame = callee.frameno;
  callee.regs[10] = fp;
  state.frames.push(callee);
  env.log.touchAll();
  return callee;
}

const FOR_EACH_MAPS: ReadonlySet<string> = new Set([
  'hash',
  'lru_hash',
  'percpu_hash',
  'lru_percpu_hash',
  'array',
  'percpu_array',
]);

/** Before 6.7 a call must always be given the same map. The words are the kernel's. */
function onlyOneMap(env: Env, map: MapDef): void {
  const before = env.mapOfCall.get(env.insn);
  env.mapOfCall.set(env.insn, map);
  if (before !== undefined && before !== map) env.fail(EINVAL, 'map-helper-mismatch', 'tail_call abusing map_ptr');
}

/** Helpers with a callback: its visit is queued (6.7 on) or done at once (before). */
export function startCallback(env: Env, meta: CallMeta): 'none' | 'queued' | 'entered' {
  const { id } = meta;
  const n = meta.subprog;
  const frame = env.frame;
  switch (id) {
    case FN.forEachMapElem:
      if (!env.rules.iterateCallbacks) onlyOneMap(env, meta.map!);
      if (!FOR_EACH_MAPS.has(meta.map!.type)) {
        env.fail(ENOTSUPP, 'map-helper-mismatch', 'callback function not allowed for map');
      }
      break;
    case FN.timerSetCallback:
      pushAsync(env, n, meta.map!, meta.mapUid, false);
      return 'none';
    case FN.loop:
      if (env.reg(4).isNull) markPrecise(env, 4);
      env.inlinedLoops.called(env.insn, n, env.reg(4).isNull);
      if (env.rules.iterateCallbacks) {
        markPrecise(env, 1);
        if (BigInt(frame.callbackDepth) >= env.reg(1).num.umax) {
          frame.callbackDepth = 0;
          return 'none';
        }
      }
      break;
    case FN.findVma:
    case FN.userRingbufDrain:
      break;
    default:
      return 'none';
  }
  const args = callbackArgs(env, meta);
  if (env.rules.iterateCallbacks) {
    pushCallback(env, n, args);
    return 'queued';
  }
  env.subprogs[n].isCallback = true;
  const callee = enter(env, env.state, n, env.insn);
  setCallbackRegs(callee, args);
  env.insn = env.subprogs[n].start - 1;
  return 'entered';
}

/** Queues a visit of a callback that is called before the call returns (push_callback_call). */
export function pushCallback(env: Env, subprog: number, args: readonly Reg[]): void {
  checkSubprogArgs(env, subprog);
  env.subprogs[subprog].isCallback = true;
  const st = env.push(env.subprogs[subprog].start, env.insn, 'callback');
  const callee = enter(env, st, subprog, env.insn);
  setCallbackRegs(callee, args);
  st.callbackUnroll++;
  st.frames[st.frames.length - 2].callbackDepth++;
  env.frame.callbackDepth = 0;
}

/** The comparison function of a tree: two nodes of it. */
export function pushTreeCallback(env: Env, subprog: number, root: Field): void {
  pushCallback(env, subprog, [env.nonOwning(nodeOf(env, root)), env.nonOwning(nodeOf(env, root))]);
}

/** Queues a callback that a timer or work queue runs later: as a program of its own (push_async_cb). */
export function pushAsync(env: Env, subprog: number, map: MapDef, mapUid: number, sleepable: boolean): void {
  checkSubprogArgs(env, subprog);
  env.subprogs[subprog].isCallback = true;
  env.subprogs[subprog].isAsyncCallback = true;
  const frame = new Frame(-1, 0, subprog);
  frame.regs[10] = pointerReg('fp');
  frame.inAsyncCallback = true;
  frame.asyncEntry = env.frame.asyncEntry + 1;
  frame.callbackRange = env.rules.asyncReturn;
  const mapReg = pointerReg('map_ptr', 0, env.insn);
  const key = pointerReg('map_key', 0, env.insn);
  const value = pointerReg('map_value', 0, env.insn);
  [mapReg, key, value].forEach((r, i) => {
    r.map = map;
    r.mapUid = mapUid;
    frame.regs[i + 1] = r;
  });
  const st = new State([frame]);
  st.inSleepable = sleepable;
  st.firstInsn = env.subprogs[subprog].start;
  env.pushState(st, env.subprogs[subprog].start, env.insn);
  if (env.pending.length > COMPLEXITY_LIMIT_ASYNC) {
    env.fail(E2BIG, 'too-many-branches', `The sequence of ${env.pending.length} jumps is too complex for async cb.`);
  }
}

function setCallbackRegs(callee: Frame, args: readonly Reg[]): void {
  args.forEach((r, i) => {
    callee.regs[i + 1] = r;
  });
  callee.inCallback = true;
  callee.callbackRange = [0, 1];
}

function vma(env: Env): Reg {
  const r = pointerReg('ptr_', 0, env.insn);
  r.btf = env.btf;
  r.btfId = env.btf.find('vm_area_struct', 'struct');
  return r;
}

function callbackArgs(env: Env, meta: CallMeta): Reg[] {
  switch (meta.id) {
    case FN.loop:
      return [unknownReg(env.insn), env.reg(3)];
    case FN.findVma:
      return [env.reg(1), vma(env), env.reg(4)];
    case FN.userRingbufDrain:
      return [constDynptr(env, 'local'), env.reg(3)];
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

/** Name of the kernel function called at an instruction; '' = none. */
export const kfuncAt = (env: Env, i: number): string =>
  env.insns.op[i] === 0x85 && env.insns.src[i] === BPF_PSEUDO_KFUNC_CALL && env.insns.off[i] === 0
    ? env.btf.name(env.insns.imm[i])
    : '';
