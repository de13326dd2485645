// SPDX-License-Identifier: GPL-2.0
/* Kernel objects are read-only for LSM programs. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

SEC("lsm/file_open")
int BPF_PROG(write_file, struct file *file)
{
	file->f_flags = 0; /* HERE */
	return 0;
}
