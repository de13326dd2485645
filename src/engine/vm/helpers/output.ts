/** Ring buffers and perf events. Semantics: kernel/bpf/ringbuf.c. */
import { EAGAIN, EINVAL } from '../errno.ts';
import { VmFault } from '../fault.ts';
import { RingBuf } from '../maps/index.ts';
import type { VmMap } from '../maps/map.ts';
import type { KAddr } from '../types.ts';
import type { Run } from '../run.ts';
import { helper, type HelperFamily } from './table.ts';

const NO_KEY = new Uint8Array(0);
/** BPF_RB_NO_WAKEUP | BPF_RB_FORCE_WAKEUP: accepted; the modelled consumer needs no waking. */
const WAKEUP_FLAGS = 3n;

export function ringArg(run: Run, n: number): RingBuf {
  const map = run.map(n);
  if (!(map instanceof RingBuf)) throw new VmFault(`argument ${n} is no ring buffer`);
  return map;
}

/** Reserves a record and remembers it; 0 when the ring is full. Shared with dynptrs. */
export function reserveRecord(run: Run, ring: RingBuf, size: number): number {
  const at = ring.reserve(size);
  run.events.op(ring.def, 'reserve', NO_KEY, null, null, at !== 0, run.callSlot);
  if (at !== 0) run.reserved.set(at, { map: ring, size });
  return at;
}

/** Ends a reservation: the record becomes visible, or is thrown away. */
export function finishRecord(run: Run, at: number, submit: boolean): void {
  const record = run.reserved.get(at);
  if (record === undefined) throw new VmFault('argument 1 is no reserved ring-buffer record');
  run.reserved.delete(at);
  if (submit) run.ringRecords.push({ map: record.map.def, bytes: run.mem.bytes.slice(at, at + record.size) });
  run.mem.free(at as KAddr);
}

function reserve(run: Run): void {
  const ring = ringArg(run, 1);
  const size = run.u64(2);
  run.retPtr(run.u64(3) !== 0n || size > 0xffffffffn ? 0 : reserveRecord(run, ring, Number(size)));
}

const finish =
  (submit: boolean) =>
  (run: Run): void => {
    finishRecord(run, run.ptr(1), submit);
    run.ret(0);
  };

function emit(run: Run, map: VmMap, dataArg: number, size: number): void {
  const at = run.readable(dataArg, size);
  run.ringRecords.push({ map: map.def, bytes: run.mem.bytes.slice(at, at + size) });
  run.ret(0);
}

function ringOutput(run: Run): void {
  const ring = ringArg(run, 1);
  if ((run.u64(4) & ~WAKEUP_FLAGS) !== 0n) return run.ret(-EINVAL);
  const size = run.u32(3);
  const at = reserveRecord(run, ring, size);
  if (at === 0) return run.ret(-EAGAIN);
  run.reserved.delete(at);
  run.mem.free(at as KAddr);
  emit(run, ring, 2, size);
}

function ringQuery(run: Run): void {
  run.ret(ringArg(run, 1).query(run.u64(2) > 3n ? -1 : run.u32(2)));
}

/** bpf_perf_event_output(ctx, map, flags, data, size): recorded like a ring record; any CPU index reaches user space. */
function perfOutput(run: Run): void {
  const map = run.map(2);
  if (map.def.type !== 'perf_event_array') throw new VmFault('argument 2 is no perf event array');
  // The upper half may hold a context length (BPF_F_CTXLEN_MASK), which tracing programs must leave 0.
  if (run.u64(3) >> 32n !== 0n) return run.ret(-EINVAL);
  emit(run, map, 4, run.u32(5));
}

function userRingDrain(run: Run): void {
  run.services.notModelled('bpf_user_ringbuf_drain');
  run.ret(0);
}

export const outputHelpers: HelperFamily = {
  25: helper('perf_event_output', perfOutput),
  130: helper('ringbuf_output', ringOutput),
  131: helper('ringbuf_reserve', reserve),
  132: helper('ringbuf_submit', finish(true)),
  133: helper('ringbuf_discard', finish(false)),
  134: helper('ringbuf_query', ringQuery),
  209: helper('user_ringbuf_drain', userRingDrain),
};
