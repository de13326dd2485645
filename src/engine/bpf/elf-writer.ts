/** Writes ELF64 relocatable objects for EM_BPF: sections, symbols and REL relocations, laid out as LLVM does. */
import { assert } from '../../base/index.ts';
import { StringTable } from './btf-writer.ts';
import {
  EM_BPF,
  ET_REL,
  SHN_ABS,
  SHN_UNDEF,
  SHT_NOBITS,
  SHT_PROGBITS,
  SHT_REL,
  SHT_STRTAB,
  SHT_SYMTAB,
  STB_LOCAL,
  STT_FILE,
  STT_SECTION,
  STV_DEFAULT,
} from './elf.ts';

/** Handles are final: a section's handle is its section index, a symbol's handle is opaque until `emit`. */
export interface ElfSectionInput {
  readonly name: string;
  readonly data: Uint8Array;
  readonly flags: number;
  readonly type?: number;
  readonly align?: number;
  /** For SHT_NOBITS, where `data` is empty. */
  readonly size?: number;
  readonly entrySize?: number;
}

export interface ElfSymbolInput {
  readonly name: string;
  readonly section: number;
  readonly value?: number;
  readonly size?: number;
  readonly type: number;
  readonly bind: number;
  readonly visibility?: number;
}

interface Reloc {
  readonly offset: number;
  readonly type: number;
  readonly symbol: number;
}

function setUint64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true);
}

const align = (n: number, to: number): number => Math.ceil(n / to) * to;

export class ElfWriter {
  readonly #sections: ElfSectionInput[] = [];
  readonly #symbols: ElfSymbolInput[] = [];
  readonly #relocs = new Map<number, Reloc[]>();

  /** Returns the section's index in the file (sections keep the order in which they are added). */
  addSection(section: ElfSectionInput): number {
    this.#sections.push(section);
    return this.#sections.length;
  }

  /** Replaces the contents of a section added earlier. */
  setData(section: number, data: Uint8Array): void {
    this.#sections[section - 1] = { ...this.#sections[section - 1], data };
  }

  /** Returns a handle for `addRelocation`. */
  addSymbol(symbol: ElfSymbolInput): number {
    this.#symbols.push(symbol);
    return this.#symbols.length - 1;
  }

  /** A section symbol, as relocations against static data use. */
  addSectionSymbol(section: number): number {
    return this.addSymbol({ name: '', section, type: STT_SECTION, bind: STB_LOCAL });
  }

  /** A symbol that this object does not define. */
  addUndefined(name: string, bind: number, type: number): number {
    return this.addSymbol({ name, section: SHN_UNDEF, type, bind });
  }

  addRelocation(section: number, offset: number, type: number, symbol: number): void {
    const list = this.#relocs.get(section) ?? [];
    list.push({ offset, type, symbol });
    this.#relocs.set(section, list);
  }

  emit(): Uint8Array {
    // ELF wants local symbols first; sh_info of the table is the number of them (with the null symbol).
    const order = this.#symbols
      .map((_, i) => i)
      .sort((a, b) => {
        const local = (i: number): number => (this.#symbols[i].bind === STB_LOCAL ? 0 : 1);
        return local(a) - local(b) || a - b;
      });
    const finalIndex = new Map(order.map((handle, i) => [handle, i + 1]));
    const locals = this.#symbols.filter((s) => s.bind === STB_LOCAL).length + 1;

    const names = new StringTable();
    const symbolBytes = new Uint8Array((order.length + 1) * 24);
    const symView = new DataView(symbolBytes.buffer);
    order.forEach((handle, i) => {
      const s = this.#symbols[handle];
      assert(
        s.section === SHN_UNDEF || s.section === SHN_ABS || s.section <= this.#sections.length,
        'symbol in an unknown section',
      );
      const p = (i + 1) * 24;
      symView.setUint32(p, names.add(s.name), true);
      symView.setUint8(p + 4, (s.bind << 4) | s.type);
      symView.setUint8(p + 5, s.visibility ?? STV_DEFAULT);
      symView.setUint16(p + 6, s.type === STT_FILE ? SHN_ABS : s.section, true);
      setUint64(symView, p + 8, s.value ?? 0);
      setUint64(symView, p + 16, s.size ?? 0);
    });

    interface Header extends ElfSectionInput {
      readonly link: number;
      readonly info: number;
    }
    const headers: Header[] = this.#sections.map((s) => ({ ...s, link: 0, info: 0 }));
    const relocated = [...this.#relocs.entries()].sort((a, b) => a[0] - b[0]);
    const symtab = headers.length + relocated.length + 1;
    const strtab = symtab + 1;
    for (const [section, relocs] of relocated) {
      const data = new Uint8Array(relocs.length * 16);
      const view = new DataView(data.buffer);
      [...relocs]
        .sort((a, b) => a.offset - b.offset)
        .forEach((r, i) => {
          const symbol = finalIndex.get(r.symbol);
          assert(symbol !== undefined, 'relocation against an unknown symbol');
          setUint64(view, i * 16, r.offset);
          view.setUint32(i * 16 + 8, r.type, true);
          view.setUint32(i * 16 + 12, symbol, true);
        });
      const name = `.rel${this.#sections[section - 1].name}`;
      headers.push({ name, data, flags: 0, type: SHT_REL, align: 8, entrySize: 16, link: symtab, info: section });
    }
    headers.push({
      name: '.symtab',
      data: symbolBytes,
      flags: 0,
      type: SHT_SYMTAB,
      align: 8,
      entrySize: 24,
      link: strtab,
      info: locals,
    });
    const nameOffsets = headers.map((h) => names.add(h.name));
    const strtabName = names.add('.strtab');
    headers.push({ name: '.strtab', data: names.bytes(), flags: 0, type: SHT_STRTAB, align: 1, link: 0, info: 0 });
    nameOffsets.push(strtabName);

    let size = 64;
    const offsets = headers.map((h) => {
      size = align(size, h.align ?? 1);
      const at = size;
      if (h.type !== SHT_NOBITS) size += h.data.length;
      return at;
    });
    const table = align(size, 8);
    const bytes = new Uint8Array(table + (headers.length + 1) * 64);
    const view = new DataView(bytes.buffer);
    bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
    view.setUint16(16, ET_REL, true);
    view.setUint16(18, EM_BPF, true);
    view.setUint32(20, 1, true);
    setUint64(view, 40, table);
    view.setUint16(52, 64, true);
    view.setUint16(58, 64, true);
    view.setUint16(60, headers.length + 1, true);
    view.setUint16(62, strtab, true);
    headers.forEach((h, i) => {
      bytes.set(h.data, h.type === SHT_NOBITS ? 0 : offsets[i]);
      const p = table + (i + 1) * 64;
      view.setUint32(p, nameOffsets[i], true);
      view.setUint32(p + 4, h.type ?? SHT_PROGBITS, true);
      setUint64(view, p + 8, h.flags);
      setUint64(view, p + 24, offsets[i]);
      setUint64(view, p + 32, h.type === SHT_NOBITS ? (h.size ?? 0) : h.data.length);
      view.setUint32(p + 40, h.link, true);
      view.setUint32(p + 44, h.info, true);
      setUint64(view, p + 48, h.align ?? 1);
      setUint64(view, p + 56, h.entrySize ?? 0);
    });
    return bytes;
  }
}
