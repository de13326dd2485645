/** Local storage of tasks, inodes, sockets and cgroups. kernel/bpf/bpf_*_storage.c. */
import { EINVAL } from '../errno.ts';
import { VmFault } from '../fault.ts';
import { StorageMap } from '../maps/index.ts';
import { ownerKey } from '../maps/storage.ts';
import type { Run } from '../run.ts';
import { helper, type HelperFamily } from './table.ts';

/** BPF_LOCAL_STORAGE_GET_F_CREATE. */
const F_CREATE = 1n;

function storageArg(run: Run): StorageMap {
  const map = run.map(1);
  if (!(map instanceof StorageMap)) throw new VmFault('argument 1 is no local storage map');
  return map;
}

/** (map, owner, value, flags): the value, or NULL when there is none and it was not to be created. */
function get(run: Run): void {
  const map = storageArg(run);
  const flags = run.u64(4);
  const owner = run.ptr(2);
  if ((flags & ~F_CREATE) !== 0n || owner === 0 || run.mem.objectAt(owner) === undefined) return run.retPtr(0);
  let at = map.ofOwner(owner);
  if (at !== 0 || flags !== F_CREATE) {
    const value = at === 0 ? null : map.copyOut(at);
    run.events.op(map.def, 'lookup', ownerKey(owner), value, value, at !== 0, run.callSlot);
    return run.retPtr(at);
  }
  let init: Uint8Array | null = null;
  if (!run.isNull(3)) {
    const from = run.readable(3, map.def.valueSize);
    init = run.mem.bytes.slice(from, from + map.def.valueSize);
  }
  at = map.create(owner, init);
  run.events.op(map.def, 'update', ownerKey(owner), null, map.copyOut(at), false, run.callSlot);
  run.retPtr(at);
}

function remove(run: Run): void {
  const map = storageArg(run);
  const owner = run.ptr(2);
  if (owner === 0) return run.ret(-EINVAL);
  run.events.close();
  const at = map.ofOwner(owner);
  const before = at === 0 ? null : map.copyOut(at);
  const result = map.drop(owner);
  run.events.op(map.def, 'delete', ownerKey(owner), before, null, result === 0, run.callSlot);
  run.ret(result);
}

export const storageHelpers: HelperFamily = {
  107: helper('sk_storage_get', get),
  108: helper('sk_storage_delete', remove),
  145: helper('inode_storage_get', get),
  146: helper('inode_storage_delete', remove),
  156: helper('task_storage_get', get),
  157: helper('task_storage_delete', remove),
  210: helper('cgrp_storage_get', get),
  211: helper('cgrp_storage_delete', remove),
};
