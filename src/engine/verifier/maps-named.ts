/** Which maps a program uses. */
import { BPF_PSEUDO_BTF_ID, BPF_PSEUDO_FUNC, OP_LD_IMM64, type InsnArray } from '../bpf/index.ts';

/** What else a 64-bit constant may be. */
const NO_MAP: ReadonlySet<number> = new Set([0, BPF_PSEUDO_BTF_ID, BPF_PSEUDO_FUNC]);

/** Maps by the numbers that instructions name, each once, in the order of the code. */
export function mapsNamed({ count, op, src, imm }: InsnArray): Set<number> {
  const out = new Set<number>();
  for (let i = 0; i < count; i++) if (op[i] === OP_LD_IMM64 && !NO_MAP.has(src[i])) out.add(imm[i]);
  return out;
}
