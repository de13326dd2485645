#!/usr/bin/env node
// `npm run package [-- dir|deb|AppImage ...]`: builds the app and its Linux packages into dist/.
// LSMITH_TEST_BUILD=1 makes the variant that Playwright can drive (dist/test). Offline the tools come from scripts/.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ensureNodeModules, ROOT, say } from './lib/bootstrap.mjs';

const run = (cmd, args, env = process.env) => {
  const r = spawnSync(cmd, args, { cwd: ROOT, stdio: 'inherit', env });
  if (r.status !== 0) process.exit(r.status ?? 1);
};
const wanted = process.argv.slice(2);
const targets = wanted.length > 0 ? wanted : ['deb', 'AppImage'];

try {
  ensureNodeModules();
} catch (error) {
  say(error.message);
  process.exit(1);
}
run('npm', ['run', '--silent', 'build:app']);

const r = spawnSync(process.execPath, [join(ROOT, 'scripts/electron-fallback.mjs'), '--try-download'], {
  cwd: ROOT,
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'inherit'],
  env: { ...process.env, LSMITH_TRY_DOWNLOAD: '1' },
});
if (r.status !== 0) process.exit(r.status ?? 1);
const dist = r.stdout.trim();
const env = { ...process.env };
if (!dist.includes('node_modules/electron/')) {
  console.warn(
    '\nWARNING: the official Electron could not be downloaded. This package contains Electron 25.1.1, whose support has',
  );
  console.warn('WARNING: ended. It is good for development and tests only: do not publish it.\n');
  env.ELECTRON_OVERRIDE_DIST_PATH = dist;
  env.CUSTOM_FPM_PATH ??= join(ROOT, 'scripts/fpm.mjs');
  if (targets.includes('AppImage') && !env.APPIMAGE_TOOLS_PATH) {
    const tools = join(ROOT, '.electron/appimage-tools');
    if (!existsSync(join(tools, 'mksquashfs'))) run('bash', [join(ROOT, 'scripts/make-appimage-tools.sh'), tools]);
    env.APPIMAGE_TOOLS_PATH = tools;
  }
}
run('npx', ['electron-builder', '--config', 'electron-builder.config.cjs', '--linux', ...targets], env);
