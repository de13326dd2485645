/** Suites of raw programs of which the kernels' whole logs are recorded, the records, and our verdicts in the same shape. */
import { readFileSync } from 'node:fs';
import { verifyProgram, type VerifierResult } from '../../src/engine/verifier/index.ts';
import type { RawTable, RawVerdict } from '../../src/lab/index.ts';
import { ARGS_PROGRAMS } from './corpus-args.ts';
import { CALL_PROGRAMS } from './corpus-calls.ts';
import { JUMP_PROGRAMS } from './corpus-jumps.ts';
import { plainLines } from './liveness-programs.ts';
import { platform, type Kernel } from './verifier-platforms.ts';
import { rawObject, type RawFunctions } from './verifier-programs.ts';
import { lastWords, shaOf } from './verifier-record.ts';

export interface LoggedProgram {
  readonly name: string;
  readonly hook: string;
  readonly sleepable: boolean;
  readonly license: string;
  readonly insns: Uint8Array;
  readonly tables?: readonly RawTable[];
  readonly functions?: RawFunctions;
}

export const SUITES = { jumps: JUMP_PROGRAMS, args: ARGS_PROGRAMS, calls: CALL_PROGRAMS } as const satisfies Record<
  string,
  readonly LoggedProgram[]
>;
export type Suite = keyof typeof SUITES;
export const SUITE_NAMES = Object.keys(SUITES) as Suite[];

export interface LoggedRecord {
  readonly name: string;
  /** Of the instructions, the tables and the functions. */
  readonly sha: string;
  readonly accepted: boolean;
  readonly errno: number;
  readonly processed: number;
  /** The whole level-2 log where the kernel has what the suite is about (7.2); else its last line. */
  readonly log: readonly string[];
}

export const loggedFile = (suite: Suite, kernel: Kernel): URL =>
  new URL(`../data/verifier/${suite}-${kernel}.json`, import.meta.url);

export const recordedLogs = (suite: Suite, kernel: Kernel): readonly LoggedRecord[] =>
  JSON.parse(readFileSync(loggedFile(suite, kernel), 'utf8')) as LoggedRecord[];

function loggedSha(p: LoggedProgram): string {
  const tables = p.tables?.map((t) => [t.insns, +t.frozen]);
  const functions = p.functions?.list.map((f) => [f.start, f.params, f.linkage]);
  return [shaOf(p), ...[tables, functions].flatMap((x) => (x === undefined ? [] : [JSON.stringify(x)]))].join(' ');
}

const logOf = (kernel: Kernel, log: string): string[] =>
  kernel === '7.2' ? plainLines(log) : plainLines(lastWords(log).slice(-1).join('\n'));

function record(kernel: Kernel, p: LoggedProgram, v: RawVerdict): LoggedRecord {
  const { accepted, errno, processed } = v;
  return { name: p.name, sha: loggedSha(p), accepted, errno, processed, log: logOf(kernel, v.log) };
}

export const loggedRecords = (suite: Suite, kernel: Kernel, verdicts: readonly RawVerdict[]): LoggedRecord[] =>
  SUITES[suite].map((p, i) => record(kernel, p, verdicts[i]));

export function verifyLogged(kernel: Kernel, p: LoggedProgram): VerifierResult {
  const { obj, prog } = rawObject(p.insns, platform(kernel).btf, p.hook, p.sleepable, p.license, p);
  return verifyProgram(obj, prog, platform(kernel), { logLevel: 2 });
}

/** Our verdict as a record. */
export function ourRecord(kernel: Kernel, p: LoggedProgram): LoggedRecord {
  const r = verifyLogged(kernel, p);
  return record(kernel, p, { accepted: r.accepted, errno: r.errno, processed: r.insnsProcessed, log: r.log });
}
