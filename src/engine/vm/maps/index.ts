/** Map creation by type. */
import type { MapDef } from '../../loader/index.ts';
import { ArrayMap } from './array.ts';
import { HashMap } from './hash.ts';
import { LpmTrie } from './lpm.ts';
import type { MapHost, VmMap } from './map.ts';
import { MapOfMaps, ProgArray } from './nested.ts';
import { BloomFilter, QueueStackMap } from './queue.ts';
import { OpaqueMap, RingBuf } from './ringbuf.ts';
import { StorageMap } from './storage.ts';

/** Creates a map. Types without a model become maps that exist and hold nothing; `notModelled` is told. */
export function createMap(def: MapDef, host: MapHost, notModelled: (what: string) => void): VmMap {
  switch (def.type) {
    case 'array':
    case 'percpu_array':
      return new ArrayMap(def, host);
    case 'hash':
    case 'percpu_hash':
    case 'lru_hash':
    case 'lru_percpu_hash':
      return new HashMap(def, host);
    case 'lpm_trie':
      return new LpmTrie(def, host);
    case 'queue':
    case 'stack':
      return new QueueStackMap(def, host);
    case 'bloom_filter':
      return new BloomFilter(def, host);
    case 'ringbuf':
      return new RingBuf(def, host);
    case 'task_storage':
    case 'inode_storage':
    case 'sk_storage':
    case 'cgrp_storage':
      return new StorageMap(def, host);
    case 'array_of_maps':
    case 'hash_of_maps':
      return new MapOfMaps(def, host);
    case 'prog_array':
      return new ProgArray(def, host);
    case 'perf_event_array':
      return new OpaqueMap(def, host);
    default:
      notModelled(`map type ${def.type} (map ${def.name})`);
      return new OpaqueMap(def, host);
  }
}

export { ArrayMap } from './array.ts';
export { VmMap, type MapHost } from './map.ts';
export { KeylessMap } from './queue.ts';
export { ProgArray } from './nested.ts';
export { RingBuf } from './ringbuf.ts';
export { StorageMap } from './storage.ts';
