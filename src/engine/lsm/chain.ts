/** How `security_*()` walks its modules: per kernel when it stops, and what it answers when nobody decided. */

export interface ChainRule {
  /** Result when no module decided. */
  readonly initial: number;
  /** True when a module's return ends the walk. */
  stops(ret: number): boolean;
  /** Result after a module that did not stop the walk returned `ret`. */
  next(result: number, ret: number): number;
}

/**
 * 6.1 walks a list and stops at the first non-zero return (call_int_hook); 6.12 goes through static calls and stops at
 * the first return that is not the hook's default. Hooks with a zero default behave alike.
 * Measured: apparmor's -92 from socket_getpeersec_dgram ends the chain on 6.1 and not on 6.12.
 * @param defaultReturn the hook's default (LSM_RET_DEFAULT)
 */
export function chainRule(version: readonly [number, number, number], hook: string, defaultReturn: number): ChainRule {
  const walksList = version[0] < 6 || (version[0] === 6 && version[1] < 12);
  if (!walksList) {
    return { initial: defaultReturn, stops: (ret) => ret !== defaultReturn, next: (result) => result };
  }
  // security_task_prctl on 6.1: a module without opinion (the default) is passed over, zero counts but goes on.
  if (hook === 'task_prctl') {
    return {
      initial: defaultReturn,
      stops: (ret) => ret !== defaultReturn && ret !== 0,
      next: (result, ret) => (ret === defaultReturn ? result : ret),
    };
  }
  return { initial: defaultReturn, stops: (ret) => ret !== 0, next: (_result, ret) => ret };
}
