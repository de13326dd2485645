/** Programs in C, one rule of the model each (test/data/rules): compiled by us, verified by us, recorded from the kernels. */
import { readFileSync } from 'node:fs';
import { loadObject, openObject } from '../../src/engine/loader/index.ts';
import { verifyProgram } from '../../src/engine/verifier/index.ts';
import { compileOurs, profile } from '../conformance/compiler-support.ts';
import { platform, type Kernel } from './verifier-platforms.ts';

const FILES = ['values', 'memory', 'calls', 'licence', 'program', 'timers', 'writers', 'attach'] as const;
/** What needs kernel functions. */
const MODERN = ['kfuncs', 'objects'] as const;
/** What needs those of 7.2. */
const NEWEST = ['newest'] as const;
export const filesOf = (kernel: Kernel): readonly string[] =>
  kernel === '6.1' ? FILES : [...FILES, ...MODERN, ...(kernel === '7.2' ? NEWEST : [])];

/** What a verifier said of one program. */
export interface RuleVerdict {
  readonly program: string;
  readonly accepted: boolean;
  /** The last line about a refusal; '' when accepted. */
  readonly words: string;
}

const url = (name: string): URL => new URL(`../data/rules/${name}`, import.meta.url);

export function compileRules(name: string, kernel: Kernel): Uint8Array {
  const text = readFileSync(url(`${name}.bpf.c`), 'utf8');
  const r = compileOurs(text, profile(kernel), {}, (path) =>
    path === 'common.h' ? readFileSync(url('common.h'), 'utf8') : undefined,
  );
  const errors = r.diagnostics.filter((d) => d.severity === 'error');
  if (r.object === null || errors.length > 0) throw new Error(`${name}: ${JSON.stringify(errors)}`);
  return r.object;
}

/** Our verdicts on all programs of a kernel, in the order of the files. */
export const ourVerdicts = (kernel: Kernel): RuleVerdict[] =>
  filesOf(kernel).flatMap((name) => {
    const opened = openObject(compileRules(name, kernel), name);
    if (!opened.ok) throw new Error(opened.error[0].message);
    const loaded = loadObject(opened.value, profile(kernel));
    if (!loaded.ok) throw new Error(loaded.error[0].message);
    return loaded.value.programs.map((p) => {
      const r = verifyProgram(loaded.value, p, platform(kernel), { explain: false });
      return { program: p.name, accepted: r.accepted, words: r.message };
    });
  });

export const rulesFile = (kernel: Kernel): URL => new URL(`../data/verifier/rules-${kernel}.json`, import.meta.url);
export const recordedRules = (kernel: Kernel): RuleVerdict[] =>
  JSON.parse(readFileSync(rulesFile(kernel), 'utf8')) as RuleVerdict[];
