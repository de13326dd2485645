/** The slow path of memory accesses: watched values, probing loads, and faults that say what was hit. */
import { VmFault } from './fault.ts';
import { KHI, type Arena } from './memory.ts';
import type { Run } from './run.ts';

/**
 * Decides about a load that the fast path did not let through. Returns the arena address to load from; address 0,
 * where there are only zeros, for a failed load through a BTF pointer: the kernel rewrites those to BPF_PROBE_MEM
 * and its exception table makes them yield 0 (kernel/bpf/verifier.c, convert_ctx_accesses).
 */
export function slowLoad(run: Run, lo: number, hi: number, off: number, size: number): number {
  const at = resolve(run.mem, lo, hi, off, size);
  if (at > 0) {
    const watch = run.mem.objectAt(at)!.watch;
    if (watch !== null && watch.loads) run.events.read(watch.valueAt(at), run.pc >> 2);
    return at;
  }
  if (run.isProbeLoad()) return 0;
  throw new VmFault(`load of ${describe(run.mem, lo, hi, off, size)}`);
}

/** As `slowLoad`, for stores: reports stores to map values and refuses read-only data. */
export function slowStore(run: Run, lo: number, hi: number, off: number, size: number): number {
  const at = resolve(run.mem, lo, hi, off, size);
  if (at > 0) {
    noteStore(run, at);
    return at;
  }
  throw new VmFault(`store of ${describe(run.mem, lo, hi, off, size)}`);
}

/** Reports (or refuses) a store to addressable memory, by an instruction or a helper. */
export function noteStore(run: Run, at: number): void {
  const block = run.mem.objectAt(at);
  const watch = block?.watch ?? null;
  if (block === undefined || watch === null) return;
  if (watch.readOnly) throw new VmFault(`write into ${block.label}: only read is supported`);
  if (watch.stores) run.events.write(watch.valueAt(at), run.pc >> 2);
}

/** The arena address of an access, or -1 when some byte of it is not allocated. */
function resolve(mem: Arena, lo: number, hi: number, off: number, size: number): number {
  const at = (lo >>> 0) + off;
  const upper = at < 0 ? hi - 1 : at > 0xffffffff ? hi + 1 : hi;
  if ((upper | 0) !== KHI) return -1;
  const low = at >>> 0;
  return mem.addressable(low, size) ? low : -1;
}

/** `4 bytes at 0x0 (NULL)`, or how far past the end of what. */
export function describe(mem: Arena, lo: number, hi: number, off: number, size: number): string {
  const address = BigInt.asUintN(64, ((BigInt(hi) << 32n) | BigInt(lo >>> 0)) + BigInt(off));
  const what = `${size} byte${size === 1 ? '' : 's'} at 0x${address.toString(16)}`;
  if (address < 4096n) return `${what} (NULL pointer)`;
  if (Number(address >> 32n) >>> 0 !== KHI >>> 0) return `${what}, which is no kernel memory`;
  const at = Number(address & 0xffffffffn);
  const block = mem.blockNear(at);
  if (block === undefined) return `${what}, which was never allocated`;
  if (!block.live && at < block.start + block.capacity) return `${what}, inside freed "${block.label}"`;
  const end = block.start + block.size;
  if (at < end) return `${what}, across the end of "${block.label}" (${block.size} bytes)`;
  return `${what}, ${at - end} bytes past the end of "${block.label}" (${block.size} bytes)`;
}
