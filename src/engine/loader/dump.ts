/** Listings of loaded programs as `bpftool prog dump xlated linum` prints them: C lines between the instructions. */
import {
  BPF_PSEUDO_BTF_ID,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_VALUE,
  declareType,
  disasmWithOpcode,
  encodeInsns,
  insnSlots,
  type Btf,
} from '../bpf/index.ts';
import type { LineRecord, LoadedObject, LoadedProgram } from './types.ts';

/** One line of a listing. The same shape as the engine's public `DumpLine`. */
export type ListingLine =
  | { readonly kind: 'function'; readonly text: string }
  | { readonly kind: 'source'; readonly text: string; readonly record: LineRecord }
  | { readonly kind: 'insn'; readonly insn: number; readonly bytes: string; readonly text: string };

export interface ProgramListing {
  readonly name: string;
  readonly section: string;
  readonly lines: readonly ListingLine[];
}

/**
 * Lists every program of an object. `kernel` gives kernel functions and variables their names. Where bpftool prints a
 * map's id, which only a running kernel knows, this prints its name: `map[seen]`, `map[.rodata][0]+4`.
 */
export function dumpObject(object: LoadedObject, kernel: Btf | null): readonly ProgramListing[] {
  return object.programs.map((p) => ({ name: p.name, section: p.section, lines: dumpProgram(object, p, kernel) }));
}

export function dumpProgram(object: LoadedObject, program: LoadedProgram, kernel: Btf | null): readonly ListingLine[] {
  const { insns } = program;
  const bytes = encodeInsns(insns);
  const mapName = (index: number): string => object.maps[index]?.name ?? String(index);
  const subprogAt = new Map(program.subprogs.map((s) => [s.start, s]));
  const signed = (n: number): string => (n < 0 ? `${n}` : `+${n}`);
  const names = {
    imm64: (pc: number): string | undefined => {
      const imm = insns.imm[pc];
      switch (insns.src[pc]) {
        case BPF_PSEUDO_MAP_FD:
          return `map[${mapName(imm)}]`;
        case BPF_PSEUDO_MAP_VALUE:
          return `map[${mapName(imm)}][0]+${insns.imm[pc + 1]}`;
        case BPF_PSEUDO_BTF_ID:
          return kernel === null ? undefined : `&${kernel.name(imm)}`;
        case BPF_PSEUDO_FUNC:
          return `subprog[${signed(imm)}]`;
        default:
          return undefined;
      }
    },
    kfunc: (id: number): string | undefined => kernel?.name(id) || undefined,
    localCall: (pc: number): string => {
      const to = subprogAt.get(pc + 1 + insns.imm[pc]);
      return signed(insns.imm[pc]) + (to === undefined ? '' : `#${to.name}`);
    },
  };

  const lines: ListingLine[] = [];
  let next = 0;
  for (let pc = 0; pc < insns.count; pc += insnSlots(insns.op[pc])) {
    const subprog = subprogAt.get(pc);
    if (subprog !== undefined)
      lines.push({ kind: 'function', text: signature(object, subprog.funcTypeId, subprog.name) });
    // A record in the middle of a two-slot instruction would belong to none; the last one before this slot counts.
    let record: LineRecord | undefined;
    while (next < program.lines.length && program.lines[next].insn <= pc) record = program.lines[next++];
    if (record !== undefined) lines.push({ kind: 'source', text: sourceText(record), record });
    const size = insnSlots(insns.op[pc]) * 8;
    lines.push({
      kind: 'insn',
      insn: pc,
      bytes: hex(bytes.subarray(pc * 8, pc * 8 + size)),
      text: `${String(pc).padStart(4)}: ${disasmWithOpcode(insns, pc, names)}`,
    });
  }
  return lines;
}

/** `int fo(unsigned long long *ctx):` */
function signature(object: LoadedObject, funcTypeId: number, name: string): string {
  const { btf } = object;
  return btf !== null && btf.kind(funcTypeId) === 'func' ? `${declareType(btf, funcTypeId, '')}:` : `${name}:`;
}

/** `; int k = ...; [file:/src/a.bpf.c line_num:25 line_col:11]`, bpftool's `linum` form. */
function sourceText(r: LineRecord): string {
  return `; ${r.text.trim()} [file:${r.file} line_num:${r.line} line_col:${r.column}]`;
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join(' ');

/** The whole listing as text. */
export function listingText(listing: ProgramListing): string {
  return listing.lines.map((l) => l.text).join('\n') + '\n';
}
