import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BtfBuilder, parseBtf } from '../../../src/engine/bpf/index.ts';
import {
  builtLsms,
  deriveFacts,
  loadProfile,
  lsmHookNames,
  parseKernelConfig,
} from '../../../src/engine/kernel/profile.ts';
import { deriveTracing, nameTest } from '../../../src/engine/kernel/tracing.ts';
import type { ProfileFacts } from '../../../src/engine/kernel/types.ts';

function kernelBtf(): Uint8Array {
  const b = new BtfBuilder();
  const int = b.addInt('int', 4, { signed: true });
  b.addStruct('task_struct', 4, [{ name: 'pid', type: int, bitOffset: 0 }]);
  const intHook = b.addFuncProto(int, []);
  const voidHook = b.addFuncProto(0, []);
  const pointer = b.addPtr(intHook);
  for (const name of ['file_open', 'brand_new']) b.addFunc(`bpf_lsm_${name}`, intHook, 'static');
  for (const name of ['task_free']) b.addFunc(`bpf_lsm_${name}`, voidHook, 'static');
  b.addFunc('bpf_lsm_init', intHook, 'static');
  b.addUnion(
    'security_list_options',
    8,
    ['file_open', 'task_free', 'brand_new', 'no_function'].map((name) => ({ name, type: pointer, bitOffset: 0 })),
  );
  return b.emit();
}

const facts: ProfileFacts = {
  defaults: { file_open: 0, task_free: null, gone: -95 },
  disabled: ['gone'],
  sleepable: ['file_open', 'gone'],
  lsmCgroup: ['file_open'],
  boolRange: [],
  returnRangeChecked: true,
  helpers: { normal: [1, 2], sleepable: [1, 2, 148], cgroup: [1, 2, 186] },
  cgroupHookHelpers: { file_open: [49], gone: [49, 57] },
  tracing: {
    modifiable: ['bpf_fentry_test1', '__x64_*'],
    sleepable: ['bpf_fentry_test1', '__x64_*'],
    denied: ['migrate_disable'],
    noReturn: ['do_exit'],
    noAddress: ['inlined'],
  },
  configLsm: 'yama,bpf',
  builtLsms: ['capability', 'bpf'],
  config: { CONFIG_BPF_LSM: 'y' },
};

/** The lists of a kernel that nobody measured: names of other configurations are on them, those of one build are not. */
const derivedLists: ProfileFacts['tracing'] = {
  ...facts.tracing,
  denied: ['migrate_disable', 'preempt_count_add', 'preempt_count_sub', 'rcu_read_unlock_strict'],
  noReturn: ['do_exit', '__kunit_abort', 'kunit_try_catch_throw'],
  noAddress: [],
};

function profile(btf: Uint8Array) {
  return {
    format: 1,
    id: 'test',
    release: '6.12.1-test',
    version: [6, 12, 1],
    source: { package: 'p.deb', facts: 'measured' },
    btf: { size: btf.length, sha256: 'a'.repeat(64) },
    facts,
  };
}

/** A profile that may be spoilt anywhere. */
interface Loose {
  [key: string]: unknown;
  btf: { size: unknown };
  facts: { [key: string]: unknown; helpers: { normal: unknown[] } };
}

describe('kernel profiles', () => {
  it('joins facts and BTF', () => {
    const btf = kernelBtf();
    const r = loadProfile(profile(btf), btf);
    expect(r.ok).toBe(true);
    if (!r.ok) return;
    expect(r.value).toMatchObject({ id: 'test', release: '6.12.1-test', version: [6, 12, 1], facts });
    expect(r.value.config).toEqual(facts.config);
    expect(r.value.btf.find('bpf_lsm_file_open', 'func')).toBeGreaterThan(0);
  });

  it('says which field is wrong', () => {
    const btf = kernelBtf();
    const bad = (change: (p: Loose) => void) => {
      const p = structuredClone(profile(btf)) as unknown as Loose;
      change(p);
      const r = loadProfile(p, btf);
      return r.ok ? null : r.error.path;
    };
    expect(bad((p) => (p.version = [6, 12]))).toBe('version.2');
    expect(bad((p) => (p.facts.helpers.normal[1] = 'x'))).toBe('facts.helpers.normal.1');
    expect(bad((p) => delete p.facts.configLsm)).toBe('facts.configLsm');
    expect(bad((p) => (p.format = 2))).toBe('format');
    expect(bad((p) => (p.surprise = 1))).toBe('surprise');
    expect(bad((p) => (p.btf.size = 1))).toBe('btf.size');
    expect(loadProfile(null, btf).ok).toBe(false);
  });

  it('refuses a BTF that is cut or is not of a kernel', () => {
    const btf = kernelBtf();
    for (let n = 0; n < btf.length; n++)
      expect(loadProfile(profile(btf.subarray(0, n)), btf.subarray(0, n)).ok).toBe(false);
    const other = new BtfBuilder();
    other.addInt('int', 4);
    const bytes = other.emit();
    const r = loadProfile(profile(bytes), bytes);
    expect(r.ok ? '' : r.error.message).toContain('task_struct');
  });

  it('never throws on any JSON', () => {
    const btf = kernelBtf();
    fc.assert(fc.property(fc.jsonValue(), (json) => loadProfile(json, btf).ok === false));
  });

  it('derives facts of an unmeasured kernel from a neighbour', () => {
    const btf = parseBtf(kernelBtf());
    if (!btf.ok) throw new Error();
    expect(lsmHookNames(btf.value)).toEqual(['file_open', 'task_free', 'brand_new']);
    const config = parseKernelConfig('CONFIG_LSM="landlock,bpf"\nCONFIG_BPF_LSM=y\nCONFIG_SECURITY_YAMA=y\n');
    expect(deriveFacts(btf.value, facts, config)).toEqual({
      ...facts,
      defaults: { file_open: 0, task_free: null, brand_new: 0 },
      disabled: [],
      sleepable: ['file_open'],
      cgroupHookHelpers: { file_open: [49] },
      tracing: derivedLists,
      configLsm: 'landlock,bpf',
      builtLsms: ['capability', 'yama', 'bpf'],
      config,
    });
  });

  it('knows where error injection, if configured, lets tracing programs change results and sleep', () => {
    const derived = (config: ProfileFacts['config']): ReturnType<typeof deriveTracing> =>
      deriveTracing(facts.tracing, config);
    for (const without of [{}, { CONFIG_BPF_LSM: 'y' }] as ProfileFacts['config'][]) {
      expect(derived(without)).toEqual(derivedLists);
    }
    const { modifiable, sleepable, ...others } = derived({ CONFIG_FUNCTION_ERROR_INJECTION: 'y' });
    const { denied, noReturn, noAddress } = derivedLists;
    expect(others).toEqual({ denied, noReturn, noAddress });
    const [modifies, sleeps] = [nameTest(modifiable), nameTest(sleepable)];
    const judged = (name: string): [boolean, boolean] => [modifies(name), sleeps(name)];
    expect(judged('__x64_sys_close')).toEqual([true, true]);
    expect(judged('should_fail_bio')).toEqual([true, true]);
    expect(judged('bpf_fentry_test1')).toEqual([true, true]);
    expect(judged('should_failslab')).toEqual([true, false]);
    expect(judged('vfs_open')).toEqual([false, false]);
    // The list is exact then; how a name begins counts without it only.
    expect(judged('__x64_made_up')).toEqual([false, false]);
  });

  it('reads lists of names', () => {
    const test = nameTest(['do_exit', '__x64_*']);
    expect(['do_exit', '__x64_sys_exit', '__x64_'].map(test)).toEqual([true, true, true]);
    expect(['do_exi', 'do_exit_', '__x6', 'a__x64_sys_exit', ''].map(test)).toEqual(Array(5).fill(false));
  });

  it('reads a kernel configuration', () => {
    const text =
      '# CONFIG_A is not set\nCONFIG_B=y\nCONFIG_C=m\nCONFIG_D=250\nCONFIG_E=0x1000\nCONFIG_F="a\\"b"\nCONFIG_G=0xffffffffffffffff\n';
    expect(parseKernelConfig(text)).toEqual({
      CONFIG_B: 'y',
      CONFIG_C: 'm',
      CONFIG_D: 250,
      CONFIG_E: 4096,
      CONFIG_F: 'a"b',
      CONFIG_G: '0xffffffffffffffff',
    });
    expect(builtLsms({})).toEqual(['capability']);
  });
});
