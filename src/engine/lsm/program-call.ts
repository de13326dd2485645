/** Runs one attached bpf program for one hook call and renders what it did for the trace. */
import { bytesToHex } from '../../base/index.ts';
import { renderValue } from '../bpf/index.ts';
import type { LoadedProgram, MapDef } from '../loader/index.ts';
import type { MapEvent, ProgramRun, VmObject } from '../vm/index.ts';
import type { MapAccess, ProgramCall, RingRecord } from './types.ts';

/** A program in its attach order, with the object instance that holds its maps. */
export interface AttachedProgram {
  /** Policy (file) the program is from. */
  readonly policy: string;
  readonly vm: VmObject;
  readonly program: LoadedProgram;
}

const nameOf = (m: MapDef): string => m.name;

function rendered(p: AttachedProgram, typeId: number, bytes: Uint8Array | null): string | null {
  if (bytes === null) return null;
  const btf = p.vm.object.btf;
  return btf !== null && typeId !== 0 ? renderValue(btf, typeId, bytes) : bytesToHex(bytes);
}

function access(p: AttachedProgram, e: MapEvent): MapAccess {
  return {
    map: nameOf(e.map),
    op: e.op,
    key: bytesToHex(e.key),
    keyText: e.key.length === 0 ? '' : (rendered(p, e.map.keyTypeId, e.key) ?? ''),
    before: rendered(p, e.map.valueTypeId, e.before),
    after: rendered(p, e.map.valueTypeId, e.after),
    found: e.found,
  };
}

function record(p: AttachedProgram, r: ProgramRun['ringRecords'][number]): RingRecord {
  const btf = p.vm.object.btf;
  // A ring buffer's BTF value type, where the author declared one, tells the record's type.
  const text = btf !== null && r.map.valueTypeId !== 0 ? renderValue(btf, r.map.valueTypeId, r.bytes) : null;
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
