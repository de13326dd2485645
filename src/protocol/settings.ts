/** What is kept over restarts: settings, window and workspace state, as versioned JSON. */
import * as v from 'valibot';

export const SETTINGS_VERSION = 1;

/** Every key has a fallback, so that an older or damaged file never stops the start. */
export const SettingsSchema = v.object({
  version: v.fallback(v.literal(SETTINGS_VERSION), SETTINGS_VERSION),
  theme: v.fallback(v.picklist(['system', 'dark', 'light']), 'system'),
  density: v.fallback(v.picklist(['compact', 'comfortable']), 'compact'),
  fontSize: v.fallback(v.pipe(v.number(), v.integer(), v.minValue(9), v.maxValue(28)), 13),
  checkDelay: v.fallback(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2000)), 100),
  autoRun: v.fallback(v.boolean(), true),
  wordWrap: v.fallback(v.boolean(), false),
  /** The verifier's budget beside the line numbers. */
  budget: v.fallback(v.boolean(), false),
  minimap: v.fallback(v.boolean(), false),
});
export type Settings = v.InferOutput<typeof SettingsSchema>;

/** Reads anything into valid settings. */
export function parseSettings(value: unknown): Settings {
  const result = v.safeParse(SettingsSchema, value !== null && typeof value === 'object' ? value : {});
  return result.success ? result.output : v.parse(SettingsSchema, {});
}

/** Per workspace: what the user chose in the window (never what belongs into the workspace's own files). */
export const WorkspaceStateSchema = v.object({
  version: v.fallback(v.literal(1), 1),
  layout: v.fallback(v.unknown(), null),
  kernel: v.fallback(v.nullable(v.string()), null),
  scenario: v.fallback(v.nullable(v.string()), null),
  columns: v.fallback(v.record(v.string(), v.record(v.string(), v.number())), {}),
});
export type WorkspaceState = v.InferOutput<typeof WorkspaceStateSchema>;

export function parseWorkspaceState(value: unknown): WorkspaceState {
  const result = v.safeParse(WorkspaceStateSchema, value !== null && typeof value === 'object' ? value : {});
  return result.success ? result.output : v.parse(WorkspaceStateSchema, {});
}
