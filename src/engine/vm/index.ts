export * from './types.ts';
export { createMemory } from './memory.ts';
export { createVmObject } from './object.ts';
export { runHex, runRaw } from './raw.ts';
export { formatBpf } from './format.ts';
