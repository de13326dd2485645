/** The chain: who is called, who is not, whose return counts. Expectations are rows of the recorded order cases. */
import { describe, expect, it } from 'vitest';
import type { HookRequest, KernelProfile, ModuleSettings } from '../../../src/engine/kernel/index.ts';
import {
  createDispatch,
  resolveStack,
  type AttachedProgram,
  type AttachSemantics,
  type HookCall,
  type HookInfo,
  type ModuleName,
} from '../../../src/engine/lsm/index.ts';
import type { ProgramRun, VmObject } from '../../../src/engine/vm/index.ts';

const FACTS = {
  configLsm: 'landlock,yama,apparmor,bpf',
  builtLsms: ['lockdown', 'capability', 'landlock', 'yama', 'apparmor', 'bpf'],
};

const hook = (name: string, extra: Partial<HookInfo> = {}): HookInfo => ({
  name,
  args: [],
  returns: 'int',
  defaultReturn: 0,
  attachable: true,
  refusedBecause: null,
  sleepable: true,
  cgroupAttachable: true,
  returnRange: null,
  tracingAttachable: true,
  context: 'may-sleep',
  modules: ['landlock', 'apparmor', 'bpf'] as readonly ModuleName[],
  ...extra,
});

/** A program that answers with a function of its arguments; the last argument is the trailing ret. */
function program(
  name: string,
  hookName: string,
  body: (args: readonly bigint[]) => number,
  calls: string[] = [],
): AttachedProgram {
  const run = (_p: unknown, args: readonly bigint[]): ProgramRun => {
    calls.push(name);
    return {
      r0: BigInt.asUintN(64, BigInt(body(args))),
      insns: 1,
      hits: new Uint32Array(1),
      mapEvents: [],
      printk: [],
      ringRecords: [],
      fault: null,
    };
  };
  return {
    policy: 'test',
    objectName: () => undefined,
    vm: { run, object: { btf: null } } as unknown as VmObject,
    program: {
      name,
      lines: [],
      attach: { progType: 'lsm', hook: hookName, func: `bpf_lsm_${hookName}` },
    } as unknown as AttachedProgram['program'],
  };
}

const SETTINGS: ModuleSettings = {
  apparmor: { profiles: [] },
  landlock: { rulesets: [{ name: 'box', handled: ['read_file'], rules: [] }] },
  yama: { ptraceScope: 1 },
  lockdown: 'none',
};

interface Setup {
  readonly version?: readonly [number, number, number];
  readonly cmdline?: string;
  readonly semantics?: AttachSemantics;
  readonly sandboxed?: boolean;
  readonly hooks?: readonly HookInfo[];
}

function ask(programs: readonly AttachedProgram[], setup: Setup, hookName = 'file_open'): HookCall {
  const profile = { version: setup.version ?? [6, 12, 0], facts: FACTS } as unknown as KernelProfile;
  const dispatch = createDispatch({
    profile,
    hooks: setup.hooks ?? [hook('file_open')],
    stack: resolveStack(profile, setup.cmdline ?? 'lsm=landlock,yama,apparmor,bpf'),
    semantics: setup.semantics ?? 'lsm',
    programs,
    settings: SETTINGS,
    host: {
      task: (name) => ({
        name,
        pid: 1,
        uid: 0,
        caps: new Set(),
        permitted: new Set(),
        parent: null,
        apparmor: null,
        landlock: setup.sandboxed ? ['box'] : [],
      }),
      capable: () => true,
    },
  });
  const request: HookRequest = { hook: hookName, args: [], task: 't', facts: { path: '/etc/x', mask: 4 } };
  dispatch.call(request);
  const [call] = dispatch.take();
  return call;
}

const deny = program('deny', 'file_open', () => -1);
const allow = program('allow', 'file_open', () => 0);
const states = (c: HookCall): Record<string, string> => Object.fromEntries(c.modules.map((m) => [m.module, m.state]));

describe('LSM list', () => {
  it('landlock before bpf denies: EACCES, bpf is not called', () => {
    const c = ask([deny], { sandboxed: true });
    expect({ ret: c.ret, by: c.decidedBy }).toEqual({ ret: -13, by: 'landlock' });
    expect(states(c)).toMatchObject({ landlock: 'called', apparmor: 'skipped', bpf: 'skipped' });
    expect(c.modules.find((m) => m.module === 'bpf')?.programs[0]).toMatchObject({
      state: 'not-called',
      because: 'landlock',
    });
  });

  it('bpf first, both deny: EPERM from bpf, landlock not called', () => {
    const c = ask([deny], { sandboxed: true, cmdline: 'lsm=bpf,landlock' });
    expect({ ret: c.ret, by: c.decidedBy, landlock: states(c)['landlock'] }).toEqual({
      ret: -1,
      by: 'bpf:deny',
      landlock: 'skipped',
    });
  });

  it('bpf first and allowing, landlock denies: both called, EACCES', () => {
    const c = ask([allow], { sandboxed: true, cmdline: 'lsm=bpf,landlock' });
    expect(c.ret).toBe(-13);
    expect(states(c)).toMatchObject({ bpf: 'called', landlock: 'called' });
  });

  it('the last attached program runs first and its denial ends the chain', () => {
    const calls: string[] = [];
    const c = ask(
      [program('first', 'file_open', () => -1, calls), program('second', 'file_open', () => -13, calls)],
      {},
    );
    expect(c.ret).toBe(-13);
    expect(calls).toEqual(['second']);
  });

  it('bpf absent from the order: attached programs never run', () => {
    const c = ask([deny], { cmdline: 'lsm=landlock' });
    expect(c.ret).toBe(0);
    expect(c.modules.find((m) => m.module === 'bpf')).toMatchObject({ state: 'skipped' });
  });

  it("a program's 0 means the hook's default", () => {
    const hooks = [hook('task_prctl', { defaultReturn: -38, modules: ['bpf'] })];
    for (const version of [
      [6, 1, 0],
      [6, 12, 0],
    ] as const) {
      expect(ask([program('p', 'task_prctl', () => 0)], { hooks, version }, 'task_prctl').ret).toBe(-38);
    }
  });

  it('a positive return passes through as it is', () => {
    expect(ask([program('p', 'file_open', () => 7)], { version: [6, 1, 0] }).ret).toBe(7);
  });

  it('void hooks run all programs', () => {
    const calls: string[] = [];
    const hooks = [hook('task_free', { returns: 'void', defaultReturn: null, modules: ['bpf'] })];
    const c = ask(
      [program('a', 'task_free', () => -1, calls), program('b', 'task_free', () => -1, calls)],
      { hooks },
      'task_free',
    );
    expect(calls).toEqual(['b', 'a']);
    expect(c.ret).toBeNull();
  });
});

describe('the other attach semantics', () => {
  it('fexit: always called, and a 0 turns a denial into an allow', () => {
    const c = ask([allow], { sandboxed: true, semantics: 'fexit' });
    expect(c.ret).toBe(0);
    expect(c.overrides).toEqual([{ from: -13, to: 0, by: 'bpf:allow' }]);
  });

  it('fexit: a program that hands on ret keeps the denial', () => {
    const c = ask([program('polite', 'file_open', (a) => Number(BigInt.asIntN(64, a.at(-1)!)))], {
      sandboxed: true,
      semantics: 'fexit',
    });
    expect({ ret: c.ret, overrides: c.overrides }).toEqual({ ret: -13, overrides: [] });
  });

  it('fexit if RC == 0: not called after a denial, decides after an allow', () => {
    expect(ask([allow], { sandboxed: true, semantics: 'fexit-if-zero' }).ret).toBe(-13);
    expect(ask([deny], { semantics: 'fexit-if-zero' }).decidedBy).toBe('bpf:deny');
  });

  it('fmod_ret: in front; a denial skips all modules, 0 cannot undo a later denial, order and lsm= do not matter', () => {
    const front = ask([deny], { sandboxed: true, semantics: 'fmod_ret', cmdline: 'lsm=landlock' });
    expect({ ret: front.ret, by: front.decidedBy, landlock: states(front)['landlock'] }).toEqual({
      ret: -1,
      by: 'bpf:deny',
      landlock: 'skipped',
    });
    expect(ask([allow], { sandboxed: true, semantics: 'fmod_ret' }).ret).toBe(-13);
  });
});
