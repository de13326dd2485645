#!/usr/bin/env node
// `npm test`: installs what is missing, then runs every check and suite; ends with one line that counts the tests.
// `node scripts/test.mjs unit kernel` runs only those stages.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  ELECTRON_PACKAGES,
  ensureApt,
  ensureNodeModules,
  LAB_PACKAGES,
  PEER_PACKAGES,
  ROOT,
  say,
} from './lib/bootstrap.mjs';

const out = join(ROOT, 'test-results');
const only = new Set(process.argv.slice(2));
const total = { passed: 0, failed: 0, skipped: 0 };
const broken = [];

function stage(name, body) {
  if (only.size > 0 && !only.has(name)) return;
  const t0 = Date.now();
  say(`── ${name}`);
  if (!body()) broken.push(name);
  say(`── ${name}: ${((Date.now() - t0) / 1000).toFixed(0)} s`);
}

const ok = (command, args, env = {}) =>
  spawnSync(command, args, { cwd: ROOT, stdio: 'inherit', env: { ...process.env, ...env } }).status === 0;

function vitest(project) {
  const file = join(out, `${project}.json`);
  rmSync(file, { force: true });
  const fine = ok('npx', [
    'vitest',
    'run',
    '--project',
    project,
    '--passWithNoTests',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${file}`,
  ]);
  if (existsSync(file)) {
    const r = JSON.parse(readFileSync(file, 'utf8'));
    total.passed += r.numPassedTests;
    total.failed += r.numFailedTests;
    total.skipped += r.numPendingTests + r.numTodoTests;
  }
  return fine;
}

function e2e() {
  const file = join(out, 'e2e.json');
  rmSync(file, { force: true });
  const fine = ok('node', ['scripts/with-electron.mjs', 'npx', 'playwright', 'test', '--reporter=list,json'], {
    PLAYWRIGHT_JSON_OUTPUT_NAME: file,
  });
  if (existsSync(file)) {
    const { stats } = JSON.parse(readFileSync(file, 'utf8'));
    total.passed += stats.expected + stats.flaky;
    total.failed += stats.unexpected;
    total.skipped += stats.skipped;
  }
  return fine;
}

ensureNodeModules();
mkdirSync(out, { recursive: true });
stage('typecheck', () => ok('npx', ['tsc', '--noEmit', '-p', '.']));
stage('lint', () => ok('npx', ['eslint', '.']) && ok('npx', ['prettier', '--check', '--log-level=warn', '.']));
ensureApt(PEER_PACKAGES, 'the second opinions (clang, libbpf headers)');
stage('unit', () => vitest('unit'));
stage('conformance', () => vitest('conformance'));
ensureApt(LAB_PACKAGES, 'the real-kernel tests');
stage('kernel', () => vitest('kernel'));
stage('e2e', () => {
  if (!ensureApt(ELECTRON_PACKAGES, 'running Electron')) {
    say('SKIPPED: the end-to-end tests, because Electron cannot run here');
    total.skipped += 1;
    return true;
  }
  return ok('npm', ['run', '--silent', 'build:app']) && e2e();
});

if (broken.length > 0) say(`failed: ${broken.join(', ')}`);
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(broken.length > 0 ? 1 : 0);
