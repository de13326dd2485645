// SPDX-License-Identifier: GPL-2.0
/* getprocattr is on the kernel's list of hooks that bpf may not attach to. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

SEC("lsm/getprocattr")
int BPF_PROG(disabled, struct task_struct *p, const char *name)
{
	return 0;
}
