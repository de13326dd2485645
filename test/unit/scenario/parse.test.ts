import { readFileSync, readdirSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseScenario, parseWorkspace } from '../../../src/engine/scenario/parse.ts';
import type { Scenario } from '../../../src/engine/scenario/types.ts';

const GOOD = `lsmith: 1
name: web may not read shadow
kernel: 6.12
boot: lsm=landlock,lockdown,yama,integrity,apparmor,bpf
policies: [shadow_guard.bpf.c]
modules:
  yama: { ptrace_scope: 2 }
  lockdown: none
  apparmor:
    profiles:
      web: { rules: [ "allow /usr/** rmix", "deny /etc/shadow r" ], network: ["allow inet stream"], capabilities: ["allow sys_ptrace"], signal: true }
  landlock: { rulesets: { sandbox: { handled: [read_file], rules: [ {path: /usr, allow: [read_file]} ] } } }
world:
  files: { /etc/shadow: { mode: 0640, uid: 0, gid: 42, content: "root:*" }, /etc/alias: { target: shadow } }
  tasks:
    web: { pid: 200, uid: 33, exe: /usr/sbin/nginx, apparmor: web }
    box: { uid: 1000, parent: web, landlock: sandbox, caps: [CAP_NET_RAW] }
  sockets: { s1: { task: web, family: inet, type: stream } }
maps: { blocked: [ { key: {prefixlen: 24, addr: "203.0.113.0"}, value: 1 } ] }
globals: { enforce: true }
steps:
  - web: openat /etc/shadow O_RDONLY|O_CLOEXEC as f
    expect: EPERM by bpf:shadow_guard
  - task: web
    call: connect
    fd: s1
    address: 203.0.113.7:443
    expect: { errno: EPERM, by: bpf, called: [egress], not_called: [] }
  - web: 'execve /usr/bin/true "two words"'
  - init: kill web KILL
`;

function parsed(text: string): Scenario {
  const { scenario, diagnostics } = parseScenario(text, 'x.scenario.yaml');
  expect(diagnostics).toEqual([]);
  return scenario!;
}

/** `line:column code message` of the diagnostics. */
const complaints = (text: string): string[] =>
  parseScenario(text, 'x.scenario.yaml').diagnostics.map(
    (d) => `${d.range.line}:${d.range.column} ${d.code.replace('scenario/', '')} ${d.message}`,
  );

describe('a good scenario', () => {
  it('is read whole, with defaults', () => {
    const s = parsed(GOOD);
    expect(s.kernel).toBe('6.12');
    expect(s.cmdline).toBe('lsm=landlock,lockdown,yama,integrity,apparmor,bpf');
    expect(s.modules.yama.ptraceScope).toBe(2);
    expect(s.modules.apparmor.profiles[0]).toMatchObject({
      name: 'web',
      mode: 'enforce',
      rules: [
        { allow: true, path: '/usr/**', access: 'rmix' },
        { allow: false, path: '/etc/shadow', access: 'r' },
      ],
      network: [{ allow: true, family: 'inet', type: 'stream' }],
      capabilities: [{ allow: true, cap: 'sys_ptrace' }],
      signal: true,
      mount: false,
    });
    expect(s.world.files).toEqual([
      { path: '/etc/shadow', type: 'file', mode: 0o640, uid: 0, gid: 42, content: 'root:*' },
      { path: '/etc/alias', type: 'symlink', mode: 0o777, uid: 0, gid: 0, target: 'shadow' },
    ]);
    expect(s.world.tasks[0]).toMatchObject({ name: 'web', pid: 200, uid: 33, gid: 33, comm: 'nginx', caps: [] });
    expect(s.world.tasks[1]).toMatchObject({ pid: 100, exe: '/usr/bin/box', parent: 'web', caps: ['net_raw'] });
    expect(s.maps).toEqual([{ map: 'blocked', entries: [{ key: { prefixlen: 24, addr: '203.0.113.0' }, value: 1 }] }]);
    expect(s.globals).toEqual([{ name: 'enforce', value: true }]);
  });

  it('has steps in both forms', () => {
    const { steps } = parsed(GOOD);
    expect(steps[0]).toEqual({
      label: 'openat /etc/shadow O_RDONLY|O_CLOEXEC as f',
      task: 'web',
      syscall: { call: 'openat', path: '/etc/shadow', flags: ['O_RDONLY', 'O_CLOEXEC'], mode: 0o644, save: 'f' },
      expect: { errno: 'EPERM', decidedBy: 'bpf:shadow_guard', called: [], notCalled: [] },
      line: 22,
    });
    expect(steps[1].syscall).toEqual({ call: 'connect', fd: 's1', address: '203.0.113.7:443' });
    expect(steps[1].expect).toEqual({ errno: 'EPERM', decidedBy: 'bpf', called: ['egress'], notCalled: [] });
    expect(steps[2].syscall).toEqual({ call: 'execve', path: '/usr/bin/true', argv: ['/usr/bin/true', 'two words'] });
    expect(steps[3].syscall).toEqual({ call: 'kill', target: 'web', signal: 'SIGKILL' });
  });

  it('includes all bundled examples', () => {
    const root = new URL('../../../assets/examples/', import.meta.url);
    let n = 0;
    for (const name of readdirSync(root)) {
      const dir = new URL(`${name}/scenarios/`, root);
      for (const file of readdirSync(dir)) {
        expect(parseScenario(readFileSync(new URL(file, dir), 'utf8'), file).diagnostics, file).toEqual([]);
        n++;
      }
      const ws = parseWorkspace(readFileSync(new URL(`${name}/lsmith.yaml`, root), 'utf8'), 'lsmith.yaml');
      expect(ws.diagnostics, name).toEqual([]);
      expect(ws.workspace?.scenarios.length).toBeGreaterThan(0);
    }
    expect(n).toBeGreaterThanOrEqual(3);
  });
});

describe('mistakes', () => {
  const step = (line: string) => `lsmith: 1\nworld: { tasks: { web: { pid: 200 } } }\nsteps:\n  - ${line}\n`;

  it.each([
    ['lsmith: 1\nstepz: []\n', '2:1 unknown-key a scenario has no key "stepz"; did you mean steps?'],
    ['lsmith: 2\n', '1:9 version this LSMith reads format 1 only'],
    ['name: x\n', '1:1 version the format version is missing: write `lsmith: 1` on the first line'],
    [
      'lsmith: 1\nmodules: { yama: { ptrace_scop: 1 } }\n',
      '2:20 unknown-key yama has no key "ptrace_scop"; did you mean ptrace_scope?',
    ],
    [
      'lsmith: 1\nmodules: { yama: { ptrace_scope: 7 } }\n',
      '2:34 type ptrace_scope must be a whole number from 0 to 3',
    ],
    [
      'lsmith: 1\nmodules: { lockdown: integrty }\n',
      '2:22 unknown-value lockdown cannot be "integrty": one of none, integrity, confidentiality; did you mean integrity?',
    ],
    [
      'lsmith: 1\nworld: { files: { /a: { mode: 640 } } }\n',
      '2:31 mode mode must be octal with a leading 0, e.g. "0640"',
    ],
    ['lsmith: 1\nworld: { files: { a/b: {} } }\n', '2:19 path "a/b" must be an absolute path without //, . and ..'],
    ['lsmith: 1\nworld: { tasks: { a: { pid: 5 }, b: { pid: 5 } } }\n', "2:39 duplicate pid 5 is already a's"],
    ['lsmith: 1\nworld: { tasks: { a: { parent: b }, b: { parent: a } } }\n', '2:19 ancestry a is its own ancestor'],
    [
      'lsmith: 1\nworld: { tasks: { a: { caps: [sys_ptrac] } } }\n',
      '2:31 unknown-capability there is no capability "sys_ptrac"; did you mean sys_ptrace?',
    ],
    ['lsmith: 1\nworld: { tasks: { a: { apparmor: wb } } }\n', '2:34 unknown-name there is no AppArmor profile "wb"'],
    ['lsmith: 1\npolicies: [../x.c]\n', '2:12 path "../x.c" must be a path relative to the workspace, without ..'],
    [step('web: opnat /etc/passwd'), '4:10 unknown-call'],
    [
      step('web: openat /etc/passwd O_RDNLY'),
      '4:29 unknown-value openat has no flag "O_RDNLY"; did you mean O_RDONLY?',
    ],
    [step('web: openat etc/passwd'), '4:17 unknown-value a path must be absolute, "etc/passwd" is not'],
    [step('wbe: openat /etc/passwd'), '4:5 unknown-task there is no task "wbe" (yet); did you mean web?'],
    [step('web: close f'), '4:16 unknown-handle nothing was saved as "f" before this step'],
    [step('web: kill init SIGKIL'), '4:20 unknown-value there is no signal "SIGKIL"; did you mean SIGKILL?'],
    [step('web: openat'), '4:10 step openat needs path: openat PATH [FLAGS] [MODE] [as NAME]'],
    [step('web: unlink /a /b'), '4:20 step unlink takes no more than: unlink PATH'],
    [step('{ web: unlink /a, expct: OK }'), '4:23 unknown-key a step has no key "expct"; did you mean expect?'],
    [
      step('{ web: unlink /a, expect: EPREM }'),
      '4:31 unknown-errno "EPREM" is neither OK nor an errno; did you mean EPERM?',
    ],
    [step('{ web: unlink /a, expect: EPERM by aparmor }'), '4:31 unknown-value nobody called "aparmor" can decide'],
    [
      step('{ task: web, call: unlink, pth: /a }'),
      '4:32 unknown-key a step with unlink has no key "pth"; did you mean path?',
    ],
    [step('web: ptrace attach'), '4:10 step ptrace attach and seize need a target'],
    ['lsmith: 1\nsteps: [\n', 'yaml'],
    ['lsmith: 1\nname: a\nname: b\n', 'yaml'],
  ])('%j', (text, expected) => {
    expect(complaints(text).join('\n')).toContain(expected);
    expect(parseScenario(text, 'x').scenario).toBeNull();
  });

  it('offers the suggestion as an edit at the exact place', () => {
    const [d] = parseScenario(step('web: openat /etc/passwd O_RDNLY'), 'x').diagnostics;
    expect(d.fixes?.[0].edits).toEqual([
      { range: { file: 'x', line: 4, column: 29, endLine: 4, endColumn: 36 }, text: 'O_RDONLY' },
    ]);
  });

  it('tells tasks that exist only later from those that exist now', () => {
    const two = `${step('web: fork kid')}  - kid: exit 0\n`;
    expect(complaints(two)).toEqual([]);
    expect(complaints(step('kid: exit 0') + '  - web: fork kid\n')[0]).toContain('there is no task "kid"');
  });
});

describe('hostile input', () => {
  it('survives an alias bomb', () => {
    let bomb = 'lsmith: 1\nglobals:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n';
    for (let i = 1; i < 12; i++) bomb += `  a${i}: &a${i} [${new Array<string>(10).fill(`*a${i - 1}`).join(', ')}]\n`;
    expect(complaints(bomb).join()).toContain('aliases');
  });

  it.each([
    ['nested brackets', '['.repeat(50_000)],
    ['nested mappings', '{a: '.repeat(50_000)],
    ['nested sequences', '- '.repeat(50_000)],
    ['indentation', Array.from({ length: 2_000 }, (_, i) => ' '.repeat(i) + 'a:').join('\n')],
    ['a binary', '\u0000\u0001\u0002\ufffd'.repeat(1000)],
    ['two megabytes', 'a'.repeat(2 << 20)],
  ])('ends in a diagnostic: %s', (_, text) => {
    const started = Date.now();
    const { scenario, diagnostics } = parseScenario(text, 'x');
    expect(scenario).toBeNull();
    expect(diagnostics.length).toBeGreaterThan(0);
    expect(Date.now() - started).toBeLessThan(3_000);
  });

  it('never throws, whatever a mutation makes of a good file', () => {
    const junk = fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.constantFrom('*a', '&a ', '{', '[', '- ', ': ', '\n', '!!x ', '"', '|', '? '),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(GOOD.length), fc.nat(30), junk), { minLength: 1, maxLength: 4 }),
        (edits) => {
          let text = GOOD;
          for (const [at, cut, insert] of edits) text = text.slice(0, at) + insert + text.slice(at + cut);
          const { scenario, diagnostics } = parseScenario(text, 'x');
          expect(scenario === null).toBe(diagnostics.some((d) => d.severity === 'error'));
          for (const d of diagnostics) {
            expect(d.range.line).toBeGreaterThanOrEqual(1);
            expect(d.range.column).toBeGreaterThanOrEqual(1);
          }
        },
      ),
      { numRuns: 400 },
    );
  });

  it('never throws on arbitrary text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        parseScenario(text, 'x');
        parseWorkspace(text, 'x');
      }),
      { numRuns: 500 },
    );
  });
});
