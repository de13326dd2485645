/** Machine operations with real registers → eBPF instructions (cpu v3), relocations and line marks. */
import {
  BPF_ALU,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_ADD,
  BPF_END,
  BPF_JMP,
  BPF_JMP32,
  BPF_K,
  BPF_LDX,
  BPF_MEM,
  BPF_MOV,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_REG_FP,
  BPF_ST,
  BPF_STX,
  BPF_X,
  OP_CALL,
  OP_EXIT,
  OP_JA,
  OP_LD_IMM64,
  OP_MAY_GOTO,
  sizeBits,
} from '../../bpf/index.ts';
import { assert } from '../../../base/index.ts';
import type { FunctionDecl, Loc } from '../../c/index.ts';
import type { CoreAccess, Symbol } from '../ir.ts';
import type { MBlock, MFunc, MInst } from './mir.ts';
import { insnWord, wordBytes } from './opcodes.ts';

export interface CodeReloc {
  /** Slot in the function. */
  readonly insn: number;
  readonly target:
    | { readonly kind: 'address'; readonly symbol: Symbol; readonly addend: number }
    | { readonly kind: 'call' | 'kfunc'; readonly decl: FunctionDecl };
}

/** A function's code. Slots are 8 bytes. */
export interface FunctionCode {
  readonly name: string;
  readonly decl: FunctionDecl;
  readonly bytes: Uint8Array;
  readonly relocs: readonly CodeReloc[];
  readonly core: readonly { readonly insn: number; readonly access: CoreAccess; readonly kind: number }[];
  readonly lines: readonly { readonly insn: number; readonly loc: Loc }[];
  /** Instructions, counting ld_imm64 once. */
  readonly count: number;
  /** A jump did not reach its target. */
  readonly tooFar: boolean;
}

const NEGATE: Readonly<Record<number, number>> = {
  0x10: 0x50,
  0x50: 0x10,
  0x20: 0xb0,
  0xb0: 0x20,
  0x30: 0xa0,
  0xa0: 0x30,
  0x60: 0xd0,
  0xd0: 0x60,
  0x70: 0xc0,
  0xc0: 0x70,
};

export function emitFunction(f: MFunc, decl: FunctionDecl): FunctionCode {
  const words: number[] = [];
  const relocs: CodeReloc[] = [];
  const core: { insn: number; access: CoreAccess; kind: number }[] = [];
  const lines: { insn: number; loc: Loc }[] = [];
  const starts = new Map<MBlock, number>();
  const jumps: { at: number; target: MBlock }[] = [];
  let count = 0;
  let tooFar = false;
  const here = (): number => words.length >> 1;
  const put = (op: number, dst: number, src: number, off: number, imm: number): void => {
    words.push(insnWord(op, dst, src, off), imm >>> 0);
    count++;
  };
  const note = (i: MInst): void => {
    if (i.core !== null) core.push({ insn: here(), access: i.core.access, kind: i.core.kind });
  };
  const alu = (w: boolean): number => (w ? BPF_ALU : BPF_ALU64);
  const source = (i: MInst): number => (i.src >= 0 ? BPF_X : BPF_K);
  f.blocks.forEach((b, n) => {
    starts.set(b, here());
    const next = f.blocks[n + 1];
    for (let k = 0; k < b.insts.length; k++) {
      const i = b.insts[k];
      if (i.kind === 'ja' && i.target === next) continue;
      if (i.loc !== 0 && lines[lines.length - 1]?.loc !== i.loc) lines.push({ insn: here(), loc: i.loc });
      switch (i.kind) {
        case 'mov':
          put(BPF_ALU64 | BPF_MOV | BPF_X, i.dst, i.src, 0, 0);
          break;
        case 'movw':
          put(BPF_ALU | BPF_MOV | BPF_X, i.dst, i.src, 0, 0);
          break;
        case 'movi':
          note(i);
          put(alu(i.w) | BPF_MOV | BPF_K, i.dst, 0, 0, i.imm);
          break;
        case 'ld64': {
          note(i);
          if (i.symbol !== null)
            relocs.push({ insn: here(), target: { kind: 'address', symbol: i.symbol, addend: Number(i.imm64) } });
          const value = i.symbol === null ? BigInt.asUintN(64, i.imm64) : 0n;
          put(OP_LD_IMM64, i.dst, 0, 0, Number(value & 0xffffffffn));
          words.push(0, Number(value >> 32n));
          break;
        }
        case 'alu':
          note(i);
          put(alu(i.w) | i.code | source(i), i.dst, Math.max(0, i.src), 0, i.src >= 0 ? 0 : i.imm);
          break;
        case 'end':
          put(BPF_ALU | BPF_END | BPF_X, i.dst, 0, 0, i.size * 8);
          break;
        case 'load':
          note(i);
          put(
            BPF_LDX | BPF_MEM | sizeBits(i.size)!,
            i.dst,
            i.slot === null ? i.src : BPF_REG_FP,
            i.off + (i.slot?.offset ?? 0),
            0,
          );
          break;
        case 'store':
          note(i);
          put(
            (i.src >= 0 ? BPF_STX : BPF_ST) | BPF_MEM | sizeBits(i.size)!,
            i.slot === null ? i.dst : BPF_REG_FP,
            Math.max(0, i.src),
            i.off + (i.slot?.offset ?? 0),
            i.src >= 0 ? 0 : i.imm,
          );
          break;
        case 'atomic':
          put(
            BPF_STX | BPF_ATOMIC | sizeBits(i.size)!,
            i.slot === null ? i.dst : BPF_REG_FP,
            i.src,
            i.off + (i.slot?.offset ?? 0),
            i.code,
          );
          break;
        case 'frame': {
          put(BPF_ALU64 | BPF_MOV | BPF_X, i.dst, BPF_REG_FP, 0, 0);
          put(BPF_ALU64 | BPF_ADD | BPF_K, i.dst, 0, 0, i.slot!.offset + i.off);
          break;
        }
        case 'setcc':
          put(BPF_ALU | BPF_MOV | BPF_K, i.dst, 0, 0, 1);
          put((i.w ? BPF_JMP32 : BPF_JMP) | i.code | source(i), i.lhs, Math.max(0, i.src), 1, i.src >= 0 ? 0 : i.imm);
          put(BPF_ALU | BPF_MOV | BPF_K, i.dst, 0, 0, 0);
          break;
        case 'jcc': {
          // When the taken side comes next, jump on the opposite condition to the other side.
          const other = b.insts[k + 1];
          let code = i.code;
          let target = i.target!;
          if (target === next && other?.kind === 'ja') {
            code = NEGATE[code];
            target = other.target!;
            k++;
          }
          jumps.push({ at: here(), target });
          put((i.w ? BPF_JMP32 : BPF_JMP) | code | source(i), i.dst, Math.max(0, i.src), 0, i.src >= 0 ? 0 : i.imm);
          break;
        }
        case 'jmay':
          jumps.push({ at: here(), target: i.target! });
          put(OP_MAY_GOTO, 0, 0, 0, 0);
          break;
        case 'ja':
          // Leaving is as short as jumping to where it is done, and the verifier walks one instruction less.
          if (i.target!.insts.length === 1 && i.target!.insts[0].kind === 'exit') {
            put(OP_EXIT, 0, 0, 0, 0);
            break;
          }
          jumps.push({ at: here(), target: i.target! });
          put(OP_JA, 0, 0, 0, 0);
          break;
        case 'call': {
          const c = i.callee!;
          if (c.kind === 'helper') put(OP_CALL, 0, 0, 0, c.id);
          else {
            assert(c.kind !== 'indirect' && c.kind !== 'forbidden', 'a call of no function is left');
            relocs.push({ insn: here(), target: { kind: c.kind === 'local' ? 'call' : 'kfunc', decl: c.decl } });
            put(OP_CALL, 0, c.kind === 'local' ? BPF_PSEUDO_CALL : BPF_PSEUDO_KFUNC_CALL, 0, -1);
          }
          break;
        }
        case 'exit':
          put(OP_EXIT, 0, 0, 0, 0);
          break;
      }
    }
  });
  for (const j of jumps) {
    const off = starts.get(j.target)! - j.at - 1;
    if (off < -32768 || off > 32767) tooFar = true;
    words[j.at * 2] = ((words[j.at * 2] & 0xffff) | ((off & 0xffff) << 16)) >>> 0;
  }
  return { name: f.name, decl, bytes: wordBytes(words), relocs, core, lines, count, tooFar };
}
