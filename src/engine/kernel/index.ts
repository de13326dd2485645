export * from './types.ts';
export * from './profile.ts';
