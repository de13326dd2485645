// SPDX-License-Identifier: GPL-2.0
/* What is known of stack memory after a helper had it, and the numbers that helpers return. */
#include "common.h"
char LICENSE[] SEC("license") = "GPL";

char taken[64];

/* The number that was in the buffer before a helper had it: an index if that is still known. */
#define first_of(buf, call)              \
	({                               \
		u64 buf[8] = { 5 };      \
		struct bytes *v = value(0); \
		int r = 0;               \
		call;                    \
		if (v)                   \
			r = v->b[buf[0]]; \
		r;                       \
	})

SEC("lsm/file_open")
int BPF_PROG(written__text_that_is_printed)
{
	return first_of(b, bpf_trace_printk((char *)b, sizeof(b))) == 5 ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(written__key_that_is_looked_up)
{
	return first_of(b, bpf_map_lookup_elem(&values, b)) == 5 ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(written__comm)
{
	return first_of(b, bpf_get_current_comm(b, sizeof(b))) == 5 ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(written__d_path, struct file *file)
{
	return first_of(b, bpf_d_path(&file->f_path, (char *)b, sizeof(b))) == 5 ? -1 : 0;
}

static const char format[] = "%d";

SEC("lsm/file_open")
int BPF_PROG(written__snprintf)
{
	u64 args[1] = { 3 };

	return first_of(b, bpf_snprintf((char *)b, sizeof(b), format, args, sizeof(args))) == 5 ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(written__arguments_of_snprintf)
{
	return first_of(b, bpf_snprintf(taken, sizeof(taken), format, b, 8)) == 5 ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(written__snprintf_btf)
{
	struct btf_ptr p = {};

	return first_of(b, bpf_snprintf_btf((char *)b, sizeof(b), &p, sizeof(p), 0)) == 5 ? -1 : 0;
}

SEC("tc")
int written__fib_lookup(struct __sk_buff *skb)
{
	return first_of(b, bpf_fib_lookup(skb, (struct bpf_fib_lookup *)b, sizeof(b), 0));
}

SEC("cgroup/sysctl")
int written__sysctl_get_name(struct bpf_sysctl *ctx)
{
	return first_of(b, bpf_sysctl_get_name(ctx, (char *)b, sizeof(b), 0)) == 5;
}

SEC("cgroup/sysctl")
int written__sysctl_set_new_value(struct bpf_sysctl *ctx)
{
	return first_of(b, bpf_sysctl_set_new_value(ctx, (char *)b, sizeof(b))) == 5;
}

SEC("sockops")
int written__load_hdr_opt(struct bpf_sock_ops *ctx)
{
	return first_of(b, bpf_load_hdr_opt(ctx, b, sizeof(b), 0)) == 5;
}

SEC("sockops")
int written__store_hdr_opt(struct bpf_sock_ops *ctx)
{
	return first_of(b, bpf_store_hdr_opt(ctx, b, sizeof(b), 0)) == 5;
}

SEC("perf_event")
int written__branch_records(struct bpf_perf_event_data *ctx)
{
	return first_of(b, bpf_read_branch_records(ctx, b, sizeof(b), 0)) == 5;
}

u8 seen[8192];

SEC("lsm/file_open")
int BPF_PROG(helper_returns__processor_as_an_index)
{
	u32 cpu = bpf_get_smp_processor_id();

	opaque(cpu);
	return seen[cpu] ? -1 : 0;
}

#define beyond(cond)                     \
	({                               \
		struct bytes *v = value(0); \
		int r = 1;               \
		if (v && (cond))         \
			r = v->b[64];    \
		r;                       \
	})

SEC("lsm_cgroup/socket_bind")
int BPF_PROG(retval__read_is_not_positive)
{
	return beyond(bpf_get_retval() > 0) == 5 ? 0 : 1;
}

SEC("lsm_cgroup/socket_bind")
int BPF_PROG(retval__read_may_be_negative)
{
	return beyond(bpf_get_retval() < -4094) == 5 ? 0 : 1;
}

SEC("lsm_cgroup/socket_bind")
int BPF_PROG(retval__read_is_no_less_than_errors)
{
	return beyond(bpf_get_retval() < -4095) == 5 ? 0 : 1;
}

SEC("lsm_cgroup/sk_free_security")
int BPF_PROG(retval__read_in_a_void_hook)
{
	return beyond(bpf_get_retval() > 0) == 5 ? 0 : 1;
}

SEC("cgroup/getsockopt")
int retval__read_of_a_socket_option(struct bpf_sockopt *ctx)
{
	return beyond(bpf_get_retval() > 0) == 5 ? 0 : 1;
}

SEC("cgroup/setsockopt")
int retval__read_of_a_socket_option_that_is_set(struct bpf_sockopt *ctx)
{
	return beyond(bpf_get_retval() > 0) == 5 ? 0 : 1;
}

SEC("lsm_cgroup/socket_bind")
int BPF_PROG(retval__smallest)
{
	bpf_set_retval(-4095);
	return 0;
}

SEC("lsm_cgroup/socket_bind")
int BPF_PROG(retval__below_the_smallest)
{
	bpf_set_retval(-4096);
	return 0;
}

SEC("lsm_cgroup/socket_bind")
int BPF_PROG(retval__unknown)
{
	bpf_set_retval(bpf_get_prandom_u32());
	return 0;
}

SEC("lsm_cgroup/socket_bind")
int BPF_PROG(retval__what_it_was)
{
	bpf_set_retval(bpf_get_retval());
	return 0;
}

SEC("lsm_cgroup/xfrm_state_pol_flow_match")
int BPF_PROG(retval__true)
{
	bpf_set_retval(1);
	return 0;
}

SEC("lsm_cgroup/xfrm_state_pol_flow_match")
int BPF_PROG(retval__negative_for_a_truth_value)
{
	bpf_set_retval(-1);
	return 0;
}

SEC("cgroup/getsockopt")
int retval__any_for_a_socket_option(struct bpf_sockopt *ctx)
{
	bpf_set_retval(bpf_get_prandom_u32());
	return 0;
}

SEC("cgroup/setsockopt")
int retval__any_for_a_socket_option_that_is_set(struct bpf_sockopt *ctx)
{
	bpf_set_retval(bpf_get_prandom_u32());
	return 0;
}
