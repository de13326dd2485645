/** Checks of one helper argument. */
import type { MapDef } from '../loader/index.ts';
import { structMatches } from './btf-walk.ts';
import { btfAccess, checkFixedOffset, checkMapAccessType, checkMapValue, checkRegion } from './memory.ts';
import type { Access } from './memory.ts';
import type { Env } from './env.ts';
import { EACCES, EINVAL } from './env.ts';
import type { HelperProto } from './helper-protos.ts';
import { FN } from './helper-protos.ts';
import { useReg } from './liveness.ts';
import { spinLock } from './locks.ts';
import { markPrecise } from './precision.ts';
import type { Reg, RegKind } from './reg.ts';
import { MAYBE_NULL, PERCPU, RCU, RDONLY, RINGBUF, TRUSTED, typeName } from './reg.ts';
import { checkStackRange } from './stack.ts';

/** What the arguments of one call have shown so far. */
export interface CallMeta {
  readonly id: number;
  readonly proto: HelperProto;
  map: MapDef | null;
  mapUid: number;
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
}

const MAX_VAR_SIZ = 1n << 29n;

type Shape = readonly [RegKind, number];
const TRUST_MEM: readonly Shape[] = [
  ['fp', 0],
  ['map_key', 0],
  ['map_value', 0],
  ['mem', 0],
  ['mem', RINGBUF],
  ['buf', 0],
  ['ptr_', TRUSTED],
];

/** Kinds in the kernel's order, packets (which no LSM program has) included in the words only. */
function accepted(env: Env, arg: string): { shapes: readonly Shape[]; words: readonly string[] } {
  const t = env.rules.trust;
  const ring = env.rules.ringbufWord;
  const names = (shapes: readonly Shape[]): string[] => shapes.map(([k, f]) => typeName(k, f, ring));
  const mem = (): { shapes: readonly Shape[]; words: readonly string[] } => {
    const shapes = t ? TRUST_MEM : TRUST_MEM.slice(0, 6);
    const n = names(shapes);
    return { shapes, words: [n[0], 'pkt', 'pkt_meta', ...n.slice(1)] };
  };
  const keyValue = (): { shapes: readonly Shape[]; words: readonly string[] } => {
    if (t) return mem();
    const shapes = TRUST_MEM.slice(0, 3);
    return { shapes, words: ['fp', 'pkt', 'pkt_meta', 'map_key', 'map_value'] };
  };
  const one = (...shapes: Shape[]): { shapes: readonly Shape[]; words: readonly string[] } => ({
    shapes,
    words: names(shapes),
  });
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
      return t ? one(['ptr_', 0], ['ptr_', TRUSTED], ['ptr_', RCU]) : one(['ptr_', 0]);
    case 'sock': {
      const shapes: Shape[] = t
        ? [
            ['ptr_', 0],
            ['ptr_', TRUSTED],
          ]
        : [['ptr_', 0]];
      return { shapes, words: ['sock_common', 'sock', 'tcp_sock', 'xdp_sock', ...names(shapes)] };
    }
    case 'sockcommon':
      return { shapes: [], words: ['sock_common', 'sock', 'tcp_sock', 'xdp_sock'] };
    case 'spin':
    case 'str':
      return one(['map_value', 0]);
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
  const arg = meta.proto.args[n];
  if (arg === undefined) return;
  const regno = n + 1;
  useReg(env, regno);
  if (arg === 'any') return;
  const reg = env.reg(regno);
  const isNull = reg.isNull && nullOk(env, arg);
  if (isNull) markPrecise(env, regno);
  else {
    checkKind(env, meta, regno, reg, arg);
    checkOffset(env, regno, reg, arg);
  }
  if (arg === 'ringbuf') {
    if (reg.refId === 0 && !reg.isNull) {
      env.fail(EINVAL, 'not-acquired', `R${regno} must be referenced when passed to release function`, regno);
    }
    meta.release = regno;
  }
  if (reg.refId !== 0) meta.refId = reg.refId;
  const write: Access = arg === 'outvalue' || arg === 'outmem' || arg === 'out8' ? 'write' : 'read';
  switch (arg.replace(/[:?].*$/, '')) {
    case 'map':
      meta.map = reg.map;
      meta.mapUid = reg.mapUid;
      break;
    case 'key':
      helperMem(env, meta, regno, meta.map!.keySize, 'read', false, false);
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
    case 'out8':
      helperMem(env, meta, regno, 8, 'write', false, true);
      if ((reg.off & 7) !== 0 || (reg.num.tnum.mask & 7n) !== 0n || (reg.num.tnum.value & 7n) !== 0n) {
        const words = reg.kind === 'fp' ? 'stack ' : reg.kind === 'map_value' ? 'value ' : '';
        env.fail(
          EACCES,
          'misaligned',
          `misaligned ${words}access off ${env.rules.tnumText(reg.num.tnum)}+${reg.off}+0 size 8`,
          regno,
        );
      }
      break;
    case 'size':
    case 'size0':
      checkSize(env, meta, regno, reg, arg === 'size0', meta.proto.args[n - 1] === 'outmem' ? 'write' : 'read');
      break;
    case 'alloc':
      if (!reg.num.isConst) env.fail(EACCES, 'size-not-constant', `R${regno} is not a known constant'`, regno);
      meta.memSize = Number(reg.num.tnum.value & 0xffff_ffffn);
      markPrecise(env, regno);
      break;
    case 'spin':
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
  }
}

function checkKind(env: Env, meta: CallMeta, regno: number, reg: Reg, arg: string): void {
  const { shapes, words } = accepted(env, arg);
  let flags = reg.flags;
  const readOnlyOk = arg.startsWith('rmem');
  if (readOnlyOk) flags &= ~RDONLY;
  if (nullOk(env, arg)) flags &= ~MAYBE_NULL;
  if (!shapes.some(([k, f]) => reg.kind === k && flags === f)) {
    const reason = reg.mayBeNull ? 'null-argument' : 'argument-type';
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
  if (arg === 'percpu') return;
  const need = arg === 'sock' ? 'sock_common' : arg.slice(arg.indexOf(':') + 1);
  const needId = env.btf.find(need, 'struct');
  if (!structMatches(env, reg.btf!, reg.btfId, reg.off, needId)) {
    env.fail(EACCES, 'wrong-struct', `R${regno} is of type ${reg.btf!.name(reg.btfId)} but ${need} is expected`, regno);
  }
}

function checkOffset(env: Env, regno: number, reg: Reg, arg: string): void {
  if (arg === 'ringbuf') {
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
  switch (reg.kind) {
    case 'fp':
    case 'map_key':
    case 'map_value':
    case 'mem':
    case 'buf':
    case 'scalar':
      if (!reg.mayBeNull) return;
      checkFixedOffset(env, regno, reg, false);
      return;
    case 'ptr_':
      checkFixedOffset(env, regno, reg, true);
      return;
    default:
      checkFixedOffset(env, regno, reg, false);
  }
}

/** Memory that a helper reads or writes. */
export function helperMem(
  env: Env,
  meta: CallMeta | null,
  regno: number,
  size: number,
  access: Access,
  zeroOk: boolean,
  raw: boolean,
): void {
  const reg = env.reg(regno);
  switch (reg.kind) {
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
    case 'fp':
      if (checkStackRange(env, regno, reg, reg.off, size, zeroOk, 'helper', raw && meta !== null) && meta !== null) {
        meta.filled = { regno, size };
      }
      return;
    case 'ptr_':
      btfAccess(env, regno, reg, reg.off, size, 'read');
      return;
    default:
      if (zeroOk && size === 0 && reg.isNull) return;
      env.fail(EACCES, 'argument-type', `R${regno} type=${env.typeText(reg)} expected=fp`, regno);
  }
}

function checkSize(env: Env, meta: CallMeta, regno: number, reg: Reg, zeroOk: boolean, access: Access): void {
  const { num } = reg;
  meta.sizeMax = num.umax;
  const raw = meta.raw && num.isConst;
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
function checkConstString(env: Env, regno: number, reg: Reg): void {
  const map = reg.map!;
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
