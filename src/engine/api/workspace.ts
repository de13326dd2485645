/** What a workspace's `lsmith.yaml` says about compiling policies. */
import { joinPath } from '../c/index.ts';
import { parseWorkspace } from '../scenario/index.ts';
import type { CompileSettings } from './compile.ts';
import type { FileProvider } from './types.ts';
import { workspaceOf } from './workspace-of.ts';

/** Reads `include` and `defines` of a policy's workspace; what was read is kept until its text changes. */
export function workspaceSettings(files: FileProvider): (file: string) => CompileSettings {
  const known = new Map<string, { readonly text: string; readonly settings: CompileSettings }>();
  return (file) => {
    const { dir, text } = workspaceOf(files, file);
    if (text === undefined) return { includeDirs: [], defines: {} };
    const hit = known.get(dir);
    if (hit?.text === text) return hit.settings;
    const { workspace } = parseWorkspace(text, joinPath(dir, 'lsmith.yaml'));
    const settings: CompileSettings = {
      includeDirs: (workspace?.include ?? []).map((d) => joinPath(dir, d)),
      defines: workspace?.defines ?? {},
    };
    known.set(dir, { text, settings });
    return settings;
  };
}
