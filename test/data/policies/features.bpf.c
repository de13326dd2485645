// SPDX-License-Identifier: GPL-2.0
/* One of everything a policy may use; every program must load on both kernels. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#define EPERM 1

char LICENSE[] SEC("license") = "GPL";

const volatile __u32 denied_uid = 1234;
const volatile bool enforce = true;
static __u64 private_count;
__u64 public_count;
__u32 start = 7;
extern int LINUX_KERNEL_VERSION __kconfig;

struct event {
	__u32 pid;
	__u32 uid;
	char comm[16];
	__u64 inode;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} inner_one SEC(".maps"), inner_two SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = {
	.values = { &inner_one, &inner_two },
};

struct {
	__uint(type, BPF_MAP_TYPE_INODE_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct event);
} per_inode SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 128);
	__type(key, struct event);
	__type(value, __u64);
} by_event SEC(".maps");

struct lock_value {
	struct bpf_spin_lock lock;
	__u32 n;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lock_value);
} locked SEC(".maps");

struct loop_state {
	__u64 sum;
	__u32 limit;
};

static long each(__u32 i, void *ctx)
{
	struct loop_state *s = ctx;

	s->sum += i;
	return i >= s->limit;
}

static long each_entry(struct bpf_map *map, const void *key, void *value, void *ctx)
{
	__u64 *v = value;

	*(__u64 *)ctx += *v;
	return 0;
}

static __noinline int add_up(__u32 a, __u32 b)
{
	private_count += a;
	return a + b * 3;
}

__noinline int scale(int x)
{
	return x * 3 + start;
}

SEC("lsm/file_open")
int BPF_PROG(storage_and_loops, struct file *file, int ret)
{
	struct loop_state s = { .limit = 10 };
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct event *e;
	__u64 total = 0;
	__u32 key = 1, sub = 2;
	void *in;
	__u64 *v;

	if (ret)
		return ret;
	bpf_loop(20, each, &s, 0);
	public_count += s.sum + scale(s.sum & 0xff) + add_up(s.sum, 5);
	in = bpf_map_lookup_elem(&outer, &key);
	if (in) {
		v = bpf_map_lookup_elem(in, &sub);
		if (v)
			*v += 1;
	}
	bpf_for_each_map_elem(&inner_one, each_entry, &total, 0);
	e = bpf_inode_storage_get(&per_inode, file->f_inode, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (e) {
		e->pid = bpf_get_current_pid_tgid() >> 32;
		e->inode = BPF_CORE_READ(inode, i_ino);
	}
	return LINUX_KERNEL_VERSION > 1 && total == 77 ? -EPERM : 0;
}

SEC("lsm/task_kill")
int BPF_PROG(switches, struct task_struct *p, struct kernel_siginfo *info, int sig, const struct cred *cred)
{
	struct event key = {};
	struct event *e;
	__u64 one = 1, *v;
	int verdict = 0;

	switch (sig) {
	case 9:
	case 15:
		verdict = -EPERM;
		break;
	case 30 ... 40:
		verdict = enforce ? -EPERM : 0;
		break;
	case 2:
		goto out;
	default:
		break;
	}
	key.pid = p->pid;
	key.uid = bpf_get_current_uid_gid();
	bpf_get_current_comm(key.comm, sizeof(key.comm));
	v = bpf_map_lookup_elem(&by_event, &key);
	if (v)
		__sync_fetch_and_add(v, 1);
	else
		bpf_map_update_elem(&by_event, &key, &one, BPF_ANY);
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (e) {
		__builtin_memcpy(e, &key, sizeof(*e));
		bpf_ringbuf_submit(e, 0);
	}
	if (key.uid != denied_uid)
		verdict = 0;
out:
	return verdict;
}

SEC("lsm/bprm_check_security")
int BPF_PROG(bytes_and_bits, struct linux_binprm *bprm)
{
	char name[32];
	struct task_struct *t = bpf_get_current_task_btf();
	__u32 hash = 5381;
	long n;

	n = bpf_probe_read_kernel_str(name, sizeof(name), bprm->filename);
	if (n < 0)
		return 0;
	for (int i = 0; i < (int)sizeof(name); i++) {
		if (i >= n || !name[i])
			break;
		hash = hash * 33 + name[i];
	}
	if (BPF_CORE_READ_BITFIELD_PROBED(t, sched_reset_on_fork))
		hash ^= 1;
	if (bpf_core_field_exists(t->loginuid))
		hash ^= BPF_CORE_READ(t, loginuid.val);
	if (bpf_core_enum_value_exists(enum bpf_map_type, BPF_MAP_TYPE_RINGBUF))
		hash += bpf_core_enum_value(enum bpf_map_type, BPF_MAP_TYPE_RINGBUF);
	if (bpf_core_type_exists(struct bpf_map) && bpf_core_type_size(struct path) == 16)
		hash++;
	return hash == 0xdeadbeef ? -EPERM : 0;
}

SEC("lsm/inode_unlink")
int BPF_PROG(names, struct inode *dir, struct dentry *dentry)
{
	static const char wanted[] = "precious";
	struct lock_value *l;
	char name[16] = {};
	__u32 zero = 0;

	bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(dentry, d_name.name));
#pragma unroll
	for (int i = 0; i < (int)sizeof(wanted); i++)
		if (name[i] != wanted[i])
			return 0;
	l = bpf_map_lookup_elem(&locked, &zero);
	if (l) {
		bpf_spin_lock(&l->lock);
		l->n++;
		bpf_spin_unlock(&l->lock);
	}
	bpf_printk("%s unlinks by %d", name, (int)bpf_get_current_pid_tgid());
	return enforce ? -EPERM : 0;
}

SEC("lsm.s/file_open")
int BPF_PROG(sleepable, struct file *file)
{
	char path[64];

	if (bpf_d_path(&file->f_path, path, sizeof(path)) < 0)
		return 0;
	if (!__builtin_memcmp(path, "/etc/shadow", 12))
		return -EPERM;
	return 0;
}

SEC("fexit/security_file_open")
int BPF_PROG(after_open, struct file *file, int ret)
{
	if (ret)
		__sync_fetch_and_add(&public_count, 1);
	return 0;
}
