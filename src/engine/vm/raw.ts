/** Programs without an object: conformance tests and the plugin protocol of the public bpf_conformance runner. */
import { decodeInsns, type InsnArray } from '../bpf/index.ts';
import { decodeProgram } from './decode.ts';
import { Arena, KHI } from './memory.ts';
import { allocStacks } from './object.ts';
import { Run, type Machine } from './run.ts';
import { Session } from './session.ts';
import type { KAddr, KernelServices, ProgramRun, RunLimits } from './types.ts';

/** A kernel with nothing in it: one task, and a clock that starts at 1 ns. */
function emptyServices(memory: Arena): KernelServices {
  let clock = 0n;
  const task = memory.alloc(64, 'struct task_struct');
  return {
    memory,
    currentTask: () => task,
    currentPidTgid: () => (1n << 32n) | 1n,
    currentUidGid: () => 0n,
    currentComm: () => 'raw',
    currentCgroupId: () => 1n,
    ktimeNs: () => ++clock,
    dPath: () => -22,
    readUser: () => undefined,
    writeUser: () => false,
    notModelled: () => undefined,
  };
}

/** Runs instructions with r1 = memory (NULL when there is none) and r2 = its size. `mem` gets the memory afterwards. */
export function runRaw(insns: InsnArray, mem?: Uint8Array, limits?: RunLimits): ProgramRun {
  const arena = new Arena();
  const services = emptyServices(arena);
  const machine: Machine = {
    mem: arena,
    services,
    mapAt: () => undefined,
    programAt: () => undefined,
    decoded: () => code,
    random: () => 4,
  };
  const code = decodeProgram('raw', insns, { mapAddr: () => undefined, mapValueAddr: () => undefined });
  const run = new Run(machine, code, null, allocStacks(arena), 0);
  let at: KAddr | 0 = 0;
  if (mem !== undefined && mem.length > 0) {
    at = arena.alloc(mem.length, 'memory of the test');
    arena.bytes.set(mem, at);
    run.R[2] = at;
    run.R[3] = KHI;
    run.R[4] = mem.length;
  }
  const result = new Session(run, limits, () => undefined).result();
  if (at !== 0) mem!.set(arena.bytes.subarray(at, at + mem!.length));
  return result;
}

/** Bytes of a hex dump; white space is ignored. Undefined when it is none. */
function parseHex(text: string): Uint8Array | undefined {
  const digits = text.replace(/\s+/g, '');
  if (digits.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(digits)) return undefined;
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) => parseInt(digits.slice(i * 2, i * 2 + 2), 16));
}

/** A program and its memory in hex; r0 in hex without prefix, or why there is no result. */
export function runHex(
  program: string,
  memory: string,
): { readonly ok: true; readonly r0: string } | { readonly ok: false; readonly message: string } {
  const bytes = parseHex(program);
  if (bytes === undefined) return { ok: false, message: 'the program is not in hexadecimal' };
  if (bytes.length === 0 || bytes.length % 8 !== 0) {
    return { ok: false, message: `a program of ${bytes.length} bytes is no sequence of 8-byte instructions` };
  }
  const mem = parseHex(memory);
  if (mem === undefined) return { ok: false, message: 'the memory is not in hexadecimal' };
  const run = runRaw(decodeInsns(bytes), mem);
  if (run.fault !== null) return { ok: false, message: `instruction ${run.fault.insn}: ${run.fault.message}` };
  return { ok: true, r0: run.r0.toString(16) };
}
