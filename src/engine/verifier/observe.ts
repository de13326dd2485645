/** What the verifier claims of a register, in a form that a concrete value can be held against. */
import type { Env } from './env.ts';
import { regText } from './print.ts';
import { ALLOC, RCU, type Reg, TRUSTED } from './reg.ts';
import { Scalar } from './scalar.ts';
import type { Frame } from './state.ts';
import { tnumIn } from './tnum.ts';
import type { Claim } from './types.ts';

const U64 = (1n << 64n) - 1n;

type Place = Pick<Frame, 'frameno'>;

/**
 * A pointer that was read from a kernel object: it may be NULL unless the verifier trusts it, and is read through with
 * faults caught (`reg_not_null()` in kernel/bpf/verifier.c leaves it out).
 */
const isWalked = (reg: Reg): boolean => reg.kind === 'ptr_' && (reg.flags & (TRUSTED | RCU | ALLOC)) === 0;

class RegClaim implements Claim {
  readonly #reg: Reg;
  /** Its number: the frame itself is used again by other paths. */
  readonly #frame: Place;
  readonly #env: Env;

  constructor(env: Env, frame: Place, reg: Reg) {
    this.#env = env;
    this.#frame = frame;
    this.#reg = reg;
  }

  get text(): string {
    return regText(this.#env, this.#frame, this.#reg);
  }

  allows(value: bigint, framePointers: readonly bigint[]): boolean | null {
    const reg = this.#reg;
    if (reg.kind === '?') return null;
    if (reg.isScalar) return this.#includes(value);
    if (reg.kind === 'fp') return this.#includes((value - framePointers[reg.frame] - BigInt(reg.off)) & U64);
    return value === 0n && !reg.mayBeNull && !isWalked(reg) ? false : null;
  }

  #includes(value: bigint): boolean {
    const num = this.#reg.num;
    const point = Scalar.constant(value);
    return num.rangeContains(point) && tnumIn(num.tnum, point.tnum);
  }
}

/** Claims of r0 to r10 of the current frame. */
export const claimsOf = (env: Env): Claim[] => {
  const { frameno, regs } = env.frame;
  const at: Place = { frameno };
  return regs.map((r) => new RegClaim(env, at, r));
};
