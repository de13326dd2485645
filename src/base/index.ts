export * from './assert.ts';
export * from './brand.ts';
export * from './bytes.ts';
export * from './diagnostic.ts';
export * from './disposable.ts';
export * from './result.ts';
export * from './u64.ts';
export * from './words.ts';
