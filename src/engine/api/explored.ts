/** What `check --states` says of one program: the explored tree, and where the instruction budget went. */
import type { LoadedProgram } from '../loader/index.ts';
import type { StateNode, VerifierResult } from '../verifier/index.ts';
import { isFile } from './refusals.ts';

export interface Explored {
  /** Segments of explored paths: see `StateNode`. */
  readonly nodes: readonly StateNode[];
  /** True when the program was too large to record whole: see `StateTree`. */
  readonly truncated: boolean;
  /** Segments, recorded or not. */
  readonly total: number;
  /** Instructions that the verifier processed, recorded or not. */
  readonly processed: number;
  /** Times each instruction slot was verified. */
  readonly visits: readonly number[];
  /** C line of each instruction slot in the policy's own file, 0 where there is none. */
  readonly lines: readonly number[];
  /** Times instructions of a C line were verified, `[line, visits]` by line: the budget heat map. */
  readonly lineVisits: readonly (readonly [number, number])[];
}

/** C line by instruction slot. Lines of other files than the policy's count as 0. */
export function insnLines(file: string, program: LoadedProgram): number[] {
  const lines: number[] = [];
  let next = 0;
  let line = 0;
  for (let i = 0; i < program.insns.count; i++) {
    while (next < program.lines.length && program.lines[next].insn <= i) {
      const l = program.lines[next++];
      line = isFile(file, l.file) ? l.line : 0;
    }
    lines.push(line);
  }
  return lines;
}

/** `[line, visits]` by line: where the budget went. */
export function lineVisits(lines: readonly number[], visits: Uint32Array): (readonly [number, number])[] {
  const sums = new Map<number, number>();
  visits.forEach((n, i) => {
    if (n > 0) sums.set(lines[i], (sums.get(lines[i]) ?? 0) + n);
  });
  return [...sums].sort((a, b) => a[0] - b[0]);
}

/** Null when the run did not record. */
export function explored(file: string, program: LoadedProgram, r: VerifierResult): Explored | null {
  if (r.states === undefined) return null;
  const lines = insnLines(file, program);
  return {
    ...r.states,
    processed: r.insnsProcessed,
    visits: [...r.visits],
    lines,
    lineVisits: lineVisits(lines, r.visits),
  };
}
