/** The capability module (security/commoncap.c): POSIX capabilities as an LSM. Always second in the stack. */
import { ALLOW, EPERM, type ModuleContext, type ModuleAnswer, type ModuleHooks } from './module.ts';

/**
 * cap_ptrace_access_check / cap_ptrace_traceme: the tracer's capabilities must contain the tracee's permitted set, or
 * the tracer has CAP_SYS_PTRACE. Real-credential checks use the permitted set of the tracer, fs ones the effective set.
 */
function ptrace(ctx: ModuleContext, tracer: string, tracee: string): ModuleAnswer {
  const PTRACE_MODE_FSCREDS = 0x08;
  const a = ctx.host.task(tracer);
  const b = ctx.host.task(tracee);
  if (!a || !b) return ALLOW;
  const mine = ((ctx.request.facts.ptraceMode ?? 0) & PTRACE_MODE_FSCREDS) !== 0 ? a.caps : a.permitted;
  const missing = [...b.permitted].find((c) => !mine.has(c));
  if (missing === undefined) return ALLOW;
  if (ctx.host.capable(tracer, 'sys_ptrace')) return { ret: 0, reason: `${tracer} has CAP_SYS_PTRACE` };
  return {
    ret: -EPERM,
    reason: `${tracee} has CAP_${missing.toUpperCase()}, which ${tracer} lacks, and ${tracer} has no CAP_SYS_PTRACE`,
  };
}

export const capabilityHooks: ModuleHooks = {
  capable: (ctx) => {
    const cap = ctx.request.facts.capability;
    if (cap === undefined || ctx.task.caps.has(cap)) return ALLOW;
    return { ret: -EPERM, reason: `CAP_${cap.toUpperCase()} is not in the effective set of ${ctx.task.name}` };
  },
  ptrace_access_check: (ctx) => {
    const target = ctx.request.facts.targetTask;
    return target === undefined ? ALLOW : ptrace(ctx, ctx.task.name, target);
  },
  ptrace_traceme: (ctx) => {
    const parent = ctx.request.facts.targetTask;
    return parent === undefined ? ALLOW : ptrace(ctx, parent, ctx.task.name);
  },
  settime: (ctx) => (ctx.host.capable(ctx.task.name, 'sys_time') ? ALLOW : { ret: -EPERM, reason: 'no CAP_SYS_TIME' }),
  // These only compute new credentials (or bound mmap_min_addr) and do not deny what scenarios can express.
  bprm_creds_from_file: () => ALLOW,
  task_fix_setuid: () => ALLOW,
  mmap_file: () => ALLOW,
  mmap_addr: () => ALLOW,
  inode_need_killpriv: () => ALLOW,
  capget: () => ALLOW,
};
