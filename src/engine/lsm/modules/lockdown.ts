/** Lockdown (security/lockdown/lockdown.c): denies what would let root change or read the running kernel. */
import { ALLOW, EPERM, type ModuleHooks } from './module.ts';

/** `enum lockdown_reason` boundaries, the same in 6.1 and 6.12: reasons up to here are about integrity. */
export const LOCKDOWN_INTEGRITY_MAX: Readonly<Record<string, number>> = { '6.1': 19, '6.12': 19 };
const CONFIDENTIALITY_MAX = 99;

export const lockdownHooks: ModuleHooks = {
  locked_down: ({ request, settings, version }) => {
    const level = settings.lockdown;
    const reason = request.facts.lockdownReason;
    if (level === 'none' || reason === undefined) return ALLOW;
    const limit =
      level === 'confidentiality' ? CONFIDENTIALITY_MAX : (LOCKDOWN_INTEGRITY_MAX[`${version[0]}.${version[1]}`] ?? 19);
    if (reason > limit) return ALLOW;
    return { ret: -EPERM, reason: `kernel is locked down (${level}); reason ${reason}` };
  },
};
