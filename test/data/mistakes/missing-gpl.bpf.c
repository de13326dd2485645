// SPDX-License-Identifier: MIT
/* BPF LSM programs must be GPL compatible. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Proprietary";

SEC("lsm/file_open")
int BPF_PROG(not_gpl, struct file *file)
{
	return 0;
}
