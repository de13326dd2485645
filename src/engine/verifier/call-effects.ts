/** What functions may do, themselves or by calling others, found out before the walk. */
import { BPF_PSEUDO_FUNC, BPF_PSEUDO_KFUNC_CALL, OP_CALL, OP_LD_IMM64 } from '../bpf/index.ts';
import type { Env } from './env.ts';
import { offeredProto } from './offered.ts';
import { changesPacket } from './packet.ts';

type Effect = 'changesPacket' | 'mightSleep';

/** Does the call of a helper or kernel function have the effect? */
function callHas(env: Env, insn: number, effect: Effect): boolean {
  const { insns } = env;
  const id = insns.imm[insn];
  if (insns.src[insn] === BPF_PSEUDO_KFUNC_CALL)
    return effect === 'mightSleep' && env.rules.kfuncs.get(env.btf.name(id))?.flags.has('sleepable') === true;
  if (insns.src[insn] !== 0) return false;
  return effect === 'changesPacket' ? changesPacket(env, id) : offeredProto(env, id)?.mightSleep === true;
}

/** Marks the functions that have an effect (mark_subprog_changes_pkt_data(), mark_subprog_might_sleep()). */
function mark(env: Env, effect: Effect): void {
  const { insns, subprogs } = env;
  const has = (i: number): boolean => {
    const call = insns.op[i] === OP_CALL;
    const local = (call && insns.src[i] === 1) || (insns.op[i] === OP_LD_IMM64 && insns.src[i] === BPF_PSEUDO_FUNC);
    if (local) return subprogs[env.subprogAt(i + insns.imm[i] + 1)]?.[effect] ?? false;
    return call && callHas(env, i, effect);
  };
  for (let again = true; again;) {
    again = false;
    for (const sub of subprogs) {
      for (let i = sub.start; i < sub.end && !sub[effect]; i++) {
        if (!has(i)) continue;
        sub[effect] = true;
        again = true;
      }
    }
  }
}

export function findCallEffects(env: Env): void {
  if (env.rules.tailCallChangesPacket) mark(env, 'changesPacket');
  if (env.rules.sleepingGlobals) mark(env, 'mightSleep');
}
