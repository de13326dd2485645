/** Code, data and types → an ELF object as libbpf wants it. */
import {
  BPF_PSEUDO_CALL,
  type BtfBuilder,
  type CoreRelo,
  ElfWriter,
  type ExtBlock,
  type FuncInfo,
  type LineInfo,
  R_BPF_64_32,
  R_BPF_64_64,
  R_BPF_64_ABS64,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_MERGE,
  SHF_STRINGS,
  SHF_WRITE,
  SHT_NOBITS,
  STB_GLOBAL,
  STB_LOCAL,
  STB_WEAK,
  STT_FUNC,
  STT_NOTYPE,
  STT_OBJECT,
  STV_DEFAULT,
  STV_HIDDEN,
  writeBtfExt,
} from '../../bpf/index.ts';
import { asNamed, type FunctionDecl, type Loc, type TranslationUnit, type VarDecl } from '../../c/index.ts';
import { CORE_KIND, isExternal, type Symbol } from '../ir.ts';
import type { FunctionCode } from '../machine/emit.ts';
import { BtfTypes } from './btf-types.ts';
import { DataLayout, storageSize } from './data.ts';

export const sectionOfFunction = (d: FunctionDecl): string => d.attributes.section ?? '.text';

interface CodeSection {
  readonly name: string;
  readonly functions: { readonly code: FunctionCode; readonly offset: number }[];
  size: number;
  index: number;
  bytes: Uint8Array;
}

/** Builds the object. `functions` in the order in which they shall stand. */
export function writeObject(
  unit: TranslationUnit,
  functions: readonly FunctionCode[],
  variables: readonly VarDecl[],
): Uint8Array {
  const elf = new ElfWriter();
  const types = new BtfTypes();
  const data = new DataLayout();

  // ---- code layout
  const code = new Map<string, CodeSection>();
  const places = new Map<FunctionDecl, { section: CodeSection; offset: number; code: FunctionCode }>();
  const order = [...functions].sort(
    (a, b) => Number(sectionOfFunction(a.decl) !== '.text') - Number(sectionOfFunction(b.decl) !== '.text'),
  );
  for (const f of order) {
    const name = sectionOfFunction(f.decl);
    let s = code.get(name);
    if (s === undefined) {
      s = { name, functions: [], size: 0, index: 0, bytes: new Uint8Array(0) };
      code.set(name, s);
    }
    places.set(f.decl, { section: s, offset: s.size, code: f });
    s.functions.push({ code: f, offset: s.size });
    s.size += f.bytes.length;
  }
  for (const s of code.values()) {
    s.bytes = new Uint8Array(s.size);
    for (const f of s.functions) s.bytes.set(f.code.bytes, f.offset);
  }

  // ---- data layout
  for (const v of variables) data.add(v);
  const externs = new Set<VarDecl | FunctionDecl>();
  for (const f of functions)
    for (const r of f.relocs) {
      if (r.target.kind === 'kfunc') externs.add(r.target.decl);
      else if (r.target.kind === 'address') {
        const symbol = r.target.symbol;
        if (symbol.kind === 'string') data.string(symbol);
        else if (symbol.kind === 'func' && isExternal(symbol)) externs.add(symbol.decl);
        else if (symbol.kind === 'var') {
          if (symbol.decl.storage === 'extern') externs.add(symbol.decl);
          else data.add(symbol.decl);
        }
      }
    }
  data.fill();

  // ---- sections
  for (const s of code.values())
    s.index = elf.addSection({ name: s.name, data: s.bytes, flags: SHF_ALLOC | SHF_EXECINSTR, align: 8 });
  const sectionIndex = new Map<string, number>();
  for (const s of data.sections.values()) {
    const flags = SHF_ALLOC | (s.writable ? SHF_WRITE : 0) | (s.strings ? SHF_MERGE | SHF_STRINGS : 0);
    const index = s.nobits
      ? elf.addSection({ name: s.name, data: new Uint8Array(0), flags, type: SHT_NOBITS, size: s.size, align: s.align })
      : elf.addSection({ name: s.name, data: s.bytes!, flags, align: s.align, ...(s.strings ? { entrySize: 1 } : {}) });
    sectionIndex.set(s.name, index);
  }

  // ---- symbols
  const sectionSymbols = new Map<number, number>();
  const sectionSymbol = (index: number): number => {
    let s = sectionSymbols.get(index);
    if (s === undefined) {
      s = elf.addSectionSymbol(index);
      sectionSymbols.set(index, s);
    }
    return s;
  };
  const functionSymbols = new Map<FunctionDecl, number>();
  for (const [decl, p] of places) {
    const local = decl.linkage === 'static';
    functionSymbols.set(
      decl,
      elf.addSymbol({
        name: decl.name,
        section: p.section.index,
        value: p.offset,
        size: p.code.bytes.length,
        type: STT_FUNC,
        bind: local ? STB_LOCAL : decl.attributes.weak ? STB_WEAK : STB_GLOBAL,
        visibility: decl.attributes.hidden ? STV_HIDDEN : STV_DEFAULT,
      }),
    );
  }
  const variableSymbols = new Map<VarDecl, number>();
  for (const [decl, p] of data.places) {
    const local = decl.storage === 'static';
    variableSymbols.set(
      decl,
      elf.addSymbol({
        name: localName(decl),
        section: sectionIndex.get(p.section.name)!,
        value: p.offset,
        size: storageSize(decl),
        type: STT_OBJECT,
        bind: local ? STB_LOCAL : decl.attributes.weak ? STB_WEAK : STB_GLOBAL,
        visibility: decl.attributes.hidden ? STV_HIDDEN : STV_DEFAULT,
      }),
    );
  }
  const externSymbols = new Map<VarDecl | FunctionDecl, number>();
  for (const d of externs)
    externSymbols.set(d, elf.addUndefined(d.name, d.attributes.weak ? STB_WEAK : STB_GLOBAL, STT_NOTYPE));

  // ---- relocations of code
  const patch = (s: CodeSection, at: number, imm: number): void =>
    new DataView(s.bytes.buffer, s.bytes.byteOffset).setInt32(at + 4, imm, true);
  function relocateAddress(s: CodeSection, at: number, symbol: Symbol, addend: number): void {
    const against = (imm: number, handle: number): void => {
      patch(s, at, imm);
      elf.addRelocation(s.index, at, R_BPF_64_64, handle);
    };
    if (symbol.kind === 'string') {
      const place = data.string(symbol);
      against(place.offset + addend, sectionSymbol(sectionIndex.get(place.section.name)!));
    } else if (symbol.kind === 'func' && isExternal(symbol)) against(0, externSymbols.get(symbol.decl)!);
    else if (symbol.kind === 'func') {
      const callee = places.get(symbol.decl)!;
      // libbpf knows a static function by its section's symbol and offset only.
      if (symbol.decl.linkage === 'static') against(callee.offset, sectionSymbol(callee.section.index));
      else against(0, functionSymbols.get(symbol.decl)!);
    } else if (symbol.decl.storage === 'extern') against(addend, externSymbols.get(symbol.decl)!);
    else {
      const place = data.places.get(symbol.decl)!;
      if (symbol.decl.storage === 'static' && place.section.name !== '.maps')
        against(place.offset + addend, sectionSymbol(sectionIndex.get(place.section.name)!));
      else against(addend, variableSymbols.get(symbol.decl)!);
    }
  }
  for (const p of places.values()) {
    const s = p.section;
    for (const r of p.code.relocs) {
      const at = p.offset + r.insn * 8;
      const t = r.target;
      if (t.kind === 'address') relocateAddress(s, at, t.symbol, t.addend);
      else if (t.kind === 'kfunc') {
        // libbpf finds an extern function call by BPF_PSEUDO_CALL and makes it a kfunc call itself.
        s.bytes[at + 1] = (BPF_PSEUDO_CALL << 4) | (s.bytes[at + 1] & 15);
        elf.addRelocation(s.index, at, R_BPF_64_32, externSymbols.get(t.decl)!);
      } else if (t.kind === 'call') {
        const callee = places.get(t.decl)!;
        if (callee.section === s && t.decl.linkage === 'static') patch(s, at, (callee.offset - at) / 8 - 1);
        else if (t.decl.linkage === 'static') {
          patch(s, at, callee.offset / 8 - 1);
          elf.addRelocation(s.index, at, R_BPF_64_32, sectionSymbol(callee.section.index));
        } else elf.addRelocation(s.index, at, R_BPF_64_32, functionSymbols.get(t.decl)!);
      }
    }
  }
  // ---- relocations of data: map-in-map and program arrays, and pointers between globals
  for (const s of data.sections.values())
    for (const r of s.relocs) {
      const t = r.target;
      let symbol: number | undefined;
      if ('linkage' in t) symbol = functionSymbols.get(t);
      else if ('storage' in t) symbol = variableSymbols.get(t) ?? externSymbols.get(t);
      if (symbol !== undefined) elf.addRelocation(sectionIndex.get(s.name)!, r.offset, R_BPF_64_ABS64, symbol);
    }

  // ---- types
  for (const f of functions)
    for (const c of f.core)
      types.announce(
        c.access,
        c.kind === CORE_KIND.typeMatches || c.kind === CORE_KIND.localTypeId || c.kind === CORE_KIND.targetTypeId,
      );
  for (const s of data.sections.values())
    for (const v of s.vars) types.contain(v.decl.type, s.name.startsWith('.maps'));
  // The verifier checks pointer arguments of global functions by the size of what they point to.
  for (const d of places.keys())
    if (d.linkage === 'global' && d.attributes.section === null) for (const p of d.params) types.contain(p.type, true);
  const b = types.builder;
  const funcIds = new Map<FunctionDecl, number>();
  for (const [decl] of places) {
    const proto = types.proto(
      decl.type,
      decl.params.map((p) => p.name),
    );
    const id = b.addFunc(decl.name, proto, decl.linkage === 'static' ? 'static' : 'global');
    funcIds.set(decl, id);
    for (const tag of decl.attributes.declTags) b.addDeclTag(tag, id);
    decl.params.forEach((p, n) => {
      for (const tag of p.attributes.declTags) b.addDeclTag(tag, id, n);
    });
  }
  for (const s of data.sections.values()) {
    if (s.vars.length === 0) continue;
    const vars = s.vars.map((v) => {
      const type = b.addVar(
        localName(v.decl),
        types.id(v.decl.type),
        v.decl.storage === 'static' ? 'static' : 'global',
      );
      for (const tag of v.decl.attributes.declTags) b.addDeclTag(tag, type);
      return { type, offset: v.offset, size: v.size };
    });
    b.addDatasec(s.name, s.size, vars);
  }
  // Externs: .ksyms and .kconfig have DATASECs whose sizes and offsets libbpf works out itself.
  const bySection = new Map<string, { type: number; offset: number; size: number }[]>();
  for (const d of externs) {
    const section = d.attributes.section ?? '.ksyms';
    let list = bySection.get(section);
    if (list === undefined) bySection.set(section, (list = []));
    if (d.kind === 'function') {
      types.signature(d.type);
      const id = b.addFunc(
        d.name,
        types.proto(
          d.type,
          d.params.map((p) => p.name),
        ),
        'extern',
      );
      for (const tag of d.attributes.declTags) b.addDeclTag(tag, id);
      list.push({ type: id, offset: 0, size: 0 });
    } else {
      // `extern const void` counts one byte, as clang has it.
      list.push({ type: b.addVar(d.name, types.id(d.type), 'extern'), offset: 0, size: Math.max(1, storageSize(d)) });
    }
  }
  for (const [name, vars] of bySection) b.addDatasec(name, 0, vars);

  // ---- .BTF.ext
  const funcInfo: ExtBlock<FuncInfo>[] = [];
  const lineInfo: ExtBlock<LineInfo>[] = [];
  const coreRelos: ExtBlock<CoreRelo>[] = [];
  const texts = new LineTexts(unit, b);
  const typeIdPatches: { section: CodeSection; at: number; id: number }[] = [];
  for (const s of code.values()) {
    const funcs: FuncInfo[] = [];
    const lines: LineInfo[] = [];
    const cores: CoreRelo[] = [];
    for (const f of s.functions) {
      funcs.push({ insnOffset: f.offset, typeId: funcIds.get(f.code.decl)! });
      let first = true;
      const start = unit.sources.position(f.code.decl.loc);
      let last = { file: '', line: -1, column: -1 };
      const record = (insn: number, loc: Loc): void => {
        let p = loc === 0 ? start : unit.sources.position(loc);
        if (p.line === 0) p = start;
        if (!first && p.file === last.file && p.line === last.line && p.column === last.column) return;
        first = false;
        last = p;
        const { fileOffset, textOffset } = texts.of(p.file, p.line);
        lines.push({ insnOffset: f.offset + insn * 8, fileOffset, textOffset, line: p.line, column: p.column });
      };
      record(0, f.code.lines[0]?.insn === 0 ? f.code.lines[0].loc : f.code.decl.loc);
      for (const l of f.code.lines) if (l.insn !== 0) record(l.insn, l.loc);
      for (const c of f.code.core) {
        const typeId = types.id(asNamed(c.access.type));
        cores.push({
          insnOffset: f.offset + c.insn * 8,
          typeId,
          accessOffset: b.string(types.accessString(c.access)),
          kind: c.kind,
        });
        if (c.kind === CORE_KIND.localTypeId || c.kind === CORE_KIND.targetTypeId)
          typeIdPatches.push({ section: s, at: f.offset + c.insn * 8, id: typeId });
      }
    }
    const sectionName = b.string(s.name);
    funcInfo.push({ sectionName, records: funcs });
    lineInfo.push({ sectionName, records: lines });
    coreRelos.push({ sectionName, records: cores });
  }
  types.finish();
  for (const p of typeIdPatches) patch(p.section, p.at, p.id);
  elf.addSection({ name: '.BTF', data: b.emit(), flags: 0, align: 4 });
  elf.addSection({ name: '.BTF.ext', data: writeBtfExt({ funcInfo, lineInfo, coreRelos }), flags: 0, align: 4 });
  return elf.emit();
}

/** Static locals are named after their function, as clang names them. */
const localName = (d: VarDecl): string =>
  d.owner !== null && d.name !== '' ? `${d.owner.name}.${d.name}` : d.name === '' ? '.compoundliteral' : d.name;

/** Where file names and lines stand in the strings of BTF. */
class LineTexts {
  readonly #unit: TranslationUnit;
  readonly #builder: BtfBuilder;
  readonly #files = new Map<string, { readonly fileOffset: number; readonly lines: Map<number, number> }>();

  constructor(unit: TranslationUnit, builder: BtfBuilder) {
    this.#unit = unit;
    this.#builder = builder;
  }

  of(file: string, line: number): { readonly fileOffset: number; readonly textOffset: number } {
    let known = this.#files.get(file);
    if (known === undefined) {
      known = { fileOffset: this.#builder.string(file), lines: new Map() };
      this.#files.set(file, known);
    }
    let textOffset = known.lines.get(line);
    if (textOffset === undefined) {
      textOffset = this.#builder.string(this.#unit.sources.lineText(file, line).replaceAll('\0', ''));
      known.lines.set(line, textOffset);
    }
    return { fileOffset: known.fileOffset, textOffset };
  }
}
