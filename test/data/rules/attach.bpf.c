// SPDX-License-Identifier: GPL-2.0
/* Rules about what tracing programs attach to, and about LSM programs of a cgroup. */
#include "common.h"
char LICENSE[] SEC("license") = "GPL";

static char text[64];

SEC("fmod_ret/bpf_modify_return_test")
int BPF_PROG(fmod_ret__function_made_for_it)
{
	return 0;
}

SEC("fmod_ret/__x64_sys_close")
int BPF_PROG(fmod_ret__system_call)
{
	return 0;
}

SEC("fmod_ret/__x64_sys_exit")
int BPF_PROG(fmod_ret__does_not_return)
{
	return 0;
}

SEC("fentry.s/bpf_fentry_test1")
int BPF_PROG(sleepable_function__made_for_it)
{
	bpf_copy_from_user(text, 8, (void *)0x1000);
	return 0;
}

SEC("fexit.s/__x64_sys_close")
int BPF_PROG(sleepable_function__system_call)
{
	bpf_copy_from_user(text, 8, (void *)0x1000);
	return 0;
}

SEC("fmod_ret.s/security_file_open")
int BPF_PROG(sleepable_function__modifiable_but_not_sleepable)
{
	return 0;
}

SEC("fentry.s/vfs_open")
int BPF_PROG(sleepable_function__any_other)
{
	return 0;
}

SEC("fentry/__rcu_read_lock")
int BPF_PROG(denied_function__closed_since_6_12)
{
	return 0;
}

SEC("fentry/migrate_disable")
int BPF_PROG(denied_function__bpf_runs_through_it)
{
	return 0;
}

SEC("fexit/migrate_enable")
int BPF_PROG(denied_function__bpf_leaves_through_it)
{
	return 0;
}

SEC("fentry/do_exit")
int BPF_PROG(no_return_function__before_it)
{
	return 0;
}

SEC("fexit/do_exit")
int BPF_PROG(no_return_function__behind_it)
{
	return 0;
}

SEC("fentry/from_kuid")
int BPF_PROG(signature__small_structure)
{
	return 0;
}

SEC("fentry/ns_to_timespec64")
int BPF_PROG(signature__returns_a_structure)
{
	return 0;
}

SEC("fexit/panic")
int BPF_PROG(signature__variable_arguments)
{
	return 0;
}

SEC("fentry/tcp_v6_send_response")
int BPF_PROG(signature__too_many_arguments)
{
	return 0;
}

SEC("lsm_cgroup/file_open")
int BPF_PROG(cgroup_only__path, struct file *file)
{
	bpf_d_path(&file->f_path, text, sizeof(text));
	return 1;
}

SEC("lsm_cgroup/file_permission")
int BPF_PROG(cgroup_only__path_at_another_hook, struct file *file)
{
	bpf_d_path(&file->f_path, text, sizeof(text));
	return 1;
}

SEC("lsm/file_open")
int BPF_PROG(machine_only__attach_cookie)
{
	return bpf_get_attach_cookie(ctx) == 77 ? -1 : 0;
}

SEC("lsm_cgroup/file_open")
int BPF_PROG(machine_only__attach_cookie_in_a_cgroup)
{
	return bpf_get_attach_cookie(ctx) == 77;
}

SEC("lsm/file_open")
int BPF_PROG(machine_only__number_of_arguments)
{
	return bpf_get_func_arg_cnt(ctx) == 77 ? -1 : 0;
}

SEC("lsm_cgroup/file_open")
int BPF_PROG(machine_only__number_of_arguments_in_a_cgroup)
{
	return bpf_get_func_arg_cnt(ctx) == 77;
}

SEC("lsm_cgroup/sk_alloc_security")
int BPF_PROG(cgroup_only__return_value_of_a_new_socket)
{
	return bpf_get_retval() == 0;
}

SEC("lsm_cgroup/socket_socketpair")
int BPF_PROG(cgroup_only__reads_a_socket_option, struct socket *a)
{
	struct sock *sk = a->sk;
	int value = 0;

	if (sk)
		bpf_getsockopt(sk, 1, 2, &value, sizeof(value));
	return 1;
}

SEC("lsm_cgroup/sk_alloc_security")
int BPF_PROG(cgroup_only__socket_option_of_a_new_socket, struct sock *sk)
{
	int value = 0;

	bpf_getsockopt(sk, 1, 2, &value, sizeof(value));
	return 1;
}

SEC("lsm/socket_socketpair")
int BPF_PROG(cgroup_only__socket_option_on_the_machine, struct socket *a)
{
	struct sock *sk = a->sk;
	int value = 0;

	if (sk)
		bpf_getsockopt(sk, 1, 2, &value, sizeof(value));
	return 0;
}

SEC("lsm_cgroup/socket_bind")
int BPF_PROG(cgroup_only__netns_cookie)
{
	return bpf_get_netns_cookie(ctx) != 77;
}
