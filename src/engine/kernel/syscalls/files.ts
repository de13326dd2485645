/** close(2), read(2), write(2), mmap(2) on descriptors (fs/read_write.c, mm/util.c, mm/mmap.c). */
import {
  FMODE_CAN_READ,
  FMODE_CAN_WRITE,
  FMODE_READ,
  FMODE_WRITE,
  MAP_ANONYMOUS,
  MAP_FLAGS,
  MAP_SHARED,
  MAP_PRIVATE,
  MAY_READ,
  MAY_WRITE,
  MNT_NOEXEC,
  O_FLAGS,
  PROT_EXEC,
  PROT_FLAGS,
  PROT_WRITE,
  flagText,
  mayText,
} from '../constants.ts';
import { longArg, numArg, ptrArg } from '../core.ts';
import { EACCES, EAGAIN, EBADF, EDESTADDRREQ, EINVAL, EISDIR, ENODEV, ENOTCONN, EPERM, EPIPE } from '../errno.ts';
import type { KernelParts } from '../kernel.ts';
import { Fail, type OpenFile, type Sock } from '../objects.ts';
import type { SyscallSpec } from '../types.ts';
import { fileText, isDirectory } from '../vfs.ts';
import { removePrivileges } from './attributes.ts';
import { flagBits, imaAsks } from './open.ts';

const PAGE = 4096n;
/** How much one read or write moves at most. */
const MAX_RW_COUNT = 0x7ffff000;
const kernelFail = (errno: number): Fail => new Fail(-errno, 'kernel');

export function close(k: KernelParts, call: Extract<SyscallSpec, { call: 'close' }>): number {
  const { fd, file } = k.vfs.fdOf(call.fd);
  k.core.current.fds.delete(fd);
  k.core.current.handles.delete(call.fd);
  k.vfs.put(file, (c) => k.tasks.putCred(c));
  return 0;
}

function filePermission(k: KernelParts, file: OpenFile, mask: number): void {
  k.core.check('file_permission', [k.vfs.fileArg(file), numArg(mask, mayText(mask))], {
    path: fileText(file),
    mask,
    isDir: isDirectory(file.inode),
  });
}

/** Reading a file for the kernel's own purposes (execve) asks the same hook. */
export const kernelRead = (k: KernelParts, file: OpenFile): void => filePermission(k, file, MAY_READ);

export function read(k: KernelParts, call: Extract<SyscallSpec, { call: 'read' | 'write' }>): number {
  const { file } = k.vfs.fdOf(call.fd);
  if ((file.fmode & FMODE_READ) === 0) throw kernelFail(EBADF);
  if ((file.fmode & FMODE_CAN_READ) === 0) throw kernelFail(EINVAL);
  // A directory has a read method that refuses before anybody is asked: generic_read_dir() comes after the hook.
  const count = Math.min(call.size, MAX_RW_COUNT);
  filePermission(k, file, MAY_READ);
  if (isDirectory(file.inode)) throw kernelFail(EISDIR);
  if (file.sock !== null) return receive(k, file.sock, count);
  const size = file.inode?.size ?? 0;
  const at = Number(k.core.writer.get(file.addr, 'file', 'f_pos'));
  const got = Math.max(0, Math.min(count, size - at));
  k.core.writer.set(file.addr, 'file', 'f_pos', at + got);
  return got;
}

export function write(k: KernelParts, call: Extract<SyscallSpec, { call: 'read' | 'write' }>): number {
  const { file } = k.vfs.fdOf(call.fd);
  if ((file.fmode & FMODE_WRITE) === 0) throw kernelFail(EBADF);
  if ((file.fmode & FMODE_CAN_WRITE) === 0) throw kernelFail(EINVAL);
  const count = Math.min(call.size, MAX_RW_COUNT);
  filePermission(k, file, MAY_WRITE);
  if (file.sock !== null) return send(k, file.sock, count);
  const { inode, path } = file;
  if (inode === null || path === null || count === 0) return 0;
  removePrivileges(k, path, true);
  const append = (file.flags & O_FLAGS.O_APPEND) !== 0;
  const at = append ? inode.size : Number(k.core.writer.get(file.addr, 'file', 'f_pos'));
  inode.size = Math.max(inode.size, at + count);
  k.core.writer.set(file.addr, 'file', 'f_pos', at + count);
  k.vfs.structs.syncInode(inode);
  return count;
}

function withMessage<T>(k: KernelParts, body: (arg: ReturnType<typeof ptrArg>) => T): T {
  return k.core.withTemp(
    () => k.core.writer.alloc('msghdr', ''),
    (addr) => body(ptrArg(addr, 'msg')),
  );
}

function receive(k: KernelParts, sock: Sock, size: number): number {
  withMessage(k, (msg) =>
    k.core.check('socket_recvmsg', [k.net.socketArg(sock), msg, numArg(size), numArg(0)], k.net.facts(sock)),
  );
  if (sock.type === 'stream' && sock.state !== 'connected') {
    throw kernelFail(sock.family === 'unix' ? EINVAL : ENOTCONN);
  }
  k.core.notModelled('waiting for data on a socket: the call would block, the model answers EAGAIN');
  throw kernelFail(EAGAIN);
}

function send(k: KernelParts, sock: Sock, size: number): number {
  withMessage(k, (msg) =>
    k.core.check('socket_sendmsg', [k.net.socketArg(sock), msg, numArg(size)], k.net.facts(sock)),
  );
  if (sock.state !== 'connected') {
    if (sock.family === 'unix') throw kernelFail(ENOTCONN);
    if (sock.type === 'stream') {
      k.core.notModelled('SIGPIPE for a write to a TCP socket that is not connected');
      throw kernelFail(EPIPE);
    }
    throw kernelFail(EDESTADDRREQ);
  }
  k.core.notModelled(
    'delivery of sent data, and the hooks on its way (sk_getsecid, socket_sock_rcv_skb, unix_may_send)',
  );
  return size;
}

export function mmap(k: KernelParts, call: Extract<SyscallSpec, { call: 'mmap' }>): number {
  const { core, vfs } = k;
  const prot = flagBits(call.prot, PROT_FLAGS);
  const flags = flagBits(call.flags, MAP_FLAGS);
  const anonymous = (flags & MAP_ANONYMOUS) !== 0;
  const file = anonymous || call.fd === null ? null : vfs.fdOf(call.fd).file;
  if (!anonymous && file === null) throw kernelFail(EBADF);
  mmapFile(k, file, prot, flags);
  if (call.size <= 0) throw kernelFail(EINVAL);
  const { mm } = core.current;
  const length = (BigInt(call.size) + PAGE - 1n) & ~(PAGE - 1n);
  const addr = mm.nextMap - length;
  mmapAddr(k, addr);
  if (file !== null) {
    if ((flags & MAP_SHARED) !== 0 && (prot & PROT_WRITE) !== 0 && (file.fmode & FMODE_WRITE) === 0) {
      throw kernelFail(EACCES);
    }
    if ((file.fmode & FMODE_READ) === 0) throw kernelFail(EACCES);
    if (file.path !== null && (file.path.mnt.flags & MNT_NOEXEC) !== 0 && (prot & PROT_EXEC) !== 0) {
      throw kernelFail(EPERM);
    }
    if (file.sock !== null || isDirectory(file.inode)) throw kernelFail(ENODEV);
  }
  if ((flags & (MAP_SHARED | MAP_PRIVATE)) === 0) throw kernelFail(EINVAL);
  mm.nextMap = addr;
  // A readable anonymous mapping is user memory that a program may look at; cap what one mapping costs here.
  if (file === null && call.size <= 1 << 20) mm.regions.push({ start: addr, bytes: new Uint8Array(Number(length)) });
  return Number(addr);
}

/** security_mmap_file(), with IMA behind it: up to 6.8 only for executable mappings, later for all files. */
export function mmapFile(k: KernelParts, file: OpenFile | null, prot: number, flags: number): void {
  const { core, vfs } = k;
  const protArg = numArg(prot, flagText(prot, PROT_FLAGS, 'PROT_NONE'));
  const fileArg = file === null ? ptrArg(0 as never, 'NULL') : vfs.fileArg(file);
  core.check('mmap_file', [fileArg, protArg, protArg, numArg(flags, `0x${flags.toString(16)}`)], {
    path: file === null || file.sock !== null ? undefined : fileText(file),
    prot,
    flags,
  });
  if (file !== null && ((prot & PROT_EXEC) !== 0 || core.hasHook('file_post_open'))) imaAsks(k);
}

export function mmapAddr(k: KernelParts, addr: bigint): void {
  k.core.check('mmap_addr', [longArg(addr)]);
}
