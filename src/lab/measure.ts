/**
 * What a kernel permits LSM programs, asked hook by hook and helper by helper, and tracing programs, function by function
 * (`attach.ts`): the facts of a profile that BTF does not hold. Everything is a load of a tiny program except the hooks' defaults, which are read from the code of the empty
 * functions `bpf_lsm_*` in vmlinux (each loads a constant and returns).
 */
import { readFileSync } from 'node:fs';
import type { Btf } from '../engine/bpf/index.ts';
import type { ProfileFacts } from '../engine/kernel/index.ts';
import { measureTracing } from './attach.ts';
import { bootGuest, type Guest } from './guest.ts';
import type { KernelId } from './kernels.ts';
import type { Lab } from './prepare.ts';
import { rawVerdicts, type RawProgram } from './verdicts.ts';

export interface MeasuredFacts {
  /** Null for void hooks. */
  readonly defaults: Readonly<Record<string, number | null>>;
  readonly disabled: readonly string[];
  readonly sleepable: readonly string[];
  readonly lsmCgroup: readonly string[];
  readonly boolRange: readonly string[];
  readonly returnRangeChecked: boolean;
  /** Hooks whose range is neither none, [-4095, 0] nor [0, 1]: must be empty for the profile format to hold it. */
  readonly otherRange: readonly string[];
  readonly helpers: ProfileFacts['helpers'];
  readonly cgroupHookHelpers: ProfileFacts['cgroupHookHelpers'];
  readonly tracing: ProfileFacts['tracing'];
}

const BPF_LSM_CGROUP = 43;
/** Higher than any kernel's; ids it does not have are refused as unknown. */
const MAX_HELPER = 260;
const HELPER_IDS = Array.from({ length: MAX_HELPER }, (_, i) => i + 1);
const NOT_OFFERED = /(unknown func|invalid func|cannot use helper|might sleep|sleepable helper)/;

const slot = (opcode: number, imm: number): Uint8Array => {
  const code = new Uint8Array(8);
  code[0] = opcode;
  new DataView(code.buffer).setInt32(4, imm, true);
  return code;
};
const program = (...slots: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(slots));
const EXIT = slot(0x95, 0);
const returns = (value: number): Uint8Array => program(slot(0xb7, value), EXIT);
const calls = (helper: number): Uint8Array => program(slot(0x85, helper), EXIT);

/** The constant that an empty hook function returns, from its x86 code. @returns undefined when it is of another form */
export function returnedConstant(code: Uint8Array): number | undefined {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  for (let at = 0; at + 5 <= code.length;) {
    const [a, b, c] = code.subarray(at, at + 3);
    if (a === 0xf3 && b === 0x0f)
      at += 4; // endbr64
    else if (a === 0xe8 || (a === 0x0f && b === 0x1f && c === 0x44))
      at += 5; // call __fentry__ or the nop in its place
    else if (a === 0x55)
      at += 1; // push rbp
    else if (a === 0x48 && b === 0x89 && c === 0xe5)
      at += 3; // mov rbp, rsp
    else if (a === 0x31 && b === 0xc0) return 0;
    else if (a === 0xb8) return view.getInt32(at + 1, true);
    else return undefined;
  }
  return undefined;
}

/** Memory as a statically linked ELF file is loaded, by its program headers (64-bit, little-endian). */
function loadedBytes(elf: Buffer): (address: bigint) => Uint8Array {
  const at = Number(elf.readBigUInt64LE(0x20));
  const segments = Array.from({ length: elf.readUInt16LE(0x38) }, (_, i) => at + i * 56)
    .filter((p) => elf.readUInt32LE(p) === 1)
    .map((p) => [8, 16, 32].map((field) => elf.readBigUInt64LE(p + field)));
  return (address) => {
    for (const [offset, start, size] of segments)
      if (start <= address && address < start + size)
        return elf.subarray(Number(offset + address - start), Number(offset + address - start) + 32);
    return new Uint8Array();
  };
}

const isVoid = (btf: Btf, hook: string): boolean => {
  const func = btf.type(btf.find(`bpf_lsm_${hook}`, 'func'));
  const proto = func.kind === 'func' ? btf.type(func.type) : undefined;
  return proto?.kind === 'func_proto' && btf.kind(btf.strip(proto.ret)) === 'void';
};

async function defaultsOf(guest: Guest, btf: Btf, hooks: readonly string[]): Promise<Record<string, number | null>> {
  const lines = await guest.request('symbols', Buffer.from('bpf_lsm_\n'));
  const address = new Map(lines.map((l) => [String(l.name), BigInt(`0x${String(l.address)}`)]));
  const codeAt = loadedBytes(readFileSync(guest.lab.kernels[guest.kernel]!.vmlinux));
  const defaults: Record<string, number | null> = {};
  for (const hook of hooks) {
    const at = address.get(`bpf_lsm_${hook}`);
    const value = isVoid(btf, hook) ? null : at === undefined ? undefined : returnedConstant(codeAt(at));
    if (value === undefined)
      throw new Error(`${hook}: no constant in ${Buffer.from(codeAt(at ?? 0n)).toString('hex') || 'its code'}`);
    defaults[hook] = value;
  }
  return defaults;
}

/** Said on the hooks where a helper's own list does not let it be called, which is not a matter of the program's type. */
const NOT_ON_THIS_HOOK = /not allowed in probe/;

/** What lsm_cgroup programs may call on all of these hooks, and on which of them they may call more. */
async function cgroupHelpers(
  guest: Guest,
  hooks: readonly string[],
): Promise<Pick<MeasuredFacts, 'cgroupHookHelpers'> & { readonly cgroup: readonly number[] }> {
  const offered = new Map(HELPER_IDS.map((id) => [id, new Set<string>()]));
  const refused = new Set<number>();
  for (const hook of hooks) {
    const programs = HELPER_IDS.map((id) => ({ insns: calls(id), hook, attachType: BPF_LSM_CGROUP }));
    const verdicts = await rawVerdicts(guest, programs, { level: 1, tail: 300 });
    HELPER_IDS.forEach((id, i) => {
      if (NOT_OFFERED.test(verdicts[i].log)) refused.add(id);
      else if (!NOT_ON_THIS_HOOK.test(verdicts[i].log)) offered.get(id)!.add(hook);
    });
  }
  const cgroupHookHelpers: Record<string, number[]> = {};
  for (const hook of hooks) {
    const more = HELPER_IDS.filter((id) => refused.has(id) && offered.get(id)!.has(hook));
    if (more.length > 0) cgroupHookHelpers[hook] = more;
  }
  return { cgroup: HELPER_IDS.filter((id) => !refused.has(id) && offered.get(id)!.size > 0), cgroupHookHelpers };
}

/** Asks a running guest (bpf in its order or not: only loading is tried). */
export async function measureGuest(guest: Guest, btf: Btf, hooks: readonly string[]): Promise<MeasuredFacts> {
  const ask = async (programs: readonly RawProgram[]): Promise<{ accepted: boolean; log: string }[]> =>
    rawVerdicts(guest, programs, { level: 1, tail: 300 });
  const onHooks = (more: Partial<RawProgram>, insns = returns(0)): RawProgram[] =>
    hooks.map((hook) => ({ insns, hook, ...more }));
  const which = (verdicts: readonly { accepted: boolean }[]): Set<string> =>
    new Set(hooks.filter((_, i) => verdicts[i].accepted));

  const plain = await ask(onHooks({}));
  const disabled = hooks.filter((_, i) => plain[i].log.includes('points to disabled hook'));
  const strange = hooks.filter((h, i) => !plain[i].accepted && !disabled.includes(h));
  if (strange.length > 0) throw new Error(`"return 0" is refused on ${strange.join(', ')}`);
  const sleepable = which(await ask(onHooks({ sleepable: true })));
  // A program for cgroups must return 1 on void hooks.
  const cgroup = which(
    await ask(hooks.map((hook) => ({ insns: returns(isVoid(btf, hook) ? 1 : 0), hook, attachType: BPF_LSM_CGROUP }))),
  );
  const values = new Map<number, Set<string>>();
  for (const value of [-4096, -4095, -1, 1, 2]) values.set(value, which(await ask(onHooks({}, returns(value)))));
  const shape = (hook: string): string => [...values.values()].map((s) => (s.has(hook) ? 'y' : 'n')).join('');
  const ranged = hooks.filter((h) => !disabled.includes(h) && !isVoid(btf, h));
  const shaped = (wanted: string): string[] => ranged.filter((h) => shape(h) === wanted);
  const [free, negative, bool] = [shaped('yyyyy'), shaped('nyynn'), shaped('nnnyn')];

  const helpersOf = async (sleeps: boolean): Promise<number[]> => {
    const verdicts = await ask(HELPER_IDS.map((id) => ({ insns: calls(id), hook: 'file_open', sleepable: sleeps })));
    return HELPER_IDS.filter((_, i) => !NOT_OFFERED.test(verdicts[i].log));
  };
  const lsmCgroup = hooks.filter((h) => cgroup.has(h)).sort();
  const offered = await cgroupHelpers(guest, lsmCgroup);
  return {
    defaults: await defaultsOf(guest, btf, hooks),
    disabled: [...disabled].sort(),
    sleepable: hooks.filter((h) => sleepable.has(h)).sort(),
    lsmCgroup,
    boolRange: [...bool].sort(),
    returnRangeChecked: negative.length > 0,
    otherRange: ranged.filter((h) => !free.includes(h) && !negative.includes(h) && !bool.includes(h)),
    helpers: { normal: await helpersOf(false), sleepable: await helpersOf(true), cgroup: offered.cgroup },
    cgroupHookHelpers: offered.cgroupHookHelpers,
    tracing: await measureTracing(guest, btf),
  };
}

export async function measureKernel(
  kernel: KernelId,
  lab: Lab,
  btf: Btf,
  hooks: readonly string[],
): Promise<MeasuredFacts> {
  const guest = await bootGuest({ kernel, cmdline: 'lsm=bpf', lab });
  try {
    return await measureGuest(guest, btf, hooks);
  } finally {
    guest.close();
  }
}
