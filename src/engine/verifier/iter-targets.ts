/**
 * What iterator programs get besides `meta`: BTF says which structure, not that it is NULL at the end, whether it is trusted, and
 * that keys and values are memory. From `ctx_arg_info` of each bpf_iter_reg in the sources of 6.1, 6.12 and 7.2.
 */
import { MAYBE_NULL, RDONLY, TRUSTED } from './reg.ts';

export interface IterArg {
  readonly kind: 'ptr_' | 'buf';
  readonly flags: number;
}

export interface IterTarget {
  /** By number of the argument; `meta` is 0. */
  readonly args: Readonly<Record<number, IterArg>>;
}

export type IterTargets = Readonly<Record<string, IterTarget>>;

const POINTER: IterArg = { kind: 'ptr_', flags: MAYBE_NULL };
const KEY: IterArg = { kind: 'buf', flags: MAYBE_NULL | RDONLY };
const VALUE: IterArg = { kind: 'buf', flags: MAYBE_NULL };

/** @param trusted what the iterators that hold a reference or a lock hand out (6.5) */
function targets(trusted: IterArg): IterTargets {
  return {
    ksym: { args: { 1: POINTER } },
    bpf_prog: { args: { 1: POINTER } },
    bpf_link: { args: { 1: POINTER } },
    bpf_map: { args: { 1: trusted } },
    bpf_map_elem: { args: { 2: KEY, 3: VALUE } },
    cgroup: { args: { 1: trusted } },
    task: { args: { 1: trusted } },
    task_file: { args: { 1: POINTER, 3: POINTER } },
    task_vma: { args: { 1: POINTER, 2: POINTER } },
    netlink: { args: { 1: POINTER } },
    ipv6_route: { args: { 1: POINTER } },
    sockmap: { args: { 2: KEY, 3: POINTER } },
    bpf_sk_storage_map: { args: { 2: POINTER, 3: VALUE } },
    unix: { args: { 1: POINTER } },
    tcp: { args: { 1: trusted } },
    udp: { args: { 1: trusted } },
  };
}

const TRUSTED_POINTER: IterArg = { kind: 'ptr_', flags: MAYBE_NULL | TRUSTED };

export const ITERS_6_1 = targets(POINTER);
export const ITERS_6_12 = targets(TRUSTED_POINTER);
export const ITERS_7_2: IterTargets = {
  ...ITERS_6_12,
  kmem_cache: { args: { 1: TRUSTED_POINTER } },
  dmabuf: { args: { 1: POINTER } },
};

const PREFIX = 'bpf_iter_';

/** The target of the function that an iterator program attaches to; undefined: there is none of that name. */
export const iterTarget = (all: IterTargets, func: string): IterTarget | undefined =>
  func.startsWith(PREFIX) && Object.hasOwn(all, func.slice(PREFIX.length)) ? all[func.slice(PREFIX.length)] : undefined;
