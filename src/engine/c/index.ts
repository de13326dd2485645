export * from './ast.ts';
export * from './types.ts';
