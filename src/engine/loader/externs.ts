/** `__kconfig` and `__ksym` variables: what the object asks the kernel for. */
import { STB_GLOBAL, STB_WEAK, STT_NOTYPE, SHN_UNDEF, type Btf, type ElfSymbol } from '../bpf/index.ts';
import type { KconfigType, OpenedExtern } from './opened.ts';
import { fail } from './problem.ts';

export const isExtern = (s: ElfSymbol): boolean =>
  s.section === SHN_UNDEF && (s.bind === STB_GLOBAL || s.bind === STB_WEAK) && s.type === STT_NOTYPE && s.name !== '';

function alignOf(btf: Btf, id: number, depth = 32): number {
  const t = btf.type(btf.strip(id));
  switch (t.kind) {
    case 'ptr':
      return 8;
    case 'int':
    case 'enum':
    case 'enum64':
    case 'float':
      return Math.max(1, Math.min(8, t.size));
    case 'array':
      return depth > 0 ? alignOf(btf, t.type, depth - 1) : 1;
    case 'struct':
    case 'union':
      return depth > 0 ? Math.max(1, ...t.members.slice(0, 1000).map((m) => alignOf(btf, m.type, 0))) : 1;
    default:
      return 1;
  }
}

function kconfigType(btf: Btf, id: number): { type: KconfigType; signed: boolean } | undefined {
  const t = btf.type(btf.strip(id));
  if (t.kind === 'int') {
    if (t.bool) return t.size === 1 ? { type: 'bool', signed: false } : undefined;
    if (t.size === 1) return { type: 'char', signed: t.signed };
    return [2, 4, 8].includes(t.size) ? { type: 'int', signed: t.signed } : undefined;
  }
  if ((t.kind === 'enum' || t.kind === 'enum64') && t.name === 'libbpf_tristate')
    return { type: 'tristate', signed: false };
  if (t.kind === 'array' && t.count > 0) {
    const element = btf.type(btf.strip(t.type));
    if (element.kind === 'int' && element.size === 1 && !element.bool) return { type: 'string', signed: false };
  }
  return undefined;
}

export interface CollectedExterns {
  /** In libbpf's order: kconfig first, by alignment, size and name; then kernel symbols by name. */
  readonly externs: readonly OpenedExtern[];
  /** ELF symbol index → place in `externs`. */
  readonly bySymbol: ReadonlyMap<number, number>;
  /** Bytes of the `.kconfig` map. */
  readonly kconfigSize: number;
}

export function collectExterns(symbols: readonly ElfSymbol[], btf: Btf | null): CollectedExterns {
  const wanted = symbols.filter(isExtern);
  if (wanted.length === 0) return { externs: [], bySymbol: new Map(), kconfigSize: 0 };
  if (btf === null) {
    return fail(
      'extern',
      `failed to find BTF for extern '${wanted[0].name}'`,
      'The object refers to something that it does not define, and it has no BTF that could say what it is. Compile with -g, or define it.',
    );
  }
  const sectionOf = new Map<number, string>();
  for (const name of ['.kconfig', '.ksyms']) {
    const sec = btf.type(btf.find(name, 'datasec'));
    if (sec.kind === 'datasec') for (const v of sec.vars) sectionOf.set(v.type, name);
  }
  type Pending = { readonly symbol: number; readonly align: number; readonly extern: OpenedExtern };
  const pending = wanted.map((symbol): Pending => {
    const { name } = symbol;
    const weak = symbol.bind === STB_WEAK;
    const id = btf.findAll(name).find((i) => {
      const t = btf.type(i);
      return (t.kind === 'var' || t.kind === 'func') && t.linkage === 'extern';
    });
    if (id === undefined) {
      return fail(
        'extern',
        `failed to find BTF for extern '${name}'`,
        `'${name}' is declared but not defined in this object. Define it, or declare it with __ksym (kernel symbol) or __kconfig.`,
      );
    }
    const t = btf.type(id);
    const section = sectionOf.get(id);
    if (t.kind === 'func') {
      if (section !== '.ksyms') {
        fail(
          'extern',
          `failed to find BTF section of extern '${name}'`,
          `Declare the function as: extern ... ${name}(...) __ksym;`,
        );
      }
      return { symbol: symbol.index, align: 0, extern: { kind: 'ksym-func', name, weak, typeId: t.type } };
    }
    if (t.kind !== 'var' || section === undefined) {
      return fail(
        'extern',
        `failed to find BTF section of extern '${name}'`,
        `'${name}' is declared extern without saying where it comes from. Add __ksym or __kconfig to the declaration, or define it.`,
      );
    }
    if (section === '.ksyms') {
      const typeId = btf.strip(t.type);
      return { symbol: symbol.index, align: 0, extern: { kind: 'ksym-var', name, weak, typeId } };
    }
    const size = btf.sizeOf(t.type);
    const type = kconfigType(btf, t.type);
    if (size === undefined || size === 0 || type === undefined) {
      return fail(
        'kconfig',
        `extern (kcfg) '${name}': type is unsupported`,
        'A __kconfig variable is a bool, char, integer, enum libbpf_tristate or an array of char.',
      );
    }
    return {
      symbol: symbol.index,
      align: alignOf(btf, t.type),
      extern: { kind: 'kconfig', name, weak, ...type, size, offset: 0 },
    };
  });

  const compareNames = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
  const size = (p: Pending): number => (p.extern.kind === 'kconfig' ? p.extern.size : 0);
  const group = (p: Pending): number => (p.extern.kind === 'kconfig' ? 0 : 1);
  pending.sort(
    (a, b) =>
      group(a) - group(b) || b.align - a.align || size(a) - size(b) || compareNames(a.extern.name, b.extern.name),
  );
  let end = 0;
  const externs = pending.map(({ extern, align }) => {
    if (extern.kind !== 'kconfig') return extern;
    const offset = Math.ceil(end / align) * align;
    end = offset + extern.size;
    return { ...extern, offset };
  });
  return { externs, bySymbol: new Map(pending.map((p, i) => [p.symbol, i])), kconfigSize: end };
}
