/** Kernel profiles, the world, system calls, and the seam (`HookSink`) through which the kernel asks its LSMs. */
import type { Btf } from '../bpf/index.ts';
import type { LoadTarget } from '../loader/index.ts';
import type { KAddr } from '../vm/index.ts';

/**
 * Which functions of the kernel tracing programs may attach to, where BTF does not tell (bpf_check_attach_target(),
 * check_attach_btf_id()). Lists of function names; `__x64_*` stands for all that begin with `__x64_`.
 */
export interface TracingFacts {
  /** What fmod_ret programs may replace besides `security_*`. */
  readonly modifiable: readonly string[];
  /** Where fentry, fexit and fmod_ret programs may sleep. */
  readonly sleepable: readonly string[];
  /** Closed to all tracing programs (btf_id_deny). */
  readonly denied: readonly string[];
  /** Closed to fexit and fmod_ret programs: they do not return (noreturn_deny). */
  readonly noReturn: readonly string[];
  /** Functions that have a type but no address: the compiler inlined all their calls, or renamed them. */
  readonly noAddress: readonly string[];
}

/** What was measured on the real kernel and cannot be read off its BTF (assets/profiles/<id>/facts.json). */
export interface ProfileFacts {
  /** Hook → what security_*() returns by default; null = void hook. */
  readonly defaults: Readonly<Record<string, number | null>>;
  /** Hooks refused with "points to disabled hook". */
  readonly disabled: readonly string[];
  readonly sleepable: readonly string[];
  readonly lsmCgroup: readonly string[];
  /** Hooks whose return range is [0, 1]. */
  readonly boolRange: readonly string[];
  /** True when int hooks are checked for [-4095, 0] (6.12; not 6.1). */
  readonly returnRangeChecked: boolean;
  /** Helper ids allowed in a non-sleepable / sleepable lsm program, and in an lsm_cgroup program on any hook. */
  readonly helpers: {
    readonly normal: readonly number[];
    readonly sleepable: readonly number[];
    readonly cgroup: readonly number[];
  };
  /** Hooks where lsm_cgroup programs may call further helpers: hook → their ids. */
  readonly cgroupHookHelpers: Readonly<Record<string, readonly number[]>>;
  readonly tracing: TracingFacts;
  /** CONFIG_LSM. */
  readonly configLsm: string;
  /** LSMs that are compiled in. */
  readonly builtLsms: readonly string[];
  /** Kernel configuration values that programs or rules may ask for. */
  readonly config: Readonly<Record<string, string | number>>;
}

/** One kernel, ready for use by all stages. */
export interface KernelProfile extends LoadTarget {
  /** `6.1`, `6.12`, or a user's own. */
  readonly id: string;
  /** As uname -r prints it. */
  readonly release: string;
  readonly btf: Btf;
  readonly facts: ProfileFacts;
}

// ---- world -------------------------------------------------------------------------------------------------------

/** Names as in <linux/capability.h> without `CAP_`, lower case, e.g. `sys_ptrace`. */
export type CapName = string;

export interface TaskSpec {
  readonly name: string;
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** Effective = permitted set. Default: all for uid 0, none otherwise. */
  readonly caps: readonly CapName[];
  readonly exe: string;
  readonly comm: string;
  /** Another task's name, or null for a child of init. */
  readonly parent: string | null;
  /** AppArmor profile that confines the task, null = unconfined. */
  readonly apparmor: string | null;
  /** Name of a landlock ruleset that the task enforces on itself before step 1. */
  readonly landlock: string | null;
  readonly dumpable: boolean;
}

export interface FileSpec {
  readonly path: string;
  readonly type: 'file' | 'dir' | 'symlink';
  /** Permission bits, e.g. 0o640. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly target?: string;
  readonly content?: string;
}

/** A socket that exists before step 1, made by its owner while unconfined. */
export interface SocketSpec {
  readonly name: string;
  readonly task: string;
  readonly family: 'inet' | 'inet6' | 'unix';
  readonly type: 'stream' | 'dgram';
  /** Bound and listening address, when it is a server. */
  readonly listen?: string;
}

export type AaAccess = 'r' | 'w' | 'a' | 'x' | 'm' | 'k' | 'l';

/** A small AppArmor profile. Glob syntax of apparmor.d(5): `*`, `**`, `?`, `[..]`, `{a,b}`. Deny beats allow. */
export interface AppArmorProfile {
  readonly name: string;
  /** `rules` not matching = denied, as the real module does in enforce mode. */
  readonly mode: 'enforce' | 'complain';
  readonly rules: readonly { readonly allow: boolean; readonly path: string; readonly access: string }[];
  readonly network: readonly { readonly allow: boolean; readonly family: string; readonly type: string | null }[];
  readonly capabilities: readonly { readonly allow: boolean; readonly cap: CapName }[];
  readonly ptrace: boolean;
  readonly signal: boolean;
  readonly mount: boolean;
}

export interface LandlockRuleset {
  readonly name: string;
  /** Handled rights, names as in <linux/landlock.h> without LANDLOCK_ACCESS_FS_, lower case. */
  readonly handled: readonly string[];
  readonly rules: readonly { readonly path: string; readonly allow: readonly string[] }[];
}

export interface ModuleSettings {
  readonly apparmor: { readonly profiles: readonly AppArmorProfile[] };
  readonly landlock: { readonly rulesets: readonly LandlockRuleset[] };
  readonly yama: { readonly ptraceScope: 0 | 1 | 2 | 3 };
  readonly lockdown: 'none' | 'integrity' | 'confidentiality';
}

export interface WorldSpec {
  readonly tasks: readonly TaskSpec[];
  readonly files: readonly FileSpec[];
  readonly sockets: readonly SocketSpec[];
}

// ---- system calls ------------------------------------------------------------------------------------------------

/** A system call as a scenario writes it. Handles (`fd`, `save`) are names. */
export type SyscallSpec =
  | {
      readonly call: 'openat';
      readonly path: string;
      readonly flags: readonly string[];
      readonly mode: number;
      readonly save: string | null;
    }
  | { readonly call: 'close'; readonly fd: string }
  | { readonly call: 'read' | 'write'; readonly fd: string; readonly size: number }
  | { readonly call: 'execve'; readonly path: string; readonly argv: readonly string[] }
  | { readonly call: 'fork'; readonly child: string; readonly pid: number | null }
  | { readonly call: 'exit'; readonly code: number }
  | {
      readonly call: 'socket';
      readonly family: 'inet' | 'inet6' | 'unix';
      readonly type: 'stream' | 'dgram';
      readonly save: string | null;
    }
  | { readonly call: 'connect' | 'bind'; readonly fd: string; readonly address: string }
  | { readonly call: 'listen'; readonly fd: string }
  | { readonly call: 'ptrace'; readonly request: 'attach' | 'seize' | 'traceme'; readonly target: string | null }
  | { readonly call: 'kill'; readonly target: string; readonly signal: string }
  | { readonly call: 'chmod'; readonly path: string; readonly mode: number }
  | { readonly call: 'unlink'; readonly path: string }
  | { readonly call: 'mkdir'; readonly path: string; readonly mode: number }
  | { readonly call: 'rename'; readonly path: string; readonly to: string }
  | {
      readonly call: 'mmap';
      readonly fd: string | null;
      readonly prot: readonly string[];
      readonly flags: readonly string[];
      readonly size: number;
    }
  | {
      readonly call: 'mount';
      readonly source: string;
      readonly target: string;
      readonly fstype: string;
      readonly flags: readonly string[];
    }
  | { readonly call: 'bpf'; readonly cmd: 'map_create' | 'prog_load' }
  | { readonly call: 'setuid'; readonly uid: number };

/** One argument of a hook call: the u64 that programs get, and how to print it. */
export interface HookArgValue {
  readonly name: string;
  readonly value: bigint;
  readonly text: string;
}

/**
 * What modules look at when the kernel asks them. Besides the raw arguments (for bpf programs) it carries the
 * semantic facts that modelled modules need, so that they never parse simulated memory.
 */
export interface HookRequest {
  readonly hook: string;
  readonly args: readonly HookArgValue[];
  /** Name of the task that acts. */
  readonly task: string;
  readonly facts: HookFacts;
}

export interface HookFacts {
  readonly path?: string;
  readonly path2?: string;
  /** MAY_READ 4, MAY_WRITE 2, MAY_EXEC 1, MAY_APPEND 8. */
  readonly mask?: number;
  readonly capability?: CapName;
  readonly targetTask?: string;
  readonly ptraceMode?: number;
  readonly signal?: number;
  readonly family?: 'inet' | 'inet6' | 'unix';
  readonly socketType?: 'stream' | 'dgram';
  readonly socketOwner?: string;
  readonly address?: string;
  readonly lockdownReason?: number;
  /** Open flags, mmap prot, chmod mode...: whatever the hook carries by that name. */
  readonly flags?: number;
  readonly prot?: number;
  readonly mode?: number;
  /** The path names a directory. */
  readonly isDir?: boolean;
  /** The file is opened by execve itself (in_execve / FMODE_EXEC). */
  readonly forExec?: boolean;
  /** mount: what and of which type. */
  readonly source?: string;
  readonly fstype?: string;
}

/** What `security_*()` answered. */
export interface HookAnswer {
  /** null for void hooks. */
  readonly ret: number | null;
  readonly decidedBy: string | null;
}

/** lsm/ implements this; kernel/ calls it for each `security_*()` on a system call's path. */
export interface HookSink {
  call(request: HookRequest): HookAnswer;
}

/** The result of one system call as the application sees it, and who caused an error. */
export interface SyscallOutcome {
  readonly ret: number;
  /** A module, `bpf:program`, `kernel` or null. */
  readonly decidedBy: string | null;
  /** As strace prints the call. */
  readonly text: string;
  readonly notModelled: readonly string[];
}

export type { KAddr };
