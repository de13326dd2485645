/** Small worlds and programs for the real-kernel tests. */
import type { TaskSpec } from '../../src/engine/kernel/index.ts';
import type { Scenario } from '../../src/engine/scenario/index.ts';

/** CAP_LAST_CAP of both kernels is checkpoint_restore. */
const ALL_CAPS = (
  'chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service ' +
  'net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin ' +
  'sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override ' +
  'mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore'
).split(' ');

export function task(name: string, pid: number, uid: number, more: Partial<TaskSpec> = {}): TaskSpec {
  return {
    name,
    pid,
    uid,
    gid: uid,
    caps: uid === 0 ? ALL_CAPS : [],
    exe: `/usr/bin/${name}`,
    comm: name,
    parent: null,
    apparmor: null,
    landlock: null,
    dumpable: true,
    ...more,
  };
}

export const emptyScenario: Scenario = {
  name: 'test',
  file: 'test.scenario.yaml',
  kernel: null,
  cmdline: null,
  policies: [],
  modules: { apparmor: { profiles: [] }, landlock: { rulesets: [] }, yama: { ptraceScope: 0 }, lockdown: 'none' },
  world: { tasks: [], files: [], sockets: [] },
  steps: [],
  maps: [],
  globals: [],
};

/** Raw instruction slots from hex. */
export const insns = (...hex: string[]): Uint8Array => new Uint8Array(Buffer.from(hex.join(''), 'hex'));
