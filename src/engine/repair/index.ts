/**
 * Quick fixes for programs that the verifier refuses: proposals as edits of the C source. Whoever asks proves them by
 * compiling and verifying the edited text; see `engine/api`.
 */
export { proposeRepairs, REPAIRED, type RepairInput } from './propose.ts';
export { leavingReturn, type LastPlace } from './leave.ts';
export { applyFix } from './source.ts';
