// SPDX-License-Identifier: GPL-2.0
/* Addresses, ports and cgroup quotas: an LPM trie, maps in a map, socket storage, a cgroup program. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
char LICENSE[] SEC("license") = "Dual BSD/GPL";
#define AF_INET 2
#define AF_INET6 10
#define EPERM 1

struct lpm_key {
	__u32 prefixlen;

	union {
		__u8 v6[16];
		__be32 v4;
	} addr;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct lpm_key);
	__type(value, __u32);
} deny SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u64);
} cgroups SEC(".maps");

struct inner {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u16);
	__type(value, __u8);
} ports_a SEC(".maps"), ports_b SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct inner);
} ports SEC(".maps") = {.values = {[0] = &ports_a, [1] = (void *)&ports_b}};

struct seen {
	__u64 t;
	__u32 n;
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct seen);
} sks SEC(".maps");

static __always_inline int port_denied(__u32 which, __u16 port)
{
	void *inner = bpf_map_lookup_elem(&ports, &which);
	__u8 *v;
	if (!inner)
		return 0;
	v = bpf_map_lookup_elem(inner, &port);
	return v && *v;
}
SEC("lsm/socket_connect")

int BPF_PROG(on_connect, struct socket *sock, struct sockaddr *address, int addrlen, int ret)
{
	struct lpm_key k = {.prefixlen = 32};
	__u16 port = 0;
	__u32 *hit;
	__u64 cg = bpf_get_current_cgroup_id(), *quota;
	if (ret != 0)
		return ret;
	if (addrlen < (int)sizeof(__u16))
		return 0;
	switch (address->sa_family) {
	case AF_INET: {
		struct sockaddr_in *sin = (struct sockaddr_in *)address;
		if (addrlen < sizeof(*sin))
			return 0;
		k.addr.v4 = BPF_CORE_READ(sin, sin_addr.s_addr);
		port = bpf_ntohs(sin->sin_port);
		break;
	}
	case AF_INET6: {
		struct sockaddr_in6 *s6 = (void *)address;
		k.prefixlen = 128;
		BPF_CORE_READ_INTO(&k.addr.v6, s6, sin6_addr);
		port = bpf_ntohs(BPF_CORE_READ(s6, sin6_port));
		break;
	}
	default:
		return 0;
	}
	if (port_denied(address->sa_family == AF_INET6, port))
		return -EPERM;
	quota = bpf_map_lookup_elem(&cgroups, &cg);
	if (quota && __sync_sub_and_fetch(quota, 1) == 0)
		return -EPERM;
	hit = bpf_map_lookup_elem(&deny, &k);
	if (hit && (*hit & (1u << (port & 31))))
		return -EPERM;
	struct sock *sk = sock->sk;
	if (sk) {
		typeof(((typeof(&sks))0)->value) st =
		    bpf_sk_storage_get(&sks, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
		if (st) {
			st->t = bpf_ktime_get_ns();
			st->n++;
		}
	}
	return 0;
}
SEC("lsm/socket_bind")

int BPF_PROG(on_bind, struct socket *sock, struct sockaddr *address, int addrlen)
{
	struct sock *sk = BPF_CORE_READ(sock, sk);
	__u16 proto = 0;
	if (bpf_core_field_exists(sk->sk_protocol))
		proto = BPF_CORE_READ_BITFIELD_PROBED(sk, sk_protocol);
	bpf_printk("bind proto %d len %d", proto, addrlen);
	return proto == 17 ? -EPERM : 0;
}
SEC("lsm_cgroup/socket_create")

int BPF_PROG(cg_create, int family, int type, int protocol, int kern)
{
	return family == AF_INET6 ? 0 : 1;
}
