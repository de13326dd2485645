/** The hook catalogue: which LSM hooks a kernel has, from its BTF, plus what was measured on it. */
import type { Btf } from '../bpf/index.ts';
import type { KernelProfile } from '../kernel/index.ts';
import { builtModules } from './order.ts';
import type { HookArg, HookInfo, ModuleName } from './types.ts';

/** Function-name prefixes by which a module's own hook functions show up in BTF. */
const PREFIXES: readonly (readonly [ModuleName, string])[] = [
  ['capability', 'cap_'],
  ['landlock', 'hook_'],
  ['yama', 'yama_'],
  ['apparmor', 'apparmor_'],
  ['selinux', 'selinux_'],
  ['tomoyo', 'tomoyo_'],
  ['ipe', 'ipe_'],
  ['ima', 'ima_'],
  ['evm', 'evm_'],
];

/**
 * `cap_*` functions that share a hook's name without being in capability's hook list: security.c calls them itself
 * when no module has an opinion (6.1: the reason for the setxattr bypass when bpf is in the order; kernel-notes).
 */
const CAP_NOT_HOOKS = new Set(['inode_setxattr', 'inode_removexattr', 'netlink_send', 'safe_nice']);

/**
 * Hooks seen (or known by contract) to run where sleeping is not allowed although they are not void.
 * inode_permission and inode_follow_link run in RCU path walk: MAY_NOT_BLOCK (0x80) in the mask recorded on 6.1 and 6.12.
 */
const RCU_HOOKS = new Set(['inode_permission', 'inode_follow_link']);

function hookNames(btf: Btf): readonly string[] {
  const id = btf.find('security_list_options', 'union');
  if (id === 0) return [];
  const t = btf.type(id);
  return t.kind === 'union' ? t.members.map((m) => m.name).filter((n) => n !== '') : [];
}

function protoOf(btf: Btf, func: string): { readonly ret: number; readonly args: readonly HookArg[] } | null {
  const id = btf.find(func, 'func');
  if (id === 0) return null;
  const f = btf.type(id);
  if (f.kind !== 'func') return null;
  const p = btf.type(f.type);
  if (p.kind !== 'func_proto') return null;
  return {
    ret: p.ret,
    args: p.params.map((a) => ({ name: a.name, type: btf.typeText(a.type), typeId: a.type })),
  };
}

/** Modules of this build whose own function for the hook is in the kernel's BTF. (6.1 calls IMA directly, not as an LSM.) */
function implementers(btf: Btf, hook: string, built: ReadonlySet<string>): readonly ModuleName[] {
  const out: ModuleName[] = [];
  if (hook === 'locked_down' && btf.find('lockdown_is_locked_down', 'func') !== 0) out.push('lockdown');
  for (const [module, prefix] of PREFIXES) {
    if (module !== 'capability' && !built.has(module)) continue;
    if (module === 'capability' && CAP_NOT_HOOKS.has(hook)) continue;
    if (btf.find(prefix + hook, 'func') !== 0) out.push(module);
  }
  out.push('bpf');
  return out;
}

/**
 * All hooks of a kernel, in the order of its hook list.
 * A hook is a member of `union security_list_options` that has a `bpf_lsm_<name>` function; the other `bpf_lsm_*`
 * functions are no hooks. Attachability, sleepability, defaults and return ranges were measured (profile facts).
 */
export function buildHookCatalogue(profile: KernelProfile): readonly HookInfo[] {
  const { btf, facts } = profile;
  const disabled = new Set(facts.disabled);
  const sleepable = new Set(facts.sleepable);
  const cgroup = new Set(facts.lsmCgroup);
  const bool = new Set(facts.boolRange);
  const built = builtModules(profile);
  const out: HookInfo[] = [];
  for (const name of hookNames(btf)) {
    const proto = protoOf(btf, `bpf_lsm_${name}`);
    if (!proto) continue;
    const isVoid = btf.kind(btf.strip(proto.ret)) === 'void';
    const attachable = !disabled.has(name);
    const measured = facts.defaults[name];
    out.push({
      name,
      args: proto.args,
      returns: isVoid ? 'void' : 'int',
      defaultReturn: isVoid ? null : (measured ?? 0),
      attachable,
      refusedBecause: attachable ? null : `points to disabled hook bpf_lsm_${name}`,
      sleepable: sleepable.has(name),
      cgroupAttachable: cgroup.has(name),
      returnRange:
        isVoid || !facts.returnRangeChecked ? null : bool.has(name) ? ([0, 1] as const) : ([-4095, 0] as const),
      tracingAttachable: btf.find(`security_${name}`, 'func') !== 0,
      context: sleepable.has(name) ? 'may-sleep' : RCU_HOOKS.has(name) ? 'rcu' : 'unknown',
      modules: implementers(btf, name, built),
    });
  }
  return out;
}
