export * from './program.ts';
export * from './btf-types.ts';
