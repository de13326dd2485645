/**
 * Sockets in simulated memory. Set fields:
 * socket: state, type, flags, file, sk (inside struct socket_alloc, so that SOCK_INODE() works)
 * sock: __sk_common.skc_family, skc_state, skc_num, skc_dport, skc_daddr, skc_rcv_saddr, skc_v6_*, skc_prot (→ name),
 *   skc_net, skc_refcnt; sk_type, sk_protocol, sk_socket, sk_uid. The memory has the size of tcp_sock or unix_sock.
 * sockaddr_in, sockaddr_in6, sockaddr_un: all fields
 */
import type { KAddr } from '../../vm/index.ts';
import { AF, SOCK } from '../constants.ts';
import type { Core } from '../core.ts';
import type { OpenFile, Sock, SockAddress, SockFamily } from '../objects.ts';

const SS_UNCONNECTED = 1;
const SS_CONNECTED = 3;
const TCP_ESTABLISHED = 1;
const TCP_CLOSE = 7;
const TCP_LISTEN = 10;
const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;
/** sizeof(struct sockaddr_storage): what move_addr_to_kernel() copies into. */
const SOCKADDR_STORAGE = 128;

const PROTO_NAMES: Readonly<Record<SockFamily, Readonly<Record<'stream' | 'dgram', string>>>> = {
  inet: { stream: 'TCP', dgram: 'UDP' },
  inet6: { stream: 'TCPv6', dgram: 'UDPv6' },
  unix: { stream: 'UNIX-STREAM', dgram: 'UNIX' },
};

export const protoName = (family: SockFamily, type: 'stream' | 'dgram'): string => PROTO_NAMES[family][type];

export const protocolNumber = (family: SockFamily, type: 'stream' | 'dgram'): number =>
  family === 'unix' ? 0 : type === 'stream' ? IPPROTO_TCP : IPPROTO_UDP;

export class NetStructs {
  readonly #core: Core;
  readonly #net: KAddr;
  readonly #protos = new Map<string, KAddr>();

  constructor(core: Core, net: KAddr) {
    this.#core = core;
    this.#net = net;
  }

  /** struct socket_alloc: the socket and its inode. */
  allocSocket(label: string): { readonly socket: KAddr; readonly inode: KAddr } {
    const w = this.#core.writer;
    const addr = w.alloc('socket_alloc', label);
    return { socket: w.at(addr, 'socket_alloc', 'socket'), inode: w.at(addr, 'socket_alloc', 'vfs_inode') };
  }

  allocSock(family: SockFamily, type: 'stream' | 'dgram', uid: number, label: string): KAddr {
    const w = this.#core.writer;
    const wanted = family === 'unix' ? 'unix_sock' : type === 'stream' ? 'tcp_sock' : 'udp_sock';
    const struct = [wanted, 'inet_sock', 'sock'].find((s) => w.layout.hasStruct(s))!;
    const extra = Math.max(0, w.layout.size('sock') - w.layout.size(struct));
    const sk = w.alloc(struct, label, extra);
    w.set(sk, 'sock', '__sk_common.skc_family', AF[family]);
    w.set(sk, 'sock', '__sk_common.skc_state', TCP_CLOSE);
    w.set(sk, 'sock', '__sk_common.skc_refcnt.refs.counter', 1);
    w.setPtr(sk, 'sock', '__sk_common.skc_prot', this.#proto(protoName(family, type)));
    w.setPtr(sk, 'sock', '__sk_common.skc_net.net', this.#net);
    w.set(sk, 'sock', 'sk_type', SOCK[type]);
    w.set(sk, 'sock', 'sk_protocol', protocolNumber(family, type));
    w.set(sk, 'sock', 'sk_uid.val', uid);
    return sk;
  }

  initSocket(socket: KAddr, type: 'stream' | 'dgram'): void {
    const w = this.#core.writer;
    w.set(socket, 'socket', 'state', SS_UNCONNECTED);
    w.set(socket, 'socket', 'type', SOCK[type]);
  }

  /** sock_init_data(): socket and sock know each other. */
  join(socket: KAddr, sk: KAddr): void {
    const w = this.#core.writer;
    w.setPtr(socket, 'socket', 'sk', sk);
    w.setPtr(sk, 'sock', 'sk_socket', socket);
  }

  setFile(socket: KAddr, file: OpenFile): void {
    this.#core.writer.setPtr(socket, 'socket', 'file', file.addr);
  }

  #proto(name: string): KAddr {
    let addr = this.#protos.get(name);
    if (addr === undefined) {
      const w = this.#core.writer;
      addr = w.alloc('proto', name);
      w.setString(addr, 'proto', 'name', name);
      this.#protos.set(name, addr);
    }
    return addr;
  }

  syncSock(s: Sock): void {
    const w = this.#core.writer;
    const common = (field: string, value: number) => w.set(s.sk, 'sock', `__sk_common.${field}`, value);
    const state = s.state === 'listening' ? TCP_LISTEN : s.state === 'connected' ? TCP_ESTABLISHED : TCP_CLOSE;
    common('skc_state', state);
    w.set(s.socket, 'socket', 'state', s.state === 'connected' ? SS_CONNECTED : SS_UNCONNECTED);
    if (s.family === 'unix') return;
    common('skc_num', s.local?.port ?? 0);
    common('skc_dport', swap16(s.remote?.port ?? 0));
    this.#ip(s, 'skc_rcv_saddr', 'skc_v6_rcv_saddr', s.local);
    this.#ip(s, 'skc_daddr', 'skc_v6_daddr', s.remote);
  }

  #ip(s: Sock, v4: string, v6: string, address: SockAddress | null): void {
    const w = this.#core.writer;
    const ip = Uint8Array.from(address?.ip ?? (s.family === 'inet' ? [0, 0, 0, 0] : new Array<number>(16).fill(0)));
    if (s.family === 'inet') {
      w.setBytes(s.sk, 'sock', `__sk_common.${v4}`, ip);
      return;
    }
    // CONFIG_IPV6 may be off in a user's own kernel.
    if (w.has('sock', `__sk_common.${v6}`)) w.setBytes(s.sk, 'sock', `__sk_common.${v6}`, ip);
  }

  /** The kernel's copy of a user's address. */
  sockaddr(a: SockAddress): { readonly addr: KAddr; readonly length: number } {
    const w = this.#core.writer;
    const addr = this.#core.memory.alloc(SOCKADDR_STORAGE, `struct sockaddr ${addressText(a)}`);
    switch (a.family) {
      case 'inet':
        w.set(addr, 'sockaddr_in', 'sin_family', AF.inet);
        w.set(addr, 'sockaddr_in', 'sin_port', swap16(a.port));
        w.setBytes(addr, 'sockaddr_in', 'sin_addr', Uint8Array.from(a.ip));
        return { addr, length: 16 };
      case 'inet6':
        w.set(addr, 'sockaddr_in6', 'sin6_family', AF.inet6);
        w.set(addr, 'sockaddr_in6', 'sin6_port', swap16(a.port));
        w.setBytes(addr, 'sockaddr_in6', 'sin6_addr', Uint8Array.from(a.ip));
        return { addr, length: 28 };
      case 'unix': {
        w.set(addr, 'sockaddr_un', 'sun_family', AF.unix);
        const abstract = a.path.startsWith('@');
        const name = new TextEncoder().encode(abstract ? '\0' + a.path.slice(1) : a.path);
        w.setBytes(addr, 'sockaddr_un', 'sun_path', name);
        // An abstract name is as long as the address says; for a path the whole struct is passed.
        return { addr, length: abstract ? 2 + name.length : w.layout.size('sockaddr_un') };
      }
    }
  }
}

const swap16 = (n: number): number => ((n & 0xff) << 8) | ((n >> 8) & 0xff);

export function addressText(a: SockAddress): string {
  switch (a.family) {
    case 'inet':
      return `${a.ip.join('.')}:${a.port}`;
    case 'inet6':
      return `[${ipv6Text(a.ip)}]:${a.port}`;
    case 'unix':
      return a.path;
  }
}

function ipv6Text(ip: readonly number[]): string {
  const words = Array.from({ length: 8 }, (_, i) => (ip[2 * i] << 8) | ip[2 * i + 1]);
  let best = { at: -1, n: 1 };
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && words[i + n] === 0) n++;
    if (n > best.n) best = { at: i, n };
  }
  const hex = (list: readonly number[]) => list.map((x) => x.toString(16)).join(':');
  return best.at < 0 ? hex(words) : `${hex(words.slice(0, best.at))}::${hex(words.slice(best.at + best.n))}`;
}
