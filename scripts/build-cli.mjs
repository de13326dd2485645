#!/usr/bin/env node
// Bundles src/cli into out/cli: main.cjs has all commands, build.cjs only `build`, which has to start fast, workspace.cjs what
// that needs now and then. *.inputs list the sources that are in them. Runs in a clone without node_modules too: it installs them first.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { ensureNodeModules, ROOT } from './lib/bootstrap.mjs';

ensureNodeModules();
const { build } = await import('esbuild');
const dir = join(ROOT, 'out/cli');
mkdirSync(dir, { recursive: true });
// Two commands may build at the same time: each in a folder of its own, moved into place at the end.
const stage = mkdtempSync(join(dir, 'build-'));
/** Our modules do nothing when they are loaded: what a bundle does not use of them can go. */
const noSideEffects = {
  name: 'no-side-effects',
  setup(b) {
    b.onResolve({ filter: /^\.\.?\/.*\.ts$/ }, (a) => ({ path: resolve(a.resolveDir, a.path), sideEffects: false }));
  },
};
const ENTRIES = { main: 'main.ts', build: 'main-build.ts', workspace: 'main-workspace.ts' };
const { metafile } = await build({
  entryPoints: Object.fromEntries(Object.entries(ENTRIES).map(([name, file]) => [name, join(ROOT, 'src/cli', file)])),
  outdir: stage,
  outExtension: { '.js': '.cjs' },
  absWorkingDir: ROOT,
  bundle: true,
  platform: 'node',
  // Scripts, not modules: V8 keeps compiled code of those (see bin/launch.cjs).
  format: 'cjs',
  target: 'node20',
  // Less to read at every start. Names stay: they are what a report of a defect has.
  minifyWhitespace: true,
  minifySyntax: true,
  minifyIdentifiers: true,
  sourcemap: 'linked',
  metafile: true,
  logLevel: 'error',
  plugins: [noSideEffects],
});
// What each bundle is made of, and dated by: these go last.
for (const [file, { inputs }] of Object.entries(metafile.outputs)) {
  if (!file.endsWith('.cjs')) continue;
  const sources = Object.keys(inputs).filter((path) => path.startsWith('src/'));
  writeFileSync(
    join(stage, basename(file, '.cjs') + '.inputs'),
    [...sources, 'scripts/build-cli.mjs'].sort().join('\n'),
  );
}
const files = readdirSync(stage).sort((a, b) => Number(a.endsWith('.inputs')) - Number(b.endsWith('.inputs')));
for (const f of files) renameSync(join(stage, f), join(dir, f));
rmSync(stage, { recursive: true });
// Code that V8 compiled from an older bundle goes; that of `build` is made at once, from policies with much in them.
for (const f of readdirSync(dir)) if (f.endsWith('.code')) rmSync(join(dir, f), { force: true });
const scratch = mkdtempSync(join(tmpdir(), 'lsmith-'));
for (const policy of ['exec-guard/exec_guard', 'egress-guard/egress_guard', 'shadow-guard/shadow_guard']) {
  const args = ['build', join(ROOT, `assets/examples/${policy}.bpf.c`), '-o', join(scratch, 'policy.bpf.o')];
  spawnSync(join(ROOT, 'bin/lsmith'), args, {
    stdio: 'ignore',
    env: { ...process.env, LSMITH_KEEP_CODE: '1', LSMITH_FRESH: '1' },
  });
}
rmSync(scratch, { recursive: true });
