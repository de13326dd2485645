export * from './types.ts';
export { DEFAULT_WORKSPACE, SCENARIO_VERSION, parseScenario, parseWorkspace, type ParsedScenario, type ParsedWorkspace } from './parse.ts';
export { usage } from './read-steps.ts';
export { CALLS, CALL_NAMES } from './calls.ts';
export { LANDLOCK_RIGHTS } from './read-modules.ts';
