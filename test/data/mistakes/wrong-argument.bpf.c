// SPDX-License-Identifier: GPL-2.0
/* bpf_ringbuf_submit() wants what bpf_ringbuf_reserve() gave. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

SEC("lsm/file_open")
int BPF_PROG(submit_number, struct file *file)
{
	bpf_ringbuf_submit((void *)bpf_get_current_pid_tgid(), 0); /* HERE */
	return 0;
}
