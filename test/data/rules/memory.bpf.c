// SPDX-License-Identifier: GPL-2.0
/* Memory of all kinds. */
#include "common.h"
char LICENSE[] SEC("license") = "GPL";

const volatile u32 limit = 16;
u8 table[32];
extern const struct rq runqueues __ksym;

struct {
	__uint(type, BPF_MAP_TYPE_INODE_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, u64);
} per_inode SEC(".maps");

SEC("lsm/file_open")
int BPF_PROG(context__argument, struct file *file)
{
	return file->f_flags & 0x80000000 ? -1 : 0;
}

SEC("lsm/file_open")
int context__beyond_the_arguments(unsigned long long *ctx)
{
	return ctx[2] ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(spill__pointer_comes_back, struct file *file)
{
	struct file *volatile saved = file;

	return saved->f_flags & 1 ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(spill__half_of_a_pointer, struct file *file)
{
	struct file *volatile saved = file;

	return *(volatile u32 *)&saved & 1 ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(partial__byte_of_a_number, struct file *file)
{
	volatile u64 n = 0x0102030405060708;

	return *(volatile u8 *)&n == 8 ? 0 : -1;
}

SEC("lsm/file_open")
int BPF_PROG(partial__byte_over_a_pointer, struct file *file)
{
	struct file *volatile saved = file;

	*(volatile u8 *)&saved = 0;
	return saved->f_flags & 1 ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(variable__inside_the_buffer)
{
	volatile u8 b[64];

	b[bpf_get_prandom_u32() & 63] = 1;
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(variable__above_the_stack)
{
	volatile u8 b[64];

	b[bpf_get_prandom_u32() & 127] = 1;
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(uninitialised__stack)
{
	u8 b[16];

	return bpf_map_lookup_elem(&values, &b[8]) ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(map_value__checked)
{
	struct bytes *v = value(1);

	return v && v->b[63] ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(map_value__may_be_null)
{
	struct bytes *v = value(bpf_get_prandom_u32());

	return v->b[63] ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(map_value__beyond)
{
	struct bytes *v = value(1);

	return v && ((volatile u8 *)v)[64] ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(map_key__on_the_stack)
{
	u32 k = bpf_get_prandom_u32();

	return bpf_map_lookup_elem(&values, &k) ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(map_key__a_number)
{
	return bpf_map_lookup_elem(&values, (void *)8) ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(ringbuf__within_the_record)
{
	u64 *e = bpf_ringbuf_reserve(&events, 16, 0);

	if (!e)
		return 0;
	e[1] = 1;
	bpf_ringbuf_submit(e, 0);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(ringbuf__beyond_the_record)
{
	u64 *e = bpf_ringbuf_reserve(&events, 16, 0);

	if (!e)
		return 0;
	e[2] = 1;
	bpf_ringbuf_submit(e, 0);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(dynptr__slice)
{
	struct bpf_dynptr p;
	u64 *e;

	bpf_ringbuf_reserve_dynptr(&events, 32, 0, &p);
	e = bpf_dynptr_data(&p, 0, 8);
	if (e)
		*e = 1;
	bpf_ringbuf_submit_dynptr(&p, 0);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(dynptr__beyond_the_slice)
{
	struct bpf_dynptr p;
	u64 *e;

	bpf_ringbuf_reserve_dynptr(&events, 32, 0, &p);
	e = bpf_dynptr_data(&p, 0, 8);
	if (e)
		e[1] = 1;
	bpf_ringbuf_submit_dynptr(&p, 0);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(read_only__read)
{
	return limit > 20 ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(read_only__write)
{
	*(volatile u32 *)&limit = 1;
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(globals__in_range)
{
	table[bpf_get_prandom_u32() & 31] = 1;
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(globals__out_of_range)
{
	table[bpf_get_prandom_u32() & 255] = 1;
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(trusted__argument_to_a_helper, struct file *file)
{
	u64 *n = bpf_inode_storage_get(&per_inode, file->f_inode, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (n)
		*n += 1;
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(trusted__wrong_struct, struct file *file)
{
	return bpf_inode_storage_get(&per_inode, (void *)file, 0, 0) ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(trusted__write, struct file *file)
{
	file->f_flags = 0;
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(untrusted__read, struct file *file)
{
	return file->f_inode->i_sb->s_root->d_inode->i_ino == 1 ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(untrusted__as_an_argument, struct file *file)
{
	u64 *n = bpf_inode_storage_get(&per_inode, file->f_inode->i_sb->s_root->d_inode, 0, 0);

	return n ? -1 : 0;
}

SEC("lsm/socket_connect")
int BPF_PROG(may_be_null__checked, struct socket *sock)
{
	struct sock *sk = sock->sk;

	return sk && sk->__sk_common.skc_family == 10 ? -1 : 0;
}

SEC("lsm/socket_connect")
int BPF_PROG(may_be_null__not_checked, struct socket *sock)
{
	return sock->sk->__sk_common.skc_family == 10 ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(percpu__checked)
{
	const struct rq *rq = bpf_per_cpu_ptr(&runqueues, bpf_get_prandom_u32());

	return rq && rq->nr_running > 1000 ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(percpu__this_cpu)
{
	const struct rq *rq = bpf_this_cpu_ptr(&runqueues);

	return rq->nr_running > 1000 ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(percpu__not_checked)
{
	const struct rq *rq = bpf_per_cpu_ptr(&runqueues, bpf_get_prandom_u32());

	return rq->nr_running > 1000 ? -1 : 0;
}

SEC("tp_btf/sched_pi_setprio")
int BPF_PROG(nullable__checked, struct task_struct *tsk, struct task_struct *pi_task)
{
	return pi_task ? pi_task->pid == 1 : 0;
}

SEC("tp_btf/sched_pi_setprio")
int BPF_PROG(nullable__not_checked, struct task_struct *tsk, struct task_struct *pi_task)
{
	return pi_task->pid == 1;
}

SEC("lsm/file_open")
int BPF_PROG(alignment__map_values_need_none)
{
	struct bytes *v = value(1);

	return v && *(volatile u32 *)&v->b[3] ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(alignment__stack)
{
	volatile u8 b[16] = {};

	return *(volatile u64 *)(b + 4) ? -1 : 0;
}
