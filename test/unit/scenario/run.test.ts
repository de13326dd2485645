/** Whole runs with programs written as instructions: kernel, modules and interpreter together, on both profiles. */
import { describe, expect, it } from 'vitest';
import { decodeInsns } from '../../../src/engine/bpf/index.ts';
import type { LoadedObject, LoadedProgram, MapDef } from '../../../src/engine/loader/index.ts';
import {
  buildHookCatalogue,
  resolveStack,
  type AttachSemantics,
  type StepTrace,
} from '../../../src/engine/lsm/index.ts';
import { parseScenario } from '../../../src/engine/scenario/parse.ts';
import { encode } from '../../../src/engine/scenario/presets.ts';
import { runScenario, type RunResult } from '../../../src/engine/scenario/run.ts';
import { profile } from '../kernel/support.ts';

type Id = '6.1' | '6.12';

function program(id: Id, name: string, hook: string, slots: readonly (readonly number[])[]): LoadedProgram {
  const insns = decodeInsns(Uint8Array.from(slots.flat()));
  const func = `bpf_lsm_${hook}`;
  return {
    name,
    section: `lsm/${hook}`,
    autoload: true,
    attach: { progType: 'lsm', sleepable: false, hook, func, btfId: profile(id).btf.find(func, 'func') },
    insns,
    subprogs: [{ name, start: 0, end: insns.count, funcTypeId: 0, linkage: 'global' }],
    lines: [],
    coreRelos: [],
  };
}

/** r0 = n; exit */
const returns = (n: number): number[][] => [
  [0xb7, 0, 0, 0, n & 0xff, (n >> 8) & 0xff, (n >> 16) & 0xff, (n >> 24) & 0xff],
  [0x95, 0, 0, 0, 0, 0, 0, 0],
];

const object = (programs: readonly LoadedProgram[], maps: readonly MapDef[] = []): LoadedObject => ({
  name: 'test',
  license: 'GPL',
  gplCompatible: true,
  btf: null,
  maps,
  programs,
});

function run(
  id: Id,
  yaml: string,
  objects: readonly LoadedObject[],
  cmdline = 'lsm=landlock,yama,apparmor,bpf',
  semantics: AttachSemantics = 'lsm',
): RunResult {
  const { scenario, diagnostics } = parseScenario(yaml, 't.scenario.yaml');
  expect(diagnostics).toEqual([]);
  const p = profile(id);
  return runScenario({
    scenario: scenario!,
    profile: p,
    hooks: buildHookCatalogue(p),
    stack: resolveStack(p, cmdline),
    semantics,
    cmdline,
    objects: objects.map((o, i) => ({ policy: `p${i}.bpf.c`, object: o })),
  });
}

const brief = (s: StepTrace): string => `${s.errno} ${s.decidedBy ?? '-'}`;

const SHADOW = `lsmith: 1
modules:
  yama: { ptrace_scope: 1 }
  apparmor: { profiles: { web: { rules: ["deny /etc/shadow r", "allow /** rwmix"], network: ["deny inet stream"] } } }
  landlock: { rulesets: { usr: { handled: [read_file], rules: [{ path: /usr, allow: [read_file] }] } } }
world:
  files: { /etc/shadow: { mode: "0644" }, /usr/lib/x: {} }
  tasks:
    plain: { pid: 200, uid: 1000 }
    web: { pid: 210, uid: 33, apparmor: web }
    box: { pid: 220, uid: 1000, landlock: usr }
  sockets: { s: { task: web, family: inet, type: stream } }
steps:
  - { plain: openat /etc/shadow, expect: EPERM by bpf:deny_open }
  - { web: openat /etc/shadow, expect: { errno: EACCES, by: apparmor, not_called: [deny_open] } }
  - { box: openat /etc/shadow, expect: { errno: EACCES, by: landlock, not_called: [deny_open] } }
  - { plain: ptrace attach box, expect: EPERM by yama }
  - { web: connect s 127.0.0.1:80, expect: EACCES by apparmor }
`;

describe.each(['6.1', '6.12'] as const)('a run on %s', (id) => {
  const deny = () => object([program(id, 'deny_open', 'file_open', returns(-1))]);

  it('lets the modules decide in order, bpf last', () => {
    const { trace, problems } = run(id, SHADOW, [deny()]);
    expect(problems).toEqual([]);
    expect(trace.steps.map(brief)).toEqual([
      'EPERM bpf:deny_open',
      'EACCES apparmor',
      'EACCES landlock',
      'EPERM yama',
      'EACCES apparmor',
    ]);
    expect(trace.passed).toBe(true);
    expect(trace.steps[0].text).toBe('openat(AT_FDCWD, "/etc/shadow", O_RDONLY) = -1 EPERM (Operation not permitted)');
  });

  it('lets bpf decide first when it is listed first, as measured: then landlock is not called', () => {
    const { trace } = run(id, SHADOW, [deny()], 'lsm=bpf,landlock,yama,apparmor');
    expect(trace.steps.slice(0, 3).map(brief)).toEqual([
      'EPERM bpf:deny_open',
      'EPERM bpf:deny_open',
      'EPERM bpf:deny_open',
    ]);
    const open = trace.steps[2].hooks.find((h) => h.hook === 'file_open')!;
    expect(open.modules.find((m) => m.module === 'landlock')).toMatchObject({
      state: 'skipped',
      because: 'bpf:deny_open',
    });
    expect(trace.passed).toBe(false);
    expect(trace.steps[1].expectations.filter((e) => !e.ok).map((e) => e.text)).toEqual([
      'errno is EACCES',
      'decided by apparmor',
      'deny_open is not called',
    ]);
  });

  it('runs the last attached program first', () => {
    const two = object([
      program(id, 'first', 'file_open', returns(-1)),
      program(id, 'second', 'file_open', returns(-13)),
    ]);
    const { trace } = run(id, SHADOW, [two]);
    expect(brief(trace.steps[0])).toBe('EACCES bpf:second');
  });

  it('turns a positive return into EINVAL at open', () => {
    const { trace } = run(id, SHADOW, [object([program(id, 'seven', 'file_open', returns(7))])]);
    expect(brief(trace.steps[0])).toBe('EINVAL bpf:seven');
  });

  it('is the same every time, bit for bit', () => {
    expect(run(id, SHADOW, [deny()])).toEqual(run(id, SHADOW, [deny()]));
  });

  it('does not attach a program to a hook that the kernel refuses', () => {
    const { trace } = run(id, SHADOW, [object([program(id, 'p', 'getprocattr', returns(0))])]);
    expect(trace.programs[0]).toMatchObject({ attached: false });
    expect(trace.programs[0].why).toContain('disabled hook');
  });

  it('reports presets that name nothing', () => {
    const { problems, trace } = run(id, `${SHADOW}maps: { nope: [{ key: 1, value: 2 }] }\nglobals: { x: 1 }\n`, [
      deny(),
    ]);
    expect(problems).toHaveLength(2);
    expect(trace.passed).toBe(false);
  });

  it('fills maps before step 1 and shows them at the end', () => {
    const def: MapDef = {
      index: 0,
      name: 'blocked',
      type: 'hash',
      typeId: 1,
      keySize: 4,
      valueSize: 8,
      maxEntries: 4,
      flags: 0,
      keyTypeId: 0,
      valueTypeId: 0,
      readOnly: false,
    };
    const preset = `maps: { blocked: [{ key: 10.0.0.1, value: -2 }, { key: 258, value: "0x1122" }] }\n`;
    const { trace, problems } = run(id, SHADOW + preset, [object([program(id, 'p', 'file_open', returns(0))], [def])]);
    expect(problems).toEqual([]);
    const entries = [...trace.maps[0].entries].sort((a, b) => (a.key < b.key ? -1 : 1));
    expect(entries).toEqual([
      { key: '02010000', value: '2211000000000000' },
      { key: '0a000001', value: 'feffffffffffffff' },
    ]);
  });
});

describe('encode', () => {
  const bytes = (size: number, value: unknown) => {
    const r = encode({ btf: null }, 0, size, value);
    return r.ok ? [...r.value] : r.error;
  };
  it('lays values out or says why not', () => {
    expect(bytes(2, 513)).toEqual([1, 2]);
    expect(bytes(2, -1)).toEqual([255, 255]);
    expect(bytes(1, 256)).toBe('256 does not fit into 1 bytes');
    expect(bytes(1, true)).toEqual([1]);
    expect(bytes(4, 'hex:0a0b')).toEqual([10, 11, 0, 0]);
    expect(bytes(4, 'abcde')).toBe('"abcde" does not fit into 4 bytes');
    expect(bytes(4, null)).toBe('a value is missing');
  });
  it('follows a struct of the kernel', () => {
    const { btf } = profile('6.12');
    const r = encode({ btf }, btf.find('sockaddr_in', 'struct'), 16, {
      sin_family: 2,
      sin_addr: { s_addr: '127.0.0.1' },
    });
    expect(r.ok && [...r.value]).toEqual([2, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    const wrong = encode({ btf }, btf.find('sockaddr_in', 'struct'), 16, { sin_port2: 1 });
    expect(!wrong.ok && wrong.error).toContain('no member sin_port2');
  });
});
