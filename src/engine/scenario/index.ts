export * from './types.ts';
export {
  DEFAULT_WORKSPACE,
  SCENARIO_VERSION,
  parseScenario,
  parseWorkspace,
  type ParsedScenario,
  type ParsedWorkspace,
} from './parse.ts';
export { usage } from './read-steps.ts';
export { CALLS, CALL_NAMES } from './calls.ts';
export { LANDLOCK_RIGHTS } from './read-modules.ts';
export { runScenario, type RunObject, type RunOptions, type RunResult } from './run.ts';
export { encode, resolvePresets, withGlobals, type GlobalPreset, type MapPreset, type Presets } from './presets.ts';
