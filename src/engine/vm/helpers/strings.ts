/** String helpers. Semantics: kernel/bpf/helpers.c. */
import { EINVAL, ERANGE } from '../errno.ts';
import type { Run } from '../run.ts';
import { helper, type HelperFamily } from './table.ts';

/** (s1, size, s2): -1, 0 or 1, as the kernel's own strncmp returns. s2 is a constant string. */
function strncmp(run: Run): void {
  const size = run.u32(2);
  const a = run.readable(1, size);
  const b = run.ptr(3);
  const { mem } = run;
  const { bytes } = mem;
  for (let i = 0; i < size; i++) {
    if (!mem.addressable(b + i, 1)) run.readable(3, i + 1);
    const x = bytes[a + i];
    const y = bytes[b + i];
    if (x !== y) return run.ret(x < y ? -1 : 1);
    if (x === 0) break;
  }
  run.ret(0);
}

const SPACE = /^[ \t\n\v\f\r\xa0]+/;

/** The kernel copies at most this many digits to look at. */
const MAX_NUMBER = 63;

/** (buf, len, flags, res): characters used, or -EINVAL / -ERANGE with *res = 0. `flags` holds the base. */
const strto =
  (signed: boolean) =>
  (run: Run): void => {
    const size = run.u32(2);
    const at = run.readable(1, size);
    const res = run.writable(4, 8);
    const text = Array.from(run.mem.bytes.subarray(at, at + size), (c) => String.fromCharCode(c)).join('');
    const parsed = parseNumber(text, run.u64(3), signed);
    run.mem.view.setBigUint64(res, typeof parsed === 'number' ? 0n : BigInt.asUintN(64, parsed.value), true);
    run.ret(typeof parsed === 'number' ? parsed : parsed.used);
  };

function parseNumber(text: string, base: bigint, signed: boolean): { value: bigint; used: number } | number {
  if (base !== 0n && base !== 8n && base !== 10n && base !== 16n) return -EINVAL;
  let used = SPACE.exec(text)?.[0].length ?? 0;
  const negative = text[used] === '-';
  if (negative) used++;
  let digits = text.slice(used, used + MAX_NUMBER);
  let radix = Number(base);
  if (radix === 0) radix = /^0x[0-9a-f]/i.test(digits) ? 16 : digits[0] === '0' ? 8 : 10;
  if (radix === 16 && /^0x/i.test(digits)) {
    used += 2;
    digits = digits.slice(2);
  }
  digits = (radix === 8 ? /^[0-7]*/ : radix === 10 ? /^[0-9]*/ : /^[0-9a-f]*/i).exec(digits)![0];
  const value = digits === '' ? 0n : BigInt((radix === 16 ? '0x' : radix === 8 ? '0o' : '') + digits);
  if (value >= 1n << 64n) return -ERANGE;
  if (digits === '' || (negative && !signed)) return -EINVAL;
  if (signed && value > (negative ? 1n << 63n : (1n << 63n) - 1n)) return -ERANGE;
  return { value: negative ? -value : value, used: used + digits.length };
}

export const stringHelpers: HelperFamily = {
  105: helper('strtol', strto(true)),
  106: helper('strtoul', strto(false)),
  182: helper('strncmp', strncmp),
};
