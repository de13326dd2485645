// SPDX-License-Identifier: GPL-2.0
/* What is reserved must be submitted or discarded on every path. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

struct event {
	__u32 uid;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

SEC("lsm/file_open")
int BPF_PROG(leak, struct file *file)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e)
		return 0;
	e->uid = bpf_get_current_uid_gid();
	if (e->uid == 0)
		return 0;
	bpf_ringbuf_submit(e, 0);
	return 0;
}
