/** Sockets: creation with its hooks, addresses in use, and the only network there is, the loopback interface. */
import {
  AF,
  FMODE_CAN_READ,
  FMODE_CAN_WRITE,
  FMODE_OPENED,
  FMODE_READ,
  FMODE_WRITE,
  GFP_KERNEL,
  O_FLAGS,
  S_IFSOCK,
  SOCK,
  SOCKFS_MAGIC,
} from './constants.ts';
import { numArg, ptrArg, type Arg, type Core } from './core.ts';
import { ENOTSOCK } from './errno.ts';
import {
  Fail,
  type Mount,
  type OpenFile,
  type Sock,
  type SockAddress,
  type SockFamily,
  type SuperBlock,
} from './objects.ts';
import { inodeArg } from './permission.ts';
import type { NetStructs } from './structs/net-structs.ts';
import { addressText, protoName, protocolNumber } from './structs/net-structs.ts';
import type { HookFacts } from './types.ts';
import type { Vfs } from './vfs.ts';

const SOCKFS_DEV = 0x8;
/** Socket inode numbers come from one counter of the kernel; the recordings show them above ten thousand. */
const FIRST_SOCKET_INO = 10_000;

export class Net {
  readonly core: Core;
  readonly vfs: Vfs;
  readonly structs: NetStructs;
  readonly socks: Sock[] = [];
  readonly #abstract = new Map<string, Sock>();
  #sockfs: { sb: SuperBlock; mnt: Mount } | null = null;

  constructor(core: Core, vfs: Vfs, structs: NetStructs) {
    this.core = core;
    this.vfs = vfs;
    this.structs = structs;
  }

  socketArg(s: Sock): Arg {
    return ptrArg(s.socket, `${s.family} ${s.type} socket`);
  }

  sockArg(s: Sock): Arg {
    return ptrArg(s.sk, `sock of a ${s.family} ${s.type} socket`);
  }

  facts(s: Sock, extra: HookFacts = {}): HookFacts {
    return { family: s.family, socketType: s.type, socketOwner: s.owner, ...extra };
  }

  /** socket(2) behind its argument checks: hooks in the order that was recorded on 6.1 and 6.12. */
  create(family: SockFamily, type: 'stream' | 'dgram', handle: string | null): { fd: number; sock: Sock } {
    const { core, structs, vfs } = this;
    const kinds = [numArg(AF[family], `AF_${family.toUpperCase()}`), numArg(SOCK[type], `SOCK_${type.toUpperCase()}`)];
    const facts: HookFacts = { family, socketType: type, socketOwner: core.current.name };
    core.check('socket_create', [...kinds, numArg(0), numArg(0)], facts);
    const { sb, mnt } = this.#fs();
    const label = `${protoName(family, type)} socket of ${core.current.name}`;
    const { socket, inode: inodeAddr } = structs.allocSocket(label);
    const { fsuid, fsgid, uid } = core.current.cred;
    const inode = vfs.structs.inode(sb, { mode: S_IFSOCK | 0o777, uid: fsuid, gid: fsgid }, label, inodeAddr);
    structs.initSocket(socket, type);
    core.check('inode_alloc_security', [inodeArg(inode, 'of a new socket')]);
    const sk = structs.allocSock(family, type, uid, label);
    core.check('sk_alloc_security', [
      ptrArg(sk, `new ${family} ${type} sock`),
      kinds[0],
      numArg(GFP_KERNEL, 'GFP_KERNEL'),
    ]);
    structs.join(socket, sk);
    const sock: Sock = {
      sk,
      socket,
      family,
      type,
      owner: core.current.name,
      inode,
      state: 'unconnected',
      local: null,
      remote: null,
    };
    core.check('socket_post_create', [this.socketArg(sock), ...kinds, numArg(0), numArg(0)], facts);
    const name = protoName(family, type);
    const dentry = vfs.structs.dentry(sb, null, name, label);
    core.call('d_instantiate', [ptrArg(dentry.addr, name), inodeArg(inode, `socket:[${inode.ino}]`)]);
    vfs.structs.instantiate(dentry, inode);
    const fmode = FMODE_READ | FMODE_WRITE | FMODE_CAN_READ | FMODE_CAN_WRITE | FMODE_OPENED;
    const file = vfs.allocFile(O_FLAGS.O_RDWR, fmode, label, sock);
    inode.writeCount++;
    vfs.attach(file, { mnt, dentry });
    structs.setFile(socket, file);
    this.socks.push(sock);
    core.writer.set(sk, 'sock', 'sk_protocol', protocolNumber(family, type));
    return { fd: vfs.install(file, handle), sock };
  }

  /** The socket of a handle. */
  sockOf(handle: string): { fd: number; file: OpenFile; sock: Sock } {
    const { fd, file } = this.vfs.fdOf(handle);
    if (file.sock === null) throw new Fail(-ENOTSOCK, 'kernel');
    return { fd, file, sock: file.sock };
  }

  withAddress<T>(address: SockAddress, body: (args: readonly Arg[], text: string) => T): T {
    const { addr, length } = this.structs.sockaddr(address);
    const text = addressText(address);
    try {
      return body([ptrArg(addr, text), numArg(length)], text);
    } finally {
      this.core.memory.free(addr);
    }
  }

  setState(sock: Sock, state: Sock['state']): void {
    sock.state = state;
    this.structs.syncSock(sock);
  }

  bindNow(sock: Sock, address: SockAddress): void {
    sock.local = address;
    if (address.family === 'unix' && address.path.startsWith('@')) this.#abstract.set(address.path, sock);
    this.setState(sock, 'bound');
  }

  abstractSocket(path: string): Sock | undefined {
    const sock = this.#abstract.get(path);
    return sock !== undefined && this.#alive(sock) ? sock : undefined;
  }

  /** A bound socket of the same kind that would get packets for this address. */
  holder(type: 'stream' | 'dgram', a: SockAddress): Sock | undefined {
    return this.socks.find(
      (s) =>
        s.type === type &&
        s.local !== null &&
        s.local.family === a.family &&
        s.local.port === a.port &&
        (isAny(s.local) || isAny(a) || s.local.ip.every((b, i) => b === a.ip[i])) &&
        this.#alive(s),
    );
  }

  #alive(s: Sock): boolean {
    return s.inode.nlink > 0;
  }

  #fs(): { sb: SuperBlock; mnt: Mount } {
    if (this.#sockfs === null) {
      const { structs } = this.vfs;
      const sb = structs.superBlock('sockfs', SOCKFS_MAGIC, SOCKFS_DEV, FIRST_SOCKET_INO);
      const root = structs.dentry(sb, null, 'socket:', 'socket:');
      this.#sockfs = { sb, mnt: structs.mount(sb, root, null, null, 0, 'sockfs') };
    }
    return this.#sockfs;
  }
}

export const isAny = (a: SockAddress): boolean => a.family !== 'unix' && a.ip.every((b) => b === 0);

/** 127/8, ::1 and the any address (which connect(2) takes for the loopback). */
export function isLocal(a: SockAddress): boolean {
  if (isAny(a)) return true;
  if (a.family === 'inet') return a.ip[0] === 127;
  const mapped = a.ip.slice(0, 10).every((b) => b === 0) && a.ip[10] === 0xff && a.ip[11] === 0xff;
  return mapped ? a.ip[12] === 127 : a.ip.every((b, i) => b === (i === 15 ? 1 : 0));
}
