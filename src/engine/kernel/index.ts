export * from './types.ts';
export * from './profile.ts';
export { createKernel, type Kernel, type TaskState } from './kernel.ts';
export { ERRNOS, errnoByName, errnoByNumber, errnoName, resultText, type ErrnoInfo } from './errno.ts';
export { CAPABILITIES, MAP_FLAGS, MS_FLAGS, O_FLAGS, PROT_FLAGS, SIGNALS } from './constants.ts';
export { parseAddress, parseIpv4, parseIpv6 } from './address.ts';
export { StructLayout, StructWriter, type FieldRef } from './struct-writer.ts';
export { BASE_DIRECTORIES, INIT_EXE, INIT_NAME } from './world.ts';
export type { FreedKind, KernelModelProfile } from './core.ts';
