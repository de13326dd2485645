/** What `lsmith build` keeps between processes: it may be missing, damaged, written by two at once, or not be writable. */
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'; // prettier-ignore
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const SLOW = 120_000;
const root = fileURLToPath(new URL('../../..', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'lsmith-caches-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const POLICY = join(root, 'assets/examples/shadow-guard/shadow_guard.bpf.c');
/** An installation as a package would make it: no sources, so that nothing is ever built. */
const copy = join(dir, 'installed');
const userCache = join(dir, 'cache');
const env = { ...process.env, XDG_CACHE_HOME: userCache };
let expected: Uint8Array;

const lsmith = join(copy, 'bin/lsmith');
const caches = join(copy, 'out/cache');
function build(output: string, command = lsmith): void {
  const r = spawnSync(command, ['build', POLICY, '-o', output], { encoding: 'utf8', env, timeout: SLOW });
  expect(r.stderr).toBe('');
  expect(r.status).toBe(0);
}
/** Builds, and the object is the one that it should be. */
function builds(command = lsmith): void {
  const output = join(dir, 'policy.bpf.o');
  rmSync(output, { force: true });
  build(output, command);
  expect(readFileSync(output).equals(expected)).toBe(true);
  // The bundle of all commands is what would help out.
  expect(codeFiles().filter((file) => file.includes('/main-'))).toEqual([]);
}
const kept = (prefix: string): string => {
  const found = readdirSync(caches).filter((name) => name.startsWith(prefix));
  expect(found).toHaveLength(1);
  return join(caches, found[0]);
};
const codeFiles = (): string[] => {
  const folder = join(copy, 'out/cli');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.code'))
    .map((name) => join(folder, name));
};

beforeAll(() => {
  // Whatever has to be built is built here.
  spawnSync(join(root, 'bin/lsmith'), ['build', POLICY, '-o', join(dir, 'first.bpf.o')], { timeout: SLOW });
  for (const part of ['bin', 'assets/headers', 'assets/profiles/6.12']) {
    cpSync(join(root, part), join(copy, part), { recursive: true });
  }
  mkdirSync(join(copy, 'out/cli'), { recursive: true });
  for (const name of readdirSync(join(root, 'out/cli'))) {
    if (/\.(cjs|inputs)$/.test(name)) cpSync(join(root, 'out/cli', name), join(copy, 'out/cli', name));
  }
  expected = readFileSync(join(dir, 'first.bpf.o'));
}, SLOW);

test('the first run fills the caches, the second leaves them alone', { timeout: SLOW }, () => {
  expect(existsSync(caches)).toBe(false);
  builds();
  const files = [kept('btf-'), kept('headers-'), ...codeFiles()];
  expect(codeFiles()).toHaveLength(1);
  const dates = files.map((file) => statSync(file).mtimeMs);
  builds();
  expect(files.map((file) => statSync(file).mtimeMs)).toEqual(dates);
  expect(existsSync(userCache)).toBe(false);
});

for (const what of ['btf-', 'headers-', 'code'] as const) {
  const file = (): string => (what === 'code' ? codeFiles()[0] : kept(what));

  test(`garbage in place of ${what} is made anew`, { timeout: SLOW }, () => {
    const before = readFileSync(file());
    writeFileSync(file(), Buffer.alloc(before.length, 0x5a));
    builds();
    expect(readFileSync(file()).subarray(0, 64).equals(Buffer.alloc(64, 0x5a))).toBe(false);
  });

  test(`a ${what} file that was cut short is made anew`, { timeout: SLOW }, () => {
    const { size } = statSync(file());
    truncateSync(file(), size >> 1);
    builds();
    expect(statSync(file()).size).toBeGreaterThan(size * 0.9);
    truncateSync(file(), 0);
    builds();
    expect(statSync(file()).size).toBeGreaterThan(size * 0.9);
  });
}

test('a kernel file whose end was lost while its length was kept is made anew', { timeout: SLOW }, () => {
  const whole = readFileSync(kept('btf-'));
  const lost = Buffer.from(whole);
  // All but the head, which has its own sum.
  lost.fill(0, 65_536);
  writeFileSync(kept('btf-'), lost);
  builds();
  expect(readFileSync(kept('btf-')).equals(whole)).toBe(true);
});

test('several processes may fill the caches at once', { timeout: SLOW }, async () => {
  rmSync(caches, { recursive: true });
  for (const file of codeFiles()) rmSync(file);
  const outputs = [1, 2, 3].map((n) => join(dir, `together-${n}.bpf.o`));
  const codes = await Promise.all(
    outputs.map(
      (output) =>
        new Promise<number | null>((done) => {
          spawn(lsmith, ['build', POLICY, '-o', output], { env, stdio: 'ignore' }).on('close', done);
        }),
    ),
  );
  expect(codes).toEqual([0, 0, 0]);
  for (const output of outputs) expect(readFileSync(output).equals(expected)).toBe(true);
  // Whole files only, and no parts of any.
  expect(readdirSync(caches).filter((name) => !name.endsWith('.bin'))).toEqual([]);
  builds();
});

test('where the installation cannot be written, the user’s folder is used', { timeout: SLOW }, () => {
  rmSync(caches, { recursive: true });
  for (const file of codeFiles()) rmSync(file);
  // Permissions say nothing to root: a file in place of the folder.
  writeFileSync(caches, '');
  builds();
  expect(readdirSync(join(userCache, 'lsmith')).some((name) => name.startsWith('btf-6.12-'))).toBe(true);
  rmSync(userCache, { recursive: true });
  writeFileSync(userCache, '');
  builds();
  builds();
  rmSync(userCache);
  rmSync(caches);
});

test('it may be called through a link, and where extra certificates are set', { timeout: SLOW }, () => {
  const link = join(dir, 'link');
  symlinkSync(lsmith, link);
  builds(link);
  const r = spawnSync(link, ['build', '--help'], {
    encoding: 'utf8',
    env: { ...env, NODE_EXTRA_CA_CERTS: join(dir, 'none.pem') },
  });
  // Node warns of a file that is not there when it reads the variable itself.
  expect(r.stderr).toBe('');
  expect(r.stdout).toContain('lsmith build');
});
