/** A small object and a small kernel for loader tests. */
import {
  BtfBuilder,
  ElfWriter,
  R_BPF_64_32,
  R_BPF_64_64,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_WRITE,
  SHT_NOBITS,
  STB_GLOBAL,
  STB_LOCAL,
  STB_WEAK,
  STT_FUNC,
  STT_NOTYPE,
  STT_OBJECT,
  STT_SECTION,
  encodeInsns,
  emptyInsns,
  parseBtf,
  writeBtfExt,
  type Btf,
} from '../../../src/engine/bpf/index.ts';
import type { LoadTarget } from '../../../src/engine/loader/index.ts';

/** `[op, dst, src, off, imm]` rows. */
export type Row = readonly [number, number, number, number, number];

export function code(rows: readonly Row[]): Uint8Array {
  const insns = emptyInsns(rows.length);
  rows.forEach(([op, dst, src, off, imm], i) => {
    insns.op[i] = op;
    insns.dst[i] = dst;
    insns.src[i] = src;
    insns.off[i] = off;
    insns.imm[i] = imm;
  });
  return encodeInsns(insns);
}

export interface SampleOptions {
  readonly section?: string;
  readonly license?: string;
  /** Access string and kind of the one CO-RE relocation; default: byte offset of `file.f_inode`. */
  readonly core?: { readonly access: string; readonly kind: number; readonly type?: 'file' | 'file___new' | 'inode' };
  readonly mapType?: number;
  readonly extraMapField?: string;
  readonly strongConfig?: boolean;
  readonly legacyMaps?: boolean;
}

/**
 * lsm/file_open: loads file->f_inode (CO-RE), a map, global data, a kconfig value; calls `second` then `first` of .text;
 * `second` calls `first` too.
 */
export function sampleObject(o: SampleOptions = {}): Uint8Array {
  const b = new BtfBuilder();
  const int = b.addInt('int', 4, { signed: true });
  const u64 = b.addInt('unsigned long', 8);
  const inode = b.addStruct('inode', 16, [{ name: 'i_ino', type: u64, bitOffset: 64 }]);
  const inodePtr = b.addPtr(inode);
  const file = b.addStruct('file', 24, [
    { name: 'f_flags', type: int, bitOffset: 0 },
    { name: 'f_inode', type: inodePtr, bitOffset: 64 },
    { name: 'gone', type: int, bitOffset: 128 },
  ]);
  const flavor = b.addStruct('file___new', 8, [{ name: 'f_inode', type: inodePtr, bitOffset: 0 }]);
  const proto = b.addFuncProto(int, [{ name: 'ctx', type: b.addPtr(u64) }]);
  const main = b.addFunc('on_open', proto, 'global');
  const first = b.addFunc('first', proto, 'static');
  const second = b.addFunc('second', proto, 'static');
  const number = (n: number) => b.addPtr(b.addArray(int, int, n));
  const fields = [
    { name: 'type', type: number(o.mapType ?? 1) },
    { name: 'max_entries', type: number(16) },
    { name: 'key', type: b.addPtr(int) },
    { name: o.extraMapField ?? 'value', type: b.addPtr(u64) },
  ];
  const def = b.addStruct(
    '',
    32,
    fields.map((f, i) => ({ ...f, bitOffset: i * 64 })),
  );
  const map = b.addVar('seen', def, 'global');
  b.addDatasec('.maps', 0, [{ type: map, offset: 0, size: 32 }]);
  const counter = b.addVar('counter', u64, 'global');
  const limit = b.addVar('limit', u64, 'global');
  b.addDatasec('.bss', 0, [
    { type: counter, offset: 0, size: 8 },
    { type: limit, offset: 0, size: 8 },
  ]);
  const bool = b.addInt('_Bool', 1, { bool: true });
  const config = b.addVar('CONFIG_BPF_LSM', o.strongConfig === false ? b.addArray(int, int, 4) : bool, 'extern');
  const version = b.addVar('LINUX_KERNEL_VERSION', int, 'extern');
  b.addDatasec('.kconfig', 0, [
    { type: config, offset: 0, size: 1 },
    { type: version, offset: 0, size: 4 },
  ]);
  const kfunc = b.addFunc('bpf_missing_kfunc', proto, 'extern');
  b.addDatasec('.ksyms', 0, [{ type: kfunc, offset: 0, size: 0 }]);

  const elf = new ElfWriter();
  const text = elf.addSection({
    name: '.text',
    flags: SHF_ALLOC | SHF_EXECINSTR,
    align: 8,
    // first: r0 = 1; exit. second: call first; exit.
    data: code([
      [0xb7, 0, 0, 0, 1],
      [0x95, 0, 0, 0, 0],
      [0x85, 0, 1, 0, -3],
      [0x95, 0, 0, 0, 0],
    ]),
  });
  const sectionName = o.section ?? 'lsm/file_open';
  const prog = elf.addSection({
    name: sectionName,
    flags: SHF_ALLOC | SHF_EXECINSTR,
    align: 8,
    data: code([
      [0x79, 6, 1, 0, 0],
      [0x79, 7, 6, 8, 0], // 1: r7 = *(u64 *)(r6 + 8), relocated
      [0x18, 1, 0, 0, 0], // 2: map
      [0, 0, 0, 0, 0],
      [0x18, 2, 0, 0, 0], // 4: limit in .bss
      [0, 0, 0, 0, 0],
      [0x18, 3, 0, 0, 0], // 6: LINUX_KERNEL_VERSION
      [0, 0, 0, 0, 0],
      [0x85, 0, 1, 0, 1], // 8: second (against the section: slot 2)
      [0x85, 0, 1, 0, -1], // 9: first
      [0x18, 4, 4, 0, 0], // 10: address of first
      [0, 0, 0, 0, 0],
      [0x85, 0, 2, 0, -1], // 12: weak kernel function
      [0x95, 0, 0, 0, 0],
    ]),
  });
  const maps = elf.addSection({
    name: o.legacyMaps === true ? 'maps' : '.maps',
    flags: SHF_ALLOC | SHF_WRITE,
    align: 8,
    data: new Uint8Array(32),
  });
  const bss = elf.addSection({
    name: '.bss',
    flags: SHF_ALLOC | SHF_WRITE,
    align: 8,
    type: SHT_NOBITS,
    data: new Uint8Array(0),
    size: 16,
  });
  elf.addSection({
    name: 'license',
    flags: SHF_ALLOC | SHF_WRITE,
    data: new TextEncoder().encode(`${o.license ?? 'GPL'}\0`),
  });
  const lines = (text: string, line: number, insn: number) => ({
    insnOffset: insn * 8,
    fileOffset: b.string('/src/p.bpf.c'),
    textOffset: b.string(text),
    line,
    column: 3,
  });
  const core = o.core ?? { access: '0:1', kind: 0 };
  const coreType = { file, file___new: flavor, inode }[core.type ?? 'file'];
  const ext = writeBtfExt({
    funcInfo: [
      {
        sectionName: b.string('.text'),
        records: [
          { insnOffset: 0, typeId: first },
          { insnOffset: 16, typeId: second },
        ],
      },
      { sectionName: b.string(sectionName), records: [{ insnOffset: 0, typeId: main }] },
    ],
    lineInfo: [
      { sectionName: b.string('.text'), records: [lines('return 1;', 5, 0), lines('return first(ctx);', 9, 2)] },
      {
        sectionName: b.string(sectionName),
        records: [lines('int on_open(ctx)', 20, 0), lines('  inode = file->f_inode;', 21, 1)],
      },
    ],
    coreRelos: [
      {
        sectionName: b.string(sectionName),
        records: [{ insnOffset: 8, typeId: coreType, accessOffset: b.string(core.access), kind: core.kind }],
      },
    ],
  });
  elf.addSection({ name: '.BTF', flags: 0, align: 4, data: b.emit() });
  elf.addSection({ name: '.BTF.ext', flags: 0, align: 4, data: ext });

  const textSymbol = elf.addSymbol({ name: '', section: text, type: STT_SECTION, bind: STB_LOCAL });
  elf.addSymbol({ name: 'first', section: text, value: 0, size: 16, type: STT_FUNC, bind: STB_LOCAL });
  elf.addSymbol({ name: 'second', section: text, value: 16, size: 16, type: STT_FUNC, bind: STB_LOCAL });
  elf.addSymbol({ name: 'on_open', section: prog, value: 0, size: 14 * 8, type: STT_FUNC, bind: STB_GLOBAL });
  const mapSymbol = elf.addSymbol({ name: 'seen', section: maps, size: 32, type: STT_OBJECT, bind: STB_GLOBAL });
  elf.addSymbol({ name: 'counter', section: bss, value: 0, size: 8, type: STT_OBJECT, bind: STB_GLOBAL });
  const limitSymbol = elf.addSymbol({
    name: 'limit',
    section: bss,
    value: 8,
    size: 8,
    type: STT_OBJECT,
    bind: STB_GLOBAL,
  });
  const versionSymbol = elf.addUndefined('LINUX_KERNEL_VERSION', STB_GLOBAL, STT_NOTYPE);
  elf.addUndefined('CONFIG_BPF_LSM', STB_GLOBAL, STT_NOTYPE);
  const kfuncSymbol = elf.addUndefined('bpf_missing_kfunc', STB_WEAK, STT_NOTYPE);
  elf.addRelocation(prog, 16, R_BPF_64_64, mapSymbol);
  elf.addRelocation(prog, 32, R_BPF_64_64, limitSymbol);
  elf.addRelocation(prog, 48, R_BPF_64_64, versionSymbol);
  elf.addRelocation(prog, 64, R_BPF_64_32, textSymbol);
  elf.addRelocation(prog, 72, R_BPF_64_32, textSymbol);
  elf.addRelocation(prog, 80, R_BPF_64_64, textSymbol);
  elf.addRelocation(prog, 96, R_BPF_64_32, kfuncSymbol);
  return elf.emit();
}

export interface KernelOptions {
  /** Width of `file.f_inode` when it is not a pointer. */
  readonly inodeAs?: 'pointer' | 'signed-int';
  readonly config?: Record<string, string | number>;
}

/** `struct file` with f_inode at 40, inside an unnamed struct; two hooks. */
export function sampleKernel(o: KernelOptions = {}): LoadTarget & { readonly btf: Btf } {
  const b = new BtfBuilder();
  const int = b.addInt('int', 4, { signed: true });
  const u64 = b.addInt('unsigned long', 8);
  const inode = b.addStruct('inode', 80, [{ name: 'i_ino', type: u64, bitOffset: 512 }]);
  const inodeField = o.inodeAs === 'signed-int' ? int : b.addPtr(inode);
  const inner = b.addStruct('', 16, [{ name: 'f_inode', type: inodeField, bitOffset: 64 }]);
  b.addStruct('file', 64, [
    { name: 'f_flags', type: int, bitOffset: 32 },
    { name: '', type: inner, bitOffset: 256 },
  ]);
  b.addEnum('mode', 4, [{ name: 'MODE_A', value: 3 }]);
  const proto = b.addFuncProto(int, []);
  b.addFunc('bpf_lsm_file_open', proto, 'global');
  b.addFunc('security_file_open', proto, 'global');
  b.addUnion('security_list_options', 8, [{ name: 'file_open', type: b.addPtr(proto), bitOffset: 0 }]);
  const parsed = parseBtf(b.emit());
  if (!parsed.ok) throw new Error(parsed.error.message);
  return { btf: parsed.value, version: [6, 12, 300], config: o.config ?? { CONFIG_BPF_LSM: 'y' } };
}
