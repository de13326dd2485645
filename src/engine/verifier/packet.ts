/**
 * Pointers into packets: how far past the pointer a comparison with the packet's end has shown data to be, what such a
 * comparison can decide, and which helpers make all that void.
 */
import { BPF_JGE, BPF_JGT, BPF_JLE, BPF_JLT, helperByName } from '../bpf/index.ts';
import type { ProgType } from '../loader/index.ts';
import type { Env } from './env.ts';
import { EACCES, EINVAL } from './env.ts';
import { flipJump } from './jump-ops.ts';
import type { Reg } from './reg.ts';
import { DYNPTR_SKB, DYNPTR_XDP, unknownReg } from './reg.ts';
import type { State } from './state.ts';

/** In place of a range: known to be at the packet's end, or beyond it. (`Reg.memSize` of a packet pointer is its range.) */
const AT_PKT_END = -1;
const BEYOND_PKT_END = -2;
const MAX_PACKET_OFF = 0xffffn;

export const isPacket = (r: Reg): boolean => r.kind === 'pkt' || r.kind === 'pkt_meta';

const READ_ONLY: ReadonlySet<ProgType> = new Set([
  'lwt_in',
  'lwt_out',
  'lwt_seg6local',
  'sk_reuseport',
  'flow_dissector',
  'cgroup_skb',
]);
const READ_WRITE: ReadonlySet<ProgType> = new Set([
  'sched_cls',
  'sched_act',
  'xdp',
  'lwt_xmit',
  'sk_skb',
  'sk_msg',
  'cgroup_sockopt',
]);

export const mayWritePacket = (type: ProgType): boolean => READ_WRITE.has(type);

/** May a packet pointer be an argument of a helper? `pktAccess` is the helper's own permission. */
export function mayPassPacket(type: ProgType, pktAccess: boolean): boolean {
  if (type === 'cgroup_sockopt') return true;
  return (READ_ONLY.has(type) || READ_WRITE.has(type)) && pktAccess;
}

/** [off, off + size) must lie in what was shown to be there. */
export function checkPacket(env: Env, regno: number, reg: Reg, off: number, size: number, zeroOk: boolean): void {
  if (reg.num.smin < 0n) {
    env.fail(
      EACCES,
      'index-negative',
      `R${regno} min value is negative, either use unsigned index or do a if (index >=0) check.`,
      regno,
    );
  }
  const range = reg.memSize;
  const fits = off >= 0 && (size > 0 || (size === 0 && zeroOk)) && off + size <= range;
  if (range >= 0 && fits) return;
  if (range >= 0 && env.rules.offsetsInOne) outsideOfPacket(env, regno, reg, off, size);
  if (range >= 0) {
    env.log.line(`invalid access to packet, off=${off} size=${size}, R${regno}(id=${reg.id},off=${off},r=${range})`);
  }
  env.fail(range < 0 ? EINVAL : EACCES, 'packet-bounds', `R${regno} offset is outside of the packet`, regno);
}

/** By 7.2 packets are checked as other memory, at the least and at the greatest offset. */
function outsideOfPacket(env: Env, regno: number, reg: Reg, off: number, size: number): never {
  const { sminNumber: least, umaxNumber: most } = reg.num;
  if (least + reg.off < 0 && least + off < 0) {
    const words = `R${regno} min value is negative, either use unsigned index or do a if (index >=0) check.`;
    env.fail(EACCES, 'index-negative', words, regno);
  }
  // Ranges count from the fixed part of the offset here.
  const end = reg.memSize === 0 ? 0 : reg.memSize + most;
  const atLeast = least + off < 0 || least + off + size > end;
  const at = (atLeast ? least : most) + off;
  env.log.line(`invalid access to packet, off=${at} size=${size}, R${regno}(id=${reg.id},off=${at},r=${end})`);
  env.fail(
    EACCES,
    'packet-bounds',
    `R${regno} ${atLeast ? 'min' : 'max'} value is outside of the allowed memory range`,
    regno,
  );
}

/** The start of the packet itself. */
const isStart = (r: Reg): boolean => r.kind === 'pkt' && r.off === 0 && r.id === 0 && r.num.isZero;

interface Comparison {
  /** The pointer whose range grows. */
  readonly ptr: Reg;
  readonly ptrNo: number;
  /** Operation as seen with the pointer on the left. */
  readonly op: number;
}

/** `pkt op pkt_end` or `pkt_meta op pkt`, either way round. */
function comparison(op: number, dst: Reg, dstNo: number, src: Reg, srcNo: number): Comparison | null {
  if ((dst.kind === 'pkt' && src.kind === 'pkt_end') || (dst.kind === 'pkt_meta' && isStart(src))) {
    return { ptr: dst, ptrNo: dstNo, op };
  }
  if ((dst.kind === 'pkt_end' && src.kind === 'pkt') || (isStart(dst) && src.kind === 'pkt_meta')) {
    return { ptr: src, ptrNo: srcNo, op: flipJump(op) };
  }
  return null;
}

/** Learns from a comparison with the packet's end. `there` is the state of the taken branch. True: it was one. */
export function learnRange(
  op: number,
  dst: Reg,
  dstNo: number,
  src: Reg,
  srcNo: number,
  here: State,
  there: State,
): boolean {
  const c = comparison(op, dst, dstNo, src, srcNo);
  if (c === null) return false;
  switch (c.op) {
    case BPF_JGT:
      grow(here, c.ptr, false);
      markEnd(there, c.ptrNo, true);
      return true;
    case BPF_JLT:
      grow(there, c.ptr, true);
      markEnd(here, c.ptrNo, false);
      return true;
    case BPF_JGE:
      grow(here, c.ptr, true);
      markEnd(there, c.ptrNo, false);
      return true;
    case BPF_JLE:
      grow(there, c.ptr, false);
      markEnd(here, c.ptrNo, true);
      return true;
    default:
      return false;
  }
}

/** In `st` the pointer is not beyond the end (`open`: below it): so much can be read through all of its relatives. */
function grow(st: State, ptr: Reg, open: boolean): void {
  if (ptr.off < 0 || (ptr.off === 0 && open)) return;
  if (ptr.num.umax > MAX_PACKET_OFF || ptr.num.umax + BigInt(ptr.off) > MAX_PACKET_OFF) return;
  const range = ptr.off + (open ? 1 : 0);
  st.mapValues((r) => {
    if (r.kind !== ptr.kind || r.id !== ptr.id || r.memSize >= range) return r;
    const n = r.copy();
    n.memSize = range;
    return n;
  });
}

function markEnd(st: State, regno: number, beyond: boolean): void {
  const { regs } = st.cur;
  if (regs[regno].kind !== 'pkt') return;
  const r = regs[regno].copy();
  r.memSize = beyond ? BEYOND_PKT_END : AT_PKT_END;
  regs[regno] = r;
}

/** Which way a comparison of a packet pointer with the packet's end goes; -1 = either. */
export function packetBranch(op: number, dst: Reg, src: Reg): -1 | 0 | 1 {
  const [pkt, o] = src.kind === 'pkt_end' ? [dst, op] : dst.kind === 'pkt_end' ? [src, flipJump(op)] : [null, op];
  if (pkt === null || pkt.memSize >= 0) return -1;
  if (o === BPF_JLE || o === BPF_JGT) return pkt.memSize === BEYOND_PKT_END ? (o === BPF_JGT ? 1 : 0) : -1;
  if (o === BPF_JLT || o === BPF_JGE) return o === BPF_JGE ? 1 : 0;
  return -1;
}

/** Is an old range good enough for a new one (for pruning)? */
export function rangeCovers(old: Reg, cur: Reg): boolean {
  if (old.memSize < 0 || cur.memSize < 0) return old.memSize === cur.memSize;
  return old.memSize <= cur.memSize;
}

const CHANGES: ReadonlySet<number> = new Set(
  (
    'clone_redirect l3_csum_replace l4_csum_replace lwt_push_encap lwt_seg6_action lwt_seg6_adjust_srh ' +
    'lwt_seg6_store_bytes msg_pop_data msg_pull_data msg_push_data skb_adjust_room skb_change_head skb_change_proto ' +
    'skb_change_tail skb_pull_data skb_store_bytes skb_vlan_pop skb_vlan_push store_hdr_opt xdp_adjust_head ' +
    'xdp_adjust_meta xdp_adjust_tail'
  )
    .split(' ')
    .flatMap((n) => helperByName(`bpf_${n}`)?.id ?? []),
);
const TAIL_CALL = 12;

/** May the helper move or change the packet? (A tail call since 6.12: the other program could.) */
export const changesPacket = (env: Env, id: number): boolean =>
  CHANGES.has(id) || (id === TAIL_CALL && env.rules.tailCallChangesPacket);

/** After such a call no pointer into the packet is good, nor a slice of a dynptr on it. */
export function forgetPackets(env: Env): void {
  env.state.mapValues((r) => {
    const slice = r.kind === 'mem' && (r.flags & (DYNPTR_SKB | DYNPTR_XDP)) !== 0;
    return isPacket(r) || r.kind === 'pkt_end' || slice ? unknownReg(env.insn) : r;
  });
}
