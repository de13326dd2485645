/** Kernel functions that programs call by BTF id. A small table by name; the rest is outside the model and says so. */
import { E2BIG, EINVAL } from './errno.ts';
import { VmFault } from './fault.ts';
import type { Run } from './run.ts';

/** struct bpf_iter_num_kern: current and end, both s32; current is one behind (kernel/bpf/bpf_iter.c). */
function iterNumNew(run: Run): void {
  const at = run.writable(1, 8);
  const start = run.lo(2);
  const end = run.lo(3);
  const { view } = run.mem;
  const problem = start > end ? -EINVAL : end - start > 8 * 1024 * 1024 ? -E2BIG : 0;
  view.setInt32(at, problem === 0 ? start - 1 : 0, true);
  view.setInt32(at + 4, problem === 0 ? end : 0, true);
  run.ret(problem);
}

function iterNumNext(run: Run): void {
  const at = run.writable(1, 8);
  const { view } = run.mem;
  const next = (view.getInt32(at, true) + 1) | 0;
  if (next >= view.getInt32(at + 4, true)) {
    view.setInt32(at, 0, true);
    view.setInt32(at + 4, 0, true);
    return run.retPtr(0);
  }
  view.setInt32(at, next, true);
  run.retPtr(at);
}

function iterNumDestroy(run: Run): void {
  const at = run.writable(1, 8);
  run.mem.view.setInt32(at, 0, true);
  run.mem.view.setInt32(at + 4, 0, true);
  run.ret(0);
}

/** References are not counted: objects of the model live until kernel/ frees them. */
const same = (run: Run): void => run.retPtr(run.ptr(1));
const nothing = (run: Run): void => run.ret(0);

const KFUNCS: Readonly<Record<string, (run: Run) => void>> = {
  bpf_rcu_read_lock: nothing,
  bpf_rcu_read_unlock: nothing,
  bpf_preempt_disable: nothing,
  bpf_preempt_enable: nothing,
  bpf_task_acquire: same,
  bpf_task_release: nothing,
  bpf_cgroup_acquire: same,
  bpf_cgroup_release: nothing,
  bpf_iter_num_new: iterNumNew,
  bpf_iter_num_next: iterNumNext,
  bpf_iter_num_destroy: iterNumDestroy,
  bpf_cast_to_kern_ctx: same,
  bpf_rdonly_cast: same,
};

/** Names of the kernel functions that the VM models. */
export const MODELLED_KFUNCS: readonly string[] = Object.keys(KFUNCS);

/** Calls a kfunc; without the kernel's BTF, or for one that has no model, the run ends with a fault that names it. */
export function callKfunc(run: Run, btfId: number): void {
  const name = run.services.kernelBtf?.name(btfId) ?? '';
  const body = Object.hasOwn(KFUNCS, name) ? KFUNCS[name] : undefined;
  if (body === undefined) {
    const what = name === '' ? `kernel function with BTF id ${btfId}` : `kernel function ${name}`;
    run.services.notModelled(what);
    throw new VmFault(`${what} is not modelled`);
  }
  body(run);
}
