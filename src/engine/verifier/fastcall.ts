/**
 * Spills around calls that keep registers (`bpf_fastcall`, 6.12 on). Compilers save what the ABI lets a call destroy in the lowest
 * slots of the frame, for kernels that do not know better; this kernel removes those stores and loads again, and the slots with
 * them, when nothing else touches the slots (mark_fastcall_patterns(), remove_fastcall_spills_fills()).
 */
import { BPF_CALL, BPF_DW, BPF_JMP, BPF_LDX, BPF_MEM, BPF_STX } from '../bpf/index.ts';
import { JUMP_TARGET } from './cfg.ts';
import type { Env } from './env.ts';
import { CALLER_SAVED, SAVED } from './frame-regs.ts';
import { FN } from './helper-protos.ts';
import { kfuncOf } from './kfuncs.ts';
import { callSummary } from './stack-use.ts';

const SPILL = BPF_STX | BPF_MEM | BPF_DW;
const FILL = BPF_LDX | BPF_MEM | BPF_DW;
const FRAME_POINTER = 10;
/** No stack offset is as low. */
const GIVEN_UP = -0x8000;

/** What the kernel puts its own instructions in place of, which leave all but arguments and result alone. */
const FAST_HELPERS: ReadonlySet<number> = new Set([FN.getSmpProcessorId]);
const FAST_KFUNCS: ReadonlySet<string> = new Set(['bpf_cast_to_kern_ctx', 'bpf_rdonly_cast']);

/** The slots that a function keeps for its spills. */
interface Slots {
  /** They begin below this offset; 0 = there are none, `GIVEN_UP` = something else uses them. */
  below: number;
  /** A call that is not fast uses them, too. */
  keep: boolean;
}

/** Found before the walk; accesses on the way may give them up. */
export class Fastcalls {
  readonly #slots: Slots[];
  /** Spills and fills of some call. */
  readonly #inPattern: Uint8Array;
  /** How many registers are spilled for a call whose spills go away. */
  readonly #removable: Uint8Array;

  constructor(env: Env) {
    const { insns } = env;
    this.#slots = env.subprogs.map(() => ({ below: 0, keep: false }));
    this.#inPattern = new Uint8Array(insns.count);
    this.#removable = new Uint8Array(insns.count);
    env.subprogs.forEach((sub, n) => {
      let lowest = 0;
      for (let i = sub.start; i < sub.end; i++) {
        if (insns.op[i] === SPILL && insns.dst[i] === FRAME_POINTER) lowest = Math.min(lowest, insns.off[i]);
      }
      for (let i = sub.start; i < sub.end; i++) {
        if (insns.op[i] === (BPF_JMP | BPF_CALL)) this.#mark(env, n, i, lowest);
      }
    });
  }

  /** Pairs outward from the call: each register that it keeps, in slots from the lowest of the function upwards. */
  #mark(env: Env, n: number, call: number, lowest: number): void {
    const { insns, points } = env;
    const summary = callSummary(env, call);
    if (summary === null) return;
    const destroyed = ((2 << summary.args) - 1) & ~(summary.isVoid ? 1 : 0);
    let free = ~destroyed & CALLER_SAVED;
    let pairs = 0;
    for (let off = lowest; pairs < SAVED; off += 8, pairs++) {
      const stx = call - pairs - 1;
      const ldx = call + pairs + 1;
      if (stx < 0 || ldx >= insns.count) break;
      // A jump to the outermost spill is fine.
      if ((points[stx + 1] | points[ldx]) & JUMP_TARGET) break;
      const reg = insns.src[stx];
      const saves = insns.op[stx] === SPILL && insns.dst[stx] === FRAME_POINTER && insns.off[stx] === off;
      const restores = insns.op[ldx] === FILL && insns.src[ldx] === FRAME_POINTER && insns.off[ldx] === off;
      if (!saves || !restores || insns.dst[ldx] !== reg || (free & (1 << reg)) === 0) break;
      free &= ~(1 << reg);
      this.#inPattern[stx] = 1;
      this.#inPattern[ldx] = 1;
    }
    if (pairs === 0) return;
    const slots = this.#slots[n];
    if (isFast(env, call)) this.#removable[call] = pairs;
    else slots.keep = true;
    slots.below = Math.min(slots.below, lowest + 8 * pairs);
  }

  /** The stack of function `n` is used at `off` by the current instruction: what is no spill or fill gives up its slots. */
  touch(env: Env, n: number, off: number): void {
    const slots = this.#slots[n];
    if (slots.below <= off || this.#inPattern[env.insn] !== 0) return;
    slots.below = GIVEN_UP;
    const { start, end } = env.subprogs[n];
    this.#removable.fill(0, start, end);
    this.#inPattern.fill(0, start, end);
  }

  /** After the walk: functions need no stack for spills that are removed. */
  giveBackStack(env: Env): void {
    env.subprogs.forEach((sub, n) => {
      const { below, keep } = this.#slots[n];
      if (!keep && this.#removable.subarray(sub.start, sub.end).some((spills) => spills > 0)) sub.stackDepth = -below;
    });
  }
}

function isFast(env: Env, i: number): boolean {
  const { insns } = env;
  if (insns.src[i] === 0) return FAST_HELPERS.has(insns.imm[i]);
  return FAST_KFUNCS.has(kfuncOf(env, i)?.name ?? '');
}
