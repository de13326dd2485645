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

/** (buf, len, flags, res): characters used, or -EINVAL / -ERANGE. `flags` holds the base. */
const strto =
  (signed: boolean) =>
  (run: Run): void => {
    const size = run.u32(2);
    const at = run.readable(1, size);
    const base = run.u64(3);
    if (base !== 0n && base !== 8n && base !== 10n && base !== 16n) return run.ret(-EINVAL);
    let text = '';
    for (let i = 0; i < size; i++) {
      const c = run.mem.bytes[at + i];
      if (c === 0) break;
      text += String.fromCharCode(c);
    }
    let used = SPACE.exec(text)?.[0].length ?? 0;
    let negative = false;
    if (text[used] === '-') {
      if (!signed) return run.ret(-EINVAL);
      negative = true;
      used++;
    } else if (text[used] === '+') used++;
    let radix = Number(base);
    const prefixed = /^0x[0-9a-f]/i.test(text.slice(used));
    if (radix === 0) radix = prefixed ? 16 : text[used] === '0' ? 8 : 10;
    if (radix === 16 && prefixed) used += 2;
    const digits = (radix === 8 ? /^[0-7]+/ : radix === 10 ? /^[0-9]+/ : /^[0-9a-f]+/i).exec(text.slice(used))?.[0];
    if (digits === undefined) return run.ret(-EINVAL);
    used += digits.length;
    const value = BigInt((radix === 16 ? '0x' : radix === 8 ? '0o' : '') + digits);
    const limit = signed ? (negative ? 1n << 63n : (1n << 63n) - 1n) : (1n << 64n) - 1n;
    if (value > limit) return run.ret(-ERANGE);
    const res = run.writable(4, 8);
    run.mem.view.setBigUint64(res, BigInt.asUintN(64, negative ? -value : value), true);
    run.ret(used);
  };

export const stringHelpers: HelperFamily = {
  105: helper('strtol', strto(true)),
  106: helper('strtoul', strto(false)),
  182: helper('strncmp', strncmp),
};
