/** What a modelled LSM is: a pure function from a hook request and the acting task to a return value with a reason. */
import type { CapName, HookRequest, ModuleSettings } from '../../kernel/index.ts';

/** A task as modules see it at the moment of the call. */
export interface TaskView {
  readonly name: string;
  readonly pid: number;
  readonly uid: number;
  /** Effective capabilities. */
  readonly caps: ReadonlySet<CapName>;
  /** Permitted capabilities. */
  readonly permitted: ReadonlySet<CapName>;
  /** Parent task's name; null = init or outside of the world. */
  readonly parent: string | null;
  /** AppArmor profile, null = unconfined. */
  readonly apparmor: string | null;
  /** Landlock rulesets that the task enforces, outermost first. */
  readonly landlock: readonly string[];
}

/** What the dispatcher needs from the kernel model. Implemented by the scenario driver. */
export interface DispatchHost {
  /** Undefined for a task that is gone or outside of the world (treated as unprivileged and unconfined). */
  task(name: string): TaskView | undefined;
  /**
   * `ns_capable()` by a module: runs `security_capable()` as a nested hook call (so that it is traced and bpf
   * programs on `capable` are called) and says whether it was granted.
   */
  capable(task: string, cap: CapName): boolean;
}

export interface ModuleContext {
  readonly request: HookRequest;
  readonly task: TaskView;
  readonly settings: ModuleSettings;
  readonly host: DispatchHost;
  /** `6.1` or later as a number pair. */
  readonly version: readonly [number, number, number];
  /** Value of an enumerator in the kernel's own BTF; undefined when it has none of that name. */
  readonly enumerator: (name: string) => number | undefined;
}

/** A module's answer; `reason` in the module's own terms, null when it had nothing to object or to look at. */
export interface ModuleAnswer {
  readonly ret: number;
  readonly reason: string | null;
}

export const ALLOW: ModuleAnswer = { ret: 0, reason: null };

export const EPERM = 1;
export const EACCES = 13;

/** Table of the hooks that a module's model implements. */
export type ModuleHooks = Readonly<Record<string, (ctx: ModuleContext) => ModuleAnswer>>;

/** True when `name` is `ancestor` or one of its descendants (process tree at this moment). */
export function isDescendant(host: DispatchHost, ancestor: string, name: string): boolean {
  const seen = new Set<string>();
  let at: string | null = name;
  while (at !== null && !seen.has(at)) {
    if (at === ancestor) return true;
    seen.add(at);
    at = host.task(at)?.parent ?? null;
  }
  return false;
}
