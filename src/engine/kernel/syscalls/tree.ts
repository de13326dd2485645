/** unlink(2), mkdir(2), rename(2) as fs/namei.c does them. */
import { MAY_EXEC, MAY_WRITE, MNT_READONLY, S_IALLUGO, S_IFDIR, S_ISVTX } from '../constants.ts';
import { numArg } from '../core.ts';
import { EBUSY, EEXIST, EINVAL, EISDIR, ENOENT, ENOTDIR, ENOTEMPTY, EROFS, EXDEV } from '../errno.ts';
import type { KernelParts } from '../kernel.ts';
import { Fail, type Dentry, type Path } from '../objects.ts';
import { checkSticky, inodeArg, inodePermission } from '../permission.ts';
import { childText, pathText } from '../structs/fs-structs.ts';
import type { SyscallSpec } from '../types.ts';
import { isDirectory } from '../vfs.ts';
import { UMASK } from './open.ts';

const kernelFail = (errno: number): Fail => new Fail(-errno, 'kernel');
const isName = (last: string): boolean => last !== '' && last !== '.' && last !== '..';

function wantWrite(dir: Path): void {
  if ((dir.mnt.flags & MNT_READONLY) !== 0) throw kernelFail(EROFS);
}

/** may_delete() */
function mayDelete(k: KernelParts, dir: Path, victim: Dentry, asDirectory: boolean): void {
  if (victim.inode === null) throw kernelFail(ENOENT);
  inodePermission(k.core, dir.dentry.inode!, MAY_WRITE | MAY_EXEC, pathText(dir));
  checkSticky(k.core, dir.dentry.inode!, victim.inode);
  if (asDirectory && !isDirectory(victim.inode)) throw kernelFail(ENOTDIR);
  if (!asDirectory && isDirectory(victim.inode)) throw kernelFail(EISDIR);
}

/** may_create() */
export function mayCreate(k: KernelParts, dir: Path, dentry: Dentry): void {
  if (dentry.inode !== null) throw kernelFail(EEXIST);
  inodePermission(k.core, dir.dentry.inode!, MAY_WRITE | MAY_EXEC, pathText(dir));
}

const isMountpoint = (k: KernelParts, d: Dentry): boolean => k.vfs.mounts.some((m) => m.mountpoint === d);

export function unlink(k: KernelParts, call: Extract<SyscallSpec, { call: 'unlink' }>): number {
  const { core, vfs } = k;
  const at = vfs.lookupParent(call.path);
  if (!isName(at.last)) throw kernelFail(EISDIR);
  wantWrite(at.dir);
  const dentry = vfs.child(at.dir.dentry, at.last);
  if (dentry === undefined || dentry.inode === null) throw kernelFail(ENOENT);
  if (at.trailingSlash) throw kernelFail(isDirectory(dentry.inode) ? EISDIR : ENOTDIR);
  const text = childText(at.dir, at.last);
  const victim = vfs.childArg(at.dir, dentry);
  const facts = { path: text, mode: dentry.inode.mode, isDir: isDirectory(dentry.inode) };
  vfs.withPath(at.dir, (dir) => core.check('path_unlink', [dir, victim], facts));
  mayDelete(k, at.dir, dentry, false);
  if (isMountpoint(k, dentry)) throw kernelFail(EBUSY);
  core.check('inode_unlink', [inodeArg(at.dir.dentry.inode, pathText(at.dir)), victim], facts);
  vfs.unlink(dentry, text);
  return 0;
}

export function mkdir(k: KernelParts, call: Extract<SyscallSpec, { call: 'mkdir' }>): number {
  const { core, vfs } = k;
  const at = vfs.lookupParent(call.path);
  if (!isName(at.last)) throw kernelFail(EEXIST);
  const dentry = vfs.lookupOrNegative(at.dir, at.last);
  if (dentry.inode !== null) throw kernelFail(EEXIST);
  wantWrite(at.dir);
  // The file system applies the umask itself (tmpfs has ACLs), so hooks see the mode that was asked for.
  const mode = call.mode & (0o777 | S_ISVTX);
  const text = childText(at.dir, at.last);
  const modeArg = numArg(mode, '0' + mode.toString(8));
  const child = vfs.childArg(at.dir, dentry);
  const facts = { path: text, mode: S_IFDIR | mode, isDir: true };
  vfs.withPath(at.dir, (dir) =>
    core.check('path_mkdir', [dir, child, numArg(call.mode & 0xffff, '0' + call.mode.toString(8))], facts),
  );
  mayCreate(k, at.dir, dentry);
  const dirInode = at.dir.dentry.inode!;
  core.check('inode_mkdir', [inodeArg(dirInode, pathText(at.dir)), child, modeArg], facts);
  const { fsuid, fsgid } = core.current.cred;
  const setgid = dirInode.mode & 0o2000;
  vfs.create(at.dir, dentry, {
    mode: S_IFDIR | setgid | (mode & S_IALLUGO & ~UMASK),
    uid: fsuid,
    gid: setgid !== 0 ? dirInode.gid : fsgid,
  });
  dirInode.nlink++;
  vfs.structs.syncInode(dirInode);
  return 0;
}

export function rename(k: KernelParts, call: Extract<SyscallSpec, { call: 'rename' }>): number {
  const { core, vfs } = k;
  const from = vfs.lookupParent(call.path);
  const to = vfs.lookupParent(call.to);
  if (from.dir.mnt !== to.dir.mnt) throw kernelFail(EXDEV);
  if (!isName(from.last) || !isName(to.last)) throw kernelFail(EBUSY);
  wantWrite(from.dir);
  const source = vfs.child(from.dir.dentry, from.last);
  if (source === undefined || source.inode === null) throw kernelFail(ENOENT);
  const target = vfs.lookupOrNegative(to.dir, to.last);
  const dir = isDirectory(source.inode);
  if (!dir && (from.trailingSlash || to.trailingSlash)) throw kernelFail(ENOTDIR);
  if (isAncestor(source, to.dir.dentry)) throw kernelFail(EINVAL);
  if (isAncestor(target, from.dir.dentry)) throw kernelFail(ENOTEMPTY);
  const oldText = childText(from.dir, from.last);
  const newText = childText(to.dir, to.last);
  const oldArg = vfs.childArg(from.dir, source);
  const newArg = vfs.childArg(to.dir, target);
  const facts = { path: oldText, path2: newText, mode: source.inode.mode, isDir: dir };
  vfs.withPath(from.dir, (oldDir) =>
    vfs.withPath(to.dir, (newDir) => core.check('path_rename', [oldDir, oldArg, newDir, newArg, numArg(0)], facts)),
  );
  if (target.inode === source.inode) return 0;
  mayDelete(k, from.dir, source, dir);
  if (target.inode === null) mayCreate(k, to.dir, target);
  else mayDelete(k, to.dir, target, dir);
  // Moving a directory elsewhere changes its `..`.
  if (dir && from.dir.dentry !== to.dir.dentry) inodePermission(core, source.inode, MAY_WRITE, oldText);
  core.check(
    'inode_rename',
    [
      inodeArg(from.dir.dentry.inode, pathText(from.dir)),
      oldArg,
      inodeArg(to.dir.dentry.inode, pathText(to.dir)),
      newArg,
    ],
    facts,
  );
  if (isMountpoint(k, source) || isMountpoint(k, target)) throw kernelFail(EBUSY);
  if (target.inode !== null) {
    if (dir && [...target.children.values()].some((c) => c.inode !== null)) throw kernelFail(ENOTEMPTY);
    vfs.unlink(target, newText);
  }
  from.dir.dentry.children.delete(from.last);
  to.dir.dentry.children.set(to.last, source);
  vfs.structs.rename(source, to.dir.dentry, to.last);
  return 0;
}

function isAncestor(a: Dentry, of: Dentry): boolean {
  for (let d = of; ; d = d.parent) {
    if (d === a) return true;
    if (d.parent === d) return false;
  }
}
