/** An engine over the real profiles and headers, with files that a test lays over those of the repository. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { createEngine, type Engine, type ProfileSource } from '../../../src/engine/api/index.ts';

export const root = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');

export const profiles: readonly ProfileSource[] = ['6.1', '6.12', '7.2'].map((id) => ({
  id,
  json: (): unknown => JSON.parse(readFileSync(`${root}/assets/profiles/${id}/profile.json`, 'utf8')),
  btf: () => new Uint8Array(gunzipSync(readFileSync(`${root}/assets/profiles/${id}/btf.gz`))),
}));

export const headerNames = readdirSync(`${root}/assets/headers`, { recursive: true, encoding: 'utf8' })
  .filter((f) => f.endsWith('.h'))
  .sort();
export const headers = new Map(headerNames.map((f) => [f, readFileSync(`${root}/assets/headers/${f}`, 'utf8')]));

export interface Bench {
  readonly engine: Engine;
  /** Lays a file over the repository's; undefined takes it away again. */
  put(path: string, content: string | Uint8Array | undefined): void;
}

/** Paths are relative to the repository or absolute. */
export function bench(): Bench {
  const over = new Map<string, Uint8Array>();
  const encoder = new TextEncoder();
  const engine = createEngine({
    profiles,
    headers,
    files: {
      read(path) {
        const laid = over.get(path);
        if (laid) return laid;
        const full = path.startsWith('/') ? path : `${root}/${path}`;
        return /\.(c|h|o|yaml)$/.test(path) && existsSync(full) ? new Uint8Array(readFileSync(full)) : undefined;
      },
    },
  });
  return {
    engine,
    put(path, content) {
      if (content === undefined) over.delete(path);
      else over.set(path, typeof content === 'string' ? encoder.encode(content) : content);
    },
  };
}

export const text = (path: string): string => readFileSync(`${root}/${path}`, 'utf8');

export interface Example {
  readonly name: string;
  readonly policy: string;
  readonly scenario: string;
}

const example = (name: string, policy: string, scenario: string): Example => ({
  name,
  policy: `assets/examples/${name}/${policy}.bpf.c`,
  scenario: `assets/examples/${name}/scenarios/${scenario}.scenario.yaml`,
});

export const SHADOW = example('shadow-guard', 'shadow_guard', 'who-may-read-shadow');
export const EGRESS = example('egress-guard', 'egress_guard', 'blocked-network');
export const EXEC = example('exec-guard', 'exec_guard', 'tainted-tracer');
export const EXAMPLES = [SHADOW, EGRESS, EXEC];
export const KERNELS = ['6.1', '6.12', '7.2'];
export const BPF_FIRST = 'lsm=bpf,landlock,lockdown,yama,integrity,apparmor';
