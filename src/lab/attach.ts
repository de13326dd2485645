/**
 * Which functions a kernel lets tracing programs attach to, asked function by function of all that its BTF has: the only way
 * to see its deny lists and the sets of functions that fmod_ret may replace, which are data of the kernel's own.
 */
import type { Btf } from '../engine/bpf/index.ts';
import { nameTest, type TracingFacts } from '../engine/kernel/index.ts';
import type { Guest } from './guest.ts';
import { rawVerdicts } from './verdicts.ts';

export interface KernelFunction {
  readonly name: string;
  readonly id: number;
}

export function kernelFunctions(btf: Btf): KernelFunction[] {
  const out: KernelFunction[] = [];
  for (let id = 1; id < btf.typeCount; id++) {
    const t = btf.type(id);
    if (t.kind === 'func') out.push({ id, name: t.name });
  }
  return out;
}

/** bpf_attach_type and flags by the name of the section. */
const WAYS = {
  fentry: { attachType: 24, sleepable: false },
  fexit: { attachType: 25, sleepable: false },
  fmod_ret: { attachType: 26, sleepable: false },
  'fentry.s': { attachType: 24, sleepable: true },
} as const;
export type AttachWay = keyof typeof WAYS;
export const ATTACH_WAYS = Object.keys(WAYS) as readonly AttachWay[];

const PROG_TYPE_TRACING = 26;
/** `exit` without a result: refused at once, but only after its attach target was accepted. */
const NO_RESULT = Uint8Array.of(0x95, 0, 0, 0, 0, 0, 0, 0);
/** Programs in one question; the guest's answers come line by line. */
const AT_A_TIME = 2000;

/**
 * What the kernel says of a tracing program on each function: '' when it may attach, 'EINVAL' when the kernel refuses without
 * a word, else its last line.
 */
export async function askAttach(guest: Guest, funcs: readonly KernelFunction[], way: AttachWay): Promise<string[]> {
  const out: string[] = [];
  for (let at = 0; at < funcs.length; at += AT_A_TIME) {
    const programs = funcs
      .slice(at, at + AT_A_TIME)
      .map(({ id }) => ({ insns: NO_RESULT, progType: PROG_TYPE_TRACING, btfId: id, ...WAYS[way] }));
    for (const { log, errno } of await rawVerdicts(guest, programs, { level: 1, tail: 400 })) {
      const words = log
        .split('\n')
        .filter((line) => line !== '' && !/^(processed|verification time|stack depth) /.test(line))
        .at(-1);
      if (words === undefined && errno !== 22) throw new Error(`errno ${errno} without a word`);
      out.push(words === undefined ? 'EINVAL' : words === 'R0 !read_ok' ? '' : words);
    }
  }
  return out;
}

/** Kernels may judge by how a name begins. */
const PREFIXES = ['__x64_'];

/** `names` with `PREFIX*` in place of all names of a prefix, where the list holds all of `candidates` that have it. */
function shortened(names: readonly string[], candidates: ReadonlySet<string>): string[] {
  const prefixes = PREFIXES.filter((p) => {
    const all = [...candidates].filter((n) => n.startsWith(p));
    return all.length > 1 && all.every((n) => names.includes(n));
  }).map((p) => `${p}*`);
  const covered = nameTest(prefixes);
  return [...new Set([...prefixes, ...names.filter((n) => !covered(n))])].sort();
}

/** The facts of a profile about all functions of a kernel. */
export async function measureTracing(guest: Guest, btf: Btf): Promise<TracingFacts> {
  const funcs = kernelFunctions(btf);
  const said: string[][] = [];
  for (const way of ATTACH_WAYS) said.push(await askAttach(guest, funcs, way));
  return tracingFacts(funcs.map((f, i) => [f.name, said.map((way) => way[i])]));
}

/** The same from answers, each in the order of `ATTACH_WAYS`. */
export function tracingFacts(answers: readonly (readonly [name: string, answers: readonly string[]])[]): TracingFacts {
  const those = (way: AttachWay, which: RegExp): string[] => {
    const at = ATTACH_WAYS.indexOf(way);
    return [...new Set(answers.filter(([, said]) => which.test(said[at])).map(([name]) => name))].sort();
  };
  // Past the check of what may be modified or may sleep there is only the one of functions that do not return.
  const passed = /^$|__noreturn/;
  const attachable = new Set(those('fexit', passed));
  const modifiable = those('fmod_ret', passed).filter((name) => !name.startsWith('security_'));
  return {
    modifiable: shortened(modifiable, attachable),
    sleepable: shortened(those('fentry.s', passed), attachable),
    denied: those('fentry', /^EINVAL$|^Attaching tracing programs/),
    noReturn: those('fexit', /__noreturn/),
    noAddress: those('fentry', /cannot be found/),
  };
}
