/** Files: the tree, path walks with the kernel's permission checks and hooks, open files and their lifetimes. */
import { assert } from '../../base/index.ts';
import {
  FMODE_OPENED,
  FMODE_PATH,
  FMODE_WRITE,
  MAY_EXEC,
  MAY_NOT_BLOCK,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
} from './constants.ts';
import { numArg, ptrArg, type Arg, type Core } from './core.ts';
import { ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, EBADF } from './errno.ts';
import {
  Fail,
  type Cred,
  type Dentry,
  type Inode,
  type Mount,
  type OpenFile,
  type Path,
  type Sock,
} from './objects.ts';
import { inodeArg, inodePermission } from './permission.ts';
import { FsStructs, childText, pathText } from './structs/fs-structs.ts';

const PATH_MAX = 4096;
const NAME_MAX = 255;
/** MAXSYMLINKS */
const MAX_SYMLINKS = 40;
const FIRST_FD = 3;

export const isDirectory = (inode: Inode | null): boolean => inode !== null && (inode.mode & S_IFMT) === S_IFDIR;
export const isSymlink = (inode: Inode | null): boolean => inode !== null && (inode.mode & S_IFMT) === S_IFLNK;

/** Where a path ends, before its last component is looked up. */
export interface ParentLookup {
  readonly dir: Path;
  /** `''` when the path is a root itself. */
  readonly last: string;
  readonly trailingSlash: boolean;
}

export class Vfs {
  readonly core: Core;
  readonly structs: FsStructs;
  readonly mounts: Mount[] = [];
  root!: Path;

  constructor(core: Core) {
    this.core = core;
    this.structs = new FsStructs(core);
  }

  // ---- the tree ----------------------------------------------------------------------------------------------

  child(dir: Dentry, name: string): Dentry | undefined {
    return dir.children.get(name);
  }

  /** The dentry of a name, made negative when it does not exist (d_alloc). */
  lookupOrNegative(dir: Path, name: string): Dentry {
    let d = dir.dentry.children.get(name);
    if (d === undefined) {
      if (new TextEncoder().encode(name).length > NAME_MAX) throw new Fail(-ENAMETOOLONG, 'kernel');
      d = this.structs.dentry(dir.dentry.sb, dir.dentry, name, childText(dir, name));
      dir.dentry.children.set(name, d);
    }
    return d;
  }

  /** Puts an inode behind a dentry without asking anybody: how the world begins. */
  place(
    dir: Dentry,
    name: string,
    spec: { mode: number; uid: number; gid: number; target?: string | null; content?: string | null },
    label: string,
  ): Dentry {
    const dentry = this.structs.dentry(dir.sb, dir, name, label);
    dir.children.set(name, dentry);
    this.structs.instantiate(dentry, this.structs.inode(dir.sb, spec, label));
    return dentry;
  }

  /** Follows mounts on top of a directory. */
  cross(path: Path): Path {
    let at = path;
    for (;;) {
      const over = [...this.mounts].reverse().find((m) => m.parent === at.mnt && m.mountpoint === at.dentry);
      if (over === undefined) return at;
      at = { mnt: over, dentry: over.root };
    }
  }

  // ---- path walk (link_path_walk) ----------------------------------------------------------------------------

  /** Looks a path up to its end. Ends the call with the kernel's errors. */
  lookup(name: string, follow: boolean): Path {
    this.#checkName(name);
    const budget = { links: 0 };
    const path = this.#walk(this.#start(name), name, follow || name.endsWith('/'), budget);
    if (name.endsWith('/') && !isDirectory(path.dentry.inode)) throw new Fail(-ENOTDIR, 'kernel');
    return path;
  }

  /** Looks up the directory that holds the last component. */
  lookupParent(name: string): ParentLookup {
    this.#checkName(name);
    return this.#parent(this.#start(name), name, { links: 0 });
  }

  /** True for a symbolic link whose target does not exist; asks nobody. */
  danglingTarget(dir: Path, link: Dentry): boolean {
    let at = (link.inode?.target ?? '').startsWith('/') ? this.root.dentry : dir.dentry;
    for (const name of (link.inode?.target ?? '').split('/').filter((p) => p !== '' && p !== '.')) {
      const next = name === '..' ? at.parent : at.children.get(name);
      if (next === undefined || next.inode === null) return true;
      if (isSymlink(next.inode)) return false;
      at = next;
    }
    return false;
  }

  /** Continues from `lookupParent`: the last component, which must exist. */
  step(at: ParentLookup, follow: boolean, budget = { links: 0 }): Path {
    if (at.last === '') return at.dir;
    return this.#step(at.dir, at.last, follow || at.trailingSlash, budget);
  }

  #checkName(name: string): void {
    if (name === '') throw new Fail(-ENOENT, 'kernel');
    if (name.length >= PATH_MAX) throw new Fail(-ENAMETOOLONG, 'kernel');
  }

  #start(name: string): Path {
    return name.startsWith('/') ? this.root : this.core.current.cwd;
  }

  #walk(start: Path, name: string, follow: boolean, budget: { links: number }): Path {
    const at = this.#parent(start, name, budget);
    return at.last === '' ? at.dir : this.#step(at.dir, at.last, follow, budget);
  }

  #parent(start: Path, name: string, budget: { links: number }): ParentLookup {
    const parts = name.split('/').filter((p) => p !== '');
    let dir = this.cross(start);
    for (const [i, part] of parts.entries()) {
      // may_lookup(): search permission, asked for in RCU mode (hence MAY_NOT_BLOCK, as recorded).
      inodePermission(this.core, dir.dentry.inode!, MAY_EXEC | MAY_NOT_BLOCK, pathText(dir));
      if (i === parts.length - 1) return { dir, last: part, trailingSlash: name.endsWith('/') };
      dir = this.#step(dir, part, true, budget);
      if (!isDirectory(dir.dentry.inode)) throw new Fail(-ENOTDIR, 'kernel');
    }
    return { dir, last: '', trailingSlash: false };
  }

  #step(dir: Path, name: string, follow: boolean, budget: { links: number }): Path {
    if (name === '.') return dir;
    if (name === '..') return this.#up(dir);
    if (new TextEncoder().encode(name).length > NAME_MAX) throw new Fail(-ENAMETOOLONG, 'kernel');
    const dentry = this.child(dir.dentry, name);
    if (dentry === undefined || dentry.inode === null) throw new Fail(-ENOENT, 'kernel');
    const at = this.cross({ mnt: dir.mnt, dentry });
    if (!isSymlink(at.dentry.inode) || !follow) return at;
    if (++budget.links > MAX_SYMLINKS) throw new Fail(-ELOOP, 'kernel');
    const inode = at.dentry.inode!;
    const text = pathText(at);
    this.core.check('inode_follow_link', [this.dentryArg(at), inodeArg(inode, text), numArg(1, 'true')], {
      path: text,
    });
    const target = inode.target ?? '';
    if (target === '') throw new Fail(-ENOENT, 'kernel');
    return this.#walk(target.startsWith('/') ? this.root : dir, target, true, budget);
  }

  #up(dir: Path): Path {
    let at = dir;
    while (at.dentry === at.mnt.root && at.mnt.parent !== null && at.mnt.mountpoint !== null) {
      at = { mnt: at.mnt.parent, dentry: at.mnt.mountpoint };
    }
    return this.cross({ mnt: at.mnt, dentry: at.dentry.parent });
  }

  // ---- arguments of hooks ------------------------------------------------------------------------------------

  dentryArg(path: Path): Arg {
    return ptrArg(path.dentry.addr, pathText(path));
  }

  childArg(dir: Path, dentry: Dentry): Arg {
    return ptrArg(dentry.addr, childText(dir, dentry.name));
  }

  fileArg(file: OpenFile): Arg {
    return ptrArg(file.addr, fileText(file));
  }

  /** Calls with a struct path that lives during the call. */
  withPath<T>(path: Path, body: (arg: Arg) => T): T {
    return this.core.withTemp(
      () => this.structs.path(path),
      (addr) => body(ptrArg(addr, pathText(path))),
    );
  }

  // ---- inodes and open files ---------------------------------------------------------------------------------

  /** new_inode() by a file system, with its hooks, and d_instantiate(). */
  create(
    dir: Path,
    dentry: Dentry,
    spec: { mode: number; uid: number; gid: number; target?: string | null; content?: string | null },
  ): Inode {
    const text = childText(dir, dentry.name);
    const inode = this.structs.inode(dir.dentry.sb, spec, text);
    this.core.check('inode_alloc_security', [inodeArg(inode, text)]);
    this.initSecurity(inode, dir, dentry);
    this.core.call('d_instantiate', [this.childArg(dir, dentry), inodeArg(inode, text)], { path: text });
    this.structs.instantiate(dentry, inode);
    dentry.deleted = false;
    return inode;
  }

  /** security_inode_init_security(): its last arguments are places for an xattr and differ between kernels. */
  initSecurity(inode: Inode, dir: Path, dentry: Dentry): void {
    const text = childText(dir, dentry.name);
    const w = this.core.writer;
    const qstr = w.at(dentry.addr, 'dentry', 'd_name');
    const scratch = this.core.memory.alloc(64, 'xattr slots of inode_init_security');
    try {
      const slots = this.core.atLeast(6, 7)
        ? [ptrArg(scratch, 'xattrs'), ptrArg((scratch + 48) as never, '&xattr_count')]
        : [ptrArg(scratch, '&name'), ptrArg((scratch + 8) as never, '&value'), ptrArg((scratch + 16) as never, '&len')];
      const { ret, decidedBy } = this.core.call(
        'inode_init_security',
        [inodeArg(inode, text), inodeArg(dir.dentry.inode, pathText(dir)), ptrArg(qstr, `"${dentry.name}"`), ...slots],
        { path: text },
      );
      // -EOPNOTSUPP is the default and means: no label.
      if (ret !== null && ret < 0 && ret !== -95) throw new Fail(ret, decidedBy ?? 'kernel');
    } finally {
      this.core.memory.free(scratch);
    }
  }

  /** Takes a dentry off its directory; its inode goes with the last user. */
  unlink(dentry: Dentry, text: string): void {
    const inode = dentry.inode;
    assert(inode !== null, 'unlink of a negative dentry');
    dentry.parent.children.delete(dentry.name);
    dentry.deleted = true;
    inode.nlink = isDirectory(inode) ? 0 : inode.nlink - 1;
    this.structs.syncInode(inode);
    this.maybeEvict(inode, text);
  }

  maybeEvict(inode: Inode, text: string): void {
    if (inode.nlink > 0 || inode.users > 0) return;
    this.freeInode(inode, text);
  }

  /** destroy_inode(). The struct itself stays mapped until the call is over, as RCU keeps it. */
  freeInode(inode: Inode, text: string): void {
    const { core } = this;
    core.call('inode_free_security', [inodeArg(inode, text)]);
    core.onFree('inode', inode.addr);
    core.defer(() => core.callIfPresent('inode_free_security_rcu', () => [ptrArg(0 as never, '')]));
  }

  /** alloc_empty_file() */
  allocFile(flags: number, fmode: number, label: string, sock: Sock | null = null): OpenFile {
    const { cred } = this.core.current;
    const file = this.structs.file(flags, fmode, cred, sock, label);
    const { ret, decidedBy } = this.core.call('file_alloc_security', [this.fileArg(file)]);
    if (ret !== null && ret !== 0) {
      this.core.memory.free(file.addr);
      throw new Fail(ret, decidedBy ?? 'kernel');
    }
    cred.refs++;
    return file;
  }

  attach(file: OpenFile, path: Path): void {
    file.path = path;
    file.inode = path.dentry.inode;
    if ((file.fmode & FMODE_PATH) === 0 && file.inode !== null) file.inode.users++;
    this.structs.syncFile(file);
  }

  /**
   * fput(): the last reference ends the file. From 6.9 on (IMA as an LSM) a release hook comes first; whether the rest
   * happens at once or later differs between kernels (recordings), so it is done at the end of the call.
   */
  put(file: OpenFile, putCred: (c: Cred) => void): void {
    if (--file.refs > 0) return;
    this.core.defer(() => this.#end(file, putCred));
  }

  #end(file: OpenFile, putCred: (c: Cred) => void): void {
    const { core } = this;
    const opened = (file.fmode & FMODE_OPENED) !== 0;
    if (opened) core.callIfPresent('file_release', () => [this.fileArg(file)]);
    const inode = file.inode;
    if (inode !== null && opened) {
      if ((file.fmode & FMODE_WRITE) !== 0) inode.writeCount--;
      if (file.deniesWrite) inode.writeCount++;
      inode.users--;
    }
    if (file.sock !== null) this.#freeSock(file.sock);
    else if (inode !== null && opened) this.maybeEvict(inode, fileText(file));
    core.call('file_free_security', [this.fileArg(file)]);
    putCred(file.cred);
    core.memory.free(file.addr);
  }

  #freeSock(sock: Sock): void {
    const { core } = this;
    core.call('sk_free_security', [ptrArg(sock.sk, `sock ${sock.family} ${sock.type}`)]);
    core.onFree('sock', sock.sk);
    core.memory.free(sock.sk);
    sock.state = 'unconnected';
    sock.inode.nlink = 0;
    this.freeInode(sock.inode, `socket:[${sock.inode.ino}]`);
  }

  // ---- descriptors -------------------------------------------------------------------------------------------

  install(file: OpenFile, handle: string | null, closeOnExec = false): number {
    const { fds, handles, cloexec } = this.core.current;
    let fd = FIRST_FD;
    while (fds.has(fd)) fd++;
    fds.set(fd, file);
    if (closeOnExec) cloexec.add(fd);
    else cloexec.delete(fd);
    if (handle !== null) handles.set(handle, fd);
    return fd;
  }

  /** The open file of a handle; a handle that nothing was saved to is descriptor -1. */
  fdOf(handle: string): { readonly fd: number; readonly file: OpenFile } {
    const fd = this.core.current.handles.get(handle) ?? -1;
    const file = this.core.current.fds.get(fd);
    if (file === undefined) throw new Fail(-EBADF, 'kernel');
    return { fd, file };
  }
}

export function fileText(file: OpenFile): string {
  if (file.sock !== null) return `socket:[${file.sock.inode.ino}]`;
  return file.path === null ? '(not yet opened)' : pathText(file.path);
}
