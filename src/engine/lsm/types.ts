/** Hook catalogue, LSM stack and decision records: the words of the trace panel. */

export type ModuleName =
  | 'lockdown'
  | 'capability'
  | 'landlock'
  | 'yama'
  | 'apparmor'
  | 'selinux'
  | 'tomoyo'
  | 'smack'
  | 'loadpin'
  | 'safesetid'
  | 'integrity'
  | 'ima'
  | 'evm'
  | 'ipe'
  | 'bpf';

export interface HookArg {
  readonly name: string;
  /** As C prints it, e.g. `struct file *`. */
  readonly type: string;
  /** BTF type id in the profile. */
  readonly typeId: number;
}

/** One entry of the hook catalogue: one LSM hook of one kernel. */
export interface HookInfo {
  readonly name: string;
  readonly args: readonly HookArg[];
  readonly returns: 'int' | 'void';
  /** What `security_*()` returns when every module has no opinion; null for void hooks. */
  readonly defaultReturn: number | null;
  readonly attachable: boolean;
  /** Why not, in the kernel's words, when not attachable. */
  readonly refusedBecause: string | null;
  readonly sleepable: boolean;
  readonly cgroupAttachable: boolean;
  /** Inclusive; null = not checked by this kernel. */
  readonly returnRange: readonly [number, number] | null;
  /** True when `security_<name>` has a BTF function (fexit / fmod_ret possible). */
  readonly tracingAttachable: boolean;
  /** Context in which the hook runs; `unknown` where we did not establish it. */
  readonly context: 'may-sleep' | 'atomic' | 'rcu' | 'unknown';
  /** Which modelled modules implement it on this kernel. */
  readonly modules: readonly ModuleName[];
}

/** How bpf programs take part in a decision. */
export type AttachSemantics = 'lsm' | 'fexit' | 'fexit-if-zero' | 'fmod_ret';

/** A module after the kernel's own rules were applied to the command line. */
export interface StackEntry {
  readonly module: ModuleName;
  /** False: listed in the order but we have no model of it; it never decides here and the trace says so. */
  readonly modelled: boolean;
  /** Where its place comes from, e.g. `first by rule`, `lsm=`, `CONFIG_LSM`, `last by rule`. */
  readonly why: string;
}

export interface LsmStack {
  readonly entries: readonly StackEntry[];
  /** Names that were asked for and did not make it, with the kernel's reason. */
  readonly dropped: readonly { readonly name: string; readonly why: string }[];
  /** As /sys/kernel/security/lsm prints it. */
  readonly text: string;
}

export interface MapAccess {
  readonly map: string;
  readonly op: 'lookup' | 'update' | 'delete' | 'reserve' | 'read' | 'write';
  /** Hex of the key, '' for globals and ring buffers. */
  readonly key: string;
  /** Rendered with the map's BTF where possible. */
  readonly keyText: string;
  readonly before: string | null;
  readonly after: string | null;
  readonly found: boolean;
}

export interface RingRecord {
  readonly map: string;
  /** Raw bytes, hex. */
  readonly bytes: string;
  /** Rendered with BTF when the record type is known, else null. */
  readonly text: string | null;
}

export interface ProgramCall {
  readonly program: string;
  readonly policy: string;
  /** LSM list: `called` ran; `not-called` an earlier module or program ended the chain (see `because`). */
  readonly state: 'called' | 'not-called';
  readonly because: string | null;
  /** r0 as the kernel reads it (s32 for int hooks); null for not called. */
  readonly ret: number | null;
  readonly insns: number;
  readonly maps: readonly MapAccess[];
  readonly printk: readonly string[];
  readonly records: readonly RingRecord[];
  /** Runtime fault of the interpreter (should never happen to a verified program). */
  readonly fault: string | null;
  /** C lines that ran, `line -> count`, for coverage. */
  readonly lines: Readonly<Record<number, number>>;
}

/** One module (or one bpf program group) in one hook call, in calling order. */
export interface ModuleCall {
  readonly module: ModuleName;
  /** `called`; `skipped`: the chain had already ended; `no-hook`: the module does not implement this hook; `not-modelled`. */
  readonly state: 'called' | 'skipped' | 'no-hook' | 'not-modelled';
  /** For `skipped`: who ended the chain. */
  readonly because: string | null;
  readonly ret: number | null;
  /** Why the module returned that, in its own terms (`profile web: deny /etc/shadow r`). */
  readonly reason: string | null;
  readonly programs: readonly ProgramCall[];
}

/** One `security_*()` invocation. */
export interface HookCall {
  readonly index: number;
  readonly hook: string;
  /** Rendered arguments, e.g. `{file: "/etc/shadow", ...}`. */
  readonly args: readonly { readonly name: string; readonly text: string }[];
  readonly modules: readonly ModuleCall[];
  /** What `security_*()` returned; null for void hooks. */
  readonly ret: number | null;
  /** Module (or `bpf:program`) whose return became the result; null = default. */
  readonly decidedBy: string | null;
  /** For fexit semantics: an earlier decision that this run overrode. */
  readonly overrides: readonly { readonly from: number; readonly to: number; readonly by: string }[];
}

/** One scenario step with all that followed from it. */
export interface StepTrace {
  readonly index: number;
  readonly label: string;
  readonly task: string;
  readonly call: string;
  /** The call as strace would print it. */
  readonly text: string;
  readonly hooks: readonly HookCall[];
  /** System-call result: ≥ 0 value or -errno. */
  readonly ret: number;
  /** `OK` or the errno's name. */
  readonly errno: string;
  /** Who caused the errno: a module, `bpf:program`, `kernel` (DAC, ENOENT...) or null when it succeeded. */
  readonly decidedBy: string | null;
  readonly expectations: readonly { readonly text: string; readonly ok: boolean; readonly actual: string }[];
  /** Source place of the step in the scenario file. */
  readonly line: number;
  /** Things this model does not do, met in this step. */
  readonly notModelled: readonly string[];
}

export interface MapDump {
  readonly policy: string;
  readonly map: string;
  readonly type: string;
  readonly entries: readonly { readonly key: string; readonly value: string }[];
}

/** One whole run: a pure function of (objects, profile, stack, scenario, seed). */
export interface RunTrace {
  readonly scenario: string;
  readonly kernel: string;
  readonly cmdline: string;
  readonly semantics: AttachSemantics;
  readonly stack: LsmStack;
  /** Programs attached, in attach order; `attached: false` with the reason when the kernel would refuse. */
  readonly programs: readonly {
    readonly policy: string;
    readonly program: string;
    readonly hook: string | null;
    readonly attached: boolean;
    readonly why: string | null;
  }[];
  readonly steps: readonly StepTrace[];
  readonly maps: readonly MapDump[];
  readonly passed: boolean;
}

/** What differs between two runs of one scenario. */
export interface RunDiff {
  readonly steps: readonly {
    readonly index: number;
    readonly changes: readonly {
      readonly what: 'errno' | 'decidedBy' | 'hook-return' | 'called' | 'not-called' | 'overridden' | 'records';
      readonly subject: string;
      readonly before: string;
      readonly after: string;
    }[];
  }[];
  readonly maps: readonly { readonly map: string; readonly before: string; readonly after: string }[];
  /** Number of changed facts over all steps. */
  readonly count: number;
}
