// SPDX-License-Identifier: GPL-2.0
/* Each program but a few has one mistake; what the verifiers say of it differs between kernels. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
char LICENSE[] SEC("license") = "GPL";

struct v {
	u32 a[10];
	u64 tail;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, struct v);
} m SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} rb SEC(".maps");
SEC("lsm/inode_unlink")

int BPF_PROG(b1, struct inode *dir, struct dentry *d)
{
	u32 k = 1;
	struct v *v = bpf_map_lookup_elem(&m, &k);
	return -(int)v->a[0];
}
SEC("lsm/inode_rmdir")

int BPF_PROG(b2, struct inode *dir, struct dentry *d)
{
	u32 k = 1;
	struct v *v = bpf_map_lookup_elem(&m, &k);
	if (!v)
		return 0;
	u32 i = dir->i_ino;
	if (i > 10)
		return 0;
	return v->a[i] ? -1 : 0;
}
SEC("lsm/inode_mkdir")

int BPF_PROG(b3, struct inode *dir, struct dentry *d, umode_t mode)
{
	u32 *e = bpf_ringbuf_reserve(&rb, 8, 0);
	if (!e)
		return 0;
	*e = mode;
	if (mode & 1)
		return -1;
	bpf_ringbuf_submit(e, 0);
	return 0;
}
SEC("lsm/inode_mknod")

int BPF_PROG(b4, struct inode *dir, struct dentry *d, umode_t mode, dev_t dev)
{
	return mode;
}
SEC("lsm/inode_rename")

int BPF_PROG(b5, struct inode *od, struct dentry *o, struct inode *nd, struct dentry *n)
{
	return n->d_inode->i_ino == 7 ? -1 : 0;
}
SEC("lsm/inode_setattr")

int BPF_PROG(b6, struct dentry *d, struct iattr *a)
{
	a->ia_mode = 0;
	return 0;
}
SEC("lsm/inode_getattr")

int BPF_PROG(b7, const struct path *p)
{
	char buf[16];
	bpf_d_path((struct path *)p, buf, sizeof(buf));
	return 0;
}
SEC("lsm/inode_readlink")

int BPF_PROG(b8, struct dentry *d)
{
	char c;
	const char *s = (const char *)d->d_name.name;
	c = s[0];
	return c == '.' ? -1 : 0;
}
SEC("lsm/inode_symlink")

int BPF_PROG(b10, struct inode *dir, struct dentry *d, const char *name)
{
	char b[8];
	return b[3] == name[0] ? -1 : 0;
}
SEC("lsm/inode_free_security")

int BPF_PROG(b11, struct inode *i)
{
	return i->i_ino == 1 ? -1 : 0;
}
SEC("lsm/inode_link")

int BPF_PROG(b12, struct dentry *od, struct inode *dir, struct dentry *nd)
{
	char b[64];
	bpf_copy_from_user(b, sizeof b, (void *)od);
	return 0;
}
SEC("lsm/vm_enough_memory")

int BPF_PROG(b13, struct mm_struct *mm, long pages)
{
	return pages > 1000 ? 1 : 0;
}
SEC("lsm/getprocattr")

int BPF_PROG(b14, struct task_struct *p)
{
	return 0;
}
SEC("lsm/inode_need_killpriv")

int BPF_PROG(b15, struct dentry *d)
{
	return 1;
}
SEC("lsm/file_ioctl")

int BPF_PROG(b16, struct file *f, unsigned int cmd, unsigned long arg)
{
	u32 k = cmd;
	struct v *v = bpf_map_lookup_elem(&m, &k);
	if (v) {
		u64 o = arg & 63;
		*(u8 *)((void *)v + o) = 1;
	}
	return 0;
}
