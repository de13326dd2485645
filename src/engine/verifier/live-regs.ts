/** Registers that may be read later, computed before any path is walked (7.1 on). As bpf_compute_live_registers(). */
import {
  BPF_ALU,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_CLASS,
  BPF_CMPXCHG,
  BPF_END,
  BPF_EXIT,
  BPF_FETCH,
  BPF_JA,
  BPF_JCOND,
  BPF_K,
  BPF_LD,
  BPF_LDX,
  BPF_LOAD_ACQ,
  BPF_MEM,
  BPF_MEMSX,
  BPF_MODE,
  BPF_MOV,
  BPF_OP,
  BPF_SRC,
  BPF_ST,
  BPF_STORE_REL,
  BPF_STX,
  OP_LD_IMM64,
} from '../bpf/index.ts';
import type { Env } from './env.ts';
import type { Flow } from './flow.ts';
import { CALLER_SAVED } from './frame-regs.ts';
import { callArity } from './stack-use.ts';

const ALL = 0xffff;

/** What an instruction reads and what it overwrites: `use | def << 16`. */
function effects(env: Env, i: number): number {
  const { op, dst: d, src: s, imm } = env.insns;
  const dst = 1 << d[i];
  const src = 1 << s[i];
  const o = op[i] & BPF_OP;
  const k = (op[i] & BPF_SRC) === BPF_K;
  const mode = op[i] & BPF_MODE;
  const uses = (use: number, def = 0): number => use | (def << 16);
  switch (op[i] & BPF_CLASS) {
    case BPF_LD:
      return op[i] === OP_LD_IMM64 ? uses(0, dst) : uses(ALL);
    case BPF_LDX:
      return mode === BPF_MEM || mode === BPF_MEMSX ? uses(src, dst) : uses(ALL);
    case BPF_ST:
      return mode === BPF_MEM ? uses(dst) : uses(ALL);
    case BPF_STX:
      if (mode === BPF_MEM) return uses(dst | src);
      if (mode !== BPF_ATOMIC) return uses(ALL);
      if (imm[i] === BPF_CMPXCHG) return uses(1 | dst | src, 1);
      if (imm[i] === BPF_LOAD_ACQ) return uses(src, dst);
      if (imm[i] === BPF_STORE_REL) return uses(dst | src);
      return uses(dst | src, (imm[i] & BPF_FETCH) !== 0 ? src : 0);
    case BPF_ALU:
    case BPF_ALU64:
      if (o === BPF_END) return uses(dst, dst);
      if (o === BPF_MOV) return uses(k ? 0 : src, dst);
      return uses(k ? dst : dst | src, dst);
    default:
      if (o === BPF_JA) return uses(k ? 0 : dst);
      if (o === BPF_JCOND) return 0;
      if (o === BPF_EXIT) return uses(1);
      // As many arguments as the function takes; all five when that is not known.
      if (o === BPF_CALL) return uses(((1 << (Math.min(5, callArity(env, i) ?? 5) + 1)) - 1) & ~1, CALLER_SAVED);
      return uses(k ? dst : dst | src);
  }
}

/** Bits of the registers that may be read at or after each instruction. */
export function liveRegisters(env: Env, flow: Flow): Uint16Array {
  const n = env.insns.count;
  const live = new Uint16Array(n);
  const fx = new Uint32Array(n);
  for (let i = 0; i < n; i++) fx[i] = effects(env, i);
  const { from, to, order } = flow;
  for (let changed = true; changed;) {
    changed = false;
    env.spend(order.length / 16);
    for (const i of order) {
      let out = 0;
      for (let k = from[i]; k < from[i + 1]; k++) out |= live[to[k]];
      const now = (out & ~(fx[i] >>> 16)) | (fx[i] & 0xffff);
      if (now === live[i]) continue;
      live[i] = now;
      changed = true;
    }
  }
  return live;
}
