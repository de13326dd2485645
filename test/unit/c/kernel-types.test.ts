import { describe, expect, it } from 'vitest';
import { gunzipSync } from 'node:zlib';
import { readFileSync } from 'node:fs';
import { compileFrontEnd, createIncludeResolver, sizeOf, strip } from '../../../src/engine/c/index.ts';
import { parseBtf } from '../../../src/engine/bpf/index.ts';
import { bundled, cache, expressions, fn } from './support.ts';

const parsed = parseBtf(new Uint8Array(gunzipSync(readFileSync('assets/profiles/6.12/btf.gz'))));
if (!parsed.ok) throw new Error(parsed.error.message);
const btf = parsed.value;

const compile = (text: string, files: Record<string, string> = {}, before = '') =>
  compileFrontEnd({
    file: 'k.bpf.c',
    text:
      before +
      '#include "vmlinux.h"\n#include <bpf/bpf_helpers.h>\n#include <bpf/bpf_tracing.h>\n#include <bpf/bpf_core_read.h>\n' +
      text,
    includes: createIncludeResolver({ bundled, read: (path) => files[path] }),
    profileBtf: btf,
    target: { kernelVersion: '6.12' },
    cache,
  });

describe('the virtual vmlinux.h', () => {
  it('gives typedefs, enumerators and structs with their layout', () => {
    const r = compile('u64 a; struct path p; int n = BPF_MAP_TYPE_HASH + sizeof(struct list_head);');
    expect(r.diagnostics).toEqual([]);
    const size = (name: string): number => sizeOf(r.unit.variables.find((v) => v.name === name)!.type);
    expect([size('a'), size('p')]).toEqual([8, 16]);
    expect(r.unit.variables.find((v) => v.name === 'n')!.image!.bytes[0]).toBe(17);
  });
  it('marks accesses for CO-RE with the kernel type', () => {
    const r = compile('SEC("lsm/file_open") int BPF_PROG(f, struct file *file) { return file->f_inode->i_mode; }');
    expect(r.diagnostics).toEqual([]);
    const members = expressions(fn(r, '____f').body!).flatMap((e) => (e.kind === 'member' ? [e] : []));
    expect(members.map((m) => [m.field.name, m.preserve, m.field.parent.name])).toEqual([
      ['i_mode', true, 'inode'],
      ['f_inode', true, 'file'],
    ]);
    const record = strip(members[0]!.base.type);
    expect(record.kind === 'record' && record.origin === 'btf' && record.btfId === btf.find('inode', 'struct')).toBe(
      true,
    );
  });
  it('suggests members of kernel structs', () => {
    const r = compile('int f(struct task_struct *t) { return t->tgidd; }');
    expect(r.diagnostics.map((d) => d.message)).toEqual([
      "no member named 'tgidd' in 'struct task_struct'; did you mean 'tgid'?",
    ]);
  });
  it('clashes with a second definition, and allows a flavour', () => {
    expect(compile('struct file { int x; };').diagnostics.map((d) => d.code)).toEqual(['c/redefinition']);
    expect(compile('struct file___old { int x; } __attribute__((preserve_access_index));').diagnostics).toEqual([]);
  });
  it('makes room for a type whose name a macro took before the #include', () => {
    const taken = ['btf_ptr', 'BTF_F_ZERO', 'u64'];
    const r = compile(
      taken.map((name) => `#undef ${name}\n`).join('') +
        'struct btf_ptr { char mine[3]; }; enum { BTF_F_ZERO = 7 }; typedef char u64; struct btf_ptr p; u64 c;\n' +
        'struct btf_ptr___not_used theirs; int n = BTF_F_ZERO; int was = BTF_F_ZERO___not_used; u64___not_used wide;',
      {},
      taken.map((name) => `#define ${name} ${name}___not_used\n`).join(''),
    );
    expect(r.diagnostics).toEqual([]);
    const variable = (name: string) => r.unit.variables.find((v) => v.name === name)!;
    expect(['p', 'c', 'theirs', 'wide'].map((name) => sizeOf(variable(name).type))).toEqual([3, 1, 16, 8]);
    expect(['n', 'was'].map((name) => variable(name).image!.bytes[0])).toEqual([7, 8]);
  });
  it('a file of that name wins', () => {
    const r = compile('struct mine m;', { 'vmlinux.h': 'struct mine { int x; };\n#include <linux/types.h>' });
    expect(r.diagnostics).toEqual([]);
    expect(r.unit.files).toContain('vmlinux.h');
  });
});
