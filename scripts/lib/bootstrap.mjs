// What every entry script needs first: npm packages and Debian packages. Node built-ins only: it runs before `npm ci`.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

export const say = (text) => console.log(`lsmith: ${text}`);

/** Runs a command with inherited output; throws with its name when it fails. */
export function run(command, args, options = {}) {
  const r = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit', ...options });
  if (r.error) throw new Error(`${command}: ${r.error.message}`);
  if (r.status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${r.status ?? r.signal}`);
}

/** `npm ci` when node_modules does not match package-lock.json. */
export function ensureNodeModules() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 20) throw new Error(`Node ${process.versions.node} is too old; LSMith needs Node 20 or later`);
  const lock = createHash('sha256')
    .update(readFileSync(join(ROOT, 'package-lock.json')))
    .digest('hex');
  const stamp = join(ROOT, 'node_modules/.lsmith-lock');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  say('installing npm packages (npm ci)');
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, lock);
}

/** Debian packages that Electron needs to run, and a display for machines without one. */
export const ELECTRON_PACKAGES = [
  'xvfb',
  'xauth',
  'libgtk-3-0',
  'libnss3',
  'libasound2',
  'libgbm1',
  'libnotify4',
  'libsecret-1-0',
  'libxss1',
  'libxtst6',
  'libatspi2.0-0',
  'libdrm2',
  'xdg-utils',
  'dbus',
  'fonts-dejavu-core',
  'fonts-liberation',
];
/** For the real-kernel laboratory. */
export const LAB_PACKAGES = [
  'qemu-system-x86',
  'busybox-static',
  'gcc',
  'libc6-dev',
  'libbpf-dev',
  'libelf-dev',
  'zlib1g-dev',
  'xz-utils',
  'zstd',
  'lz4',
  'apparmor',
];
/** For the second opinions of the compiler and the verifier. */
export const PEER_PACKAGES = ['clang-19', 'llvm-19', 'libbpf-dev', 'bpftool'];

const installed = (name) => {
  const r = spawnSync('dpkg-query', ['-W', '-f', '${db:Status-Status}', name], { encoding: 'utf8' });
  return r.status === 0 && r.stdout === 'installed';
};

/**
 * Installs Debian packages where that is possible (root and apt); otherwise names the command.
 * @returns {boolean} true when all of them are there at the end
 */
export function ensureApt(packages, purpose) {
  const missing = packages.filter((p) => !installed(p));
  if (missing.length === 0) return true;
  const hasApt = spawnSync('apt-get', ['--version'], { stdio: 'ignore' }).status === 0;
  const root = process.getuid?.() === 0;
  const command = `apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  if (!hasApt || !root) {
    say(`${purpose} needs: ${root ? '' : 'sudo '}${command}`);
    return false;
  }
  say(`installing for ${purpose}: ${missing.join(' ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const opts = ['-o', 'DPkg::Lock::Timeout=600', '-qq'];
  spawnSync('apt-get', [...opts, 'update'], { stdio: ['ignore', 'ignore', 'inherit'], env });
  const r = spawnSync('apt-get', [...opts, 'install', '-y', '--no-install-recommends', ...missing], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env,
  });
  if (r.status !== 0) say(`could not install them; by hand: ${command}`);
  return r.status === 0;
}
