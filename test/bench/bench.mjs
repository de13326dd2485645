#!/usr/bin/env node
// `npm run bench`: ratios against a peer in one run on one machine. Prints a table; `--json` for machines.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureNodeModules, ROOT } from '../../scripts/lib/bootstrap.mjs';

ensureNodeModules();
const { build } = await import('esbuild');
const out = join(ROOT, 'out/bench/main.mjs');
mkdirSync(join(ROOT, 'out/bench'), { recursive: true });
await build({
  entryPoints: [join(ROOT, 'test/bench/main.ts')],
  outfile: out,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  logLevel: 'error',
});
const { main } = await import(pathToFileURL(out).href);
await main(ROOT, process.argv.slice(2));
