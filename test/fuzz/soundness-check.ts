/**
 * Soundness by execution: an accepted program runs in the interpreter on random inputs, one instruction at a time. No access
 * may fault, and no register that an instruction reads may hold a value that no verified path allowed there.
 */
import { decodeInsns, type InsnArray } from '../../src/engine/bpf/index.ts';
import { verifyProgram, type Claim } from '../../src/engine/verifier/index.ts';
import { createMemory, createVmObject, type KernelServices, type VmObject } from '../../src/engine/vm/index.ts';
import { platform, type Kernel } from '../kernel/verifier-platforms.ts';
import { encode, random, rawObject, type Raw } from '../kernel/verifier-programs.ts';

export interface Unsound {
  readonly insn: number;
  readonly what: string;
}

export interface SoundnessResult {
  /** Refused programs are not run. */
  readonly accepted: boolean;
  /** Instructions that were run and checked. */
  readonly steps: number;
  readonly unsound: Unsound | null;
}

const MAX_STEPS = 20_000;
const MAX_CLAIMS = 64;
const INTERESTING = [
  0n,
  1n,
  7n,
  8n,
  63n,
  64n,
  255n,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  (1n << 63n) - 1n,
  1n << 63n,
];

/** Registers that an instruction reads; calls read what their helper says, which is checked by the helper itself. */
function reads(insns: InsnArray, i: number): number[] {
  const op = insns.op[i];
  const cls = op & 7;
  const dst = insns.dst[i];
  const src = insns.src[i];
  const register = (op & 8) !== 0;
  switch (cls) {
    case 0: // ld_imm64
      return [];
    case 1:
      return [src];
    case 2:
      return [dst];
    case 3:
      return [dst, src];
    case 4:
    case 7: {
      const o = op & 0xf0;
      if (o === 0xb0) return register ? [src] : [];
      if (o === 0x80 || o === 0xd0) return [dst];
      return register ? [dst, src] : [dst];
    }
    default: {
      const o = op & 0xf0;
      if (cls === 5 && o === 0x90) return [0];
      if (cls === 5 && o === 0x80) return [];
      if (o === 0x00) return [];
      return register ? [dst, src] : [dst];
    }
  }
}

function services(rnd: (n: number) => number): KernelServices {
  const memory = createMemory();
  const task = memory.alloc(16384, 'struct task_struct');
  for (let i = 0; i < 16384; i += 4) memory.view.setUint32(task + i, rnd(0x7fff_ffff), true);
  const value = (): bigint =>
    rnd(2) === 0
      ? INTERESTING[rnd(INTERESTING.length)]
      : (BigInt(rnd(0x1_0000_0000)) << 32n) | BigInt(rnd(0x1_0000_0000));
  return {
    memory,
    currentTask: () => task,
    currentPidTgid: value,
    currentUidGid: value,
    currentComm: () => 'fuzz',
    currentCgroupId: value,
    ktimeNs: value,
    dPath: () => '/tmp/x',
    readUser: (_, size) => Uint8Array.from({ length: size }, () => rnd(256)),
    writeUser: () => true,
    notModelled: () => {},
  };
}

/** A `struct file` whose fields lead to it again: some of them are never NULL in a kernel (`f_inode`). @returns its address */
function kernelObject(memory: KernelServices['memory']): bigint {
  const size = 512;
  const at = memory.alloc(size, 'struct file');
  const address = 0xffff_8880_0000_0000n + BigInt(at);
  for (let i = 0; i < size; i += 8) memory.view.setBigUint64(at + i, address, true);
  return address;
}

/** Random contents, so that lookups succeed and values are anything. */
function fillMaps(vm: VmObject, rnd: (n: number) => number): void {
  const bytes = (n: number): Uint8Array => Uint8Array.from({ length: n }, () => (rnd(3) === 0 ? 0 : rnd(256)));
  for (const map of vm.maps) {
    if (map.def.type === 'ringbuf') continue;
    for (let k = 0; k < 4; k++) {
      if (map.def.type === 'hash' && rnd(2) === 0) continue;
      const key = new Uint8Array(map.def.keySize);
      key[0] = k;
      map.update(key, bytes(map.def.valueSize), 0n);
    }
  }
}

/** Runs `raws` on `runs` inputs drawn from `seed`. */
export function checkSoundness(raws: readonly Raw[], kernel: Kernel, seed: number, runs = 6): SoundnessResult {
  const { obj, prog } = rawObject(encode(raws), platform(kernel).btf, 'file_open');
  if (!verifyProgram(obj, prog, platform(kernel)).accepted) return { accepted: false, steps: 0, unsound: null };
  const claims = new Map<number, (readonly Claim[])[]>();
  const strict = verifyProgram(obj, prog, platform(kernel), {
    strictPruning: true,
    observe: (insn, depth, regs) => {
      const at = insn * 8 + depth;
      const list = claims.get(at);
      if (list === undefined) claims.set(at, [regs]);
      else list.push(regs);
    },
  });
  // Without the kernel's pruning it can become too large: then only faults are looked for.
  const complete = strict.accepted;
  const rnd = random(seed ^ 0x5eed);
  const insns = decodeInsns(encode(raws));
  let steps = 0;
  for (let n = 0; n < runs; n++) {
    const kernelServices = services(rnd);
    const vm = createVmObject(obj, kernelServices);
    fillMaps(vm, rnd);
    const session = vm.start(prog, [kernelObject(kernelServices.memory)]);
    const frames: bigint[] = [];
    try {
      while (!session.finished && session.executed < MAX_STEPS) {
        const { insn, depth, registers } = session;
        frames.length = depth + 1;
        frames[depth] = registers[10];
        const here = claims.get(insn * 8 + depth) ?? [];
        if (complete && here.length <= MAX_CLAIMS) {
          for (const r of reads(insns, insn)) {
            if (r === 10) continue;
            if (here.some((c) => c[r].allows(registers[r], frames) !== false)) continue;
            const texts = [...new Set(here.map((c) => c[r].text))].slice(0, 4).join(' or ');
            const what = `r${r} = 0x${registers[r].toString(16)}, verified was: ${texts || 'nothing (not reached)'}`;
            return { accepted: true, steps, unsound: { insn, what } };
          }
        }
        session.step(1);
        steps++;
      }
      if (session.finished) {
        const { fault } = session.result();
        if (fault !== null) return { accepted: true, steps, unsound: { insn: fault.insn, what: fault.message } };
      }
    } finally {
      session.close();
    }
  }
  return { accepted: true, steps, unsound: null };
}
