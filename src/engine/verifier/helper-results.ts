/** What is known of the numbers that helpers return (do_refine_retval_range()). */
import type { Env } from './env.ts';
import { ERRNO_MAX, resultRange } from './exit.ts';
import { FN } from './helper-protos.ts';
import type { Reg } from './reg.ts';
import { scalarReg, unknownReg } from './reg.ts';
import { SCALAR_UNKNOWN } from './scalar.ts';

/** Helpers that return how much they wrote, or an error. */
const SIZED: ReadonlySet<number> = new Set([
  FN.getStack,
  FN.getTaskStack,
  FN.probeReadStr,
  FN.probeReadKernelStr,
  FN.probeReadUserStr,
]);

/** R0 after helper `id`, which was allowed to write `sizeMax` bytes. */
export function integerResult(env: Env, id: number, sizeMax: bigint): Reg {
  if (SIZED.has(id)) return between(env, BigInt(-ERRNO_MAX), sizeMax);
  if (id === FN.getSmpProcessorId && env.rules.cpuNumberBounded) {
    return between(env, 0n, BigInt(env.platform.cpus - 1));
  }
  if (id === FN.getRetval && env.rules.retvalInRange) {
    const range = resultRange(env);
    if (range !== null) return between(env, BigInt(range[0]), BigInt(range[1]));
  }
  return unknownReg(env.insn);
}

function between(env: Env, min: bigint, max: bigint): Reg {
  const s = SCALAR_UNKNOWN.clone();
  s.smin = min;
  s.s32min = Number(BigInt.asIntN(32, min));
  s.smax = BigInt.asIntN(64, max);
  s.s32max = Number(BigInt.asIntN(32, max));
  if (min >= 0n) {
    s.umax = max;
    s.u32max = Number(max);
  }
  env.rules.bounds.sync(s);
  env.rules.bounds.repair(s);
  return scalarReg(s, env.insn);
}
