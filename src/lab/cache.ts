/** Where the laboratory keeps what it fetched and built: outside any repository, shared by all checkouts. */
import { homedir } from 'node:os';
import path from 'node:path';

/** `$LSMITH_CACHE`, else `$XDG_CACHE_HOME/lsmith`, else `~/.cache/lsmith`. */
export function cacheDir(env: NodeJS.ProcessEnv = process.env): string {
  if (env.LSMITH_CACHE) return path.resolve(env.LSMITH_CACHE);
  return path.join(env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'lsmith');
}

export const kernelsDir = (): string => path.join(cacheDir(), 'kernels');
