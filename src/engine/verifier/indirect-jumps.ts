/**
 * Indirect jumps (`gotox rX`) through instruction arrays (6.19 on; kernel/bpf/bpf_insn_array.c, cfg.c, check_indirect_jump()). An
 * array is filled and frozen before the program is loaded. To the program it is a table of addresses: a load from it gives a
 * pointer to an instruction, which is good for nothing but a jump.
 */
import { BPF_JA, BPF_JMP, BPF_X, OP_LD_IMM64 } from '../bpf/index.ts';
import type { MapDef } from '../loader/index.ts';
import type { Env } from './env.ts';
import { EACCES, EINVAL } from './env.ts';
import { wholeOffset } from './offsets.ts';
import type { Reg } from './reg.ts';

/** An address in the table. */
const ADDRESS = 8;

export const isIndirectJump = (op: number): boolean => op === (BPF_JMP | BPF_JA | BPF_X);

export const isInsnArray = (map: MapDef): boolean => map.type === 'insn_array';

/** How many bytes a program may read through a pointer to a map value. */
export const valueBytes = (map: MapDef): number => (isInsnArray(map) ? map.maxEntries * ADDRESS : map.valueSize);

/** The program names an instruction array: it must be frozen, and name instructions of this program (bpf_insn_array_init()). */
export function useInsnArray(env: Env, map: MapDef): void {
  if (env.insnArrays.includes(map)) return;
  const { insns } = env;
  const isInsn = (at: number): boolean => at < insns.count && (at === 0 || insns.op[at - 1] !== OP_LD_IMM64);
  if (map.jumpTable?.frozen !== true || !map.jumpTable.insns.every(isInsn)) {
    env.fail(EINVAL, 'bad-insn-array', 'Failed to properly initialize insn array');
  }
  env.insnArrays.push(map);
}

/** The offset of a pointer into the table that an instruction loads: of a whole address. */
export function checkTableOffset(env: Env, map: MapDef, off: number): void {
  if (off % ADDRESS === 0 && off / ADDRESS < map.maxEntries) return;
  const words = `invalid access to map value pointer, value_size=${map.valueSize} off=${off}`;
  env.fail(EACCES, 'map-value-offset', words);
}

const ascending = (list: readonly number[]): number[] => [...new Set(list)].sort((a, b) => a - b);

/**
 * Where an indirect jump may go by all that is known before the walk: anywhere that one of the program's arrays says whose lowest
 * instruction is in the jump's function (create_jt()). In ascending order, each once.
 */
export function jumpTable(env: Env, insn: number): readonly number[] {
  const known = env.jumpTables.get(insn);
  if (known !== undefined) return known;
  const { start, end } = env.subprogs[env.subprogContaining(insn)];
  const tables = env.insnArrays
    .map((m) => ascending(m.jumpTable?.insns ?? []))
    .filter(([lowest]) => lowest >= start && lowest < end);
  if (tables.length === 0) {
    env.fail(EINVAL, 'jump-table-missing', `no jump tables found for subprog starting at ${start}`);
  }
  const all = ascending(tables.flat());
  if (all[all.length - 1] >= end) {
    env.fail(
      EINVAL,
      'jump-table-outside',
      `jump table for insn ${insn} points outside of the subprog [${start},${end}]`,
    );
  }
  env.jumpTables.set(insn, all);
  return all;
}

/** What a load from the table gives. `off` is the whole fixed offset of the access, of which the bounds were checked. */
export function insnPointer(env: Env, table: Reg, off: number, size: number): Reg {
  if (size !== ADDRESS) env.fail(EACCES, 'insn-array-read', `Invalid read of ${size} bytes from insn_array`);
  const r = table.copy();
  r.kind = 'insn';
  r.off = off;
  r.origin = env.insn;
  return r;
}

/**
 * Executes an indirect jump: one path goes on here, to the last of the instructions that the pointer may lead to; the others wait.
 * The load has seen to it that the pointer's offset is within the table.
 */
export function checkIndirectJump(env: Env): void {
  const regno = env.insns.dst[env.insn];
  const reg = env.reg(regno);
  if (reg.kind !== 'insn') {
    env.fail(EINVAL, 'not-an-insn', `R${regno} has type ${env.typeText(reg)}, expected PTR_TO_INSN`, regno);
  }
  const { num } = wholeOffset(reg, env.rules.bounds);
  const first = Math.floor(num.uminNumber / ADDRESS);
  const last = Math.floor(num.umaxNumber / ADDRESS);
  const ways = ascending(reg.map!.jumpTable!.insns.slice(first, last + 1));
  for (const way of ways.slice(0, -1)) env.push(way, env.insn, 'indirect');
  env.insn = ways[ways.length - 1];
}
