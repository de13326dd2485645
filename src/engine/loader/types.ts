/** What the loader gives to the verifier and the VM. Shapes only; no behaviour. */
import type { Btf, InsnArray } from '../bpf/index.ts';

/** Program types that scenarios attach and run. (Names as in libbpf's SEC() table.) */
export type AttachedProgType = 'lsm' | 'lsm_cgroup' | 'fentry' | 'fexit' | 'fmod_ret';

/** Program types that the verifier knows; all but the first are verified only, never run. */
export type ProgType =
  | AttachedProgType
  | 'tp_btf'
  | 'iter'
  | 'socket_filter'
  | 'sched_cls'
  | 'sched_act'
  | 'xdp'
  | 'cgroup_skb'
  | 'cgroup_sock'
  | 'cgroup_sock_addr'
  | 'cgroup_sockopt'
  | 'cgroup_sysctl'
  | 'cgroup_device'
  | 'sock_ops'
  | 'sk_skb'
  | 'sk_msg'
  | 'sk_lookup'
  | 'sk_reuseport'
  | 'flow_dissector'
  | 'lwt_in'
  | 'lwt_out'
  | 'lwt_xmit'
  | 'lwt_seg6local'
  | 'netfilter'
  | 'kprobe'
  | 'tracepoint'
  | 'raw_tracepoint'
  | 'raw_tracepoint_writable'
  | 'perf_event'
  | 'syscall';

/** bpf_map_type by its kernel name in lower case, e.g. `hash`, `percpu_array`, `lpm_trie`, `ringbuf`, `task_storage`. */
export type MapTypeName =
  | 'hash'
  | 'array'
  | 'prog_array'
  | 'perf_event_array'
  | 'percpu_hash'
  | 'percpu_array'
  | 'lru_hash'
  | 'lru_percpu_hash'
  | 'lpm_trie'
  | 'array_of_maps'
  | 'hash_of_maps'
  | 'queue'
  | 'stack'
  | 'sk_storage'
  | 'ringbuf'
  | 'inode_storage'
  | 'task_storage'
  | 'cgrp_storage'
  | 'bloom_filter'
  | 'stack_trace'
  | 'user_ringbuf'
  | 'arena'
  | 'insn_array'
  | 'cgroup_array'
  | 'devmap'
  | 'sockmap'
  | 'cpumap'
  | 'xskmap'
  | 'sockhash'
  | 'cgroup_storage'
  | 'reuseport_sockarray'
  | 'percpu_cgroup_storage'
  | 'devmap_hash'
  | 'struct_ops'
  | 'unsupported';

/** One map of an object. Maps made from global data sections are `array` maps with one entry and `section` set. */
export interface MapDef {
  readonly index: number;
  /** Full name, e.g. `events`, or `.rodata` / `.bss` for globals (libbpf prefixes the object name for the kernel). */
  readonly name: string;
  readonly type: MapTypeName;
  /** bpf_map_type number. */
  readonly typeId: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  /** Type ids in the *object's* BTF; 0 = none. */
  readonly keyTypeId: number;
  readonly valueTypeId: number;
  /** For global data: the section and its initial contents. */
  readonly section?: '.data' | '.rodata' | '.bss' | '.kconfig' | (string & {});
  readonly initial?: Uint8Array;
  /** True when programs may not write it (BPF_F_RDONLY_PROG and frozen .rodata). */
  readonly readOnly: boolean;
  /** For map-in-map: index of the template. */
  readonly innerMap?: number;
  /** Of an instruction array: the instruction of each entry, and whether it was frozen before the load. */
  readonly jumpTable?: { readonly insns: readonly number[]; readonly frozen: boolean };
  /** What a map of maps or a program array holds from the start. */
  readonly slots?: readonly MapSlot[];
}

/** A slot that is filled at load: by a map of this object (its index) or a program (its name). */
export type MapSlot = { readonly slot: number } & ({ readonly map: number } | { readonly program: string });

/** A C line as .BTF.ext records it. `insn` is the slot from which the record applies. */
export interface LineRecord {
  readonly insn: number;
  readonly file: string;
  /** The text of the source line, as stored in the object's BTF strings. */
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

/** A function inside a program's instruction stream: entry 0 is the program itself. */
export interface Subprog {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  /** BTF_KIND_FUNC id in the object's BTF, 0 when the object has none. */
  readonly funcTypeId: number;
  readonly linkage: 'static' | 'global' | 'extern';
}

/** Where a program goes. */
export interface AttachTarget {
  readonly progType: ProgType;
  readonly sleepable: boolean;
  /** LSM hook name without prefix (`file_open`) for lsm/lsm_cgroup; null otherwise. */
  readonly hook: string | null;
  /** Expected attach type where the verdict depends on it, e.g. `cgroup_inet4_connect`; absent = the program type's name. */
  readonly attachType?: string;
  /** Kernel function, e.g. `bpf_lsm_file_open` or `security_file_open`; for other types what follows the slash of SEC(). */
  readonly func: string;
  /** BTF id of that function in the target kernel; 0 = the kernel has no such function. */
  readonly btfId: number;
}

/** How a CO-RE relocation came out, for diagnostics and `dump`. */
export interface CoreReloOutcome {
  readonly insn: number;
  /** e.g. `byte_off`, `field_exists`. */
  readonly kind: string;
  /** e.g. `struct file.f_inode`. */
  readonly access: string;
  readonly ok: boolean;
  readonly message: string;
}

/**
 * A program after libbpf's work: subprograms appended, maps and CO-RE resolved against one target kernel.
 * `ld_imm64` pseudo forms keep their source register: 1 = BPF_PSEUDO_MAP_FD with `imm` = map *index* in the object,
 * 2 = BPF_PSEUDO_MAP_VALUE with `imm` = map index and second slot's `imm` = offset, 3 = BPF_PSEUDO_BTF_ID,
 * 4 = BPF_PSEUDO_FUNC with `imm` = slot difference. Calls: src 0 helper, 1 local (imm = slot difference), 2 kfunc (imm = BTF id).
 */
export interface LoadedProgram {
  readonly name: string;
  readonly section: string;
  readonly autoload: boolean;
  readonly attach: AttachTarget;
  readonly insns: InsnArray;
  readonly subprogs: readonly Subprog[];
  /** Sorted by `insn`. Empty when the object has no line info. */
  readonly lines: readonly LineRecord[];
  readonly coreRelos: readonly CoreReloOutcome[];
}

/** One object loaded for one kernel. */
export interface LoadedObject {
  readonly name: string;
  readonly license: string;
  readonly gplCompatible: boolean;
  readonly btf: Btf | null;
  readonly maps: readonly MapDef[];
  readonly programs: readonly LoadedProgram[];
  /**
   * Warnings, and errors that concern one program only. A program with an error stays in `programs` when its code could
   * be relocated (a hook that this kernel lacks: `attach.btfId` is 0), else it is left out.
   */
  readonly problems?: readonly LoadProblem[];
}

/** What libbpf would have said. `message` names the cause; `section`/`insn`/`line` say where. */
export interface LoadProblem {
  readonly severity: 'error' | 'warning';
  readonly code: string;
  readonly message: string;
  readonly explanation: string;
  readonly program?: string;
  readonly section?: string;
  readonly insn?: number;
  readonly line?: LineRecord;
  /** Byte offset in the object file, for malformed files. */
  readonly offset?: number;
}

/** What the loader has to know of the kernel. A kernel profile satisfies this. */
export interface LoadTarget {
  readonly btf: Btf;
  /** e.g. `[6, 12, 117]`. */
  readonly version: readonly [number, number, number];
  /** CONFIG_* values for `.kconfig` externs: `y`, `m`, number or string. */
  readonly config: Readonly<Record<string, string | number>>;
}
