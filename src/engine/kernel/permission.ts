/** The kernel's own permission rules: mode bits, capability overrides, stickiness (fs/namei.c, fs/attr.c). */
import { MAY_EXEC, MAY_READ, MAY_WRITE, S_IFDIR, S_IFMT, S_ISVTX, S_IXUGO, mayText } from './constants.ts';
import { blame, numArg, ptrArg, type Core } from './core.ts';
import { EACCES, EPERM } from './errno.ts';
import { Fail, type Inode } from './objects.ts';

export const inodeArg = (inode: Inode | null, path: string) =>
  ptrArg(inode?.addr ?? (0 as never), inode === null ? '' : `#${inode.ino} ${path}`);

const isDir = (inode: Inode): boolean => (inode.mode & S_IFMT) === S_IFDIR;

/**
 * generic_permission(): mode bits of owner, group or others (no ACLs, no supplementary groups), then capabilities.
 * @returns null when allowed, else who refused
 */
export function dacRefusal(core: Core, inode: Inode, mask: number): string | null {
  const want = mask & (MAY_READ | MAY_WRITE | MAY_EXEC);
  const { cred } = core.current;
  let bits = inode.mode;
  if (cred.fsuid === inode.uid) bits >>= 6;
  else if (cred.fsgid === inode.gid) bits >>= 3;
  if ((want & ~(bits & 7)) === 0) return null;
  const refusals: (string | null)[] = [];
  const granted = (cap: 'dac_override' | 'dac_read_search'): boolean => {
    const by = core.capable(cap);
    refusals.push(by);
    return by === null;
  };
  if (isDir(inode)) {
    if ((want & MAY_WRITE) === 0 && granted('dac_read_search')) return null;
    if (granted('dac_override')) return null;
    return blame(refusals);
  }
  if (want === MAY_READ && granted('dac_read_search')) return null;
  // Root may read and write everything, and execute what somebody may execute.
  if (((want & MAY_EXEC) === 0 || (inode.mode & S_IXUGO) !== 0) && granted('dac_override')) return null;
  return blame(refusals);
}

/** inode_permission(): the kernel's rules, then the hook. */
export function inodePermission(core: Core, inode: Inode, mask: number, path: string): void {
  const by = dacRefusal(core, inode, mask);
  if (by !== null) throw new Fail(-EACCES, by);
  core.check('inode_permission', [inodeArg(inode, path), numArg(mask, mayText(mask))], {
    path,
    mask,
    isDir: isDir(inode),
  });
}

/** inode_owner_or_capable(): the file system uid owns the inode or CAP_FOWNER. */
export function requireOwner(core: Core, inode: Inode): void {
  if (core.current.cred.fsuid === inode.uid) return;
  const by = core.capable('fowner');
  if (by !== null) throw new Fail(-EPERM, blame([by]));
}

/** check_sticky(): in a sticky directory only owners of entry or directory may remove. */
export function checkSticky(core: Core, dir: Inode, victim: Inode): void {
  if ((dir.mode & S_ISVTX) === 0) return;
  const { fsuid } = core.current.cred;
  if (fsuid === victim.uid || fsuid === dir.uid) return;
  const by = core.capable('fowner');
  if (by !== null) throw new Fail(-EPERM, blame([by]));
}
