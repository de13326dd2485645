/** The verifier: typical policies, the largest runs it can be made to do, and PREVAIL on the same programs (`prevail.ts`). */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { ProfileStore } from '../../src/engine/api/profiles.ts';
import type { Engine } from '../../src/engine/api/index.ts';
import { verifyProgram, type VerifierPlatform } from '../../src/engine/verifier/index.ts';
import { encode, rawObject } from '../kernel/verifier-programs.ts';
import type { Row } from './main.ts';
import { prevailRows, subjects } from './prevail.ts';
import { best, cpuClock, ms } from './timing.ts';
import { WORST } from './worst.ts';

const WORST_ROUNDS = 2;
/** Milliseconds: reading the clock of the CPU is slow, and looks are many. Gaps on the CPU may seem so much longer. */
const CPU_CLOCK_EVERY = 8;
/** What a process of its own says of one worst case. */
interface Worst {
  readonly name: string;
  readonly processed: number;
  readonly ms: number;
  /** Time on CPUs, of all threads of the process. */
  readonly cpuMs: number;
  /** Longest time between two looks at whether the run is still wanted: the latest that a cancel is noticed. */
  readonly gapMs: number;
  readonly gapCpuMs: number;
  /** Megabytes: heap that is still in use at the end, and the most that the process ever had. */
  readonly heap: number;
  readonly peak: number;
}

function worst(index: number, platform: VerifierPlatform): Worst {
  const w = WORST[index];
  const { obj, prog } = rawObject(encode(w.insns), platform.btf, 'file_open');
  const [t0, c0] = [performance.now(), cpuClock()];
  let [t, c, tc, gapMs, gapCpuMs] = [t0, c0, t0, 0, 0];
  const look = (): boolean => {
    const now = performance.now();
    gapMs = Math.max(gapMs, now - t);
    t = now;
    if (now - tc < CPU_CLOCK_EVERY) return false;
    const nowCpu = cpuClock();
    gapCpuMs = Math.max(gapCpuMs, nowCpu - c);
    [c, tc] = [nowCpu, now];
    return false;
  };
  const r = verifyProgram(obj, prog, platform, { cancelled: look });
  look();
  return {
    name: w.name,
    processed: r.insnsProcessed,
    ms: t - t0,
    cpuMs: cpuClock() - c0,
    gapMs,
    gapCpuMs,
    heap: process.memoryUsage().heapUsed / 1e6,
    peak: process.resourceUsage().maxRSS / 1e3,
  };
}

/** Runs the worst cases each in a fresh process, which has a kernel profile and that program, and nothing else. */
function worstRows(kernel: string): Row[] {
  const rows: Row[] = [];
  for (let i = 0; i < WORST.length; i++) {
    const runs = Array.from({ length: WORST_ROUNDS }, (): Worst => {
      const r = spawnSync(process.execPath, [process.argv[1], 'test/bench/main.ts', '--worst', String(i), kernel], {
        encoding: 'utf8',
      });
      if (r.status !== 0) throw new Error(`worst case ${i}: ${r.stderr}`);
      return JSON.parse(r.stdout) as Worst;
    });
    const least = (of: (w: Worst) => number): number => Math.min(...runs.map(of));
    const most = (of: (w: Worst) => number): number => Math.max(...runs.map(of));
    const [w] = runs;
    const cpu = least((x) => x.cpuMs);
    rows.push({
      what: `worst case, ${kernel}: ${w.name}`,
      ours: ms(least((x) => x.ms)),
      peer:
        `${ms(cpu)} on the CPU (${ms((cpu / w.processed) * 1e6)} a million), cancelled after ${ms(least((x) => x.gapMs))} ` +
        `(CPU ${ms(most((x) => x.gapCpuMs))}), ${most((x) => x.peak).toFixed(0)} MB, ${most((x) => x.heap).toFixed(0)} at the end`,
      ratio: null,
      target: '< 3 s, < 50 ms, < 500 MB',
    });
  }
  return rows;
}

function profiles(root: string, kernel: string): ProfileStore {
  const asset = (file: string): string => join(root, 'assets/profiles', kernel, file);
  return new ProfileStore([
    {
      id: kernel,
      json: () => JSON.parse(readFileSync(asset('profile.json'), 'utf8')) as unknown,
      btf: () => gunzipSync(readFileSync(asset('btf.gz'))),
    },
  ]);
}

/** `--worst INDEX KERNEL`: one worst case in this process, as JSON. */
export function worstAlone(root: string, args: readonly string[]): void {
  console.log(JSON.stringify(worst(Number(args[0]), profiles(root, args[1]).get(args[1]).platform)));
}

/** Kernels whose worst cases are run. */
const KERNELS = ['6.1', '6.12', '7.2'] as const;

/**
 * LSMITH_BENCH_WORST=only: nothing but the worst cases; 0: all but them.
 * @param dir a folder for temporary files
 */
export function verifierRows(root: string, engine: Engine, kernel: string, dir: string): Row[] {
  const wanted = process.env.LSMITH_BENCH_WORST;
  const worst = wanted === '0' ? [] : KERNELS.flatMap((k) => worstRows(k));
  if (wanted === 'only') return worst;
  const store = profiles(root, kernel);
  const { platform } = store.get(kernel);
  const list = subjects(root, engine, store, kernel, dir);
  const typical = list.filter((s) => s.file.startsWith(dir));
  const rows: Row[] = typical.map((s) => {
    const took = best(21, () => void verifyProgram(s.obj, s.prog, platform));
    return { what: `verify ${basename(s.file, '.bpf.o')}/${s.prog.name}`, ours: ms(took), peer: '', ratio: null };
  });
  return [...rows, ...worst, ...prevailRows(list, platform, root, dir)];
}
