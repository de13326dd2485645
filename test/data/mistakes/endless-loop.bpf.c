// SPDX-License-Identifier: GPL-2.0
/* A loop whose end the verifier cannot see. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

volatile int go_on = 1;

SEC("lsm/file_open")
int BPF_PROG(endless, struct file *file)
{
	while (go_on)
		;
	return 0;
}
