// SPDX-License-Identifier: GPL-2.0
/* Helpers, functions, callbacks, locks, references. */
#include "common.h"
char LICENSE[] SEC("license") = "GPL";

struct counted {
	struct bpf_spin_lock lock;
	u32 n;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct counted);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, u32);
} programs SEC(".maps");

char text[32];

SEC("lsm/file_open")
int BPF_PROG(helper_args__buffer_fits)
{
	char b[16];

	bpf_get_current_comm(b, sizeof(b));
	return b[0] == 'x' ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(helper_args__buffer_too_small)
{
	char b[8];

	bpf_get_current_comm(b, 16);
	return b[0] == 'x' ? -1 : 0;
}

SEC("lsm/bprm_check_security")
int BPF_PROG(helper_returns__checked, struct linux_binprm *bprm)
{
	long n = bpf_probe_read_kernel_str(text, sizeof(text), bprm->filename);

	return n > 0 && text[n - 1] ? -1 : 0;
}

SEC("lsm/bprm_check_security")
int BPF_PROG(helper_returns__not_checked, struct linux_binprm *bprm)
{
	long n = bpf_probe_read_kernel_str(text, sizeof(text), bprm->filename);

	return text[n - 1] ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(gpl__helper_in_a_gpl_program)
{
	bpf_printk("open");
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(availability__offered)
{
	return bpf_get_current_uid_gid() == 7 ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(availability__not_offered)
{
	return bpf_skb_load_bytes((void *)ctx, 0, text, 8);
}

SEC("lsm/file_open")
int BPF_PROG(d_path__allowed_hook, struct file *file)
{
	bpf_d_path(&file->f_path, text, sizeof(text));
	return 0;
}

SEC("lsm/file_permission")
int BPF_PROG(d_path__other_hook, struct file *file)
{
	bpf_d_path(&file->f_path, text, sizeof(text));
	return 0;
}

SEC("lsm.s/file_open")
int BPF_PROG(sleepable__helper_may_sleep)
{
	bpf_copy_from_user(text, 8, (void *)0x1000);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(sleepable__helper_must_not)
{
	bpf_copy_from_user(text, 8, (void *)0x1000);
	return 0;
}

SEC("lsm_cgroup/socket_bind")
int BPF_PROG(cgroup_only__in_a_cgroup_program)
{
	bpf_set_retval(-1);
	return 0;
}

SEC("lsm/socket_bind")
int BPF_PROG(cgroup_only__elsewhere)
{
	bpf_set_retval(-1);
	return 0;
}

SEC("lsm_cgroup/socket_post_create")
int BPF_PROG(cgroup_only__socket_option, struct socket *sock)
{
	struct sock *sk = sock->sk;
	int one = 1;

	if (sk)
		bpf_setsockopt(sk, 1, 2, &one, sizeof(one));
	return 1;
}

SEC("lsm_cgroup/socket_post_create")
int BPF_PROG(cgroup_only__socket_option_without_a_check, struct socket *sock)
{
	int one = 1;

	bpf_setsockopt(sock->sk, 1, 2, &one, sizeof(one));
	return 1;
}

SEC("lsm_cgroup/sk_free_security")
int BPF_PROG(cgroup_only__return_value_of_a_void_hook)
{
	bpf_set_retval(-1);
	return 1;
}

SEC("lsm_cgroup/socket_bind")
int BPF_PROG(cgroup_only__positive_return_value)
{
	bpf_set_retval(1);
	return 0;
}

SEC("lsm_cgroup/socket_bind")
int BPF_PROG(cgroup_only__socket_option_at_another_hook, struct socket *sock)
{
	int one = 1;

	bpf_setsockopt(sock->sk, 1, 2, &one, sizeof(one));
	return 1;
}

static __noinline u8 byte_at(struct bytes *v, u64 i)
{
	return v->b[i];
}

SEC("lsm/file_open")
int BPF_PROG(static_function__argument_in_range)
{
	struct bytes *v = value(0);

	return v && byte_at(v, bpf_get_prandom_u32() & 63) ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(static_function__argument_out_of_range)
{
	struct bytes *v = value(0);

	return v && byte_at(v, bpf_get_prandom_u32() & 127) ? -1 : 0;
}

__noinline int checks(struct bytes *v)
{
	return v && v->b[3];
}

__noinline int checks_not(struct bytes *v)
{
	return v->b[3];
}

SEC("lsm/file_open")
int BPF_PROG(global_function__checks)
{
	struct bytes *v = value(0);

	return v && checks(v) ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(global_function__does_not_check)
{
	struct bytes *v = value(0);

	return v && checks_not(v) ? -1 : 0;
}

static long adds(u32 i, void *ctx)
{
	*(u64 *)ctx += i;
	return 0;
}

static long returns_two(u32 i, void *ctx)
{
	return 2;
}

static long writes_beyond(u32 i, void *ctx)
{
	((u64 *)ctx)[1] = i;
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(callback__adds)
{
	u64 sum = 0;

	bpf_loop(100, adds, &sum, 0);
	return sum == 7 ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(callback__returns_two)
{
	u64 sum = 0;

	bpf_loop(100, returns_two, &sum, 0);
	return 0;
}

static long takes_itself(u32 i, void *ctx)
{
	u64 *e = bpf_ringbuf_reserve(&events, 8, 0);

	if (e) {
		*e = i;
		bpf_ringbuf_submit(e, 0);
	}
	return 0;
}

static __noinline u64 *taken(void)
{
	return bpf_ringbuf_reserve(&events, 8, 0);
}

static long takes_through_a_call(u32 i, void *ctx)
{
	u64 *e = taken();

	if (e) {
		*e = i;
		bpf_ringbuf_submit(e, 0);
	}
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(callback__gives_back_what_it_took)
{
	bpf_loop(3, takes_itself, NULL, 0);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(callback__gives_back_what_a_call_took)
{
	bpf_loop(3, takes_through_a_call, NULL, 0);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(loop_helper__millions_of_rounds)
{
	u64 sum = 0;

	bpf_loop(1 << 23, adds, &sum, 0);
	return sum == 7 ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(loop_helper__beyond_its_context)
{
	u64 sum = 0;

	bpf_loop(1 << 23, writes_beyond, &sum, 0);
	return sum == 7 ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(tail_call__program_array)
{
	bpf_tail_call(ctx, &programs, 1);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(tail_call__other_map)
{
	bpf_tail_call(ctx, &values, 1);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(spin_lock__short)
{
	u32 k = 0;
	struct counted *c = bpf_map_lookup_elem(&counts, &k);

	if (!c)
		return 0;
	bpf_spin_lock(&c->lock);
	c->n++;
	bpf_spin_unlock(&c->lock);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(spin_lock__not_released)
{
	u32 k = 0;
	struct counted *c = bpf_map_lookup_elem(&counts, &k);

	if (!c)
		return 0;
	bpf_spin_lock(&c->lock);
	c->n++;
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(spin_lock__helper_inside)
{
	u32 k = 0;
	struct counted *c = bpf_map_lookup_elem(&counts, &k);

	if (!c)
		return 0;
	bpf_spin_lock(&c->lock);
	c->n = bpf_get_prandom_u32();
	bpf_spin_unlock(&c->lock);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(leak__released_on_all_ways)
{
	u64 *e = bpf_ringbuf_reserve(&events, 8, 0);

	if (!e)
		return 0;
	*e = bpf_ktime_get_ns();
	if (*e & 1)
		bpf_ringbuf_discard(e, 0);
	else
		bpf_ringbuf_submit(e, 0);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(leak__one_way_forgets)
{
	u64 *e = bpf_ringbuf_reserve(&events, 8, 0);

	if (!e)
		return 0;
	*e = bpf_ktime_get_ns();
	if (*e & 1)
		return 0;
	bpf_ringbuf_submit(e, 0);
	return 0;
}
