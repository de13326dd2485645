/**
 * What helpers take and return, as the verifier sees it. One row a helper: `[GSP] result: arguments`; G = only for
 * GPL-compatible programs, S = may sleep, P = memory arguments may be packets. From the kernel's struct bpf_func_proto of 6.1 and 6.12; where they differ the
 * row holds for the stricter reading and `KernelRules` has the difference. Whether a program may call a helper at all is a
 * fact of the platform, not of this table.
 *
 * Results: int, void, value? (map value or NULL), ringbuf?, btf:T, btf?:T, mem? …
 * Arguments: any, map, key, value, value? (or NULL), outvalue (filled), mem (read and written), rmem (read), rmem?, mem?,
 * outmem (filled), size, size0 (0 allowed), alloc (constant size), ctx, btf:T, obj:T (or NULL since 6.?), sock, spin,
 * ringbuf (released), func, stack? (or NULL), str (constant string), out8 (8 aligned bytes, filled), percpu,
 * timer, kptrdest and kptr? (bpf_kptr_xchg), newdynptr:T (filled), rdynptr (not changed), dropdynptr:T (released).
 */
import { helperByName } from '../bpf/index.ts';
import { NET_ROWS, VARIANT_ROWS } from './net-helpers.ts';

export interface HelperProto {
  readonly name: string;
  readonly ret: string;
  readonly args: readonly string[];
  readonly gplOnly: boolean;
  readonly mightSleep: boolean;
  /** Memory arguments may be packets (in program types that have packets at all). */
  readonly pktAccess: boolean;
}

const ROWS: Readonly<Record<string, string>> = {
  map_lookup_elem: 'P value?: map key',
  map_update_elem: 'P int: map key value any',
  map_delete_elem: 'P int: map key',
  probe_read: 'G int: outmem size0 any',
  ktime_get_ns: 'int:',
  trace_printk: 'G int: rmem size',
  get_prandom_u32: 'int:',
  get_smp_processor_id: 'int:',
  tail_call: 'int: ctx map any',
  get_current_pid_tgid: 'int:',
  get_current_uid_gid: 'int:',
  get_current_comm: 'int: outmem size',
  perf_event_read: 'G int: map any',
  perf_event_output: 'G int: ctx map any rmem size0',
  get_stackid: 'G int: ctx map any',
  get_current_task: 'G int:',
  probe_write_user: 'G int: any rmem size',
  current_task_under_cgroup: 'int: map any',
  get_numa_node_id: 'int:',
  probe_read_str: 'G int: outmem size0 any',
  get_socket_cookie: 'int: sock?',
  perf_event_read_value: 'G int: map any outmem size',
  get_stack: 'G int: ctx outmem size0 any',
  get_current_cgroup_id: 'int:',
  map_push_elem: 'P int: map value any',
  map_pop_elem: 'int: map outvalue',
  map_peek_elem: 'int: map outvalue',
  spin_lock: 'void: spin',
  spin_unlock: 'void: spin',
  strtol: 'int: rmem size any out8',
  strtoul: 'int: rmem size any out8',
  sk_storage_get: 'value?: map sock value? any',
  sk_storage_delete: 'int: map sock',
  send_signal: 'int: any',
  skb_output: 'G int: btf:sk_buff map any rmem size0',
  probe_read_user: 'G int: outmem size0 any',
  probe_read_kernel: 'G int: outmem size0 any',
  probe_read_user_str: 'G int: outmem size0 any',
  probe_read_kernel_str: 'G int: outmem size0 any',
  send_signal_thread: 'int: any',
  jiffies64: 'int:',
  get_ns_current_pid_tgid: 'int: any any outmem size',
  xdp_output: 'G int: btf:xdp_buff map any rmem size0',
  get_current_ancestor_cgroup_id: 'int: any',
  ktime_get_boot_ns: 'int:',
  ringbuf_output: 'int: map rmem size0 any',
  ringbuf_reserve: 'ringbuf?: map alloc any',
  ringbuf_submit: 'void: ringbuf any',
  ringbuf_discard: 'void: ringbuf any',
  ringbuf_query: 'int: map any',
  skc_to_tcp6_sock: 'btf?:tcp6_sock: sock',
  skc_to_tcp_sock: 'btf?:tcp_sock: sock',
  skc_to_tcp_timewait_sock: 'btf?:tcp_timewait_sock: sock',
  skc_to_tcp_request_sock: 'btf?:tcp_request_sock: sock',
  skc_to_udp6_sock: 'btf?:udp6_sock: sock',
  skc_to_unix_sock: 'btf?:unix_sock: sock',
  get_task_stack: 'int: btf:task_struct outmem size0 any',
  copy_from_user: 'S int: outmem size0 any',
  copy_from_user_task: 'GS int: outmem size0 any btf:task_struct any',
  inode_storage_get: 'value?: map obj:inode value? any',
  inode_storage_delete: 'int: map obj:inode',
  d_path: 'int: btf:path mem size0',
  snprintf_btf: 'int: mem size rmem size any',
  per_cpu_ptr: 'percpu?: percpu any',
  this_cpu_ptr: 'percpu: percpu',
  task_storage_get: 'value?: map obj:task_struct value? any',
  task_storage_delete: 'int: map obj:task_struct',
  cgrp_storage_get: 'value?: map obj:cgroup value? any',
  cgrp_storage_delete: 'int: map obj:cgroup',
  get_current_task_btf: 'G task:',
  bprm_opts_set: 'int: btf:linux_binprm any',
  ima_inode_hash: 'S int: btf:inode outmem size',
  ima_file_hash: 'S int: btf:file outmem size',
  sock_from_file: 'btf?:socket: btf:file',
  for_each_map_elem: 'int: map func stack? any',
  snprintf: 'G int: mem? size0 str rmem? size0',
  get_func_ip: 'G int: ctx',
  get_attach_cookie: 'int: ctx',
  task_pt_regs: 'G btf:pt_regs: btf:task_struct',
  get_branch_snapshot: 'G int: outmem size0',
  trace_vprintk: 'G int: rmem size rmem? size0',
  find_vma: 'int: btf:task_struct any func stack? any',
  loop: 'int: any func stack? any',
  strncmp: 'int: rmem size str',
  get_func_arg: 'int: ctx any out8',
  get_func_ret: 'int: ctx out8',
  get_func_arg_cnt: 'int: ctx',
  map_lookup_percpu_elem: 'P value?: map key any',
  skc_to_mptcp_sock: 'btf?:mptcp_sock: sockcommon',
  ktime_get_tai_ns: 'int:',
  timer_init: 'G int: timer map any',
  timer_set_callback: 'G int: timer func',
  timer_start: 'G int: timer any any',
  timer_cancel: 'G int: timer',
  kptr_xchg: 'kptr?: kptrdest kptr?',
  dynptr_from_mem: 'int: outmem size0 any newdynptr:local',
  ringbuf_reserve_dynptr: 'int: map any any newdynptr:ringbuf',
  ringbuf_submit_dynptr: 'void: dropdynptr:ringbuf any',
  ringbuf_discard_dynptr: 'void: dropdynptr:ringbuf any',
  dynptr_read: 'int: outmem size0 rdynptr any any',
  dynptr_write: 'int: rdynptr any rmem size0 any',
  dynptr_data: 'dynmem?: rdynptr any alloc',
  user_ringbuf_drain: 'int: map func stack? any',
};

function parse(name: string, row: string): HelperProto | null {
  const m = /^(?:([GSP]+) )?(.*?):((?: \S+)*)$/.exec(row);
  if (m === null) return null;
  const flags = m[1] ?? '';
  return {
    name,
    ret: m[2],
    args: m[3].split(' ').filter((a) => a !== ''),
    gplOnly: flags.includes('G'),
    mightSleep: flags.includes('S'),
    pktAccess: flags.includes('P'),
  };
}

const protos = new Map<number, HelperProto>();
for (const [short, row] of Object.entries({ ...ROWS, ...NET_ROWS })) {
  const helper = helperByName(`bpf_${short}`);
  const proto = helper && parse(helper.name, row);
  if (helper && proto) protos.set(helper.id, proto);
}
const variants = new Map<string, HelperProto>();
for (const [key, row] of Object.entries(VARIANT_ROWS)) {
  const proto = parse(`bpf_${key.split('=')[0]}`, row);
  if (proto) variants.set(key, proto);
}

/** The prototype that some program types have instead: a key of `VARIANT_ROWS`. */
export const variantProto = (key: string): HelperProto | undefined => variants.get(key);

/** undefined = the helper is not modelled. */
export const helperProto = (id: number): HelperProto | undefined => protos.get(id);

export const FN = {
  tailCall: 12,
  mapUpdate: 2,
  mapDelete: 3,
  spinLock: 93,
  spinUnlock: 94,
  ringbufReserve: 131,
  dPath: 147,
  imaInodeHash: 161,
  imaFileHash: 193,
  forEachMapElem: 164,
  snprintf: 165,
  findVma: 180,
  loop: 181,
  mapPush: 87,
  mapPop: 88,
  getStack: 67,
  getTaskStack: 141,
  probeReadStr: 45,
  probeReadKernelStr: 115,
  probeReadUserStr: 114,
  getSmpProcessorId: 8,
  getFuncIp: 173,
  timerInit: 169,
  timerSetCallback: 170,
  timerStart: 171,
  timerCancel: 172,
  kptrXchg: 194,
  dynptrFromMem: 197,
  dynptrData: 203,
  dynptrWrite: 202,
  perCpuPtr: 153,
  thisCpuPtr: 154,
  userRingbufDrain: 209,
  mapLookup: 1,
  skLookupTcp: 84,
  skLookupUdp: 85,
  skRelease: 86,
  skcLookupTcp: 99,
  getLocalStorage: 81,
  getRetval: 186,
  setRetval: 187,
} as const;

const SYNC_CALLBACK: ReadonlySet<number> = new Set([FN.forEachMapElem, FN.findVma, FN.loop, 209]);
/** Helpers that call a function of the program before they return. */
export const isSyncCallbackHelper = (id: number): boolean => SYNC_CALLBACK.has(id);
/** Helpers whose callback runs later, on its own. */
export const isAsyncCallbackHelper = (id: number): boolean => id === FN.timerSetCallback;
