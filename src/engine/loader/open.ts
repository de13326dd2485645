/** Reads an object file: programs, subprograms, maps, externs, relocations. What libbpf does in bpf_object__open(). */
import { err, ok, type Result } from '../../base/index.ts';
import {
  EM_BPF,
  ET_REL,
  OP_CALL,
  OP_LD_IMM64,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_KFUNC_CALL,
  SHF_EXECINSTR,
  SHN_ABS,
  SHT_LLVM_ADDRSIG,
  SHT_NOBITS,
  SHT_PROGBITS,
  SHT_STRTAB,
  STB_LOCAL,
  STT_FUNC,
  STT_SECTION,
  decodeInsns,
  parseBtf,
  parseBtfExt,
  parseElf,
  patchDatasecs,
  type Btf,
  type BtfExt,
  type ElfFile,
  type ElfSection,
  type ElfSymbol,
  type ExtBlock,
} from '../bpf/index.ts';
import { collectExterns, isExtern, type CollectedExterns } from './externs.ts';
import { dataMap, parseBtfMaps } from './map-defs.ts';
import { collectSlots } from './map-slots.ts';
import type { OpenedFunction, OpenedObject, OpenedProgram, RawLine, Reloc } from './opened.ts';
import { LoadFailure, fail, problem } from './problem.ts';
import { parseSectionName } from './sections.ts';
import type { LoadProblem, MapDef } from './types.ts';

/** Opens an object made by LSMith, clang or gcc. `name` is used in messages only. */
export function openObject(bytes: Uint8Array, name: string): Result<OpenedObject, readonly LoadProblem[]> {
  try {
    return ok(new Opener(readElf(bytes, name), name).open());
  } catch (e) {
    if (e instanceof LoadFailure) return err([e.problem]);
    throw e;
  }
}

const DAMAGED = 'The file is damaged or was not written completely. Build it again.';

const isData = (s: ElfSection): boolean =>
  (s.type === SHT_PROGBITS && (s.flags & SHF_EXECINSTR) === 0 && /^\.(data|rodata)(\.|$)/.test(s.name)) ||
  (s.type === SHT_NOBITS && /^\.bss(\.|$)/.test(s.name));

function readElf(bytes: Uint8Array, name: string): ElfFile {
  const elf = parseElf(bytes);
  if (!elf.ok) return fail('not-an-object', `${name}: ${elf.error.message}`, DAMAGED, { offset: elf.error.offset });
  if (elf.value.type !== ET_REL || elf.value.machine !== EM_BPF) {
    fail(
      'not-an-object',
      `elf: ${name} is not a valid eBPF object file`,
      'The file is an ELF file for another machine or not relocatable. Compile with: clang -O2 -g -target bpf -c.',
      { offset: 16 },
    );
  }
  if (elf.value.symbolTable === 0) {
    fail(
      'not-an-object',
      `elf: couldn't find symbol table in ${name}, stripped object file?`,
      'Keep the symbols: use llvm-strip -g, not llvm-strip.',
    );
  }
  return elf.value;
}

class Opener {
  readonly #name: string;
  readonly #elf: ElfFile;
  readonly #warnings: LoadProblem[] = [];
  #btf: Btf | null = null;
  #ext: BtfExt | null = null;

  constructor(elf: ElfFile, name: string) {
    this.#elf = elf;
    this.#name = name;
  }

  open(): OpenedObject {
    const { sections, symbols } = this.#elf;
    let license = '';
    for (const s of sections) {
      if (s.name === 'license') license = cString(s.data);
      if (s.name === 'maps' && s.type === SHT_PROGBITS) {
        fail(
          'legacy-maps',
          `elf: legacy map definitions in 'maps' section are not supported by libbpf v1.0+`,
          'Define the maps in BTF style: struct { __uint(type, ...); __type(key, ...); ... } name SEC(".maps");',
          { section: 'maps' },
        );
      }
    }
    this.#readBtf();
    const mapsSection = sections.find((s) => s.name === '.maps');
    if (mapsSection !== undefined && this.#btf === null) {
      fail(
        'no-btf',
        'BTF is required, but is missing or corrupted.',
        'Maps in SEC(".maps") are described by BTF. Compile with -g.',
      );
    }
    const externs = collectExterns(symbols, this.#btf);
    this.#placeVariables(externs);
    const maps: MapDef[] = [];
    const outer = [];
    if (mapsSection !== undefined && this.#btf !== null) {
      const parsed = parseBtfMaps(this.#btf, mapsSection.size);
      maps.push(...parsed.maps);
      outer.push(...parsed.outer);
    }
    const dataMaps = new Map<number, number>();
    for (const s of sections) {
      if (!isData(s) || s.size === 0) continue;
      if (s.size > 1 << 26)
        fail(
          'section-size',
          `section ${s.name} has ${s.size} bytes`,
          'Global data of this size cannot be a map value.',
          { section: s.name },
        );
      dataMaps.set(s.index, maps.length);
      maps.push(dataMap(this.#btf, maps.length, s.name, s.size, s.data));
    }
    if (externs.kconfigSize > 0) {
      maps.push(dataMap(this.#btf, maps.length, '.kconfig', externs.kconfigSize, undefined));
    }
    for (const { map, inner } of outer) {
      maps[map] = { ...maps[map], innerMap: maps.length };
      maps.push({ ...inner, index: maps.length });
    }

    const text = sections.find((s) => s.name === '.text' && (s.flags & SHF_EXECINSTR) !== 0 && s.size > 0);
    const places: Places = { externs, dataMaps, mapsSection, maps, textIndex: text?.index ?? 0 };
    const functions = this.#functions(places);
    this.#fillSlots(places, maps, functions);
    return {
      name: this.#name,
      license,
      btf: this.#btf,
      maps,
      functions,
      programs: this.#programs(functions, places.textIndex),
      externs: externs.externs,
      textIndex: places.textIndex,
      warnings: this.#warnings,
    };
  }

  #fillSlots(places: Places, maps: MapDef[], functions: readonly OpenedFunction[]): void {
    const { mapsSection, textIndex } = places;
    if (mapsSection === undefined || this.#btf === null) return;
    const relocations = this.#elf
      .relocations(mapsSection.index)
      .map((r) => ({ offset: r.offset, symbol: this.#elf.symbols[r.symbol] }));
    if (relocations.length === 0) return;
    const mapsIndex = mapsSection.index;
    const slots = collectSlots({ btf: this.#btf, relocations, maps, functions, textIndex, mapsIndex });
    for (const [map, filled] of slots) maps[map] = { ...maps[map], slots: filled };
  }

  #readBtf(): void {
    const section = this.#elf.sections.find((s) => s.name === '.BTF' && s.type === SHT_PROGBITS);
    if (section === undefined) return;
    const btf = parseBtf(section.data);
    if (!btf.ok) {
      fail('bad-btf', `Error loading ELF section .BTF: ${btf.error.message}`, DAMAGED, {
        section: '.BTF',
        offset: section.offset + btf.error.offset,
      });
    } else {
      this.#btf = btf.value;
    }
    const extSection = this.#elf.sections.find((s) => s.name === '.BTF.ext' && s.type === SHT_PROGBITS);
    if (extSection === undefined) return;
    const ext = parseBtfExt(extSection.data);
    if (ext.ok) this.#ext = ext.value;
    else {
      // libbpf carries on without it; so do we, but CO-RE is lost then.
      const where = { section: '.BTF.ext', offset: extSection.offset + ext.error.offset };
      this.#warnings.push(
        problem('warning', 'bad-btf-ext', `Error loading ELF section .BTF.ext: ${ext.error.message}`, DAMAGED, where),
      );
    }
  }

  /** Compilers leave offsets and sizes of global variables to the linker: libbpf and we take them from the symbols. */
  #placeVariables(externs: CollectedExterns): void {
    const section = this.#elf.sections.find((s) => s.name === '.BTF' && s.type === SHT_PROGBITS);
    if (section === undefined || this.#btf === null) return;
    const byName = new Map(this.#elf.sections.map((s) => [s.name, s]));
    const bytes = section.data.slice();
    const btf = this.#btf;
    patchDatasecs(bytes, btf, (secName) => {
      if (secName === '.kconfig') {
        const offsets = new Map(
          externs.externs.flatMap((e) => (e.kind === 'kconfig' ? [[e.name, e.offset] as const] : [])),
        );
        return { size: externs.kconfigSize, offsets };
      }
      const elfSection = byName.get(secName);
      if (elfSection === undefined) return undefined;
      const offsets = new Map<string, number>();
      for (const s of this.#elf.symbols)
        if (s.section === elfSection.index && s.name !== '') offsets.set(s.name, s.value);
      return { size: elfSection.size, offsets };
    });
    const patched = parseBtf(bytes);
    if (patched.ok) this.#btf = patched.value;
  }

  #functions(places: Places): OpenedFunction[] {
    const functions: OpenedFunction[] = [];
    for (const section of this.#elf.sections) {
      if (section.type !== SHT_PROGBITS || (section.flags & SHF_EXECINSTR) === 0 || section.size === 0) continue;
      if (section.size % 8 !== 0) {
        fail(
          'section-size',
          `sec '${section.name}': size ${section.size} is not a multiple of an instruction's 8 bytes`,
          DAMAGED,
          {
            section: section.name,
            offset: section.offset,
          },
        );
      }
      const isText = section.index === places.textIndex;
      const symbols = this.#elf.symbols
        .filter((s) => s.section === section.index && s.type === STT_FUNC)
        .sort((a, b) => a.value - b.value);
      for (const s of symbols) {
        const where = { section: section.name, program: s.name };
        if (s.value + s.size > section.size) {
          fail(
            'function-bounds',
            `sec '${section.name}': program at offset ${s.value} crosses section boundary`,
            DAMAGED,
            where,
          );
        }
        if (s.value % 8 !== 0 || s.size % 8 !== 0 || s.size === 0) {
          fail(
            'function-bounds',
            `sec '${section.name}': corrupted program '${s.name}', offset ${s.value}, size ${s.size}`,
            DAMAGED,
            where,
          );
        }
        if (!isText && s.bind === STB_LOCAL) {
          fail(
            'static-program',
            `sec '${section.name}': program '${s.name}' is static and not supported`,
            'A function in a SEC() that is attached must not be static.',
            where,
          );
        }
        functions.push(this.#function(section, s));
      }
    }
    this.#attachRelocations(functions, places);
    this.#attachInfo(functions);
    for (const f of functions)
      if (f.funcTypeId === 0) (f as { funcTypeId: number }).funcTypeId = this.#btf?.find(f.name, 'func') ?? 0;
    return functions;
  }

  #function(section: ElfSection, s: ElfSymbol): OpenedFunction {
    // Hidden global functions are verified like static ones: libbpf marks them so.
    const hidden = s.visibility === 1 || s.visibility === 2;
    return {
      name: s.name,
      section: section.name,
      sectionIndex: section.index,
      start: s.value / 8,
      insns: decodeInsns(section.data.subarray(s.value, s.value + s.size)),
      linkage: s.bind === STB_LOCAL || hidden ? 'static' : 'global',
      relocs: [],
      coreRelos: [],
      lines: [],
      funcTypeId: 0,
    };
  }

  #attachRelocations(functions: OpenedFunction[], places: Places): void {
    const bySection = groupBySection(functions);
    for (const [sectionIndex, list] of bySection) {
      const section = this.#elf.sections[sectionIndex];
      for (const r of this.#elf.relocations(sectionIndex)) {
        if (r.offset % 8 !== 0 || r.offset >= section.size) {
          fail(
            'relocation',
            `sec '${section.name}': invalid offset 0x${r.offset.toString(16)} for a relocation`,
            DAMAGED,
            { section: section.name },
          );
        }
        const f = functionAt(list, r.offset / 8);
        // Code of a weak function that lost to another: nobody calls it.
        if (f === undefined) continue;
        (f.relocs as Reloc[]).push(this.#relocation(f, r.offset / 8 - f.start, this.#elf.symbols[r.symbol], places));
      }
    }
  }

  #relocation(f: OpenedFunction, insn: number, symbol: ElfSymbol, places: Places): Reloc {
    const place = { program: f.name, section: f.section, insn };
    const op = f.insns.op[insn];
    const target = this.#elf.sections[symbol.section];
    const name = symbol.type === STT_SECTION && symbol.name === '' ? (target?.name ?? '?') : symbol.name;
    const reject = (what: string, why: string): never => fail('relocation', `prog '${f.name}': ${what}`, why, place);
    if (op !== OP_CALL && op !== OP_LD_IMM64) {
      return reject(
        `invalid relo against '${name}' for insns[${insn}].code 0x${op.toString(16)}`,
        'Only calls and 64-bit constants can refer to symbols.',
      );
    }
    if (isExtern(symbol)) {
      const extern = places.externs.bySymbol.get(symbol.index);
      if (extern === undefined) return reject(`extern relo failed to find extern for '${name}'`, DAMAGED);
      return { kind: 'extern', insn, extern };
    }
    if (op === OP_CALL) {
      if (f.insns.src[insn] !== BPF_PSEUDO_CALL) {
        const libcall = f.insns.src[insn] === BPF_PSEUDO_KFUNC_CALL ? 'a kernel function' : 'something';
        return reject(
          'incorrect bpf_call opcode',
          `The program calls ${libcall} that this object defines as data: '${name}'.`,
        );
      }
      if (places.textIndex === 0 || symbol.section !== places.textIndex) {
        const why =
          symbol.section === 0
            ? `'${name}' is called and not defined. The compiler may have made the call itself (memcpy, memset, a 128-bit division): use __builtin_memcpy with a constant size.`
            : 'Functions that are called must be in .text, that is without SEC().';
        return reject(`bad call relo against '${name}' in section '${target?.name ?? ''}'`, why);
      }
      if (symbol.value % 8 !== 0) return reject(`bad call relo against '${name}' at offset ${symbol.value}`, DAMAGED);
      return { kind: 'call', insn, offset: symbol.value };
    }
    if (symbol.section === 0 || symbol.section >= SHN_ABS || target === undefined) {
      return reject(
        `invalid relo against '${name}' in special section 0x${symbol.section.toString(16)}; forgot to initialize global var?..`,
        `'${name}' is used and not defined in this object.`,
      );
    }
    if (symbol.section === places.textIndex && (symbol.type === STT_SECTION || symbol.type === STT_FUNC)) {
      if (symbol.value % 8 !== 0 || f.insns.imm[insn] % 8 !== 0) {
        return reject(
          `bad subprog addr relo against '${name}' at offset ${symbol.value}+${f.insns.imm[insn]}`,
          DAMAGED,
        );
      }
      return { kind: 'func', insn, offset: symbol.value };
    }
    if (target === places.mapsSection) {
      const map = this.#mapAt(symbol, places);
      if (map === undefined) {
        return reject(
          `map relo failed to find map for section '.maps', off ${symbol.value}`,
          'The instruction refers to a place in .maps where no map begins. Static maps are not supported: drop the word static.',
        );
      }
      return { kind: 'map', insn, map };
    }
    const map = places.dataMaps.get(symbol.section);
    if (map === undefined) {
      return reject(
        `bad data relo against section '${target.name}'`,
        `'${name}' lies in a section that is neither .data, .rodata nor .bss.`,
      );
    }
    return { kind: 'data', insn, map, offset: symbol.value };
  }

  /** Maps are told apart by their place in `.maps`. */
  #mapAt(symbol: ElfSymbol, places: Places): number | undefined {
    const sec = this.#btf?.type(this.#btf.find('.maps', 'datasec'));
    if (sec?.kind !== 'datasec' || symbol.type === STT_SECTION) return undefined;
    const at = sec.vars.findIndex((v) => v.offset === symbol.value);
    return at < 0 ? undefined : places.maps[at]?.index;
  }

  #attachInfo(functions: OpenedFunction[]): void {
    const ext = this.#ext;
    const btf = this.#btf;
    if (ext === null || btf === null) return;
    const byName = new Map(
      this.#elf.sections
        .filter((s) => s.type !== SHT_STRTAB && s.type !== SHT_LLVM_ADDRSIG)
        .map((s) => [s.name, s.index]),
    );
    const bySection = groupBySection(functions);
    const each = <T extends { insnOffset: number }>(
      blocks: readonly ExtBlock<T>[],
      what: string,
      use: (f: OpenedFunction, insn: number, r: T) => void,
    ): void => {
      for (const block of blocks) {
        const name = btf.string(block.sectionName);
        const list = bySection.get(byName.get(name) ?? -1);
        if (list === undefined) continue;
        for (const r of block.records) {
          if (r.insnOffset % 8 !== 0)
            fail('bad-btf-ext', `.BTF.ext ${what}: offset ${r.insnOffset} is not at an instruction`, DAMAGED, {
              section: name,
            });
          const f = functionAt(list, r.insnOffset / 8);
          if (f !== undefined) use(f, r.insnOffset / 8 - f.start, r);
        }
      }
    };
    each(ext.funcInfo, 'func_info', (f, insn, r) => {
      if (insn === 0 && btf.kind(r.typeId) === 'func') (f as { funcTypeId: number }).funcTypeId = r.typeId;
    });
    each(ext.lineInfo, 'line_info', (f, insn, { fileOffset, textOffset, line, column }) => {
      (f.lines as RawLine[]).push({ insn, fileOffset, textOffset, line, column });
    });
    each(ext.coreRelos, 'core_relo', (f, insn, { typeId, accessOffset, kind }) => {
      (f.coreRelos as OpenedFunction['coreRelos'][number][]).push({ insn, typeId, accessOffset, kind });
    });
    for (const { lines } of functions) if (!isSorted(lines)) (lines as RawLine[]).sort((a, b) => a.insn - b.insn);
  }

  #programs(functions: readonly OpenedFunction[], textIndex: number): OpenedProgram[] {
    const programs: OpenedProgram[] = [];
    functions.forEach((f, func) => {
      if (f.sectionIndex === textIndex) return;
      const place = { program: f.name, section: f.section };
      const parsed = parseSectionName(f.section);
      if (parsed.kind === 'known') {
        programs.push({ func, autoload: parsed.autoload, spec: parsed.spec });
      } else if (parsed.kind === 'other') {
        this.#warnings.push(
          problem(
            'warning',
            'not-modelled',
            `prog '${f.name}': programs of SEC("${f.section}") are not modelled`,
            'The kernel may load this program; LSMith does not verify programs of this type and says nothing about it.',
            place,
          ),
        );
      } else {
        this.#warnings.push(
          problem(
            'error',
            'unknown-section',
            `prog '${f.name}': missing BPF prog type, check ELF section name '${f.section}'`,
            'The part before the slash is not a program type. For an LSM hook write SEC("lsm/<hook>") or SEC("lsm.s/<hook>") (sleepable).',
            place,
          ),
        );
      }
    });
    return programs;
  }
}

const isSorted = (lines: readonly RawLine[]): boolean => lines.every((l, i) => i === 0 || lines[i - 1].insn <= l.insn);

interface Places {
  readonly externs: CollectedExterns;
  /** ELF section → map. */
  readonly dataMaps: ReadonlyMap<number, number>;
  readonly mapsSection: ElfSection | undefined;
  readonly maps: readonly MapDef[];
  readonly textIndex: number;
}

function groupBySection(functions: readonly OpenedFunction[]): Map<number, OpenedFunction[]> {
  const out = new Map<number, OpenedFunction[]>();
  for (const f of functions) {
    const list = out.get(f.sectionIndex);
    if (list === undefined) out.set(f.sectionIndex, [f]);
    else list.push(f);
  }
  return out;
}

/** The function whose code covers a slot of its section. The list is sorted by start. */
export function functionAt(list: readonly OpenedFunction[], slot: number): OpenedFunction | undefined {
  let low = 0;
  let high = list.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const f = list[middle];
    if (slot < f.start) high = middle - 1;
    else if (slot >= f.start + f.insns.count) low = middle + 1;
    else return f;
  }
  return undefined;
}

function cString(data: Uint8Array): string {
  let text = '';
  for (let i = 0; i < Math.min(data.length, 128) && data[i] !== 0; i++) text += String.fromCharCode(data[i]);
  return text;
}
