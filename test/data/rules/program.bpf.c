// SPDX-License-Identifier: GPL-2.0
/* Rules about a program as a whole. */
#include "common.h"
char LICENSE[] SEC("license") = "GPL";

SEC("lsm/file_open")
int BPF_PROG(return_range__errno)
{
	return bpf_get_prandom_u32() & 1 ? -13 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(return_range__positive)
{
	return 1;
}

SEC("lsm/task_free")
int BPF_PROG(void_hook__any_value, struct task_struct *task)
{
	return task->pid;
}

SEC("lsm/audit_rule_known")
int BPF_PROG(bool_hook__one)
{
	return 1;
}

SEC("lsm/audit_rule_known")
int BPF_PROG(bool_hook__minus_one)
{
	return -1;
}

SEC("lsm/inode_permission")
int BPF_PROG(disabled_hook__not_disabled)
{
	return 0;
}

SEC("lsm/getprocattr")
int BPF_PROG(disabled_hook__disabled)
{
	return 0;
}

SEC("lsm.s/file_open")
int BPF_PROG(sleepable_hook__may)
{
	return 0;
}

SEC("lsm.s/task_free")
int BPF_PROG(sleepable_hook__must_not)
{
	return 0;
}

SEC("fmod_ret/security_file_open")
int BPF_PROG(fmod_ret__security_function)
{
	return -1;
}

SEC("fmod_ret/vfs_open")
int BPF_PROG(fmod_ret__other_function)
{
	return -1;
}

SEC("fexit/security_file_open")
int BPF_PROG(fexit__returns_zero)
{
	return 0;
}

SEC("fexit/security_file_open")
int BPF_PROG(fexit__returns_something)
{
	return 1;
}

static __noinline int half(u32 n)
{
	volatile u8 b[200];

	b[n & 127] = 1;
	return b[0];
}

static __noinline int more_than_half(u32 n)
{
	volatile u8 b[300];

	b[n & 127] = 1;
	return b[0];
}

SEC("lsm/file_open")
int BPF_PROG(stack_depth__fits)
{
	volatile u8 b[200];

	b[bpf_get_prandom_u32() & 127] = 1;
	return half(b[0]) == 9 ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(stack_depth__does_not_fit)
{
	volatile u8 b[300];

	b[bpf_get_prandom_u32() & 127] = 1;
	return more_than_half(b[0]) == 9 ? -1 : 0;
}

#define LEVEL(n, next)                        \
	static __noinline u32 level##n(u32 x) \
	{                                     \
		u32 y = next(x + 1);          \
		opaque(y);                    \
		return y + n;                 \
	}
static __noinline u32 level17(u32 x)
{
	opaque(x);
	return x * 3;
}
LEVEL(16, level17)
LEVEL(15, level16)
LEVEL(14, level15)
LEVEL(13, level14)
LEVEL(12, level13)
LEVEL(11, level12)
LEVEL(10, level11)
LEVEL(9, level10)
LEVEL(8, level9)
LEVEL(7, level8)
LEVEL(6, level7)
LEVEL(5, level6)
LEVEL(4, level5)
LEVEL(3, level4)
LEVEL(2, level3)

SEC("lsm/file_open")
int BPF_PROG(frames__eight)
{
	return level11(1) == 77 ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(frames__nine)
{
	return level10(1) == 77 ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(frames__sixteen)
{
	return level3(1) == 77 ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(frames__seventeen)
{
	return level2(1) == 77 ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(loop__ends)
{
	u32 n = 0;

	for (u32 i = 0; i < 30; i++)
		n += bpf_get_prandom_u32() & 1;
	return n == 30 ? -1 : 0;
}

SEC("lsm/file_open")
int BPF_PROG(loop__does_not_end)
{
	u32 n = 0;

	do
		asm volatile("" ::: "memory");
	while (*(volatile u32 *)&n == 0);
	return 0;
}
