/**
 * Numbers of the Linux x86-64 system-call interface, for what the laboratory executes. Kept apart from the model's own
 * tables on purpose: the judge must not inherit a mistake of the judged. Source: include/uapi of Linux 6.12.
 */
export const NR = {
  read: 0,
  write: 1,
  close: 3,
  mmap: 9,
  socket: 41,
  connect: 42,
  bind: 49,
  listen: 50,
  clone: 56,
  execve: 59,
  kill: 62,
  rename: 82,
  mkdir: 83,
  unlink: 87,
  symlink: 88,
  chmod: 90,
  lchown: 94,
  ptrace: 101,
  setuid: 105,
  setgroups: 116,
  setresuid: 117,
  setresgid: 119,
  capset: 126,
  prctl: 157,
  mount: 165,
  exit_group: 231,
  openat: 257,
  bpf: 321,
  clone3: 435,
  landlock_create_ruleset: 444,
  landlock_add_rule: 445,
  landlock_restrict_self: 446,
  umask: 95,
} as const;

const O_FLAGS: Readonly<Record<string, number>> = {
  O_RDONLY: 0,
  O_WRONLY: 1,
  O_RDWR: 2,
  O_CREAT: 0o100,
  O_EXCL: 0o200,
  O_NOCTTY: 0o400,
  O_TRUNC: 0o1000,
  O_APPEND: 0o2000,
  O_NONBLOCK: 0o4000,
  O_DSYNC: 0o10000,
  O_DIRECT: 0o40000,
  O_LARGEFILE: 0o100000,
  O_DIRECTORY: 0o200000,
  O_NOFOLLOW: 0o400000,
  O_NOATIME: 0o1000000,
  O_CLOEXEC: 0o2000000,
  O_SYNC: 0o4010000,
  O_PATH: 0o10000000,
  O_TMPFILE: 0o20200000,
};
const PROT: Readonly<Record<string, number>> = { PROT_NONE: 0, PROT_READ: 1, PROT_WRITE: 2, PROT_EXEC: 4 };
const MAP: Readonly<Record<string, number>> = {
  MAP_SHARED: 1,
  MAP_PRIVATE: 2,
  MAP_FIXED: 0x10,
  MAP_ANONYMOUS: 0x20,
  MAP_NORESERVE: 0x4000,
  MAP_POPULATE: 0x8000,
  MAP_STACK: 0x20000,
  MAP_FIXED_NOREPLACE: 0x100000,
};
const MS: Readonly<Record<string, number>> = {
  MS_RDONLY: 1,
  MS_NOSUID: 2,
  MS_NODEV: 4,
  MS_NOEXEC: 8,
  MS_SYNCHRONOUS: 16,
  MS_REMOUNT: 32,
  MS_DIRSYNC: 128,
  MS_NOATIME: 1024,
  MS_NODIRATIME: 2048,
  MS_BIND: 4096,
  MS_MOVE: 8192,
  MS_REC: 16384,
  MS_SILENT: 32768,
  MS_UNBINDABLE: 1 << 17,
  MS_PRIVATE: 1 << 18,
  MS_SLAVE: 1 << 19,
  MS_SHARED: 1 << 20,
  MS_RELATIME: 1 << 21,
  MS_STRICTATIME: 1 << 24,
};
const SIGNALS = (
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ ' +
  'VTALRM PROF WINCH IO PWR SYS'
).split(' ');
const CAPS = (
  'chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service ' +
  'net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin ' +
  'sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override ' +
  'mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore'
).split(' ');
const LANDLOCK_FS = (
  'execute write_file read_file read_dir remove_dir remove_file make_char make_dir make_reg make_sock make_fifo ' +
  'make_block make_sym refer truncate ioctl_dev'
).split(' ');

function bits(table: Readonly<Record<string, number>>, prefix: string, names: readonly string[]): number {
  return names.reduce((sum, name) => {
    const upper = name.toUpperCase();
    const bit = table[upper] ?? table[prefix + upper] ?? (/^(0[xo]?)?[\da-f]+$/i.test(name) ? Number(name) : undefined);
    if (bit === undefined || Number.isNaN(bit)) throw new Error(`unknown flag ${name}`);
    return sum | bit;
  }, 0);
}

export const openFlags = (names: readonly string[]): number => bits(O_FLAGS, 'O_', names);
export const protFlags = (names: readonly string[]): number => bits(PROT, 'PROT_', names);
export const mapFlags = (names: readonly string[]): number => bits(MAP, 'MAP_', names);
export const mountFlags = (names: readonly string[]): number => bits(MS, 'MS_', names);

export function signalNumber(name: string): number {
  if (/^\d+$/.test(name)) return Number(name);
  const at = SIGNALS.indexOf(name.toUpperCase().replace(/^SIG/, ''));
  if (at < 0) throw new Error(`unknown signal ${name}`);
  return at + 1;
}

export function capMask(names: readonly string[]): bigint {
  return names.reduce((mask, name) => {
    const at = CAPS.indexOf(name.toLowerCase().replace(/^cap_/, ''));
    if (at < 0) throw new Error(`unknown capability ${name}`);
    return mask | (1n << BigInt(at));
  }, 0n);
}

export function landlockMask(names: readonly string[]): bigint {
  return names.reduce((mask, name) => {
    const at = LANDLOCK_FS.indexOf(name.toLowerCase());
    if (at < 0) throw new Error(`unknown landlock right ${name}`);
    return mask | (1n << BigInt(at));
  }, 0n);
}

export const FAMILY = { unix: 1, inet: 2, inet6: 10 } as const;
export const SOCKET_TYPE = { stream: 1, dgram: 2 } as const;
export const PTRACE = { traceme: 0, attach: 16, seize: 0x4206 } as const;

/** struct sockaddr_in, _in6 or _un of `A.B.C.D:port`, `[v6]:port`, `/path` or `@abstract`. */
export function sockaddr(text: string): Uint8Array {
  if (text.startsWith('/') || text.startsWith('@')) {
    const name = new TextEncoder().encode(text.startsWith('@') ? `\0${text.slice(1)}` : `${text}\0`);
    const out = new Uint8Array(2 + name.length);
    out[0] = FAMILY.unix;
    out.set(name, 2);
    return out;
  }
  const colon = text.lastIndexOf(':');
  const port = Number(text.slice(colon + 1));
  const host = text.slice(0, colon).replace(/^\[|\]$/g, '');
  if (colon < 0 || !Number.isInteger(port) || port < 0 || port > 65535) throw new Error(`not an address: ${text}`);
  const six = host.includes(':');
  const out = new Uint8Array(six ? 28 : 16);
  out.set([six ? FAMILY.inet6 : FAMILY.inet, 0, port >> 8, port & 255]);
  if (six) out.set(ipv6(host), 8);
  else out.set(ipv4(host), 4);
  return out;
}

/** The bytes of an IPv4 or IPv6 address in network order; undefined when the text is neither. */
export function addressBytes(text: string): readonly number[] | undefined {
  try {
    if (/^\d+(\.\d+){3}$/.test(text)) return ipv4(text);
    return text.includes(':') ? ipv6(text) : undefined;
  } catch {
    return undefined;
  }
}

function ipv4(host: string): number[] {
  const parts = host.split('.').map(Number);
  if (parts.length !== 4 || parts.some((n) => !Number.isInteger(n) || n < 0 || n > 255))
    throw new Error(`not an IPv4 address: ${host}`);
  return parts;
}

function ipv6(host: string): number[] {
  const words = (text: string): number[] =>
    text === '' ? [] : text.split(':').flatMap((w) => (w.includes('.') ? toWords(ipv4(w)) : [parseInt(w, 16)]));
  const [head, tail] = host.split('::');
  const front = words(head);
  const back = tail === undefined ? [] : words(tail);
  const all =
    tail === undefined
      ? front
      : [...front, ...new Array<number>(Math.max(0, 8 - front.length - back.length)).fill(0), ...back];
  if (all.length !== 8 || all.some((w) => !(w >= 0 && w <= 0xffff))) throw new Error(`not an IPv6 address: ${host}`);
  return all.flatMap((w) => [w >> 8, w & 255]);
}

const toWords = (b: readonly number[]): number[] => [(b[0] << 8) | b[1], (b[2] << 8) | b[3]];

const ERRNO: Readonly<Record<number, string>> = {
  1: 'EPERM',
  2: 'ENOENT',
  3: 'ESRCH',
  4: 'EINTR',
  5: 'EIO',
  6: 'ENXIO',
  7: 'E2BIG',
  8: 'ENOEXEC',
  9: 'EBADF',
  10: 'ECHILD',
  11: 'EAGAIN',
  12: 'ENOMEM',
  13: 'EACCES',
  14: 'EFAULT',
  15: 'ENOTBLK',
  16: 'EBUSY',
  17: 'EEXIST',
  18: 'EXDEV',
  19: 'ENODEV',
  20: 'ENOTDIR',
  21: 'EISDIR',
  22: 'EINVAL',
  23: 'ENFILE',
  24: 'EMFILE',
  25: 'ENOTTY',
  26: 'ETXTBSY',
  27: 'EFBIG',
  28: 'ENOSPC',
  29: 'ESPIPE',
  30: 'EROFS',
  31: 'EMLINK',
  32: 'EPIPE',
  33: 'EDOM',
  34: 'ERANGE',
  36: 'ENAMETOOLONG',
  38: 'ENOSYS',
  39: 'ENOTEMPTY',
  40: 'ELOOP',
  61: 'ENODATA',
  88: 'ENOTSOCK',
  90: 'EMSGSIZE',
  91: 'EPROTOTYPE',
  92: 'ENOPROTOOPT',
  93: 'EPROTONOSUPPORT',
  95: 'EOPNOTSUPP',
  97: 'EAFNOSUPPORT',
  98: 'EADDRINUSE',
  99: 'EADDRNOTAVAIL',
  101: 'ENETUNREACH',
  104: 'ECONNRESET',
  106: 'EISCONN',
  107: 'ENOTCONN',
  110: 'ETIMEDOUT',
  111: 'ECONNREFUSED',
  113: 'EHOSTUNREACH',
  114: 'EALREADY',
  115: 'EINPROGRESS',
  126: 'ENOKEY',
  524: 'ENOTSUPP',
};

/** `OK` for a result that is no error, else the errno's name. */
export function errnoName(ret: number): string {
  if (ret >= 0 || ret < -4095) return 'OK';
  return ERRNO[-ret] ?? `E${-ret}`;
}
