/**
 * What can be said about the C of a policy for one kernel beyond the C language: hooks and their arguments, returns,
 * maps, format strings. `lintPolicy` warns of what compiles and loads but cannot be meant; `withFixes` gives findings
 * of loader and verifier the exact place in the source and an edit.
 */
export { lintPolicy, LintMemory } from './lint.ts';
export { withFixes, type Subject } from './fixes.ts';
export type { PolicyFacts } from './facts.ts';
