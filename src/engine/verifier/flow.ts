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
import { isIndirectJump, jumpTable } from './indirect-jumps.ts';

export interface Flow {
  /** Instruction `i` goes on at `to[from[i]]` to `to[from[i + 1] - 1]`; one more at the end. */
  readonly from: Int32Array;
  readonly to: Int32Array;
  /** Reachable instructions, function after function, each in post-order (bpf_compute_postorder()). */
  readonly order: Int32Array;
  /** Where each function begins in `order`; one more at the end. */
  readonly starts: readonly number[];
}

/** The ways out of each instruction (bpf_insn_successors()). */
function edges(env: Env): Pick<Flow, 'from' | 'to'> {
  const { insns } = env;
  const from = new Int32Array(insns.count + 1);
  const to: number[] = [];
  for (let i = 0; i < insns.count; i++) {
    from[i] = to.length;
    const op = insns.op[i];
    const cls = op & BPF_CLASS;
    const jumps = cls === BPF_JMP || cls === BPF_JMP32;
    const o = op & BPF_OP;
    if (jumps && o === BPF_EXIT) continue;
    if (isIndirectJump(op)) {
      to.push(...jumpTable(env, i));
      continue;
    }
    if (!jumps || o !== BPF_JA) to.push(i + (op === OP_LD_IMM64 ? 2 : 1));
    if (jumps && o !== BPF_CALL) to.push(jumpTarget(env, i));
  }
  from[insns.count] = to.length;
  return { from, to: Int32Array.from(to) };
}

const DISCOVERED = 1;
const EXPLORED = 2;

export function flowOf(env: Env): Flow {
  const { from, to } = edges(env);
  const state = new Uint8Array(env.insns.count);
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
      for (let k = from[top]; k < from[top + 1]; k++) {
        if (state[to[k]] !== 0) continue;
        state[to[k]] |= DISCOVERED;
        stack.push(to[k]);
      }
      state[top] |= EXPLORED;
    }
  }
  starts.push(order.length);
  return { from, to, order: Int32Array.from(order), starts };
}

/**
 * A number for each loop, at all instructions of it; 0 = in none (bpf_compute_scc(): Tarjan's strongly connected components).
 * A call that calls back is a loop of its own.
 */
export function loopNumbers(env: Env, flow: Flow): Int32Array {
  const { from, to } = flow;
  const n = env.insns.count;
  const scc = new Int32Array(n);
  const pre = new Int32Array(n);
  const low = new Int32Array(n);
  const gone = 0x7fff_ffff;
  const stack: number[] = [];
  let number = 1;
  let id = 1;
  /** The first successor that was not seen yet; -1 = all were, and `low` is up to date. */
  const unseen = (w: number): number => {
    for (let k = from[w]; k < from[w + 1]; k++) {
      if (pre[to[k]] === 0) return to[k];
      low[w] = Math.min(low[w], low[to[k]]);
    }
    return -1;
  };
  const toItself = (w: number): boolean => to.subarray(from[w], from[w + 1]).includes(w);
  for (let i = 0; i < n; i++) {
    if (pre[i] !== 0 || env.insns.op[i] === 0) continue;
    const way = [i];
    while (way.length > 0) {
      const w = way[way.length - 1];
      if (pre[w] === 0) {
        pre[w] = low[w] = number++;
        stack.push(w);
      }
      const first = unseen(w);
      if (first >= 0) {
        way.push(first);
        continue;
      }
      way.pop();
      if (low[w] < pre[w]) continue;
      const loop = stack[stack.length - 1] !== w || toItself(w) || (env.points[w] & CALLS_CALLBACK) !== 0;
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
