/** What a helper is. Arguments are in r1..r5 of the run; the result goes to r0. */
import type { Run } from '../run.ts';

export interface Helper {
  /** Without the `bpf_` prefix. */
  readonly name: string;
  run(run: Run): void;
}

/** One family of helpers by number (enum bpf_func_id). */
export type HelperFamily = Readonly<Record<number, Helper>>;

export const helper = (name: string, run: (run: Run) => void): Helper => ({ name, run });

/** A helper whose effect is outside the model: says so and returns what the kernel would on failure (or 0). */
export const notModelled = (name: string, result: number): Helper => ({
  name,
  run(run) {
    run.services.notModelled(`bpf_${name}`);
    run.ret(result);
  },
});
