/** Map access, tail calls, locks. Semantics: kernel/bpf/helpers.c. */
import { EINVAL, EOPNOTSUPP } from '../errno.ts';
import { KeylessMap, ProgArray } from '../maps/index.ts';
import type { VmMap } from '../maps/map.ts';
import type { Run } from '../run.ts';
import { helper, type HelperFamily } from './table.ts';

const NO_KEY = new Uint8Array(0);

/** The key argument, as a view of the arena. */
function keyArg(run: Run, n: number, map: VmMap): Uint8Array {
  const at = run.readable(n, map.def.keySize);
  return run.mem.bytes.subarray(at, at + map.def.keySize);
}

const valueArg = (run: Run, n: number, map: VmMap): Uint8Array => {
  const at = run.readable(n, map.def.valueSize);
  return run.mem.bytes.slice(at, at + map.def.valueSize);
};

/** Values of these maps are other maps, not memory. */
const holdsMaps = (map: VmMap): boolean => map.def.type === 'array_of_maps' || map.def.type === 'hash_of_maps';

function lookup(run: Run): void {
  const map = run.map(1);
  const key = keyArg(run, 2, map);
  const at = map.find(key);
  const value = at === 0 || holdsMaps(map) ? null : map.copyOut(at);
  run.events.op(map.def, 'lookup', key.slice(), value, value, at !== 0, run.callSlot);
  run.retPtr(at);
}

function update(run: Run): void {
  const map = run.map(1);
  const key = keyArg(run, 2, map).slice();
  const value = valueArg(run, 3, map);
  const flags = run.u64(4) > 0xffffffffn ? -1 : run.u32(4);
  run.events.close();
  const before = holdsMaps(map) ? undefined : map.lookup(key);
  const result = map.set(key, value, flags);
  const after = result === 0 ? value : (before ?? null);
  run.events.op(map.def, 'update', key, before ?? null, after, before !== undefined, run.callSlot);
  run.ret(result);
}

function remove(run: Run): void {
  const map = run.map(1);
  const key = keyArg(run, 2, map).slice();
  run.events.close();
  const before = holdsMaps(map) ? undefined : map.lookup(key);
  const result = map.remove(key);
  run.events.op(
    map.def,
    'delete',
    key,
    before ?? null,
    result === 0 ? null : (before ?? null),
    result === 0,
    run.callSlot,
  );
  run.ret(result);
}

function keyless(run: Run): KeylessMap | null {
  const map = run.map(1);
  return map instanceof KeylessMap ? map : null;
}

function push(run: Run): void {
  const map = keyless(run);
  if (map === null) return run.ret(-EOPNOTSUPP);
  const value = valueArg(run, 2, map);
  const result = map.push(value, run.u64(3) > 2n ? 3 : run.u32(3));
  run.events.op(map.def, 'update', NO_KEY, null, result === 0 ? value : null, result === 0, run.callSlot);
  run.ret(result);
}

const take =
  (removes: boolean) =>
  (run: Run): void => {
    const map = keyless(run);
    if (map === null) return run.ret(-EOPNOTSUPP);
    // A bloom filter's peek only reads the value that it is asked about.
    const asks = map.def.type === 'bloom_filter';
    const at = asks ? run.readable(2, map.def.valueSize) : run.writable(2, map.def.valueSize);
    const result = map.take(at, removes);
    const value = result === 0 ? map.copyOut(at) : null;
    const [before, after] = removes ? [value, null] : [value, value];
    run.events.op(map.def, removes ? 'delete' : 'lookup', NO_KEY, before, after, result === 0, run.callSlot);
    run.ret(result);
  };

function tailCall(run: Run): void {
  const map = run.map(2);
  const index = map instanceof ProgArray ? map.programIndex(run.u32(3)) : undefined;
  if (index === undefined || !run.tailCall(index)) run.ret(-EINVAL);
}

function lock(run: Run): void {
  run.mem.view.setInt32(run.readable(1, 4), 1, true);
  run.ret(0);
}

function unlock(run: Run): void {
  run.mem.view.setInt32(run.readable(1, 4), 0, true);
  run.ret(0);
}

function kptrXchg(run: Run): void {
  const at = run.writable(1, 8);
  const { view } = run.mem;
  const lo = view.getInt32(at, true);
  const hi = view.getInt32(at + 4, true);
  view.setInt32(at, run.R[4], true);
  view.setInt32(at + 4, run.R[5], true);
  run.R[0] = lo;
  run.R[1] = hi;
}

/** One modelled CPU: others have no value. */
function lookupPercpu(run: Run): void {
  if (run.u32(3) === 0) lookup(run);
  else run.retPtr(0);
}

export const mapHelpers: HelperFamily = {
  1: helper('map_lookup_elem', lookup),
  2: helper('map_update_elem', update),
  3: helper('map_delete_elem', remove),
  12: helper('tail_call', tailCall),
  87: helper('map_push_elem', push),
  88: helper('map_pop_elem', take(true)),
  89: helper('map_peek_elem', take(false)),
  93: helper('spin_lock', lock),
  94: helper('spin_unlock', unlock),
  194: helper('kptr_xchg', kptrXchg),
  195: helper('map_lookup_percpu_elem', lookupPercpu),
};
