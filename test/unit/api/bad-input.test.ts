/**
 * Whatever is in a file, the engine answers with diagnostics at places that exist: never an exception, never a hang.
 * The limits are for hangs only; they say nothing about speed.
 */
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { Diagnostic } from '../../../src/base/index.ts';
import { bench, EGRESS, EXAMPLES, KERNELS, SHADOW, text } from './support.ts';

// For hangs only: whole pipelines on a busy machine take a while.
vi.setConfig({ testTimeout: 60_000 });

const HANG = 60_000;
const b = bench();
const { engine } = b;
const KERNEL = '6.12';

/** Every diagnostic says something, and where. */
function sane(diagnostics: readonly Diagnostic[]): void {
  for (const d of diagnostics) {
    expect(d.message).not.toBe('');
    expect(d.code).toMatch(/^[a-z0-9-]+\/[a-z0-9-]+$/);
    const { line, column, endLine, endColumn } = d.range;
    expect(line).toBeGreaterThanOrEqual(1);
    expect(column).toBeGreaterThanOrEqual(1);
    expect(endLine).toBeGreaterThanOrEqual(line);
    if (endLine === line) expect(endColumn).toBeGreaterThanOrEqual(column);
  }
}

/** Check, build and dump of a file with this content; checks what they say and returns the errors of the check. */
function errors(path: string, content: string | Uint8Array): readonly Diagnostic[] {
  b.put(path, content);
  const report = engine.check(path, KERNEL);
  sane(report.diagnostics);
  const built = engine.build(path, KERNEL);
  sane(built.diagnostics);
  expect(engine.dump(path, KERNEL).diagnostics).toEqual(report.diagnostics);
  const found = report.diagnostics.filter((d) => d.severity === 'error');
  // Only the loader and the verifier speak of single programs; after any other error there is nothing to verify.
  if (found.some((d) => !/^(verifier|loader)\//.test(d.code))) expect(report.programs).toEqual([]);
  if (report.programs.some((p) => !p.accepted)) expect(found.length).toBeGreaterThan(0);
  if (found.length === 0) expect(report.programs.filter((p) => !p.accepted)).toEqual([]);
  return found;
}

const PRELUDE = `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
char LICENSE[] SEC("license") = "GPL";
`;
const program = (body: string): string =>
  `${PRELUDE}SEC("lsm/file_open")\nint BPF_PROG(p, struct file *file)\n{\n${body}\n}\n`;
const at = (ds: readonly Diagnostic[]): string[] => ds.map((d) => `${d.range.line}:${d.range.column} ${d.code}`);

describe('C', () => {
  test.each([
    ['a missing semicolon', 'int x = 1\n\treturn x;', 8, /';'/],
    ['a missing brace', '\tif (file) {\n\treturn 0;', 0, /'}'/],
    ['an unknown name', '\treturn nonesuch;', 8, /nonesuch/],
    ['an unknown field', '\treturn file->f_flagz;', 8, /f_flagz/],
    ['an unknown type', '\tstruct nonesuch x;\n\treturn 0;', 8, /nonesuch/],
    ['junk', '\treturn 0 $ 1;', 8, /./],
    ['an open string', '\treturn "abc;', 8, /./],
    ['a call of nothing', '\treturn bpf_nonesuch(1);', 8, /bpf_nonesuch/],
  ])('%s is reported where it is', (_what, body, line, words) => {
    const [first] = errors('t.bpf.c', program(body));
    expect(first).toBeDefined();
    if (line > 0) expect(first.range.line).toBe(line);
    expect(first.message).toMatch(words);
    expect(first.range.file).toBe('t.bpf.c');
  });

  test('a missing include is named, and what follows from it is not', () => {
    const found = errors('t.bpf.c', `#include "nonesuch.h"\nnonesuch_t x;\n${program('\treturn 0;')}`);
    expect(found[0].message).toContain('nonesuch.h');
    expect(found[0].range.line).toBe(1);
  });

  test('an almost right include has a suggestion', () => {
    const [d] = errors('t.bpf.c', '#include <bpf/bpf_helper.h>\n');
    expect(JSON.stringify(d)).toContain('bpf/bpf_helpers.h');
  });

  test('a file that includes itself', () => {
    expect(errors('t.bpf.c', '#include "t.bpf.c"\n').length).toBeGreaterThan(0);
  });

  test('a binary named .c', () => {
    const bytes = Uint8Array.from({ length: 5000 }, (_, i) => (i * 7919 + (i >> 3)) & 0xff);
    expect(at(errors('t.bpf.c', bytes))).toEqual(['1:1 c/not-text']);
  });

  test('an object named .c is an object', () => {
    b.put('t.bpf.c', engine.build(SHADOW.policy, KERNEL).object!);
    expect(engine.check('t.bpf.c', KERNEL).programs.map((p) => p.accepted)).toEqual([true]);
  });

  test.each(['', '\n', ' \t\r\n', '// nothing\n', '\ufeff'])('nothing at all: %j', (content) => {
    b.put('t.bpf.c', content);
    const report = engine.check('t.bpf.c', KERNEL);
    sane(report.diagnostics);
    expect(report.programs).toEqual([]);
  });

  test('a file that is not there', () => {
    for (const report of [engine.check('gone.bpf.c', KERNEL), engine.build('gone.bpf.c', KERNEL)]) {
      expect(at(report.diagnostics)).toEqual(['1:1 file/missing']);
    }
    expect(engine.dump('gone.bpf.c', KERNEL).programs).toEqual([]);
  });

  test.each([
    ['text', 'lorem ipsum dolor sit amet, '],
    ['declarations', 'int a;\n'],
    ['open braces', '{'],
    ['open parentheses', 'int x = ('],
    ['one macro', '#define A A A\nA '],
    ['policies', text(EGRESS.policy)],
  ])(
    'a paste of 5 MB: %s',
    (_what, piece) => {
      b.put('big.bpf.c', piece.repeat(Math.ceil(5_000_000 / piece.length)));
      const report = engine.check('big.bpf.c', KERNEL);
      sane(report.diagnostics);
      // Not a report that is itself a paste.
      expect(report.diagnostics.length).toBeLessThan(1000);
      b.put('big.bpf.c', undefined);
    },
    HANG,
  );

  test(
    'deep nesting',
    () => {
      for (const body of [
        `\treturn ${'('.repeat(20_000)}0${')'.repeat(20_000)};`,
        `\treturn ${'-'.repeat(1)}${'!'.repeat(20_000)}0;`,
        `${'{'.repeat(20_000)}${'}'.repeat(20_000)}\treturn 0;`,
        `${'if (file) '.repeat(5_000)};\treturn 0;`,
        `\tint ${'*'.repeat(20_000)}x;\treturn 0;`,
        `\treturn ${'1+'.repeat(20_000)}0;`,
      ]) {
        errors('t.bpf.c', program(body));
      }
    },
    HANG,
  );

  test('any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (s) => {
        b.put('t.bpf.c', s);
        sane(engine.check('t.bpf.c', KERNEL).diagnostics);
      }),
      { numRuns: 60 },
    );
  });

  test(
    'a policy with a stretch cut out or doubled',
    () => {
      fc.assert(
        fc.property(
          fc.constantFrom(...EXAMPLES.map((e) => text(e.policy))),
          fc.double({ min: 0, max: 1, noNaN: true }),
          fc.integer({ min: 1, max: 40 }),
          fc.boolean(),
          (source, where, n, doubled) => {
            const i = Math.floor(where * source.length);
            const piece = source.slice(i, i + n);
            errors('t.bpf.c', source.slice(0, i) + (doubled ? piece + piece : '') + source.slice(i + n));
          },
        ),
        { numRuns: 60 },
      );
    },
    HANG,
  );

  test(
    'a policy that ends anywhere: what is being typed',
    () => {
      const source = text(EGRESS.policy);
      for (let n = 0; n < source.length; n += 97) errors('t.bpf.c', source.slice(0, n));
    },
    HANG,
  );
});

describe('programs that do not end', () => {
  test.each([
    ['while (1)', '\twhile (1)\n\t\t;\n\treturn 0;'],
    ['a counter without a bound', '\tvolatile int i = 0;\n\twhile (i >= 0)\n\t\ti++;\n\treturn 0;'],
    ['goto', 'again:\n\tgoto again;'],
    ['too long', '\tvolatile int s = 0;\n\tfor (int i = 0; i < 2000000; i++)\n\t\ts += i;\n\treturn 0;'],
  ])(
    '%s is refused',
    (_what, body) => {
      for (const kernel of KERNELS) {
        b.put('t.bpf.c', program(body));
        const report = engine.check('t.bpf.c', kernel);
        sane(report.diagnostics);
        expect(report.diagnostics.some((d) => d.severity === 'error')).toBe(true);
        expect(report.programs.every((p) => !p.accepted)).toBe(true);
      }
    },
    HANG,
  );

  test('a scenario with a refused policy runs without it and says so', () => {
    const policy = 'assets/examples/shadow-guard/shadow_guard.bpf.c';
    const mine = bench();
    mine.put(policy, text(policy).replace(/\tif \(!buf\)\n\t\treturn 0;\n/, ''));
    const { trace, diagnostics } = mine.engine.run({
      scenario: SHADOW.scenario,
      kernel: null,
      cmdline: null,
      semantics: 'lsm',
    });
    expect(diagnostics.map((d) => d.severity)).toEqual(['error']);
    expect(trace?.programs.map((p) => p.attached)).toEqual([false]);
    expect(trace?.passed).toBe(false);
  });
});

test(
  'a program that the verifier accepts and that would run for hours stops at the budget',
  () => {
    const mine = bench();
    const loops = `static long inner(__u32 i, void *c) { return 0; }
static long outer(__u32 i, void *c) { bpf_loop(1 << 23, inner, c, 0); return 0; }
SEC("lsm/file_open")
int BPF_PROG(p, struct file *file) { int x = 0; bpf_loop(1 << 23, outer, &x, 0); return 0; }
`;
    mine.put('w/loop.bpf.c', PRELUDE + loops);
    mine.put(
      'w/s.scenario.yaml',
      'lsmith: 1\npolicies: [loop.bpf.c]\nworld:\n  files: { /a: { mode: "0644" } }\n  tasks: { t: { pid: 200, uid: 0 } }\n' +
        'steps:\n  - t: openat /a O_RDONLY\n',
    );
    expect(mine.engine.check('w/loop.bpf.c', KERNEL).programs.map((p) => p.accepted)).toEqual([true]);
    const { trace } = mine.engine.run({
      scenario: 'w/s.scenario.yaml',
      kernel: KERNEL,
      cmdline: null,
      semantics: 'lsm',
    });
    const faults = trace?.steps[0].hooks.flatMap((h) =>
      h.modules.flatMap((m) => m.programs.flatMap((p) => p.fault ?? [])),
    );
    expect(faults).toEqual([expect.stringMatching(/budget/)]);
  },
  HANG,
);

describe('objects', () => {
  const objects = EXAMPLES.map((e) => engine.build(e.policy, KERNEL).object!);

  test('no bytes, and other files', () => {
    for (const content of ['', '\x7fELF', 'hello', '\x7fELF\x01\x01\x01', '!<arch>\n']) {
      const found = errors('t.bpf.o', content);
      expect(found).toHaveLength(1);
      expect(found[0].code).not.toBe('file/missing');
    }
  });

  test(
    'truncated at any byte',
    () => {
      const [object] = objects;
      let refused = 0;
      const step = 37;
      for (let n = 0; n < object.length; n += n < 128 ? 1 : step) {
        const found = errors('t.bpf.o', object.slice(0, n));
        if (found.length > 0) refused++;
        // The section headers are last: without all of them there is no object.
        expect(found.length).toBeGreaterThan(0);
      }
      expect(refused).toBeGreaterThan(100);
    },
    HANG,
  );

  test(
    'with bytes changed',
    () => {
      fc.assert(
        fc.property(
          fc.constantFrom(...objects),
          fc.array(fc.tuple(fc.double({ min: 0, max: 0.999999, noNaN: true }), fc.integer({ min: 0, max: 255 })), {
            minLength: 1,
            maxLength: 6,
          }),
          (object, flips) => {
            const bytes = object.slice();
            for (const [where, value] of flips) bytes[Math.floor(where * bytes.length)] = value;
            errors('t.bpf.o', bytes);
          },
        ),
        { numRuns: 200 },
      );
    },
    HANG,
  );

  test(
    'BTF cut short, or with bytes changed',
    () => {
      // The blob begins with its magic; the header says how long types and strings are (offset 12 and 20).
      const [object] = objects;
      const start = findBtf(object);
      const view = new DataView(object.buffer, object.byteOffset);
      for (const [field, by] of [
        [12, 8],
        [12, 400],
        [20, 1],
        [20, 100000],
        [8, 4],
        [4, 4],
        [16, 4],
      ]) {
        // prettier-ignore
        const bytes = object.slice();
        const v = new DataView(bytes.buffer);
        v.setUint32(start + field, view.getUint32(start + field, true) ^ by, true);
        errors('t.bpf.o', bytes);
      }
      const length = 24 + view.getUint32(start + 16, true) + view.getUint32(start + 20, true);
      fc.assert(
        fc.property(fc.nat({ max: length - 1 }), fc.integer({ min: 0, max: 255 }), (offset, value) => {
          const bytes = object.slice();
          bytes[start + offset] = value;
          errors('t.bpf.o', bytes);
        }),
        { numRuns: 150 },
      );
    },
    HANG,
  );
});

/** Offset of `.BTF`'s magic (0xeb9f, version 1, 24-byte header); `.BTF.ext` has a longer header. */
function findBtf(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (let i = 0; i + 24 < bytes.length; i++) {
    if (view.getUint16(i, true) === 0xeb9f && bytes[i + 2] === 1 && view.getUint32(i + 4, true) === 24) return i;
  }
  throw new Error('no BTF');
}

test('a kernel profile whose BTF is cut short says so', async () => {
  const { createEngine } = await import('../../../src/engine/api/index.ts');
  const bytes = Uint8Array.from([0x9f, 0xeb, 1, 0, 24, 0, 0, 0, 0, 0, 0, 0, 200, 0, 0, 0]);
  const json = (): unknown => JSON.parse(text('assets/profiles/6.12/profile.json'));
  for (let n = 0; n <= bytes.length; n += 4) {
    const cut = createEngine({
      profiles: [{ id: '6.12', json, btf: () => bytes.slice(0, n) }],
      headers: new Map(),
      files: { read: () => undefined },
    });
    expect(() => cut.profiles()).toThrow(/kernel profile 6\.12: /);
  }
});

describe('scenarios', () => {
  const GOOD = text(EGRESS.scenario);
  const path = EGRESS.scenario;
  /** `line:column code` and message of what is wrong when `from` is replaced. */
  const wrong = (from: string | RegExp, to: string): { place: string; all: string; trace: unknown } => {
    const mine = bench();
    const broken = GOOD.replace(from, to);
    expect(broken).not.toBe(GOOD);
    mine.put(path, broken);
    const report = mine.engine.run({ scenario: path, kernel: null, cmdline: null, semantics: 'lsm' });
    sane(report.diagnostics);
    expect(mine.engine.orders({ scenario: path, kernel: null, cmdline: null, semantics: 'lsm', cmdlines: [BOOT], allSemantics: ['lsm'] }).diagnostics).toEqual(report.diagnostics); // prettier-ignore
    const found = report.diagnostics.filter((d) => d.severity === 'error');
    expect(found.length).toBeGreaterThan(0);
    const lines = broken.split('\n');
    const { line, column } = found[0].range;
    return { place: lines[line - 1].slice(column - 1), all: JSON.stringify(found), trace: report.trace };
  };
  const BOOT = 'lsm=bpf';

  test.each([
    ['a wrong key', 'modules:', 'moduls:', /^moduls/, /modules/],
    ['a wrong key in a task', 'uid: 1000, exe', 'uidd: 1000, exe', /^uidd/, /uid/],
    ['a wrong key of an expectation', 'called: [egress_guard] }', 'caled: [egress_guard] }', /^caled/, /called/],
    ['an unknown task', '  - web: connect', '  - webb: connect', /^webb/, /web/],
    ['an unknown call', 'client: connect blocked', 'client: conect blocked', /^.*conect/, /connect/],
    ['an unknown socket', 'connect blocked', 'connect bloked', /^.*bloked/, /blocked/],
    ['a wrong errno', 'errno: EPERM', 'errno: EPREM', /^EPREM/, /EPERM/],
    ['a wrong value', 'pid: 200', 'pid: many', /^many/, /pid|number/],
    ['a wrong address', '127.0.0.1:7777', '127.0.0.999:7777', /127\.0\.0\.999/, /address|127/],
    ['a wrong family', 'family: inet,', 'family: inett,', /^inett/, /inet/],
    ['broken YAML', 'modules:', 'modules: [', /./, /./],
    ['a tab', '  apparmor:', '\tapparmor:', /./, /./],
  ])('%s is shown where it is, with what was meant', (_what, from, to, place, hint) => {
    const w = wrong(from, to);
    expect(w.place).toMatch(place);
    expect(w.all).toMatch(hint);
    expect(w.trace).toBeNull();
  });

  test('a policy that is not there is named', () => {
    const w = wrong('policies: [egress_guard.bpf.c]', 'policies: [egress_gard.bpf.c]');
    expect(w.all).toContain('egress_gard.bpf.c');
    expect(w.trace).toBeNull();
  });

  test('a map, a key, a global that the policy does not have', () => {
    for (const [from, to, name] of [
      ['  blocked:\n', '  blockd:\n', 'blockd'],
      ['prefixlen: 24', 'prefixln: 24', 'prefixln'],
      ['enforce: 1', 'enforc: 1', 'enforc'],
    ]) {
      expect(wrong(from, to).all).toContain(name);
    }
  });

  test('an unknown kernel', () => {
    expect(wrong('policies:', 'kernel: "7.99"\npolicies:').all).toMatch(/7\.99.*6\.1, 6\.12/);
  });

  test('empty, missing, binary', () => {
    const mine = bench();
    for (const content of ['', '\n', '# only a comment\n', '\0\0\0', '[]', '7', '{}', 'lsmith: 1\n', '&a [*a]']) {
      mine.put('t.scenario.yaml', content);
      const report = mine.engine.run({ scenario: 't.scenario.yaml', kernel: null, cmdline: null, semantics: 'lsm' });
      sane(report.diagnostics);
      sane(mine.engine.checkYaml('t.scenario.yaml'));
      if (!content.startsWith('lsmith')) expect(report.trace).toBeNull();
    }
    const gone = mine.engine.run({ scenario: 'gone.yaml', kernel: null, cmdline: null, semantics: 'lsm' });
    expect(at(gone.diagnostics)).toEqual(['1:1 file/missing']);
  });

  test(
    'with lines dropped, doubled, or letters changed',
    () => {
      const mine = bench();
      const sources = EXAMPLES.map((e) => [e.scenario, text(e.scenario)] as const);
      fc.assert(
        fc.property(
          fc.constantFrom(...sources),
          fc.double({ min: 0, max: 0.999, noNaN: true }),
          fc.constantFrom('drop', 'double', 'letter', 'indent'),
          fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 3 }),
          ([file, source], where, how, letters) => {
            const lines = source.split('\n');
            const i = Math.floor(where * lines.length);
            const column = Math.floor(((where * 7919) % 1) * lines[i].length);
            if (how === 'drop') lines.splice(i, 1);
            else if (how === 'double') lines.splice(i, 0, lines[i]);
            else if (how === 'indent') lines[i] = ` ${lines[i]}`;
            else lines[i] = lines[i].slice(0, column) + letters + lines[i].slice(column + letters.length);
            mine.put(file, lines.join('\n'));
            const report = mine.engine.run({ scenario: file, kernel: null, cmdline: null, semantics: 'lsm' });
            sane(report.diagnostics);
            if (report.trace === null) expect(report.diagnostics.some((d) => d.severity === 'error')).toBe(true);
            mine.put(file, undefined);
          },
        ),
        { numRuns: 80 },
      );
    },
    HANG,
  );
});
