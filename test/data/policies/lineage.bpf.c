// SPDX-License-Identifier: GPL-2.0
/* Who started whom: task and inode storage, tail calls, kernel configuration, programs at functions. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
char LICENSE[] SEC("license") = "GPL";
#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + (c))
extern int LINUX_KERNEL_VERSION __kconfig;
extern bool CONFIG_BPF_LSM __kconfig __weak;

struct tinfo {
	u64 start;
	u32 depth;
	u8 flags : 3, tainted : 1, rest : 4;
	s8 why;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct tinfo);
} tasks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_INODE_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, u32);
} inodes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__uint(key_size, 4);
	__array(values, int(void *));
} tails SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} perf SEC(".maps");

static int walk(struct task_struct *t)
{
	int depth = 0;
#pragma unroll
	for (int i = 0; i < 8; i++) {
		struct task_struct *p = BPF_CORE_READ(t, real_parent);
		if (!p || p == t)
			break;
		if (BPF_CORE_READ(p, pid) == 1)
			break;
		depth++;
		t = p;
	}
	return depth;
}
SEC("lsm/bprm_committed_creds")

void BPF_PROG(committed, struct linux_binprm *bprm)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct tinfo *ti = bpf_task_storage_get(&tasks, t, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!ti)
		return;
	ti->start = bpf_ktime_get_boot_ns();
	ti->depth = walk(t);
	ti->tainted = bprm->file->f_inode->i_uid.val != 0;
	ti->flags |= 5;
	ti->why = -(s8)ti->flags;
}
SEC("lsm/bprm_creds_for_exec")

int BPF_PROG(creds, struct linux_binprm *bprm)
{
	struct {
		u32 pid;
		char name[64];
		long n;
	} ev = {};

	u32 *tag = bpf_inode_storage_get(&inodes, bprm->file->f_inode, 0, 0);
	ev.pid = bpf_get_current_pid_tgid();
	ev.n = bpf_probe_read_kernel_str(ev.name, sizeof(ev.name), bprm->filename);
	if (ev.n > 0 && ev.n < sizeof(ev.name) && ev.name[ev.n - 1] == 0)
		bpf_perf_event_output(ctx, &perf, BPF_F_CURRENT_CPU, &ev, sizeof(ev));
	if (tag && *tag == 0xdead) {
		bpf_tail_call(ctx, &tails, 1);
		return -13;
	}
	if (LINUX_KERNEL_VERSION >= KERNEL_VERSION(6, 2, 0) && !CONFIG_BPF_LSM)
		return -1;
	return 0;
}
SEC("?lsm/task_kill")

int BPF_PROG(kill, struct task_struct *p, struct kernel_siginfo *info, int sig, const struct cred *cred)
{
	static u32 count;
	if (sig == 9 && p->cred->uid.val == 0 && cred == NULL) {
		count++;
		return -1;
	}
	return 0;
}
SEC("fentry/security_task_prctl")

int BPF_PROG(f1, int option, unsigned long a2)
{
	if (option == 15)
		bpf_printk("%lu", a2);
	return 0;
}
SEC("fexit/security_file_open")

int BPF_PROG(f2, struct file *f, int ret)
{
	return ret ? 0 : f->f_flags & 1;
}
SEC("fmod_ret/security_file_permission")

int BPF_PROG(f3, struct file *f, int mask, int ret)
{
	if (ret == 0 && (mask & 2) && f->f_inode->i_sb->s_magic == 0xEF53)
		return -30;
	return ret;
}
