/** Keys known at verification time: an array element that exists cannot be missing (6.14 on). */
import type { MapDef } from '../loader/index.ts';
import type { Env } from './env.ts';
import { markSlotPrecise } from './precision.ts';
import type { Reg } from './reg.ts';
import { SLOT_SPILL, SLOT_ZERO } from './stack-slot.ts';

/** Does the lookup of the key that `reg` points to yield an element for certain? (get_constant_map_key) */
export function elementExists(env: Env, map: MapDef, reg: Reg): boolean {
  if (map.type !== 'array' && map.type !== 'percpu_array') return false;
  if (reg.kind !== 'fp' || !reg.num.isConst) return false;
  const frame = env.frameOf(reg);
  const at = -(reg.off + reg.num.constNumber) - 1;
  const spi = at >> 3;
  const slot = frame.stack[spi];
  if (slot === undefined) return false;
  const run = (type: number): number => {
    let n = 0;
    for (let i = at & 7; i >= 0 && slot.types[i] === type; i--) n++;
    return n;
  };
  if (run(SLOT_ZERO) >= map.keySize) return map.maxEntries > 0;
  const { num } = slot.reg;
  if (!slot.isScalarSpill || run(SLOT_SPILL) !== map.keySize || !num.isConst) return false;
  markSlotPrecise(env, frame.frameno, spi);
  // A key is compared as it was stored: a negative number is no index.
  return num.constS64 >= 0n && num.constS64 < BigInt(map.maxEntries);
}
