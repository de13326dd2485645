// The ELF object: what libbpf looks at.
import { describe, expect, it } from 'vitest';
import { parseBtf, parseBtfExt, parseElf, type Btf } from '../../../src/engine/bpf/index.ts';
import { object } from './support.ts';

const SOURCE = `
char LICENSE[] SEC("license") = "GPL";
struct inode { int pad; u64 i_ino; u32 bits : 5; } CORE;
struct file { u64 x; struct inode *f_inode; struct { int a; int b; } in[3]; } CORE;
enum color { RED = 3, GREEN = 7 };
struct value { u32 a; u64 b; };
struct { __uint(type, 1); __uint(max_entries, 8); __type(key, u32); __type(value, struct value); } table SEC(".maps");
const volatile u32 limit = 5;
u64 counter;
static u64 hidden;
u32 start = 7;
static __attribute__((noinline)) long each(u32 i, void *ctx) { hidden += i; return 0; }
static __attribute__((noinline)) int leaf(struct file *f) { return f->f_inode->i_ino > limit; }
__attribute__((noinline)) int scale(int x) { return x * 3 + start; }
SEC("lsm/file_open") int on_open(u64 *ctx) {
  struct file *f = (void *)ctx[0];
  u32 key = scale(2);
  struct value *v = bpf_map_lookup_elem(&table, &key);
  if (v) v->b++;
  bpf_loop(3, each, 0, 0);
  counter += f->in[1].b + __builtin_preserve_field_info(f->f_inode->bits, 1)
    + __builtin_preserve_enum_value(*(enum color *)GREEN, 1) + __builtin_preserve_type_info(*(struct file *)0, 1);
  bpf_probe_read_kernel(&key, 4, "text");
  return leaf(f);
}
`;

describe('an object', () => {
  const { object: bytes } = object(SOURCE);
  const elf = parseElf(bytes);
  if (!elf.ok) throw new Error(elf.error.message);
  const file = elf.value;
  const section = (name: string) => file.sections.find((s) => s.name === name)!;
  const btfResult = parseBtf(section('.BTF').data);
  if (!btfResult.ok) throw new Error(btfResult.error.message);
  const btf: Btf = btfResult.value;
  const extResult = parseBtfExt(section('.BTF.ext').data);
  if (!extResult.ok) throw new Error(extResult.error.message);
  const ext = extResult.value;

  it('has the sections', () => {
    expect(file.sections.map((s) => s.name).filter((n) => n !== '')).toEqual([
      '.text',
      'lsm/file_open',
      'license',
      '.maps',
      '.rodata',
      '.bss',
      '.data',
      '.rodata.str1.1',
      '.BTF',
      '.BTF.ext',
      '.rel.text',
      '.rellsm/file_open',
      '.symtab',
      '.strtab',
    ]);
    expect(new TextDecoder().decode(section('license').data)).toBe('GPL\0');
  });

  it('relocates maps by symbol, static data and functions by section', () => {
    const relocs = file.relocations(section('lsm/file_open').index).map((r) => {
      const s = file.symbols[r.symbol];
      return `${r.type} ${s.name || file.sections[s.section].name}`;
    });
    const wanted = ['10 scale', '1 table', '1 .text', '1 counter', '1 .rodata.str1.1', '10 .text'];
    expect([...new Set(relocs)].sort()).toEqual(wanted.sort());
    const text = file
      .relocations(section('.text').index)
      .map((r) => file.symbols[r.symbol].name || file.sections[file.symbols[r.symbol].section].name);
    expect(text.sort()).toEqual(['.bss', 'limit', 'start']);
  });

  it('describes functions, variables and sections', () => {
    const func = btf.type(btf.find('on_open', 'func'));
    expect(func.kind === 'func' && func.linkage).toBe('global');
    const leaf = btf.type(btf.find('leaf', 'func'));
    expect(leaf.kind === 'func' && leaf.linkage).toBe('static');
    const maps = btf.type(btf.find('.maps', 'datasec'));
    expect(maps.kind === 'datasec' && maps.vars.map((v) => [btf.name(v.type), v.offset, v.size])).toEqual([
      ['table', 0, 32],
    ]);
    const value = btf.type(btf.find('value', 'struct'));
    expect(value.kind === 'struct' && value.members.map((m) => [m.name, m.bitOffset])).toEqual([
      ['a', 0],
      ['b', 64],
    ]);
    const bss = btf.type(btf.find('.bss', 'datasec'));
    expect(bss.kind === 'datasec' && bss.vars.map((v) => btf.name(v.type))).toEqual(['counter', 'hidden']);
  });

  it('records CO-RE accesses', () => {
    const relos = ext.coreRelos.flatMap((b) =>
      b.records.map((r) => `${r.kind} ${btf.name(r.typeId)} ${btf.string(r.accessOffset)}`),
    );
    expect(relos.sort()).toEqual(
      ['0 file 0:1', '0 file 0:2:1:1', '0 inode 0:1', '1 inode 0:2', '11 color 1', '9 file 0'].sort(),
    );
  });

  it('has a function and a line record at the start of each function', () => {
    for (const block of ext.funcInfo) {
      const lines = ext.lineInfo.find((l) => l.sectionName === block.sectionName)!;
      for (const f of block.records) expect(lines.records.some((l) => l.insnOffset === f.insnOffset)).toBe(true);
    }
    const texts = ext.lineInfo.flatMap((b) => b.records.map((r) => btf.string(r.textOffset).trim()));
    expect(texts).toContain('if (v) v->b++;');
    expect(texts).toContain('return leaf(f);');
  });

  it('line records ascend', () => {
    for (const b of ext.lineInfo) {
      const at = b.records.map((r) => r.insnOffset);
      expect(at).toEqual([...at].sort((x, y) => x - y));
      expect(new Set(at).size).toBe(at.length);
    }
  });
});
