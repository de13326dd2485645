/** Kernel profiles as the engine is given them, loaded on first use. */
import { joinProfile, nameTest, type KernelProfile } from '../kernel/index.ts';
import { buildHookCatalogue, type HookInfo } from '../lsm/index.ts';
import type { VerifierPlatform } from '../verifier/index.ts';
import { KernelBtfs, type ProfileSource } from './kernel-btf.ts';
import type { ProfileSummary } from './types.ts';

/** A profile with what is derived from it once. */
export interface ReadyProfile {
  readonly profile: KernelProfile;
  readonly hooks: readonly HookInfo[];
  readonly platform: VerifierPlatform;
}

/** What distributions' kernels are configured for; smaller machines know a little more. */
const MOST_CPUS = 8192;

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
  const { helpers, cgroupHookHelpers, tracing, config } = profile.facts;
  const onHook = new Map(Object.entries(cgroupHookHelpers).map(([hook, ids]) => [hook, new Set(ids)]));
  const cpus = config.CONFIG_NR_CPUS;
  return {
    id: profile.id,
    version: profile.version,
    btf: profile.btf,
    cpus: typeof cpus === 'number' ? cpus : MOST_CPUS,
    hook: (name) => byName.get(name),
    lsmHelpers: {
      normal: new Set(helpers.normal),
      sleepable: new Set(helpers.sleepable),
      cgroup: new Set(helpers.cgroup),
      cgroupHook: (hook) => onHook.get(hook),
    },
    tracing: {
      modifiable: nameTest(tracing.modifiable),
      sleepable: nameTest(tracing.sleepable),
      denied: nameTest(tracing.denied),
      noReturn: nameTest(tracing.noReturn),
      noAddress: nameTest(tracing.noAddress),
    },
  };
}

export class ProfileStore {
  readonly #ready = new Map<string, ReadyProfile>();

  /** The kernels as the compiler sees them, which costs much less than the whole profiles. */
  readonly btfs: KernelBtfs;

  constructor(sources: readonly ProfileSource[]) {
    this.btfs = new KernelBtfs(sources);
  }

  ids(): readonly string[] {
    return this.btfs.ids();
  }

  /** @throws Error for an unknown id or a damaged profile, saying which and why */
  get(id: string): ReadyProfile {
    const hit = this.#ready.get(id);
    if (hit) return hit;
    const loaded = joinProfile(this.btfs.source(id).json(), this.btfs.get(id).btf);
    if (!loaded.ok) throw new Error(`kernel profile ${id}: ${loaded.error.message}`);
    const hooks = buildHookCatalogue(loaded.value);
    const ready = { profile: loaded.value, hooks, platform: platformOf(loaded.value, hooks) };
    this.#ready.set(id, ready);
    return ready;
  }

  /** Every profile but damaged ones, which are reported when they are asked for. */
  readable(): readonly ReadyProfile[] {
    return this.ids().flatMap((id) => {
      try {
        return [this.get(id)];
      } catch {
        return [];
      }
    });
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
