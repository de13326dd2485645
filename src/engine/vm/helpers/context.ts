/** Who is current, what time it is, and the arguments of the hooked function. */
import { EINVAL, ENAMETOOLONG, ENOENT, EOPNOTSUPP } from '../errno.ts';
import { noteStore } from '../access.ts';
import type { KAddr } from '../types.ts';
import type { Run } from '../run.ts';
import { helper, notModelled, type HelperFamily } from './table.ts';

/** CONFIG_HZ of Debian's kernels; jiffies start five minutes before they wrap at 32 bits (INITIAL_JIFFIES). */
const HZ = 250n;
const INITIAL_JIFFIES = 0xffffffffn + 1n - 300n * HZ;

const time = (run: Run): void => run.ret64(run.services.ktimeNs());

function comm(run: Run): void {
  const size = run.u32(2);
  const at = run.writable(1, size);
  run.mem.bytes.fill(0, at, at + size);
  const text = new TextEncoder().encode(run.services.currentComm()).subarray(0, Math.min(15, Math.max(0, size - 1)));
  run.mem.bytes.set(text, at);
  run.ret(0);
}

/**
 * bpf_d_path: the kernel builds the path at the end of the buffer and then moves it to the front, so the tail of the
 * buffer keeps a copy; programs that submit whole buffers let user space see that (kernel/trace/bpf_trace.c).
 */
function dPath(run: Run): void {
  const size = run.u32(3);
  if (size === 0) return run.ret(0);
  const at = run.writable(2, size);
  const text = run.services.dPath(run.ptr(1) as KAddr);
  if (typeof text === 'number') return run.ret(text);
  const bytes = new TextEncoder().encode(`${text}\0`);
  if (bytes.length > size) return run.ret(-ENAMETOOLONG);
  run.mem.bytes.set(bytes, at + size - bytes.length);
  run.mem.bytes.set(bytes, at);
  run.ret(bytes.length);
}

const hasReturn = (run: Run): boolean => {
  const type = run.program?.attach.progType;
  return type === 'fexit' || type === 'fmod_ret';
};

/** Arguments of the hooked function, as its BTF says; else all that were given but the return value. */
function argCount(run: Run): number {
  const btf = run.services.kernelBtf;
  const func = run.program === null ? undefined : btf?.type(run.program.attach.btfId);
  const proto = func?.kind === 'func' ? btf!.type(func.type) : undefined;
  return proto?.kind === 'func_proto' ? proto.params.length : run.argCount - (hasReturn(run) ? 1 : 0);
}

function copyArg(run: Run, index: number, to: number): void {
  const at = run.readable(1, (index + 1) * 8) + index * 8;
  run.mem.bytes.copyWithin(run.writable(to, 8), at, at + 8);
  run.ret(0);
}

function funcArg(run: Run): void {
  const n = run.u32(2);
  if (n >= argCount(run)) return run.ret(-EINVAL);
  copyArg(run, n, 3);
}

function funcRet(run: Run): void {
  if (!hasReturn(run)) return run.ret(-EOPNOTSUPP);
  copyArg(run, argCount(run), 2);
}

function nsPidTgid(run: Run): void {
  // (dev, ino, nsdata, size): the model has one pid name space, the initial one, and takes any dev and ino for it.
  const size = run.u32(4);
  const at = run.writable(3, size);
  run.mem.bytes.fill(0, at, at + size);
  if (size !== 8) return run.ret(-EINVAL);
  run.services.notModelled('bpf_get_ns_current_pid_tgid: dev and ino are not compared');
  const ids = run.services.currentPidTgid();
  run.mem.view.setUint32(at, Number(ids & 0xffffffffn), true);
  run.mem.view.setUint32(at + 4, Number(ids >> 32n), true);
  run.ret(0);
}

/** bpf_bprm_opts_set: sets or clears linux_binprm.secureexec, a bitfield, where the kernel's BTF says. */
function bprmOptsSet(run: Run): void {
  const flags = run.u64(2);
  if (flags > 1n) return run.ret(-EINVAL);
  const at = bitfield(run, 'linux_binprm', 'secureexec');
  if (at === undefined) {
    run.services.notModelled('bpf_bprm_opts_set without the kernel BTF');
    return run.ret(0);
  }
  const byte = run.ptr(1) + (at >> 3);
  if (!run.mem.addressable(byte, 1)) return run.ret(-EINVAL);
  noteStore(run, byte);
  const mask = 1 << (at & 7);
  run.mem.bytes[byte] = flags === 1n ? run.mem.bytes[byte] | mask : run.mem.bytes[byte] & ~mask;
  run.ret(0);
}

/** Bit offset of a member, looking into anonymous members. */
function bitfield(run: Run, struct: string, member: string): number | undefined {
  const btf = run.services.kernelBtf;
  if (btf === undefined) return undefined;
  const search = (id: number): number | undefined => {
    const t = btf.type(btf.strip(id));
    if (t.kind !== 'struct' && t.kind !== 'union') return undefined;
    for (const m of t.members) {
      if (m.name === member) return m.bitOffset;
      const inner = m.name === '' ? search(m.type) : undefined;
      if (inner !== undefined) return m.bitOffset + inner;
    }
    return undefined;
  };
  return search(btf.find(struct, 'struct'));
}

/** bpf_sock_from_file: file->private_data when it is a socket. */
function sockFromFile(run: Run): void {
  const bit = bitfield(run, 'file', 'private_data');
  const at = run.ptr(1) + (bit ?? 0) / 8;
  if (bit === undefined || !run.mem.addressable(at, 8)) {
    if (bit === undefined) run.services.notModelled('bpf_sock_from_file without the kernel BTF');
    return run.retPtr(0);
  }
  const target = run.mem.readPtr(at);
  // The kernel compares f_op with socket_file_ops; here the allocation says what it is.
  const isSocket = target !== 0 && run.mem.objectAt(target)?.label.startsWith('struct socket') === true;
  run.retPtr(isSocket ? target : 0);
}

export const contextHelpers: HelperFamily = {
  5: helper('ktime_get_ns', time),
  7: helper('get_prandom_u32', (run) => run.ret(run.machine.random() >>> 0)),
  8: helper('get_smp_processor_id', (run) => run.ret(0)),
  14: helper('get_current_pid_tgid', (run) => run.ret64(run.services.currentPidTgid())),
  15: helper('get_current_uid_gid', (run) => run.ret64(run.services.currentUidGid())),
  16: helper('get_current_comm', comm),
  22: notModelled('perf_event_read', -ENOENT),
  27: notModelled('get_stackid', -EINVAL),
  35: helper('get_current_task', (run) => run.retPtr(run.services.currentTask())),
  37: notModelled('current_task_under_cgroup', -EINVAL),
  42: helper('get_numa_node_id', (run) => run.ret(0)),
  46: notModelled('get_socket_cookie', 0),
  55: notModelled('perf_event_read_value', -ENOENT),
  67: notModelled('get_stack', -EINVAL),
  80: helper('get_current_cgroup_id', (run) => run.ret64(run.services.currentCgroupId())),
  109: notModelled('send_signal', 0),
  117: notModelled('send_signal_thread', 0),
  118: helper('jiffies64', (run) => run.ret64(INITIAL_JIFFIES + (run.services.ktimeNs() * HZ) / 1_000_000_000n)),
  120: helper('get_ns_current_pid_tgid', nsPidTgid),
  123: notModelled('get_current_ancestor_cgroup_id', 0),
  125: helper('ktime_get_boot_ns', time),
  136: notModelled('skc_to_tcp6_sock', 0),
  137: notModelled('skc_to_tcp_sock', 0),
  138: notModelled('skc_to_tcp_timewait_sock', 0),
  139: notModelled('skc_to_tcp_request_sock', 0),
  140: notModelled('skc_to_udp6_sock', 0),
  141: notModelled('get_task_stack', -EINVAL),
  147: helper('d_path', dPath),
  153: notModelled('per_cpu_ptr', 0),
  154: notModelled('this_cpu_ptr', 0),
  158: helper('get_current_task_btf', (run) => run.retPtr(run.services.currentTask())),
  159: helper('bprm_opts_set', bprmOptsSet),
  160: helper('ktime_get_coarse_ns', time),
  161: notModelled('ima_inode_hash', -EOPNOTSUPP),
  162: helper('sock_from_file', sockFromFile),
  173: notModelled('get_func_ip', 0),
  174: notModelled('get_attach_cookie', 0),
  175: notModelled('task_pt_regs', 0),
  176: notModelled('get_branch_snapshot', -ENOENT),
  178: notModelled('skc_to_unix_sock', 0),
  180: notModelled('find_vma', -ENOENT),
  183: helper('get_func_arg', funcArg),
  184: helper('get_func_ret', funcRet),
  185: helper('get_func_arg_cnt', (run) => run.ret(argCount(run))),
  186: notModelled('get_retval', 0),
  187: notModelled('set_retval', 0),
  193: notModelled('ima_file_hash', -EOPNOTSUPP),
  196: notModelled('skc_to_mptcp_sock', 0),
  208: helper('ktime_get_tai_ns', time),
};
