/** mount(2): fs/namespace.c (path_mount) and the new-mount path of tmpfs. */
import {
  MNT_NODEV,
  MNT_NOEXEC,
  MNT_NOSUID,
  MNT_READONLY,
  MS_FLAGS,
  S_IFDIR,
  TMPFS_MAGIC,
  flagText,
} from '../constants.ts';
import { longArg, numArg, ptrArg } from '../core.ts';
import { EINVAL, ENODEV, ENOTDIR, EPERM } from '../errno.ts';
import type { KAddr } from '../../vm/index.ts';
import type { KernelParts } from '../kernel.ts';
import { Fail, type Path } from '../objects.ts';
import { inodeArg } from '../permission.ts';
import { pathText } from '../structs/fs-structs.ts';
import type { SyscallSpec } from '../types.ts';
import { isDirectory } from '../vfs.ts';
import { requestModule } from './exec.ts';
import { flagBits } from './open.ts';

const ENOPARAM = 519;
/** Modelled for real; the second list exists in the kernel too, but mounts as an empty tree here. */
const MODELLED_FS: readonly string[] = ['tmpfs'];
const KNOWN_FS: readonly string[] = [
  'ramfs',
  'proc',
  'sysfs',
  'devtmpfs',
  'devpts',
  'cgroup2',
  'bpf',
  'securityfs',
  'tracefs',
  'debugfs',
  'mqueue',
];
const PROPAGATION = MS_FLAGS.MS_SHARED | MS_FLAGS.MS_PRIVATE | MS_FLAGS.MS_SLAVE | MS_FLAGS.MS_UNBINDABLE;

const kernelFail = (errno: number): Fail => new Fail(-errno, 'kernel');

export function mount(k: KernelParts, call: Extract<SyscallSpec, { call: 'mount' }>): number {
  const { core, vfs } = k;
  const flags = flagBits(call.flags, MS_FLAGS);
  const path = vfs.lookup(call.target, true);
  const facts = { path: pathText(path), flags, source: call.source, fstype: call.fstype };
  withStrings(k, [call.source, call.fstype], ([source, type]) =>
    vfs.withPath(path, (arg) =>
      core.check(
        'sb_mount',
        [
          ptrArg(source, JSON.stringify(call.source)),
          arg,
          ptrArg(call.fstype === '' ? 0 : type, JSON.stringify(call.fstype)),
          longArg(BigInt(flags), flagText(flags, MS_FLAGS, '0')),
          ptrArg(0, 'NULL'),
        ],
        facts,
      ),
    ),
  );
  requireAdmin(k); // may_mount()
  if ((flags & MS_FLAGS.MS_REMOUNT) !== 0) remount(k, path, flags);
  else if ((flags & MS_FLAGS.MS_BIND) !== 0) bind(k, path, call.source, flags);
  else if ((flags & PROPAGATION) !== 0) changePropagation(k, path);
  else newMount(k, path, call.source, call.fstype, flags);
  return 0;
}

function requireAdmin(k: KernelParts): void {
  const by = k.core.capable('sys_admin');
  if (by !== null) throw new Fail(-EPERM, by);
}

function withStrings<T>(k: KernelParts, texts: readonly string[], body: (addrs: readonly KAddr[]) => T): T {
  const addrs = texts.map((t) => k.core.writer.string(t, 'mount argument'));
  try {
    return body(addrs);
  } finally {
    for (const a of addrs) k.core.memory.free(a);
  }
}

function mountFlags(flags: number): number {
  let out = 0;
  if ((flags & MS_FLAGS.MS_RDONLY) !== 0) out |= MNT_READONLY;
  if ((flags & MS_FLAGS.MS_NOSUID) !== 0) out |= MNT_NOSUID;
  if ((flags & MS_FLAGS.MS_NODEV) !== 0) out |= MNT_NODEV;
  if ((flags & MS_FLAGS.MS_NOEXEC) !== 0) out |= MNT_NOEXEC;
  return out;
}

const isMountRoot = (path: Path): boolean => path.dentry === path.mnt.root;

/** do_new_mount() */
function newMount(k: KernelParts, path: Path, source: string, fstype: string, flags: number): void {
  const { core, vfs } = k;
  if (fstype === '') throw kernelFail(EINVAL);
  if (!MODELLED_FS.includes(fstype)) {
    if (!KNOWN_FS.includes(fstype)) {
      requestModule(k, `fs-${fstype}`);
      throw kernelFail(ENODEV);
    }
    core.notModelled(`contents of file system ${fstype}: it is mounted as an empty tree, with the hooks of tmpfs`);
  }
  parseSource(k, source);
  requireAdmin(k); // mount_capable()
  const sb = vfs.structs.superBlock(fstype, TMPFS_MAGIC, 0x20 + vfs.mounts.length, 1);
  const sbArg = ptrArg(sb.addr, fstype);
  core.check('sb_alloc_security', [sbArg]);
  const inode = vfs.structs.inode(sb, { mode: S_IFDIR | 0o1777, uid: 0, gid: 0 }, `/ of ${fstype}`);
  core.check('inode_alloc_security', [inodeArg(inode, `/ of ${fstype}`)]);
  const root = vfs.structs.dentry(sb, null, '/', `/ of ${fstype}`);
  core.call('d_instantiate', [ptrArg(root.addr, '/'), inodeArg(inode, `/ of ${fstype}`)]);
  vfs.structs.instantiate(root, inode);
  vfs.structs.setRoot(sb, root);
  core.check('sb_set_mnt_opts', [sbArg, ptrArg(0, 'NULL'), numArg(0), ptrArg(0, 'NULL')]);
  core.check('sb_kern_mount', [sbArg]);
  // do_add_mount() -> graft_tree(): both ends must be of one kind.
  if (!isDirectory(path.dentry.inode)) throw kernelFail(ENOTDIR);
  vfs.mounts.push(vfs.structs.mount(sb, root, path.mnt, path.dentry, mountFlags(flags), source));
}

/** vfs_parse_fs_string(fc, "source", name) */
function parseSource(k: KernelParts, source: string): void {
  const { core } = k;
  const w = core.writer;
  withStrings(k, ['source', source], ([key, value]) =>
    core.withTemp(
      () => w.alloc('fs_parameter', 'source'),
      (param) =>
        core.withTemp(
          () => w.alloc('fs_context', ''),
          (fc) => {
            w.setPtr(param, 'fs_parameter', 'key', key);
            w.setPtr(param, 'fs_parameter', 'string', value);
            w.set(param, 'fs_parameter', 'size', source.length);
            const { ret, decidedBy } = core.call('fs_context_parse_param', [
              ptrArg(fc, 'fs_context'),
              ptrArg(param, `source=${source}`),
            ]);
            // -ENOPARAM, the default: no module wants the parameter. 0: one took it, and it counts as parsed.
            if (ret !== null && ret !== -ENOPARAM && ret !== 0) throw new Fail(ret, decidedBy ?? 'kernel');
          },
        ),
    ),
  );
}

/** do_loopback() */
function bind(k: KernelParts, path: Path, source: string, flags: number): void {
  const { vfs } = k;
  if (source === '') throw kernelFail(EINVAL);
  const from = vfs.lookup(source, true);
  if (isDirectory(from.dentry.inode) !== isDirectory(path.dentry.inode)) throw kernelFail(ENOTDIR);
  if ((flags & MS_FLAGS.MS_REC) !== 0) k.core.notModelled('MS_REC: mounts below the source are not bound along');
  vfs.mounts.push(vfs.structs.mount(from.dentry.sb, from.dentry, path.mnt, path.dentry, from.mnt.flags, source));
}

/** do_remount() and do_reconfigure_mnt() */
function remount(k: KernelParts, path: Path, flags: number): void {
  const { core, vfs } = k;
  if (!isMountRoot(path)) throw kernelFail(EINVAL);
  if ((flags & MS_FLAGS.MS_BIND) === 0) {
    requireAdmin(k);
    core.check('sb_remount', [ptrArg(path.mnt.sb.addr, path.mnt.sb.fsType), ptrArg(0, 'NULL')]);
  }
  vfs.structs.setMountFlags(path.mnt, mountFlags(flags));
}

/** do_change_type(): only the checks; there is one mount name space, so nothing propagates. */
function changePropagation(k: KernelParts, path: Path): void {
  if (!isMountRoot(path)) throw kernelFail(EINVAL);
  requireAdmin(k);
}

export const mountText = (c: Extract<SyscallSpec, { call: 'mount' }>): string =>
  `mount(${JSON.stringify(c.source)}, ${JSON.stringify(c.target)}, ${c.fstype === '' ? 'NULL' : JSON.stringify(c.fstype)}, ${flagText(flagBits(c.flags, MS_FLAGS), MS_FLAGS, '0')}, NULL)`;
