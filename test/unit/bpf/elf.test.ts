import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ElfWriter,
  R_BPF_64_32,
  R_BPF_64_64,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHT_NOBITS,
  STB_GLOBAL,
  STB_LOCAL,
  STT_FUNC,
  STT_NOTYPE,
  parseBtfExt,
  parseElf,
  writeBtfExt,
  type BtfExt,
} from '../../../src/engine/bpf/index.ts';

function sample(): Uint8Array {
  const w = new ElfWriter();
  const text = w.addSection({
    name: '.text',
    flags: SHF_ALLOC | SHF_EXECINSTR,
    align: 8,
    data: new Uint8Array(24).fill(7),
  });
  const bss = w.addSection({
    name: '.bss',
    flags: SHF_ALLOC,
    type: SHT_NOBITS,
    data: new Uint8Array(0),
    size: 4096,
    align: 8,
  });
  // Global first: the writer has to put it behind the local one.
  const f = w.addSymbol({ name: 'main', section: text, size: 24, type: STT_FUNC, bind: STB_GLOBAL });
  const section = w.addSectionSymbol(bss);
  const undefinedSymbol = w.addUndefined('bpf_kfunc', STB_GLOBAL, STT_NOTYPE);
  w.addRelocation(text, 16, R_BPF_64_32, undefinedSymbol);
  w.addRelocation(text, 0, R_BPF_64_64, section);
  w.addRelocation(text, 8, R_BPF_64_64, f);
  return w.emit();
}

describe('ELF', () => {
  it('reads back what it writes', () => {
    const r = parseElf(sample());
    if (!r.ok) throw new Error(r.error.message);
    const elf = r.value;
    expect([elf.type, elf.machine]).toEqual([1, 247]);
    expect(elf.sections.map((s) => s.name)).toEqual(['', '.text', '.bss', '.rel.text', '.symtab', '.strtab']);
    expect([...elf.sections[1].data]).toEqual(Array(24).fill(7));
    expect(elf.sections[2]).toMatchObject({ size: 4096, data: new Uint8Array(0) });
    expect(elf.symbols.map((s) => [s.name, s.section, s.bind])).toEqual([
      ['', 0, STB_LOCAL],
      ['', 2, STB_LOCAL],
      ['main', 1, STB_GLOBAL],
      ['bpf_kfunc', 0, STB_GLOBAL],
    ]);
    // sh_info of the symbol table: the first symbol that is not local.
    expect(elf.sections[4].info).toBe(2);
    expect(elf.relocations(1)).toEqual([
      { offset: 0, type: R_BPF_64_64, symbol: 1, addend: 0 },
      { offset: 8, type: R_BPF_64_64, symbol: 2, addend: 0 },
      { offset: 16, type: R_BPF_64_32, symbol: 3, addend: 0 },
    ]);
    expect(elf.relocations(2)).toEqual([]);
  });

  it('refuses a file cut at any byte', () => {
    const bytes = sample();
    for (let n = 0; n < bytes.length; n++) expect(parseElf(bytes.subarray(0, n)).ok).toBe(false);
  });

  it('never throws on damaged files', () => {
    const bytes = sample();
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 })), { maxLength: 10 }),
        (edits) => {
          const copy = bytes.slice();
          for (const [at, value] of edits) copy[at] = value;
          const r = parseElf(copy);
          if (!r.ok) expect(r.error.message).not.toBe('');
        },
      ),
      { numRuns: 1500 },
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (junk) => !parseElf(junk).ok));
  });
});

describe('.BTF.ext', () => {
  const ext: BtfExt = {
    funcInfo: [
      { sectionName: 1, records: [{ insnOffset: 0, typeId: 3 }] },
      {
        sectionName: 9,
        records: [
          { insnOffset: 8, typeId: 4 },
          { insnOffset: 80, typeId: 5 },
        ],
      },
    ],
    lineInfo: [
      { sectionName: 1, records: [{ insnOffset: 0, fileOffset: 2, textOffset: 3, line: 70_000, column: 17 }] },
    ],
    coreRelos: [{ sectionName: 9, records: [{ insnOffset: 16, typeId: 7, accessOffset: 5, kind: 12 }] }],
  };

  it('reads back what it writes', () => {
    expect(parseBtfExt(writeBtfExt(ext))).toEqual({ ok: true, value: ext });
    const empty = { funcInfo: [], lineInfo: [], coreRelos: [] };
    expect(parseBtfExt(writeBtfExt({ ...empty, funcInfo: [{ sectionName: 1, records: [] }] }))).toEqual({
      ok: true,
      value: empty,
    });
  });

  it('cuts columns and lines to what the format holds instead of mixing them', () => {
    const record = { insnOffset: 0, fileOffset: 0, textOffset: 0, line: 0x400000, column: 5000 };
    const r = parseBtfExt(writeBtfExt({ ...ext, lineInfo: [{ sectionName: 1, records: [record] }] }));
    expect(r.ok && r.value.lineInfo[0].records[0]).toMatchObject({ line: 0x3fffff, column: 1023 });
  });

  it('refuses it cut at any byte, and survives damage', () => {
    const bytes = writeBtfExt(ext);
    for (let n = 0; n < bytes.length; n++) expect(parseBtfExt(bytes.subarray(0, n)).ok).toBe(false);
    fc.assert(
      fc.property(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 }), (at, value) => {
        const copy = bytes.slice();
        copy[at] = value;
        parseBtfExt(copy);
      }),
      { numRuns: 1000 },
    );
  });
});
