export * from './types.ts';
export { verifyProgram, verifyObject } from './verify.ts';
export { VerdictCache } from './verdicts.ts';
