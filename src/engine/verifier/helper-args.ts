/** Checks of one helper argument. */
import type { Btf } from '../bpf/index.ts';
import { helperName } from '../bpf/index.ts';
import type { MapDef } from '../loader/index.ts';
import type { Field } from './btf-fields.ts';
import { checkAlignment } from './alignment.ts';
import { structMatches } from './btf-walk.ts';
import { isInsnArray } from './indirect-jumps.ts';
import { btfAccess, checkMapAccessType, checkMapValue } from './memory.ts';
import { checkBuffer, checkRegion } from './regions.ts';
import { checkFixedOffset } from './offsets.ts';
import type { Access } from './memory.ts';
import type { Env } from './env.ts';
import { elementExists } from './map-key.ts';
import { EACCES, EINVAL } from './env.ts';
import type { HelperProto } from './helper-protos.ts';
import { checkDynptr, dynptrSlot } from './dynptr.ts';
import { inTreeCallback } from './graph.ts';
import { FN } from './helper-protos.ts';
import { checkKptrMatch, kptrDestination } from './kptr.ts';
import { useReg } from './liveness.ts';
import { spinLock } from './locks.ts';
import { checkPacket, isPacket, mayPassPacket } from './packet.ts';
import { convertsContext } from './prog-ctx.ts';
import { ctxAccess } from './ctx.ts';
import { markPrecise } from './precision.ts';
import type { DynptrType, Reg, RegKind } from './reg.ts';
import {
  ALLOC,
  DYNPTR_SKB,
  DYNPTR_XDP,
  MAYBE_NULL,
  NON_OWN,
  PERCPU,
  RCU,
  RDONLY,
  RINGBUF,
  TRUSTED,
  typeName,
} from './reg.ts';
import { checkStackRange } from './stack.ts';

/** What the arguments of one call have shown so far. */
export interface CallMeta {
  readonly id: number;
  readonly proto: HelperProto;
  map: MapDef | null;
  mapUid: number;
  /** The key is known, and the map has such an element. */
  exists: boolean;
  /** Register with an object to release; 0 = none. */
  release: number;
  refId: number;
  /** Stack memory that the helper fills. */
  filled: { regno: number; size: number } | null;
  /** The last memory argument is filled by the helper. */
  raw: boolean;
  sizeMax: bigint;
  memSize: number;
  subprog: number;
  retTypeId: number;
  /** BTF of that type. */
  retBtf: Btf | null;
  /** The kptr that bpf_kptr_xchg() exchanges. */
  kptr: Field | null;
}

const isRelease = (arg: string): boolean =>
  arg === 'ringbuf' || arg === 'sockref' || arg === 'kptr?' || arg.startsWith('dropdynptr');
const isDynptrArg = (arg: string): boolean => arg.includes('dynptr');
const SOCKETS: readonly Shape[] = [
  ['sock_common', 0],
  ['sock', 0],
  ['tcp_sock', 0],
  ['xdp_sock', 0],
];

const MAX_VAR_SIZ = 1n << 29n;

type Shape = readonly [RegKind, number];
const TRUST_MEM: readonly Shape[] = [
  ['fp', 0],
  ['pkt', 0],
  ['pkt_meta', 0],
  ['map_key', 0],
  ['map_value', 0],
  ['mem', 0],
  ['mem', RINGBUF],
  ['buf', 0],
  ['ptr_', TRUSTED],
];

/** Kinds in the kernel's order. */
function accepted(env: Env, arg: string): readonly Shape[] {
  const t = env.rules.trust;
  const one = (...shapes: Shape[]): readonly Shape[] => shapes;
  const mem = (): readonly Shape[] => {
    if (env.rules.offsetsInOne) return one(...TRUST_MEM, ['ctx', 0]);
    return t ? TRUST_MEM : TRUST_MEM.slice(0, 8);
  };
  const keyValue = (): readonly Shape[] => (t ? mem() : TRUST_MEM.slice(0, 5));
  const base = arg.replace(/[:?].*$/, '');
  switch (base) {
    case 'key':
    case 'value':
    case 'outvalue':
      return keyValue();
    case 'mem':
    case 'rmem':
    case 'outmem':
    case 'out8':
    case 'inout4':
    case 'fixed20':
    case 'fixed40':
      return mem();
    case 'size':
    case 'size0':
    case 'alloc':
      return one(['scalar', 0]);
    case 'map':
      return one(['map_ptr', 0]);
    case 'ctx':
      return one(['ctx', 0]);
    case 'btf':
    case 'obj':
    case 'kptr':
      return t ? one(['ptr_', 0], ['ptr_', TRUSTED], ['ptr_', RCU]) : one(['ptr_', 0]);
    case 'sock':
    case 'sockref':
      return one(...SOCKETS, ['ptr_', 0], ...(t ? [['ptr_', TRUSTED] as const] : []));
    case 'sockcommon':
      return one(...SOCKETS);
    case 'fullsock':
      return one(['sock', 0]);
    case 'spin':
    case 'kptrdest':
      return t ? one(['map_value', 0], ['ptr_', ALLOC]) : one(['map_value', 0]);
    case 'timer':
    case 'str':
      return one(['map_value', 0]);
    case 'newdynptr':
    case 'rdynptr':
    case 'dropdynptr':
      return one(['fp', 0], ['dynptr_ptr', 0]);
    case 'ringbuf':
      return one(['mem', RINGBUF]);
    case 'func':
      return one(['func', 0]);
    case 'stack':
      return one(['fp', 0]);
    case 'percpu':
      return t ? one(['ptr_', PERCPU], ['ptr_', PERCPU | RCU], ['ptr_', PERCPU | TRUSTED]) : one(['ptr_', PERCPU]);
    default:
      return one();
  }
}

const nullOk = (env: Env, arg: string): boolean =>
  arg.includes('?') || (env.rules.storageArgNull && arg.startsWith('obj:'));

/** Argument `n` (0 = R1) of a helper call. */
export function checkArg(env: Env, meta: CallMeta, n: number): void {
  const declared = meta.proto.args[n];
  if (declared === undefined) return;
  // Values of socket maps are sockets.
  const socks = meta.map?.type === 'sockmap' || meta.map?.type === 'sockhash';
  const arg = declared === 'value' && socks ? 'sock' : declared;
  const regno = n + 1;
  useReg(env, regno);
  if (arg === 'any') return;
  const reg = env.reg(regno);
  if (isPacket(reg) && !mayPassPacket(env.prog.attach.progType, meta.proto.pktAccess)) {
    env.fail(EACCES, 'packet-argument', 'helper access to the packet is not allowed', regno);
  }
  const isNull = reg.isNull && nullOk(env, arg);
  if (isNull) markPrecise(env, regno);
  else {
    checkKind(env, meta, regno, reg, arg);
    if (!(isDynptrArg(arg) && reg.kind === 'fp')) argOffset(env, regno, reg, isRelease(arg));
  }
  if (isRelease(arg)) {
    if (isDynptrArg(arg)) {
      const constant = env.rules.argsByRegister
        ? 'CONST_PTR_TO_DYNPTR cannot be released'
        : 'cannot release unowned const bpf_dynptr';
      if (reg.kind !== 'fp') env.fail(EINVAL, 'dynptr', constant, regno);
      const spi = dynptrSlot(env, reg);
      const { stack } = env.frameOf(reg);
      const owns = (n: number): boolean => stack[n].reg.refId !== 0;
      // Before 6.2 data stored over one half does not make the kernel forget.
      if (spi < 0 || !(owns(spi) || (!env.rules.dynptrsEnd && stack[spi - 1].isDynptr && owns(spi - 1)))) {
        // By 7.2 only what it is counts, not whether it is held.
        const words = env.rules.argsByRegister
          ? `Expected an initialized dynptr as R${regno}`
          : `arg ${regno} is an unacquired reference`;
        env.fail(EINVAL, 'dynptr', words, regno);
      }
    } else if (reg.refId === 0 && !reg.isNull) {
      const words = env.rules.argsByRegister
        ? `release helper ${helperName(meta.id)} expects referenced PTR_TO_BTF_ID passed to R${regno}`
        : `R${regno} must be referenced when passed to release function`;
      env.fail(EINVAL, 'not-acquired', words, regno);
    }
    meta.release = regno;
  }
  if (reg.refId !== 0 && arg !== 'kptrdest') meta.refId = reg.refId;
  const fixed = /^fixed(\d+)$/.exec(arg);
  if (fixed !== null) helperMem(env, meta, regno, Number(fixed[1]), 'read', false, false);
  const write: Access = arg === 'outvalue' || arg === 'outmem' || arg === 'out8' ? 'write' : 'read';
  switch (arg.replace(/[:?].*$/, '')) {
    case 'map':
      if (meta.map !== null && (meta.map !== reg.map || meta.mapUid !== reg.mapUid)) {
        env.fail(
          EINVAL,
          'timer-map',
          `timer pointer in R1 map_uid=${meta.mapUid} doesn't match map pointer in R2 map_uid=${reg.mapUid}`,
          regno,
        );
      }
      meta.map = reg.map;
      meta.mapUid = reg.mapUid;
      break;
    case 'timer':
      timerArg(env, meta, regno, reg);
      break;
    case 'kptrdest':
      meta.kptr = kptrDestination(env, regno, reg);
      if (reg.kind === 'map_value') meta.map = reg.map;
      break;
    case 'newdynptr':
    case 'rdynptr':
    case 'dropdynptr':
      checkDynptr(env, regno, {
        uninit: arg.startsWith('newdynptr'),
        readOnly: arg === 'rdynptr',
        type: arg.includes(':') ? (arg.slice(arg.indexOf(':') + 1) as DynptrType) : null,
      });
      break;
    case 'key':
      helperMem(env, meta, regno, meta.map!.keySize, 'read', false, false);
      if (env.rules.constMapKeys) meta.exists = elementExists(env, meta.map!, env.reg(regno));
      break;
    case 'value':
    case 'outvalue':
      if (isNull) return;
      helperMem(env, meta, regno, meta.map!.valueSize, write, false, arg === 'outvalue');
      break;
    case 'mem':
    case 'rmem':
    case 'outmem':
      // Checked with the size that follows.
      meta.raw = arg === 'outmem';
      break;
    case 'inout4':
      helperMem(env, meta, regno, 4, 'write', false, false);
      checkAlignment(env, reg, 0, 4, true);
      break;
    case 'out8':
      helperMem(env, meta, regno, 8, 'write', false, true);
      checkAlignment(env, reg, 0, 8, true);
      break;
    case 'size':
    case 'size0':
      checkSize(env, meta, regno, reg, arg === 'size0', sizedAccess(env, meta, meta.proto.args[n - 1]));
      break;
    case 'alloc':
      if (!reg.num.isConst) env.fail(EACCES, 'size-not-constant', `R${regno} is not a known constant'`, regno);
      meta.memSize = Number(reg.num.tnum.value & 0xffff_ffffn);
      markPrecise(env, regno);
      break;
    case 'spin':
      if (env.rules.trust && inTreeCallback(env)) {
        env.fail(EACCES, 'spin-lock', "can't spin_{lock,unlock} in rbtree cb", regno);
      }
      spinLock(env, regno, reg, meta.id === FN.spinLock);
      break;
    case 'func':
      meta.subprog = reg.subprog;
      break;
    case 'str':
      checkConstString(env, regno, reg);
      break;
    case 'percpu':
      meta.retTypeId = reg.btfId;
      meta.retBtf = reg.btf;
  }
}

function checkKind(env: Env, meta: CallMeta, regno: number, reg: Reg, arg: string): void {
  const shapes = accepted(env, arg);
  let flags = reg.flags;
  const readOnlyOk = arg.startsWith('rmem') || arg === 'rdynptr';
  if (readOnlyOk) flags &= ~RDONLY;
  if (nullOk(env, arg)) flags &= ~MAYBE_NULL;
  if (reg.kind === 'mem') flags &= ~(DYNPTR_SKB | DYNPTR_XDP);
  // Objects of the program's own may be put into a kptr.
  if (arg === 'kptr?' && flags & ALLOC) flags &= ~(ALLOC | PERCPU);
  if (!shapes.some(([k, f]) => reg.kind === k && flags === f)) {
    const reason = reg.mayBeNull ? 'null-argument' : 'argument-type';
    const words = shapes.map(([k, f]) => typeName(k, f, env.rules.ringbufWord));
    env.fail(EACCES, reason, `R${regno} type=${env.typeText(reg)} expected=${words.join(', ')}`, regno);
  }
  if (reg.kind !== 'ptr_') return;
  if (shapes[0][0] === 'fp') {
    if (!readOnlyOk) {
      env.fail(
        EACCES,
        'write-read-only',
        `${meta.proto.name}() may write into memory pointed by R${regno} type=${env.typeText(reg)}`,
        regno,
      );
    }
    return;
  }
  if (arg === 'percpu' || arg === 'spin' || arg === 'kptrdest') return;
  if (reg.mayBeNull && env.rules.trust && (!nullOk(env, arg) || isRelease(arg))) {
    env.fail(
      EACCES,
      'null-argument',
      `Possibly NULL pointer passed to helper ${env.rules.argsByRegister ? 'R' : 'arg'}${regno}`,
      regno,
    );
  }
  if (arg === 'kptr?') {
    checkKptrMatch(env, meta.kptr!, regno, EACCES);
    return;
  }
  const need = /^sock(ref)?\??$/.test(arg) ? 'sock_common' : arg.slice(arg.indexOf(':') + 1);
  const needId = env.btf.find(need, 'struct');
  if (!structMatches(env, reg.btf!, reg.btfId, reg.off, needId)) {
    env.fail(EACCES, 'wrong-struct', `R${regno} is of type ${reg.btf!.name(reg.btfId)} but ${need} is expected`, regno);
  }
}

/** Timers: the one of the map's value (process_timer_func). */
export function timerArg(env: Env, meta: Pick<CallMeta, 'map' | 'mapUid'>, regno: number, reg: Reg): void {
  const map = reg.map!;
  const bad = (message: string): never => env.fail(EINVAL, 'timer', message, regno);
  if (!reg.num.isConst) bad(`R${regno} doesn't have constant offset. bpf_timer has to be at the constant offset`);
  if (env.obj.btf === null || map.valueTypeId === 0) bad(`map '${map.name}' has to have BTF in order to use bpf_timer`);
  const at = env.fields(map).timer;
  if (at < 0) bad(`map '${map.name}' has no valid bpf_timer`);
  const off = reg.num.constS64 + BigInt(reg.off);
  if (off !== BigInt(at)) bad(`off ${off} doesn't point to 'struct bpf_timer' that is at ${at}`);
  meta.map = map;
  meta.mapUid = reg.mapUid;
}

/** Flags under which a kernel pointer argument may have a fixed offset. */
const OFFSET_FLAGS: ReadonlySet<number> = new Set([0, ALLOC, TRUSTED, RCU, ALLOC | NON_OWN, ALLOC | NON_OWN | RCU]);

/** Which offsets an argument may have (check_func_arg_reg_off). */
export function argOffset(env: Env, regno: number, reg: Reg, release: boolean): void {
  if (release) {
    if (reg.off !== 0 && env.rules.trust) {
      env.fail(
        EINVAL,
        'release-offset',
        `R${regno} must have zero offset when passed to release func or trusted arg to kfunc`,
        regno,
      );
    }
    checkFixedOffset(env, regno, reg, false);
    return;
  }
  const { flags } = reg;
  switch (reg.kind) {
    case 'scalar':
    case 'arena':
      return;
    case 'fp':
    case 'pkt':
    case 'pkt_meta':
    case 'map_key':
    case 'map_value':
      if (flags === 0) return;
      break;
    case 'mem':
      if (flags === 0 || flags === RDONLY || flags === RINGBUF) return;
      break;
    case 'buf':
      if (flags === 0 || flags === RDONLY) return;
      break;
    case 'ptr_':
      if (env.rules.trust ? OFFSET_FLAGS.has(flags) : flags === 0) {
        checkFixedOffset(env, regno, reg, true);
        return;
      }
      break;
    default:
  }
  checkFixedOffset(env, regno, reg, false);
}

/** Memory of a known size that a function may read and write, or NULL (check_mem_reg). */
export function memReg(env: Env, regno: number, reg: Reg, size: number): void {
  if (reg.isNull) return;
  if (reg.mayBeNull) {
    const r = reg.copy();
    r.flags &= ~MAYBE_NULL;
    env.setReg(regno, r);
  }
  helperMem(env, null, regno, size, 'read', true, false, true);
  helperMem(env, null, regno, size, 'write', true, false, true);
  if (reg.mayBeNull) env.setReg(regno, reg);
}

/** Memory that a helper reads or writes. `deadOk`: the function called need not read all of it. */
export function helperMem(
  env: Env,
  meta: CallMeta | null,
  regno: number,
  size: number,
  access: Access,
  zeroOk: boolean,
  raw: boolean,
  deadOk = false,
): void {
  const reg = env.reg(regno);
  switch (reg.kind) {
    case 'pkt':
    case 'pkt_meta':
      checkPacket(env, regno, reg, reg.off, size, zeroOk);
      return;
    case 'ctx':
      // Where nobody translates accesses, the last byte stands for all.
      if (env.rules.offsetsInOne || convertsContext(env.prog.attach.progType)) break;
      if (size === 0 && !zeroOk) break;
      checkFixedOffset(env, regno, reg, false);
      if (size > 0) ctxAccess(env, reg.off + size - 1, 1, access === 'write', false);
      return;
    case 'map_key':
      if (access === 'write')
        env.fail(EACCES, 'write-read-only', `R${regno} cannot write into ${env.typeText(reg)}`, regno);
      checkRegion(env, regno, reg, reg.off, size, reg.map!.keySize, false);
      return;
    case 'map_value':
      checkMapAccessType(env, reg, reg.off, size, access);
      checkMapValue(env, regno, reg, reg.off, size, zeroOk);
      return;
    case 'mem':
      if (access === 'write' && reg.flags & RDONLY) {
        env.fail(EACCES, 'write-read-only', `R${regno} cannot write into ${env.typeText(reg)}`, regno);
      }
      checkRegion(env, regno, reg, reg.off, size, reg.memSize, zeroOk);
      return;
    case 'buf':
      if (access === 'write' && reg.flags & RDONLY) {
        env.fail(EACCES, 'write-read-only', `R${regno} cannot write into ${env.typeText(reg)}`, regno);
      }
      checkBuffer(env, regno, reg, reg.off, size);
      return;
    case 'fp':
      if (
        checkStackRange(env, regno, reg, reg.off, size, zeroOk, 'helper', raw && meta !== null, access, deadOk) &&
        meta !== null
      ) {
        meta.filled = { regno, size };
      }
      return;
    case 'ptr_':
      btfAccess(env, regno, reg, reg.off, size, 'read');
      return;
    default:
  }
  if (zeroOk && size === 0 && reg.isNull) return;
  env.fail(EACCES, 'argument-type', `R${regno} type=${env.typeText(reg)} expected=fp`, regno);
}

/** Does the helper write the memory whose size comes next? Of ordinary memory the kernel's rules name the helpers. */
function sizedAccess(env: Env, meta: CallMeta, memory: string): Access {
  if (memory.startsWith('outmem')) return 'write';
  return /^mem\b/.test(memory) && env.rules.memWriters.has(helperName(meta.id)) ? 'write' : 'read';
}

function checkSize(env: Env, meta: CallMeta, regno: number, reg: Reg, zeroOk: boolean, access: Access): void {
  meta.sizeMax = reg.num.umax;
  sizedMem(env, meta, regno, reg, zeroOk, access);
}

/** The size of memory in the register before (check_kfunc_mem_size_reg's half). */
export const checkSizeReg = (env: Env, regno: number, reg: Reg, access: Access): void =>
  sizedMem(env, null, regno, reg, true, access);

function sizedMem(env: Env, meta: CallMeta | null, regno: number, reg: Reg, zeroOk: boolean, access: Access): void {
  const { num } = reg;
  const raw = meta !== null && meta.raw && num.isConst;
  if (num.smin < 0n) {
    env.fail(EACCES, 'size-negative', `R${regno} min value is negative, either use unsigned or 'var &= const'`, regno);
  }
  if (num.umin === 0n && !zeroOk && env.rules.zeroSizeMessage) {
    env.fail(
      EACCES,
      'zero-size',
      `R${regno} invalid zero-sized read: u64=[${num.umin},${BigInt.asIntN(64, num.umax)}]`,
      regno,
    );
  }
  if (num.umin === 0n && !env.rules.zeroSizeMessage) helperMem(env, meta, regno - 1, 0, access, zeroOk, raw);
  if (num.umax >= MAX_VAR_SIZ) {
    env.fail(
      EACCES,
      'size-unbounded',
      `R${regno} unbounded memory access, use 'var &= const' or 'if (var < const)'`,
      regno,
    );
  }
  helperMem(env, meta, regno - 1, Number(num.umax), access, zeroOk, raw);
  markPrecise(env, regno);
}

/** A string in a frozen map, with its end. */
export function checkConstString(env: Env, regno: number, reg: Reg): void {
  const map = reg.map!;
  if (isInsnArray(map)) {
    const words = `R${regno} points to insn_array map which cannot be used as const string`;
    env.fail(EACCES, 'not-constant-string', words, regno);
  }
  if (!map.readOnly || map.section === undefined) {
    env.fail(EACCES, 'not-constant-string', `R${regno} does not point to a readonly map'`, regno);
  }
  if (!reg.num.isConst) env.fail(EACCES, 'not-constant-string', `R${regno} is not a constant address'`, regno);
  checkMapValue(env, regno, reg, reg.off, map.valueSize - reg.off, false);
  const off = reg.off + Number(reg.num.constS64);
  const bytes = map.initial ?? new Uint8Array(map.valueSize);
  if (bytes.indexOf(0, off) < 0 && off < bytes.length && bytes.length >= map.valueSize) {
    env.fail(EINVAL, 'not-constant-string', 'string is not zero-terminated', regno);
  }
}
