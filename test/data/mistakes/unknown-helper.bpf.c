// SPDX-License-Identifier: GPL-2.0
/* LSM programs have no bpf_override_return(). */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

SEC("lsm/file_open")
int BPF_PROG(no_such_helper, struct file *file)
{
	bpf_override_return((void *)ctx, 1); /* HERE */
	return 0;
}
