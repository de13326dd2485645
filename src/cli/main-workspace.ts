/** A bundle for `main-build.ts`: reads a workspace's file, which takes a library. */
export { workspaceSettings } from '../engine/api/index.ts';
