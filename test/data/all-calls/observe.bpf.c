// SPDX-License-Identifier: GPL-2.0
/* Watches many hooks and decides nothing: who is called, and how often, is what the kernel test compares. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

#define OBSERVE(hook) \
	SEC("lsm/" #hook) \
	int see_##hook(unsigned long long *ctx) \
	{ \
		return 0; \
	}

OBSERVE(file_open)
OBSERVE(file_permission)
OBSERVE(bprm_check_security)
OBSERVE(task_alloc)
OBSERVE(task_kill)
OBSERVE(task_fix_setuid)
OBSERVE(ptrace_access_check)
OBSERVE(socket_create)
OBSERVE(socket_bind)
OBSERVE(socket_connect)
OBSERVE(socket_listen)
OBSERVE(path_unlink)
OBSERVE(path_mkdir)
OBSERVE(path_rename)
OBSERVE(path_chmod)
OBSERVE(path_mknod)
OBSERVE(inode_create)
OBSERVE(inode_unlink)
OBSERVE(inode_mkdir)
OBSERVE(mmap_file)
OBSERVE(sb_mount)
OBSERVE(bpf)
OBSERVE(capable)
