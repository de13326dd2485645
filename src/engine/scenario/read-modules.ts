/** Settings of the modelled LSMs: yama, lockdown, apparmor profiles, landlock rulesets. */
import { CAPABILITIES, type AppArmorProfile, type LandlockRuleset, type ModuleSettings } from '../kernel/index.ts';
import { closest, type Place, type YamlNode, type YamlReader } from './yaml-reader.ts';

/** LANDLOCK_ACCESS_FS_* in lower case (include/uapi/linux/landlock.h). */
export const LANDLOCK_RIGHTS = [
  'execute',
  'write_file',
  'read_file',
  'read_dir',
  'remove_dir',
  'remove_file',
  'make_char',
  'make_dir',
  'make_reg',
  'make_sock',
  'make_fifo',
  'make_block',
  'make_sym',
  'refer',
  'truncate',
  'ioctl_dev',
] as const;

const FAMILIES = ['inet', 'inet6', 'unix', 'netlink', 'packet', 'all'];
const TYPES = ['stream', 'dgram', 'seqpacket', 'raw', 'rdm'];

export const DEFAULT_MODULES: ModuleSettings = {
  apparmor: { profiles: [] },
  landlock: { rulesets: [] },
  yama: { ptraceScope: 1 },
  lockdown: 'none',
};

export function readModules(r: YamlReader, node: unknown): ModuleSettings {
  if (!r.isPresent(node)) return DEFAULT_MODULES;
  const f = r.fields(node, 'modules', ['yama', 'lockdown', 'apparmor', 'landlock']);
  if (f === null) return DEFAULT_MODULES;
  let { ptraceScope } = DEFAULT_MODULES.yama;
  if (r.isPresent(f.get('yama'))) {
    const y = r.fields(f.get('yama'), 'yama', ['ptrace_scope']);
    const scope = y?.has('ptrace_scope') ? r.integer(y.get('ptrace_scope'), 'ptrace_scope', 0, 3) : null;
    if (scope !== null) ptraceScope = scope as 0 | 1 | 2 | 3;
  }
  const lockdown = r.isPresent(f.get('lockdown'))
    ? r.oneOf(f.get('lockdown'), 'lockdown', ['none', 'integrity', 'confidentiality'] as const)
    : null;
  return {
    yama: { ptraceScope },
    lockdown: lockdown ?? 'none',
    apparmor: { profiles: readApparmor(r, f.get('apparmor')) },
    landlock: { rulesets: readLandlock(r, f.get('landlock')) },
  };
}

function readApparmor(r: YamlReader, node: unknown): AppArmorProfile[] {
  if (!r.isPresent(node)) return [];
  const f = r.fields(node, 'apparmor', ['profiles']);
  if (f === null) return [];
  return r.entries(f.get('profiles'), 'profiles').flatMap(({ key, value }) => readProfile(r, key, value) ?? []);
}

function readProfile(r: YamlReader, name: string, node: unknown): AppArmorProfile | null {
  const keys = ['mode', 'rules', 'network', 'capabilities', 'ptrace', 'signal', 'mount'];
  const f = r.fields(node, `profile ${name}`, keys);
  if (f === null) return null;
  const flag = (key: string) => (f.has(key) ? (r.boolean(f.get(key), key) ?? false) : false);
  const rule = <T>(key: string, read: (words: readonly string[], place: Place) => T | null): T[] =>
    r.list(f.get(key), key).flatMap((item) => {
      const text = r.text(item, `each entry of ${key}`);
      return text === null ? [] : (read(text.trim().split(/\s+/), item as YamlNode) ?? []);
    });
  return {
    name,
    mode: f.has('mode') ? (r.oneOf(f.get('mode'), 'mode', ['enforce', 'complain'] as const) ?? 'enforce') : 'enforce',
    rules: rule('rules', (words, place) => pathRule(r, words, place)),
    network: rule('network', (words, place) => networkRule(r, words, place)),
    capabilities: rule('capabilities', (words, place) => capabilityRule(r, words, place)),
    ptrace: flag('ptrace'),
    signal: flag('signal'),
    mount: flag('mount'),
  };
}

function allowWord(r: YamlReader, word: string | undefined, place: Place): boolean | null {
  if (word === 'allow' || word === 'deny') return word === 'allow';
  r.error(place, 'scenario/apparmor-rule', 'a rule starts with allow or deny', closest(word ?? '', ['allow', 'deny']));
  return null;
}

function pathRule(r: YamlReader, words: readonly string[], place: Place) {
  const [word, path, access, ...more] = words;
  const allow = allowWord(r, word, place);
  if (allow === null) return null;
  if (path === undefined || access === undefined || more.length > 0 || !path.startsWith('/')) {
    r.error(
      place,
      'scenario/apparmor-rule',
      'a file rule is `allow|deny /path/glob access`, e.g. `deny /etc/shadow r`',
    );
    return null;
  }
  if (!/^(?:[rwamkl]|[pPcCuU]?[iu]?x)+$/.test(access)) {
    r.error(
      place,
      'scenario/apparmor-rule',
      `${JSON.stringify(access)} is no access: letters r w a m k l x, before x also i p c u`,
    );
    return null;
  }
  if (!balanced(path)) {
    r.error(place, 'scenario/apparmor-rule', `brackets of the glob ${JSON.stringify(path)} are not balanced`);
    return null;
  }
  return { allow, path, access };
}

/** `{a,b}` and `[..]` of a glob must close. */
function balanced(glob: string): boolean {
  let depth = 0;
  for (let i = 0; i < glob.length; i++) {
    const c = glob[i];
    if (c === '\\') i++;
    else if (c === '{') depth++;
    else if (c === '}' && depth > 0) depth--;
    else if (c === '[') {
      const end = glob.indexOf(']', i + 2);
      if (end < 0 || /\]|^\^?$/.test(glob.slice(i + 1, end))) return false;
      try {
        new RegExp(`[${glob.slice(i + 1, end).replace(/\\/g, '\\\\')}]`);
      } catch {
        return false;
      }
      i = end;
    }
  }
  return depth === 0;
}

function networkRule(r: YamlReader, words: readonly string[], place: Place) {
  const [word, family, type, ...more] = words;
  const allow = allowWord(r, word, place);
  if (allow === null) return null;
  if (family === undefined || !FAMILIES.includes(family) || more.length > 0) {
    r.error(
      place,
      'scenario/apparmor-rule',
      `a network rule is \`allow|deny family [type]\`, families ${FAMILIES.join(', ')}`,
      closest(family ?? '', FAMILIES),
    );
    return null;
  }
  if (type !== undefined && !TYPES.includes(type)) {
    r.error(place, 'scenario/apparmor-rule', `${JSON.stringify(type)} is no socket type`, closest(type, TYPES));
    return null;
  }
  return { allow, family, type: type ?? null };
}

function capabilityRule(r: YamlReader, words: readonly string[], place: Place) {
  const [word, name, ...more] = words;
  const allow = allowWord(r, word, place);
  if (allow === null) return null;
  const cap = capability(r, name ?? '', place);
  return cap === null || more.length > 0 ? null : { allow, cap };
}

/** `sys_ptrace`, also written `CAP_SYS_PTRACE`. */
export function capability(r: YamlReader, text: string, place: Place): string | null {
  const cap = text.toLowerCase().replace(/^cap_/, '');
  if (CAPABILITIES.includes(cap)) return cap;
  r.error(
    place,
    'scenario/unknown-capability',
    `there is no capability ${JSON.stringify(text)}`,
    closest(cap, CAPABILITIES),
  );
  return null;
}

function readLandlock(r: YamlReader, node: unknown): LandlockRuleset[] {
  if (!r.isPresent(node)) return [];
  const f = r.fields(node, 'landlock', ['rulesets']);
  if (f === null) return [];
  return r.entries(f.get('rulesets'), 'rulesets').flatMap(({ key, keyNode, value }) => {
    const set = r.fields(value, `ruleset ${key}`, ['handled', 'rules']);
    if (set === null) return [];
    const rights = (n: unknown, what: string): string[] =>
      r.list(n, what).flatMap((item) => r.oneOf(item, 'a right', LANDLOCK_RIGHTS) ?? []);
    const handled = rights(set.get('handled'), 'handled');
    if (handled.length === 0) {
      r.error(
        keyNode,
        'scenario/landlock',
        `ruleset ${key} must handle at least one right (the kernel answers ENOMSG)`,
      );
      return [];
    }
    const rules = r.list(set.get('rules'), 'rules').flatMap((item) => {
      const rule = r.fields(item, 'a rule', ['path', 'allow']);
      const path = rule === null ? null : r.text(rule.get('path'), 'path');
      if (rule === null || path === null) return [];
      if (!path.startsWith('/')) {
        r.error(rule.get('path') as YamlNode, 'scenario/path', 'a path must be absolute');
        return [];
      }
      const allow = rights(rule.get('allow'), 'allow');
      const stray = allow.find((a) => !handled.includes(a));
      if (stray !== undefined) {
        r.error(
          item as YamlNode,
          'scenario/landlock',
          `${stray} is allowed but not handled by ${key} (the kernel answers EINVAL)`,
        );
      }
      return [{ path: path.length > 1 ? path.replace(/\/+$/, '') : path, allow }];
    });
    return [{ name: key, handled, rules }];
  });
}
