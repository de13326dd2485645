/** How much of the stack calls and memory instructions read and write through a pointer to it (7.1 on). */
import {
  accessSize,
  BPF_ATOMIC,
  BPF_CLASS,
  BPF_LDX,
  BPF_LOAD_ACQ,
  BPF_MODE,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_ST,
  BPF_STORE_REL,
  BPF_STX,
} from '../bpf/index.ts';
import type { BtfType } from '../bpf/index.ts';
import type { MapDef } from '../loader/index.ts';
import type { ConstRegs } from './const-regs.ts';
import type { Env } from './env.ts';
import { kfuncOf } from './kfuncs.ts';
import { mapsNamed } from './maps-named.ts';
import { offeredProto } from './offered.ts';
import { isArgLoad, isArgStore } from './stack-args.ts';

/** Bytes read (positive) or surely written (negative); `unknown`: perhaps all up to the frame pointer are read. */
export type StackBytes = number | 'unknown';

const MAX_STACK = 512;
const DYNPTR = 16;

/** A load's or store's pointer and bytes; null = another instruction. */
export function memoryUse(env: Env, i: number): { readonly reg: number; readonly bytes: number } | null {
  const { insns } = env;
  const op = insns.op[i];
  if (isArgLoad(insns, i) || isArgStore(insns, i)) return null;
  const size = accessSize(op);
  switch (op & BPF_CLASS) {
    case BPF_LDX:
      return { reg: insns.src[i], bytes: size };
    case BPF_ST:
      return { reg: insns.dst[i], bytes: -size };
    case BPF_STX:
      if ((op & BPF_MODE) !== BPF_ATOMIC) return { reg: insns.dst[i], bytes: -size };
      if (insns.imm[i] === BPF_LOAD_ACQ) return { reg: insns.src[i], bytes: size };
      return { reg: insns.dst[i], bytes: insns.imm[i] === BPF_STORE_REL ? -size : size };
    default:
      return null;
  }
}

/** What a call's function takes and whether it returns something; null = not known (bpf_get_call_summary()). */
export function callSummary(env: Env, i: number): { readonly args: number; readonly isVoid: boolean } | null {
  const { insns } = env;
  if (insns.src[i] === 0) {
    const proto = offeredProto(env, insns.imm[i]);
    return proto === undefined ? null : { args: proto.args.length, isVoid: proto.ret === 'void' };
  }
  if (insns.src[i] !== BPF_PSEUDO_KFUNC_CALL || kfuncOf(env, i) === null) return null;
  const proto = protoOf(env, insns.imm[i]);
  return proto === null ? null : { args: proto.params.length, isVoid: proto.ret === 0 };
}

/** How many arguments a call's function takes; null = not known. */
export const callArity = (env: Env, i: number): number | null => callSummary(env, i)?.args ?? null;

function protoOf(env: Env, id: number): Extract<BtfType, { kind: 'func_proto' }> | null {
  const f = env.btf.type(id);
  const proto = f.kind === 'func' ? env.btf.type(f.type) : f;
  return proto.kind === 'func_proto' ? proto : null;
}

/** What the call at `i` does through its argument number `arg` (from 0). */
export const callUse = (env: Env, known: ConstRegs, i: number, arg: number): StackBytes =>
  env.insns.src[i] === BPF_PSEUDO_KFUNC_CALL ? kfuncUse(env, known, i, arg) : helperUse(env, known, i, arg);

/** The largest key or value of the maps that the program names, and of those in them. */
function largestPart(env: Env, part: (m: MapDef) => number): number {
  let most = 0;
  for (const n of mapsNamed(env.insns)) {
    const m = env.obj.maps[n];
    most = Math.max(most, part(m), m.innerMap === undefined ? 0 : part(env.obj.maps[m.innerMap]));
  }
  return most;
}

function mapPart(
  env: Env,
  known: ConstRegs,
  i: number,
  args: readonly string[],
  arg: number,
  key: boolean,
): StackBytes {
  const part = (m: MapDef): number => (key ? m.keySize : m.valueSize);
  const at = args.slice(0, arg).indexOf('map');
  const map = at < 0 ? -1 : known.map(i, at + 1);
  if (map >= 0) return part(env.obj.maps[map]);
  // Another map on another way: the largest of all.
  const most = largestPart(env, part);
  return most === 0 ? 'unknown' : most;
}

/** As bpf_helper_stack_access_bytes(). */
function helperUse(env: Env, known: ConstRegs, i: number, arg: number): StackBytes {
  const proto = offeredProto(env, env.insns.imm[i]);
  if (proto === undefined) return 'unknown';
  const { args } = proto;
  const what = args[arg].replace('?', '');
  const filled = (n: StackBytes): StackBytes => (n === 'unknown' ? n : -n);
  if (what === 'key' || what === 'value') return mapPart(env, known, i, args, arg, what === 'key');
  if (what === 'outvalue') return filled(mapPart(env, known, i, args, arg, false));
  if (what === 'mem' || what === 'rmem' || what === 'outmem') {
    const next = args[arg + 1] ?? '';
    if (next !== 'size' && next !== 'size0') return 'unknown';
    const size = known.number(i, arg + 2);
    if (size === null) return what === 'outmem' ? 0 : MAX_STACK;
    return what === 'outmem' ? -Number(size) : Number(size);
  }
  if (what === 'out8') return -8;
  const fixed = /^(?:fixed|inout)(\d+)$/.exec(what);
  if (fixed !== null) return Number(fixed[1]);
  if (what.startsWith('newdynptr')) return -DYNPTR;
  if (what.startsWith('rdynptr') || what.startsWith('dropdynptr')) return DYNPTR;
  return what === 'stack' ? 0 : 'unknown';
}

/** As bpf_kfunc_stack_access_bytes(). */
function kfuncUse(env: Env, known: ConstRegs, i: number, arg: number): StackBytes {
  const func = kfuncOf(env, i);
  const proto = protoOf(env, env.insns.imm[i]);
  if (func === null || proto === null) return 'unknown';
  const { params } = proto;
  if (arg >= params.length) return 0;
  const t = env.btf.type(env.btf.strip(params[arg].type));
  if (t.kind !== 'ptr') return 0;
  const target = env.btf.strip(t.type);
  let size: number | undefined;
  const next = params[arg + 1]?.name ?? '';
  if (env.btf.name(target) === 'bpf_dynptr' || env.btf.name(target) === 'bpf_dynptr_kern') size = DYNPTR;
  else if (next.endsWith('__sz') || next.endsWith('__szk')) {
    const n = known.number(i, arg + 2);
    if (n === null) return MAX_STACK;
    size = Number(n);
  } else size = env.btf.sizeOf(target) ?? undefined;
  if (size === undefined) return 'unknown';
  const filled = (arg === 0 && func.flags.has('iter_new')) || params[arg].name.endsWith('__uninit');
  return filled ? -size : size;
}
