/** Loads, stores and atomics by what the pointer points to. */
import { accessSize, BPF_CLASS, BPF_LDX, BPF_MEM, BPF_MEMSX, BPF_MODE, BPF_STX } from '../bpf/index.ts';
import type { MapDef } from '../loader/index.ts';
import { checkAlignment } from './alignment.ts';
import { signExtend64 } from './alu-values.ts';
import { structAccess } from './btf-walk.ts';
import { fieldName, isKptr } from './btf-fields.ts';
import { ctxAccess } from './ctx.ts';
import type { Env } from './env.ts';
import { EACCES, EFAULT, EINVAL, ENOTSUPP, EOPNOTSUPP } from './env.ts';
import { insnPointer, isInsnArray, valueBytes } from './indirect-jumps.ts';
import { kptrAccess, kptrAt, kptrBounds } from './kptr.ts';
import { defineReg, useReg } from './liveness.ts';
import { convertsContext } from './prog-ctx.ts';
import { checkPacket, mayWritePacket } from './packet.ts';
import { checkFixedOffset, offsetText } from './offsets.ts';
import { checkBuffer, checkRegion, splitOffset } from './regions.ts';
import type { Reg } from './reg.ts';
import {
  ALLOC,
  constReg,
  isNonOwning,
  MAYBE_NULL,
  PERCPU,
  pointerReg,
  RCU,
  RDONLY,
  TRUSTED,
  unknownReg,
  untrustedMemory,
  isUntrustedMemory,
  UNTRUSTED,
  USER,
} from './reg.ts';
import { checkFlowKeys, checkSocket, checkTracepointBuffer } from './sockets.ts';
import { checkStackBounds, stackReadFixed, stackReadVar, stackWriteFixed, stackWriteVar } from './stack.ts';
import { isArgLoad, isArgStore, loadArg, storeArg } from './stack-args.ts';
import { readTrust } from './trust.ts';

export type Access = 'read' | 'write';
const BPF_F_WRONLY_PROG = 1 << 8;

/** May programs read or write values of this map at all? */
export function checkMapAccessType(env: Env, reg: Reg, off: number, size: number, access: Access): void {
  const map = reg.map!;
  const at = reg.num.smin + BigInt(off);
  if (access === 'write' && map.readOnly) {
    env.fail(EACCES, 'map-read-only', `write into map forbidden, value_size=${map.valueSize} off=${at} size=${size}`);
  }
  if (access === 'read' && map.flags & BPF_F_WRONLY_PROG) {
    env.fail(EACCES, 'map-write-only', `read from map forbidden, value_size=${map.valueSize} off=${at} size=${size}`);
  }
}

/** Bounds of a map value, and no touching of the kernel's own fields in it. `direct`: by a load or store of the program. */
export function checkMapValue(
  env: Env,
  regno: number,
  reg: Reg,
  off: number,
  size: number,
  zeroOk: boolean,
  direct = false,
): void {
  const map = reg.map!;
  checkRegion(env, regno, reg, off, size, valueBytes(map), zeroOk);
  const { num, fixed } = splitOffset(env, reg, off);
  const lo = num.sminNumber + fixed;
  const hi = num.umaxNumber + fixed + size;
  for (const f of env.fields(map).fields) {
    if (lo >= f.offset + f.size || f.offset >= hi) continue;
    if (isKptr(f.kind)) kptrBounds(env, regno, reg, f.offset, off, size, direct);
    else env.fail(EACCES, 'special-field', `${fieldName(f.kind)} cannot be accessed directly by load/store`, regno);
  }
}

/** Contents of a frozen map that programs cannot write: known at verification time. */
export function frozenValue(map: MapDef, off: number, size: number, signed: boolean): bigint | null {
  if (!map.readOnly || map.section === undefined || map.section === '.data' || map.section === '.bss') return null;
  if (off + size > map.valueSize) return null;
  let v = 0n;
  for (let i = size - 1; i >= 0; i--) v = (v << 8n) | BigInt(map.initial?.[off + i] ?? 0);
  return signed && size < 8 ? BigInt.asUintN(64, BigInt.asIntN(size * 8, v)) : v;
}

export interface MemOp {
  readonly regno: number;
  readonly off: number;
  readonly size: number;
  readonly access: Access;
  /** Register stored from or loaded into; -1 = none. */
  readonly value: number;
  readonly strict?: boolean;
  readonly signed?: boolean;
}

/** One access to memory through a register. Loads set the value register. */
export function memAccess(env: Env, m: MemOp): void {
  const { regno, size, access, value } = m;
  const reg = env.reg(regno);
  checkAlignment(env, reg, m.off, size, m.strict === true);
  const off = m.off + reg.off;
  const loads = access === 'read' && value >= 0;
  let result: Reg | null = null;
  switch (reg.mayBeNull ? '?' : reg.kind) {
    case 'map_key':
      if (access === 'write') env.fail(EACCES, 'map-key-write', `write to change key R${regno} not allowed`, regno);
      checkRegion(env, regno, reg, off, size, reg.map!.keySize, false);
      result = unknownReg(env.insn);
      break;
    case 'map_value': {
      checkMapAccessType(env, reg, off, size, access);
      checkMapValue(env, regno, reg, off, size, false, true);
      if (isInsnArray(reg.map!)) {
        result = loads ? insnPointer(env, reg, off, size) : null;
        break;
      }
      const field = reg.num.isConst ? kptrAt(env, reg, off + reg.num.constNumber) : null;
      if (field !== null) {
        result = kptrAccess(env, value, field);
        break;
      }
      const known =
        loads && reg.num.isConst ? frozenValue(reg.map!, off + reg.num.constNumber, size, m.signed === true) : null;
      result = known === null ? unknownReg(env.insn) : constReg(known, env.insn);
      break;
    }
    case 'mem':
      if (access === 'write' && reg.flags & RDONLY) readOnly(env, regno, reg);
      // Faults of untrusted memory are caught when it is read.
      if (!isUntrustedMemory(reg)) checkRegion(env, regno, reg, off, size, reg.memSize, false);
      result = unknownReg(env.insn);
      break;
    case 'buf':
      if (access === 'write' && reg.flags & RDONLY) readOnly(env, regno, reg);
      checkBuffer(env, regno, reg, off, size);
      result = unknownReg(env.insn);
      break;
    case 'ctx':
      // From 7.0 on fixed offsets will do where nobody rewrites accesses.
      checkFixedOffset(env, regno, reg, env.rules.offsetsInOne && !convertsContext(env.prog.attach.progType));
      result = ctxAccess(env, off, size, access === 'write', m.signed === true);
      break;
    case 'pkt':
    case 'pkt_meta':
      if (access === 'write' && !mayWritePacket(env.prog.attach.progType)) {
        env.fail(EACCES, 'packet-write', 'cannot write into packet', regno);
      }
      checkPacket(env, regno, reg, off, size, false);
      result = unknownReg(env.insn);
      break;
    case 'flow_keys':
      checkFlowKeys(env, off, size);
      result = unknownReg(env.insn);
      break;
    case 'sock':
    case 'sock_common':
    case 'tcp_sock':
    case 'xdp_sock':
      checkSocket(env, regno, reg, off, size, access);
      result = unknownReg(env.insn);
      break;
    case 'tp_buffer':
      checkTracepointBuffer(env, regno, reg, off, size);
      result = unknownReg(env.insn);
      break;
    case 'fp': {
      checkStackBounds(env, regno, reg, off, size, access);
      const frame = env.frameOf(reg);
      if (access === 'write') {
        if (reg.num.isConst) stackWriteFixed(env, frame, off + reg.num.constNumber, size, value);
        else stackWriteVar(env, frame, reg, off, size, value);
      } else if (reg.num.isConst) {
        result = stackReadFixed(env, frame, off + reg.num.constNumber, size, value);
      } else if (value < 0) {
        env.fail(
          EACCES,
          'stack-variable',
          `variable offset stack pointer cannot be passed into helper function; var_off=${offsetText(env, reg)} off=${env.rules.offsetsInOne ? off - reg.off : off} size=${size}`,
          regno,
        );
      } else result = stackReadVar(env, regno, reg, off, size);
      break;
    }
    case 'ptr_':
      result = btfAccess(env, regno, reg, off, size, access);
      break;
    case 'arena':
      result = unknownReg(env.insn);
      break;
    case 'map_ptr':
      result = mapPointerAccess(env, regno, reg, off, size, access);
      break;
    default:
      env.fail(
        EACCES,
        reg.mayBeNull ? 'null-deref' : 'not-a-pointer',
        `R${regno} invalid mem access '${env.typeText(reg)}'`,
        regno,
      );
  }
  if (!loads || result === null) return;
  if (result.isScalar && size < 8) {
    let n = result.num;
    if (m.signed) n = signExtend64(n, size as 1 | 2 | 4, env.rules.bounds);
    else {
      n = n.clone();
      env.rules.bounds.truncate(n, size);
    }
    result = result.withNum(n);
  }
  env.setReg(value, result);
}

function readOnly(env: Env, regno: number, reg: Reg): never {
  env.fail(EACCES, 'write-read-only', `R${regno} cannot write into ${env.typeText(reg)}`, regno);
}

/** Access to a kernel struct by BTF. */
export function btfAccess(env: Env, regno: number, reg: Reg, off: number, size: number, access: Access): Reg {
  const btf = reg.btf!;
  const name = btf.name(reg.btfId);
  if (env.rules.trust && !env.obj.gplCompatible && btf === env.btf) {
    env.fail(EINVAL, 'gpl-struct', `Cannot access kernel 'struct ${name}' from non-GPL compatible program`, regno);
  }
  if (off < 0) env.fail(EACCES, 'btf-negative', `R${regno} is ptr_${name} invalid negative access: off=${off}`, regno);
  if (!reg.num.isZero) {
    env.fail(
      EACCES,
      'btf-variable',
      `R${regno} is ptr_${name} invalid variable offset: off=${off}, var_off=${offsetText(env, reg)}`,
      regno,
    );
  }
  if (reg.flags & USER) env.fail(EACCES, 'btf-user', `R${regno} is ptr_${name} access user memory: off=${off}`, regno);
  if (reg.flags & PERCPU)
    env.fail(EACCES, 'btf-percpu', `R${regno} is ptr_${name} access percpu memory: off=${off}`, regno);
  const own = (reg.flags & ALLOC) !== 0;
  if (access === 'write' && (!own || reg.flags & UNTRUSTED)) {
    env.fail(EACCES, 'btf-write', 'only read is supported', regno);
  }
  if (own) {
    if (!isNonOwning(reg) && !(reg.flags & RCU) && reg.refId === 0) {
      env.fail(
        EFAULT,
        'object-unowned',
        'verifier internal error: ref_obj_id for allocated object must be non-zero',
        regno,
      );
    }
    for (const f of env.specials.ofStruct(btf, reg.btfId)?.fields ?? []) {
      if (off < f.offset + f.size && f.offset < off + size) {
        env.fail(EACCES, 'special-field', `direct access to ${fieldName(f.kind)} is disallowed`, regno);
      }
    }
  }
  const w = structAccess(env, btf, reg.btfId, off, size, !own);
  if (w.kind === 'leaf' && env.rules.untrustedMemory) return untrustedMemory(env.insn);
  // Pointers in the program's own objects are data.
  if (w.kind !== 'ptr' || own) return unknownReg(env.insn);
  const flags = readTrust(env, reg, w.typeId, w.flags, w.field);
  const r = pointerReg('ptr_', flags, env.insn);
  r.btf = btf;
  r.btfId = w.typeId;
  if (flags & MAYBE_NULL) r.id = env.newId();
  return r;
}

/** The kernel struct behind a map pointer, by map type. */
const MAP_STRUCTS: Readonly<Record<string, string>> = {
  array: 'bpf_array',
  percpu_array: 'bpf_array',
  prog_array: 'bpf_array',
  perf_event_array: 'bpf_array',
  array_of_maps: 'bpf_array',
  hash: 'bpf_htab',
  lru_hash: 'bpf_htab',
  percpu_hash: 'bpf_htab',
  lru_percpu_hash: 'bpf_htab',
  hash_of_maps: 'bpf_htab',
  lpm_trie: 'lpm_trie',
  ringbuf: 'bpf_ringbuf_map',
  user_ringbuf: 'bpf_ringbuf_map',
  arena: 'bpf_arena',
  insn_array: 'bpf_insn_array',
  queue: 'bpf_queue_stack',
  stack: 'bpf_queue_stack',
  stack_trace: 'bpf_stack_map',
  bloom_filter: 'bpf_bloom_filter',
  inode_storage: 'bpf_local_storage_map',
  task_storage: 'bpf_local_storage_map',
  sk_storage: 'bpf_local_storage_map',
  cgrp_storage: 'bpf_local_storage_map',
};

function mapPointerAccess(env: Env, regno: number, reg: Reg, off: number, size: number, access: Access): Reg {
  const name = MAP_STRUCTS[reg.map!.type];
  const id = name === undefined ? 0 : env.btf.find(name, 'struct');
  if (id === 0)
    env.fail(ENOTSUPP, 'map-pointer', `map_ptr access not supported for map type ${reg.map!.typeId}`, regno);
  if (off < 0) env.fail(EACCES, 'btf-negative', `R${regno} is ${name} invalid negative access: off=${off}`, regno);
  if (access === 'write') env.fail(EACCES, 'btf-write', `only read from ${name} is supported`, regno);
  if (!reg.num.isZero)
    env.fail(EACCES, 'btf-variable', `R${regno} is ${name} invalid variable offset: off=${off}`, regno);
  const w = structAccess(env, env.btf, id, off, size);
  if (w.kind === 'leaf' && env.rules.untrustedMemory) return untrustedMemory(env.insn);
  if (w.kind !== 'ptr') return unknownReg(env.insn);
  const r = pointerReg('ptr_', w.flags & ~(RCU | TRUSTED), env.insn);
  r.btf = env.btf;
  r.btfId = w.typeId;
  return r;
}

/** Both are read with faults caught where either needs it. */
const isMemoryOrStruct = (kind: string): boolean => kind === 'mem' || kind === 'ptr_';

/** One load or store instruction may not see pointers of kinds that are translated differently. */
export function samePointerKind(env: Env, reg: Reg, trustMayDiffer: boolean): void {
  const special = (t: string): boolean =>
    t === 'ctx' ||
    t === 'arena' ||
    t.startsWith('ptr_') ||
    t === 'sock' ||
    t === 'sock_common' ||
    t === 'tcp_sock' ||
    t === 'xdp_sock';
  const base =
    reg.kind === 'ptr_' && (!trustMayDiffer || !env.rules.trust)
      ? `ptr_${reg.flags & (UNTRUSTED | TRUSTED | RCU)}`
      : reg.kind;
  const before = env.pointerAt.get(env.insn);
  if (before === undefined) {
    env.pointerAt.set(env.insn, base);
    return;
  }
  if (before === base) return;
  if (trustMayDiffer && env.rules.untrustedMemory && isMemoryOrStruct(before) && isMemoryOrStruct(base)) {
    env.pointerAt.set(env.insn, 'mem');
    return;
  }
  if (special(before) || special(base)) {
    env.fail(EINVAL, 'mixed-pointers', 'same insn cannot be used with different pointers');
  }
}

/**
 * A load into `dst` through `src`. `strict`: must be aligned wherever the memory is, and the instruction may see only one kind of
 * pointer.
 */
export function checkLoad(env: Env, size: number, strict = false): void {
  const { insns, insn } = env;
  const dst = insns.dst[insn];
  const src = insns.src[insn];
  const signed = !strict && (insns.op[insn] & BPF_MODE) === BPF_MEMSX;
  useReg(env, src);
  defineReg(env, dst);
  const reg = env.reg(src);
  if (reg.kind === 'arena' && signed) {
    env.fail(EOPNOTSUPP, 'arena', 'sign extending loads from arena are not supported yet', src);
  }
  memAccess(env, { regno: src, off: insns.off[insn], size, access: 'read', value: dst, signed, strict });
  samePointerKind(env, reg, !strict);
  const r = env.reg(dst);
  if (r.isScalar && !r.num.isCleanConst && env.rules.bounds.broken(r.num)) {
    const n = r.num.clone();
    env.rules.bounds.repair(n);
    env.setReg(dst, r.withNum(n));
  }
}

/** A store of `src` through `dst`. */
export function checkStore(env: Env, size: number, strict = false): void {
  const { insns, insn } = env;
  const dst = insns.dst[insn];
  const src = insns.src[insn];
  useReg(env, src);
  useReg(env, dst);
  const reg = env.reg(dst);
  memAccess(env, { regno: dst, off: insns.off[insn], size, access: 'write', value: src, strict });
  samePointerKind(env, reg, false);
}

/** LDX, ST, STX other than atomic operations. */
export function checkMemInsn(env: Env): void {
  const { insns, insn } = env;
  if (env.usesStackArgs && isArgStore(insns, insn)) {
    storeArg(env);
    return;
  }
  if (env.usesStackArgs && isArgLoad(insns, insn)) {
    loadArg(env);
    return;
  }
  const op = insns.op[insn];
  const size = accessSize(op);
  switch (op & BPF_CLASS) {
    case BPF_LDX:
      checkLoad(env, size);
      return;
    case BPF_STX:
      if ((op & BPF_MODE) !== BPF_MEM || insns.imm[insn] !== 0) {
        env.fail(EINVAL, 'reserved-fields', 'BPF_STX uses reserved fields');
      }
      checkStore(env, size);
      return;
    default:
      checkImmediateStore(env, size);
  }
}

function checkImmediateStore(env: Env, size: number): void {
  const { insns, insn } = env;
  const dst = insns.dst[insn];
  if ((insns.op[insn] & BPF_MODE) !== BPF_MEM || insns.src[insn] !== 0) {
    env.fail(EINVAL, 'reserved-fields', 'BPF_ST uses reserved fields');
  }
  useReg(env, dst);
  const reg = env.reg(dst);
  if (env.rules.refuseCtxImmStore && reg.kind === 'ctx') {
    env.fail(EACCES, 'ctx-store', `BPF_ST stores into R${dst} ${env.typeText(reg)} is not allowed`, dst);
  }
  memAccess(env, { regno: dst, off: insns.off[insn], size, access: 'write', value: -1 });
  if (env.rules.trust) samePointerKind(env, reg, false);
}
