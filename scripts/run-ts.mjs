#!/usr/bin/env node
// Bundles a TypeScript file with `main(root, args)` and runs it: node scripts/run-ts.mjs test/fuzz/verifier.ts --count 100
import { mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureNodeModules, ROOT } from './lib/bootstrap.mjs';

const [entry, ...args] = process.argv.slice(2);
if (entry === undefined) {
  console.error('usage: node scripts/run-ts.mjs FILE.ts [ARGUMENTS]');
  process.exit(2);
}
ensureNodeModules();
const { build } = await import('esbuild');
// Two levels below the root, as the tests are: paths relative to the module stay right.
const dir = join(ROOT, 'out/tools');
mkdirSync(dir, { recursive: true });
const out = join(dir, `${basename(entry).replace(/\.ts$/, '')}-${process.pid}.mjs`);
await build({
  entryPoints: [entry.startsWith('/') ? entry : join(ROOT, entry)],
  outfile: out,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  logLevel: 'error',
});
const { rmSync } = await import('node:fs');
process.on('exit', () => rmSync(out, { force: true }));
const { main } = await import(pathToFileURL(out).href);
process.exitCode = (await main(ROOT, args)) ?? 0;
