/** The records of `corpus-jumps.ts`: what a kernel said, and our verdict in the same shape. */
import { readFileSync } from 'node:fs';
import { verifyProgram, type VerifierResult } from '../../src/engine/verifier/index.ts';
import type { RawVerdict } from '../../src/lab/index.ts';
import { JUMP_PROGRAMS, type JumpProgram } from './corpus-jumps.ts';
import { plainLines } from './liveness-programs.ts';
import { platform, type Kernel } from './verifier-platforms.ts';
import { rawObject } from './verifier-programs.ts';
import { lastWords, shaOf } from './verifier-record.ts';

export interface JumpRecord {
  readonly name: string;
  /** Of the instructions and the tables. */
  readonly sha: string;
  readonly accepted: boolean;
  readonly errno: number;
  readonly processed: number;
  /** The whole level-2 log where the kernel has indirect jumps; else its last line. */
  readonly log: readonly string[];
}

export const jumpsFile = (kernel: Kernel): URL => new URL(`../data/verifier/jumps-${kernel}.json`, import.meta.url);

export const recordedJumps = (kernel: Kernel): readonly JumpRecord[] =>
  JSON.parse(readFileSync(jumpsFile(kernel), 'utf8')) as JumpRecord[];

const shaOfJumps = (p: JumpProgram): string =>
  `${shaOf(p)} ${JSON.stringify(p.tables.map((t) => [t.insns, +t.frozen]))}`;

const logOf = (kernel: Kernel, log: string): string[] =>
  kernel === '7.2' ? plainLines(log) : plainLines(lastWords(log).slice(-1).join('\n'));

function record(kernel: Kernel, p: JumpProgram, v: RawVerdict): JumpRecord {
  const { accepted, errno, processed } = v;
  return { name: p.name, sha: shaOfJumps(p), accepted, errno, processed, log: logOf(kernel, v.log) };
}

export const jumpRecords = (kernel: Kernel, verdicts: readonly RawVerdict[]): JumpRecord[] =>
  JUMP_PROGRAMS.map((p, i) => record(kernel, p, verdicts[i]));

export function verifyJumps(kernel: Kernel, p: JumpProgram): VerifierResult {
  const { obj, prog } = rawObject(p.insns, platform(kernel).btf, p.hook, p.sleepable, p.license, p.tables);
  return verifyProgram(obj, prog, platform(kernel), { logLevel: 2 });
}

/** Our verdict as a record. */
export function ourJumpRecord(kernel: Kernel, p: JumpProgram): JumpRecord {
  const r = verifyJumps(kernel, p);
  return record(kernel, p, { accepted: r.accepted, errno: r.errno, processed: r.insnsProcessed, log: r.log });
}
