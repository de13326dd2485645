/** bpf_trace_printk, bpf_trace_vprintk, bpf_snprintf: text through the kernel's bpf format subset. */
import { EINVAL, EOPNOTSUPP } from '../errno.ts';
import { formatBpf } from '../format.ts';
import type { Run } from '../run.ts';
import { kernelBytes, readAnyString } from './memory.ts';
import { helper, notModelled, type HelperFamily } from './table.ts';

/** MAX_TRACE_PRINTK_VARARGS, MAX_BPRINTF_VARARGS; the buffer of one message. */
const PRINTK_ARGS = 3;
const VPRINTK_ARGS = 12;
const BUFFER = 1024;

const sources = (run: Run) => ({
  text: (address: bigint, max: number) => readAnyString(run, address, max),
  bytes: (address: bigint, size: number) => kernelBytes(run, address, size),
});

/** A format string in memory; undefined = not terminated inside `size`. */
function formatArg(run: Run, n: number, size: number): string | undefined {
  const at = run.readable(n, size);
  return cString(run.mem.bytes.subarray(at, at + size));
}

function cString(bytes: Uint8Array): string | undefined {
  const end = bytes.indexOf(0);
  return end < 0 ? undefined : String.fromCharCode(...bytes.subarray(0, end));
}

/** `count` 8-byte arguments from memory. */
function argArray(run: Run, n: number, size: number): bigint[] {
  const at = run.readable(n, size);
  return Array.from({ length: size >> 3 }, (_, i) => run.mem.view.getBigUint64(at + i * 8, true));
}

function print(run: Run, format: string | undefined, args: readonly bigint[]): void {
  const text = format === undefined ? undefined : formatBpf(format, args, sources(run));
  if (text === undefined) return run.ret(-EINVAL);
  const cut = text.slice(0, BUFFER - 1);
  run.printk.push(new TextDecoder().decode(Uint8Array.from(cut, (c) => c.charCodeAt(0))));
  run.ret(cut.length);
}

function tracePrintk(run: Run): void {
  const args = [run.u64(3), run.u64(4), run.u64(5)].slice(0, PRINTK_ARGS);
  print(run, formatArg(run, 1, run.u32(2)), args);
}

function traceVprintk(run: Run): void {
  const size = run.u32(4);
  if ((size & 7) !== 0 || size > VPRINTK_ARGS * 8) return run.ret(-EINVAL);
  print(run, formatArg(run, 1, run.u32(2)), argArray(run, 3, size));
}

/** (str, str_size, fmt, data, data_len): length with NUL of the whole text, even when it was cut. */
function snprintf(run: Run): void {
  const size = run.u32(2);
  const dataSize = run.u32(5);
  if ((dataSize & 7) !== 0 || dataSize > VPRINTK_ARGS * 8) return run.ret(-EINVAL);
  const at = run.writable(1, size);
  const raw = readAnyString(run, run.u64(3), 4096);
  const format = raw === undefined ? undefined : cString(raw);
  const text = format === undefined ? undefined : formatBpf(format, argArray(run, 4, dataSize), sources(run));
  if (text === undefined) return run.ret(-EINVAL);
  for (let i = 0; i < Math.min(text.length, size - 1); i++) run.mem.bytes[at + i] = text.charCodeAt(i);
  if (size > 0) run.mem.bytes[at + Math.min(text.length, size - 1)] = 0;
  run.ret(text.length + 1);
}

export const traceHelpers: HelperFamily = {
  6: helper('trace_printk', tracePrintk),
  149: notModelled('snprintf_btf', -EOPNOTSUPP),
  165: helper('snprintf', snprintf),
  177: helper('trace_vprintk', traceVprintk),
};
