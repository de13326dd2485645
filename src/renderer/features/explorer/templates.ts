/** What new files start with: small, complete, and true. */
export const NEW_POLICY = `// SPDX-License-Identifier: GPL-2.0
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

SEC("lsm/file_open")
int BPF_PROG(my_policy, struct file *file)
{
	return 0;
}
`;

export const newScenario = (policy: string): string => `name: my scenario
policies: [${policy}]
tasks:
  - { name: user, pid: 100, uid: 1000, gid: 1000, exe: /usr/bin/cat }
files:
  - { path: /etc/hostname, mode: "0644", uid: 0, gid: 0 }
steps:
  - task: user
    openat: { path: /etc/hostname, flags: [O_RDONLY] }
`;
