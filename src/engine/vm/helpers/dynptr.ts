/**
 * Dynamic pointers. In memory they are as `struct bpf_dynptr_kern`: data pointer, then size with the type in bits
 * 28..30 and a read-only bit 31, then offset (include/linux/bpf.h).
 */
import { E2BIG, EINVAL } from '../errno.ts';
import { noteStore } from '../access.ts';
import { KHI } from '../memory.ts';
import type { KAddr } from '../types.ts';
import type { Run } from '../run.ts';
import { finishRecord, reserveRecord, ringArg } from './output.ts';
import { helper, type HelperFamily } from './table.ts';

const TYPE_LOCAL = 1;
const TYPE_RINGBUF = 2;
const SIZE_MASK = 0xffffff;
const MAX_SIZE = SIZE_MASK;
const RDONLY = 1 << 31;

interface Dynptr {
  readonly data: number;
  readonly size: number;
  readonly offset: number;
  readonly readOnly: boolean;
}

function write(run: Run, n: number, data: number, size: number, type: number): void {
  const at = run.writable(n, 16);
  const { view } = run.mem;
  run.mem.writePtr(at, data as KAddr | 0);
  view.setInt32(at + 8, data === 0 ? 0 : size | (type << 28), true);
  view.setInt32(at + 12, 0, true);
}

function read(run: Run, n: number): Dynptr | null {
  const at = run.readable(n, 16);
  const { view } = run.mem;
  const data = view.getInt32(at + 4, true) === KHI ? view.getUint32(at, true) : 0;
  const word = view.getInt32(at + 8, true);
  if (data === 0) return null;
  return { data, size: word & SIZE_MASK, offset: view.getUint32(at + 12, true), readOnly: (word & RDONLY) !== 0 };
}

const outside = (d: Dynptr, offset: bigint, length: bigint): boolean =>
  length > BigInt(d.size) || offset > BigInt(d.size) - length;

function fromMem(run: Run): void {
  const size = run.u32(2);
  const fail = size > MAX_SIZE ? -E2BIG : run.u64(3) !== 0n ? -EINVAL : 0;
  const data = fail === 0 ? run.readable(1, size) : 0;
  write(run, 4, data, size, TYPE_LOCAL);
  run.ret(fail);
}

function reserve(run: Run): void {
  const ring = ringArg(run, 1);
  const size = run.u32(2);
  const fail = run.u64(3) !== 0n ? -EINVAL : size > MAX_SIZE ? -E2BIG : 0;
  const data = fail === 0 ? reserveRecord(run, ring, size) : 0;
  write(run, 4, data, size, TYPE_RINGBUF);
  run.ret(fail !== 0 ? fail : data === 0 ? -EINVAL : 0);
}

const finish =
  (submit: boolean) =>
  (run: Run): void => {
    const d = read(run, 1);
    if (d !== null) {
      finishRecord(run, d.data, submit);
      write(run, 1, 0, 0, 0);
    }
    run.ret(0);
  };

/** (dst, len, src dynptr, offset, flags) */
function readHelper(run: Run): void {
  const length = run.u32(2);
  const dst = run.writable(1, length);
  const d = read(run, 3);
  if (d === null || run.u64(5) !== 0n) return run.ret(-EINVAL);
  const offset = BigInt(run.u32(4));
  if (outside(d, offset, BigInt(length))) return run.ret(-E2BIG);
  const from = d.data + d.offset + Number(offset);
  run.mem.bytes.copyWithin(dst, from, from + length);
  run.ret(0);
}

/** (dst dynptr, offset, src, len, flags) */
function writeHelper(run: Run): void {
  const length = run.u32(4);
  const src = run.readable(3, length);
  const d = read(run, 1);
  if (d === null || d.readOnly || run.u64(5) !== 0n) return run.ret(-EINVAL);
  const offset = BigInt(run.u32(2));
  if (outside(d, offset, BigInt(length))) return run.ret(-E2BIG);
  const to = d.data + d.offset + Number(offset);
  noteStore(run, to);
  run.mem.bytes.copyWithin(to, src, src + length);
  run.ret(0);
}

/** (dynptr, offset, len): pointer to the bytes, NULL when outside or read-only. */
function data(run: Run): void {
  const d = read(run, 1);
  const offset = BigInt(run.u32(2));
  if (d === null || d.readOnly || outside(d, offset, BigInt(run.u32(3)))) return run.retPtr(0);
  run.retPtr(d.data + d.offset + Number(offset));
}

export const dynptrHelpers: HelperFamily = {
  197: helper('dynptr_from_mem', fromMem),
  198: helper('ringbuf_reserve_dynptr', reserve),
  199: helper('ringbuf_submit_dynptr', finish(true)),
  200: helper('ringbuf_discard_dynptr', finish(false)),
  201: helper('dynptr_read', readHelper),
  202: helper('dynptr_write', writeHelper),
  203: helper('dynptr_data', data),
};
