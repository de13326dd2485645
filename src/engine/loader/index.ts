export * from './types.ts';
export * from './opened.ts';
export { openObject } from './open.ts';
export { loadObject } from './load.ts';
export * from './dump.ts';
export { kernelMapNames } from './map-names.ts';
