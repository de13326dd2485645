/** What BPF_MAP_CREATE demands of a definition (the map_alloc_check functions of kernel/bpf/, same in 6.1 and 6.12). */
import { BPF_F_NO_PREALLOC } from '../bpf/index.ts';
import { problem } from './problem.ts';
import type { LoadProblem, MapDef } from './types.ts';

const PAGE = 4096;

/** Why the kernel would refuse to create the map, in plain words; undefined = it would not, as far as is modelled. */
function refusal(m: MapDef): string | undefined {
  const wantEntries = m.maxEntries === 0 ? 'max_entries must not be 0: add __uint(max_entries, ...).' : undefined;
  const wantKey = m.keySize === 0 ? 'it has no key: add __type(key, ...).' : undefined;
  const wantValue = m.valueSize === 0 ? 'it has no value: add __type(value, ...).' : undefined;
  const intKey = m.keySize !== 4 ? `its key must have 4 bytes, it has ${m.keySize}.` : undefined;
  const noPrealloc = (m.flags & BPF_F_NO_PREALLOC) === 0 ? 'it needs __uint(map_flags, BPF_F_NO_PREALLOC).' : undefined;
  switch (m.type) {
    case 'hash':
    case 'percpu_hash':
    case 'lru_hash':
    case 'lru_percpu_hash':
      return wantEntries ?? wantKey ?? wantValue;
    case 'array':
    case 'percpu_array':
      return wantEntries ?? intKey ?? wantValue;
    case 'perf_event_array':
    case 'prog_array':
      return (
        wantEntries ?? intKey ?? (m.valueSize !== 4 ? `its value must have 4 bytes, it has ${m.valueSize}.` : undefined)
      );
    case 'lpm_trie':
      if (m.keySize < 5 || m.keySize > 260) return 'its key must be a 4-byte prefix length and 1 to 256 bytes of data.';
      return wantEntries ?? wantValue ?? noPrealloc;
    case 'ringbuf':
      if (m.keySize !== 0 || m.valueSize !== 0) return 'a ring buffer has neither key nor value.';
      if (m.maxEntries % PAGE !== 0 || (m.maxEntries & (m.maxEntries - 1)) !== 0) {
        return 'max_entries is its size in bytes: a power of two and a multiple of 4096.';
      }
      return wantEntries;
    case 'task_storage':
    case 'inode_storage':
    case 'sk_storage':
    case 'cgrp_storage':
      if (m.maxEntries !== 0) return 'local storage has no max_entries: remove it.';
      if (m.keyTypeId === 0 || m.valueTypeId === 0)
        return 'local storage needs __type(key, int) and __type(value, ...).';
      return intKey ?? wantValue ?? noPrealloc;
    case 'queue':
    case 'stack':
      return wantEntries ?? (m.keySize !== 0 ? 'queues and stacks have no key.' : undefined) ?? wantValue;
    case 'array_of_maps':
    case 'hash_of_maps':
      return (
        wantEntries ??
        (m.type === 'array_of_maps' ? intKey : wantKey) ??
        (m.valueSize !== 4 ? `its value must have 4 bytes, it has ${m.valueSize}.` : undefined) ??
        (m.innerMap === undefined ? UNKNOWN_INNER : undefined)
      );
    default:
      return undefined;
  }
}

/** Some loaders (systemd's, KubeArmor's) fill this in before the load; the object alone does not load. */
const UNKNOWN_INNER =
  'it does not say what the maps in it are like: add __array(values, struct { __uint(type, ...); __uint(max_entries, ...); ' +
  '__type(key, ...); __type(value, ...); }). A loader of your own may set that with bpf_map__set_inner_map_fd() ' +
  '(and the size with bpf_map__set_max_entries()) instead; LSMith goes by the object.';

/** Errors for maps that cannot be created. libbpf then gives up the whole object. */
export function checkMaps(maps: readonly MapDef[]): LoadProblem[] {
  return maps.flatMap((m) => {
    const why = refusal(m);
    if (why === undefined) return [];
    const message = `map '${m.name}': failed to create: Invalid argument(-22)`;
    return [
      problem('error', 'map-create', message, `The kernel refuses this ${m.type} map: ${why}`, { section: '.maps' }),
    ];
  });
}
