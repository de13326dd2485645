/** All system calls by name, and how one runs: current is set, hooks are asked, late events happen, strace prints. */
import { MAP_FLAGS, PROT_FLAGS, flagText } from '../constants.ts';
import { ENOSYS, ESRCH, resultText } from '../errno.ts';
import type { KernelParts } from '../kernel.ts';
import { Fail } from '../objects.ts';
import type { SyscallOutcome, SyscallSpec } from '../types.ts';
import { bpf } from './bpf.ts';
import { chmod, chmodText } from './attributes.ts';
import { execText, execve } from './exec.ts';
import { close, mmap, read, write } from './files.ts';
import { mount, mountText } from './mount.ts';
import { flagBits, openText, openat } from './open.ts';
import { exit, fork, kill, ptrace, setuid } from './process.ts';
import { bind, connect, listen, socket } from './socket.ts';
import { mkdir, rename, unlink } from './tree.ts';

export function runSyscall(k: KernelParts, taskName: string, call: SyscallSpec): SyscallOutcome {
  const { core, tasks } = k;
  const task = tasks.byName.get(taskName);
  if (task === undefined || task.state !== 'running') {
    const why = task === undefined ? 'does not exist' : task.state === 'dead' ? 'is dead' : 'is stopped';
    return {
      ret: -ESRCH,
      decidedBy: 'kernel',
      text: `${call.call}: not run, task ${taskName} ${why}`,
      notModelled: [],
    };
  }
  core.current = task;
  core.tick();
  const text = callText(k, call);
  let ret: number;
  let decidedBy: string | null = null;
  try {
    ret = dispatch(k, call);
  } catch (e) {
    if (!(e instanceof Fail)) throw e;
    ret = e.ret;
    decidedBy = e.by;
  }
  core.runDeferred();
  const end = call.call === 'exit' && decidedBy === null ? '= ?' : resultText(ret);
  return { ret, decidedBy, text: `${text} ${end}`, notModelled: core.takeNotModelled() };
}

function dispatch(k: KernelParts, call: SyscallSpec): number {
  switch (call.call) {
    case 'openat':
      return openat(k, call);
    case 'close':
      return close(k, call);
    case 'read':
      return read(k, call);
    case 'write':
      return write(k, call);
    case 'execve':
      return execve(k, call);
    case 'fork':
      return fork(k, call);
    case 'exit':
      return exit(k, call);
    case 'socket':
      return socket(k, call);
    case 'connect':
      return connect(k, call);
    case 'bind':
      return bind(k, call);
    case 'listen':
      return listen(k, call);
    case 'ptrace':
      return ptrace(k, call);
    case 'kill':
      return kill(k, call);
    case 'chmod':
      return chmod(k, call);
    case 'unlink':
      return unlink(k, call);
    case 'mkdir':
      return mkdir(k, call);
    case 'rename':
      return rename(k, call);
    case 'mmap':
      return mmap(k, call);
    case 'mount':
      return mount(k, call);
    case 'bpf':
      return bpf(k, call);
    case 'setuid':
      return setuid(k, call);
    default:
      return -ENOSYS;
  }
}

const AF_NAMES = { inet: 'AF_INET', inet6: 'AF_INET6', unix: 'AF_UNIX' } as const;
const REQUESTS = { attach: 'PTRACE_ATTACH', seize: 'PTRACE_SEIZE', traceme: 'PTRACE_TRACEME' } as const;

/** The call as strace prints it, without the result. */
function callText(k: KernelParts, c: SyscallSpec): string {
  const fd = (handle: string) => String(k.core.current.handles.get(handle) ?? -1);
  const pid = (name: string) => String(k.tasks.byName.get(name)?.pid ?? 0);
  const q = (s: string) => JSON.stringify(s);
  switch (c.call) {
    case 'openat':
      return openText(c);
    case 'close':
      return `close(${fd(c.fd)})`;
    case 'read':
    case 'write':
      return `${c.call}(${fd(c.fd)}, ..., ${c.size})`;
    case 'execve':
      return execText(c);
    case 'fork':
      return 'fork()';
    case 'exit':
      return `exit(${c.code})`;
    case 'socket':
      return `socket(${AF_NAMES[c.family]}, SOCK_${c.type.toUpperCase()}, 0)`;
    case 'connect':
    case 'bind':
      return `${c.call}(${fd(c.fd)}, ${addressArgument(c.address)})`;
    case 'listen':
      return `listen(${fd(c.fd)}, 128)`;
    case 'ptrace':
      return c.request === 'traceme'
        ? 'ptrace(PTRACE_TRACEME)'
        : `ptrace(${REQUESTS[c.request]}, ${pid(c.target ?? '')})`;
    case 'kill':
      return `kill(${pid(c.target)}, ${c.signal})`;
    case 'chmod':
      return chmodText(c);
    case 'unlink':
      return `unlink(${q(c.path)})`;
    case 'mkdir':
      return `mkdir(${q(c.path)}, 0${c.mode.toString(8)})`;
    case 'rename':
      return `rename(${q(c.path)}, ${q(c.to)})`;
    case 'mmap': {
      const prot = flagText(flagBits(c.prot, PROT_FLAGS), PROT_FLAGS, 'PROT_NONE');
      const flags = flagText(flagBits(c.flags, MAP_FLAGS), MAP_FLAGS, '0');
      return `mmap(NULL, ${c.size}, ${prot}, ${flags}, ${c.fd === null ? '-1' : fd(c.fd)}, 0)`;
    }
    case 'mount':
      return mountText(c);
    case 'bpf':
      return `bpf(BPF_${c.cmd.toUpperCase()}, ...)`;
    case 'setuid':
      return `setuid(${c.uid})`;
  }
}

/** As strace prints a sockaddr. */
function addressArgument(address: string): string {
  if (address.startsWith('/') || address.startsWith('@'))
    return `{sa_family=AF_UNIX, sun_path=${JSON.stringify(address)}}`;
  const at = address.lastIndexOf(':');
  const [host, port] = [address.slice(0, at), address.slice(at + 1)];
  return host.startsWith('[')
    ? `{sa_family=AF_INET6, sin6_port=htons(${port}), sin6_addr=${host.slice(1, -1)}}`
    : `{sa_family=AF_INET, sin_port=htons(${port}), sin_addr=inet_addr("${host}")}`;
}
