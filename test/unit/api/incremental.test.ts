/**
 * A session that remembers earlier texts makes what a compiler without memory makes: the object with its types, lines
 * and relocations, every finding with its range, what lint says, and the declarations that tools ask for. What follows
 * is a function of the object. LSMITH_FUZZ_EDITS makes it longer: sequences of edits per policy.
 */
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { ProfileStore } from '../../../src/engine/api/profiles.ts';
import { createFrontEndCache, createIncludeResolver, type TranslationUnit } from '../../../src/engine/c/index.ts';
import { compileC, CompileSession, type CompileResult } from '../../../src/engine/codegen/index.ts';
import { LintMemory, lintPolicy, type PolicyFacts } from '../../../src/engine/lint/index.ts';
import { bigPolicy } from '../../bench/policy.ts';
import { apply, edits } from './edits.ts';
import { INLINED_POLICY } from './inlined-policy.ts';
import { headers, profiles, text } from './support.ts';

vi.setConfig({ testTimeout: 3_600_000 });

const RUNS = Number(process.env.LSMITH_FUZZ_EDITS ?? 2);
const EDITS = 14;
const { profile, hooks } = new ProfileStore(profiles).get('6.12');
const facts: PolicyFacts = { kernel: '6.12', hooks, others: () => [] };
const cache = createFrontEndCache();
const other = createFrontEndCache();

const compile = (source: string, session?: CompileSession, pulse?: () => void): CompileResult =>
  compileC(
    {
      file: 'policy.bpf.c',
      text: source,
      includes: createIncludeResolver({ bundled: headers }),
      profileBtf: profile.btf,
      target: { kernelVersion: '6.12', defines: { FROM_OUTSIDE: '1' } },
      cache: session === undefined ? other : cache,
    },
    pulse === undefined ? {} : { pulse },
    session,
  );

function declarations(u: TranslationUnit): unknown {
  const at = (d: { readonly loc: number; readonly end: number; readonly nameLoc: number }): unknown => [
    u.sources.range(d.loc, d.end),
    u.sources.range(d.nameLoc, d.nameLoc),
  ];
  return {
    functions: u.functions.map((f) => [
      f.name,
      f.linkage,
      f.referenced,
      f.addressTaken,
      f.broken,
      f.attributes.section,
      at(f),
    ]),
    variables: u.variables.map((v) => [v.name, v.storage, v.referenced, v.addressTaken, at(v)]),
    types: u.types.map((t) => [
      t.kind,
      t.name,
      t.preserveAccessIndex,
      t.kind === 'record' ? t.fields.map((f) => f.name) : '',
    ]),
    files: u.files,
  };
}

const memory = new LintMemory();

const told = (r: CompileResult, known?: LintMemory): unknown => ({
  diagnostics: r.diagnostics,
  object: r.object === null ? null : Buffer.from(r.object).toString('hex'),
  functions: r.functions,
  declarations: declarations(r.unit),
  lint: lintPolicy(r.unit, facts, known),
});

const example = (name: string): string => text(`assets/examples/${name}.bpf.c`);
const POLICIES: readonly (readonly [string, string])[] = [
  ['a big policy', bigPolicy(200)],
  ['all of the language', text('test/data/policies/features.bpf.c')],
  ['shadow-guard', example('shadow-guard/shadow_guard')],
  ['egress-guard', example('egress-guard/egress_guard')],
  ['exec-guard', example('exec-guard/exec_guard')],
  ['helpers in helpers', INLINED_POLICY],
];

test.each(POLICIES)('random edits: %s', (_, source) => {
  fc.assert(
    fc.property(edits(EDITS), (list) => {
      const session = new CompileSession();
      const past = [source];
      compile(source, session);
      for (const e of list) {
        const now = apply(past[past.length - 1], past, e);
        past.push(now);
        expect(told(compile(now, session), memory)).toEqual(told(compile(now)));
      }
    }),
    { numRuns: RUNS },
  );
});

/** Edits whose effects reach beyond the declaration in which they are made. */
const REACHING: readonly (readonly [string, string, string])[] = [
  ['a macro', '#define EPERM 1', '#define EPERM 2'],
  ['the type of a global', '__u64 denied;', '__s32 denied;'],
  ['a struct', '__u32 uid;\n\t__u32 flags;', '__u32 flags;\n\t__u64 uid;'],
  ['a helper used everywhere', 'e->hook = hook;', 'e->hook = hook + 7;'],
  ['the signature of a helper', 'report(__u32 hook, __u32 verdict)', 'report(__u64 hook, int verdict)'],
  ['how a helper is inlined', 'static __always_inline void report', 'static __noinline void report'],
  [
    'a helper with a prototype',
    'static __always_inline void report',
    'static void report(__u32 hook, __u32 verdict);\n\nstatic void report',
  ],
  ['a callee', 'return r->flags & 1 ?', 'return r->flags & 8 ?'],
  ['a map', 'MAX_RULES);', '2);'],
  ['a constant', 'enforce = 1', 'enforce = 0'],
  ['a line at the top', '// SPDX', '\n\n// SPDX'],
  ['an error', 'key += BPF', 'kay += BPF'],
  ['an #include', '#include <bpf/bpf_core_read.h>', '#include <bpf/bpf_core_read.h>\n#include <bpf/bpf_endian.h>'],
];

test.each(REACHING)('forth and back: %s', (_, from, to) => {
  const source = bigPolicy(200);
  expect(source).toContain(from);
  const session = new CompileSession();
  for (const now of [source, source.replace(from, to), source, `\n${source.replace(from, to)}`, source])
    expect(told(compile(now, session), memory)).toEqual(told(compile(now)));
});

const IN_HELPERS: readonly (readonly [string, string, string])[] = [
  ['a helper in helpers', '__sync_fetch_and_add(n, 1);', '__sync_fetch_and_add(n, 2);'],
  ['a text that is another', 'refuse(4, "open")', 'refuse(4, "shut")'],
  ['a loop that is unrolled', 'i < 3', 'i < 4'],
  ['whom a pointer names', 'asked(larger', 'asked(smaller'],
  ['a table of functions', '{ larger, smaller }', '{ smaller, larger }'],
  ['who else calls', 'count(1);', 'count(1); refuse(5, "again");'],
  ['a counter before others', '#define FRESH', 'int first = __COUNTER__;\n#define FRESH'],
  ['a line before others', '#define SAY', '\n#define SAY'],
  ['a helper of the kernel declared as something else', 'static __noinline int uid', 'bpf_get_current_comm int uid'],
  ['a callee that is empty now', 'count(uid & 7);', ''],
];

test.each(IN_HELPERS)('forth and back among helpers: %s', (_, from, to) => {
  expect(INLINED_POLICY).toContain(from);
  const session = new CompileSession();
  const changed = INLINED_POLICY.replace(from, to);
  for (const now of [INLINED_POLICY, changed, `\n${changed}`, INLINED_POLICY, changed])
    expect(told(compile(now, session), memory)).toEqual(told(compile(now)));
  expect(compile(INLINED_POLICY).object).not.toBeNull();
});

test('a definition leaves its function where it is declared first', () => {
  const asked = 'static __always_inline int asked(int (*compare)(__u64, __u64), __u64 a, __u64 b)';
  const declared = INLINED_POLICY.replace('#pragma unroll', `#pragma unroll\n${asked}`);
  const session = new CompileSession();
  for (const now of [INLINED_POLICY, declared, declared.replace(asked, `\n${asked}`), declared, INLINED_POLICY])
    expect(told(compile(now, session), memory)).toEqual(told(compile(now)));
});

test('what all callers of a function pass changes with one of them', () => {
  const source = `#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
int total;
static __noinline int act(int *v, int how) { if (how == 4) { *v += 3; return bpf_get_smp_processor_id(); } return *v; }
SEC("lsm/file_open") int one(void *ctx) { int v = 0; total += v; return act(&v, 4) ? 0 : -1; }
SEC("lsm/bpf") int two(void *ctx) { int v = 1; total -= v; return act(&v, 4) ? 0 : -1; }`;
  const session = new CompileSession();
  const changed = source.replace('4) ? 0 : -1; }\nSEC', '5) ? 0 : -1; }\nSEC');
  const callback = `${source}\nint (*kept)(int *, int) = act;`;
  const objects = [source, changed, source, callback, changed].map((now) => {
    const cold = compile(now);
    expect(told(compile(now, session), memory)).toEqual(told(cold));
    return cold.object!.length;
  });
  expect(objects[0]).toBeLessThan(objects[1]);
});

test('a line number above an #include moves', () => {
  const source = `${INLINED_POLICY}\n#include <bpf/bpf_endian.h>\n`;
  const session = new CompileSession();
  for (const now of [source, `\n${source}`, source.replace('#define SAY', '\n\n#define SAY'), source])
    expect(told(compile(now, session), memory)).toEqual(told(compile(now)));
});

test('what is given up under way leaves the session as good as it was', () => {
  const source = bigPolicy(200);
  const session = new CompileSession();
  const whole = new Map<string, unknown>();
  let given = 0;
  for (let n = 0; n < 60; n++) {
    const [, from, to] = REACHING[n % REACHING.length];
    const now = n % 3 === 0 ? source : source.replace(from, to);
    let left = (n * 7) % 40;
    try {
      compile(now, session, () => {
        if (left-- === 0) throw new Error('given up');
      });
    } catch (e) {
      if (!(e instanceof Error && e.message === 'given up')) throw e;
      given++;
    }
    if (n % 4 !== 0) continue;
    if (!whole.has(now)) whole.set(now, told(compile(now)));
    expect(told(compile(now, session))).toEqual(whole.get(now));
  }
  expect(given).toBeGreaterThan(20);
});

test('what is remembered has a bound, and counts for nothing but time', () => {
  const source = bigPolicy(200);
  const free = new CompileSession();
  const small = new CompileSession(400_000);
  for (let i = 0; i < 8; i++) {
    const now = source.replace('#define EPERM 1', `#define EPERM ${(i % 5) + 1}`);
    const expected = told(compile(now));
    expect(told(compile(now, free))).toEqual(expected);
    expect(told(compile(now, small))).toEqual(expected);
  }
  expect(free.front.bytes).toBeGreaterThan(1_000_000);
  const once = new CompileSession();
  compile(source, once);
  // Over the bound is what the text itself needs, once.
  expect(small.front.bytes).toBeLessThanOrEqual(Math.max(400_000, once.front.bytes));
});

test('headers of the workspace are read again', () => {
  const source = '#include "mine.h"\nint twice = 2 * MINE;\nint f(int a) { return a + MINE; }\n';
  const session = new CompileSession();
  for (const mine of ['#define MINE 1', '#define MINE 2', 'enum { MINE = 3 };', '', '#define MINE 1']) {
    const run = (s?: CompileSession): unknown => {
      const includes = createIncludeResolver({
        bundled: headers,
        read: (path) => (path === 'mine.h' ? mine : undefined),
      });
      const target = { kernelVersion: '6.12' };
      return told(compileC({ file: 'a.bpf.c', text: source, includes, profileBtf: null, target, cache }, {}, s));
    };
    expect(run(session)).toEqual(run());
  }
});

test.each([
  ['flags & 3 ?', 'flags & 5 ?'],
  ['e->hook = hook;', 'e->hook = hook + 1;'],
])('an edit in one function leaves the rest of the unit as it was: %s', (from, to) => {
  const source = bigPolicy(200);
  const session = new CompileSession();
  const before = compile(source, session).unit.functions.map((f) => f.body);
  const after = compile(`\n${source.replace(from, to)}`, session).unit.functions.map((f) => f.body);
  const parsed = after.filter((b, i) => b !== before[i]);
  expect(parsed.length).toBeGreaterThan(0);
  expect(parsed.length).toBeLessThan(6);
});
