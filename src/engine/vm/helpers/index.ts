/** All helpers of the modelled kernels' LSM programs, by number. Unknown numbers fault with the kernel's words. */
import { contextHelpers } from './context.ts';
import { dynptrHelpers } from './dynptr.ts';
import { loopHelpers } from './loops.ts';
import { mapHelpers } from './maps.ts';
import { memoryHelpers } from './memory.ts';
import { outputHelpers } from './output.ts';
import { storageHelpers } from './storage.ts';
import { stringHelpers } from './strings.ts';
import type { Helper } from './table.ts';
import { traceHelpers } from './trace.ts';

const families = [
  mapHelpers,
  memoryHelpers,
  contextHelpers,
  traceHelpers,
  outputHelpers,
  storageHelpers,
  stringHelpers,
  loopHelpers,
  dynptrHelpers,
];

/** Index = enum bpf_func_id. */
export const helperTable: readonly (Helper | undefined)[] = (() => {
  const table: (Helper | undefined)[] = new Array<Helper | undefined>(256).fill(undefined);
  for (const family of families) for (const [id, h] of Object.entries(family)) table[Number(id)] = h;
  return table;
})();
