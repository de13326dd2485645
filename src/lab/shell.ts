/** Running the machine's own tools. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';

export interface CommandResult {
  readonly ok: boolean;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export function run(
  command: string,
  args: readonly string[],
  opts: { readonly cwd?: string; readonly input?: Uint8Array; readonly env?: NodeJS.ProcessEnv } = {},
): CommandResult {
  const r = spawnSync(command, [...args], {
    cwd: opts.cwd,
    input: opts.input,
    env: opts.env ?? process.env,
    maxBuffer: 512 << 20,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const stderr = r.error ? r.error.message : (r.stderr?.toString('utf8') ?? '');
  return { ok: r.status === 0, stdout: r.stdout ?? Buffer.alloc(0), stderr };
}

/** Full path of a program; also looks in the sbin folders, which an ordinary user's PATH lacks on Debian. */
export function which(name: string): string | null {
  for (const dir of [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin', '/usr/local/sbin']) {
    if (!dir) continue;
    const file = path.join(dir, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // not here
    }
  }
  return null;
}
