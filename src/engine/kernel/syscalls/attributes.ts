/** chmod(2), and changes of attributes that other calls bring (fs/attr.c, fs/inode.c, fs/open.c). */
import {
  ATTR_CTIME,
  ATTR_MODE,
  MNT_READONLY,
  S_IALLUGO,
  S_IFMT,
  S_IFREG,
  S_ISGID,
  S_ISUID,
  S_IXGRP,
} from '../constants.ts';
import { numArg, ptrArg } from '../core.ts';
import { EROFS } from '../errno.ts';
import type { KernelParts } from '../kernel.ts';
import { Fail, type Inode, type Path } from '../objects.ts';
import { requireOwner } from '../permission.ts';
import { pathText } from '../structs/fs-structs.ts';
import type { SyscallSpec } from '../types.ts';

/** An iattr's interesting fields. */
interface Change {
  readonly mode?: number;
}

/**
 * notify_change(): the hook first, the file system's own rules (ownership) only then, as recorded for chown by nobody;
 * from 6.9 on a post hook when it worked.
 */
export function notifyChange(k: KernelParts, path: Path, valid: number, change: Change, apply: () => void): void {
  const { core, vfs } = k;
  const w = core.writer;
  const text = pathText(path);
  const dentry = vfs.dentryArg(path);
  const idmap = core.atLeast(6, 3) ? [ptrArg(0 as never, '')] : [];
  core.withTemp(
    () => w.alloc('iattr', text),
    (attr) => {
      w.set(attr, 'iattr', 'ia_valid', valid);
      if (change.mode !== undefined) w.set(attr, 'iattr', 'ia_mode', change.mode);
      const facts = { path: text, mode: change.mode, flags: valid };
      const takesIdmap = core.paramCount('inode_setattr') === 3;
      const head = takesIdmap ? idmap : [];
      core.check('inode_setattr', [...head, dentry, ptrArg(attr, `ia_valid 0x${valid.toString(16)}`)], facts);
    },
  );
  apply();
  vfs.structs.syncInode(path.dentry.inode!);
  core.callIfPresent('inode_post_setattr', () => [...idmap, dentry, numArg(valid, `0x${valid.toString(16)}`)]);
}

export function chmod(k: KernelParts, call: Extract<SyscallSpec, { call: 'chmod' }>): number {
  const { core, vfs } = k;
  const path = vfs.lookup(call.path, true);
  const inode = path.dentry.inode!;
  if ((path.mnt.flags & MNT_READONLY) !== 0) throw new Fail(-EROFS, 'kernel');
  const mode = call.mode & S_IALLUGO;
  vfs.withPath(path, (arg) =>
    core.check('path_chmod', [arg, numArg(mode, '0' + mode.toString(8))], { path: pathText(path), mode }),
  );
  const wanted = (inode.mode & S_IFMT) | mode;
  notifyChange(k, path, ATTR_MODE | ATTR_CTIME, { mode: wanted }, () => {
    requireOwner(core, inode);
    inode.mode = wanted;
    // setattr_copy(): who is not in the group cannot set its set-group-id bit.
    const { fsgid } = core.current.cred;
    if ((mode & S_ISGID) !== 0 && fsgid !== inode.gid && core.capable('fsetid') !== null) inode.mode &= ~S_ISGID;
    inode.noSec = inode.noSec && (inode.mode & (S_ISUID | S_ISGID)) === 0;
  });
  return 0;
}

/** setattr_should_drop_suidgid(): bits that a write must clear. */
function dropsBits(inode: Inode): boolean {
  const gid = (inode.mode & (S_ISGID | S_IXGRP)) === (S_ISGID | S_IXGRP);
  return (inode.mode & S_ISUID) !== 0 || gid;
}

/** file_remove_privs() before a write or truncation: set-id bits go unless CAP_FSETID (order as recorded). */
export function removePrivileges(k: KernelParts, path: Path, mayMark: boolean): void {
  const { core, vfs } = k;
  const inode = path.dentry.inode;
  if (inode === null || inode.noSec || (inode.mode & S_IFMT) !== S_IFREG) return;
  const kill = dropsBits(inode) && core.capable('fsetid') !== null;
  const { ret, decidedBy } = core.call('inode_need_killpriv', [vfs.dentryArg(path)], { path: pathText(path) });
  if (ret !== null && ret < 0) throw new Fail(ret, decidedBy ?? 'kernel');
  if (kill) {
    const mode = inode.mode & ~S_ISUID & ~((inode.mode & S_IXGRP) !== 0 ? S_ISGID : 0);
    notifyChange(k, path, ATTR_MODE | ATTR_CTIME, { mode }, () => {
      inode.mode = mode;
    });
  }
  if (mayMark && !dropsBits(inode)) inode.noSec = true;
}

export const chmodText = (c: Extract<SyscallSpec, { call: 'chmod' }>): string =>
  `chmod(${JSON.stringify(c.path)}, 0${c.mode.toString(8)})`;
