/** The eBPF instruction set: RFC 9669 plus the kernel's additions up to cpu v4. Names as in <linux/bpf.h>. */

// ---- opcode byte: class (3 bits) ---------------------------------------------------------------------------------
export const BPF_LD = 0x00;
export const BPF_LDX = 0x01;
export const BPF_ST = 0x02;
export const BPF_STX = 0x03;
export const BPF_ALU = 0x04;
export const BPF_JMP = 0x05;
export const BPF_JMP32 = 0x06;
export const BPF_ALU64 = 0x07;
/** Mask of the class. */
export const BPF_CLASS = 0x07;

// ---- loads and stores: size (2 bits), mode (3 bits) --------------------------------------------------------------
export const BPF_W = 0x00;
export const BPF_H = 0x08;
export const BPF_B = 0x10;
export const BPF_DW = 0x18;
/** Mask of the size. */
export const BPF_SIZE = 0x18;

export const BPF_IMM = 0x00;
export const BPF_ABS = 0x20;
export const BPF_IND = 0x40;
export const BPF_MEM = 0x60;
/** Sign-extending load (v4). */
export const BPF_MEMSX = 0x80;
export const BPF_ATOMIC = 0xc0;
/** Mask of the mode. */
export const BPF_MODE = 0xe0;

// ---- arithmetic and jumps: source (1 bit), operation (4 bits) ----------------------------------------------------
export const BPF_K = 0x00;
export const BPF_X = 0x08;
/** Mask of the source. */
export const BPF_SRC = 0x08;
/** Mask of the operation. */
export const BPF_OP = 0xf0;

export const BPF_ADD = 0x00;
export const BPF_SUB = 0x10;
export const BPF_MUL = 0x20;
/** Unsigned; signed with off = 1 (v4). */
export const BPF_DIV = 0x30;
export const BPF_OR = 0x40;
export const BPF_AND = 0x50;
export const BPF_LSH = 0x60;
export const BPF_RSH = 0x70;
export const BPF_NEG = 0x80;
/** Unsigned; signed with off = 1 (v4). */
export const BPF_MOD = 0x90;
export const BPF_XOR = 0xa0;
/** With off = 8, 16, 32: sign-extending move (v4). */
export const BPF_MOV = 0xb0;
export const BPF_ARSH = 0xc0;
/** Class ALU: to little (source bit 0) or big endian (1). Class ALU64: unconditional byte swap (v4). */
export const BPF_END = 0xd0;

/** Class JMP: offset in `off`. Class JMP32: offset in `imm` (gotol, v4). */
export const BPF_JA = 0x00;
export const BPF_JEQ = 0x10;
export const BPF_JGT = 0x20;
export const BPF_JGE = 0x30;
export const BPF_JSET = 0x40;
export const BPF_JNE = 0x50;
export const BPF_JSGT = 0x60;
export const BPF_JSGE = 0x70;
export const BPF_CALL = 0x80;
export const BPF_EXIT = 0x90;
export const BPF_JLT = 0xa0;
export const BPF_JLE = 0xb0;
export const BPF_JSLT = 0xc0;
export const BPF_JSLE = 0xd0;
/** may_goto (Linux 6.9; source register 0). */
export const BPF_JCOND = 0xe0;

// ---- atomics: `imm` of class STX, mode ATOMIC --------------------------------------------------------------------
export const BPF_FETCH = 0x01;
export const BPF_ATOMIC_ADD = BPF_ADD;
export const BPF_ATOMIC_OR = BPF_OR;
export const BPF_ATOMIC_AND = BPF_AND;
export const BPF_ATOMIC_XOR = BPF_XOR;
export const BPF_XCHG = 0xe0 | BPF_FETCH;
export const BPF_CMPXCHG = 0xf0 | BPF_FETCH;
/** Linux 6.15. */
export const BPF_LOAD_ACQ = 0x100;
export const BPF_STORE_REL = 0x110;

// ---- source register of ld_imm64 and call ------------------------------------------------------------------------
export const BPF_PSEUDO_MAP_FD = 1;
export const BPF_PSEUDO_MAP_VALUE = 2;
export const BPF_PSEUDO_BTF_ID = 3;
export const BPF_PSEUDO_FUNC = 4;
export const BPF_PSEUDO_MAP_IDX = 5;
export const BPF_PSEUDO_MAP_IDX_VALUE = 6;
/** For calls: a function of the program, at `imm` slots from the next one. */
export const BPF_PSEUDO_CALL = 1;
/** For calls: a kernel function, `imm` = its BTF id, `off` = index of the module's BTF. */
export const BPF_PSEUDO_KFUNC_CALL = 2;

// ---- whole opcodes that are asked for often ----------------------------------------------------------------------
export const OP_LD_IMM64 = BPF_LD | BPF_DW | BPF_IMM;
export const OP_CALL = BPF_JMP | BPF_CALL;
export const OP_CALLX = BPF_JMP | BPF_CALL | BPF_X;
export const OP_EXIT = BPF_JMP | BPF_EXIT;
export const OP_JA = BPF_JMP | BPF_JA;
export const OP_GOTOL = BPF_JMP32 | BPF_JA;
export const OP_MAY_GOTO = BPF_JMP | BPF_JCOND;
export const OP_MOV64_REG = BPF_ALU64 | BPF_MOV | BPF_X;
export const OP_MOV64_IMM = BPF_ALU64 | BPF_MOV | BPF_K;

/** `off` of a 64-bit register move that casts between address spaces (arenas). */
export const BPF_ADDR_SPACE_CAST = 1;

/** Registers, stack and program limits of the kernel. */
export const MAX_BPF_REG = 11;
export const BPF_REG_FP = 10;
export const MAX_BPF_STACK = 512;
export const MAX_CALL_FRAMES = 8;
export const BPF_MAXINSNS = 4096;
export const BPF_COMPLEXITY_LIMIT_INSNS = 1_000_000;

/** What libbpf puts into `imm` of an instruction whose CO-RE relocation failed: "invalid func unknown#195896080". */
export const POISON_CORE_RELO = 195896080;
/** What libbpf puts into a call of a weak kernel function that the kernel does not have. */
export const POISON_CALL_KFUNC_BASE = 2002000000;

/** Bytes that a load or store opcode moves. */
export function accessSize(op: number): 1 | 2 | 4 | 8 {
  switch (op & BPF_SIZE) {
    case BPF_W:
      return 4;
    case BPF_H:
      return 2;
    case BPF_B:
      return 1;
    default:
      return 8;
  }
}

/** The size bits of an opcode for 1, 2, 4 or 8 bytes; undefined for other sizes. */
export function sizeBits(bytes: number): number | undefined {
  return bytes === 8 ? BPF_DW : bytes === 4 ? BPF_W : bytes === 2 ? BPF_H : bytes === 1 ? BPF_B : undefined;
}

// ---- map and program types ---------------------------------------------------------------------------------------

/** bpf_map_type numbers by kernel name in lower case without prefix. */
export const MAP_TYPES = {
  unspec: 0,
  hash: 1,
  array: 2,
  prog_array: 3,
  perf_event_array: 4,
  percpu_hash: 5,
  percpu_array: 6,
  stack_trace: 7,
  cgroup_array: 8,
  lru_hash: 9,
  lru_percpu_hash: 10,
  lpm_trie: 11,
  array_of_maps: 12,
  hash_of_maps: 13,
  devmap: 14,
  sockmap: 15,
  cpumap: 16,
  xskmap: 17,
  sockhash: 18,
  cgroup_storage: 19,
  reuseport_sockarray: 20,
  percpu_cgroup_storage: 21,
  queue: 22,
  stack: 23,
  sk_storage: 24,
  devmap_hash: 25,
  struct_ops: 26,
  ringbuf: 27,
  inode_storage: 28,
  task_storage: 29,
  bloom_filter: 30,
  user_ringbuf: 31,
  cgrp_storage: 32,
  arena: 33,
  insn_array: 34,
} as const;

const mapTypeNames = new Map<number, string>(Object.entries(MAP_TYPES).map(([name, id]) => [id, name]));
/** `hash` for 1; undefined for numbers that no kernel has. */
export const mapTypeName = (id: number): string | undefined => mapTypeNames.get(id);

/** map_flags of BPF_MAP_CREATE. */
export const BPF_F_NO_PREALLOC = 1 << 0;
export const BPF_F_RDONLY_PROG = 1 << 7;
export const BPF_F_WRONLY_PROG = 1 << 8;
export const BPF_F_MMAPABLE = 1 << 10;

/** bpf_prog_type numbers of the program types that LSMith knows. */
export const BPF_PROG_TYPE_TRACING = 26;
export const BPF_PROG_TYPE_LSM = 29;

/** bpf_attach_type numbers. */
export const BPF_TRACE_FENTRY = 24;
export const BPF_TRACE_FEXIT = 25;
export const BPF_MODIFY_RETURN = 26;
export const BPF_LSM_MAC = 27;
export const BPF_LSM_CGROUP = 43;

/** prog_flags of BPF_PROG_LOAD. */
export const BPF_F_SLEEPABLE = 1 << 4;
