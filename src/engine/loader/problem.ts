/** Small helpers to say what is wrong. */
import type { LoadProblem } from './types.ts';

/** Thrown inside the loader only: ends the reading of one object, or the loading of one program. */
export class LoadFailure extends Error {
  readonly problem: LoadProblem;
  constructor(problem: LoadProblem) {
    super(problem.message);
    this.problem = problem;
  }
}

type Place = Pick<LoadProblem, 'program' | 'section' | 'insn' | 'line' | 'offset'>;

export const problem = (
  severity: LoadProblem['severity'],
  code: string,
  message: string,
  explanation: string,
  place: Place = {},
): LoadProblem => ({ severity, code: `loader/${code}`, message, explanation, ...place });

/** Throws a LoadFailure. */
export function fail(code: string, message: string, explanation: string, place: Place = {}): never {
  throw new LoadFailure(problem('error', code, message, explanation, place));
}
