// SPDX-License-Identifier: GPL-2.0
/* exec-guard: who ran something from /tmp is tainted, and so are its children; the tainted may not ptrace. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#define EPERM 1

char LICENSE[] SEC("license") = "GPL";

struct taint {
	__u32 by_tgid;
	__u32 execs;
};

/* Lives as long as the task does. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct taint);
} taints SEC(".maps");

enum { TAINTED, DENIED_EXEC, DENIED_PTRACE, COUNTERS };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

static __always_inline void count(__u32 what)
{
	__u64 *n = bpf_map_lookup_elem(&counters, &what);

	if (n)
		__sync_fetch_and_add(n, 1);
}

static __always_inline bool from_tmp(const char *path)
{
	return path[0] == '/' && path[1] == 't' && path[2] == 'm' && path[3] == 'p' && path[4] == '/';
}

SEC("lsm/bprm_check_security")
int BPF_PROG(exec_guard, struct linux_binprm *bprm)
{
	char path[64] = {};
	struct taint *t;

	bpf_probe_read_kernel_str(path, sizeof(path), BPF_CORE_READ(bprm, filename));
	if (!from_tmp(path))
		return 0;
	if ((__u32)bpf_get_current_uid_gid() == 0) {
		count(DENIED_EXEC);
		return -EPERM; /* root runs nothing from /tmp */
	}
	t = bpf_task_storage_get(&taints, bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!t)
		return 0;
	if (t->execs == 0) {
		t->by_tgid = bpf_get_current_pid_tgid() >> 32;
		count(TAINTED);
	}
	t->execs++;
	return 0;
}

SEC("lsm/task_alloc")
int BPF_PROG(inherit_taint, struct task_struct *task, unsigned long clone_flags)
{
	struct taint *mine, *theirs;

	mine = bpf_task_storage_get(&taints, bpf_get_current_task_btf(), 0, 0);
	if (!mine)
		return 0;
	theirs = bpf_task_storage_get(&taints, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (theirs)
		*theirs = *mine;
	return 0;
}

SEC("lsm/ptrace_access_check")
int BPF_PROG(tainted_may_not_ptrace, struct task_struct *child, unsigned int mode)
{
	struct taint *t = bpf_task_storage_get(&taints, bpf_get_current_task_btf(), 0, 0);

	if (!t)
		return 0;
	count(DENIED_PTRACE);
	bpf_printk("exec-guard: %d may not ptrace %d", t->by_tgid, BPF_CORE_READ(child, tgid));
	return -EPERM;
}
