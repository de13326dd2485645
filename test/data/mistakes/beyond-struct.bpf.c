// SPDX-License-Identifier: GPL-2.0
/* An offset behind the end of struct file. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

SEC("lsm/file_open")
int BPF_PROG(beyond, struct file *file)
{
	return *(volatile int *)((char *)file + 20000) ? -1 : 0; /* HERE */
}
