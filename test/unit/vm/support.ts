/** A tiny assembler, objects made by hand, and a kernel with one task. */
import { decodeInsns, type InsnArray } from '../../../src/engine/bpf/index.ts';
import type { LoadedObject, LoadedProgram, MapDef, MapTypeName } from '../../../src/engine/loader/index.ts';
import {
  createMemory,
  createVmObject,
  type KAddr,
  type KernelServices,
  type VmObject,
} from '../../../src/engine/vm/index.ts';

export type Row = readonly [op: number, dst: number, src: number, off: number, imm: number];

export function assemble(rows: readonly Row[]): InsnArray {
  const bytes = new Uint8Array(rows.length * 8);
  const view = new DataView(bytes.buffer);
  rows.forEach(([op, dst, src, off, imm], i) => {
    view.setUint8(i * 8, op);
    view.setUint8(i * 8 + 1, (src << 4) | dst);
    view.setInt16(i * 8 + 2, off, true);
    view.setInt32(i * 8 + 4, imm, true);
  });
  return decodeInsns(bytes);
}

/** Instructions by name, as far as tests need them. */
export const mov = (dst: number, imm: number): Row => [0xb7, dst, 0, 0, imm];
export const movr = (dst: number, src: number): Row => [0xbf, dst, src, 0, 0];
export const add = (dst: number, imm: number): Row => [0x07, dst, 0, 0, imm];
export const call = (helper: number): Row => [0x85, 0, 0, 0, helper];
export const exit: Row = [0x95, 0, 0, 0, 0];
/** ld_imm64 of a 64-bit constant. */
export const ld64 = (dst: number, v: bigint): Row[] => [
  [0x18, dst, 0, 0, Number(BigInt.asIntN(32, v))],
  [0x00, 0, 0, 0, Number(BigInt.asIntN(32, v >> 32n))],
];
export const ldMap = (dst: number, map: number): Row[] => [
  [0x18, dst, 1, 0, map],
  [0x00, 0, 0, 0, 0],
];
export const ldValue = (dst: number, map: number, offset: number): Row[] => [
  [0x18, dst, 2, 0, map],
  [0x00, 0, 0, 0, offset],
];
/** Load of 8 bytes, store of a register (8 bytes), store of a constant (4 bytes). */
export const ldx = (dst: number, src: number, off: number): Row => [0x79, dst, src, off, 0];
export const stx = (dst: number, off: number, src: number): Row => [0x7b, dst, src, off, 0];
export const st32 = (dst: number, off: number, imm: number): Row => [0x62, dst, 0, off, imm];
/** r1 = fp + off, and so on. */
export const fp = (dst: number, off: number): Row[] => [movr(dst, 10), add(dst, off)];

export function mapDef(index: number, type: MapTypeName, part: Partial<MapDef> = {}): MapDef {
  return {
    index,
    name: `${type}_${index}`,
    type,
    typeId: 0,
    keySize: 4,
    valueSize: 8,
    maxEntries: 4,
    flags: 0,
    keyTypeId: 0,
    valueTypeId: 0,
    readOnly: false,
    ...part,
  };
}

export function program(name: string, rows: readonly Row[], progType: 'lsm' | 'fexit' = 'lsm'): LoadedProgram {
  const insns = assemble(rows);
  return {
    name,
    section: `${progType}/file_open`,
    autoload: true,
    attach: { progType, sleepable: false, hook: 'file_open', func: 'bpf_lsm_file_open', btfId: 0 },
    insns,
    subprogs: [{ name, start: 0, end: insns.count, funcTypeId: 0, linkage: 'global' }],
    lines: [],
    coreRelos: [],
  };
}

export interface Bench {
  readonly vm: VmObject;
  readonly services: KernelServices;
  readonly notes: string[];
  readonly task: KAddr;
  /** User memory at 0x1000. */
  readonly user: Uint8Array;
  run(rows: readonly Row[], args?: readonly bigint[]): ReturnType<VmObject['run']>;
}

export function bench(maps: readonly MapDef[] = [], programs: readonly LoadedProgram[] = []): Bench {
  const memory = createMemory();
  const task = memory.alloc(64, 'struct task_struct init');
  const notes: string[] = [];
  const user = new Uint8Array(64);
  let clock = 0n;
  const inUser = (addr: bigint, size: number): boolean => addr >= 0x1000n && addr + BigInt(size) <= 0x1040n;
  const services: KernelServices = {
    memory,
    currentTask: () => task,
    currentPidTgid: () => (7n << 32n) | 8n,
    currentUidGid: () => (100n << 32n) | 1000n,
    currentComm: () => 'bash',
    currentCgroupId: () => 0x1_0000_0002n,
    ktimeNs: () => (clock += 1_000_000_000n),
    dPath: () => '/etc/shadow',
    readUser: (addr, size) =>
      inUser(addr, size) ? user.slice(Number(addr) - 0x1000, Number(addr) - 0x1000 + size) : undefined,
    writeUser: (addr, data) => {
      if (!inUser(addr, data.length)) return false;
      user.set(data, Number(addr) - 0x1000);
      return true;
    },
    notModelled: (what) => void notes.push(what),
  };
  const object: LoadedObject = { name: 'test', license: 'GPL', gplCompatible: true, btf: null, maps, programs };
  const vm = createVmObject(object, services);
  return {
    vm,
    services,
    notes,
    task,
    user,
    run: (rows, args = []) => vm.run(program('test', rows), args),
  };
}

/** What programs see of an address. */
export const kptr = (addr: number): bigint => 0xffff888000000000n + BigInt(addr);
export const le32 = (v: number): Uint8Array => Uint8Array.of(v, v >>> 8, v >>> 16, v >>> 24);
export const le64 = (v: bigint): Uint8Array => {
  const b = new Uint8Array(8);
  new DataView(b.buffer).setBigUint64(0, BigInt.asUintN(64, v), true);
  return b;
};
/** r0 as the errno that a helper returned. */
export const s64 = (v: bigint): number => Number(BigInt.asIntN(64, v));
