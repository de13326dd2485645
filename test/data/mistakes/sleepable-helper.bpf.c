// SPDX-License-Identifier: GPL-2.0
/* bpf_copy_from_user() may sleep; this program may not. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

SEC("lsm/file_open")
int BPF_PROG(sleeps, struct file *file)
{
	char byte = 0;

	bpf_copy_from_user(&byte, sizeof(byte), (void *)0x1000); /* HERE */
	return 0;
}
