/** Atomic operations: read, change and write in one; since 6.15 loads that acquire and stores that release (check_atomic()). */
import {
  accessSize,
  BPF_CMPXCHG,
  BPF_DW,
  BPF_FETCH,
  BPF_LOAD_ACQ,
  BPF_SIZE,
  BPF_STORE_REL,
  BPF_W,
  BPF_XCHG,
} from '../bpf/index.ts';
import type { Env } from './env.ts';
import { EACCES, EINVAL } from './env.ts';
import { defineReg, useReg } from './liveness.ts';
import { checkLoad, checkStore, memAccess, samePointerKind } from './memory.ts';
import { isPacket } from './packet.ts';
import type { Reg } from './reg.ts';
import { unknownReg, UNTRUSTED } from './reg.ts';
import { isSocket } from './sockets.ts';

const READ_MODIFY_WRITE: ReadonlySet<number> = new Set([
  0x00,
  0x01,
  0x40,
  0x41,
  0x50,
  0x51,
  0xa0,
  0xa1,
  BPF_XCHG,
  BPF_CMPXCHG,
]);

/** Operations that the compiler to machine code has no form of for arenas. */
const NOT_IN_ARENA: ReadonlySet<number> = new Set([0x41, 0x51, 0xa1]);

export function checkAtomic(env: Env): void {
  const { insns, insn } = env;
  const imm = insns.imm[insn];
  const size = accessSize(insns.op[insn]);
  if (env.rules.acquireRelease && imm === BPF_LOAD_ACQ) loadAcquire(env, size);
  else if (env.rules.acquireRelease && imm === BPF_STORE_REL) storeRelease(env, size);
  else if (READ_MODIFY_WRITE.has(imm)) readModifyWrite(env, size);
  else {
    const hex = (imm >>> 0).toString(16).padStart(2, '0');
    env.fail(EINVAL, 'atomic-op', `BPF_ATOMIC uses invalid atomic opcode ${hex}`);
  }
}

/** Unlike other loads it is not made one that catches faults: pointers that need that are refused. */
function loadAcquire(env: Env, size: number): void {
  const src = env.insns.src[env.insn];
  useReg(env, src);
  const reg = env.reg(src);
  const mayFault = (reg.kind === 'ptr_' && reg.flags === 0) || (reg.flags & UNTRUSTED) !== 0;
  if (mayFault || isElsewhere(reg)) {
    env.fail(EACCES, 'atomic-target', `BPF_ATOMIC loads from R${src} ${env.typeText(reg)} is not allowed`, src);
  }
  checkLoad(env, size, true);
}

function storeRelease(env: Env, size: number): void {
  const dst = env.insns.dst[env.insn];
  checkStore(env, size, true);
  refuseTarget(env, dst, isElsewhere(env.reg(dst)));
}

function readModifyWrite(env: Env, size: number): void {
  const { insns, insn } = env;
  const imm = insns.imm[insn];
  const dst = insns.dst[insn];
  const src = insns.src[insn];
  const bits = insns.op[insn] & BPF_SIZE;
  if (bits !== BPF_W && bits !== BPF_DW) env.fail(EINVAL, 'atomic-size', 'invalid atomic operand size');
  useReg(env, src);
  useReg(env, dst);
  if (imm === BPF_CMPXCHG) useReg(env, 0);
  const reg = env.reg(dst);
  refuseTarget(env, dst, isElsewhere(reg) || (reg.kind === 'arena' && NOT_IN_ARENA.has(imm)));
  const load = imm & BPF_FETCH ? (imm === BPF_CMPXCHG ? 0 : src) : -1;
  if (load >= 0) {
    defineReg(env, load);
    env.setReg(load, unknownReg(insn));
  }
  const off = insns.off[insn];
  memAccess(env, { regno: dst, off, size, access: 'read', value: -1, strict: true });
  if (load >= 0) memAccess(env, { regno: dst, off, size, access: 'read', value: load, strict: true });
  samePointerKind(env, env.reg(dst), false);
  memAccess(env, { regno: dst, off, size, access: 'write', value: -1, strict: true });
}

/** Contexts, packets and sockets: accesses are rewritten, or go to memory that others change. */
const isElsewhere = (reg: Reg): boolean =>
  reg.kind === 'ctx' || isPacket(reg) || reg.kind === 'flow_keys' || isSocket(reg);

function refuseTarget(env: Env, regno: number, refused: boolean): void {
  if (!refused) return;
  const type = env.typeText(env.reg(regno));
  env.fail(EACCES, 'atomic-target', `BPF_ATOMIC stores into R${regno} ${type} is not allowed`, regno);
}
