// SPDX-License-Identifier: GPL-2.0
/* task_free runs where nothing may sleep. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

SEC("lsm.s/task_free")
int BPF_PROG(free_sleepable, struct task_struct *task)
{
	return 0;
}
