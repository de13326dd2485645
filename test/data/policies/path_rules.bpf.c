// SPDX-License-Identifier: GPL-2.0
/* Prefix rules in a map, matched by a callback of bpf_loop(); audit records. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#define EPERM 1
#define EACCES 13
char LICENSE[] SEC("license") = "GPL";

#define MAX_PATH 256
#define TASK_COMM 16

enum action { ALLOW, AUDIT, DENY };

struct rule {
	char prefix[64];
	__u32 len;
	enum action act;

	union {
		__u64 hits;

		struct {
			__u32 lo, hi;
		};
	};
};

struct event {
	u64 ts;
	u32 pid, uid;
	char comm[TASK_COMM];
	char path[MAX_PATH];
	int verdict;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16);
	__type(key, u32);
	__type(value, struct rule);
} rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} events SEC(".maps");

struct scratch {
	char path[MAX_PATH];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct scratch);
} heap SEC(".maps");

const volatile u32 nr_rules = 16;
const volatile bool enforcing = true;
static u64 total;

struct match_ctx {
	const char *path;
	long len;
	enum action act;
};

static __noinline bool has_prefix(const struct rule *r, const char *p)
{
	for (int i = 0; i < sizeof(r->prefix); i++) {
		if (i >= r->len)
			return true;
		if (r->prefix[i] != p[i])
			return false;
	}
	return true;
}

static long one_rule(u32 i, void *ctx)
{
	struct match_ctx *m = ctx;
	struct rule *r = bpf_map_lookup_elem(&rules, &i);
	u32 zero = 0;
	struct scratch *s;

	if (!r || !r->len)
		return 1;
	s = bpf_map_lookup_elem(&heap, &zero);
	if (!s)
		return 1;
	if (has_prefix(r, s->path)) {
		__sync_fetch_and_add(&r->hits, 1);
		m->act = r->act;
		return 1;
	}
	return 0;
}

SEC("lsm/file_open")

int BPF_PROG(guard_open, struct file *file)
{
	u32 zero = 0;
	struct scratch *s = bpf_map_lookup_elem(&heap, &zero);
	struct match_ctx m = {.act = ALLOW};
	struct event *e;

	if (!s)
		return 0;
	m.len = bpf_d_path(&file->f_path, s->path, sizeof(s->path));
	if (m.len < 0)
		return 0;
	bpf_loop(nr_rules, one_rule, &m, 0);
	total++;
	switch (m.act) {
	case ALLOW:
		return 0;
	case AUDIT ... DENY:
		break;
	}
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (e) {
		u64 id = bpf_get_current_pid_tgid();
		e->ts = bpf_ktime_get_ns();
		e->pid = id >> 32;
		e->uid = (u32)bpf_get_current_uid_gid();
		bpf_get_current_comm(e->comm, sizeof(e->comm));
		bpf_probe_read_kernel_str(e->path, sizeof(e->path), s->path);
		e->verdict = m.act == DENY && enforcing ? -EPERM : 0;
		bpf_ringbuf_submit(e, 0);
	}
	return m.act == DENY && enforcing ? -EPERM : 0;
}

SEC("lsm.s/bprm_check_security")

int BPF_PROG(guard_exec, struct linux_binprm *bprm)
{
	struct task_struct *t = bpf_get_current_task_btf();
	char buf[32] = {};

	if (bpf_copy_from_user(buf, sizeof(buf), (void *)bprm->p))
		return 0;
	if (BPF_CORE_READ(t, real_parent, tgid) == 1 && buf[0] == '/')
		return -EACCES;
	return 0;
}
