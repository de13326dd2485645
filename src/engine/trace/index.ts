export { diffRuns } from './diff.ts';
