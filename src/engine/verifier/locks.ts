/** Spin locks in map values: one at a time, and nothing but the unlock may be called while it is held. */
import type { Env } from './env.ts';
import { EINVAL } from './env.ts';
import type { Reg } from './reg.ts';

export function spinLock(env: Env, regno: number, reg: Reg, lock: boolean): void {
  const map = reg.map!;
  if (!reg.num.isConst) {
    env.fail(
      EINVAL,
      'spin-lock',
      `R${regno} doesn't have constant offset. bpf_spin_lock has to be at the constant offset`,
      regno,
    );
  }
  if (env.obj.btf === null || map.valueTypeId === 0) {
    env.fail(EINVAL, 'spin-lock', `map '${map.name}' has to have BTF in order to use bpf_spin_lock`, regno);
  }
  const at = env.fields(map).spinLock;
  if (at < 0) env.fail(EINVAL, 'spin-lock', `map '${map.name}' has no valid bpf_spin_lock`, regno);
  const off = reg.num.constS64 + BigInt(reg.off);
  if (off !== BigInt(at)) {
    env.fail(EINVAL, 'spin-lock', `off ${off} doesn't point to 'struct bpf_spin_lock' that is at ${at}`, regno);
  }
  const st = env.state;
  if (lock) {
    if (st.lockMap !== null) env.fail(EINVAL, 'spin-lock-twice', 'Locking two bpf_spin_locks are not allowed', regno);
    st.lockMap = map;
    st.lockId = reg.id;
    return;
  }
  if (st.lockMap === null) env.fail(EINVAL, 'spin-unlock', 'bpf_spin_unlock without taking a lock', regno);
  if (st.lockMap !== map || st.lockId !== reg.id)
    env.fail(EINVAL, 'spin-unlock', 'bpf_spin_unlock of different lock', regno);
  st.lockMap = null;
  st.lockId = 0;
}
