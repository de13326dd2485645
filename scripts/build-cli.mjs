#!/usr/bin/env node
// Bundles src/cli into out/cli/main.mjs. Runs in a clone without node_modules too: it installs them first.
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { ensureNodeModules, ROOT } from './lib/bootstrap.mjs';

ensureNodeModules();
const { build } = await import('esbuild');
const out = join(ROOT, 'out/cli/main.mjs');
await build({
  entryPoints: [join(ROOT, 'src/cli/main.ts')],
  outfile: `${out}.${process.pid}`,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  // yaml and commander are CommonJS inside; they call require() for Node's own modules.
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  sourcemap: 'inline',
  logLevel: 'error',
});
renameSync(`${out}.${process.pid}`, out);
