/** All modelled modules by name. bpf is not here: its programs run in the dispatcher. */
import type { ModuleName } from '../types.ts';
import { apparmorHooks } from './apparmor.ts';
import { capabilityHooks } from './capability.ts';
import { landlockHooks } from './landlock.ts';
import { lockdownHooks } from './lockdown.ts';
import type { ModuleHooks } from './module.ts';
import { yamaHooks } from './yama.ts';

export const MODULES: Readonly<Partial<Record<ModuleName, ModuleHooks>>> = {
  capability: capabilityHooks,
  yama: yamaHooks,
  landlock: landlockHooks,
  lockdown: lockdownHooks,
  apparmor: apparmorHooks,
};

export type { DispatchHost, ModuleContext, TaskView } from './module.ts';
