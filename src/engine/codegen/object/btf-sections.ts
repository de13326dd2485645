/** `.BTF` and `.BTF.ext` of an object: types of functions, variables and sections; function, line and CO-RE records. */
import { writeBtfExt, type CoreRelo, type ExtBlock, type FuncInfo, type LineInfo } from '../../bpf/index.ts';
import {
  strip,
  unqualified,
  type CType,
  type FunctionDecl,
  type TranslationUnit,
  type VarDecl,
} from '../../c/index.ts';
import { CORE_KIND, type CoreAccess } from '../ir.ts';
import type { CodeSection } from './build-object.ts';
import type { DataSection } from './data-sections.ts';
import { TypeWriter } from './type-writer.ts';
import { collectUsedFields } from './used-fields.ts';

const FIELD_KINDS: ReadonlySet<number> = new Set([
  CORE_KIND.byteOff,
  CORE_KIND.byteSize,
  CORE_KIND.exists,
  CORE_KIND.signed,
  CORE_KIND.lshift,
  CORE_KIND.rshift,
]);
const ENUM_KINDS: ReadonlySet<number> = new Set([CORE_KIND.enumvalExists, CORE_KIND.enumvalValue]);

export function writeBtf(
  unit: TranslationUnit,
  code: readonly CodeSection[],
  data: readonly DataSection[],
): { readonly btf: Uint8Array; readonly ext: Uint8Array } {
  const accesses = code.flatMap((s) => s.functions.flatMap((f) => f.code.core.map((c) => c.access)));
  const w = new TypeWriter(collectUsedFields(accesses));
  for (const a of accesses) coreRoot(w, a);
  const funcs = writeFunctions(w, code);
  writeExterns(w, unit, code);
  for (const s of data) writeDatasec(w, s);
  const string = (text: string): number => w.btf.string(text);

  const funcInfo: ExtBlock<FuncInfo>[] = [];
  const lineInfo: ExtBlock<LineInfo>[] = [];
  const coreRelos: ExtBlock<CoreRelo>[] = [];
  for (const s of code) {
    const sectionName = string(s.name);
    funcInfo.push({
      sectionName,
      records: s.functions.map((f) => ({ insnOffset: f.offset, typeId: funcs.get(f.code.decl)! })),
    });
    lineInfo.push({ sectionName, records: s.functions.flatMap((f) => linesOf(w, unit, f)) });
    coreRelos.push({
      sectionName,
      records: s.functions.flatMap((f) =>
        f.code.core.map((c) => ({
          insnOffset: f.offset + c.insn * 8,
          typeId: coreRoot(w, c.access, c.kind),
          accessOffset: string(accessText(w, c.access, c.kind)),
          kind: c.kind,
        })),
      ),
    });
  }
  w.finish();
  return { btf: w.btf.emit(), ext: writeBtfExt({ funcInfo, lineInfo, coreRelos }) };
}

function writeFunctions(w: TypeWriter, code: readonly CodeSection[]): ReadonlyMap<FunctionDecl, number> {
  const out = new Map<FunctionDecl, number>();
  for (const s of code) {
    for (const { code: f } of s.functions) {
      const { decl } = f;
      // A prototype's own parameter names, not those of a typedef it may have come through.
      const params = decl.params.map((p) => ({ name: p.name, type: w.type(p.type, paramReach(decl, p.type)) }));
      const proto = w.btf.addFuncProto(w.type(decl.type.ret), params, decl.type.variadic);
      const id = w.btf.addFunc(decl.name, proto, decl.linkage);
      for (const tag of decl.attributes.declTags) w.btf.addDeclTag(tag, id);
      decl.params.forEach((p, i) => {
        for (const tag of p.attributes.declTags) w.btf.addDeclTag(tag, id, i);
      });
      out.set(decl, id);
    }
  }
  return out;
}

/** The verifier reads the sizes behind the pointer arguments of global subprograms; elsewhere a name is enough. */
function paramReach(decl: FunctionDecl, type: CType): 'full' | 'named' {
  const bare = strip(type);
  if (decl.linkage !== 'global' || decl.attributes.section !== null || bare.kind !== 'pointer') return 'named';
  return 'full';
}

/** `extern … __ksym` / `__kconfig`: variables and kernel functions, in the section that their attribute names. */
function writeExterns(w: TypeWriter, unit: TranslationUnit, code: readonly CodeSection[]): void {
  const sections = new Map<string, { type: number; offset: number; size: number }[]>();
  const add = (section: string, type: number, size: number): void => {
    const list = sections.get(section) ?? [];
    list.push({ type, offset: 0, size });
    sections.set(section, list);
  };
  for (const v of unit.variables) {
    if (v.storage !== 'extern' || !v.referenced || v.attributes.section === null) continue;
    add(v.attributes.section, w.btf.addVar(v.name, w.type(v.type, 'named'), 'extern'), sizeOfExtern(v));
  }
  const called = new Set(
    code.flatMap((s) =>
      s.functions.flatMap((f) => f.code.relocs.flatMap((r) => (r.target.kind === 'kfunc' ? [r.target.decl] : []))),
    ),
  );
  for (const decl of called) {
    const params = decl.type.params.map((p) => ({ name: p.name, type: w.type(p.type, 'named') }));
    const proto = w.btf.addFuncProto(w.type(decl.type.ret, 'named'), params, decl.type.variadic);
    add(decl.attributes.section ?? '.ksyms', w.btf.addFunc(decl.name, proto, 'extern'), 0);
  }
  for (const [name, vars] of sections) w.btf.addDatasec(name, 0, vars);
}

function sizeOfExtern(v: VarDecl): number {
  const bare = strip(v.type);
  return bare.kind === 'int' || bare.kind === 'record' ? bare.size : bare.kind === 'enum' ? bare.underlying.size : 0;
}

function writeDatasec(w: TypeWriter, s: DataSection): void {
  const vars = s.vars.map((v) => {
    // A map definition's pointers are its parameters: libbpf needs the sizes behind them.
    const bare = strip(v.decl.type);
    if (s.name === '.maps' && bare.kind === 'record') for (const f of bare.fields) w.type(f.type, 'full');
    const name = v.decl.owner === null ? v.decl.name : `${v.decl.owner.name}.${v.decl.name}`;
    const id = w.btf.addVar(name, w.type(v.decl.type), v.decl.storage === 'static' ? 'static' : 'global');
    for (const tag of v.decl.attributes.declTags) w.btf.addDeclTag(tag, id);
    return { type: id, offset: v.offset, size: v.size };
  });
  // The kernel refuses a section without variables (one that holds string literals only).
  if (vars.length > 0) w.btf.addDatasec(s.name, s.size, vars);
}

function linesOf(w: TypeWriter, unit: TranslationUnit, f: CodeSection['functions'][number]): LineInfo[] {
  const out: LineInfo[] = [];
  for (const { insn, loc } of f.code.lines) {
    const { file, line, column } = unit.sources.position(loc);
    if (line === 0) continue;
    const record: LineInfo = {
      insnOffset: f.offset + insn * 8,
      fileOffset: w.btf.string(file),
      textOffset: w.btf.string(unit.sources.lineText(file, line).replaceAll('\0', '')),
      line,
      column,
    };
    if (out.at(-1)?.insnOffset === record.insnOffset) out[out.length - 1] = record;
    else out.push(record);
  }
  // The kernel wants a record for the first instruction of each function.
  if (out.length === 0 || out[0].insnOffset !== f.offset) {
    const { file, line, column } = unit.sources.position(f.code.decl.nameLoc);
    const textOffset = w.btf.string(unit.sources.lineText(file, line).replaceAll('\0', ''));
    out.unshift({ insnOffset: f.offset, fileOffset: w.btf.string(file), textOffset, line, column });
  }
  return out;
}

/** BTF id of the type a relocation starts from. */
function coreRoot(w: TypeWriter, access: CoreAccess, kind: number = CORE_KIND.byteOff): number {
  // Fields are looked up in the record itself; types and enums by the name they were written with.
  if (!FIELD_KINDS.has(kind)) return w.type(unqualified(access.type));
  const bare = strip(access.type);
  return w.type(bare.kind === 'array' ? strip(bare.element) : bare);
}

/** `0:1:2`: the index of the pointer, then member and array indexes as libbpf counts them in our BTF. */
function accessText(w: TypeWriter, access: CoreAccess, kind: number): string {
  if (ENUM_KINDS.has(kind)) {
    const bare = strip(access.type);
    const at = bare.kind === 'enum' ? bare.enumerators.findIndex((e) => e.name === access.enumerator) : -1;
    return String(Math.max(0, at));
  }
  if (!FIELD_KINDS.has(kind)) return '0';
  return access.steps
    .map((s) => (s.kind === 'index' ? s.index : w.members(s.field.parent).indexOf(s.field.index)))
    .join(':');
}
