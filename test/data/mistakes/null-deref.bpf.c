// SPDX-License-Identifier: GPL-2.0
/* A map lookup can find nothing. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

SEC("lsm/file_open")
int BPF_PROG(no_null_check, struct file *file)
{
	__u32 key = bpf_get_current_uid_gid();
	__u64 *count = bpf_map_lookup_elem(&seen, &key);

	*count += 1; /* HERE */
	return 0;
}
