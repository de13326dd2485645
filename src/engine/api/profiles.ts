/** Kernel profiles as the engine is given them, loaded on first use. */
import { loadProfile, type KernelProfile } from '../kernel/index.ts';
import { buildHookCatalogue, type HookInfo } from '../lsm/index.ts';
import type { VerifierPlatform } from '../verifier/index.ts';
import type { ProfileSummary } from './types.ts';

/** Where a profile comes from. Both functions are called at most once. */
export interface ProfileSource {
  readonly id: string;
  /** Parsed profile.json. */
  readonly json: () => unknown;
  /** Uncompressed BTF. */
  readonly btf: () => Uint8Array;
}

/** A profile with what is derived from it once. */
export interface ReadyProfile {
  readonly profile: KernelProfile;
  readonly hooks: readonly HookInfo[];
  readonly platform: VerifierPlatform;
}

function platformOf(profile: KernelProfile, hooks: readonly HookInfo[]): VerifierPlatform {
  const byName = new Map(
    hooks.map((h) => [
      h.name,
      {
        name: h.name,
        attachable: h.attachable,
        sleepable: h.sleepable,
        returnsVoid: h.returns === 'void',
        returnRange: h.returnRange,
      },
    ]),
  );
  const { helpers } = profile.facts;
  return {
    id: profile.id,
    version: profile.version,
    btf: profile.btf,
    hook: (name) => byName.get(name),
    lsmHelpers: { normal: new Set(helpers.normal), sleepable: new Set(helpers.sleepable) },
  };
}

export class ProfileStore {
  readonly #sources: ReadonlyMap<string, ProfileSource>;
  readonly #ready = new Map<string, ReadyProfile>();

  constructor(sources: readonly ProfileSource[]) {
    this.#sources = new Map(sources.map((s) => [s.id, s]));
  }

  ids(): readonly string[] {
    return [...this.#sources.keys()].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  }

  /** @throws Error for an unknown id or a damaged profile, saying which and why */
  get(id: string): ReadyProfile {
    const hit = this.#ready.get(id);
    if (hit) return hit;
    const source = this.#sources.get(id);
    if (!source) throw new Error(`unknown kernel profile ${id}; known: ${this.ids().join(', ')}`);
    const loaded = loadProfile(source.json(), source.btf());
    if (!loaded.ok) throw new Error(`kernel profile ${id}: ${loaded.error.message}`);
    const hooks = buildHookCatalogue(loaded.value);
    const ready = { profile: loaded.value, hooks, platform: platformOf(loaded.value, hooks) };
    this.#ready.set(id, ready);
    return ready;
  }

  summary(id: string): ProfileSummary {
    const { profile, hooks } = this.get(id);
    return {
      id,
      release: profile.release,
      types: profile.btf.typeCount,
      hooks: hooks.length,
      configLsm: profile.facts.configLsm,
    };
  }
}
