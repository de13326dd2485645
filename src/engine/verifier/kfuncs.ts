/** Kernel functions called by BTF id. Modelled: those without objects or memory; others are refused by name, as not modelled. */
import type { Env } from './env.ts';
import { EACCES, EINVAL, ENOTSUPP } from './env.ts';
import { NOT_INIT, RCU, MAYBE_NULL, UNTRUSTED, unknownReg } from './reg.ts';
import { LIVE_WRITTEN } from './state.ts';

/** Available to every program type since 6.2 (helpers.c, common_btf_ids). */
const RCU_LOCK = 'bpf_rcu_read_lock';
const RCU_UNLOCK = 'bpf_rcu_read_unlock';

export function callKfunc(env: Env): void {
  const { insns, insn } = env;
  const f = env.btf.type(insns.imm[insn]);
  if (insns.off[insn] !== 0 || f.kind !== 'func') {
    env.fail(EINVAL, 'kfunc', `kernel btf_id ${insns.imm[insn]} is not a function`);
  }
  if (!env.rules.trust) env.fail(EACCES, 'kfunc', `calling kernel function ${f.name} is not allowed`);
  if (f.name === RCU_LOCK) rcuLock(env, f.name);
  else if (f.name === RCU_UNLOCK) rcuUnlock(env, f.name);
  else env.fail(ENOTSUPP, 'not-modelled', `kernel function ${f.name} is not modelled`);
  for (let i = 0; i <= 5; i++) {
    env.cell(i).reg = NOT_INIT;
    env.cell(i).live |= LIVE_WRITTEN;
  }
}

function rcuLock(env: Env, name: string): void {
  if (env.state.rcuLock) env.fail(EINVAL, 'rcu', `nested rcu read lock (kernel function ${name})`);
  env.state.rcuLock = true;
}

function rcuUnlock(env: Env, name: string): void {
  if (!env.state.rcuLock) env.fail(EINVAL, 'rcu', `unmatched rcu read unlock (kernel function ${name})`);
  env.state.rcuLock = false;
  // What was protected may go away now.
  for (const c of env.state.cells()) {
    if ((c.reg.flags & RCU) === 0) continue;
    const r = c.reg.copy();
    r.flags = (r.flags & ~(RCU | MAYBE_NULL)) | UNTRUSTED;
    c.reg = r.kind === 'ptr_' ? r : unknownReg(env.insn);
  }
}
