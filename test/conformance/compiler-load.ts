/** Random programs in a real kernel: what it takes of clang's object it must take of ours. */
import { loadVerdicts, type Guest } from '../../src/lab/index.ts';
import type { KernelProfile } from '../../src/engine/kernel/index.ts';
import { ClangFailure, compileBoth, type Pair } from './compiler-compare.ts';

export interface LoadTally {
  both: number;
  neither: number;
  oursOnly: number;
  clangOnly: number;
  /** Of each program that only clang's compilation gets in: its number and the end of the kernel's log. */
  readonly refused: { readonly program: number; readonly log: string }[];
}

/** Loads programs of one file, compiled for cpu v3 by us and by clang. Null when clang cannot compile it. */
export async function loadBoth(
  guest: Guest,
  texts: readonly string[],
  kernel: KernelProfile,
): Promise<LoadTally | null> {
  let pair: Pair | string;
  try {
    pair = compileBoth(texts, kernel, 'v3');
  } catch (e) {
    if (e instanceof ClangFailure) return null;
    throw e;
  }
  if (typeof pair === 'string') throw new Error(pair);
  const tally: LoadTally = { both: 0, neither: 0, oursOnly: 0, clangOnly: 0, refused: [] };
  const objects = [
    { name: 'ours', bytes: pair.oursBytes },
    { name: 'clang', bytes: pair.theirsBytes },
  ];
  // Statistics only: writing the log is most of the work.
  const [ours, theirs] = await loadVerdicts(guest, objects, { level: 4 });
  if (ours!.openError !== null) throw new Error(`libbpf: ${ours!.openError}`);
  const accepted = new Map(theirs!.programs.map((p) => [p.name, p.accepted]));
  for (const p of ours!.programs) {
    const clang = accepted.get(p.name) === true;
    if (p.accepted) tally[clang ? 'both' : 'oursOnly']++;
    else if (clang) {
      tally.clangOnly++;
      tally.refused.push({ program: Number(p.name.slice(1)), log: '' });
    } else tally.neither++;
  }
  if (tally.clangOnly > 0) {
    const [again] = await loadVerdicts(guest, objects.slice(0, 1));
    for (const [n, r] of tally.refused.entries()) {
      const log = again!.programs.find((p) => p.name === `p${r.program}`)!.log.slice(-900);
      tally.refused[n] = { ...r, log };
    }
  }
  return tally;
}

/** Sum of several. */
export function addTally(into: LoadTally, more: LoadTally): void {
  for (const key of ['both', 'neither', 'oursOnly', 'clangOnly'] as const) into[key] += more[key];
  into.refused.push(...more.refused);
}
