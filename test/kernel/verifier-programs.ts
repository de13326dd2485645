/** Raw programs for comparing verdicts: a small assembler, a seeded generator, and the object around an instruction stream. */
import {
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_VALUE,
  decodeInsns,
  BtfBuilder,
  MAP_TYPES,
  OP_LD_IMM64,
  parseBtf,
} from '../../src/engine/bpf/index.ts';
import type { LoadedObject, LoadedProgram, MapDef } from '../../src/engine/loader/index.ts';
import { NO_TABLE_FD, type RawMap, type RawTable } from '../../src/lab/index.ts';
import type { Btf, InsnArray } from '../../src/engine/bpf/index.ts';

/** One instruction as its fields; `ld_imm64` is two of them. */
export interface Raw {
  readonly op: number;
  readonly dst: number;
  readonly src: number;
  readonly off: number;
  readonly imm: number;
}

const raw = (op: number, dst = 0, src = 0, off = 0, imm = 0): Raw => ({ op, dst, src, off, imm });

/** ALU operation numbers as in the opcode. */
export const ALU = {
  add: 0x00,
  sub: 0x10,
  mul: 0x20,
  div: 0x30,
  or: 0x40,
  and: 0x50,
  lsh: 0x60,
  rsh: 0x70,
  mod: 0x90,
  xor: 0xa0,
  arsh: 0xc0,
} as const;
export const JMP = {
  eq: 0x10,
  gt: 0x20,
  ge: 0x30,
  set: 0x40,
  ne: 0x50,
  sgt: 0x60,
  sge: 0x70,
  lt: 0xa0,
  le: 0xb0,
  slt: 0xc0,
  sle: 0xd0,
} as const;
const SIZE: Readonly<Record<number, number>> = { 1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18 };

export const asm = {
  mov: (d: number, imm: number): Raw => raw(0xb7, d, 0, 0, imm),
  mov32: (d: number, imm: number): Raw => raw(0xb4, d, 0, 0, imm),
  movr: (d: number, s: number): Raw => raw(0xbf, d, s),
  movr32: (d: number, s: number): Raw => raw(0xbc, d, s),
  movsx: (d: number, s: number, bits: number): Raw => raw(0xbf, d, s, bits),
  neg: (d: number): Raw => raw(0x87, d),
  alu: (op: number, d: number, imm: number): Raw => raw(0x07 | op, d, 0, 0, imm),
  alur: (op: number, d: number, s: number): Raw => raw(0x0f | op, d, s),
  alu32: (op: number, d: number, imm: number): Raw => raw(0x04 | op, d, 0, 0, imm),
  alur32: (op: number, d: number, s: number): Raw => raw(0x0c | op, d, s),
  ldx: (size: number, d: number, s: number, off: number): Raw => raw(0x61 | SIZE[size], d, s, off),
  stx: (size: number, d: number, off: number, s: number): Raw => raw(0x63 | SIZE[size], d, s, off),
  st: (size: number, d: number, off: number, imm: number): Raw => raw(0x62 | SIZE[size], d, 0, off, imm),
  atomic: (size: number, d: number, off: number, s: number, op: number): Raw => raw(0xc3 | SIZE[size], d, s, off, op),
  jmp: (op: number, d: number, imm: number, off: number): Raw => raw(0x05 | op, d, 0, off, imm),
  jmpr: (op: number, d: number, s: number, off: number): Raw => raw(0x0d | op, d, s, off),
  jmp32: (op: number, d: number, imm: number, off: number): Raw => raw(0x06 | op, d, 0, off, imm),
  jmpr32: (op: number, d: number, s: number, off: number): Raw => raw(0x0e | op, d, s, off),
  gotox: (d: number): Raw => raw(0x0d, d),
  ja: (off: number): Raw => raw(0x05, 0, 0, off),
  call: (id: number): Raw => raw(0x85, 0, 0, 0, id),
  callLocal: (off: number): Raw => raw(0x85, 0, 1, 0, off),
  /** A pointer to the first value of a map, `off` bytes further. */
  mapValue: (d: number, index: number, off = 0): Raw[] => [raw(0x18, d, 2, 0, index), raw(0, 0, 0, 0, off)],
  map: (d: number, index: number): Raw[] => [raw(0x18, d, 1, 0, index), raw(0)],
  imm64: (d: number, lo: number, hi: number): Raw[] => [raw(0x18, d, 0, 0, lo), raw(0, 0, 0, 0, hi)],
  exit: (): Raw => raw(0x95),
} as const;

export function encode(list: readonly Raw[]): Uint8Array {
  const bytes = new Uint8Array(list.length * 8);
  const view = new DataView(bytes.buffer);
  list.forEach((i, n) => {
    view.setUint8(n * 8, i.op);
    view.setUint8(n * 8 + 1, i.dst | (i.src << 4));
    view.setInt16(n * 8 + 2, i.off, true);
    view.setInt32(n * 8 + 4, i.imm, true);
  });
  return bytes;
}

/** The maps that raw programs use: 0 array, 1 hash, 2 ring buffer. */
export const RAW_MAPS: readonly RawMap[] = [
  { type: 2, keySize: 4, valueSize: 64, maxEntries: 4 },
  { type: 1, keySize: 8, valueSize: 48, maxEntries: 16 },
  { type: 27, keySize: 0, valueSize: 0, maxEntries: 4096 },
];
const MAP_NAMES = ['array', 'hash', 'ringbuf'] as const;

const mapDefs: readonly MapDef[] = RAW_MAPS.map((m, index) => ({
  index,
  name: `m${index}`,
  type: MAP_NAMES[index],
  typeId: m.type,
  keySize: m.keySize,
  valueSize: m.valueSize,
  maxEntries: m.maxEntries,
  flags: 0,
  keyTypeId: 0,
  valueTypeId: 0,
  readOnly: false,
}));

/** The instruction arrays of a program: their indexes follow those of the maps above. */
const tableDefs = (tables: readonly RawTable[]): MapDef[] =>
  tables.map((t, n) => ({
    index: mapDefs.length + n,
    name: 't',
    type: 'insn_array',
    typeId: MAP_TYPES.insn_array,
    keySize: 4,
    valueSize: 16,
    maxEntries: t.insns.length,
    flags: 0,
    keyTypeId: 0,
    valueTypeId: 0,
    readOnly: true,
    jumpTable: t,
  }));

/** Where the kernel has no instruction arrays the lab loads programs with a descriptor that is none. */
function withoutTables(insns: InsnArray): void {
  for (let i = 0; i < insns.count; i++) {
    const map = insns.src[i] === BPF_PSEUDO_MAP_FD || insns.src[i] === BPF_PSEUDO_MAP_VALUE;
    if (insns.op[i] === OP_LD_IMM64 && map && insns.imm[i] >= mapDefs.length) insns.imm[i] = -1 - NO_TABLE_FD;
  }
}

/** The functions of a raw program in BTF: all take and return numbers. */
export interface RawFunctions {
  readonly btf: Uint8Array;
  readonly list: readonly RawFunction[];
  /** Type ids of the functions, in the order of the list. */
  readonly typeIds: readonly number[];
}

export interface RawFunction {
  readonly name: string;
  readonly start: number;
  readonly params: number;
  readonly linkage: 'static' | 'global';
}

export function functionsOf(list: readonly RawFunction[]): RawFunctions {
  const b = new BtfBuilder();
  const long = b.addInt('long', 8, { signed: true });
  const typeIds = list.map((f) => {
    const params = Array.from({ length: f.params }, (_, n) => ({ name: `a${n + 1}`, type: long }));
    return b.addFunc(f.name, b.addFuncProto(long, params), f.linkage);
  });
  return { btf: b.emit(), list, typeIds };
}

function opened(bytes: Uint8Array): Btf {
  const btf = parseBtf(bytes);
  if (!btf.ok) throw new Error(btf.error.message);
  return btf.value;
}

/** What the loader would make of a raw LSM program. */
export function rawObject(
  bytes: Uint8Array,
  btf: Btf,
  hook: string,
  sleepable = false,
  license = 'GPL',
  { tables = [], functions }: { readonly tables?: readonly RawTable[]; readonly functions?: RawFunctions } = {},
): { obj: LoadedObject; prog: LoadedProgram } {
  const insns = decodeInsns(bytes);
  const hasTables = btf.find('bpf_insn_array', 'struct') !== 0;
  if (!hasTables) withoutTables(insns);
  const maps = hasTables ? [...mapDefs, ...tableDefs(tables)] : mapDefs;
  const func = `bpf_lsm_${hook}`;
  const prog: LoadedProgram = {
    name: 'raw',
    section: `lsm/${hook}`,
    autoload: true,
    attach: { progType: 'lsm', sleepable, hook, func, btfId: btf.find(func, 'func') },
    insns,
    subprogs: functions?.list.map((f, n) => ({
      name: f.name,
      start: f.start,
      end: functions.list.at(n + 1)?.start ?? insns.count,
      funcTypeId: functions.typeIds[n],
      linkage: f.linkage,
    })) ?? [{ name: 'raw', start: 0, end: insns.count, funcTypeId: 0, linkage: 'global' }],
    lines: [],
    coreRelos: [],
  };
  return {
    obj: {
      name: 'raw',
      license,
      gplCompatible: license === 'GPL',
      btf: functions === undefined ? null : opened(functions.btf),
      maps,
      programs: [prog],
    },
    prog,
  };
}

/** mulberry32: small, seeded, good enough to choose statements. */
export function random(seed: number): (n: number) => number {
  let a = seed >>> 0;
  return (n) => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}

const CONSTANTS = [
  0, 1, -1, 2, 7, 8, 15, 16, 63, 64, 127, 128, 255, 256, 4095, 0x7fffffff, -0x80000000, 0xffff, -8, -16, -4095,
];

type Kind = 'num' | 'other';

/**
 * A random program that leans to what verifiers get wrong: ranges learned by branches, mixes of 32 and 64 bits, spills,
 * variable offsets, NULL checks, helper sizes, bounded loops. Registers r6-r9 and r0 hold values; r1-r5 are for calls.
 */
export function generate(seed: number, v4: boolean): Raw[] {
  const rnd = random(seed);
  const pick = <T>(list: readonly T[]): T => list[rnd(list.length)];
  const kinds: Kind[] = ['num', 'other', 'other', 'other', 'other', 'other', 'num', 'num', 'num', 'other', 'other'];
  const out: Raw[] = [];
  const NUMS = [6, 7, 8];
  const num = (): number => pick(NUMS.filter((r) => kinds[r] === 'num'));
  const constant = (): number => pick(CONSTANTS);
  out.push(asm.movr(9, 1));
  out.push(asm.call(7), asm.movr(6, 0), asm.call(5), asm.movr(7, 0), asm.mov(8, constant()));
  const SIZES = [1, 2, 4, 8];
  const slot = (size: number): number => -8 * (1 + rnd(6)) + (rnd(4) === 0 ? size * rnd(8 / size) : 0);
  const arith = (): Raw[] => {
    const ops = Object.values(ALU);
    const op = pick(ops);
    const d = num();
    const wide = rnd(3) > 0;
    const shift = op === ALU.lsh || op === ALU.rsh || op === ALU.arsh;
    if (rnd(2) === 0) {
      const k = shift ? rnd(wide ? 64 : 32) : constant();
      const safe = (op === ALU.div || op === ALU.mod) && k === 0 ? 3 : k;
      return [wide ? asm.alu(op, d, safe) : asm.alu32(op, d, safe)];
    }
    return [wide ? asm.alur(op, d, num()) : asm.alur32(op, d, num())];
  };
  const narrow = (): Raw[] => [asm.alu(ALU.and, num(), pick([1, 3, 7, 15, 31, 63, 127, 255]))];
  const branch = (depth: number): Raw[] => {
    const body: Raw[] = [];
    for (let i = 0; i <= rnd(3); i++) body.push(...statement(depth + 1));
    const op = pick(Object.values(JMP));
    const d = num();
    const n = body.length;
    switch (rnd(4)) {
      case 0:
        return [asm.jmp(op, d, constant(), n), ...body];
      case 1:
        return [asm.jmp32(op, d, constant(), n), ...body];
      case 2:
        return [asm.jmpr(op, d, num(), n), ...body];
      default:
        return [asm.jmpr32(op, d, num(), n), ...body];
    }
  };
  /** Leaves early when a number is outside of a range: what follows knows it. */
  const guard = (): Raw[] => {
    const op = pick([JMP.lt, JMP.le, JMP.gt, JMP.ge, JMP.slt, JMP.sle, JMP.sgt, JMP.sge, JMP.eq, JMP.ne]);
    const d = num();
    const k = pick([0, 1, 7, 8, 16, 31, 32, 56, 63, 64, 100]);
    const jump = rnd(3) === 0 ? asm.jmp32(op, d, k, 2) : asm.jmp(op, d, k, 2);
    return [jump, asm.mov(0, 0), asm.exit()];
  };
  const spill = (): Raw[] => {
    const size = pick(SIZES);
    if (rnd(4) === 0) return [asm.st(size, 10, slot(size), constant())];
    return [asm.stx(size, 10, slot(size), num())];
  };
  const fill = (): Raw[] => {
    const size = pick(SIZES);
    return [asm.ldx(size, num(), 10, slot(size))];
  };
  const mapAccess = (): Raw[] => {
    const which = rnd(2);
    const key = which === 0 ? [asm.st(4, 10, -64, rnd(4))] : [asm.st(8, 10, -64, rnd(4))];
    const size = pick(SIZES);
    const limit = which === 0 ? 64 : 48;
    const use: Raw[] = [];
    const style = rnd(4);
    if (style === 0) use.push(asm.ldx(size, num(), 0, rnd(limit + 4)));
    else if (style === 1) use.push(asm.stx(size, 0, rnd(limit + 4), num()));
    else {
      use.push(asm.alur(ALU.add, 0, num()));
      if (style === 2) use.push(asm.ldx(size, num(), 0, rnd(8)));
      else use.push(asm.atomic(pick([4, 8]), 0, 0, num(), pick([0, 1, 0xe1])));
    }
    const check = rnd(12) === 0 ? [] : [asm.jmp(JMP.eq, 0, 0, use.length)];
    return [...key, asm.movr(2, 10), asm.alu(ALU.add, 2, -64), ...asm.map(1, which), asm.call(1), ...check, ...use];
  };
  const stackVar = (): Raw[] => {
    const d = num();
    const size = pick(SIZES);
    const use = rnd(2) === 0 ? asm.ldx(size, d, 3, -64) : asm.stx(size, 3, -64, d);
    const aligned = rnd(2) === 0 ? [asm.alu(ALU.and, d, 0x38)] : [];
    return [...aligned, asm.movr(3, 10), asm.alur(ALU.add, 3, d), use];
  };
  const probe = (): Raw[] => {
    const n = num();
    return [
      asm.movr(1, 10),
      asm.alu(ALU.add, 1, -8 * (1 + rnd(8))),
      asm.movr(2, n),
      asm.movr(3, 9),
      asm.call(113),
      ...(rnd(2) === 0 ? [asm.movr(num(), 0)] : []),
    ];
  };
  const loopStatement = (depth: number): Raw[] => {
    const body: Raw[] = [];
    for (let i = 0; i <= rnd(2); i++) body.push(...statement(depth + 2));
    const turns = 1 + rnd(6);
    // The counter lives in a slot that nothing else uses, as long as nobody writes there.
    return [
      asm.st(8, 10, -80, 0),
      ...body,
      asm.ldx(8, 4, 10, -80),
      asm.alu(ALU.add, 4, 1),
      asm.stx(8, 10, -80, 4),
      asm.jmp(JMP.lt, 4, turns, -(body.length + 4)),
    ];
  };
  const btf = (): Raw[] => {
    // r9 is the context: argument 0 is a struct file *.
    const d = num();
    return [
      asm.ldx(8, 3, 9, 0),
      asm.ldx(pick(SIZES), d, 3, 8 * rnd(40)),
      ...(rnd(3) === 0 ? [asm.ldx(4, d, 9, 8)] : []),
    ];
  };
  const ringbuf = (): Raw[] => {
    const use = [asm.stx(8, 0, 8 * rnd(3), num())];
    const done = [asm.movr(1, 0), asm.mov(2, 0), asm.call(pick([132, 133]))];
    const body = rnd(10) === 0 ? use : [...use, ...done];
    return [
      ...asm.map(1, 2),
      asm.mov(2, pick([8, 16, 24])),
      asm.mov(3, 0),
      asm.call(131),
      asm.jmp(JMP.eq, 0, 0, body.length),
      ...body,
    ];
  };
  const copy = (): Raw[] => {
    const d = num();
    const s = num();
    const r = rnd(v4 ? 4 : 3);
    if (r === 0) return [asm.movr32(d, s)];
    if (r === 3) return [asm.movsx(d, s, pick([8, 16, 32]))];
    return [asm.movr(d, s)];
  };
  function statement(depth: number): Raw[] {
    const r = rnd(100);
    if (r < 20) return arith();
    if (r < 30) return narrow();
    if (r < 42) return depth < 3 ? branch(depth) : arith();
    if (r < 52) return guard();
    if (r < 60) return spill();
    if (r < 67) return fill();
    if (r < 75) return mapAccess();
    if (r < 80) return stackVar();
    if (r < 84) return probe();
    if (r < 87) return depth < 2 ? loopStatement(depth) : narrow();
    if (r < 90) return btf();
    if (r < 92) return ringbuf();
    if (r < 94) return [asm.mov(num(), constant())];
    if (r < 96) return [rnd(2) === 0 ? asm.mov32(num(), constant()) : asm.neg(num())];
    return copy();
  }
  const count = 3 + rnd(14);
  for (let i = 0; i < count; i++) out.push(...statement(0));
  if (rnd(4) === 0) out.push(asm.movr(0, num()), asm.alu(ALU.and, 0, 0xfff), asm.alu(ALU.sub, 0, 0xfff));
  else out.push(asm.mov(0, 0));
  out.push(asm.exit());
  return out;
}
