// SPDX-License-Identifier: GPL-2.0
/* shadow-guard: only root may open /etc/shadow, whatever its mode and group say. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define EPERM 1

char LICENSE[] SEC("license") = "GPL";

struct path_buf {
	char path[256];
};

/* bpf_d_path() wants a buffer that is too big for the 512-byte stack of a real policy. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct path_buf);
} scratch SEC(".maps");

/* uid -> how often we said no */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} denials SEC(".maps");

static const char guarded[] = "/etc/shadow";

static __always_inline void count_denial(__u32 uid)
{
	__u64 one = 1;
	__u64 *n = bpf_map_lookup_elem(&denials, &uid);

	if (n)
		__sync_fetch_and_add(n, 1);
	else
		bpf_map_update_elem(&denials, &uid, &one, BPF_NOEXIST);
}

SEC("lsm/file_open")
int BPF_PROG(shadow_guard, struct file *file)
{
	__u32 zero = 0;
	__u32 uid = bpf_get_current_uid_gid();
	struct path_buf *buf;
	long len;

	if (uid == 0)
		return 0;
	buf = bpf_map_lookup_elem(&scratch, &zero);
	if (!buf)
		return 0;
	len = bpf_d_path(&file->f_path, buf->path, sizeof(buf->path));
	if (len < 0)
		return 0;
	if (bpf_strncmp(buf->path, sizeof(guarded), guarded) != 0)
		return 0;
	count_denial(uid);
	bpf_printk("shadow-guard: uid %d may not open %s", uid, guarded);
	return -EPERM;
}
