import { describe, expect, it } from 'vitest';
import { bundled, clean, compile, expressions, fn } from './support.ts';

const HEAD =
  '#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n#include <bpf/bpf_tracing.h>\n#include <bpf/bpf_core_read.h>\n';

describe('bundled headers', () => {
  it.each([...bundled.keys()])('%s stands on its own after the types', (name) => {
    expect(compile(`#include <linux/types.h>\n#include <${name}>\n`).diagnostics).toEqual([]);
  });
});

describe('macro towers', () => {
  it('BPF_PROG makes a program that unpacks its context for an inlined body', () => {
    const r = clean(
      HEAD + 'struct file;\nSEC("lsm/file_open")\nint BPF_PROG(f, struct file *file, int ret)\n{\n\treturn ret;\n}\n',
    );
    const outer = fn(r, 'f');
    expect(outer.attributes.section).toBe('lsm/file_open');
    expect(outer.linkage).toBe('global');
    const inner = fn(r, '____f');
    expect(inner.attributes.alwaysInline).toBe(true);
    expect(inner.params.map((p) => p.name)).toEqual(['ctx', 'file', 'ret']);
    const call = expressions(outer.body!).find((e) => e.kind === 'call')!;
    expect(call.kind === 'call' && call.target.kind === 'function' && call.target.decl === inner).toBe(true);
    expect(call.kind === 'call' && call.args.map((a) => a.kind)).toEqual(['cast', 'cast', 'cast']);
    expect(r.unit.sources.position(inner.body!.body[0]!.loc)).toEqual({ file: 'test.bpf.c', line: 9, column: 2 });
  });

  it('BPF_PROG without SEC is an error', () => {
    const r = compile(HEAD + 'int BPF_PROG(f, int a) { return a; }\n');
    expect(r.diagnostics.map((d) => d.code)).toEqual(['c/missing-sec']);
  });

  it('BPF_CORE_READ is one helper call with a preserved access for each arrow', () => {
    const r = clean(
      HEAD +
        'struct b { int pad; int v; } __attribute__((preserve_access_index));\n' +
        'struct a { long pad; struct b *b; } __attribute__((preserve_access_index));\n' +
        'int f(struct a *a) { return BPF_CORE_READ(a, b, v); }\n',
    );
    const all = expressions(fn(r, 'f').body!);
    const reads = all.filter((e) => e.kind === 'call');
    expect(reads.map((e) => e.kind === 'call' && e.target.kind === 'helper' && [e.target.id, e.target.name])).toEqual([
      [113, 'bpf_probe_read_kernel'],
      [113, 'bpf_probe_read_kernel'],
    ]);
    const fields = all.flatMap((e) =>
      e.kind === 'preserveAccess'
        ? expressions(e).flatMap((m) => (m.kind === 'member' ? [[m.field.name, m.preserve]] : []))
        : [],
    );
    expect(fields).toEqual([
      ['b', true],
      ['v', true],
    ]);
  });

  it('bpf_printk keeps its format in a static constant and picks the helper by the number of values', () => {
    const r = clean(HEAD + 'void f(int x) { bpf_printk("a %d", x); bpf_printk("%d %d %d %d", x, x, x, x); }\n');
    const formats = r.unit.variables.filter((v) => v.storage === 'static' && v.owner?.name === 'f');
    expect(formats.map((v) => new TextDecoder().decode(v.image!.bytes))).toEqual(['a %d\0', '%d %d %d %d\0']);
    const helpers = expressions(fn(r, 'f').body!).flatMap((e) =>
      e.kind === 'call' && e.target.kind === 'helper' ? [e.target.name] : [],
    );
    expect(helpers).toEqual(['bpf_trace_printk', 'bpf_trace_vprintk']);
  });

  it('CO-RE questions become nodes', () => {
    const r = clean(
      HEAD +
        'struct a { int x; enum e { E1 = 5 } y; } __attribute__((preserve_access_index));\n' +
        'long f(struct a *a) { return bpf_core_field_exists(a->x) + bpf_core_field_size(struct a, x) + bpf_core_type_exists(struct a) + bpf_core_enum_value(enum e, E1); }\n',
    );
    const kinds = expressions(fn(r, 'f').body!).flatMap((e) =>
      e.kind === 'coreFieldInfo' || e.kind === 'coreTypeInfo'
        ? [`${e.kind} ${e.info}`]
        : e.kind === 'coreEnumValue'
          ? [`${e.enumerator}=${e.value}`]
          : [],
    );
    expect(kinds).toEqual(['coreFieldInfo 2', 'coreFieldInfo 1', 'coreTypeInfo 0', 'E1=5']);
  });

  it('maps in BTF style and iterators with cleanup', () => {
    const r = clean(
      HEAD +
        'struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 16); __type(key, __u32); __type(value, __u64); } m SEC(".maps");\n' +
        'int f(void) { int i, n = 0; bpf_for(i, 0, 10) n += i; return n; }\n',
    );
    const map = r.unit.variables.find((v) => v.name === 'm')!;
    expect(map.attributes.section).toBe('.maps');
    const loop = fn(r, 'f').body!.body.find((s) => s.kind === 'for')!;
    const it0 = loop.kind === 'for' && loop.init?.kind === 'decl' ? loop.init.vars[0]! : null;
    expect(it0?.cleanup?.name).toBe('bpf_iter_num_destroy');
  });
});
