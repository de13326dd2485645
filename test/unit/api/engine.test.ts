/** The engine through its public face, on the real profiles: examples, mistakes, orders, determinism. */
import { readdirSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import type { AttachSemantics } from '../../../src/engine/lsm/index.ts';
import type { OrderVariant, RunReport } from '../../../src/engine/api/index.ts';
import { bench, BPF_FIRST, EGRESS, EXAMPLES, EXEC, KERNELS, root, SHADOW, text, type Bench } from './support.ts';

// For hangs only: whole pipelines on a busy machine take a while.
vi.setConfig({ testTimeout: 60_000 });

const shared = bench();

/** `timings` is the one field that a clock writes. */
const timeless = <T extends { timings: unknown }>(r: T): Omit<T, 'timings'> => ({ ...r, timings: undefined });

const run = (b: Bench, scenario: string, more: Partial<Parameters<Bench['engine']['run']>[0]> = {}): RunReport =>
  b.engine.run({ scenario, kernel: null, cmdline: null, semantics: 'lsm', ...more });

/** One variant against the scenario's own stack. */
function variant(scenario: string, cmdline: string, semantics: AttachSemantics, b = shared): OrderVariant {
  const report = b.engine.orders({
    scenario,
    kernel: '6.12',
    cmdline: null,
    semantics: 'lsm',
    cmdlines: [cmdline],
    allSemantics: [semantics],
  });
  expect(report.diagnostics.filter((d) => d.severity !== 'info')).toEqual([]);
  expect(report.variants).toHaveLength(1);
  return report.variants[0];
}

const OWN = 'lsm=landlock,lockdown,yama,integrity,apparmor,bpf';
const change = (v: OrderVariant, what: string): string[] =>
  v.diff.steps.flatMap((s) => s.changes.filter((c) => c.what === what).map((c) => `${c.before} → ${c.after}`));

describe.each(KERNELS)('kernel %s', (kernel) => {
  test.each(EXAMPLES)('accepts $name', ({ policy }) => {
    const report = shared.engine.check(policy, kernel);
    expect(report.diagnostics).toEqual([]);
    expect(report.programs.length).toBeGreaterThan(0);
    for (const p of report.programs) {
      expect(p).toMatchObject({ accepted: true, message: '', explanation: null });
      expect(p.insnsProcessed).toBeGreaterThan(0);
      expect(text(policy).split('\n')[p.line - 1]).toContain(`BPF_PROG(${p.name}`);
    }
  });

  test.each(EXAMPLES)('the expectations of $name hold', ({ scenario }) => {
    const { trace, diagnostics } = run(shared, scenario, { kernel });
    expect(diagnostics).toEqual([]);
    expect(trace?.steps.flatMap((s) => s.expectations.filter((e) => !e.ok))).toEqual([]);
    expect(trace?.steps.flatMap((s) => s.expectations).length).toBeGreaterThan(0);
    expect(trace?.passed).toBe(true);
  });

  test.each(EXAMPLES)('the object of $name gets the verdicts of its source', ({ policy }) => {
    const b = bench();
    const { object, diagnostics } = b.engine.build(policy, kernel);
    expect(diagnostics).toEqual([]);
    const file = `built/${policy.slice(policy.lastIndexOf('/') + 1).replace(/\.c$/, '.o')}`;
    b.put(file, object ?? undefined);
    const source = b.engine.check(policy, kernel, { log: true });
    const built = b.engine.check(file, kernel, { log: true });
    // The source's lines are not lines of the object.
    const apart = (programs: typeof built.programs): unknown => programs.map((p) => ({ ...p, lineVisits: null }));
    const visits = (programs: typeof built.programs): number[] =>
      programs.map((p) => p.lineVisits.reduce((n, [, times]) => n + times, 0));
    expect(apart(built.programs)).toEqual(apart(source.programs));
    expect(visits(built.programs)).toEqual(visits(source.programs));
    expect(built.diagnostics).toEqual([]);
  });
});

describe('mistakes', () => {
  const dir = 'test/data/mistakes';
  const files = readdirSync(`${root}/${dir}`).filter((f) => f.endsWith('.bpf.c'));
  /** The kernel's final words; where 6.1 has others, both. */
  const WORDS: Record<string, RegExp> = {
    'beyond-struct': /^access beyond struct file at off 20000 size 4$/,
    'disabled-hook': /^attach_btf_id \d+ points to disabled hook bpf_lsm_getprocattr$/,
    'endless-loop': /^infinite loop detected at insn \d+$/,
    'map-value-bounds': /^R\d unbounded memory access, make sure to bounds check any such access$/,
    'missing-gpl': /^LSM programs must have a GPL compatible license$/,
    'not-sleepable-hook': /^bpf_lsm_task_free is not sleepable$/,
    'null-deref': /^R\d invalid mem access 'map_value_or_null'$/,
    'return-range': /^At program exit the register R0 has smin=13 smax=13 should have been in \[-4095, 0\]$/,
    'sleepable-helper':
      /^(helper call might sleep in a non-sleepable prog|unknown func bpf_copy_from_user#148|sleepable helper bpf_copy_from_user#148 in non-sleepable prog)$/,
    'stack-bounds': /^math between fp pointer and register with unbounded min value is not allowed$/,
    'unknown-helper': /^(program of this type cannot use helper|unknown func) bpf_override_return#58$/,
    'unreleased-reference':
      /^(Unreleased reference id=\d+ alloc_insn=\d+|BPF_EXIT instruction in main prog would lead to reference leak)$/,
    'write-to-kernel-struct': /^only read is supported$/,
    'wrong-argument': /^R1 type=scalar expected=(ringbuf_mem|alloc_mem)$/,
  };

  test('each has its words here', () => {
    expect(files.map((f) => f.replace('.bpf.c', '')).sort()).toEqual(Object.keys(WORDS).sort());
  });

  describe.each(KERNELS)('kernel %s', (kernel) => {
    test.each(files)('%s', (file) => {
      const path = `${dir}/${file}`;
      const name = file.replace('.bpf.c', '');
      const report = shared.engine.check(path, kernel);
      expect(report.programs).toHaveLength(1);
      const [p] = report.programs;
      if (name === 'return-range' && kernel === '6.1') {
        expect(p.accepted).toBe(true);
        expect(report.diagnostics.map((d) => d.code)).toEqual(['policy/positive-return']);
        return;
      }
      expect(p.accepted).toBe(false);
      expect(p.message).toMatch(WORDS[name]);
      const [d, ...more] = report.diagnostics.filter((x) => x.severity === 'error');
      expect([d.message, ...more]).toEqual([p.message]);
      expect(d.explanation ?? '').not.toBe('');
      expect(p.explanation?.advice ?? '').not.toBe('');
      const lines = text(path).split('\n');
      const here = lines.findIndex((l) => l.includes('/* HERE */')) + 1;
      if (here > 0) expect([p.line, d.range.line]).toEqual([here, here]);
      else expect(p.line).toBeGreaterThan(0);
      expect(d.range.endColumn).toBeGreaterThan(d.range.column);
      expect(d.range.column).toBeLessThanOrEqual(lines[d.range.line - 1].length);
    });
  });
});

describe('what the READMEs of the examples claim', () => {
  test('shadow-guard: without the check of buf the verifier names the line that uses it', () => {
    const b = bench();
    const source = text(SHADOW.policy);
    b.put(SHADOW.policy, source.replace(/\tif \(!buf\)\n\t\treturn 0;\n/, ''));
    const [p] = b.engine.check(SHADOW.policy, '6.12').programs;
    expect(p.accepted).toBe(false);
    expect(p.explanation?.advice).toMatch(/NULL|pointer/);
    expect(text(SHADOW.policy).split('\n')[p.line + 1]).toContain('bpf_d_path(');
  });

  test('shadow-guard: landlock decides first and the counter does not move; bpf first, it decides both', () => {
    const { trace } = run(shared, SHADOW.scenario);
    expect(trace?.steps.map((s) => s.errno)).toEqual(['OK', 'OK', 'EPERM', 'EACCES']);
    expect(trace?.maps.find((m) => m.map === 'denials')?.entries).toEqual([{ key: '33', value: '1' }]);
    const v = variant(SHADOW.scenario, BPF_FIRST, 'lsm');
    expect(v.trace.steps.map((s) => s.decidedBy)).toEqual([null, null, 'bpf:shadow_guard', 'bpf:shadow_guard']);
    expect(change(v, 'errno')).toEqual(['EACCES → EPERM']);
    expect(v.trace.maps.find((m) => m.map === 'denials')?.entries).toEqual([{ key: '33', value: '2' }]);
  });

  const records = (v: { trace: OrderVariant['trace'] }): number =>
    v.trace.steps
      .flatMap((s) => s.hooks.flatMap((h) => h.modules.flatMap((m) => m.programs)))
      .reduce((n, p) => n + p.records.length, 0);

  test('egress-guard: bpf before apparmor changes the decider and leaves one more record', () => {
    const base = run(shared, EGRESS.scenario).trace!;
    expect(records({ trace: base })).toBe(1);
    const v = variant(EGRESS.scenario, 'lsm=bpf,apparmor', 'lsm');
    expect(change(v, 'decidedBy')).toEqual(['apparmor → bpf:egress_guard']);
    expect(change(v, 'errno')).toEqual(['EACCES → EPERM']);
    expect(change(v, 'called')).toHaveLength(1);
    expect(records(v)).toBe(2);
  });

  test('egress-guard: fexit always calls it and it keeps the denial; fexit with RC == 0 changes nothing', () => {
    const v = variant(EGRESS.scenario, OWN, 'fexit');
    expect(v.diff.count).toBe(1);
    expect(change(v, 'called')).toHaveLength(1);
    expect(v.trace.steps.map((s) => s.errno)).toEqual(['EPERM', 'EACCES']);
    expect(variant(EGRESS.scenario, OWN, 'fexit-if-zero').diff.count).toBe(0);
  });

  test('egress-guard: without the lines that honour ret, fexit clobbers apparmor; audit only, it allows', () => {
    const b = bench();
    b.put(EGRESS.policy, text(EGRESS.policy).replace(/\tif \(ret\)\n\t\treturn ret == .*\n/, ''));
    const denied = variant(EGRESS.scenario, OWN, 'fexit', b);
    expect(denied.trace.steps[1]).toMatchObject({ errno: 'EPERM', decidedBy: 'bpf:egress_guard' });
    b.put(EGRESS.scenario, text(EGRESS.scenario).replace('enforce: 1', 'enforce: 0'));
    const allowed = variant(EGRESS.scenario, OWN, 'fexit', b);
    expect(allowed.trace.steps[1].hooks.flatMap((h) => h.overrides)).toEqual([
      expect.objectContaining({ from: -13, to: 0 }),
    ]);
    expect(allowed.trace.steps[1].decidedBy).not.toBe('apparmor');
  });

  test('egress-guard: enforce 0 only audits', () => {
    const b = bench();
    b.put(EGRESS.scenario, text(EGRESS.scenario).replace('enforce: 1', 'enforce: 0'));
    const { trace } = run(b, EGRESS.scenario);
    // Nobody listens there: now it is the kernel's own answer.
    expect(trace?.steps[0]).toMatchObject({ errno: 'ECONNREFUSED', decidedBy: 'kernel' });
    expect(records({ trace: trace! })).toBe(1);
  });

  test('exec-guard: yama decides first; before yama, or with ptrace_scope 0, exec-guard does', () => {
    const deciders = (r: OrderVariant['trace'] | null): unknown => r?.steps.map((s) => s.decidedBy);
    const base = run(shared, EXEC.scenario).trace;
    expect(deciders(base)).toEqual([null, 'yama', null, 'yama', 'bpf:exec_guard']);
    const guard = 'bpf:tainted_may_not_ptrace';
    const want = [null, guard, null, guard, 'bpf:exec_guard'];
    const v = variant(EXEC.scenario, BPF_FIRST, 'lsm');
    expect(deciders(v.trace)).toEqual(want);
    expect(change(v, 'errno')).toEqual([]);
    const b = bench();
    b.put(EXEC.scenario, text(EXEC.scenario).replace('ptrace_scope: 1', 'ptrace_scope: 0'));
    const relaxed = run(b, EXEC.scenario).trace;
    expect(deciders(relaxed)).toEqual(want);
    const counters = (t: OrderVariant['trace'] | null): unknown => t?.maps.find((m) => m.map === 'counters')?.entries;
    expect(counters(relaxed)).not.toEqual(counters(base));
    expect(relaxed?.maps.map((m) => m.map)).toContain('taints');
  });
});

describe('loading', () => {
  const HEAD = '#include "vmlinux.h"\n#include <bpf/bpf_helpers.h>\nchar LICENSE[] SEC("license") = "GPL";\n';
  const check = (source: string): ReturnType<Bench['engine']['check']> => {
    const b = bench();
    b.put('t.bpf.c', HEAD + source);
    return b.engine.check('t.bpf.c', '6.12');
  };

  test.each([
    ['lsm/file_opn', 'loader/no-such-hook', /Did you mean 'file_open'/],
    ['nonsense/file_open', 'loader/unknown-section', /SEC\("lsm\/<hook>"\)/],
  ])('SEC("%s") is reported there, once', (section, code, words) => {
    const { diagnostics } = check(`SEC("${section}")\nint p(void *ctx) { return 0; }\n`);
    expect(diagnostics.map((d) => [d.severity, d.code, d.range.line])).toEqual([['error', code, 4]]);
    expect(diagnostics[0].explanation).toMatch(words);
  });

  test('a program type without a model is a warning', () => {
    const { diagnostics } = check('SEC("freplace/x")\nint p(void *ctx) { return 0; }\n');
    expect(diagnostics.map((d) => [d.severity, d.code, d.range.line])).toEqual([['warning', 'loader/not-modelled', 4]]);
  });

  test('a kernel function with pointers to kernel structures in its signature is found', () => {
    const { diagnostics } = check(`extern struct task_struct *bpf_task_from_pid(s32 pid) __ksym;
extern void bpf_task_release(struct task_struct *p) __ksym;
SEC("lsm/file_open")
int p(void *ctx) { struct task_struct *t = bpf_task_from_pid(1); if (t) bpf_task_release(t); return 0; }
`);
    // The loader resolved it; what the verifier cannot do with it yet, it says.
    expect(diagnostics.filter((d) => !d.code.startsWith('verifier/'))).toEqual([]);
  });
});

describe('orders', () => {
  test.each(EXAMPLES)('$name: every order and semantics runs, the baseline is not among them', ({ scenario }) => {
    const report = shared.engine.orders({
      scenario,
      kernel: '6.1',
      cmdline: null,
      semantics: 'lsm',
      cmdlines: [],
      allSemantics: [],
    });
    const { baseline, variants } = report;
    expect(baseline?.passed).toBe(true);
    expect(variants.length).toBeGreaterThan(50);
    const keys = variants.map((v) => `${v.semantics} ${v.trace.stack.text}`);
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys).not.toContain(`lsm ${baseline?.stack.text}`);
    for (const v of variants) expect(v.trace.steps).toHaveLength(baseline!.steps.length);
    expect(variants.some((v) => v.diff.count > 0)).toBe(true);
    expect(variants.some((v) => v.diff.count === 0)).toBe(true);
  });
});

describe('determinism', () => {
  test.each(EXAMPLES)('$name twice, on one engine and on two', ({ policy, scenario }) => {
    const other = bench();
    for (const kernel of KERNELS) {
      const first = shared.engine.build(policy, kernel);
      expect(shared.engine.build(policy, kernel)).toEqual(first);
      expect(other.engine.build(policy, kernel)).toEqual(first);
      const checked = timeless(shared.engine.check(policy, kernel, { log: true }));
      expect(timeless(other.engine.check(policy, kernel, { log: true }))).toEqual(checked);
      const ran = run(shared, scenario, { kernel });
      expect(run(shared, scenario, { kernel })).toEqual(ran);
      expect(run(other, scenario, { kernel })).toEqual(ran);
    }
  });

  test('reports are plain data', () => {
    const report = shared.engine.check(EXEC.policy, '6.12', { log: true });
    expect(structuredClone(report)).toEqual(report);
    const ran = run(shared, EXEC.scenario);
    expect(structuredClone(ran)).toEqual(ran);
  });
});
