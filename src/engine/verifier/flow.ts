/**
 * Control flow as the analyses before the walk see it (7.1 on): where each instruction may go on, in which order the analyses
 * visit instructions, and which instructions are in a loop with each other.
 */
import {
  BPF_CALL,
  BPF_CLASS,
  BPF_EXIT,
  BPF_JA,
  BPF_JMP,
  BPF_JMP32,
  BPF_OP,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  OP_LD_IMM64,
} from '../bpf/index.ts';
import { CALLS_CALLBACK, jumpTarget } from './cfg.ts';
import type { Env } from './env.ts';

/** The next instruction and the jump's target; -1 = there is none. */
export interface Flow {
  readonly next: Int32Array;
  readonly jump: Int32Array;
  /** Reachable instructions, function after function, each in post-order (bpf_compute_postorder()). */
  readonly order: Int32Array;
  /** Where each function begins in `order`; one more at the end. */
  readonly starts: readonly number[];
}

/** Both ways out of each instruction (bpf_insn_successors()). */
function edges(env: Env): Pick<Flow, 'next' | 'jump'> {
  const { insns } = env;
  const next = new Int32Array(insns.count).fill(-1);
  const jump = new Int32Array(insns.count).fill(-1);
  for (let i = 0; i < insns.count; i++) {
    const op = insns.op[i];
    const cls = op & BPF_CLASS;
    const jumps = cls === BPF_JMP || cls === BPF_JMP32;
    const o = op & BPF_OP;
    if (jumps && o === BPF_EXIT) continue;
    if (!jumps || o !== BPF_JA) next[i] = i + (op === OP_LD_IMM64 ? 2 : 1);
    if (jumps && o !== BPF_CALL) jump[i] = jumpTarget(env, i);
  }
  return { next, jump };
}

const DISCOVERED = 1;
const EXPLORED = 2;

export function flowOf(env: Env): Flow {
  const { next, jump } = edges(env);
  const state = new Uint8Array(next.length);
  const order: number[] = [];
  const starts: number[] = [];
  for (const sub of env.subprogs) {
    starts.push(order.length);
    const stack = [sub.start];
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      env.spend(0.1);
      state[top] |= DISCOVERED;
      if (state[top] & EXPLORED) {
        order.push(top);
        stack.pop();
        continue;
      }
      for (const to of [next[top], jump[top]]) {
        if (to < 0 || state[to] !== 0) continue;
        state[to] |= DISCOVERED;
        stack.push(to);
      }
      state[top] |= EXPLORED;
    }
  }
  starts.push(order.length);
  return { next, jump, order: Int32Array.from(order), starts };
}

/**
 * A number for each loop, at all instructions of it; 0 = in none (bpf_compute_scc(): Tarjan's strongly connected components).
 * A call that calls back is a loop of its own.
 */
export function loopNumbers(env: Env, flow: Flow): Int32Array {
  const { next, jump } = flow;
  const n = next.length;
  const scc = new Int32Array(n);
  const pre = new Int32Array(n);
  const low = new Int32Array(n);
  const gone = 0x7fff_ffff;
  const stack: number[] = [];
  let number = 1;
  let id = 1;
  /** The first successor that was not seen yet; -1 = all were, and `low` is up to date. */
  const unseen = (w: number): number => {
    for (const to of [next[w], jump[w]]) {
      if (to < 0) continue;
      if (pre[to] === 0) return to;
      low[w] = Math.min(low[w], low[to]);
    }
    return -1;
  };
  for (let i = 0; i < n; i++) {
    if (pre[i] !== 0 || env.insns.op[i] === 0) continue;
    const way = [i];
    while (way.length > 0) {
      const w = way[way.length - 1];
      if (pre[w] === 0) {
        pre[w] = low[w] = number++;
        stack.push(w);
      }
      const to = unseen(w);
      if (to >= 0) {
        way.push(to);
        continue;
      }
      way.pop();
      if (low[w] < pre[w]) continue;
      const loop =
        stack[stack.length - 1] !== w || next[w] === w || jump[w] === w || (env.points[w] & CALLS_CALLBACK) !== 0;
      for (let t = -1; t !== w;) {
        t = stack.pop()!;
        low[t] = gone;
        if (loop) scc[t] = id;
      }
      if (loop) id++;
    }
  }
  return scc;
}

/**
 * Functions in the order in which they are looked at: callees before their callers. Calls in a circle are refused, other than
 * by way of callbacks (sort_subprogs_topo()).
 */
export function calleesFirst(env: Env, flow: Flow, recursive: (from: number, to: number) => never): number[] {
  const { insns, subprogs } = env;
  const open = 1;
  const done = 2;
  const color = new Uint8Array(subprogs.length);
  const out: number[] = [];
  /** A function that `n` names and that was not looked at; -1 = none. */
  const callee = (n: number): number => {
    for (let j = flow.starts[n]; j < flow.starts[n + 1]; j++) {
      const i = flow.order[j];
      const calls = insns.op[i] === (BPF_JMP | BPF_CALL) && insns.src[i] === BPF_PSEUDO_CALL;
      const names = insns.op[i] === OP_LD_IMM64 && insns.src[i] === BPF_PSEUDO_FUNC;
      if (!calls && !names) continue;
      const to = env.subprogAt(i + insns.imm[i] + 1);
      if (to < 0 || color[to] === done) continue;
      if (color[to] === open) {
        if (calls) recursive(n, to);
        continue;
      }
      return to;
    }
    return -1;
  };
  for (let n = 0; n < subprogs.length; n++) {
    if (color[n] !== 0) continue;
    color[n] = open;
    const stack = [n];
    while (stack.length > 0) {
      const cur = stack[stack.length - 1];
      const to = callee(cur);
      if (to >= 0) {
        color[to] = open;
        stack.push(to);
        continue;
      }
      color[cur] = done;
      out.push(cur);
      stack.pop();
    }
  }
  return out;
}
