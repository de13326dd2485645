/** Builds the world of a scenario: the base file tree, the files, tasks and sockets that the scenario names. */
import { parseAddress } from './address.ts';
import {
  CAPABILITIES,
  FMODE_EXEC,
  FMODE_OPENED,
  FMODE_READ,
  FMODE_EXEC_FLAG,
  S_IFDIR,
  S_IFLNK,
  S_IFREG,
  TMPFS_MAGIC,
} from './constants.ts';
import type { Cred, Dentry, Path, Task } from './objects.ts';
import type { Net } from './net.ts';
import type { Tasks } from './tasks.ts';
import type { FileSpec, TaskSpec, WorldSpec } from './types.ts';
import type { Vfs } from './vfs.ts';
import { childText, pathText } from './structs/fs-structs.ts';

/** Directories that exist in every world, with their modes; owner root. */
export const BASE_DIRECTORIES: readonly (readonly [string, number])[] = [
  ['/bin', 0o755],
  ['/dev', 0o755],
  ['/etc', 0o755],
  ['/home', 0o755],
  ['/proc', 0o555],
  ['/root', 0o700],
  ['/run', 0o755],
  ['/sbin', 0o755],
  ['/srv', 0o755],
  ['/sys', 0o555],
  ['/tmp', 0o1777],
  ['/usr', 0o755],
  ['/usr/bin', 0o755],
  ['/usr/lib', 0o755],
  ['/usr/sbin', 0o755],
  ['/var', 0o755],
];

/** The name and program of pid 1, which every world has. */
export const INIT_NAME = 'init';
export const INIT_EXE = '/sbin/init';

const ROOT_DEV = 0x1a;
const DEFAULT_ENV = ['PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/'];
const START_TIME = 1_000_000_000n;

export const allCaps = (): Set<string> => new Set(CAPABILITIES);

/** @param net makes the sockets that exist from the beginning */
export function buildWorld(spec: WorldSpec, vfs: Vfs, tasks: Tasks, net: Net): void {
  createRoot(vfs);
  for (const file of spec.files) placeFile(vfs, file);
  const init: TaskSpec = {
    name: INIT_NAME,
    pid: 1,
    uid: 0,
    gid: 0,
    caps: CAPABILITIES,
    exe: INIT_EXE,
    comm: 'init',
    parent: null,
    apparmor: null,
    landlock: null,
    dumpable: true,
  };
  const specs = spec.tasks.some((t) => t.pid === 1 || t.name === INIT_NAME) ? spec.tasks : [init, ...spec.tasks];
  for (const t of specs) createTask(vfs, tasks, t);
  // Parents may be named later in the file than their children.
  for (const t of specs) {
    const task = tasks.byName.get(t.name)!;
    const parent = t.parent === null ? null : tasks.byName.get(t.parent);
    task.parent = parent ?? (task.isInit ? null : tasks.init);
    tasks.structs.syncTask(task);
    tasks.nextPid = Math.max(tasks.nextPid, t.pid + 1);
  }
  for (const s of spec.sockets) {
    const owner = tasks.byName.get(s.task);
    if (owner === undefined) continue;
    vfs.core.current = owner;
    const { sock } = net.create(s.family, s.type, s.name);
    const address = s.listen === undefined ? null : parseAddress(s.listen);
    if (address !== null && typeof address !== 'string') {
      net.bindNow(sock, address);
      if (s.type === 'stream') net.setState(sock, 'listening');
    }
  }
}

function createRoot(vfs: Vfs): void {
  const { structs } = vfs;
  const sb = structs.superBlock('tmpfs', TMPFS_MAGIC, ROOT_DEV, 1);
  const root = structs.dentry(sb, null, '/', '/');
  structs.instantiate(root, structs.inode(sb, { mode: S_IFDIR | 0o755, uid: 0, gid: 0 }, '/'));
  structs.setRoot(sb, root);
  const mnt = structs.mount(sb, root, null, null, 0, 'rootfs');
  vfs.mounts.push(mnt);
  vfs.root = { mnt, dentry: root };
  for (const [path, mode] of BASE_DIRECTORIES) makeDirectory(vfs, path, mode);
}

function makeDirectory(vfs: Vfs, path: string, mode: number): Dentry {
  let at: Path = vfs.root;
  for (const name of path.split('/').filter((p) => p !== '')) {
    const have = vfs.child(at.dentry, name);
    const dentry = have ?? vfs.place(at.dentry, name, { mode: S_IFDIR | 0o755, uid: 0, gid: 0 }, childText(at, name));
    at = { mnt: at.mnt, dentry };
  }
  const inode = at.dentry.inode!;
  inode.mode = S_IFDIR | mode;
  vfs.structs.syncInode(inode);
  return at.dentry;
}

function placeFile(vfs: Vfs, file: FileSpec): void {
  const parts = file.path.split('/').filter((p) => p !== '');
  const name = parts.pop();
  if (name === undefined) return;
  const parentPath = '/' + parts.join('/');
  const parent = existingDirectory(vfs, parentPath) ?? makeDirectory(vfs, parentPath, 0o755);
  const have = vfs.child(parent, name);
  if (have?.inode) {
    // A base directory that the scenario describes itself.
    Object.assign(have.inode, { mode: (have.inode.mode & 0o170000) | file.mode, uid: file.uid, gid: file.gid });
    vfs.structs.syncInode(have.inode);
    return;
  }
  const format = file.type === 'dir' ? S_IFDIR : file.type === 'symlink' ? S_IFLNK : S_IFREG;
  vfs.place(
    parent,
    name,
    {
      mode: format | (file.type === 'symlink' ? 0o777 : file.mode),
      uid: file.uid,
      gid: file.gid,
      target: file.type === 'symlink' ? (file.target ?? '') : null,
      content: file.type === 'file' ? (file.content ?? null) : null,
    },
    file.path,
  );
}

function existingDirectory(vfs: Vfs, path: string): Dentry | null {
  let at = vfs.root.dentry;
  for (const name of path.split('/').filter((p) => p !== '')) {
    const next = vfs.child(at, name);
    if (next === undefined) return null;
    at = next;
  }
  return at;
}

/** The dentry of a task's program; made when the scenario does not list it. */
function programOf(vfs: Vfs, exe: string): Dentry {
  const have = existingDirectory(vfs, exe);
  if (have !== null && have.inode !== null) return have;
  placeFile(vfs, { path: exe, type: 'file', mode: 0o755, uid: 0, gid: 0 });
  return existingDirectory(vfs, exe)!;
}

function createTask(vfs: Vfs, tasks: Tasks, spec: TaskSpec): void {
  const { uid, gid } = spec;
  const caps = new Set(spec.caps);
  const cred: Cred = tasks.copyCred(
    {
      uid,
      gid,
      suid: uid,
      sgid: gid,
      euid: uid,
      egid: gid,
      fsuid: uid,
      fsgid: gid,
      effective: caps,
      permitted: caps,
      inheritable: new Set(),
      bounding: allCaps(),
    },
    `of ${spec.name}`,
  );
  const program = programOf(vfs, spec.exe);
  const path = { mnt: vfs.root.mnt, dentry: program };
  const exe = vfs.structs.file(
    FMODE_EXEC_FLAG,
    FMODE_READ | FMODE_EXEC | FMODE_OPENED,
    cred,
    null,
    `${pathText(path)}, program of ${spec.name}`,
  );
  cred.refs++;
  vfs.attach(exe, path);
  exe.deniesWrite = true;
  program.inode!.writeCount--;
  const mm = tasks.structs.mm(exe, spec.dumpable, spec.name);
  const addr = tasks.structs.task(`${spec.name} (pid ${spec.pid})`, START_TIME + BigInt(spec.pid));
  const task: Task = {
    name: spec.name,
    addr,
    pid: spec.pid,
    comm: spec.comm,
    cred,
    mm,
    parent: null,
    tracer: null,
    // landlock_restrict_self(2) without CAP_SYS_ADMIN demands no_new_privs; who uses landlock sets it.
    noNewPrivs: spec.landlock !== null,
    isInit: spec.pid === 1,
    apparmor: spec.apparmor,
    landlock: spec.landlock === null ? [] : [spec.landlock],
    cwd: vfs.root,
    fds: new Map(),
    handles: new Map(),
    cloexec: new Set(),
    pidAddr: tasks.structs.pid(spec.pid),
    state: 'running',
  };
  tasks.byName.set(spec.name, task);
  tasks.structs.setArguments(mm, [spec.exe], DEFAULT_ENV);
  tasks.structs.syncTask(task);
  tasks.structs.setRootDir(task, vfs.root.mnt.vfs, vfs.root.dentry.addr);
}
