/**
 * Kernel functions that tracing programs may change, sleep in, or not attach to: lists that BTF does not carry. From the sources
 * of 6.1, 6.12 and 7.2 (kernel/bpf/verifier.c, net/bpf/test_run.c, net/mptcp/bpf.c), compared with what the kernels say of the
 * selftests' programs (`npm run report:kernel`).
 */

export interface AttachRules {
  /** Functions whose result fmod_ret may change whatever the configuration, and whether programs may sleep there (6.4). */
  readonly modifiable: ReadonlyMap<string, boolean>;
  /** Without error injection, system calls may be changed and slept in all the same (7.0). */
  readonly systemCallsAlways: boolean;
  /** Functions that must not be traced, and what the kernel says: null = nothing. */
  readonly denied: ReadonlySet<string>;
  deniedMessage(name: string): string | null;
  /** Functions that do not return, where exits must not be traced; empty where that is not checked. */
  readonly noReturn: ReadonlySet<string>;
  noReturnMessage(name: string): string;
  /** Exits of functions may be traced only where the result fits a register; said with these words (7.0). */
  readonly refusesWideReturn: boolean;
}

const set = (names: string): ReadonlySet<string> => new Set(names.split(' '));

/** Those that a kernel's configuration leaves out are not in its BTF either. */
const DENIED = 'migrate_disable migrate_enable rcu_read_unlock_strict preempt_count_add preempt_count_sub';
const NO_RETURN =
  '__ia32_sys_exit __ia32_sys_exit_group __kunit_abort kunit_try_catch_throw __module_put_and_kthread_exit ' +
  '__x64_sys_exit __x64_sys_exit_group do_exit do_group_exit kthread_complete_and_exit make_task_dead';

export const ATTACH_6_1: AttachRules = {
  modifiable: new Map(),
  systemCallsAlways: false,
  denied: set(DENIED),
  deniedMessage: () => null,
  noReturn: new Set(),
  noReturnMessage: () => '',
  refusesWideReturn: false,
};

export const ATTACH_6_12: AttachRules = {
  ...ATTACH_6_1,
  modifiable: new Map([
    ['bpf_modify_return_test', false],
    ['bpf_modify_return_test2', false],
    ['bpf_modify_return_test_tp', false],
    ['bpf_fentry_test1', true],
    ['update_socket_protocol', false],
  ]),
  denied: set(`${DENIED} __rcu_read_lock __rcu_read_unlock`),
  noReturn: set(`${NO_RETURN} kthread_exit`),
  noReturnMessage: () => 'Attaching fexit/fmod_ret to __noreturn functions is rejected.',
  refusesWideReturn: true,
};

export const ATTACH_7_2: AttachRules = {
  ...ATTACH_6_12,
  systemCallsAlways: true,
  denied: set(`${DENIED} __rcu_read_lock __rcu_read_unlock ___migrate_enable`),
  deniedMessage: (name) => `Attaching tracing programs to function '${name}' is rejected.`,
  noReturn: set(NO_RETURN),
  noReturnMessage: (name) => `Attaching fexit/fsession/fmod_ret to __noreturn function '${name}' is rejected.`,
};

/** Functions with ALLOW_ERROR_INJECTION besides the system calls, in code that is not a module's. */
const INJECTED = set(
  'page_pool_alloc_pages should_fail_bio __filemap_add_folio should_failslab should_fail_alloc_page mtd_erase mtd_read ' +
    'mtd_write mtd_block_markbad bpf_modify_return_test bpf_fentry_test1',
);
/** Of those: may be called where nothing may sleep (btf_non_sleepable_error_inject). */
const NOT_SLEEPING = set('__filemap_add_folio should_fail_alloc_page should_failslab');

const isSystemCall = (name: string): boolean => name.startsWith('__x64_');

/** On the list of functions that errors may be injected into. @param configured CONFIG_FUNCTION_ERROR_INJECTION */
const injected = (name: string, configured: boolean): boolean =>
  configured && (isSystemCall(name) || name.startsWith('__ia32_') || INJECTED.has(name));

/** May tracing programs sleep in a function? */
export function maySleepIn(rules: AttachRules, name: string, configured: boolean): boolean {
  if (rules.modifiable.get(name) === true) return true;
  if (injected(name, configured)) return !NOT_SLEEPING.has(name);
  return !configured && rules.systemCallsAlways && isSystemCall(name);
}

/** May fmod_ret programs change the result of a function? */
export function mayModify(rules: AttachRules, name: string, configured: boolean): boolean {
  if (name.startsWith('security_') || rules.modifiable.has(name) || injected(name, configured)) return true;
  return !configured && rules.systemCallsAlways && isSystemCall(name);
}
