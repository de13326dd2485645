import { describe, expect, it } from 'vitest';
import type { AppArmorProfile, HookFacts, ModuleSettings } from '../../../src/engine/kernel/index.ts';
import { globToRegExp } from '../../../src/engine/lsm/modules/glob.ts';
import { MODULES, type TaskView } from '../../../src/engine/lsm/modules/index.ts';
import type { ModuleName } from '../../../src/engine/lsm/index.ts';

const task = (name: string, extra: Partial<TaskView> = {}): TaskView => ({
  name,
  pid: 1,
  uid: 1000,
  caps: new Set(),
  permitted: new Set(),
  parent: null,
  apparmor: null,
  landlock: [],
  ...extra,
});

const profile = (extra: Partial<AppArmorProfile>): AppArmorProfile => ({
  name: 'web',
  mode: 'enforce',
  rules: [],
  network: [],
  capabilities: [],
  ptrace: false,
  signal: false,
  mount: false,
  ...extra,
});

interface Setup {
  readonly tasks?: readonly TaskView[];
  readonly settings?: Partial<ModuleSettings>;
  readonly capable?: boolean;
  readonly version?: readonly [number, number, number];
}

function answer(
  module: ModuleName,
  hook: string,
  actor: TaskView,
  facts: HookFacts,
  s: Setup = {},
): number | undefined {
  const tasks = [actor, ...(s.tasks ?? [])];
  return MODULES[module]?.[hook]?.({
    request: { hook, args: [], task: actor.name, facts },
    task: actor,
    settings: {
      apparmor: { profiles: [] },
      landlock: { rulesets: [] },
      yama: { ptraceScope: 1 },
      lockdown: 'none',
      ...s.settings,
    },
    host: { task: (n) => tasks.find((t) => t.name === n), capable: () => s.capable ?? false },
    version: s.version ?? [6, 12, 0],
    enumerator: (name) => ({ LOCKDOWN_INTEGRITY_MAX: 21, LOCKDOWN_CONFIDENTIALITY_MAX: 30 })[name],
  }).ret;
}

describe('yama', () => {
  const child = task('child', { parent: 'me' });
  const grandchild = task('grandchild', { parent: 'child' });
  const other = task('other');
  const ask = (target: string, scope: 0 | 1 | 2 | 3, capable = false): number | undefined =>
    answer(
      'yama',
      'ptrace_access_check',
      task('me'),
      { targetTask: target, ptraceMode: 2 },
      {
        tasks: [child, grandchild, other],
        settings: { yama: { ptraceScope: scope } },
        capable,
      },
    );

  it('scope 1 allows descendants and CAP_SYS_PTRACE', () => {
    expect([ask('child', 1), ask('grandchild', 1), ask('other', 1), ask('other', 1, true)]).toEqual([0, 0, -1, 0]);
  });
  it('scopes 0, 2, 3', () => {
    expect([ask('other', 0), ask('child', 2), ask('child', 2, true), ask('child', 3, true)]).toEqual([0, -1, 0, -1]);
  });
  it('leaves reading alone', () => {
    expect(
      answer('yama', 'ptrace_access_check', task('me'), { targetTask: 'other', ptraceMode: 1 }, { tasks: [other] }),
    ).toBe(0);
  });
});

describe('landlock', () => {
  const rulesets = [
    { name: 'box', handled: ['read_file', 'make_dir', 'truncate'], rules: [{ path: '/usr', allow: ['read_file'] }] },
  ];
  const boxed = task('t', { landlock: ['box'] });
  const open = (path: string, mask: number): number | undefined =>
    answer('landlock', 'file_open', boxed, { path, mask }, { settings: { landlock: { rulesets } } });

  it('allows what a rule at or above the path allows, and what is not handled', () => {
    expect([
      open('/usr/bin/x', 4),
      open('/usr', 4),
      open('/usrlocal/x', 4),
      open('/etc/x', 4),
      open('/etc/x', 2),
    ]).toEqual([0, 0, -13, -13, 0]);
  });
  it('checks the parent directory for new entries', () => {
    expect(
      answer('landlock', 'path_mkdir', boxed, { path: '/usr/new' }, { settings: { landlock: { rulesets } } }),
    ).toBe(-13);
  });
  it('knows truncate only since 6.2', () => {
    const at = (version: readonly [number, number, number]): number | undefined =>
      answer('landlock', 'path_truncate', boxed, { path: '/etc/x' }, { settings: { landlock: { rulesets } }, version });
    expect([at([6, 1, 0]), at([6, 12, 0])]).toEqual([0, -13]);
  });
  it('a sandboxed task traces only inside its domain, and may not mount', () => {
    const trace = (target: TaskView): number | undefined =>
      answer(
        'landlock',
        'ptrace_access_check',
        boxed,
        { targetTask: target.name },
        { tasks: [target], settings: { landlock: { rulesets } } },
      );
    expect([trace(task('free')), trace(task('same', { landlock: ['box'] }))]).toEqual([-1, 0]);
    expect(answer('landlock', 'sb_mount', boxed, {}, { settings: { landlock: { rulesets } } })).toBe(-1);
  });
});

describe('apparmor', () => {
  const confined = task('t', { apparmor: 'web' });
  const ask = (p: Partial<AppArmorProfile>, hook: string, facts: HookFacts, actor = confined): number | undefined =>
    answer('apparmor', hook, actor, facts, {
      settings: { apparmor: { profiles: [profile(p)] } },
      tasks: [task('other')],
    });
  const rule = (allow: boolean, path: string, access: string) => ({ allow, path, access });

  it('denies what no rule allows, deny beats allow, unconfined is free', () => {
    const rules = [rule(true, '/etc/**', 'r'), rule(false, '/etc/shadow', 'r')];
    expect(ask({ rules }, 'file_open', { path: '/etc/passwd', mask: 4 })).toBe(0);
    expect(ask({ rules }, 'file_open', { path: '/etc/passwd', mask: 6 })).toBe(-13);
    expect(ask({ rules }, 'file_open', { path: '/etc/shadow', mask: 4 })).toBe(-13);
    expect(ask({ rules }, 'file_open', { path: '/etc/shadow', mask: 4 }, task('free'))).toBe(0);
    // Complain mode allows what no rule names, and honours deny rules (lab run on both kernels).
    expect(ask({ rules, mode: 'complain' }, 'file_open', { path: '/etc/passwd', mask: 6 })).toBe(0);
    expect(ask({ rules, mode: 'complain' }, 'file_open', { path: '/etc/shadow', mask: 4 })).toBe(-13);
  });
  it('network by family and type', () => {
    const network = [
      { allow: true, family: 'inet', type: null },
      { allow: false, family: 'inet', type: 'stream' },
    ];
    expect(ask({ network }, 'socket_connect', { family: 'inet', socketType: 'dgram' })).toBe(0);
    expect(ask({ network }, 'socket_connect', { family: 'inet', socketType: 'stream' })).toBe(-13);
    expect(ask({ network }, 'socket_connect', { family: 'inet6', socketType: 'stream' })).toBe(-13);
  });
  it('capabilities are EPERM; signals need a rule on both sides', () => {
    expect(ask({}, 'capable', { capability: 'sys_admin' })).toBe(-1);
    expect(ask({}, 'task_kill', { targetTask: 'other', signal: 9 })).toBe(-13);
    expect(ask({ signal: true }, 'task_kill', { targetTask: 'other', signal: 9 })).toBe(0);
  });
});

describe('apparmor globs', () => {
  it.each([
    ['/etc/*', '/etc/passwd', true],
    ['/etc/*', '/etc/ssl/x', false],
    ['/etc/*', '/etc/', false],
    ['/etc/**', '/etc/ssl/x', true],
    ['/usr/{bin,sbin}/x', '/usr/sbin/x', true],
    ['/a?c', '/abc', true],
    ['/a?c', '/a/c', false],
    ['/[ab]', '/b', true],
    ['/a.b', '/axb', false],
    ['/**', '/x', true],
  ])('%s against %s: %s', (glob, path, want) => expect(globToRegExp(glob).test(path)).toBe(want));
  it('refuses unbalanced brackets', () => {
    expect(() => globToRegExp('/{a')).toThrow('unbalanced');
  });
});

describe('capability', () => {
  it('needs the tracee\u2019s capabilities or CAP_SYS_PTRACE', () => {
    const strong = task('strong', { permitted: new Set(['net_admin']) });
    const trace = (capable: boolean): number | undefined =>
      answer(
        'capability',
        'ptrace_access_check',
        task('me'),
        { targetTask: 'strong', ptraceMode: 2 },
        { tasks: [strong], capable },
      );
    expect([trace(false), trace(true)]).toEqual([-1, 0]);
  });
});

describe('lockdown', () => {
  it('integrity and confidentiality', () => {
    const ask = (lockdown: 'none' | 'integrity' | 'confidentiality', lockdownReason: number): number | undefined =>
      answer('lockdown', 'locked_down', task('t'), { lockdownReason }, { settings: { lockdown } });
    expect([ask('none', 5), ask('integrity', 5), ask('integrity', 25), ask('confidentiality', 25)]).toEqual([
      0, -1, 0, -1,
    ]);
  });
});
