/** The command line as a process: exit codes 0 fine, 1 findings, 2 misuse; what is on stdout can be parsed. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CheckJson } from '../../../src/protocol/index.ts';

// Starting a process (and building on first use) is slow on a busy machine.
const SLOW = 120_000;
const root = fileURLToPath(new URL('../../..', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'lsmith-cli-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

interface Result {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function lsmith(args: readonly string[], input = ''): Result {
  const r = spawnSync(process.execPath, [join(root, 'bin/lsmith.mjs'), ...args], {
    cwd: root,
    input,
    encoding: 'utf8',
    timeout: SLOW,
    maxBuffer: 1 << 28,
  });
  return { code: r.status, out: r.stdout, err: r.stderr };
}
const json = (r: Result): any => JSON.parse(r.out); // eslint-disable-line @typescript-eslint/no-explicit-any
/** A file of the test's own folder. */
function file(name: string, content: string | Uint8Array): string {
  const path = join(dir, name);
  writeFileSync(path, content);
  return path;
}

const SHADOW = 'assets/examples/shadow-guard/shadow_guard.bpf.c';
const SCENARIO = 'assets/examples/shadow-guard/scenarios/who-may-read-shadow.scenario.yaml';
const MISTAKE = 'test/data/mistakes/null-deref.bpf.c';
const NOT_C = 'int x\n';

// Whatever has to be built is built here, outside of the first test's time.
beforeAll(() => void lsmith(['--help']), SLOW);

describe('use', { timeout: SLOW }, () => {
  const commands = ['check', 'build', 'dump', 'run', 'orders', 'hooks', 'lsm-order', 'vm-plugin'];

  test('--help lists every command', () => {
    const r = lsmith(['--help']);
    expect(r.code).toBe(0);
    for (const c of commands) expect(r.out).toMatch(new RegExp(`^ {2}${c}\\b`, 'm'));
  });

  test.each(commands)('%s --help', (command) => {
    const r = lsmith([command, '--help']);
    expect([r.code, r.err]).toEqual([0, '']);
    expect(r.out).toContain(`Usage: lsmith ${command}`);
    if (command === 'vm-plugin') return;
    expect(r.out).toContain('--json');
    expect(r.out).toContain('--kernel');
  });

  test.each([
    [['nonesuch'], /unknown command 'nonesuch'/],
    [[], /Usage/],
    [['check'], /missing required argument/],
    [['check', '--nonesuch', SHADOW], /unknown option '--nonesuch'/],
    [['check', 'gone.bpf.c'], /no such file: gone\.bpf\.c/],
    [['check', SHADOW, 'gone.bpf.c'], /no such file: gone\.bpf\.c/],
    [['check', 'assets'], /is a folder/],
    [['build', 'gone.bpf.c'], /no such file/],
    [['dump', 'gone.bpf.c'], /no such file/],
    [['run', 'gone.yaml'], /no such file/],
    [['orders', 'gone.yaml'], /no such file/],
    [['check', SHADOW, '--kernel', '5.4'], /unknown kernel 5\.4; known: 6\.1, 6\.12/],
    [['run', SCENARIO, '--kernel', '5.4'], /unknown kernel 5\.4/],
    [['hooks', '--kernel', '5.4'], /unknown kernel 5\.4/],
    [['lsm-order', '--kernel', '5.4'], /unknown kernel 5\.4/],
    [['run', SCENARIO, '--semantics', 'wrong'], /lsm, fexit, fexit-if-zero, fmod_ret/],
    [['build', SHADOW, '-o', 'assets/gone/x.bpf.o'], /cannot write/],
    [['build', SHADOW, '-o', SHADOW], /would be overwritten/],
  ])('%j is misuse', (args, words) => {
    const r = lsmith(args);
    expect(r.code).toBe(2);
    expect(r.err).toMatch(words);
    expect(r.err).not.toMatch(/\n\s+at /);
    expect(r.out).toBe('');
  });
});

describe('check', { timeout: SLOW }, () => {
  test('0 and what was accepted', () => {
    const r = lsmith(['check', SHADOW]);
    expect([r.code, r.err]).toEqual([0, '']);
    expect(r.out).toMatch(/lsm\/file_open shadow_guard: ✓ accepted by 6\.12/);
  });

  test.each(['6.1', '6.12', '7.2'])('--json on %s, in exactly the documented shape', (kernel) => {
    const r = lsmith(['check', SHADOW, MISTAKE, '--json', '-k', kernel]);
    expect(r.code).toBe(1);
    const report = json(r);
    expect(Object.keys(report)).toEqual(['files']);
    expect(report.files).toEqual([
      {
        file: SHADOW,
        kernel,
        diagnostics: [],
        programs: [
          {
            name: 'shadow_guard',
            section: 'lsm/file_open',
            hook: 'file_open',
            accepted: true,
            message: '',
            line: expect.any(Number),
            insnsProcessed: expect.any(Number),
          },
        ],
      },
      {
        file: MISTAKE,
        kernel,
        diagnostics: [
          {
            severity: 'error',
            code: 'verifier/null-deref',
            message: "R0 invalid mem access 'map_value_or_null'",
            line: 22,
            column: 2,
            endLine: 22,
            endColumn: expect.any(Number),
            fixes: [
              { title: 'Return when count is NULL', edits: [expect.objectContaining({ text: expect.any(String) })] },
            ],
            reasons: {
              id: 'null-deref',
              text: expect.stringContaining('line 20'),
              required: 'A pointer that is known not to be NULL.',
              known: expect.stringContaining('R0=map_value_or_null'),
              lost: expect.objectContaining({ kind: 'call-result', line: 20, message: expect.any(String) }),
              related: [],
              path: [],
              change: expect.any(String),
            },
          },
        ],
        programs: [
          {
            name: 'no_null_check',
            section: 'lsm/file_open',
            hook: 'file_open',
            accepted: false,
            message: "R0 invalid mem access 'map_value_or_null'",
            line: 22,
            insnsProcessed: expect.any(Number),
          },
        ],
      },
    ]);
  });

  test('--states has the explored tree, and visits by instruction and line', () => {
    const r = lsmith(['check', SHADOW, '--states']);
    expect(r.code).toBe(0);
    const [p] = json(r).files[0].programs;
    expect(v.safeParse(CheckJson, json(r)).issues?.[0]).toBeUndefined();
    const { nodes, visits, lines, lineVisits, truncated } = p.states;
    expect(truncated).toBe(false);
    expect(nodes[0]).toMatchObject({ id: 0, parent: -1, first: 0 });
    const total = visits.reduce((a: number, b: number) => a + b, 0);
    expect(nodes.flatMap((n: { steps: unknown[] }) => n.steps)).toHaveLength(total);
    expect(lineVisits.reduce((a: number, [, n]: [number, number]) => a + n, 0)).toBe(total);
    expect(lines).toHaveLength(visits.length);
    expect(Math.max(...lines)).toBeGreaterThan(10);
  });

  test('--json and --states fit the schema, whatever is refused', () => {
    const all = ['leak-early-return', 'return-positive', 'loop-to-variable', 'iterator-early-return', 'leak-dynptr'];
    const r = lsmith(['check', ...all.map((n) => `test/data/repairs/${n}.bpf.c`), '--states', '--log']);
    const parsed = v.safeParse(CheckJson, json(r));
    expect(parsed.issues?.map((i) => [v.getDotPath(i), i.message])).toBeUndefined();
    const refused = json(r).files.map(
      (f: { diagnostics: { reasons?: { id: string } }[] }) => f.diagnostics.at(-1)?.reasons?.id,
    );
    expect(refused).toEqual([
      'reference-leak',
      'return-range',
      'too-many-branches',
      'reference-leak',
      'reference-leak',
    ]);
  });

  test('a refusal in plain text: required, known, lost, path, what to change', () => {
    const { out } = lsmith(['check', 'test/data/repairs/leak-early-return.bpf.c']);
    expect(out).toMatch(/:13:3: error: Unreleased reference/);
    for (const word of [
      'required: ',
      'known:    Reference 2',
      'lost at:  test/data/repairs/leak-early-return.bpf.c:7:20: ',
      'path:     test/data/repairs/leak-early-return.bpf.c:9:7: `!e` is false',
      'change:   Call bpf_ringbuf_submit() or',
    ])
      expect(out).toContain(word);
  });

  test('1 for what does not compile, with its place', () => {
    const path = file('bad.bpf.c', NOT_C);
    const r = lsmith(['check', path, '--json']);
    expect(r.code).toBe(1);
    const [f] = json(r).files;
    expect(f.programs).toEqual([]);
    expect(f.diagnostics[0]).toMatchObject({ severity: 'error', line: 1 });
    expect(lsmith(['check', path]).out).toContain(`${path}:1:`);
  });

  test('--log prints the verifier log of the kernel', () => {
    const r = lsmith(['check', MISTAKE, '--log']);
    expect(r.out).toMatch(/R1=ctx\(/);
    expect(json(lsmith(['check', MISTAKE, '--log', '--json'])).files[0].programs[0].log).toMatch(/R1=ctx\(/);
  });

  test('a file without programs says so', () => {
    const r = lsmith(['check', file('none.bpf.c', 'int x;\n')]);
    expect([r.code, r.out]).toEqual([0, expect.stringContaining('no programs')]);
  });

  test('an object that is none', () => {
    const r = lsmith(['check', file('x.bpf.o', 'hello')]);
    expect(r.code).toBe(1);
    expect(r.out).toMatch(/error/);
  });
});

describe('build and dump', { timeout: SLOW }, () => {
  test('an object that check accepts like its source', () => {
    const out = join(dir, 'shadow.bpf.o');
    const built = lsmith(['build', SHADOW, '-o', out]);
    expect([built.code, built.err]).toEqual([0, '']);
    const bytes = readFileSync(out);
    expect(bytes.subarray(0, 4).toString('latin1')).toBe('\x7fELF');
    const [object] = json(lsmith(['check', out, '--json'])).files;
    const [source] = json(lsmith(['check', SHADOW, '--json'])).files;
    expect(object.programs).toEqual(source.programs);
    const report = json(lsmith(['build', SHADOW, '-o', out, '--json']));
    expect(report).toEqual({ file: SHADOW, output: out, size: bytes.length, diagnostics: [] });
    expect(readFileSync(out).equals(bytes)).toBe(true);
  });

  test('1 and no object when there are errors', () => {
    const out = join(dir, 'none.bpf.o');
    const r = lsmith(['build', file('bad2.bpf.c', NOT_C), '-o', out, '--json']);
    expect(r.code).toBe(1);
    expect(json(r)).toMatchObject({ output: null, size: 0 });
    expect(() => readFileSync(out)).toThrow(/ENOENT/);
  });

  test('dump has C lines before their instructions', () => {
    const r = lsmith(['dump', SHADOW]);
    expect([r.code, r.err]).toEqual([0, '']);
    expect(r.out).toMatch(/; if \(uid == 0\) \[file:\S+ line_num:52 line_col:6\]\n +\d+: \([0-9a-f]{2}\) /);
    const [p] = json(lsmith(['dump', SHADOW, '--json'])).programs;
    expect(p).toMatchObject({ name: 'shadow_guard', section: 'lsm/file_open' });
    expect(new Set(p.lines.map((l: { kind: string }) => l.kind))).toEqual(new Set(['function', 'source', 'insn']));
  });
});

describe('run and orders', { timeout: SLOW }, () => {
  test.each(['6.1', '6.12', '7.2'])('0 when expectations hold on %s', (kernel) => {
    const r = lsmith(['run', SCENARIO, '-k', kernel]);
    expect([r.code, r.err]).toEqual([0, '']);
    expect(r.out).toContain('all expectations hold');
    const { runs } = json(lsmith(['run', SCENARIO, '-k', kernel, '--json']));
    expect(runs[0]).toMatchObject({ scenario: SCENARIO, diagnostics: [], trace: { kernel, passed: true } });
  });

  test('1 when one does not: another order', () => {
    const r = lsmith(['run', SCENARIO, '--cmdline', 'lsm=bpf,landlock']);
    expect(r.code).toBe(1);
    expect(r.out).toContain('an expectation failed');
  });

  test('1 for a wrong key, with place and suggestion', () => {
    const r = lsmith(['run', file('t.scenario.yaml', 'lsmith: 1\nstep: []\n')]);
    expect(r.code).toBe(1);
    expect(r.err).toMatch(/t\.scenario\.yaml:2:1: error: .*steps/);
  });

  test('1 for a refused policy, even when nothing was expected of it', () => {
    file('p.bpf.c', readFileSync(join(root, MISTAKE)));
    const scenario = file('p.scenario.yaml', 'lsmith: 1\npolicies: [p.bpf.c]\nsteps: []\n');
    for (const command of ['run', 'orders']) {
      const r = lsmith([command, scenario]);
      expect(r.code).toBe(1);
      expect(r.err).toContain('map_value_or_null');
    }
  });

  test('orders says what changes', () => {
    const r = lsmith(['orders', SCENARIO, '--try', 'lsm=bpf,landlock', '--semantics', 'lsm', '--json']);
    expect(r.code).toBe(0);
    const report = json(r);
    expect(report.baseline.semantics).toBe('lsm');
    expect(report.variants).toHaveLength(1);
    expect(report.variants[0].diff.steps[0].changes).toContainEqual({
      what: 'decidedBy',
      subject: 'openat',
      before: 'landlock',
      after: 'bpf:shadow_guard',
    });
    const shown = lsmith(['orders', SCENARIO, '--try', 'lsm=bpf,landlock', '--semantics', 'lsm']);
    expect(shown.out).toMatch(/decidedBy\s+openat\s+landlock → bpf:shadow_guard/);
  });
});

describe('kernel', { timeout: SLOW }, () => {
  test('hooks --json is the catalogue', () => {
    const r = lsmith(['hooks', '--kernel', '6.12', '--json']);
    expect(r.code).toBe(0);
    const { kernel, hooks } = json(r);
    expect(kernel).toBe('6.12');
    expect(hooks.length).toBeGreaterThan(200);
    expect(hooks.find((h: { name: string }) => h.name === 'file_open')).toMatchObject({
      attachable: true,
      sleepable: true,
      defaultReturn: 0,
      args: [{ name: 'file', type: 'struct file *' }],
    });
    expect(hooks.find((h: { name: string }) => h.name === 'getprocattr').attachable).toBe(false);
  });

  test('lsm-order applies the rules of the kernel and says what it left out', () => {
    const args = ['lsm-order', '--kernel', '6.12', '--cmdline', 'lsm=bpf,yama security=selinux'];
    const r = lsmith(args);
    expect(r.code).toBe(0);
    expect(r.out).toBe('lockdown,capability,bpf,yama,ima,evm\n');
    expect(r.err).toContain('security= is void when lsm= is given');
    expect(json(lsmith([...args, '--json'])).text).toBe('lockdown,capability,bpf,yama,ima,evm');
    expect(lsmith([...args, '--kernel', '6.1']).out).toBe('lockdown,capability,bpf,yama\n');
  });
});

describe('vm-plugin', { timeout: SLOW }, () => {
  const RETURN_42 = 'b7 00 00 00 2a 00 00 00 95 00 00 00 00 00 00 00';
  const FIRST_HALFWORD = '69 10 00 00 00 00 00 00 95 00 00 00 00 00 00 00';

  test('r0 in hex; memory as argument', () => {
    expect(lsmith(['vm-plugin'], RETURN_42)).toEqual({ code: 0, out: '2a\n', err: '' });
    expect(lsmith(['vm-plugin', 'cd ab 00'], FIRST_HALFWORD)).toEqual({ code: 0, out: 'abcd\n', err: '' });
  });

  test.each(['zz', '', 'b7', 'ff 00 00 00 00 00 00 00'])('%j is no program', (input) => {
    const r = lsmith(['vm-plugin'], input);
    expect(r.code).toBe(2);
    expect(r.err).toMatch(/^lsmith: /);
    expect(r.out).toBe('');
  });

  test('a program that faults fails', () => {
    expect(lsmith(['vm-plugin'], FIRST_HALFWORD).code).not.toBe(0);
  });
});
