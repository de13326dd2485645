/** Kernel profiles: `profile.json` + a BTF blob → `KernelProfile`, and facts for a kernel that was never measured. */
import * as v from 'valibot';
import { err, ok, type Result } from '../../base/index.ts';
import { parseBtf, type Btf } from '../bpf/index.ts';
import { deriveTracing } from './tracing.ts';
import type { KernelProfile, ProfileFacts } from './types.ts';

/** The `format` that this code writes and reads. */
export const PROFILE_FORMAT = 1;

const names = v.array(v.string());
const helperIds = v.array(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(0xffff)));
const versionPart = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff));

const FactsSchema = v.strictObject({
  defaults: v.record(v.string(), v.nullable(v.pipe(v.number(), v.integer()))),
  disabled: names,
  sleepable: names,
  lsmCgroup: names,
  boolRange: names,
  returnRangeChecked: v.boolean(),
  helpers: v.strictObject({ normal: helperIds, sleepable: helperIds, cgroup: helperIds }),
  cgroupHookHelpers: v.record(v.string(), helperIds),
  tracing: v.strictObject({
    modifiable: names,
    sleepable: names,
    denied: names,
    noReturn: names,
    noAddress: names,
  }),
  configLsm: v.string(),
  builtLsms: names,
  config: v.record(v.string(), v.union([v.string(), v.number()])),
});

const ProfileSchema = v.strictObject({
  format: v.literal(PROFILE_FORMAT),
  id: v.pipe(v.string(), v.nonEmpty()),
  release: v.pipe(v.string(), v.nonEmpty()),
  version: v.strictTuple([versionPart, versionPart, versionPart]),
  source: v.strictObject({
    /** File name of the kernel package or image. */
    package: v.string(),
    /** `measured`, or whose facts were taken over. */
    facts: v.string(),
  }),
  btf: v.strictObject({ size: v.pipe(v.number(), v.integer()), sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)) }),
  facts: FactsSchema,
});

/** The contents of an `assets/profiles/<id>/profile.json`. */
export type ProfileFile = v.InferOutput<typeof ProfileSchema>;

/** Why a profile cannot be used; `path` is the place in the JSON, '' when the BTF is at fault. */
export interface ProfileError {
  readonly message: string;
  readonly path: string;
}

/** Joins a parsed `profile.json` and its uncompressed BTF. Nothing is trusted: both come from files. */
export function loadProfile(json: unknown, btfBytes: Uint8Array): Result<KernelProfile, ProfileError> {
  const btf = parseBtf(btfBytes);
  if (!btf.ok) return err({ message: `${btf.error.message} (byte ${btf.error.offset})`, path: '' });
  return joinProfile(json, btf.value);
}

/** The same for BTF that is open already. */
export function joinProfile(json: unknown, btf: Btf): Result<KernelProfile, ProfileError> {
  const parsed = v.safeParse(ProfileSchema, json);
  if (!parsed.success) {
    const issue = parsed.issues[0];
    return err({ message: issue.message, path: v.getDotPath(issue) ?? '' });
  }
  const file = parsed.output;
  if (btf.blobSize !== file.btf.size) {
    return err({
      message: `the BTF has ${btf.blobSize} bytes, the profile ${file.id} was made with ${file.btf.size}`,
      path: 'btf.size',
    });
  }
  if (btf.find('task_struct', 'struct') === 0) {
    return err({ message: 'the BTF is not a kernel’s: it has no struct task_struct', path: '' });
  }
  const [major, minor, patch] = file.version;
  return ok({
    id: file.id,
    release: file.release,
    version: [major, minor, patch],
    btf,
    facts: file.facts,
    config: file.facts.config,
  });
}

/** `bpf_lsm_*` functions that are no hooks: bookkeeping of the BPF LSM itself (seen on 6.1 and 6.12). */
const NOT_HOOKS = new Set([
  'init',
  'is_sleepable_hook',
  'is_trusted',
  'get_retval_range',
  'func_proto',
  'verify_prog',
  'find_cgroup_shim',
]);

/** Members of the structs that list the hooks (`union security_list_options` holds one function pointer a hook). */
export function lsmHookNames(btf: Btf): readonly string[] {
  const list = btf.type(btf.find('security_list_options', 'union'));
  if (list.kind !== 'union') return [];
  return list.members
    .map((m) => m.name)
    .filter((name) => !NOT_HOOKS.has(name) && btf.find(`bpf_lsm_${name}`, 'func') !== 0);
}

/**
 * Facts for a kernel that nobody measured: those of a measured neighbour, cut down to the hooks that this kernel's
 * BTF has. Hooks that the neighbour lacks get their return type from BTF, default 0, and count as not sleepable: LSMith
 * then refuses what it cannot know to be allowed. `config` is the kernel's own configuration.
 */
export function deriveFacts(btf: Btf, neighbour: ProfileFacts, config: ProfileFacts['config']): ProfileFacts {
  const hooks = lsmHookNames(btf);
  const known = new Set(hooks);
  const only = (list: readonly string[]): string[] => list.filter((hook) => known.has(hook));
  const defaults: Record<string, number | null> = {};
  for (const hook of hooks) {
    const func = btf.type(btf.find(`bpf_lsm_${hook}`, 'func'));
    const proto = func.kind === 'func' ? btf.type(func.type) : undefined;
    const isVoid = proto?.kind === 'func_proto' && btf.kind(btf.strip(proto.ret)) === 'void';
    defaults[hook] = isVoid ? null : (neighbour.defaults[hook] ?? 0);
  }
  return {
    defaults,
    disabled: only(neighbour.disabled),
    sleepable: only(neighbour.sleepable),
    lsmCgroup: only(neighbour.lsmCgroup),
    boolRange: only(neighbour.boolRange),
    returnRangeChecked: neighbour.returnRangeChecked,
    helpers: neighbour.helpers,
    cgroupHookHelpers: Object.fromEntries(
      Object.entries(neighbour.cgroupHookHelpers).filter(([hook]) => known.has(hook)),
    ),
    tracing: deriveTracing(neighbour.tracing, config),
    configLsm: typeof config.CONFIG_LSM === 'string' ? config.CONFIG_LSM : neighbour.configLsm,
    builtLsms: Object.keys(config).length === 0 ? neighbour.builtLsms : builtLsms(config),
    config,
  };
}

/** Configuration symbol → LSM that it compiles in. `capability` always is. */
const LSM_SYMBOLS: Readonly<Record<string, string>> = {
  CONFIG_SECURITY_LOCKDOWN_LSM: 'lockdown',
  CONFIG_SECURITY_LANDLOCK: 'landlock',
  CONFIG_SECURITY_YAMA: 'yama',
  CONFIG_SECURITY_LOADPIN: 'loadpin',
  CONFIG_SECURITY_SAFESETID: 'safesetid',
  CONFIG_INTEGRITY: 'integrity',
  CONFIG_SECURITY_APPARMOR: 'apparmor',
  CONFIG_SECURITY_SELINUX: 'selinux',
  CONFIG_SECURITY_SMACK: 'smack',
  CONFIG_SECURITY_TOMOYO: 'tomoyo',
  CONFIG_SECURITY_IPE: 'ipe',
  CONFIG_IMA: 'ima',
  CONFIG_EVM: 'evm',
  CONFIG_BPF_LSM: 'bpf',
};

/** The LSMs that a kernel configuration compiles in. */
export function builtLsms(config: ProfileFacts['config']): readonly string[] {
  const built = Object.entries(LSM_SYMBOLS).filter(([symbol]) => config[symbol] === 'y');
  return ['capability', ...built.map(([, lsm]) => lsm)];
}

/** Reads the text of a kernel `.config`: `y`, `m`, numbers, strings without quotes. What is not set is left out. */
export function parseKernelConfig(text: string): Record<string, string | number> {
  const config: Record<string, string | number> = {};
  for (const line of text.split('\n')) {
    const match = /^(CONFIG_\w+)=(.*)$/.exec(line.trim());
    if (match === null) continue;
    const [, name, value] = match;
    if (value.startsWith('"')) {
      config[name] = value
        .slice(1, value.endsWith('"') && value.length > 1 ? -1 : undefined)
        .replace(/\\(["\\])/g, '$1');
    } else if (/^-?(0x[0-9a-f]+|\d+)$/i.test(value) && Number.isSafeInteger(Number(value))) {
      config[name] = Number(value);
    } else {
      config[name] = value;
    }
  }
  return config;
}
