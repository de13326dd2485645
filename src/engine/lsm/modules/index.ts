/** All modelled modules by name. bpf is not here: its programs run in the dispatcher. */
import type { ModuleName } from '../types.ts';
import { apparmorHooks } from './apparmor.ts';
import { capabilityHooks } from './capability.ts';
import { landlockHooks } from './landlock.ts';
import { lockdownHooks } from './lockdown.ts';
import { ALLOW, type ModuleAnswer, type ModuleHooks } from './module.ts';
import { yamaHooks } from './yama.ts';

/**
 * Hooks in which modules only keep their own state (blobs of creds, files, sockets, tasks): they deny nothing short of
 * running out of memory. Every module that has one of them is taken as called and returning the default.
 */
const BOOKKEEPING: ReadonlySet<string> = new Set([
  'cred_alloc_blank',
  'cred_prepare',
  'cred_transfer',
  'cred_free',
  'task_alloc',
  'task_free',
  'file_alloc_security',
  'file_free_security',
  'file_release',
  'file_set_fowner',
  'inode_alloc_security',
  'inode_free_security',
  'inode_free_security_rcu',
  'sk_alloc_security',
  'sk_free_security',
  'sk_clone_security',
  'sock_graft',
  'socket_post_create',
  'bprm_committing_creds',
  'bprm_committed_creds',
  'current_getsecid_subj',
  'task_getsecid_obj',
  'cred_getsecid',
]);

/** The model of a module's hook; undefined = not modelled. */
export function modelOf(module: ModuleName, hook: string): ModuleHooks[string] | undefined {
  const hooks = MODULES[module];
  if (hooks === undefined) return undefined;
  return hooks[hook] ?? (BOOKKEEPING.has(hook) ? (): ModuleAnswer => ALLOW : undefined);
}

export const MODULES: Readonly<Partial<Record<ModuleName, ModuleHooks>>> = {
  capability: capabilityHooks,
  yama: yamaHooks,
  landlock: landlockHooks,
  lockdown: lockdownHooks,
  apparmor: apparmorHooks,
};

export type { DispatchHost, ModuleContext, TaskView } from './module.ts';
