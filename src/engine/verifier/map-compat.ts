/** Which helpers go with which map types (the kernel checks both ways). */
import type { MapDef, ProgType } from '../loader/index.ts';
import type { Env } from './env.ts';
import { EINVAL } from './env.ts';
import { helperName } from '../bpf/index.ts';

/** Map types that only some helpers take. */
const ONLY: Readonly<Record<string, readonly number[]>> = {
  prog_array: [12],
  perf_event_array: [22, 25, 111, 55, 121],
  ringbuf: [130, 131, 134, 198, 199, 200],
  user_ringbuf: [209],
  stack_trace: [27],
  cgroup_array: [33, 37],
  array_of_maps: [1],
  hash_of_maps: [1],
  queue: [87, 88, 89],
  stack: [87, 88, 89],
  sk_storage: [107, 108, 194],
  inode_storage: [145, 146, 194],
  task_storage: [156, 157, 194],
  cgrp_storage: [210, 211, 194],
  bloom_filter: [87, 89],
  cgroup_storage: [81],
  percpu_cgroup_storage: [81],
  devmap: [51, 1],
  devmap_hash: [51, 1],
  cpumap: [51],
  xskmap: [51, 1],
  sockmap: [52, 53, 60, 82, 1],
  sockhash: [72, 70, 71, 82, 1],
  reuseport_sockarray: [82],
  insn_array: [],
};

/** Program types that may update and delete entries of socket maps (others for reasons of locking may not). */
const SOCK_MAP_UPDATERS: ReadonlySet<ProgType> = new Set([
  'socket_filter',
  'sched_cls',
  'sched_act',
  'xdp',
  'sk_reuseport',
  'flow_dissector',
  'sk_lookup',
]);

/** Updates of socket maps: sock_ops programs may only delete, iterators (not raw ones) only update. */
function maySockMap(env: Env, id: number): boolean {
  const { progType } = env.prog.attach;
  if (id !== 2 && id !== 3) return false;
  if (SOCK_MAP_UPDATERS.has(progType)) return true;
  if (progType === 'iter') return true;
  if (progType === 'sock_ops' && id === 3) return true;
  env.log.line('cannot update sockmap in this context');
  return false;
}

/** Helpers that only take some map types. */
const NEEDS: Readonly<Record<number, readonly string[]>> = {
  12: ['prog_array'],
  22: ['perf_event_array'],
  25: ['perf_event_array'],
  55: ['perf_event_array'],
  111: ['perf_event_array'],
  121: ['perf_event_array'],
  130: ['ringbuf'],
  131: ['ringbuf'],
  134: ['ringbuf'],
  198: ['ringbuf'],
  209: ['user_ringbuf'],
  27: ['stack_trace'],
  37: ['cgroup_array'],
  87: ['queue', 'stack', 'bloom_filter'],
  88: ['queue', 'stack'],
  89: ['queue', 'stack', 'bloom_filter'],
  195: ['percpu_array', 'percpu_hash', 'lru_percpu_hash'],
  107: ['sk_storage'],
  108: ['sk_storage'],
  145: ['inode_storage'],
  146: ['inode_storage'],
  156: ['task_storage'],
  157: ['task_storage'],
  210: ['cgrp_storage'],
  211: ['cgrp_storage'],
  33: ['cgroup_array'],
  51: ['devmap', 'devmap_hash', 'cpumap', 'xskmap'],
  52: ['sockmap'],
  60: ['sockmap'],
  53: ['sockmap'],
  72: ['sockhash'],
  71: ['sockhash'],
  70: ['sockhash'],
  81: ['cgroup_storage', 'percpu_cgroup_storage'],
  82: ['reuseport_sockarray', 'sockmap', 'sockhash'],
};

export function checkMapHelper(env: Env, map: MapDef, id: number): void {
  const socks = map.type === 'sockmap' || map.type === 'sockhash';
  let only: readonly number[] | undefined = ONLY[map.type];
  if (socks && !only?.includes(id) && maySockMap(env, id)) only = undefined;
  const needs = NEEDS[id];
  if ((only !== undefined && !only.includes(id)) || (needs !== undefined && !needs.includes(map.type))) {
    env.fail(EINVAL, 'map-helper-mismatch', `cannot pass map_type ${map.typeId} into func ${helperName(id)}#${id}`);
  }
}

/** Program types that may interrupt anything, so that locks and timers are not safe in them. */
const TRACING: ReadonlySet<ProgType> = new Set([
  'kprobe',
  'tracepoint',
  'perf_event',
  'raw_tracepoint',
  'raw_tracepoint_writable',
]);

export const mayInterruptAnything = (type: ProgType): boolean => TRACING.has(type);

/** May a program of this type use the map at all? (check_map_prog_compatibility) */
export function checkMapForType(env: Env, map: MapDef): void {
  const { progType } = env.prog.attach;
  const tracing = mayInterruptAnything(progType);
  if (!tracing && progType !== 'socket_filter') return;
  const { fields } = env.fields(map);
  const has = (...kinds: string[]): boolean => fields.some((f) => kinds.includes(f.kind));
  const refuse = (who: string, what: string): never =>
    env.fail(EINVAL, 'map-not-for-type', `${who} progs cannot use ${what} yet`);
  if (tracing && has('bpf_list_head', 'bpf_rb_root')) refuse('tracing', 'bpf_{list_head,rb_root}');
  if (has('bpf_spin_lock')) refuse(tracing ? 'tracing' : 'socket filter', 'bpf_spin_lock');
  if (env.rules.timersInTracing) return;
  if (tracing && has('bpf_timer')) refuse('tracing', 'bpf_timer');
  if (tracing && has('bpf_wq')) refuse('tracing', 'bpf_wq');
}
