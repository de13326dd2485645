/** Atomic operations (RFC 9669, 5.3). One modelled CPU, so plain read-modify-write is atomic. */
import { slowStore } from './access.ts';
import { KHI } from './memory.ts';
import type { Run } from './run.ts';

const FETCH = 0x01;

/** Runs one atomic instruction: memory at r[d] + off, operand r[s]; `wide` = 8 bytes. */
export function atomic(run: Run, d: number, s: number, off: number, op: number, wide: boolean): void {
  const R = run.R;
  const size = wide ? 8 : 4;
  const { mem } = run;
  let a = (R[d] + off) | 0;
  const whole = R[d + 1] === KHI && (a & (size - 1)) === 0;
  const g = a >>> 3;
  if (!whole || mem.loadOk[g] !== 8 || mem.storeOk[g] !== 8) {
    // Never a probing load: atomics on BTF pointers are refused by the kernel.
    a = slowStore(run, R[d], R[d + 1], off, size);
  }
  const view = mem.view;
  const lo = view.getInt32(a, true);
  const hi = wide ? view.getInt32(a + 4, true) : 0;
  let newLo = R[s];
  let newHi = wide ? R[s + 1] : 0;
  switch (op & ~FETCH) {
    case 0x00: {
      const sum = (lo + newLo) | 0;
      newHi = (hi + newHi + (sum >>> 0 < lo >>> 0 ? 1 : 0)) | 0;
      newLo = sum;
      break;
    }
    case 0x40:
      newLo |= lo;
      newHi |= hi;
      break;
    case 0x50:
      newLo &= lo;
      newHi &= hi;
      break;
    case 0xa0:
      newLo ^= lo;
      newHi ^= hi;
      break;
    case 0xf0:
      // CMPXCHG: r0 is both the expected value and the place for the old one.
      if (R[0] !== lo || (wide && R[1] !== hi)) {
        newLo = lo;
        newHi = hi;
      }
      break;
    default: // XCHG
  }
  view.setInt32(a, newLo, true);
  if (wide) view.setInt32(a + 4, newHi, true);
  if (op === 0xf1) {
    R[0] = lo;
    R[1] = hi;
  } else if ((op & FETCH) !== 0) {
    R[s] = lo;
    R[s + 1] = hi;
  }
}
