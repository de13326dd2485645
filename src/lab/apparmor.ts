/** AppArmor profiles of a scenario: as apparmor.d(5) text, and compiled on the host for the guest's kernel. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { AppArmorProfile } from '../engine/kernel/index.ts';
import { cacheDir } from './cache.ts';
import { LabError, type Guest } from './guest.ts';
import { run, which } from './shell.ts';

/** `x` needs a transition where it is allowed: the program stays under the same profile. */
const access = (text: string, allow: boolean): string =>
  allow && !/[ipPcCuU]x/.test(text) ? text.replace('x', 'ix') : text;

export function profileText(profile: AppArmorProfile): string {
  const lines = [
    ...profile.rules.map((r) => `${r.allow ? '' : 'deny '}"${r.path}" ${access(r.access, r.allow)},`),
    ...profile.network.map((n) => `${n.allow ? '' : 'deny '}network ${[n.family, n.type].filter(Boolean).join(' ')},`),
    ...profile.capabilities.map((c) => `${c.allow ? '' : 'deny '}capability ${c.cap},`),
    ...(profile.ptrace ? ['ptrace,'] : []),
    ...(profile.signal ? ['signal,'] : []),
    ...(profile.mount ? ['mount,', 'umount,'] : []),
  ];
  const flags = profile.mode === 'complain' ? ' flags=(complain)' : '';
  return `profile "${profile.name}"${flags} {\n${lines.map((l) => `  ${l}\n`).join('')}}\n`;
}

/** The features of this guest's kernel, in a file that apparmor_parser reads; asked of the guest once per release. */
async function featuresFile(guest: Guest): Promise<string> {
  const file = path.join(cacheDir(), 'apparmor', `${guest.release}.features`);
  if (!existsSync(file)) {
    const [line] = await guest.request('features', new Uint8Array(0));
    const text = String(line?.text ?? '');
    if (!text.includes('file')) throw new LabError('the guest has no AppArmor features; is apparmor in its lsm= list?');
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return file;
}

/** Binary policy, ready for securityfs. Throws with the parser's own words when the profile is wrong. */
export async function compileProfiles(guest: Guest, text: string): Promise<Uint8Array> {
  const parser = which('apparmor_parser');
  if (!parser) throw new LabError('apparmor_parser is missing: apt-get install apparmor');
  const features = await featuresFile(guest);
  const args = [
    '--config-file=/dev/null',
    '-Q',
    '-K',
    '-S',
    `--policy-features=${features}`,
    `--kernel-features=${features}`,
  ];
  const result = run(parser, args, { input: new TextEncoder().encode(text) });
  if (!result.ok || result.stdout.length === 0) throw new LabError(`apparmor_parser: ${result.stderr.trim()}\n${text}`);
  return new Uint8Array(result.stdout);
}
