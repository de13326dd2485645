/**
 * `npm run fuzz:compiler -- --count 2000 --seed 1 [--kernel ID]`: random C programs compiled by us and by clang-19, both
 * objects run in the VM on the same inputs. What differs is shrunk and printed. With --kernel a share of the objects is
 * loaded in that kernel too: what it takes of clang it must take of us. Exit code 1 for any difference.
 */
import { parseArgs } from 'node:util';
import { bootGuest, prepareLab, type KernelId } from '../../src/lab/index.ts';
import { compareAll } from '../conformance/compiler-compare.ts';
import { addTally, loadBoth, type LoadTally } from '../conformance/compiler-load.ts';
import { choices, generateProgram } from '../conformance/generator/index.ts';
import { clang, profile } from '../conformance/compiler-support.ts';

const USAGE = `usage: npm run fuzz:compiler -- [--count N] [--seed S] [--kernel ID | all] [--load N] [--no-shrink]
  --count   programs (default 2000)
  --seed    number of the first one (default 1)
  --kernel  also load objects in that kernel (6.1, 6.12) or in both
  --load    how many programs of each compiler (default 300)`;

const BATCH = 20;
const KERNELS: readonly KernelId[] = ['6.1', '6.12'];
/** The choices behind program `seed`: 100 to 1500 of them. */
const streamOf = (seed: number): number[] => choices(100 + (((seed * 2654435761) >>> 0) % 1400), seed);

type Kernel = ReturnType<typeof profile>;

/** Why a single program is wrong, or null. What clang refuses of what shrinking made is not a finding. */
function wrong(stream: readonly number[], kernel: Kernel): string | null {
  try {
    const [verdict] = compareAll([(n) => generateProgram(n, stream)], kernel);
    return typeof verdict === 'string' ? null : verdict!.why;
  } catch (e) {
    return String(e);
  }
}

/** Shorter streams, then streams with zeroes: less is chosen. */
function shrink(stream: readonly number[], kernel: Kernel, budget = 150): readonly number[] {
  let best = stream;
  const sort = (s: readonly number[]): string => (wrong(s, kernel) ?? '').slice(0, 8);
  const first = sort(best);
  const still = (s: readonly number[]): boolean => budget-- > 0 && sort(s) === first;
  for (let size = best.length >> 1; size >= 1 && budget > 0; size >>= 1) {
    for (let at = 0; at < best.length && budget > 0;) {
      const cut = [...best.slice(0, at), ...best.slice(at + size)];
      const zeroed = [...best.slice(0, at), ...best.slice(at, at + size).map(() => 0), ...best.slice(at + size)];
      if (still(cut)) best = cut;
      else if (zeroed.some((v, i) => v !== best[i]) && still(zeroed)) {
        best = zeroed;
        at += size;
      } else at += size;
    }
  }
  return best;
}

function report(seed: number, stream: readonly number[], kernel: Kernel, reduce: boolean): void {
  const small = reduce ? shrink(stream, kernel) : stream;
  console.log(`\n==== seed ${seed}\n${generateProgram(0, small)}\n${wrong(small, kernel) ?? '(not alone)'}`);
}

export async function main(_root: string, args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      count: { type: 'string', default: '2000' },
      seed: { type: 'string', default: '1' },
      kernel: { type: 'string' },
      load: { type: 'string', default: '300' },
      'no-shrink': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  if (clang === undefined) {
    console.error('no clang with a bpf target on this machine');
    return 1;
  }
  const kernel = profile('6.12');
  const first = Number(values.seed);
  const count = Number(values.count);
  const table = { same: 0, differ: 0, refused: 0, clangFailed: 0 };
  for (let from = 0; from < count; from += BATCH) {
    const seeds = Array.from({ length: Math.min(BATCH, count - from) }, (_, k) => first + from + k);
    const streams = seeds.map(streamOf);
    const verdicts = compareAll(
      streams.map((s) => (n: number) => generateProgram(n, s)),
      kernel,
    );
    verdicts.forEach((v, k) => {
      if (v === 'same') return void table.same++;
      if (v === 'clang failed') return void table.clangFailed++;
      if (v.why.startsWith('inputs')) table.differ++;
      else table.refused++;
      report(seeds[k]!, streams[k]!, kernel, !values['no-shrink']);
    });
  }
  console.log(
    `\nprograms ${count}   same ${table.same}   differ ${table.differ}   refused ${table.refused}   clang failed ${table.clangFailed}   (seeds ${first} to ${first + count - 1})`,
  );
  const kernels = KERNELS.filter((k) => values.kernel === 'all' || values.kernel === k);
  let bad = table.differ + table.refused;
  for (const id of kernels) bad += await loadAll(id, first, Number(values.load));
  return bad > 0 ? 1 : 0;
}

/** Programs that the kernel takes as clang made them and refuses as we did. */
async function loadAll(id: KernelId, first: number, count: number): Promise<number> {
  const lab = prepareLab({ say: (t) => process.stderr.write(`lsmith: ${t}\n`) });
  if (!lab.ok) {
    console.error(lab.reason);
    return 1;
  }
  const kernel = profile(id);
  const guest = await bootGuest({ kernel: id, cmdline: 'lsm=bpf', lab: lab.lab });
  const sum: LoadTally = { both: 0, neither: 0, oursOnly: 0, clangOnly: 0, refused: [] };
  let clangFailed = 0;
  try {
    for (let from = 0; from < count; from += BATCH) {
      const seeds = Array.from({ length: Math.min(BATCH, count - from) }, (_, k) => first + from + k);
      const text = (seed: number, n: number): string => generateProgram(n, streamOf(seed), { portable: true });
      const tally = await loadBoth(guest, seeds.map(text), kernel);
      if (tally !== null) addTally(sum, tally);
      else clangFailed += seeds.length;
      for (const r of tally?.refused ?? []) console.log(`\n==== seed ${seeds[r.program]} on ${id}\n${r.log}`);
    }
  } finally {
    guest.close();
  }
  console.log(
    `loaded in ${id}: both ${sum.both}   neither ${sum.neither}   ours only ${sum.oursOnly}   clang only ${sum.clangOnly}   not tried ${clangFailed}`,
  );
  return sum.clangOnly;
}
