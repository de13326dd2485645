/** The modelled kernel: one world, its system calls, and the services that programs ask for. */
import type { Btf } from '../bpf/index.ts';
import type { KAddr, KernelMemory, KernelServices } from '../vm/index.ts';
import { Core, type FreedKind, type KernelModelProfile } from './core.ts';
import { EINVAL, ENAMETOOLONG } from './errno.ts';
import { Net } from './net.ts';
import type { Path, Task } from './objects.ts';
import { pathText } from './structs/fs-structs.ts';
import { NetStructs } from './structs/net-structs.ts';
import { runSyscall } from './syscalls/index.ts';
import { Tasks } from './tasks.ts';
import type { CapName, HookSink, SyscallOutcome, SyscallSpec, WorldSpec } from './types.ts';
import { Vfs } from './vfs.ts';
import { buildWorld } from './world.ts';

/** A task at this moment, as LSM modules look at it. */
export interface TaskState {
  readonly name: string;
  readonly pid: number;
  readonly uid: number;
  readonly euid: number;
  readonly caps: ReadonlySet<CapName>;
  readonly permitted: ReadonlySet<CapName>;
  /** Name of the parent, null for init. */
  readonly parent: string | null;
  readonly apparmor: string | null;
  readonly landlock: readonly string[];
  readonly alive: boolean;
}

export interface Kernel {
  readonly services: KernelServices;
  /** From now on hooks are answered by `sink`. Building the world asked nobody. */
  setSink(sink: HookSink): void;
  /** Called when a kernel object that can have local storage is freed. */
  onFree(listener: (kind: FreedKind, addr: KAddr) => void): void;
  /** Runs one system call by a living task of the world. */
  syscall(task: string, call: SyscallSpec): SyscallOutcome;
  /** Undefined for a name that the world does not know (dead tasks are known). */
  task(name: string): TaskState | undefined;
  /** `ns_capable()` as a module asks it: a nested hook call for that task's credentials. */
  capable(task: string, cap: CapName): boolean;
  /** The task_struct of a task, for tests and views. */
  taskAddress(name: string): KAddr | undefined;
}

/** Everything that a system call works on. */
export interface KernelParts {
  readonly core: Core;
  readonly vfs: Vfs;
  readonly tasks: Tasks;
  readonly net: Net;
}

/** Builds the world in `memory` at the offsets of the profile's BTF. */
export function createKernel(profile: KernelModelProfile, world: WorldSpec, memory: KernelMemory): Kernel {
  const core = new Core(profile, memory);
  const tasks = new Tasks(core);
  tasks.structs.createShared();
  const vfs = new Vfs(core);
  const net = new Net(core, vfs, new NetStructs(core, tasks.structs.net));
  const parts: KernelParts = { core, vfs, tasks, net };
  buildWorld(world, vfs, tasks, net);
  core.current = tasks.init ?? [...tasks.byName.values()][0];
  core.takeNotModelled();
  const services = new Services(parts);

  return {
    services,
    setSink(sink) {
      core.sink = sink;
    },
    onFree(listener) {
      core.onFree = listener;
    },
    syscall: (task, call) => runSyscall(parts, task, call),
    task(name) {
      const t = tasks.byName.get(name);
      return t === undefined ? undefined : stateOf(t);
    },
    capable(name, cap) {
      const t = tasks.byName.get(name);
      return t !== undefined && core.credCapable(t.cred, cap, undefined, name) === null;
    },
    taskAddress: (name) => tasks.byName.get(name)?.addr,
  };
}

const stateOf = (t: Task): TaskState => ({
  name: t.name,
  pid: t.pid,
  uid: t.cred.uid,
  euid: t.cred.euid,
  caps: t.cred.effective,
  permitted: t.cred.permitted,
  parent: t.parent?.name ?? null,
  apparmor: t.apparmor,
  landlock: t.landlock,
  alive: t.state !== 'dead',
});

class Services implements KernelServices {
  readonly memory: KernelMemory;
  readonly #parts: KernelParts;

  constructor(parts: KernelParts) {
    this.#parts = parts;
    this.memory = parts.core.memory;
  }

  get kernelBtf(): Btf {
    return this.#parts.core.btf;
  }

  currentTask(): KAddr {
    return this.#current.addr;
  }

  currentPidTgid(): bigint {
    const pid = BigInt(this.#current.pid);
    return (pid << 32n) | pid;
  }

  /** The real ids, as bpf_get_current_uid_gid() reads cred->uid and cred->gid. */
  currentUidGid(): bigint {
    const { uid, gid } = this.#current.cred;
    return (BigInt(gid) << 32n) | BigInt(uid);
  }

  currentComm(): string {
    return this.#current.comm.slice(0, 15);
  }

  currentCgroupId(): bigint {
    return 1n;
  }

  ktimeNs(): bigint {
    return this.#parts.core.ktimeNs();
  }

  dPath(path: KAddr): string | number {
    const found = this.#findPath(path);
    if (found === null) return -EINVAL;
    const { sb } = found.dentry;
    if (sb.fsType === 'sockfs') return `socket:[${found.dentry.inode?.ino ?? 0}]`;
    const text = pathText(found);
    return text.length >= 4096 ? -ENAMETOOLONG : text;
  }

  readUser(addr: bigint, size: number): Uint8Array | undefined {
    const region = this.#region(addr, size);
    if (region === undefined) return undefined;
    const at = Number(addr - region.start);
    return region.bytes.slice(at, at + size);
  }

  writeUser(addr: bigint, data: Uint8Array): boolean {
    const region = this.#region(addr, data.length);
    if (region === undefined) return false;
    region.bytes.set(data, Number(addr - region.start));
    return true;
  }

  notModelled(what: string): void {
    this.#parts.core.notModelled(what);
  }

  get #current(): Task {
    return this.#parts.core.current;
  }

  #region(addr: bigint, size: number): { start: bigint; bytes: Uint8Array } | undefined {
    return this.#current.mm.regions.find(
      (r) => addr >= r.start && addr + BigInt(size) <= r.start + BigInt(r.bytes.length),
    );
  }

  /** Reads the struct path and finds the objects that its pointers name. */
  #findPath(path: KAddr): Path | null {
    const { core, vfs } = this.#parts;
    const mntAddr = core.writer.getPtr(path, 'path', 'mnt');
    const dentryAddr = core.writer.getPtr(path, 'path', 'dentry');
    if (mntAddr === 0 || dentryAddr === 0) return null;
    const mnt = vfs.structs.mountAt(mntAddr);
    const dentry = vfs.structs.dentryAt(dentryAddr);
    return mnt === undefined || dentry === undefined ? null : { mnt, dentry };
  }
}
