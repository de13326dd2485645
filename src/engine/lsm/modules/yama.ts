/** Yama (security/yama/yama_lsm.c): ptrace_scope. Measured on 6.1 and 6.12 with scope 1 and 3 (order-cases). */
import { ALLOW, EPERM, isDescendant, type ModuleHooks } from './module.ts';

const PTRACE_MODE_ATTACH = 0x02;

export const yamaHooks: ModuleHooks = {
  ptrace_access_check: ({ request, task, settings, host }) => {
    const target = request.facts.targetTask;
    // Only attaching is restricted; reading /proc (PTRACE_MODE_READ) is not.
    if (target === undefined || ((request.facts.ptraceMode ?? PTRACE_MODE_ATTACH) & PTRACE_MODE_ATTACH) === 0) {
      return ALLOW;
    }
    switch (settings.yama.ptraceScope) {
      case 0:
        return ALLOW;
      case 1:
        if (isDescendant(host, task.name, target)) return { ret: 0, reason: `${target} descends from ${task.name}` };
        if (host.capable(task.name, 'sys_ptrace')) return { ret: 0, reason: `${task.name} has CAP_SYS_PTRACE` };
        return {
          ret: -EPERM,
          reason: `ptrace_scope=1: ${target} is no descendant of ${task.name}, which has no CAP_SYS_PTRACE`,
        };
      case 2:
        if (host.capable(task.name, 'sys_ptrace')) return { ret: 0, reason: `${task.name} has CAP_SYS_PTRACE` };
        return { ret: -EPERM, reason: `ptrace_scope=2: ${task.name} has no CAP_SYS_PTRACE` };
      case 3:
        return { ret: -EPERM, reason: 'ptrace_scope=3: nobody may attach' };
    }
  },
  ptrace_traceme: ({ request, settings, host }) => {
    const parent = request.facts.targetTask;
    const scope = settings.yama.ptraceScope;
    if (scope === 3) return { ret: -EPERM, reason: 'ptrace_scope=3: nobody may attach' };
    if (scope === 2 && parent !== undefined && !host.capable(parent, 'sys_ptrace')) {
      return { ret: -EPERM, reason: `ptrace_scope=2: ${parent} has no CAP_SYS_PTRACE` };
    }
    return ALLOW;
  },
  task_free: () => ALLOW,
};
