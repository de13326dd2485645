import { disasmInsn } from '../../../src/engine/bpf/index.ts';
import { code } from './support.ts';

/** Disassembly of a section, a line an instruction. */
export function disassemble(r: { readonly object: Uint8Array }, section: string): string {
  const insns = code(r.object, section);
  const out: string[] = [];
  for (let i = 0; i < insns.count; i++) out.push(disasmInsn(insns, i));
  return out.join('\n');
}
