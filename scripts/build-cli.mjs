#!/usr/bin/env node
// Bundles src/cli into out/cli/main.mjs. Runs in a clone without node_modules too: it installs them first.
import { mkdtempSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ensureNodeModules, ROOT } from './lib/bootstrap.mjs';

ensureNodeModules();
const { build } = await import('esbuild');
const dir = join(ROOT, 'out/cli');
mkdirSync(dir, { recursive: true });
// Two commands may build at the same time: each in a folder of its own, moved into place at the end.
const stage = mkdtempSync(join(dir, 'build-'));
await build({
  entryPoints: [join(ROOT, 'src/cli/main.ts')],
  outfile: join(stage, 'main.mjs'),
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  // yaml and commander are CommonJS inside; they call require() for Node's own modules.
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  sourcemap: 'linked',
  logLevel: 'error',
});
for (const f of ['main.mjs.map', 'main.mjs']) renameSync(join(stage, f), join(dir, f));
rmSync(stage, { recursive: true });
