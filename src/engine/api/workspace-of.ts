/** Which workspace a file belongs to. */
import { dirName, joinPath } from '../c/index.ts';
import type { FileProvider } from './types.ts';

const MAX_FOLDERS_UP = 8;

export interface Workspace {
  readonly dir: string;
  /** Of `lsmith.yaml`, undefined when there is none. */
  readonly text: string | undefined;
}

/** The workspace of a file: the nearest folder above it with an lsmith.yaml, else its own. */
export function workspaceOf(files: FileProvider, file: string): Workspace {
  for (let dir = dirName(file), up = 0; up < MAX_FOLDERS_UP; dir = joinPath(dir, '..'), up++) {
    const bytes = files.read(joinPath(dir, 'lsmith.yaml'));
    if (bytes !== undefined) return { dir, text: new TextDecoder().decode(bytes) };
    if (dir === '/') break;
  }
  return { dir: dirName(file), text: undefined };
}
