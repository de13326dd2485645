/** Small worlds and programs for the real-kernel tests. */
import {
  BtfBuilder,
  ElfWriter,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_WRITE,
  STB_GLOBAL,
  STT_FUNC,
  STT_OBJECT,
  writeBtfExt,
} from '../../src/engine/bpf/index.ts';
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

/**
 * An object with `lsm/HOOK` programs made of raw instructions, without any compiler.
 * @param info function info in BTF: with it the laboratory traces runs one by one, without it counts them
 */
export function rawObject(
  programs: readonly { readonly name: string; readonly hook: string; readonly code: Uint8Array }[],
  info: boolean,
): Uint8Array {
  const elf = new ElfWriter();
  const btf = new BtfBuilder();
  const pointer = btf.addPtr(btf.addInt('unsigned long long', 8));
  const proto = btf.addFuncProto(btf.addInt('int', 4, { signed: true }), [{ name: 'ctx', type: pointer }]);
  const funcInfo = programs.map((p) => {
    const section = elf.addSection({ name: `lsm/${p.hook}`, data: p.code, flags: SHF_ALLOC | SHF_EXECINSTR, align: 8 });
    elf.addSymbol({ name: p.name, section, size: p.code.length, type: STT_FUNC, bind: STB_GLOBAL });
    return {
      sectionName: btf.string(`lsm/${p.hook}`),
      records: [{ insnOffset: 0, typeId: btf.addFunc(p.name, proto, 'global') }],
    };
  });
  const license = elf.addSection({
    name: 'license',
    data: new TextEncoder().encode('GPL\0'),
    flags: SHF_ALLOC | SHF_WRITE,
    align: 1,
  });
  elf.addSymbol({ name: 'LICENSE', section: license, size: 4, type: STT_OBJECT, bind: STB_GLOBAL });
  if (info) {
    elf.addSection({ name: '.BTF', data: btf.emit(), flags: 0, align: 4 });
    elf.addSection({
      name: '.BTF.ext',
      data: writeBtfExt({ funcInfo, lineInfo: [], coreRelos: [] }),
      flags: 0,
      align: 4,
    });
  }
  return elf.emit();
}

/** `return value` */
export const returns = (value: number): Uint8Array => {
  const code = insns('b700000000000000', '9500000000000000');
  new DataView(code.buffer).setInt32(4, value, true);
  return code;
};
