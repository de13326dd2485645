/** Reading memory that the verifier did not check: bpf_probe_read* and copy_from_user. kernel/trace/bpf_trace.c. */
import { EFAULT, EPERM } from '../errno.ts';
import { KHI } from '../memory.ts';
import type { Run } from '../run.ts';
import { helper, notModelled, type HelperFamily } from './table.ts';

/** User addresses end here on x86-64 (TASK_SIZE_MAX, 4-level paging). */
const TASK_SIZE = 0x7fff_ffff_f000n;

/** Kernel bytes at an address that may be anything; undefined = the access would fault. */
export function kernelBytes(run: Run, address: bigint, size: number): Uint8Array | undefined {
  if (size === 0) return new Uint8Array(0);
  if (Number(address >> 32n) !== KHI >>> 0) return undefined;
  const at = Number(address & 0xffffffffn);
  if (!run.mem.addressable(at, size)) {
    const block = run.mem.objectAt(at);
    // The real kernel would read on into whatever lies behind; the model has nothing there.
    if (block !== undefined) run.services.notModelled(`reading past the end of ${block.label}`);
    return undefined;
  }
  return run.mem.bytes.slice(at, at + size);
}

/** Bytes at an address of either half, as bpf_probe_read has it on x86. */
const anyBytes = (run: Run, address: bigint, size: number): Uint8Array | undefined =>
  address < TASK_SIZE ? run.services.readUser(address, size) : kernelBytes(run, address, size);

const userBytes = (run: Run, address: bigint, size: number): Uint8Array | undefined =>
  address < TASK_SIZE ? run.services.readUser(address, size) : undefined;

type Reader = (run: Run, address: bigint, size: number) => Uint8Array | undefined;

/** (dst, size, src): 0, or -EFAULT with dst zeroed. */
const probeRead =
  (read: Reader) =>
  (run: Run): void => {
    const size = run.u32(2);
    const dst = run.writable(1, size);
    const bytes = size === 0 ? new Uint8Array(0) : read(run, run.u64(3), size);
    if (bytes === undefined) {
      run.mem.bytes.fill(0, dst, dst + size);
      return run.ret(-EFAULT);
    }
    run.mem.bytes.set(bytes, dst);
    run.ret(0);
  };

/**
 * A NUL-terminated string of at most `size` bytes with its terminator; cut short if need be. Undefined = fault.
 */
export function readString(run: Run, read: Reader, address: bigint, size: number): Uint8Array | undefined {
  const out: number[] = [];
  // Byte by byte, since the string may end just before memory does.
  for (let i = 0; i < size; i++) {
    const byte = read(run, address + BigInt(i), 1);
    if (byte === undefined) return undefined;
    if (i === size - 1) break;
    out.push(byte[0]);
    if (byte[0] === 0) return Uint8Array.from(out);
  }
  out.push(0);
  return Uint8Array.from(out);
}

/** (dst, size, src): length with NUL, or -EFAULT with dst zeroed. The rest of dst keeps its contents. */
const probeReadStr =
  (read: Reader) =>
  (run: Run): void => {
    const size = run.u32(2);
    const dst = run.writable(1, size);
    if (size === 0) return run.ret(0);
    const text = readString(run, read, run.u64(3), size);
    if (text === undefined) {
      run.mem.bytes.fill(0, dst, dst + size);
      return run.ret(-EFAULT);
    }
    run.mem.bytes.set(text, dst);
    run.ret(text.length);
  };

export const readAnyString = (run: Run, address: bigint, size: number): Uint8Array | undefined =>
  readString(run, anyBytes, address, size);

function probeWriteUser(run: Run): void {
  const size = run.u32(3);
  const src = run.readable(2, size);
  const address = run.u64(1);
  if (address >= TASK_SIZE) return run.ret(-EPERM);
  run.ret(run.services.writeUser(address, run.mem.bytes.slice(src, src + size)) ? 0 : -EFAULT);
}

export const memoryHelpers: HelperFamily = {
  4: helper('probe_read', probeRead(anyBytes)),
  36: helper('probe_write_user', probeWriteUser),
  45: helper('probe_read_str', probeReadStr(anyBytes)),
  112: helper('probe_read_user', probeRead(userBytes)),
  113: helper('probe_read_kernel', probeRead(kernelBytes)),
  114: helper('probe_read_user_str', probeReadStr(userBytes)),
  115: helper('probe_read_kernel_str', probeReadStr(kernelBytes)),
  148: helper('copy_from_user', probeRead(userBytes)),
  191: notModelled('copy_from_user_task', -EFAULT),
};
