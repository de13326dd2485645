#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
struct task_struct___old { int nonesuch; } __attribute__((preserve_access_index));
struct file___x { unsigned int f_flags; } __attribute__((preserve_access_index));
enum e___mine { NOPE___mine = 3 };
typedef int *restrict counter_pointer; typedef const atomic_t fixed_counter;
__u64 out[40]; char name[16];
SEC("lsm/file_open")
int BPF_PROG(core, struct file *file)
{
	int n = 0; struct task_struct *t = (void *)bpf_get_current_task(); struct task_struct *b = bpf_get_current_task_btf();
	out[n++] = bpf_core_field_exists(t->pid); out[n++] = bpf_core_field_exists(((struct task_struct___old *)t)->nonesuch);
	out[n++] = bpf_core_field_size(t->comm); out[n++] = bpf_core_field_offset(struct task_struct, pid); out[n++] = bpf_core_field_offset(t->tgid);
	out[n++] = bpf_core_type_exists(struct file); out[n++] = bpf_core_type_exists(struct nonesuch_type___x); out[n++] = bpf_core_type_size(struct file); out[n++] = bpf_core_type_matches(struct file___x);
	out[n++] = bpf_core_type_exists(counter_pointer); out[n++] = bpf_core_type_size(fixed_counter);
	out[n++] = bpf_core_enum_value_exists(enum pid_type, PIDTYPE_TGID); out[n++] = bpf_core_enum_value(enum pid_type, PIDTYPE_SID);
	out[n++] = bpf_core_type_id_local(struct file) > 0; out[n++] = bpf_core_type_id_kernel(struct file) > 0;
	out[n++] = BPF_CORE_READ(t, real_parent, tgid); out[n++] = BPF_CORE_READ(file, f_path.dentry, d_name.len);
	BPF_CORE_READ_INTO(&out[n++], t, real_parent, real_parent, pid);
	BPF_CORE_READ_STR_INTO(&name, t, comm);
	bpf_core_read(&out[n++], 4, &t->pid); bpf_core_read_str(name, sizeof(name), &t->comm);
	out[n++] = BPF_PROBE_READ(t, real_parent, tgid); BPF_PROBE_READ_INTO(&out[n++], t, pid);
	BPF_PROBE_READ_STR_INTO(&name, t, comm);
	out[n++] = BPF_CORE_READ_BITFIELD_PROBED(t, sched_reset_on_fork); out[n++] = BPF_CORE_READ_BITFIELD(b, sched_reset_on_fork);
	out[n++] = ((struct file___x *)file)->f_flags;
	out[n++] = file->f_inode->i_sb->s_magic;
	out[n++] = b->comm[2]; out[n++] = t != 0;
	out[n++] = bpf_core_field_exists(struct task_struct, pid); out[n++] = bpf_core_field_size(struct task_struct, pid);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
