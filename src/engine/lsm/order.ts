/**
 * From a kernel command line to the LSM stack, by the kernel's own rules.
 * Source: security/security.c `ordered_lsm_parse`/`append_ordered_lsm`/`prepare_lsm` (6.1, 6.12), and 51 command lines
 * run on Debian 6.1 and 6.12 (test/data/lsm-order.json).
 */
import type { KernelProfile } from '../kernel/index.ts';
import type { LsmStack, ModuleName, StackEntry } from './types.ts';

interface LsmInfo {
  readonly name: ModuleName;
  /** `early` and `first` are always on; `last` is always on and appended; `mutable` goes where the list says. */
  readonly place: 'early' | 'first' | 'mutable' | 'last';
  /** At most one exclusive module is enabled: the first of the order. */
  readonly exclusive?: boolean;
  /** Dropped by `security=<another>` when there is no `lsm=`. */
  readonly legacyMajor?: boolean;
  /** Boot parameter that turns the module off with 0, where this build honours it. */
  readonly offSwitch?: string;
  /** First kernel in which it is an LSM; before, the kernel calls it directly. */
  readonly since?: readonly [number, number];
  /** Enabled without showing up in the order (integrity registers no hooks of its own on 6.1). */
  readonly silent?: boolean;
}

const LSMS: readonly LsmInfo[] = [
  { name: 'lockdown', place: 'early' },
  { name: 'capability', place: 'first' },
  { name: 'landlock', place: 'mutable' },
  { name: 'yama', place: 'mutable' },
  { name: 'loadpin', place: 'mutable' },
  { name: 'safesetid', place: 'mutable' },
  { name: 'integrity', place: 'mutable', silent: true },
  { name: 'selinux', place: 'mutable', exclusive: true, legacyMajor: true },
  { name: 'smack', place: 'mutable', exclusive: true, legacyMajor: true },
  // selinux=0 needs CONFIG_SECURITY_SELINUX_BOOTPARAM, which Debian leaves off: run on 6.12, selinux stayed.
  { name: 'apparmor', place: 'mutable', exclusive: true, legacyMajor: true, offSwitch: 'apparmor' },
  { name: 'tomoyo', place: 'mutable', legacyMajor: true },
  { name: 'bpf', place: 'mutable' },
  { name: 'ipe', place: 'mutable' },
  { name: 'ima', place: 'last', since: [6, 9] },
  { name: 'evm', place: 'last', since: [6, 9] },
];

const MODELLED: ReadonlySet<ModuleName> = new Set(['capability', 'yama', 'landlock', 'lockdown', 'apparmor', 'bpf']);

/** Splits a command line at spaces outside double quotes, as the kernel's next_arg does; quotes are dropped. */
export function parseCmdline(cmdline: string): readonly { readonly key: string; readonly value: string | null }[] {
  const out: { key: string; value: string | null }[] = [];
  let word = '';
  let quoted = false;
  const flush = (): void => {
    if (word === '') return;
    const eq = word.indexOf('=');
    out.push(eq < 0 ? { key: word, value: null } : { key: word.slice(0, eq), value: word.slice(eq + 1) });
    word = '';
  };
  for (const ch of cmdline) {
    if (ch === '"') quoted = !quoted;
    else if (!quoted && /\s/.test(ch)) flush();
    else word += ch;
  }
  flush();
  return out;
}

/** The LSMs of a build. IMA and EVM are built into 6.1 too, but are LSMs only since 6.9. */
export function builtModules({ facts, version }: Pick<KernelProfile, 'facts' | 'version'>): ReadonlySet<string> {
  const isLsm = (name: string): boolean => {
    const since = LSMS.find((l) => l.name === name)?.since;
    return !since || version[0] > since[0] || (version[0] === since[0] && version[1] >= since[1]);
  };
  return new Set(facts.builtLsms.filter(isLsm));
}

/**
 * The LSM stack a kernel ends up with.
 * @param cmdline LSM-relevant part of the kernel command line, e.g. `lsm=bpf,yama security=selinux`; others are ignored.
 */
export function resolveStack(profile: Pick<KernelProfile, 'facts' | 'version'>, cmdline: string): LsmStack {
  const { configLsm } = profile.facts;
  const built = builtModules(profile);
  let lsmParam: string | null = null;
  let security: string | null = null;
  const off = new Set<string>();
  for (const { key, value } of parseCmdline(cmdline)) {
    if (key === 'lsm') lsmParam = value ?? '';
    else if (key === 'security') security = value ?? '';
    else if (value !== null && /^(0|off|n|no)$/i.test(value)) off.add(key);
  }
  const source = lsmParam !== null ? 'lsm=' : 'CONFIG_LSM';
  // lsm= makes security= void (the kernel logs "security= is ignored because it is superseded by lsm=").
  const major = lsmParam !== null ? null : security;

  const entries: StackEntry[] = [];
  const dropped: { name: string; why: string }[] = [];
  const placed = new Set<string>();
  const put = (info: LsmInfo, why: string): void => {
    entries.push({ module: info.name, modelled: MODELLED.has(info.name), why });
    placed.add(info.name);
  };
  for (const info of LSMS) {
    // capability is part of every kernel with CONFIG_SECURITY; it has no switch.
    if (info.place === 'early' && built.has(info.name)) put(info, 'first by rule (early LSM)');
    if (info.place === 'first') put(info, 'first by rule');
  }

  let exclusive: ModuleName | null = null;
  const append = (info: LsmInfo, why: string): void => {
    if (placed.has(info.name)) {
      dropped.push({ name: info.name, why: 'named twice; the first place counts' });
      return;
    }
    if (info.offSwitch !== undefined && off.has(info.offSwitch)) {
      dropped.push({ name: info.name, why: `disabled by ${info.offSwitch}=0` });
      placed.add(info.name);
      return;
    }
    if (info.exclusive && exclusive !== null) {
      dropped.push({ name: info.name, why: `exclusive, and ${exclusive} stands before it` });
      placed.add(info.name);
      return;
    }
    if (info.exclusive) exclusive = info.name;
    placed.add(info.name);
    if (!info.silent) put(info, why);
  };

  for (const name of (lsmParam ?? configLsm).split(',')) {
    if (name === '') continue;
    const info = LSMS.find((l) => l.name === name);
    if (!info) {
      dropped.push({ name, why: 'unknown name; ignored' });
      continue;
    }
    if (info.place !== 'mutable') {
      if (info.place === 'last' && built.has(info.name)) continue;
      if (info.place !== 'last') continue;
    }
    if (!built.has(info.name)) {
      dropped.push({ name, why: 'not built into this kernel' });
      continue;
    }
    if (major !== null && info.legacyMajor && info.name !== major) {
      dropped.push({ name, why: `dropped by security=${major}` });
      continue;
    }
    append(info, source);
  }
  if (major !== null) {
    const info = LSMS.find((l) => l.name === major && l.legacyMajor && built.has(l.name));
    if (info && !placed.has(info.name)) append(info, 'security=');
    else if (!info && major !== '') {
      dropped.push({ name: major, why: 'security= names no legacy major LSM of this kernel' });
    }
  }
  if (lsmParam !== null && security !== null) {
    dropped.push({ name: security, why: 'security= is void when lsm= is given' });
  }
  for (const info of LSMS) if (info.place === 'last' && built.has(info.name)) put(info, 'last by rule');
  return { entries, dropped, text: entries.map((e) => e.module).join(',') };
}
