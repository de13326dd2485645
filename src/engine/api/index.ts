export { HeaderTables, type HeaderSource } from '../c/index.ts';
export * from './types.ts';
export { Cancelled } from './cancelled.ts';
export { createEngine, type EngineOptions } from './engine.ts';
export { createCompiler, makeHeaderTables, type Compiler, type CompileSettings } from './compile.ts';
export { workspaceSettings } from './workspace.ts';
export { workspaceOf, type Workspace } from './workspace-of.ts';
export type { ProfileSource } from './kernel-btf.ts';
