/** The bundled kernel profiles as the verifier sees them, read from the assets. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { ProfileStore } from '../../src/engine/api/profiles.ts';
import type { VerifierPlatform } from '../../src/engine/verifier/index.ts';

export const KERNELS = ['6.1', '6.12', '7.2'] as const;
export type Kernel = (typeof KERNELS)[number];

const asset = (id: string, file: string): URL => new URL(`../../assets/profiles/${id}/${file}`, import.meta.url);
const store = new ProfileStore(
  KERNELS.map((id) => ({
    id,
    json: () => JSON.parse(readFileSync(asset(id, 'profile.json'), 'utf8')) as unknown,
    btf: () => gunzipSync(readFileSync(asset(id, 'btf.gz'))),
  })),
);

const platforms = new Map<Kernel, VerifierPlatform>();

/** The platform of a kernel in the laboratory: guests have one processor. */
export function platform(id: Kernel): VerifierPlatform {
  const made = platforms.get(id) ?? { ...store.get(id).platform, cpus: 1 };
  platforms.set(id, made);
  return made;
}
