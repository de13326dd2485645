// SPDX-License-Identifier: GPL-2.0
/* Hooks return 0 or a negative errno. 6.1 does not check that (and fails the open with EINVAL), 6.12 does. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

SEC("lsm/file_open")
int BPF_PROG(positive, struct file *file)
{
	return (__u32)bpf_get_current_uid_gid() ? 13 : 0;
}
