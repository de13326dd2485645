/** Where variables and string literals live: sections, offsets, contents. */
import { alignOf, qualifiersOf, type VarDecl } from '../../c/index.ts';
import type { Symbol } from '../ir.ts';
import { storageSize } from './type-writer.ts';

export interface PlacedVar {
  readonly decl: VarDecl;
  readonly offset: number;
  readonly size: number;
}

export interface DataSection {
  readonly name: string;
  /** Only zeroes: takes no room in the file. */
  readonly noBits: boolean;
  readonly size: number;
  readonly align: number;
  readonly bytes: Uint8Array;
  readonly vars: readonly PlacedVar[];
  /** String literals by their key, offsets in this section. */
  readonly strings: ReadonlyMap<string, number>;
}

const STRING_SECTION = '.rodata';

/** A variable's section by its attribute, else by what it is (clang's rules). */
function sectionOf(v: VarDecl): string {
  if (v.attributes.section !== null) return v.attributes.section;
  if (qualifiersOf(v.type).const) return '.rodata';
  return v.image !== null && v.image.bytes.some((b) => b !== 0) ? '.data' : v.image?.relocs.length ? '.data' : '.bss';
}

interface Draft {
  size: number;
  align: number;
  readonly vars: PlacedVar[];
  readonly strings: Map<string, number>;
  readonly literals: { readonly offset: number; readonly bytes: Uint8Array }[];
}

/**
 * @param variables those with storage here (not extern)
 * @param symbols what the code refers to; its string literals get a place
 */
export function layOutData(variables: readonly VarDecl[], symbols: Iterable<Symbol>): readonly DataSection[] {
  const drafts = new Map<string, Draft>();
  const draft = (name: string): Draft => {
    let d = drafts.get(name);
    if (!d) drafts.set(name, (d = { size: 0, align: 1, vars: [], strings: new Map(), literals: [] }));
    return d;
  };
  for (const decl of variables) {
    const d = draft(sectionOf(decl));
    const align = Math.max(alignOf(decl.type), decl.attributes.aligned, 1);
    const size = storageSize(decl.type, decl.image?.bytes ?? null);
    const offset = Math.ceil(d.size / align) * align;
    d.vars.push({ decl, offset, size });
    d.size = offset + size;
    d.align = Math.max(d.align, align);
  }
  for (const s of symbols) {
    if (s.kind !== 'string') continue;
    const d = draft(STRING_SECTION);
    if (d.strings.has(s.key)) continue;
    d.strings.set(s.key, d.size);
    d.literals.push({ offset: d.size, bytes: s.bytes });
    d.size += s.bytes.length;
  }
  return [...drafts].map(([name, d]) => {
    const noBits = name.startsWith('.bss');
    const bytes = new Uint8Array(noBits ? 0 : d.size);
    if (!noBits) {
      for (const v of d.vars) if (v.decl.image) bytes.set(v.decl.image.bytes, v.offset);
      for (const l of d.literals) bytes.set(l.bytes, l.offset);
    }
    return { name, noBits, size: d.size, align: d.align, bytes, vars: d.vars, strings: d.strings };
  });
}
