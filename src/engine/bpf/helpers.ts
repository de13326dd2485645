/**
 * The kernel's helper functions 1..211 (the numbering of <linux/bpf.h>, fixed for ever) with their C prototypes.
 * Later functions are kfuncs, which have no numbers.
 */

/** Number → name without `bpf_`, return type, parameters; in C as the kernel documents them. */
const TABLE: Readonly<Record<number, readonly [string, string, string]>> = {
  1: ['map_lookup_elem', 'void *', 'void *map, const void *key'],
  2: ['map_update_elem', 'long', 'void *map, const void *key, const void *value, __u64 flags'],
  3: ['map_delete_elem', 'long', 'void *map, const void *key'],
  4: ['probe_read', 'long', 'void *dst, __u32 size, const void *unsafe_ptr'],
  5: ['ktime_get_ns', '__u64', 'void'],
  6: ['trace_printk', 'long', 'const char *fmt, __u32 fmt_size, ...'],
  7: ['get_prandom_u32', '__u32', 'void'],
  8: ['get_smp_processor_id', '__u32', 'void'],
  9: ['skb_store_bytes', 'long', 'struct __sk_buff *skb, __u32 offset, const void *from, __u32 len, __u64 flags'],
  10: ['l3_csum_replace', 'long', 'struct __sk_buff *skb, __u32 offset, __u64 from, __u64 to, __u64 size'],
  11: ['l4_csum_replace', 'long', 'struct __sk_buff *skb, __u32 offset, __u64 from, __u64 to, __u64 flags'],
  12: ['tail_call', 'long', 'void *ctx, void *prog_array_map, __u32 index'],
  13: ['clone_redirect', 'long', 'struct __sk_buff *skb, __u32 ifindex, __u64 flags'],
  14: ['get_current_pid_tgid', '__u64', 'void'],
  15: ['get_current_uid_gid', '__u64', 'void'],
  16: ['get_current_comm', 'long', 'void *buf, __u32 size_of_buf'],
  17: ['get_cgroup_classid', '__u32', 'struct __sk_buff *skb'],
  18: ['skb_vlan_push', 'long', 'struct __sk_buff *skb, __be16 vlan_proto, __u16 vlan_tci'],
  19: ['skb_vlan_pop', 'long', 'struct __sk_buff *skb'],
  20: ['skb_get_tunnel_key', 'long', 'struct __sk_buff *skb, struct bpf_tunnel_key *key, __u32 size, __u64 flags'],
  21: ['skb_set_tunnel_key', 'long', 'struct __sk_buff *skb, struct bpf_tunnel_key *key, __u32 size, __u64 flags'],
  22: ['perf_event_read', '__u64', 'void *map, __u64 flags'],
  23: ['redirect', 'long', '__u32 ifindex, __u64 flags'],
  24: ['get_route_realm', '__u32', 'struct __sk_buff *skb'],
  25: ['perf_event_output', 'long', 'void *ctx, void *map, __u64 flags, void *data, __u64 size'],
  26: ['skb_load_bytes', 'long', 'const void *skb, __u32 offset, void *to, __u32 len'],
  27: ['get_stackid', 'long', 'void *ctx, void *map, __u64 flags'],
  28: ['csum_diff', '__s64', '__be32 *from, __u32 from_size, __be32 *to, __u32 to_size, __wsum seed'],
  29: ['skb_get_tunnel_opt', 'long', 'struct __sk_buff *skb, void *opt, __u32 size'],
  30: ['skb_set_tunnel_opt', 'long', 'struct __sk_buff *skb, void *opt, __u32 size'],
  31: ['skb_change_proto', 'long', 'struct __sk_buff *skb, __be16 proto, __u64 flags'],
  32: ['skb_change_type', 'long', 'struct __sk_buff *skb, __u32 type'],
  33: ['skb_under_cgroup', 'long', 'struct __sk_buff *skb, void *map, __u32 index'],
  34: ['get_hash_recalc', '__u32', 'struct __sk_buff *skb'],
  35: ['get_current_task', '__u64', 'void'],
  36: ['probe_write_user', 'long', 'void *dst, const void *src, __u32 len'],
  37: ['current_task_under_cgroup', 'long', 'void *map, __u32 index'],
  38: ['skb_change_tail', 'long', 'struct __sk_buff *skb, __u32 len, __u64 flags'],
  39: ['skb_pull_data', 'long', 'struct __sk_buff *skb, __u32 len'],
  40: ['csum_update', '__s64', 'struct __sk_buff *skb, __wsum csum'],
  41: ['set_hash_invalid', 'void', 'struct __sk_buff *skb'],
  42: ['get_numa_node_id', 'long', 'void'],
  43: ['skb_change_head', 'long', 'struct __sk_buff *skb, __u32 len, __u64 flags'],
  44: ['xdp_adjust_head', 'long', 'struct xdp_md *xdp_md, int delta'],
  45: ['probe_read_str', 'long', 'void *dst, __u32 size, const void *unsafe_ptr'],
  46: ['get_socket_cookie', '__u64', 'void *ctx'],
  47: ['get_socket_uid', '__u32', 'struct __sk_buff *skb'],
  48: ['set_hash', 'long', 'struct __sk_buff *skb, __u32 hash'],
  49: ['setsockopt', 'long', 'void *bpf_socket, int level, int optname, void *optval, int optlen'],
  50: ['skb_adjust_room', 'long', 'struct __sk_buff *skb, __s32 len_diff, __u32 mode, __u64 flags'],
  51: ['redirect_map', 'long', 'void *map, __u64 key, __u64 flags'],
  52: ['sk_redirect_map', 'long', 'struct __sk_buff *skb, void *map, __u32 key, __u64 flags'],
  53: ['sock_map_update', 'long', 'struct bpf_sock_ops *skops, void *map, void *key, __u64 flags'],
  54: ['xdp_adjust_meta', 'long', 'struct xdp_md *xdp_md, int delta'],
  55: ['perf_event_read_value', 'long', 'void *map, __u64 flags, struct bpf_perf_event_value *buf, __u32 buf_size'],
  56: [
    'perf_prog_read_value',
    'long',
    'struct bpf_perf_event_data *ctx, struct bpf_perf_event_value *buf, __u32 buf_size',
  ],
  57: ['getsockopt', 'long', 'void *bpf_socket, int level, int optname, void *optval, int optlen'],
  58: ['override_return', 'long', 'struct pt_regs *regs, __u64 rc'],
  59: ['sock_ops_cb_flags_set', 'long', 'struct bpf_sock_ops *bpf_sock, int argval'],
  60: ['msg_redirect_map', 'long', 'struct sk_msg_md *msg, void *map, __u32 key, __u64 flags'],
  61: ['msg_apply_bytes', 'long', 'struct sk_msg_md *msg, __u32 bytes'],
  62: ['msg_cork_bytes', 'long', 'struct sk_msg_md *msg, __u32 bytes'],
  63: ['msg_pull_data', 'long', 'struct sk_msg_md *msg, __u32 start, __u32 end, __u64 flags'],
  64: ['bind', 'long', 'struct bpf_sock_addr *ctx, struct sockaddr *addr, int addr_len'],
  65: ['xdp_adjust_tail', 'long', 'struct xdp_md *xdp_md, int delta'],
  66: [
    'skb_get_xfrm_state',
    'long',
    'struct __sk_buff *skb, __u32 index, struct bpf_xfrm_state *xfrm_state, __u32 size, __u64 flags',
  ],
  67: ['get_stack', 'long', 'void *ctx, void *buf, __u32 size, __u64 flags'],
  68: ['skb_load_bytes_relative', 'long', 'const void *skb, __u32 offset, void *to, __u32 len, __u32 start_header'],
  69: ['fib_lookup', 'long', 'void *ctx, struct bpf_fib_lookup *params, int plen, __u32 flags'],
  70: ['sock_hash_update', 'long', 'struct bpf_sock_ops *skops, void *map, void *key, __u64 flags'],
  71: ['msg_redirect_hash', 'long', 'struct sk_msg_md *msg, void *map, void *key, __u64 flags'],
  72: ['sk_redirect_hash', 'long', 'struct __sk_buff *skb, void *map, void *key, __u64 flags'],
  73: ['lwt_push_encap', 'long', 'struct __sk_buff *skb, __u32 type, void *hdr, __u32 len'],
  74: ['lwt_seg6_store_bytes', 'long', 'struct __sk_buff *skb, __u32 offset, const void *from, __u32 len'],
  75: ['lwt_seg6_adjust_srh', 'long', 'struct __sk_buff *skb, __u32 offset, __s32 delta'],
  76: ['lwt_seg6_action', 'long', 'struct __sk_buff *skb, __u32 action, void *param, __u32 param_len'],
  77: ['rc_repeat', 'long', 'void *ctx'],
  78: ['rc_keydown', 'long', 'void *ctx, __u32 protocol, __u64 scancode, __u32 toggle'],
  79: ['skb_cgroup_id', '__u64', 'struct __sk_buff *skb'],
  80: ['get_current_cgroup_id', '__u64', 'void'],
  81: ['get_local_storage', 'void *', 'void *map, __u64 flags'],
  82: ['sk_select_reuseport', 'long', 'struct sk_reuseport_md *reuse, void *map, void *key, __u64 flags'],
  83: ['skb_ancestor_cgroup_id', '__u64', 'struct __sk_buff *skb, int ancestor_level'],
  84: [
    'sk_lookup_tcp',
    'struct bpf_sock *',
    'void *ctx, struct bpf_sock_tuple *tuple, __u32 tuple_size, __u64 netns, __u64 flags',
  ],
  85: [
    'sk_lookup_udp',
    'struct bpf_sock *',
    'void *ctx, struct bpf_sock_tuple *tuple, __u32 tuple_size, __u64 netns, __u64 flags',
  ],
  86: ['sk_release', 'long', 'void *sock'],
  87: ['map_push_elem', 'long', 'void *map, const void *value, __u64 flags'],
  88: ['map_pop_elem', 'long', 'void *map, void *value'],
  89: ['map_peek_elem', 'long', 'void *map, void *value'],
  90: ['msg_push_data', 'long', 'struct sk_msg_md *msg, __u32 start, __u32 len, __u64 flags'],
  91: ['msg_pop_data', 'long', 'struct sk_msg_md *msg, __u32 start, __u32 len, __u64 flags'],
  92: ['rc_pointer_rel', 'long', 'void *ctx, __s32 rel_x, __s32 rel_y'],
  93: ['spin_lock', 'long', 'struct bpf_spin_lock *lock'],
  94: ['spin_unlock', 'long', 'struct bpf_spin_lock *lock'],
  95: ['sk_fullsock', 'struct bpf_sock *', 'struct bpf_sock *sk'],
  96: ['tcp_sock', 'struct bpf_tcp_sock *', 'struct bpf_sock *sk'],
  97: ['skb_ecn_set_ce', 'long', 'struct __sk_buff *skb'],
  98: ['get_listener_sock', 'struct bpf_sock *', 'struct bpf_sock *sk'],
  99: [
    'skc_lookup_tcp',
    'struct bpf_sock *',
    'void *ctx, struct bpf_sock_tuple *tuple, __u32 tuple_size, __u64 netns, __u64 flags',
  ],
  100: ['tcp_check_syncookie', 'long', 'void *sk, void *iph, __u32 iph_len, struct tcphdr *th, __u32 th_len'],
  101: ['sysctl_get_name', 'long', 'struct bpf_sysctl *ctx, char *buf, unsigned long buf_len, __u64 flags'],
  102: ['sysctl_get_current_value', 'long', 'struct bpf_sysctl *ctx, char *buf, unsigned long buf_len'],
  103: ['sysctl_get_new_value', 'long', 'struct bpf_sysctl *ctx, char *buf, unsigned long buf_len'],
  104: ['sysctl_set_new_value', 'long', 'struct bpf_sysctl *ctx, const char *buf, unsigned long buf_len'],
  105: ['strtol', 'long', 'const char *buf, unsigned long buf_len, __u64 flags, long *res'],
  106: ['strtoul', 'long', 'const char *buf, unsigned long buf_len, __u64 flags, unsigned long *res'],
  107: ['sk_storage_get', 'void *', 'void *map, void *sk, void *value, __u64 flags'],
  108: ['sk_storage_delete', 'long', 'void *map, void *sk'],
  109: ['send_signal', 'long', '__u32 sig'],
  110: ['tcp_gen_syncookie', '__s64', 'void *sk, void *iph, __u32 iph_len, struct tcphdr *th, __u32 th_len'],
  111: ['skb_output', 'long', 'void *ctx, void *map, __u64 flags, void *data, __u64 size'],
  112: ['probe_read_user', 'long', 'void *dst, __u32 size, const void *unsafe_ptr'],
  113: ['probe_read_kernel', 'long', 'void *dst, __u32 size, const void *unsafe_ptr'],
  114: ['probe_read_user_str', 'long', 'void *dst, __u32 size, const void *unsafe_ptr'],
  115: ['probe_read_kernel_str', 'long', 'void *dst, __u32 size, const void *unsafe_ptr'],
  116: ['tcp_send_ack', 'long', 'void *tp, __u32 rcv_nxt'],
  117: ['send_signal_thread', 'long', '__u32 sig'],
  118: ['jiffies64', '__u64', 'void'],
  119: ['read_branch_records', 'long', 'struct bpf_perf_event_data *ctx, void *buf, __u32 size, __u64 flags'],
  120: ['get_ns_current_pid_tgid', 'long', '__u64 dev, __u64 ino, struct bpf_pidns_info *nsdata, __u32 size'],
  121: ['xdp_output', 'long', 'void *ctx, void *map, __u64 flags, void *data, __u64 size'],
  122: ['get_netns_cookie', '__u64', 'void *ctx'],
  123: ['get_current_ancestor_cgroup_id', '__u64', 'int ancestor_level'],
  124: ['sk_assign', 'long', 'void *ctx, void *sk, __u64 flags'],
  125: ['ktime_get_boot_ns', '__u64', 'void'],
  126: ['seq_printf', 'long', 'struct seq_file *m, const char *fmt, __u32 fmt_size, const void *data, __u32 data_len'],
  127: ['seq_write', 'long', 'struct seq_file *m, const void *data, __u32 len'],
  128: ['sk_cgroup_id', '__u64', 'void *sk'],
  129: ['sk_ancestor_cgroup_id', '__u64', 'void *sk, int ancestor_level'],
  130: ['ringbuf_output', 'long', 'void *ringbuf, void *data, __u64 size, __u64 flags'],
  131: ['ringbuf_reserve', 'void *', 'void *ringbuf, __u64 size, __u64 flags'],
  132: ['ringbuf_submit', 'void', 'void *data, __u64 flags'],
  133: ['ringbuf_discard', 'void', 'void *data, __u64 flags'],
  134: ['ringbuf_query', '__u64', 'void *ringbuf, __u64 flags'],
  135: ['csum_level', 'long', 'struct __sk_buff *skb, __u64 level'],
  136: ['skc_to_tcp6_sock', 'struct tcp6_sock *', 'void *sk'],
  137: ['skc_to_tcp_sock', 'struct tcp_sock *', 'void *sk'],
  138: ['skc_to_tcp_timewait_sock', 'struct tcp_timewait_sock *', 'void *sk'],
  139: ['skc_to_tcp_request_sock', 'struct tcp_request_sock *', 'void *sk'],
  140: ['skc_to_udp6_sock', 'struct udp6_sock *', 'void *sk'],
  141: ['get_task_stack', 'long', 'struct task_struct *task, void *buf, __u32 size, __u64 flags'],
  142: ['load_hdr_opt', 'long', 'struct bpf_sock_ops *skops, void *searchby_res, __u32 len, __u64 flags'],
  143: ['store_hdr_opt', 'long', 'struct bpf_sock_ops *skops, const void *from, __u32 len, __u64 flags'],
  144: ['reserve_hdr_opt', 'long', 'struct bpf_sock_ops *skops, __u32 len, __u64 flags'],
  145: ['inode_storage_get', 'void *', 'void *map, void *inode, void *value, __u64 flags'],
  146: ['inode_storage_delete', 'int', 'void *map, void *inode'],
  147: ['d_path', 'long', 'struct path *path, char *buf, __u32 sz'],
  148: ['copy_from_user', 'long', 'void *dst, __u32 size, const void *user_ptr'],
  149: ['snprintf_btf', 'long', 'char *str, __u32 str_size, struct btf_ptr *ptr, __u32 btf_ptr_size, __u64 flags'],
  150: ['seq_printf_btf', 'long', 'struct seq_file *m, struct btf_ptr *ptr, __u32 ptr_size, __u64 flags'],
  151: ['skb_cgroup_classid', '__u64', 'struct __sk_buff *skb'],
  152: ['redirect_neigh', 'long', '__u32 ifindex, struct bpf_redir_neigh *params, int plen, __u64 flags'],
  153: ['per_cpu_ptr', 'void *', 'const void *percpu_ptr, __u32 cpu'],
  154: ['this_cpu_ptr', 'void *', 'const void *percpu_ptr'],
  155: ['redirect_peer', 'long', '__u32 ifindex, __u64 flags'],
  156: ['task_storage_get', 'void *', 'void *map, struct task_struct *task, void *value, __u64 flags'],
  157: ['task_storage_delete', 'long', 'void *map, struct task_struct *task'],
  158: ['get_current_task_btf', 'struct task_struct *', 'void'],
  159: ['bprm_opts_set', 'long', 'struct linux_binprm *bprm, __u64 flags'],
  160: ['ktime_get_coarse_ns', '__u64', 'void'],
  161: ['ima_inode_hash', 'long', 'struct inode *inode, void *dst, __u32 size'],
  162: ['sock_from_file', 'struct socket *', 'struct file *file'],
  163: ['check_mtu', 'long', 'void *ctx, __u32 ifindex, __u32 *mtu_len, __s32 len_diff, __u64 flags'],
  164: ['for_each_map_elem', 'long', 'void *map, void *callback_fn, void *callback_ctx, __u64 flags'],
  165: ['snprintf', 'long', 'char *str, __u32 str_size, const char *fmt, __u64 *data, __u32 data_len'],
  166: ['sys_bpf', 'long', '__u32 cmd, void *attr, __u32 attr_size'],
  167: ['btf_find_by_name_kind', 'long', 'char *name, int name_sz, __u32 kind, int flags'],
  168: ['sys_close', 'long', '__u32 fd'],
  169: ['timer_init', 'long', 'struct bpf_timer *timer, void *map, __u64 flags'],
  170: ['timer_set_callback', 'long', 'struct bpf_timer *timer, void *callback_fn'],
  171: ['timer_start', 'long', 'struct bpf_timer *timer, __u64 nsecs, __u64 flags'],
  172: ['timer_cancel', 'long', 'struct bpf_timer *timer'],
  173: ['get_func_ip', '__u64', 'void *ctx'],
  174: ['get_attach_cookie', '__u64', 'void *ctx'],
  175: ['task_pt_regs', 'long', 'struct task_struct *task'],
  176: ['get_branch_snapshot', 'long', 'void *entries, __u32 size, __u64 flags'],
  177: ['trace_vprintk', 'long', 'const char *fmt, __u32 fmt_size, const void *data, __u32 data_len'],
  178: ['skc_to_unix_sock', 'struct unix_sock *', 'void *sk'],
  179: ['kallsyms_lookup_name', 'long', 'const char *name, int name_sz, int flags, __u64 *res'],
  180: ['find_vma', 'long', 'struct task_struct *task, __u64 addr, void *callback_fn, void *callback_ctx, __u64 flags'],
  181: ['loop', 'long', '__u32 nr_loops, void *callback_fn, void *callback_ctx, __u64 flags'],
  182: ['strncmp', 'long', 'const char *s1, __u32 s1_sz, const char *s2'],
  183: ['get_func_arg', 'long', 'void *ctx, __u32 n, __u64 *value'],
  184: ['get_func_ret', 'long', 'void *ctx, __u64 *value'],
  185: ['get_func_arg_cnt', 'long', 'void *ctx'],
  186: ['get_retval', 'int', 'void'],
  187: ['set_retval', 'int', 'int retval'],
  188: ['xdp_get_buff_len', '__u64', 'struct xdp_md *xdp_md'],
  189: ['xdp_load_bytes', 'long', 'struct xdp_md *xdp_md, __u32 offset, void *buf, __u32 len'],
  190: ['xdp_store_bytes', 'long', 'struct xdp_md *xdp_md, __u32 offset, void *buf, __u32 len'],
  191: [
    'copy_from_user_task',
    'long',
    'void *dst, __u32 size, const void *user_ptr, struct task_struct *tsk, __u64 flags',
  ],
  192: ['skb_set_tstamp', 'long', 'struct __sk_buff *skb, __u64 tstamp, __u32 tstamp_type'],
  193: ['ima_file_hash', 'long', 'struct file *file, void *dst, __u32 size'],
  194: ['kptr_xchg', 'void *', 'void *map_value, void *ptr'],
  195: ['map_lookup_percpu_elem', 'void *', 'void *map, const void *key, __u32 cpu'],
  196: ['skc_to_mptcp_sock', 'struct mptcp_sock *', 'void *sk'],
  197: ['dynptr_from_mem', 'long', 'void *data, __u32 size, __u64 flags, struct bpf_dynptr *ptr'],
  198: ['ringbuf_reserve_dynptr', 'long', 'void *ringbuf, __u32 size, __u64 flags, struct bpf_dynptr *ptr'],
  199: ['ringbuf_submit_dynptr', 'void', 'struct bpf_dynptr *ptr, __u64 flags'],
  200: ['ringbuf_discard_dynptr', 'void', 'struct bpf_dynptr *ptr, __u64 flags'],
  201: ['dynptr_read', 'long', 'void *dst, __u32 len, const struct bpf_dynptr *src, __u32 offset, __u64 flags'],
  202: ['dynptr_write', 'long', 'const struct bpf_dynptr *dst, __u32 offset, void *src, __u32 len, __u64 flags'],
  203: ['dynptr_data', 'void *', 'const struct bpf_dynptr *ptr, __u32 offset, __u32 len'],
  204: ['tcp_raw_gen_syncookie_ipv4', '__s64', 'struct iphdr *iph, struct tcphdr *th, __u32 th_len'],
  205: ['tcp_raw_gen_syncookie_ipv6', '__s64', 'struct ipv6hdr *iph, struct tcphdr *th, __u32 th_len'],
  206: ['tcp_raw_check_syncookie_ipv4', 'long', 'struct iphdr *iph, struct tcphdr *th'],
  207: ['tcp_raw_check_syncookie_ipv6', 'long', 'struct ipv6hdr *iph, struct tcphdr *th'],
  208: ['ktime_get_tai_ns', '__u64', 'void'],
  209: ['user_ringbuf_drain', 'long', 'void *map, void *callback_fn, void *ctx, __u64 flags'],
  210: ['cgrp_storage_get', 'void *', 'void *map, struct cgroup *cgroup, void *value, __u64 flags'],
  211: ['cgrp_storage_delete', 'long', 'void *map, struct cgroup *cgroup'],
};

export interface HelperParam {
  /** C type, e.g. `const void *`. */
  readonly type: string;
  readonly name: string;
}

export interface HelperInfo {
  readonly id: number;
  /** With prefix: `bpf_map_lookup_elem`. */
  readonly name: string;
  /** C return type, e.g. `void *`, `long`. */
  readonly ret: string;
  readonly params: readonly HelperParam[];
  readonly variadic: boolean;
}

function parse(id: number, [name, ret, text]: readonly [string, string, string]): HelperInfo {
  const params: HelperParam[] = [];
  let variadic = false;
  for (const part of text === 'void' ? [] : text.split(', ')) {
    if (part === '...') {
      variadic = true;
      continue;
    }
    // The name is the last word; what stands before it (with the stars) is the type.
    const at = part.search(/\w+$/);
    params.push({ type: part.slice(0, at).trim(), name: part.slice(at) });
  }
  return { id, name: `bpf_${name}`, ret, params, variadic };
}

/** All helpers, in the order of their numbers. */
export const HELPERS: readonly HelperInfo[] = Object.entries(TABLE).map(([id, row]) => parse(Number(id), row));

const byId = new Map(HELPERS.map((h) => [h.id, h]));
const byName = new Map(HELPERS.map((h) => [h.name, h]));

export const helperById = (id: number): HelperInfo | undefined => byId.get(id);
/** Looks up with the prefix: `bpf_d_path`. */
export const helperByName = (name: string): HelperInfo | undefined => byName.get(name);
/** As the kernel's func_id_name() prints it: `unknown` for a number without helper. */
export const helperName = (id: number): string => byId.get(id)?.name ?? 'unknown';

/** Helpers whose result is a reference that must be given back, whatever they are given. */
const ACQUIRING: ReadonlySet<string> = new Set([
  'bpf_sk_lookup_tcp',
  'bpf_sk_lookup_udp',
  'bpf_skc_lookup_tcp',
  'bpf_ringbuf_reserve',
]);
export const acquiresReference = (id: number): boolean => ACQUIRING.has(helperName(id));

/** `void *bpf_map_lookup_elem(void *map, const void *key)`. */
export function helperPrototype(h: HelperInfo): string {
  const declare = (type: string, name: string): string => (type.endsWith('*') ? type + name : `${type} ${name}`);
  const params = h.params.map((p) => declare(p.type, p.name));
  if (h.variadic) params.push('...');
  return `${declare(h.ret, h.name)}(${params.join(', ') || 'void'})`;
}
