/** Bounds of memory regions: an access must lie inside whatever the variable part of the pointer is. */
import type { Env } from './env.ts';
import { EACCES } from './env.ts';
import { offsetText, wholeOffset } from './offsets.ts';
import type { Reg } from './reg.ts';
import { RDONLY } from './reg.ts';
import type { Scalar } from './scalar.ts';

const MAX_VAR_OFF = 1 << 29;

/**
 * The parts of an offset as the kernel bounds them: the variable one as a number, and the fixed one. `off` is the fixed part with the
 * pointer's own in it; where that is not told apart from the variable part (7.0), a pointer below its start has no upper bound.
 */
export function splitOffset(env: Env, reg: Reg, off: number): { readonly num: Scalar; readonly fixed: number } {
  if (!env.rules.offsetsInOne) return { num: reg.num, fixed: off };
  return { num: wholeOffset(reg, env.rules.bounds).num, fixed: off - reg.off };
}

/** [off, off + size) plus the variable part of the pointer must be inside of a region. */
export function checkRegion(
  env: Env,
  regno: number,
  reg: Reg,
  off: number,
  size: number,
  regionSize: number,
  zeroOk: boolean,
): void {
  const { num: s, fixed } = splitOffset(env, reg, off);
  const lo = s.sminNumber + fixed;
  if (s.sminHi < 0 && (s.sminUnbounded || lo !== (lo | 0) || lo < 0)) {
    env.fail(
      EACCES,
      'index-negative',
      `R${regno} min value is negative, either use unsigned index or do a if (index >=0) check.`,
      regno,
    );
  }
  const check = (from: number): boolean =>
    from >= 0 && (size > 0 || (size === 0 && zeroOk)) && from + size <= regionSize;
  if (!check(lo)) {
    env.log.line(outside(reg, lo, size, regionSize));
    env.fail(EACCES, 'out-of-bounds', `R${regno} min value is outside of the allowed memory range`, regno);
  }
  if (s.umaxNumber >= MAX_VAR_OFF) {
    env.fail(
      EACCES,
      'index-unbounded',
      `R${regno} unbounded memory access, make sure to bounds check any such access`,
      regno,
    );
  }
  const hi = s.umaxNumber + fixed;
  if (!check(hi)) {
    env.log.line(outside(reg, hi, size, regionSize));
    env.fail(EACCES, 'out-of-bounds', `R${regno} max value is outside of the allowed memory range`, regno);
  }
}

/** Keys and values that iterators hand out: how large they are is known when the program is attached. */
export function checkBuffer(env: Env, regno: number, reg: Reg, off: number, size: number): void {
  const later = env.rules.offsetsInOne;
  const fixed = later ? off - reg.off : off;
  if (!reg.num.isConst || (!later && reg.num.constNumber !== 0)) {
    if (off >= 0 || later) {
      const words = `R${regno} invalid variable buffer offset: off=${fixed}, var_off=${offsetText(env, reg)}`;
      env.fail(EACCES, 'out-of-bounds', words, regno);
    }
  }
  const start = off + (later ? reg.num.constNumber : 0);
  if (start >= 0) return;
  const kind = reg.flags & RDONLY ? 'rdonly' : 'rdwr';
  const words = later
    ? `R${regno} invalid negative ${kind} buffer offset: off=${fixed}, var_off=${start - fixed}`
    : `R${regno} invalid ${kind} buffer access: off=${off}, size=${size}`;
  env.fail(EACCES, 'out-of-bounds', words, regno);
}

function outside(reg: Reg, off: number, size: number, regionSize: number): string {
  if (reg.kind === 'map_key') return `invalid access to map key, key_size=${regionSize} off=${off} size=${size}`;
  if (reg.kind === 'map_value') return `invalid access to map value, value_size=${regionSize} off=${off} size=${size}`;
  return `invalid access to memory, mem_size=${regionSize} off=${off} size=${size}`;
}
