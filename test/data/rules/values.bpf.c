// SPDX-License-Identifier: GPL-2.0
/* What is known of numbers: an index into 64 bytes shows it. */
#include "common.h"
char LICENSE[] SEC("license") = "GPL";

SEC("lsm/file_open")
int BPF_PROG(tnum__mask_inside)
{
	struct bytes *v = value(0);
	u32 i = bpf_get_prandom_u32();

	if (v)
		v->b[i & 0x3c] = 1;
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(tnum__mask_too_wide)
{
	struct bytes *v = value(0);
	u32 i = bpf_get_prandom_u32();

	if (v)
		v->b[i & 0x5c] = 1;
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(unsigned64__checked)
{
	struct bytes *v = value(0);
	u64 i = bpf_ktime_get_ns();

	opaque(i);
	if (v && i < 64)
		v->b[i] = 1;
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(unsigned64__one_too_many)
{
	struct bytes *v = value(0);
	u64 i = bpf_ktime_get_ns();

	opaque(i);
	if (v && i <= 64)
		v->b[i] = 1;
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(signed64__both_ends)
{
	struct bytes *v = value(0);
	s64 i = bpf_ktime_get_ns();

	opaque(i);
	if (!v || i < 0)
		return 0;
	opaque(i);
	if (i < 64)
		v->b[i] = 1;
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(signed64__one_end)
{
	struct bytes *v = value(0);
	s64 i = bpf_ktime_get_ns();

	opaque(i);
	if (v && i < 64)
		v->b[i] = 1;
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(range32__of_a_32_bit_number)
{
	struct bytes *v = value(0);
	u32 i = bpf_get_prandom_u32();

	opaque(i);
	if (v && i < 64)
		v->b[i] = 1;
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(range32__low_half_only)
{
	struct bytes *v = value(0);
	u64 i = bpf_ktime_get_ns();

	if (!v)
		return 0;
	asm goto("if %w[i] > 63 goto %l[out]" : : [i] "r"(i) : : out);
	v->b[i] = 1;
out:
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(refinement__bit_is_out_of_range)
{
	struct bytes *v = value(0);
	u64 i = bpf_ktime_get_ns();

	opaque(i);
	if (!v || i > 63)
		return 0;
	opaque(i);
	v->b[63 + (i & 64)] = 1;
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(refinement__bit_is_in_range)
{
	struct bytes *v = value(0);
	u64 i = bpf_ktime_get_ns();

	opaque(i);
	if (!v || i > 64)
		return 0;
	opaque(i);
	v->b[63 + (i & 64)] = 1;
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(operands__bound_by_a_number)
{
	struct bytes *v = value(0);
	u64 i = bpf_get_prandom_u32(), n = bpf_get_prandom_u32() & 63;

	opaque(i);
	opaque(n);
	if (v && i < n)
		v->b[i] = 1;
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(operands__by_a_large_number)
{
	struct bytes *v = value(0);
	u64 i = bpf_get_prandom_u32(), n = bpf_get_prandom_u32() & 127;

	opaque(i);
	opaque(n);
	if (v && i < n)
		v->b[i] = 1;
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(linked__copy_is_checked)
{
	struct bytes *v = value(0);
	u64 i = bpf_get_prandom_u32(), j;

	asm volatile("%0 = %1" : "=r"(j) : "r"(i));
	if (v && j < 64)
		v->b[i] = 1;
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(linked__copy_is_changed)
{
	struct bytes *v = value(0);
	u64 i = bpf_get_prandom_u32(), j;

	asm volatile("%0 = %1; %0 ^= 1" : "=&r"(j) : "r"(i));
	if (v && j < 64)
		v->b[i] = 1;
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(add_const__sum_is_checked)
{
	struct bytes *v = value(0);
	u64 i = bpf_get_prandom_u32() & 0xffff, j;

	opaque(i);
	asm volatile("%0 = %1; %0 += 8" : "=&r"(j) : "r"(i));
	if (v && j < 72)
		v->b[i] = 1;
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(add_const__too_large)
{
	struct bytes *v = value(0);
	u64 i = bpf_get_prandom_u32() & 0xffff, j;

	opaque(i);
	asm volatile("%0 = %1; %0 += 8" : "=&r"(j) : "r"(i));
	if (v && j < 73)
		v->b[i] = 1;
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(sign_extension__both_ends)
{
	struct bytes *v = value(0);
	s64 i = (s8)bpf_get_prandom_u32();

	opaque(i);
	if (v && i >= 0)
		v->b[i & 63] = v->b[i >> 1];
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(sign_extension__negative)
{
	struct bytes *v = value(0);
	s64 i = (s8)bpf_get_prandom_u32();

	opaque(i);
	if (v)
		v->b[0] = v->b[i >> 1];
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(alu32__high_half_is_cleared)
{
	struct bytes *v = value(0);
	u64 i = bpf_ktime_get_ns();

	asm volatile("%w0 >>= 26" : "+r"(i));
	if (v)
		v->b[i] = 1;
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(alu32__wraps)
{
	struct bytes *v = value(0);
	u64 i = bpf_get_prandom_u32() & 63;

	asm volatile("%w0 += -1" : "+r"(i));
	if (v)
		v->b[i] = 1;
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(byte_swap__masked_after)
{
	struct bytes *v = value(0);
	u64 i = bpf_get_prandom_u32();

	asm volatile("%0 = be16 %0" : "+r"(i));
	if (v)
		v->b[i & 63] = 1;
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(byte_swap__masked_before)
{
	struct bytes *v = value(0);
	u64 i = bpf_get_prandom_u32() & 63;

	asm volatile("%0 = be16 %0" : "+r"(i));
	if (v)
		v->b[i] = 1;
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(atomic__add_to_a_map_value)
{
	struct bytes *v = value(0);

	if (v)
		__sync_fetch_and_add((u64 *)&v->b[8], 1);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(atomic__add_to_a_kernel_struct, struct file *file)
{
	__sync_fetch_and_add(&file->f_flags, 1);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(atomic__misaligned)
{
	struct bytes *v = value(0);

	if (v)
		__sync_fetch_and_add((u64 *)&v->b[4], 1);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(pruning__difference_without_effect, struct file *file)
{
	struct bytes *v = value(0);
	u64 i = 0;

	if (bpf_get_prandom_u32() & 1)
		i = 70;
	opaque(i);
	if (v)
		v->b[0] = i;
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(pruning__second_path_matters, struct file *file)
{
	struct bytes *v = value(0);
	u64 i = 0;

	if (bpf_get_prandom_u32() & 1)
		i = 70;
	opaque(i);
	if (v)
		v->b[i] = 1;
	return 0;
}
