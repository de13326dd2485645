export { choices } from './choices.ts';
export { PRELUDE } from './prelude.ts';
export { generateProgram } from './program.ts';
