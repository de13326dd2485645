/** `lsmith vm-plugin [MEMHEX]`: the plugin protocol of the public bpf_conformance runner. */
import { runHex } from '../engine/vm/index.ts';

/**
 * Runs a program given in hex (r1 = the memory, r2 = its size) and returns r0 in hex.
 * Throws an Error with the reason when the input is no program or the program faults.
 */
export function vmPlugin(hexProgram: string, memHex: string | undefined): string {
  const result = runHex(hexProgram, memHex ?? '');
  if (!result.ok) throw new Error(result.message);
  return result.r0;
}
