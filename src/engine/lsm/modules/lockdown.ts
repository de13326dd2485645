/** Lockdown (security/lockdown/lockdown.c): denies what would let root change or read the running kernel. */
import { ALLOW, EPERM, type ModuleHooks } from './module.ts';

/** The level's own enumerator is the last reason that it covers. */
const LIMIT = { integrity: 'LOCKDOWN_INTEGRITY_MAX', confidentiality: 'LOCKDOWN_CONFIDENTIALITY_MAX' } as const;

export const lockdownHooks: ModuleHooks = {
  locked_down: ({ request, settings, enumerator }) => {
    const level = settings.lockdown;
    const reason = request.facts.lockdownReason;
    if (level === 'none' || reason === undefined) return ALLOW;
    const limit = enumerator(LIMIT[level]);
    if (limit === undefined || reason > limit) return ALLOW;
    return { ret: -EPERM, reason: `kernel is locked down (${level}); reason ${reason}` };
  },
};
