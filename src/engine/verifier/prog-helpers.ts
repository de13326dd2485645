/**
 * Which helpers a program type offers, as the kernel's get_func_proto functions answer for a fully privileged user. LSM
 * programs are measured per kernel (`VerifierPlatform.lsmHelpers`); these lists are from 6.12, with what 6.1 lacks or has
 * besides (`test/kernel/prog-helpers.test.ts` asks the kernels). bpf_override_return needs CONFIG_BPF_KPROBE_OVERRIDE, which
 * Debian's kernels are built without.
 */
import { helperByName } from '../bpf/index.ts';
import type { AttachTarget, ProgType } from '../loader/index.ts';

const BASE =
  'map_lookup_elem map_update_elem map_delete_elem map_push_elem map_pop_elem map_peek_elem map_lookup_percpu_elem ' +
  'get_prandom_u32 get_smp_processor_id get_numa_node_id tail_call ktime_get_ns ktime_get_boot_ns ktime_get_tai_ns ' +
  'ringbuf_output ringbuf_reserve ringbuf_submit ringbuf_discard ringbuf_query strncmp strtol strtoul ' +
  'get_current_pid_tgid get_ns_current_pid_tgid spin_lock spin_unlock jiffies64 per_cpu_ptr this_cpu_ptr timer_init ' +
  'timer_set_callback timer_start timer_cancel kptr_xchg for_each_map_elem loop user_ringbuf_drain ' +
  'ringbuf_reserve_dynptr ringbuf_submit_dynptr ringbuf_discard_dynptr dynptr_from_mem dynptr_read dynptr_write ' +
  'dynptr_data cgrp_storage_get cgrp_storage_delete get_current_cgroup_id get_current_ancestor_cgroup_id trace_printk ' +
  'get_current_task get_current_task_btf probe_read_user probe_read_kernel probe_read_user_str probe_read_kernel_str ' +
  'snprintf_btf snprintf task_pt_regs trace_vprintk';
const SKC_CASTS =
  'skc_to_tcp6_sock skc_to_tcp_sock skc_to_tcp_timewait_sock skc_to_tcp_request_sock skc_to_udp6_sock skc_to_unix_sock ' +
  'skc_to_mptcp_sock';
const SK_BASE = `${BASE} ${SKC_CASTS} ktime_get_coarse_ns`;
const TRACING =
  `${BASE} get_current_uid_gid get_current_comm perf_event_read probe_write_user probe_read probe_read_str ` +
  'current_task_under_cgroup send_signal send_signal_thread perf_event_read_value get_task_stack copy_from_user ' +
  'copy_from_user_task task_storage_get task_storage_delete get_func_ip get_branch_snapshot find_vma';
const RAW_TP = `${TRACING} perf_event_output get_stackid get_stack=raw_tp get_attach_cookie`;
const TRAMPOLINE = 'get_func_arg get_func_ret get_func_arg_cnt';
const TRACING_BTF =
  `${RAW_TP} skb_output xdp_output ${SKC_CASTS} sk_storage_get=btf sk_storage_delete=btf sock_from_file ` +
  'get_socket_cookie xdp_get_buff_len=btf d_path';
const SOCKET = `${SK_BASE} skb_load_bytes skb_load_bytes_relative get_socket_cookie=ctx get_socket_uid perf_event_output`;
const CGROUP_COMMON = 'get_local_storage get_retval set_retval';
const CGROUP_CURRENT = 'get_current_uid_gid get_current_comm get_cgroup_classid=current current_task_under_cgroup';
const LOOKUP = 'sk_lookup_tcp sk_lookup_udp sk_release skc_lookup_tcp';
const SYNCOOKIES =
  'tcp_check_syncookie tcp_gen_syncookie tcp_raw_gen_syncookie_ipv4 tcp_raw_gen_syncookie_ipv6 ' +
  'tcp_raw_check_syncookie_ipv4 tcp_raw_check_syncookie_ipv6';
const STORAGE = 'sk_storage_get sk_storage_delete';
const TC =
  `${SK_BASE} skb_store_bytes skb_load_bytes skb_load_bytes_relative skb_pull_data csum_diff csum_update csum_level ` +
  'l3_csum_replace l4_csum_replace clone_redirect get_cgroup_classid skb_vlan_push skb_vlan_pop skb_change_proto ' +
  'skb_change_type skb_adjust_room skb_change_tail skb_change_head skb_get_tunnel_key skb_set_tunnel_key ' +
  'skb_get_tunnel_opt skb_set_tunnel_opt redirect redirect_neigh redirect_peer get_route_realm get_hash_recalc ' +
  'set_hash_invalid set_hash perf_event_output skb_under_cgroup get_socket_cookie=ctx get_socket_uid fib_lookup ' +
  `check_mtu sk_fullsock ${STORAGE} skb_get_xfrm_state skb_cgroup_classid skb_cgroup_id skb_ancestor_cgroup_id ` +
  `${LOOKUP} tcp_sock get_listener_sock ${SYNCOOKIES} skb_ecn_set_ce sk_assign skb_set_tstamp`;
const LWT_OUT =
  `${SK_BASE} skb_load_bytes skb_pull_data csum_diff get_cgroup_classid get_route_realm get_hash_recalc ` +
  'perf_event_output skb_under_cgroup';

const LISTS: Readonly<Partial<Record<ProgType, string>>> = {
  fentry: `${TRACING_BTF} ${TRAMPOLINE}`,
  fexit: `${TRACING_BTF} ${TRAMPOLINE}`,
  fmod_ret: `${TRACING_BTF} ${TRAMPOLINE}`,
  tp_btf: TRACING_BTF,
  iter: `${TRACING_BTF} seq_printf seq_write seq_printf_btf setsockopt=sock getsockopt=sock`,
  kprobe: `${TRACING} perf_event_output get_stackid get_stack get_attach_cookie`,
  tracepoint: `${TRACING} perf_event_output get_stackid get_stack get_attach_cookie`,
  raw_tracepoint: RAW_TP,
  raw_tracepoint_writable: RAW_TP,
  perf_event: `${TRACING} perf_event_output get_stackid=any get_stack perf_prog_read_value read_branch_records get_attach_cookie`,
  syscall: `${TRACING_BTF} sys_bpf btf_find_by_name_kind sys_close kallsyms_lookup_name`,
  socket_filter: SOCKET,
  cgroup_skb:
    `${SOCKET} ${CGROUP_COMMON} sk_fullsock ${STORAGE} skb_cgroup_id skb_ancestor_cgroup_id sk_cgroup_id ` +
    `sk_ancestor_cgroup_id ${LOOKUP} tcp_sock get_listener_sock skb_ecn_set_ce`,
  cgroup_sock:
    `${BASE} ${CGROUP_COMMON} ${CGROUP_CURRENT} get_socket_cookie=ctx get_netns_cookie perf_event_output ` +
    'sk_storage_get=ctx ktime_get_coarse_ns',
  cgroup_sock_addr:
    `${SK_BASE} ${CGROUP_COMMON} ${CGROUP_CURRENT} bind get_socket_cookie=ctx get_netns_cookie perf_event_output ` +
    `${LOOKUP} ${STORAGE} setsockopt getsockopt`,
  cgroup_device: `${BASE} ${CGROUP_COMMON} ${CGROUP_CURRENT} perf_event_output`,
  cgroup_sysctl:
    `${BASE} ${CGROUP_COMMON} ${CGROUP_CURRENT} sysctl_get_name sysctl_get_current_value sysctl_get_new_value ` +
    'sysctl_set_new_value ktime_get_coarse_ns perf_event_output',
  cgroup_sockopt:
    `${BASE} ${CGROUP_COMMON} ${CGROUP_CURRENT} get_netns_cookie ${STORAGE} setsockopt=sock getsockopt=sock tcp_sock ` +
    'perf_event_output',
  sock_ops:
    `${SK_BASE} ${CGROUP_COMMON} setsockopt getsockopt sock_ops_cb_flags_set sock_map_update sock_hash_update ` +
    `get_socket_cookie=ctx perf_event_output ${STORAGE} get_netns_cookie load_hdr_opt store_hdr_opt reserve_hdr_opt tcp_sock`,
  sched_cls: TC,
  sched_act: TC,
  xdp:
    `${SK_BASE} perf_event_output csum_diff xdp_adjust_head xdp_adjust_meta redirect redirect_map xdp_adjust_tail ` +
    `xdp_get_buff_len xdp_load_bytes xdp_store_bytes fib_lookup check_mtu ${LOOKUP} ${SYNCOOKIES}`,
  sk_msg:
    `${SK_BASE} msg_redirect_map msg_redirect_hash msg_apply_bytes msg_cork_bytes msg_pull_data msg_push_data ` +
    `msg_pop_data perf_event_output get_current_uid_gid ${STORAGE} get_netns_cookie get_cgroup_classid=current`,
  sk_skb:
    `${SK_BASE} skb_store_bytes skb_load_bytes skb_pull_data skb_change_tail skb_change_head skb_adjust_room ` +
    `get_socket_cookie=ctx get_socket_uid sk_redirect_map sk_redirect_hash perf_event_output ${LOOKUP}`,
  sk_lookup: `${SK_BASE} perf_event_output sk_assign=lookup sk_release`,
  sk_reuseport: `${BASE} sk_select_reuseport skb_load_bytes skb_load_bytes_relative get_socket_cookie ktime_get_coarse_ns`,
  flow_dissector: `${SK_BASE} skb_load_bytes`,
  lwt_out: LWT_OUT,
  lwt_in: `${LWT_OUT} lwt_push_encap`,
  lwt_xmit:
    `${LWT_OUT} skb_get_tunnel_key skb_set_tunnel_key skb_get_tunnel_opt skb_set_tunnel_opt redirect clone_redirect ` +
    'skb_change_tail skb_change_head skb_store_bytes csum_update csum_level l3_csum_replace l4_csum_replace ' +
    'set_hash_invalid lwt_push_encap',
  lwt_seg6local: `${LWT_OUT} lwt_seg6_store_bytes lwt_seg6_action lwt_seg6_adjust_srh`,
  netfilter: BASE,
};

/** Helpers that only some attach types of a program type have. */
const NO_RETVAL = /^cgroup_(inet_(in|e)gress|(udp[46]|unix)_recvmsg|(inet[46]|unix)_get(peer|sock)name)$|^sock_ops$/;
/** Iterators over sockets that are locked: options may be read and set. */
const SOCKET_ITERS: ReadonlySet<string> = new Set(['bpf_iter_tcp', 'bpf_iter_unix']);

function notForAttachType(attach: AttachTarget, helper: string): boolean {
  const at = attach.attachType ?? attach.progType;
  switch (helper) {
    case 'get_retval':
    case 'set_retval':
      return NO_RETVAL.test(at);
    case 'bind':
      return !/^cgroup_inet[46]_connect$/.test(at);
    case 'setsockopt':
    case 'getsockopt':
      if (attach.progType === 'iter') return !SOCKET_ITERS.has(attach.func);
      if (attach.progType === 'cgroup_sockopt') return at !== 'cgroup_setsockopt';
      return at === 'cgroup_unix_getpeername' || at === 'cgroup_unix_getsockname';
    case 'skb_pull_data':
      return attach.progType === 'lwt_seg6local';
    case 'get_attach_cookie':
      return attach.progType === 'syscall';
    default:
      return false;
  }
}

interface Offer {
  /** Row of `VARIANT_ROWS`, or null for the helper's usual prototype. */
  readonly variant: string | null;
}

const parsed = new Map<ProgType, ReadonlyMap<number, Offer>>();

function offers(type: ProgType): ReadonlyMap<number, Offer> | undefined {
  const known = parsed.get(type);
  if (known !== undefined) return known;
  const list = LISTS[type];
  if (list === undefined) return undefined;
  const out = new Map<number, Offer>();
  for (const item of list.split(' ')) {
    const name = item.split('=')[0];
    const id = helperByName(`bpf_${name}`)?.id;
    if (id !== undefined) out.set(id, { variant: item === name ? null : item });
  }
  parsed.set(type, out);
  return out;
}

const TRACING_TYPES: ReadonlySet<ProgType> = new Set([
  'fentry',
  'fexit',
  'fmod_ret',
  'tp_btf',
  'iter',
  'kprobe',
  'tracepoint',
  'raw_tracepoint',
  'raw_tracepoint_writable',
  'perf_event',
  'syscall',
]);
const CURRENT_TYPES: ReadonlySet<ProgType> = new Set([
  'cgroup_sock',
  'cgroup_sock_addr',
  'cgroup_device',
  'cgroup_sysctl',
  'cgroup_sockopt',
  'sk_msg',
]);

/** What came later: since when, which helpers, and the types that had them before. */
const NEWER: readonly {
  readonly since: readonly [number, number];
  readonly helpers: string;
  readonly before: (type: ProgType) => boolean;
}[] = [
  { since: [6, 2], helpers: 'cgrp_storage_get cgrp_storage_delete', before: () => false },
  {
    since: [6, 10],
    helpers: 'get_current_pid_tgid get_current_cgroup_id get_current_ancestor_cgroup_id',
    before: (type) => TRACING_TYPES.has(type) || CURRENT_TYPES.has(type),
  },
  {
    since: [6, 10],
    helpers: 'get_ns_current_pid_tgid current_task_under_cgroup',
    before: (type) => TRACING_TYPES.has(type),
  },
  {
    since: [6, 10],
    helpers: 'get_attach_cookie',
    before: (type) => type !== 'raw_tracepoint' && type !== 'raw_tracepoint_writable' && type !== 'tp_btf',
  },
];

/** What the program type offers for a helper number: undefined = nothing. */
export function offeredHelper(
  attach: AttachTarget,
  id: number,
  name: string,
  version: readonly [number, number, number],
): Offer | undefined {
  const offer = offers(attach.progType)?.get(id);
  const short = name.replace(/^bpf_/, '');
  if (offer === undefined || notForAttachType(attach, short)) return undefined;
  const older = (v: readonly [number, number]): boolean =>
    version[0] < v[0] || (version[0] === v[0] && version[1] < v[1]);
  const missing = NEWER.some(
    (n) => older(n.since) && n.helpers.split(' ').includes(short) && !n.before(attach.progType),
  );
  if (missing) return undefined;
  if (attach.sleepable && offer.variant === null && (short === 'get_stack' || short === 'get_task_stack')) {
    return older([6, 12]) ? offer : { variant: `${short}=sleepable` };
  }
  return offer;
}
