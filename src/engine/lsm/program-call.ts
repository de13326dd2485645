/** Runs one attached bpf program for one hook call and renders what it did for the trace. */
import { bytesToHex } from '../../base/index.ts';
import { renderValue, type Btf } from '../bpf/index.ts';
import type { LoadedProgram, MapDef } from '../loader/index.ts';
import type { MapEvent, ProgramRun, VmObject } from '../vm/index.ts';
import type { MapAccess, ProgramCall, RingRecord } from './types.ts';

/** A program in its attach order, with the object instance that holds its maps. */
export interface AttachedProgram {
  /** Policy (file) the program is from. */
  readonly policy: string;
  readonly vm: VmObject;
  readonly program: LoadedProgram;
  /** Names the object at a kernel address, e.g. the task that owns a piece of local storage. */
  readonly objectName: (addr: number) => string | undefined;
}

const nameOf = (m: MapDef): string => m.name;

function rendered(p: AttachedProgram, typeId: number, bytes: Uint8Array | null): string | null {
  if (bytes === null) return null;
  const btf = p.vm.object.btf;
  return btf !== null && typeId !== 0 ? renderValue(btf, typeId, bytes) : bytesToHex(bytes);
}

/** A key as people know it: local storage by its owner, globals without, else by type. */
function keyText(p: AttachedProgram, e: MapEvent): string {
  if (e.key.length === 0 || e.map.section !== undefined) return '';
  if (e.map.type.endsWith('_storage')) {
    const owner = new DataView(e.key.buffer, e.key.byteOffset).getUint32(0, true);
    return p.objectName(owner) ?? bytesToHex(e.key);
  }
  return rendered(p, e.map.keyTypeId, e.key) ?? '';
}

function access(p: AttachedProgram, e: MapEvent): MapAccess {
  return {
    map: nameOf(e.map),
    op: e.op,
    key: bytesToHex(e.key),
    keyText: keyText(p, e),
    before: rendered(p, e.map.valueTypeId, e.before),
    after: rendered(p, e.map.valueTypeId, e.after),
    found: e.found,
  };
}

/**
 * The struct that a ring buffer record most likely is: ring buffers carry no value type, so authors declare a pointer
 * to their event struct as a global (`const struct event *unused`), which puts it into BTF. The one whose size fits.
 */
function recordType(btf: Btf, size: number): number {
  for (let id = 1; id < btf.typeCount; id++) {
    const t = btf.type(id);
    if (t.kind !== 'var') continue;
    const pointer = btf.type(btf.strip(t.type));
    if (pointer.kind !== 'ptr') continue;
    const target = btf.strip(pointer.type);
    if (btf.kind(target) === 'struct' && btf.sizeOf(target) === size) return target;
  }
  return 0;
}

function record(p: AttachedProgram, r: ProgramRun['ringRecords'][number]): RingRecord {
  const { btf } = p.vm.object;
  const typeId = btf === null ? 0 : recordType(btf, r.bytes.length);
  const text = btf !== null && typeId !== 0 ? renderValue(btf, typeId, r.bytes) : null;
  return { map: nameOf(r.map), bytes: bytesToHex(r.bytes), text };
}

/** How often each C line's first instructions ran: `line → count`. */
function coveredLines(program: LoadedProgram, hits: Uint32Array): Record<number, number> {
  const out: Record<number, number> = {};
  for (const l of program.lines) {
    const n = hits[l.insn] ?? 0;
    if (n > 0) out[l.line] = Math.max(out[l.line] ?? 0, n);
  }
  return out;
}

/**
 * @param args the hook's arguments as u64, without the trailing return value
 * @param trailing what the trampoline passes as the last argument: the result so far
 * @returns the call for the trace, and r0 as the kernel's int
 */
export function callProgram(p: AttachedProgram, args: readonly bigint[], trailing: number): ProgramCall {
  const run = p.vm.run(p.program, [...args, BigInt.asUintN(64, BigInt(trailing))]);
  return {
    program: p.program.name,
    policy: p.policy,
    state: 'called',
    because: null,
    ret: Number(BigInt.asIntN(32, run.r0)),
    insns: run.insns,
    maps: run.mapEvents.map((e) => access(p, e)),
    printk: run.printk,
    records: run.ringRecords.map((r) => record(p, r)),
    fault: run.fault === null ? null : `instruction ${run.fault.insn}: ${run.fault.message}`,
    lines: coveredLines(p.program, run.hits),
  };
}

/** The trace entry of a program that was attached and not reached. */
export function notCalled(p: AttachedProgram, because: string): ProgramCall {
  return {
    program: p.program.name,
    policy: p.policy,
    state: 'not-called',
    because,
    ret: null,
    insns: 0,
    maps: [],
    printk: [],
    records: [],
    fault: null,
    lines: {},
  };
}
