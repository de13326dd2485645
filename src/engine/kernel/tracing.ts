/** Which kernel functions tracing programs may attach to: the lists of a profile, and those of a kernel that nobody measured. */
import type { ProfileFacts, TracingFacts } from './types.ts';

/** Is a name on such a list? `__x64_*` on it stands for all names that begin with `__x64_`. */
export function nameTest(list: readonly string[]): (name: string) => boolean {
  const prefixes = list.filter((n) => n.endsWith('*')).map((n) => n.slice(0, -1));
  const names = new Set(list);
  return (name) => names.has(name) || prefixes.some((p) => name.startsWith(p));
}

/** Kernels without error injection allow it on what is named like system calls instead (since 7.0). */
const SYSTEM_CALLS_INSTEAD = '__x64_*';

/**
 * What kernels with CONFIG_FUNCTION_ERROR_INJECTION let fail on purpose, by the ALLOW_ERROR_INJECTION() of the sources of 6.1,
 * 6.12 and 7.2: system calls, and these of the kernel proper (drivers have some, too). Debian's kernels are built without.
 */
const INJECTABLE = [
  '__x64_sys_*',
  '__x64_compat_sys_*',
  '__ia32_sys_*',
  '__ia32_compat_sys_*',
  'bpf_fentry_test1',
  'bpf_modify_return_test',
  'btrfs_check_leaf',
  'btrfs_check_leaf_full',
  'btrfs_check_node',
  'btrfs_cow_block',
  'btrfs_search_slot',
  'btrfs_should_cancel_balance',
  'io_ctl_init',
  'mtd_block_markbad',
  'mtd_erase',
  'mtd_read',
  'mtd_write',
  'open_ctree',
  'page_pool_alloc_netmems',
  'page_pool_alloc_pages',
  'should_fail_bio',
  'should_fail_net_realloc_skb',
];
/** The same, but called from where nobody may sleep, too (btf_non_sleepable_error_inject). */
const INJECTABLE_NOT_SLEEPABLE = ['__filemap_add_folio', 'should_fail_alloc_page', 'should_failslab'];

/** What other configurations than the measured ones have, and their kernels close, too (btf_id_deny, noreturn_deny). */
const DENIED_ELSEWHERE = ['preempt_count_add', 'preempt_count_sub', 'rcu_read_unlock_strict'];
const NO_RETURN_ELSEWHERE = ['__kunit_abort', 'kunit_try_catch_throw'];

/** For a kernel that was not measured: the neighbour's, with the list that its own configuration turns on. */
export function deriveTracing(neighbour: TracingFacts, config: ProfileFacts['config']): TracingFacts {
  const facts = {
    ...neighbour,
    denied: [...neighbour.denied, ...DENIED_ELSEWHERE],
    noReturn: neighbour.noReturn.length === 0 ? [] : [...neighbour.noReturn, ...NO_RETURN_ELSEWHERE],
    // Which functions have an address is about one build of a kernel.
    noAddress: [],
  };
  if (config.CONFIG_FUNCTION_ERROR_INJECTION !== 'y') return facts;
  const joined = (list: readonly string[], more: readonly string[]): string[] =>
    [...new Set([...list.filter((n) => n !== SYSTEM_CALLS_INSTEAD), ...more])].sort();
  return {
    ...facts,
    modifiable: joined(neighbour.modifiable, [...INJECTABLE, ...INJECTABLE_NOT_SLEEPABLE]),
    sleepable: joined(neighbour.sleepable, INJECTABLE),
  };
}
