// SPDX-License-Identifier: GPL-2.0
/* An index that nobody checked. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

struct table {
	__u32 slot[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct table);
} tables SEC(".maps");

SEC("lsm/file_open")
int BPF_PROG(unchecked_index, struct file *file)
{
	__u32 zero = 0;
	__u32 uid = bpf_get_current_uid_gid();
	struct table *t = bpf_map_lookup_elem(&tables, &zero);

	if (!t)
		return 0;
	t->slot[uid] = 1; /* HERE */
	return 0;
}
