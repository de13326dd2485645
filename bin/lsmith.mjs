#!/usr/bin/env node
// The command line. Builds itself on first use and whenever a source file is newer than the build.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const built = join(root, 'out/cli/main.mjs');

/** Newest modification time below a folder, ms. */
function newest(dir) {
  let t = 0;
  for (const e of readdirSync(dir, { withFileTypes: true })) {
    const p = join(dir, e.name);
    t = Math.max(t, e.isDirectory() ? newest(p) : statSync(p).mtimeMs);
  }
  return t;
}

const sources = ['base', 'engine', 'cli', 'lab'].map((d) => join(root, 'src', d)).filter(existsSync);
// An installed copy has no sources; a checkout is rebuilt when they changed.
if (sources.length > 0 && (!existsSync(built) || Math.max(...sources.map(newest)) > statSync(built).mtimeMs)) {
  const r = spawnSync(process.execPath, [join(root, 'scripts/build-cli.mjs')], { stdio: ['ignore', 2, 2] });
  if (r.status !== 0) {
    console.error('lsmith: the command line could not be built; see above');
    process.exit(2);
  }
}
// `lsmith hooks | head`: whoever reads has had enough.
process.stdout.on('error', (error) => process.exit(error.code === 'EPIPE' ? 0 : 1));
const { main } = await import(pathToFileURL(built).href);
process.exitCode = await main(process.argv.slice(2), root);
