/** Numbers of the Linux system-call interface on x86-64 that the model needs (include/uapi). */

export const O_FLAGS: Readonly<Record<string, number>> = {
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
export const O_ACCMODE = 3;
/** Set in f_flags of files that execve opens (include/linux/fs.h, __FMODE_EXEC). */
export const FMODE_EXEC_FLAG = 0x20;

export const MAY_EXEC = 1;
export const MAY_WRITE = 2;
export const MAY_READ = 4;
export const MAY_APPEND = 8;
export const MAY_ACCESS = 0x10;
export const MAY_OPEN = 0x20;
export const MAY_CHDIR = 0x40;
export const MAY_NOT_BLOCK = 0x80;

export const FMODE_READ = 1;
export const FMODE_WRITE = 2;
export const FMODE_LSEEK = 4;
export const FMODE_PREAD = 8;
export const FMODE_PWRITE = 0x10;
export const FMODE_EXEC = 0x20;
export const FMODE_PATH = 0x4000;
export const FMODE_OPENED = 0x80000;
export const FMODE_CREATED = 0x100000;
export const FMODE_CAN_READ = 0x20000;
export const FMODE_CAN_WRITE = 0x40000;

export const S_IFMT = 0o170000;
export const S_IFSOCK = 0o140000;
export const S_IFLNK = 0o120000;
export const S_IFREG = 0o100000;
export const S_IFDIR = 0o040000;
export const S_ISUID = 0o4000;
export const S_ISGID = 0o2000;
export const S_ISVTX = 0o1000;
export const S_IXGRP = 0o010;
export const S_IXUGO = 0o111;
export const S_IALLUGO = 0o7777;

export const ATTR_MODE = 1;
export const ATTR_SIZE = 8;
export const ATTR_MTIME = 0x20;
export const ATTR_CTIME = 0x40;
export const ATTR_FILE = 0x2000;
export const ATTR_OPEN = 0x8000;

export const PROT_FLAGS: Readonly<Record<string, number>> = {
  PROT_NONE: 0,
  PROT_READ: 1,
  PROT_WRITE: 2,
  PROT_EXEC: 4,
};
export const PROT_READ = 1;
export const PROT_WRITE = 2;
export const PROT_EXEC = 4;

export const MAP_FLAGS: Readonly<Record<string, number>> = {
  MAP_SHARED: 1,
  MAP_PRIVATE: 2,
  MAP_ANONYMOUS: 0x20,
  MAP_NORESERVE: 0x4000,
  MAP_POPULATE: 0x8000,
  MAP_STACK: 0x20000,
};
export const MAP_SHARED = 1;
export const MAP_PRIVATE = 2;
export const MAP_FIXED = 0x10;
export const MAP_ANONYMOUS = 0x20;
export const MAP_FIXED_NOREPLACE = 0x100000;

export const MS_FLAGS: Readonly<Record<string, number>> = {
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
  MS_REC: 16384,
  MS_SILENT: 32768,
  MS_UNBINDABLE: 1 << 17,
  MS_PRIVATE: 1 << 18,
  MS_SLAVE: 1 << 19,
  MS_SHARED: 1 << 20,
  MS_RELATIME: 1 << 21,
  MS_STRICTATIME: 1 << 24,
};
export const MNT_NOSUID = 1;
export const MNT_NODEV = 2;
export const MNT_NOEXEC = 4;
export const MNT_READONLY = 0x40;

export const SIGNALS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGSTKFLT: 16,
  SIGCHLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGTTIN: 21,
  SIGTTOU: 22,
  SIGURG: 23,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGWINCH: 28,
  SIGIO: 29,
  SIGPWR: 30,
  SIGSYS: 31,
};
/** Signals whose default action is not to end the process. */
export const HARMLESS_SIGNALS: ReadonlySet<number> = new Set([17, 18, 19, 20, 21, 22, 23, 28]);

/** include/uapi/linux/capability.h, in order of their numbers. */
export const CAPABILITIES: readonly string[] = [
  'chown',
  'dac_override',
  'dac_read_search',
  'fowner',
  'fsetid',
  'kill',
  'setgid',
  'setuid',
  'setpcap',
  'linux_immutable',
  'net_bind_service',
  'net_broadcast',
  'net_admin',
  'net_raw',
  'ipc_lock',
  'ipc_owner',
  'sys_module',
  'sys_rawio',
  'sys_chroot',
  'sys_ptrace',
  'sys_pacct',
  'sys_admin',
  'sys_boot',
  'sys_nice',
  'sys_resource',
  'sys_time',
  'sys_tty_config',
  'mknod',
  'lease',
  'audit_write',
  'audit_control',
  'setfcap',
  'mac_override',
  'mac_admin',
  'syslog',
  'wake_alarm',
  'block_suspend',
  'audit_read',
  'perfmon',
  'bpf',
  'checkpoint_restore',
];
export const CAP_OPT_NONE = 0;
export const CAP_OPT_INSETID = 4;

export const PTRACE_MODE_ATTACH_REALCREDS = 0x12;

export const AF: Readonly<Record<'unix' | 'inet' | 'inet6', number>> = { unix: 1, inet: 2, inet6: 10 };
export const SOCK: Readonly<Record<'stream' | 'dgram', number>> = { stream: 1, dgram: 2 };

/** GFP_KERNEL and GFP_KERNEL_ACCOUNT as the recordings show them in cred_prepare and sk_alloc_security. */
export const GFP_KERNEL = 3264;
export const GFP_KERNEL_ACCOUNT = 4197568;
/** CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID: what fork(3) of the C library passes (recorded in task_alloc). */
export const FORK_CLONE_FLAGS = 0x1200000;

export const TMPFS_MAGIC = 0x01021994;
export const SOCKFS_MAGIC = 0x534f434b;
export const ANON_INODE_MAGIC = 0x09041934;

/** `A|B` for a number whose bits a table names; the rest in hex; `zero` when no bit is set. */
export function flagText(value: number, names: Readonly<Record<string, number>>, zero: string): string {
  const out: string[] = [];
  let rest = value;
  // Names of several bits first, so that O_TMPFILE is not printed as O_DIRECTORY.
  for (const [name, bits] of Object.entries(names).sort((a, b) => bitCount(b[1]) - bitCount(a[1]) || a[1] - b[1])) {
    if (bits !== 0 && (rest & bits) === bits) {
      out.push(name);
      rest &= ~bits;
    }
  }
  if (rest !== 0) out.push('0x' + (rest >>> 0).toString(16));
  return out.length === 0 ? zero : out.join('|');
}

function bitCount(n: number): number {
  let c = 0;
  for (let v = n >>> 0; v !== 0; v &= v - 1) c++;
  return c;
}

/** As strace prints open flags: access mode first. */
export function openFlagText(flags: number): string {
  const access = ['O_RDONLY', 'O_WRONLY', 'O_RDWR', 'O_ACCMODE'][flags & O_ACCMODE];
  const rest = flagText(flags & ~O_ACCMODE, O_FLAGS, '');
  return rest === '' ? access : `${access}|${rest}`;
}

/** `MAY_READ|MAY_OPEN`. */
export function mayText(mask: number): string {
  return flagText(
    mask,
    { MAY_EXEC, MAY_WRITE, MAY_READ, MAY_APPEND, MAY_ACCESS, MAY_OPEN, MAY_CHDIR, MAY_NOT_BLOCK },
    '0',
  );
}
