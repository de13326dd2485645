/** ELF64 little-endian: reads any file's sections, symbols and relocations. Writing is in elf-writer.ts. */
import { err, ok, type Result } from '../../base/index.ts';
import { readCString } from './btf-index.ts';

export const ET_REL = 1;
export const ET_EXEC = 2;
export const EM_BPF = 247;
export const EM_X86_64 = 62;
export const SHT_PROGBITS = 1;
export const SHT_SYMTAB = 2;
export const SHT_STRTAB = 3;
export const SHT_RELA = 4;
export const SHT_NOBITS = 8;
export const SHT_REL = 9;
export const SHT_LLVM_ADDRSIG = 0x6fff4c03;
export const SHF_WRITE = 1;
export const SHF_ALLOC = 2;
export const SHF_EXECINSTR = 4;
export const SHF_MERGE = 16;
export const SHF_STRINGS = 32;
export const SHN_UNDEF = 0;
export const SHN_ABS = 0xfff1;
export const SHN_COMMON = 0xfff2;
export const STB_LOCAL = 0;
export const STB_GLOBAL = 1;
export const STB_WEAK = 2;
export const STT_NOTYPE = 0;
export const STT_OBJECT = 1;
export const STT_FUNC = 2;
export const STT_SECTION = 3;
export const STT_FILE = 4;
export const STV_DEFAULT = 0;
export const STV_HIDDEN = 2;
/** Relocation types of EM_BPF (LLVM's BPFELFObjectWriter, Documentation/bpf/llvm_reloc.rst of the kernel). */
export const R_BPF_NONE = 0;
export const R_BPF_64_64 = 1;
export const R_BPF_64_ABS64 = 2;
export const R_BPF_64_ABS32 = 3;
export const R_BPF_64_NODYLD32 = 4;
export const R_BPF_64_32 = 10;

export interface ElfError {
  readonly message: string;
  readonly offset: number;
}

export interface ElfSection {
  readonly index: number;
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  /** Byte offset in the file. */
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly align: number;
  readonly entrySize: number;
  /** A view of the file, empty for SHT_NOBITS and SHT_NULL. */
  readonly data: Uint8Array;
}

export interface ElfSymbol {
  readonly index: number;
  readonly name: string;
  readonly value: number;
  readonly size: number;
  readonly type: number;
  readonly bind: number;
  readonly visibility: number;
  /** Section index, or SHN_UNDEF / SHN_ABS / SHN_COMMON. */
  readonly section: number;
}

export interface ElfRelocation {
  readonly offset: number;
  readonly type: number;
  /** Index into the symbols. */
  readonly symbol: number;
  /** 0 for SHT_REL. */
  readonly addend: number;
}

export interface ElfFile {
  readonly type: number;
  readonly machine: number;
  readonly sections: readonly ElfSection[];
  readonly symbols: readonly ElfSymbol[];
  /** Index of the symbol table's section, 0 = none. */
  readonly symbolTable: number;
  /** Relocations that apply to a section, in file order, of all its REL/RELA sections. None for `.debug_*`. */
  relocations(section: number): readonly ElfRelocation[];
}

const EHDR_SIZE = 64;
const SHDR_SIZE = 64;
const SYM_SIZE = 24;

/** Parses an ELF64 little-endian file and checks that everything it points at lies inside it. */
export function parseElf(bytes: Uint8Array): Result<ElfFile, ElfError> {
  try {
    return ok(read(bytes));
  } catch (e) {
    if (e instanceof Malformed) return err({ message: e.message, offset: e.offset });
    throw e;
  }
}

/** Thrown inside this file only. */
class Malformed extends Error {
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

function read(bytes: Uint8Array): ElfFile {
  if (bytes.length < 4 || bytes[0] !== 0x7f || bytes[1] !== 0x45 || bytes[2] !== 0x4c || bytes[3] !== 0x46) {
    throw new Malformed('not an ELF file', 0);
  }
  if (bytes.length < EHDR_SIZE) throw new Malformed(`ELF header is cut short: ${bytes.length} bytes`, bytes.length);
  if (bytes[4] !== 2) throw new Malformed('not a 64-bit ELF file', 4);
  if (bytes[5] !== 1) throw new Malformed('big-endian ELF files are not supported', 5);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const u64 = (at: number): number => {
    const high = view.getUint32(at + 4, true);
    if (high > 0x1fffff) throw new Malformed('a 64-bit field is out of any sensible range', at);
    return high * 0x100000000 + view.getUint32(at, true);
  };
  const inside = (offset: number, size: number, what: string): void => {
    if (offset + size > bytes.length) {
      throw new Malformed(
        `the file is cut short: ${what} ends at byte ${offset + size}, the file has ${bytes.length}`,
        bytes.length,
      );
    }
  };

  const type = view.getUint16(16, true);
  const machine = view.getUint16(18, true);
  const sectionsAt = u64(40);
  const entry = view.getUint16(58, true);
  let count = view.getUint16(60, true);
  let namesIndex = view.getUint16(62, true);
  if (sectionsAt === 0) return { type, machine, sections: [], symbols: [], symbolTable: 0, relocations: () => [] };
  if (entry !== SHDR_SIZE) throw new Malformed(`section headers have ${entry} bytes, expected ${SHDR_SIZE}`, 58);
  inside(sectionsAt, SHDR_SIZE, 'the section header table');
  // Extended numbering: the real values are in section header 0.
  if (count === 0) count = u64(sectionsAt + 32);
  if (namesIndex === 0xffff) namesIndex = view.getUint32(sectionsAt + 40, true);
  inside(sectionsAt, count * SHDR_SIZE, 'the section header table');

  interface Raw {
    nameAt: number;
    section: Omit<ElfSection, 'name'>;
  }
  const raws: Raw[] = [];
  for (let i = 0; i < count; i++) {
    const p = sectionsAt + i * SHDR_SIZE;
    const sectionType = view.getUint32(p + 4, true);
    const offset = u64(p + 24);
    const size = u64(p + 32);
    const empty = sectionType === SHT_NOBITS || sectionType === 0;
    if (!empty) inside(offset, size, `section ${i}`);
    raws.push({
      nameAt: view.getUint32(p, true),
      section: {
        index: i,
        type: sectionType,
        flags: view.getUint32(p + 8, true),
        offset,
        size,
        link: view.getUint32(p + 40, true),
        info: view.getUint32(p + 44, true),
        align: u64(p + 48),
        entrySize: u64(p + 56),
        data: empty ? new Uint8Array(0) : bytes.subarray(offset, offset + size),
      },
    });
  }
  const stringAt = (table: number, at: number, where: number): string => {
    const data = raws[table]?.section.data;
    if (data === undefined || raws[table].section.type !== SHT_STRTAB)
      throw new Malformed(`section ${table} is not a string table`, where);
    if (at === 0 && data.length === 0) return '';
    if (at >= data.length) throw new Malformed(`a name lies outside the string table ${table}`, where);
    if (data[data.length - 1] !== 0) throw new Malformed(`string table ${table} does not end with a zero byte`, where);
    return readCString(data, at);
  };
  const sections = raws.map(({ nameAt, section }): ElfSection => ({
    ...section,
    name: namesIndex === 0 ? '' : stringAt(namesIndex, nameAt, sectionsAt + section.index * SHDR_SIZE),
  }));

  const symbols: ElfSymbol[] = [];
  const table = sections.find((s) => s.type === SHT_SYMTAB);
  if (table !== undefined) {
    if (table.entrySize !== SYM_SIZE || table.size % SYM_SIZE !== 0) {
      throw new Malformed(`the symbol table's entries do not have ${SYM_SIZE} bytes`, table.offset);
    }
    for (let i = 0; i * SYM_SIZE < table.size; i++) {
      const p = table.offset + i * SYM_SIZE;
      const info = view.getUint8(p + 4);
      const section = view.getUint16(p + 6, true);
      if (section !== SHN_ABS && section !== SHN_COMMON && section >= count) {
        throw new Malformed(`symbol ${i} is in section ${section}, which does not exist`, p);
      }
      symbols.push({
        index: i,
        name: stringAt(table.link, view.getUint32(p, true), p),
        type: info & 15,
        bind: info >> 4,
        visibility: view.getUint8(p + 5) & 3,
        section,
        value: u64(p + 8),
        size: u64(p + 16),
      });
    }
  }

  const byTarget = new Map<number, ElfRelocation[]>();
  for (const s of sections) {
    if ((s.type !== SHT_REL && s.type !== SHT_RELA) || table === undefined || s.link !== table.index) continue;
    const size = s.type === SHT_REL ? 16 : 24;
    if (s.size % size !== 0 || (s.entrySize !== size && s.entrySize !== 0)) {
      throw new Malformed(`relocation section ${s.name} has entries of a wrong size`, s.offset);
    }
    if (s.info === 0 || s.info >= count)
      throw new Malformed(`relocation section ${s.name} applies to no section`, s.offset);
    // DWARF has more relocations than all the rest, and nobody asks for them.
    if (sections[s.info].name.startsWith('.debug_')) continue;
    const list = byTarget.get(s.info) ?? [];
    byTarget.set(s.info, list);
    for (let p = s.offset; p < s.offset + s.size; p += size) {
      const symbol = view.getUint32(p + 12, true);
      if (symbol >= symbols.length)
        throw new Malformed(`a relocation in ${s.name} names symbol ${symbol}, which does not exist`, p);
      list.push({
        offset: u64(p),
        type: view.getUint32(p + 8, true),
        symbol,
        addend: s.type === SHT_RELA ? Number(view.getBigInt64(p + 16, true)) : 0,
      });
    }
  }
  return {
    type,
    machine,
    sections,
    symbols,
    symbolTable: table?.index ?? 0,
    relocations: (section) => byTarget.get(section) ?? [],
  };
}
