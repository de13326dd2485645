/** The ELF object as libbpf wants it: program sections, .text, data, maps, licence, symbols, relocations, BTF. */
import { assert } from '../../../base/index.ts';
import {
  ElfWriter,
  R_BPF_64_32,
  R_BPF_64_64,
  R_BPF_64_ABS64,
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
} from '../../bpf/index.ts';
import type { FunctionDecl, TranslationUnit, VarDecl } from '../../c/index.ts';
import type { Symbol } from '../ir.ts';
import type { FunctionCode } from '../machine/emit.ts';
import { writeBtf } from './btf-sections.ts';
import { layOutData, type DataSection } from './data-sections.ts';

/** A code section: its functions one behind the other. */
export interface CodeSection {
  readonly name: string;
  readonly functions: readonly { readonly code: FunctionCode; readonly offset: number }[];
  readonly size: number;
}

export const TEXT = '.text';

function codeSections(functions: readonly FunctionCode[]): readonly CodeSection[] {
  const out = new Map<string, { code: FunctionCode; offset: number }[]>();
  const sizes = new Map<string, number>();
  // libbpf looks for .text first; it holds the subprograms of all programs.
  const ordered = [...functions].sort(
    (a, b) => Number(a.decl.attributes.section !== null) - Number(b.decl.attributes.section !== null),
  );
  for (const code of ordered) {
    const name = code.decl.attributes.section ?? TEXT;
    const offset = sizes.get(name) ?? 0;
    const list = out.get(name) ?? [];
    list.push({ code, offset });
    out.set(name, list);
    sizes.set(name, offset + code.bytes.length);
  }
  return [...out].map(([name, list]) => ({ name, functions: list, size: sizes.get(name)! }));
}

const hasStorage = (v: VarDecl): boolean =>
  v.storage === 'global' || (v.storage === 'static' && (v.referenced || v.attributes.used));

/** Symbols that the code takes the address of. */
const symbolsIn = (functions: readonly FunctionCode[]): Symbol[] =>
  functions.flatMap((f) => f.relocs.flatMap((r) => (r.target.kind === 'address' ? [r.target.symbol] : [])));

/** Every function of `functions` is written; variables as far as they have storage or are referenced externs. */
export function buildObject(unit: TranslationUnit, functions: readonly FunctionCode[]): Uint8Array {
  const code = codeSections(functions);
  const data = layOutData(unit.variables.filter(hasStorage), symbolsIn(functions));
  const elf = new ElfWriter();
  return new Assembler(unit, elf, code, data).emit();
}

interface Place {
  readonly section: number;
  readonly offset: number;
}

class Assembler {
  readonly #unit: TranslationUnit;
  readonly #elf: ElfWriter;
  readonly #code: readonly CodeSection[];
  readonly #data: readonly DataSection[];
  readonly #sectionSymbols = new Map<number, number>();
  readonly #symbols = new Map<VarDecl | FunctionDecl, number>();
  readonly #places = new Map<VarDecl | FunctionDecl, Place>();
  readonly #strings = new Map<string, Place>();

  constructor(unit: TranslationUnit, elf: ElfWriter, code: readonly CodeSection[], data: readonly DataSection[]) {
    this.#unit = unit;
    this.#elf = elf;
    this.#code = code;
    this.#data = data;
  }

  emit(): Uint8Array {
    const bodies = this.#code.map((s) => {
      const bytes = new Uint8Array(s.size);
      for (const f of s.functions) bytes.set(f.code.bytes, f.offset);
      const index = this.#elf.addSection({ name: s.name, data: bytes, flags: SHF_ALLOC | SHF_EXECINSTR, align: 8 });
      for (const f of s.functions) this.#defineFunction(f.code, index, f.offset);
      return { section: s, bytes, index };
    });
    for (const s of this.#data) this.#addData(s);
    for (const b of bodies) {
      for (const f of b.section.functions) for (const r of f.code.relocs) this.#relocate(b.bytes, b.index, f.offset, r);
      this.#elf.setData(b.index, b.bytes);
    }
    const { btf, ext } = writeBtf(this.#unit, this.#code, this.#data);
    this.#elf.addSection({ name: '.BTF', data: btf, flags: 0, align: 4 });
    this.#elf.addSection({ name: '.BTF.ext', data: ext, flags: 0, align: 4 });
    return this.#elf.emit();
  }

  #defineFunction({ decl, bytes }: FunctionCode, section: number, offset: number): void {
    this.#places.set(decl, { section, offset });
    // Programs are global whatever their linkage says: libbpf goes by the section.
    const bind = decl.linkage === 'static' ? STB_LOCAL : decl.attributes.weak ? STB_WEAK : STB_GLOBAL;
    const size = bytes.length;
    this.#symbols.set(
      decl,
      this.#elf.addSymbol({
        name: decl.name,
        section,
        value: offset,
        size,
        type: STT_FUNC,
        bind,
        visibility: decl.attributes.hidden ? 2 : 0,
      }),
    );
  }

  #addData(s: DataSection): void {
    const writable = !s.name.startsWith('.rodata');
    const index = this.#elf.addSection({
      name: s.name,
      data: s.bytes,
      flags: SHF_ALLOC | (writable ? SHF_WRITE : 0),
      align: s.align,
      ...(s.noBits ? { type: SHT_NOBITS, size: s.size } : {}),
    });
    for (const v of s.vars) {
      this.#places.set(v.decl, { section: index, offset: v.offset });
      const bind = v.decl.storage === 'static' ? STB_LOCAL : v.decl.attributes.weak ? STB_WEAK : STB_GLOBAL;
      const name = v.decl.owner === null ? v.decl.name : `${v.decl.owner.name}.${v.decl.name}`;
      this.#symbols.set(
        v.decl,
        this.#elf.addSymbol({ name, section: index, value: v.offset, size: v.size, type: STT_OBJECT, bind }),
      );
    }
    for (const [key, offset] of s.strings) this.#strings.set(key, { section: index, offset });
    for (const v of s.vars) this.#relocateImage(v.decl, index, v.offset);
  }

  /** Addresses in initialisers: map-in-map values and program arrays. libbpf reads them from `.maps` only. */
  #relocateImage(decl: VarDecl, section: number, offset: number): void {
    for (const r of decl.image?.relocs ?? []) {
      assert('name' in r.target, `${decl.name}: the address of a string literal in an initialiser`);
      this.#elf.addRelocation(section, offset + r.offset, R_BPF_64_ABS64, this.#symbolOf(r.target));
    }
  }

  #relocate(bytes: Uint8Array, section: number, start: number, r: FunctionCode['relocs'][number]): void {
    const at = start + r.insn * 8;
    const view = new DataView(bytes.buffer);
    if (r.target.kind !== 'address') {
      const { decl } = r.target;
      const place = this.#places.get(decl);
      if (place && decl.linkage === 'static') {
        view.setInt32(at + 4, place.offset / 8 - 1, true);
        this.#elf.addRelocation(section, at, R_BPF_64_32, this.#sectionSymbol(place.section));
      } else {
        view.setInt32(at + 4, -1, true);
        this.#elf.addRelocation(section, at, R_BPF_64_32, this.#symbolOf(decl));
      }
      return;
    }
    const { symbol, addend } = r.target;
    const place = symbol.kind === 'string' ? this.#strings.get(symbol.key) : this.#places.get(symbol.decl);
    const local = symbol.kind === 'string' || (place !== undefined && this.#isLocal(symbol.decl));
    if (local) {
      // As clang does for what has no global symbol: the section's symbol, the offset in the instruction.
      view.setInt32(at + 4, place!.offset + addend, true);
      this.#elf.addRelocation(section, at, R_BPF_64_64, this.#sectionSymbol(place!.section));
    } else {
      view.setInt32(at + 4, addend, true);
      this.#elf.addRelocation(
        section,
        at,
        R_BPF_64_64,
        this.#symbolOf((symbol as Exclude<Symbol, { kind: 'string' }>).decl),
      );
    }
  }

  #isLocal(decl: VarDecl | FunctionDecl): boolean {
    return decl.kind === 'function' ? decl.linkage === 'static' : decl.storage === 'static';
  }

  #symbolOf(decl: VarDecl | FunctionDecl): number {
    let symbol = this.#symbols.get(decl);
    if (symbol === undefined) {
      const bind = decl.attributes.weak ? STB_WEAK : STB_GLOBAL;
      symbol = this.#elf.addUndefined(decl.name, bind, STT_NOTYPE);
      this.#symbols.set(decl, symbol);
    }
    return symbol;
  }

  #sectionSymbol(section: number): number {
    let symbol = this.#sectionSymbols.get(section);
    if (symbol === undefined) this.#sectionSymbols.set(section, (symbol = this.#elf.addSectionSymbol(section)));
    return symbol;
  }
}
