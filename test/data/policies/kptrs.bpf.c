// SPDX-License-Identifier: GPL-2.0
/* Kernel functions, dynptrs, open-coded iterators, kptrs under a lock: Linux 6.12 and later. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
char LICENSE[] SEC("license") = "GPL";
extern struct task_struct *bpf_task_acquire(struct task_struct *p) __ksym;
extern void bpf_task_release(struct task_struct *p) __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
extern int bpf_get_file_xattr(struct file *file, const char *name__str,
			      struct bpf_dynptr *value_p) __ksym __weak;
extern struct task_struct *bpf_task_from_pid(s32 pid) __ksym;

struct held {
	struct task_struct __kptr *task;
	struct bpf_spin_lock lock;
	int n;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, struct held);
} held SEC(".maps");

char xattr[32];
SEC("lsm.s/file_open")

int BPF_PROG(xa, struct file *f)
{
	struct bpf_dynptr p;
	int n;
	if (!bpf_get_file_xattr)
		return 0;
	bpf_dynptr_from_mem(xattr, sizeof(xattr), 0, &p);
	n = bpf_get_file_xattr(f, "user.guard", &p);
	if (n < 4)
		return 0;
	return bpf_strncmp(xattr, 4, "deny") == 0 ? -1 : 0;
}
SEC("lsm/task_alloc")

int BPF_PROG(keep, struct task_struct *task, unsigned long flags)
{
	u32 k = flags & 3;
	struct held *h = bpf_map_lookup_elem(&held, &k);
	struct task_struct *old, *me = bpf_task_from_pid(1);
	if (!me)
		return 0;
	if (!h) {
		bpf_task_release(me);
		return 0;
	}
	old = bpf_kptr_xchg(&h->task, me);
	if (old)
		bpf_task_release(old);
	bpf_spin_lock(&h->lock);
	h->n++;
	bpf_spin_unlock(&h->lock);
	return 0;
}
SEC("lsm/task_setnice")

int BPF_PROG(sum, struct task_struct *p, int nice)
{
	int i, s = 0;
	u64 a[8];
	bpf_for(i, 0, 8) a[i & 7] = i * nice;
	bpf_for(i, 0, 8) s += a[i & 7];
	bpf_rcu_read_lock();
	struct task_struct *rp = p->real_parent;
	if (rp && rp->tgid == 1)
		s = -1;
	bpf_rcu_read_unlock();
	return s < 0 ? -1 : 0;
}
