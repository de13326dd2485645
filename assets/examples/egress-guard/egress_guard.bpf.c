// SPDX-License-Identifier: GPL-2.0
/* egress-guard: no connections to blocked networks; every attempt leaves an audit record. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

#define EPERM 1
#define EACCES 13
#define AF_INET 2

char LICENSE[] SEC("license") = "GPL";

struct net_key {
	__u32 prefixlen;
	__u8 addr[4];
};

/* Networks nobody may connect to; the value is a rule number for the audit. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 256);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct net_key);
	__type(value, __u32);
} blocked SEC(".maps");

struct audit {
	__u32 tgid;
	__u32 ppid;
	__u32 rule;
	__u16 port;
	__u16 protocol;
	__u8 addr[4];
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

/* Forces struct audit into BTF, so that readers of the ring buffer know its layout. */
const struct audit *unused_audit __attribute__((unused));

/* Set by whoever loads the policy: 0 = only audit. (clang turns a bool here into arithmetic that 6.12 cannot bound.) */
const volatile __u32 enforce = 1;

__u64 attempts = 0;

static __always_inline void report(struct socket *sock, struct sockaddr_in *in, __u32 rule)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct audit *a = bpf_ringbuf_reserve(&events, sizeof(*a), 0);

	if (!a)
		return;
	a->tgid = bpf_get_current_pid_tgid() >> 32;
	a->ppid = BPF_CORE_READ(task, real_parent, tgid);
	a->rule = rule;
	a->port = bpf_ntohs(in->sin_port);
	a->protocol = BPF_CORE_READ(sock, sk, sk_protocol);
	__builtin_memcpy(a->addr, &in->sin_addr, sizeof(a->addr));
	bpf_get_current_comm(a->comm, sizeof(a->comm));
	bpf_ringbuf_submit(a, 0);
}

SEC("lsm/socket_connect")
int BPF_PROG(egress_guard, struct socket *sock, struct sockaddr *address, int addrlen, int ret)
{
	struct sockaddr_in *in = (struct sockaddr_in *)address;
	struct net_key key = { .prefixlen = 32 };
	__u32 *rule;

	/* Under fexit semantics an earlier denial arrives here; keep it. (6.12 refuses a return value that is not bounded.) */
	if (ret)
		return ret == -EACCES ? -EACCES : -EPERM;
	if (address->sa_family != AF_INET)
		return 0;
	__sync_fetch_and_add(&attempts, 1);
	__builtin_memcpy(key.addr, &in->sin_addr, sizeof(key.addr));
	rule = bpf_map_lookup_elem(&blocked, &key);
	if (!rule)
		return 0;
	report(sock, in, *rule);
	return enforce ? -EPERM : 0;
}
