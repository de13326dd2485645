/** What features may use. */
export * from './bridge.ts';
export * from './documents.ts';
export * from './layout.ts';
export * from './registry.ts';
export * from './session.ts';
export * from './store.ts';
export * from './selection.ts';
export { keyLabel } from './when.ts';
