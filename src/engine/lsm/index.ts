export * from './types.ts';
export { resolveStack } from './order.ts';
export { buildHookCatalogue } from './catalogue.ts';
export { createDispatch, type Dispatch, type DispatchOptions } from './dispatch.ts';
export type { AttachedProgram } from './program-call.ts';
export type { DispatchHost, TaskView } from './modules/index.ts';
