export * from './types.ts';
export { createEngine, type EngineOptions } from './engine.ts';
export type { ProfileSource } from './profiles.ts';
