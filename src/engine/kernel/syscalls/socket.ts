/** socket(2), bind(2), listen(2), connect(2): net/socket.c, af_inet.c, tcp_ipv4.c, af_unix.c. */
import { parseAddress } from '../address.ts';
import { MAY_WRITE, MNT_READONLY, S_IFMT, S_IFSOCK } from '../constants.ts';
import { numArg, ptrArg } from '../core.ts';
import {
  EACCES,
  EADDRINUSE,
  EADDRNOTAVAIL,
  EAFNOSUPPORT,
  ECONNREFUSED,
  EINVAL,
  EISCONN,
  ENETUNREACH,
  EOPNOTSUPP,
  EPROTOTYPE,
  EROFS,
} from '../errno.ts';
import type { KernelParts } from '../kernel.ts';
import { isAny, isLocal } from '../net.ts';
import { Fail, type Sock, type SockAddress } from '../objects.ts';
import { inodeArg, inodePermission } from '../permission.ts';
import { childText, pathText } from '../structs/fs-structs.ts';
import type { SyscallSpec } from '../types.ts';
import { UMASK } from './open.ts';
import { mayCreate } from './tree.ts';

/** net.ipv4.ip_unprivileged_port_start */
const FIRST_UNPRIVILEGED_PORT = 1024;
const FIRST_EPHEMERAL_PORT = 32768;
const BACKLOG = 128;

const kernelFail = (errno: number): Fail => new Fail(-errno, 'kernel');

export function socket(k: KernelParts, call: Extract<SyscallSpec, { call: 'socket' }>): number {
  return k.net.create(call.family, call.type, call.save).fd;
}

function addressOf(text: string): SockAddress {
  const a = parseAddress(text);
  // The scenario reader refuses such a text; a caller of the kernel that does not gets the kernel's answer.
  if (typeof a === 'string') throw kernelFail(EINVAL);
  return a;
}

export function bind(k: KernelParts, call: Extract<SyscallSpec, { call: 'connect' | 'bind' }>): number {
  const { core, net } = k;
  const { sock } = net.sockOf(call.fd);
  const address = addressOf(call.address);
  net.withAddress(address, (args, text) =>
    core.check('socket_bind', [net.socketArg(sock), ...args], net.facts(sock, { address: text })),
  );
  if (sock.family === 'unix') bindUnix(k, sock, address);
  else bindInet(k, sock, address);
  return 0;
}

function bindInet(k: KernelParts, sock: Sock, a: SockAddress): void {
  const { core, net } = k;
  if (a.family !== sock.family)
    throw kernelFail(sock.family === 'inet6' || a.family === 'unix' ? EINVAL : EAFNOSUPPORT);
  if (!isLocal(a)) throw kernelFail(EADDRNOTAVAIL);
  if (a.port !== 0 && a.port < FIRST_UNPRIVILEGED_PORT) {
    const by = core.capable('net_bind_service');
    if (by !== null) throw new Fail(-EACCES, by);
  }
  if (sock.state !== 'unconnected' || sock.local !== null) throw kernelFail(EINVAL);
  const holder = a.port === 0 ? undefined : net.holder(sock.type, a);
  if (holder !== undefined) throw kernelFail(EADDRINUSE);
  net.bindNow(sock, a.port === 0 ? { ...a, port: freePort(k, sock) } : a);
}

/** The first port that nobody has; the real kernel picks at random. */
function freePort(k: KernelParts, sock: Sock): number {
  let port = FIRST_EPHEMERAL_PORT;
  while (k.net.socks.some((s) => s.type === sock.type && s.local?.port === port)) port++;
  return port;
}

function bindUnix(k: KernelParts, sock: Sock, a: SockAddress): void {
  const { core, net, vfs } = k;
  if (a.family !== 'unix') throw kernelFail(EINVAL);
  if (a.path.startsWith('@')) {
    if (sock.local !== null) throw kernelFail(EINVAL);
    if (net.abstractSocket(a.path) !== undefined) throw kernelFail(EADDRINUSE);
    net.bindNow(sock, a);
    return;
  }
  // unix_bind_bsd(): the file is made before it is known whether the socket is bound already.
  const at = vfs.lookupParent(a.path);
  if (at.last === '' || at.last === '.' || at.last === '..') throw kernelFail(EADDRINUSE);
  const dentry = vfs.lookupOrNegative(at.dir, at.last);
  if (dentry.inode !== null) throw kernelFail(EADDRINUSE);
  if ((at.dir.mnt.flags & MNT_READONLY) !== 0) throw kernelFail(EROFS);
  const mode = S_IFSOCK | (0o777 & ~UMASK);
  const text = childText(at.dir, at.last);
  const child = vfs.childArg(at.dir, dentry);
  const modeArg = numArg(mode, '0' + mode.toString(8));
  const facts = { path: text, mode };
  vfs.withPath(at.dir, (dir) => core.check('path_mknod', [dir, child, modeArg, numArg(0)], facts));
  mayCreate(k, at.dir, dentry);
  const dirInode = at.dir.dentry.inode!;
  core.check('inode_mknod', [inodeArg(dirInode, pathText(at.dir)), child, modeArg, numArg(0)], facts);
  const { fsuid, fsgid } = core.current.cred;
  const inode = vfs.create(at.dir, dentry, { mode, uid: fsuid, gid: fsgid });
  if (sock.local !== null) {
    vfs.unlink(dentry, text);
    throw kernelFail(EINVAL);
  }
  inode.boundSocket = sock;
  net.bindNow(sock, a);
}

export function listen(k: KernelParts, call: Extract<SyscallSpec, { call: 'listen' }>): number {
  const { core, net } = k;
  const { sock } = net.sockOf(call.fd);
  core.check('socket_listen', [net.socketArg(sock), numArg(BACKLOG)], net.facts(sock));
  if (sock.type === 'dgram') throw kernelFail(EOPNOTSUPP);
  if (sock.state === 'connected') throw kernelFail(EINVAL);
  if (sock.local === null) {
    if (sock.family === 'unix') throw kernelFail(EINVAL);
    const ip = new Array<number>(sock.family === 'inet' ? 4 : 16).fill(0);
    net.bindNow(sock, { family: sock.family, ip, port: freePort(k, sock), path: '' });
  }
  net.setState(sock, 'listening');
  return 0;
}

export function connect(k: KernelParts, call: Extract<SyscallSpec, { call: 'connect' | 'bind' }>): number {
  const { core, net } = k;
  const { sock } = net.sockOf(call.fd);
  const address = addressOf(call.address);
  net.withAddress(address, (args, text) =>
    core.check('socket_connect', [net.socketArg(sock), ...args], net.facts(sock, { address: text })),
  );
  if (sock.family === 'unix') connectUnix(k, sock, address);
  else if (sock.type === 'stream') connectTcp(k, sock, address);
  else connectUdp(k, sock, address);
  return 0;
}

/** security_sk_classify_flow() */
function classifyFlow(k: KernelParts, sock: Sock): void {
  k.core.callIfPresent('sk_getsecid', () => [k.net.sockArg(sock), ptrArg(k.core.secid, '&secid')]);
}

function checkFamily(sock: Sock, a: SockAddress): void {
  if (a.family !== sock.family)
    throw kernelFail(a.family === 'unix' && sock.family === 'inet6' ? EINVAL : EAFNOSUPPORT);
}

/**
 * The route lookup with its security_sk_classify_flow() calls. The only interface is the loopback: nothing else can be
 * reached. IPv4 looks for a source address first and classifies then (TCP twice, as recorded); IPv6 classifies once,
 * before it looks.
 */
function route(k: KernelParts, sock: Sock, a: SockAddress): void {
  checkFamily(sock, a);
  if (sock.family === 'inet6') classifyFlow(k, sock);
  if (!isLocal(a)) throw kernelFail(ENETUNREACH);
  if (sock.family === 'inet') {
    classifyFlow(k, sock);
    if (sock.type === 'stream') classifyFlow(k, sock);
  }
}

function connectTcp(k: KernelParts, sock: Sock, a: SockAddress): void {
  const { core, net } = k;
  if (sock.state === 'connected' || sock.state === 'listening') throw kernelFail(EISCONN);
  route(k, sock, a);
  const server = net.holder('stream', a);
  const what = 'socket_sock_rcv_skb and other hooks that the packets of the handshake reach in the network stack';
  if (server === undefined || server.state !== 'listening' || server === sock) {
    core.notModelled(what);
    throw kernelFail(ECONNREFUSED);
  }
  core.notModelled(
    `${what} (inet_conn_request, inet_conn_established, sk_clone_security, inet_csk_clone, req_classify_flow)`,
  );
  establish(k, sock, a);
}

function connectUdp(k: KernelParts, sock: Sock, a: SockAddress): void {
  route(k, sock, a);
  establish(k, sock, a);
}

function establish(k: KernelParts, sock: Sock, a: SockAddress): void {
  const loopback = sock.family === 'inet' ? [127, 0, 0, 1] : [...new Array<number>(15).fill(0), 1];
  const ip = isAny(a) ? loopback : a.ip;
  sock.remote = { ...a, ip };
  sock.local ??= { family: sock.family, ip, port: freePort(k, sock), path: '' };
  k.net.setState(sock, 'connected');
}

function connectUnix(k: KernelParts, sock: Sock, a: SockAddress): void {
  const { core, net } = k;
  if (a.family !== 'unix') throw kernelFail(EINVAL);
  const stream = sock.type === 'stream';
  // unix_stream_connect() makes the server's end of the connection first.
  const newsk = stream ? k.net.structs.allocSock('unix', 'stream', core.current.cred.uid, 'peer') : (0 as never);
  const dropPeer = () => {
    core.call('sk_free_security', [ptrArg(newsk, 'new unix stream sock')]);
    core.onFree('sock', newsk);
    core.memory.free(newsk);
  };
  if (stream) {
    core.check('sk_alloc_security', [ptrArg(newsk, 'new unix stream sock'), numArg(1, 'AF_UNIX'), numArg(3264)]);
  }
  try {
    const other = findUnix(k, a);
    if (other.type !== sock.type) throw kernelFail(EPROTOTYPE);
    if (stream) {
      if (other.state !== 'listening') throw kernelFail(ECONNREFUSED);
      if (sock.state === 'connected') throw kernelFail(EISCONN);
      if (sock.state === 'listening') throw kernelFail(EINVAL);
      core.check(
        'unix_stream_connect',
        [net.sockArg(sock), net.sockArg(other), ptrArg(newsk, 'new unix stream sock')],
        net.facts(sock, { address: a.path }),
      );
    } else {
      core.check('unix_may_send', [net.socketArg(sock), net.socketArg(other)], net.facts(sock, { address: a.path }));
    }
  } catch (e) {
    if (stream) core.defer(dropPeer);
    throw e;
  }
  sock.remote = a;
  net.setState(sock, 'connected');
}

/** unix_find_other() */
function findUnix(k: KernelParts, a: SockAddress): Sock {
  if (a.path.startsWith('@')) {
    const other = k.net.abstractSocket(a.path);
    if (other === undefined) throw kernelFail(ECONNREFUSED);
    return other;
  }
  const path = k.vfs.lookup(a.path, true);
  const inode = path.dentry.inode!;
  inodePermission(k.core, inode, MAY_WRITE, pathText(path));
  if ((inode.mode & S_IFMT) !== S_IFSOCK || inode.boundSocket === null || inode.boundSocket.inode.nlink === 0) {
    throw kernelFail(ECONNREFUSED);
  }
  return inode.boundSocket;
}
