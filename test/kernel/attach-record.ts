/** What a kernel says of tracing programs on each of its functions, in the form that is kept in test/data/verifier. */
import { readFileSync } from 'node:fs';
import { decodeInsns } from '../../src/engine/bpf/index.ts';
import type { LoadedObject, LoadedProgram } from '../../src/engine/loader/index.ts';
import { verifyProgram } from '../../src/engine/verifier/index.ts';
import { ATTACH_WAYS, type AttachWay, type KernelFunction } from '../../src/lab/index.ts';
import { platform, type Kernel } from './verifier-platforms.ts';
import { asm, encode } from './verifier-programs.ts';

/** By way of attaching, as `askAttach()` has it: '' = may attach, 'EINVAL' = refused without a word, else the words. */
export type Answers = readonly string[];

/** Functions with the same answers (their names stand as `NAME` there). The first entry is about all that no other names. */
export type AttachRecord = readonly (readonly [answers: Answers, names: readonly string[]])[];

export const attachFile = (kernel: Kernel): URL => new URL(`../data/verifier/attach-${kernel}.json`, import.meta.url);
export const recordedAttach = (kernel: Kernel): AttachRecord =>
  JSON.parse(readFileSync(attachFile(kernel), 'utf8')) as AttachRecord;
export const recordText = (record: AttachRecord): string =>
  `[\n${record.map((g) => JSON.stringify(g)).join(',\n')}\n]\n`;

const anonymous = (words: string, name: string): string =>
  words.replace(new RegExp(`(?<!\\w)${name.replaceAll('.', '\\.')}(?!\\w)`), 'NAME');

/** Answers in the order of `ATTACH_WAYS`, each a list along `funcs`. */
export function recordOf(funcs: readonly KernelFunction[], said: readonly (readonly string[])[]): AttachRecord {
  const groups = new Map<string, { readonly answers: Answers; readonly names: Set<string> }>();
  const seen = new Map<string, string>();
  funcs.forEach(({ name }, i) => {
    const answers = said.map((way) => anonymous(way[i], name));
    const key = JSON.stringify(answers);
    if ((seen.get(name) ?? key) !== key) throw new Error(`two functions ${name} with different answers`);
    seen.set(name, key);
    const group = groups.get(key) ?? { answers, names: new Set() };
    groups.set(key, group);
    group.names.add(name);
  });
  const sorted = [...groups.values()].sort((a, b) => b.names.size - a.names.size);
  return sorted.map(({ answers, names }, i) => [answers, i === 0 ? [] : [...names].sort()]);
}

/** A record as a question: what does the kernel say of this function? */
export function answersFrom(record: AttachRecord): (name: string) => Answers {
  const byName = new Map(record.flatMap(([answers, names]) => names.map((n) => [n, answers] as const)));
  return (name) => byName.get(name) ?? record[0][0];
}

const INSNS = decodeInsns(encode([asm.exit()]));
const OBJECT: Omit<LoadedObject, 'programs'> = {
  name: 'raw',
  license: 'GPL',
  gplCompatible: true,
  btf: null,
  maps: [],
};
const MAY_ATTACH = 'R0 !read_ok';

/** Our verifier's answers, of the same program. */
export function ourAnswers(kernel: Kernel, { name, id }: KernelFunction): Answers {
  return ATTACH_WAYS.map((way: AttachWay) => {
    const [progType, sleeps] = way.split('.');
    const prog: LoadedProgram = {
      name: 'raw',
      section: way,
      autoload: true,
      attach: {
        progType: progType as LoadedProgram['attach']['progType'],
        sleepable: sleeps === 's',
        hook: null,
        func: name,
        btfId: id,
      },
      insns: INSNS,
      subprogs: [{ name: 'raw', start: 0, end: 1, funcTypeId: 0, linkage: 'global' }],
      lines: [],
      coreRelos: [],
    };
    const r = verifyProgram({ ...OBJECT, programs: [prog] }, prog, platform(kernel), {
      explain: false,
      logLevel: 1,
    });
    if (r.accepted) throw new Error(`${name}: accepted without a result`);
    if (r.message === MAY_ATTACH) return '';
    return r.log.includes(r.message) ? anonymous(r.message, name) : 'EINVAL';
  });
}
