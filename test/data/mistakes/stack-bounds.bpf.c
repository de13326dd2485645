// SPDX-License-Identifier: GPL-2.0
/* A write to the stack at an offset that nobody checked. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

SEC("lsm/file_open")
int BPF_PROG(stack_index, struct file *file)
{
	volatile char buf[16] = {};
	__u64 at = bpf_get_current_pid_tgid();

	buf[at] = 1; /* HERE */
	return -(buf[3] & 1);
}
