/* What the programs of this folder share. Names are RULE__CASE: the rules are listed in test/kernel/model-rules.ts. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

struct bytes {
	u8 b[64];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, struct bytes);
} values SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

/* The compiler must not know where a number came from. */
#define opaque(x) asm volatile("" : "+r"(x))

static __always_inline struct bytes *value(u32 key)
{
	return bpf_map_lookup_elem(&values, &key);
}
