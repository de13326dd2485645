// SPDX-License-Identifier: MIT
#include "common.h"
char LICENSE[] SEC("license") = "MIT";

SEC("lsm/file_open")
int BPF_PROG(gpl__other_licence)
{
	return 0;
}

SEC("fentry/security_file_open")
int BPF_PROG(gpl__helper_under_another_licence)
{
	bpf_printk("open");
	return 0;
}
