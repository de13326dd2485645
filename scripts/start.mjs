#!/usr/bin/env node
// `npm start [workspace]`: installs what is missing, builds, and opens the app (on the example workspace at first).
import { spawnSync } from 'node:child_process';
import { ELECTRON_PACKAGES, ensureApt, ensureNodeModules, ROOT, run, say } from './lib/bootstrap.mjs';

try {
  ensureNodeModules();
  if (process.platform === 'linux' && !ensureApt(ELECTRON_PACKAGES, 'running Electron')) {
    say('trying all the same; if the window does not open, install the packages above');
  }
  run('npm', ['run', '--silent', 'build:app']);
} catch (error) {
  say(error.message);
  process.exit(1);
}
const { DISPLAY, WAYLAND_DISPLAY } = process.env;
if (process.platform === 'linux' && !DISPLAY && !WAYLAND_DISPLAY) {
  say('no display: the app runs under Xvfb, where nobody sees it. For a window, log in to a desktop, or use `ssh -X`,');
  say('or set DISPLAY to a running X server.');
}
// Chromium does not start as root with its sandbox on. Installed packages never get this switch.
const root = process.platform === 'linux' && process.getuid() === 0;
if (root) say('running as root, so without the renderer sandbox; use an ordinary account for real work');
const args = [...(root ? ['--no-sandbox'] : []), ...process.argv.slice(2)];
const r = spawnSync('node', ['scripts/with-electron.mjs', 'npx', 'electron', '.', ...args], {
  cwd: ROOT,
  stdio: 'inherit',
});
process.exit(r.status ?? 1);
