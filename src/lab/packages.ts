/** Debian packages: programs the laboratory needs, and kernel images, which are fetched and unpacked but never installed. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { cacheDir, kernelsDir } from './cache.ts';
import { run, which } from './shell.ts';
import { extractVmlinux } from './vmlinux.ts';

/** What must exist on the machine (a program or a file), and the Debian package that brings it. */
const NEEDS: readonly { readonly test: () => boolean; readonly pkg: string }[] = [
  { test: () => which('qemu-system-x86_64') !== null, pkg: 'qemu-system-x86' },
  { test: () => which('gcc') !== null, pkg: 'gcc' },
  { test: () => existsSync('/usr/include/linux/bpf.h') && existsSync('/usr/include/stdlib.h'), pkg: 'libc6-dev' },
  { test: () => existsSync('/usr/include/bpf/libbpf.h'), pkg: 'libbpf-dev' },
  { test: () => existsSync('/usr/include/libelf.h'), pkg: 'libelf-dev' },
  { test: () => existsSync('/usr/include/zlib.h'), pkg: 'zlib1g-dev' },
  { test: () => which('apparmor_parser') !== null, pkg: 'apparmor' },
  { test: () => which('zstd') !== null, pkg: 'zstd' },
  { test: () => which('lz4') !== null, pkg: 'lz4' },
  { test: () => which('xz') !== null, pkg: 'xz-utils' },
];

export const missingPackages = (): string[] => NEEDS.filter((n) => !n.test()).map((n) => n.pkg);

const APT = ['-o', 'DPkg::Lock::Timeout=600', '-qq'];
const isRoot = (): boolean => process.getuid?.() === 0;

/** apt's own messages, last lines only: what a person needs to see. */
const lastLines = (text: string): string => text.trim().split('\n').slice(-4).join(' / ');

/** Installs what is missing when it may. @returns null, or what is needed and how to get it */
export function ensurePackages(say: (text: string) => void): string | null {
  const missing = missingPackages();
  if (missing.length === 0) return null;
  const command = `apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  if (!which('apt-get')) return `missing on this machine: ${missing.join(', ')} (Debian package names)`;
  if (!isRoot()) return `missing packages; run: sudo ${command}`;
  say(`installing ${missing.join(' ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  let result = run('apt-get', [...APT, 'install', '-y', '--no-install-recommends', ...missing], { env });
  if (!result.ok) {
    run('apt-get', [...APT, 'update'], { env });
    result = run('apt-get', [...APT, 'install', '-y', '--no-install-recommends', ...missing], { env });
  }
  const still = missingPackages();
  return still.length === 0
    ? null
    : `could not install ${still.join(', ')}: ${lastLines(result.stderr)}; by hand: ${command}`;
}

export type KernelId = '6.1' | '6.12';
export const KERNEL_IDS: readonly KernelId[] = ['6.1', '6.12'];

/** Releases of Debian 12's cloud kernels, by LSMith's name of the kernel. */
const RELEASE: Readonly<Record<KernelId, RegExp>> = {
  '6.1': /^6\.1\.\d+-\d+-cloud-amd64$/,
  '6.12': /^6\.12\.\d+\+deb1[23]-cloud-amd64$/,
};

export interface LabKernel {
  readonly id: KernelId;
  /** As `uname -r` prints it. */
  readonly release: string;
  readonly vmlinux: string;
  /** The kernel's own configuration file. */
  readonly config: string;
}

const natural = new Intl.Collator('en', { numeric: true }).compare;
const newest = (names: readonly string[]): string | undefined => [...names].sort(natural).at(-1);

/** The newest kernel of that name in the cache. */
export function cachedKernel(id: KernelId): LabKernel | null {
  if (!existsSync(kernelsDir())) return null;
  const complete = readdirSync(kernelsDir()).filter(
    (name) => RELEASE[id].test(name) && existsSync(path.join(kernelsDir(), name, 'vmlinux')),
  );
  const release = newest(complete);
  if (!release) return null;
  const dir = path.join(kernelsDir(), release);
  return { id, release, vmlinux: path.join(dir, 'vmlinux'), config: path.join(dir, 'boot', `config-${release}`) };
}

function offered(id: KernelId): string | undefined {
  const names = run('apt-cache', ['pkgnames', `linux-image-${id}`])
    .stdout.toString('utf8')
    .split('\n');
  const releases = names.map((n) => n.replace(/^linux-image-/, '')).filter((r) => RELEASE[id].test(r));
  // A name alone may be a leftover of an old list: only what can be downloaded counts.
  return newest(
    releases.filter((r) =>
      /Candidate: (?!\(none\))/.test(run('apt-cache', ['policy', `linux-image-${r}`]).stdout.toString('utf8')),
    ),
  );
}

/** Takes the newest cached kernel, or downloads and unpacks the newest that apt offers. */
export function ensureKernel(id: KernelId, say: (text: string) => void, update = false): LabKernel | string {
  const have = cachedKernel(id);
  if (have && !update) return have;
  if (!which('apt-get') || !which('dpkg-deb'))
    return have ?? `no cached ${id} kernel, and no apt-get to fetch Debian's linux-image with`;
  let release = offered(id);
  if ((!release || update) && isRoot()) {
    run('apt-get', [...APT, 'update']);
    release = offered(id);
  }
  if (!release) {
    return (
      have ??
      `apt offers no linux-image-${id}*-cloud-amd64; add Debian 12's bookworm and bookworm-security sources (main) and run apt-get update`
    );
  }
  if (have?.release === release) return have;
  const name = `linux-image-${release}`;
  say(`fetching ${name}`);
  mkdirSync(kernelsDir(), { recursive: true });
  const work = mkdtempSync(path.join(kernelsDir(), '.fetch-'));
  try {
    const got = run('apt-get', ['-qq', '-o', 'APT::Sandbox::User=root', 'download', name], { cwd: work });
    const deb = readdirSync(work).find((f) => f.endsWith('.deb'));
    if (!got.ok || !deb) return have ?? `apt-get download ${name} failed: ${lastLines(got.stderr)}`;
    const tree = path.join(work, 'tree');
    const unpacked = run('dpkg-deb', ['-x', path.join(work, deb), tree]);
    if (!unpacked.ok) return have ?? `could not unpack ${deb}: ${lastLines(unpacked.stderr)}`;
    writeFileSync(
      path.join(tree, 'vmlinux'),
      extractVmlinux(readFileSync(path.join(tree, 'boot', `vmlinuz-${release}`))),
    );
    // Modules are never loaded in the guest; they are most of the package.
    for (const part of ['lib', 'usr']) rmSync(path.join(tree, part), { recursive: true, force: true });
    const target = path.join(kernelsDir(), release);
    if (!existsSync(path.join(target, 'vmlinux'))) {
      rmSync(target, { recursive: true, force: true });
      renameSync(tree, target);
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return cachedKernel(id) ?? `unpacking ${name} into ${cacheDir()} failed`;
}
