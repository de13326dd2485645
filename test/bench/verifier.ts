/**
 * The verifier: typical policies, the largest runs it can be made to do, and PREVAIL on the same programs.
 *
 * What is measured against PREVAIL: ours is `verifyProgram` alone, in a warm process, best of five; PREVAIL's is its process
 * verifying one program minus its process only listing that object's programs (`-l`: start, ELF and BTF reading), best of
 * five each. Programs that one of the two turns away before its analysis (an unknown helper, a hook that is not there) are
 * counted apart: there is nothing to compare. PREVAIL looks at all of a program that it fails; we, like the kernel, stop at
 * the first error, so programs that we accept are also given for themselves. LSMITH_PREVAIL names its binary, LSMITH_BENCH_OBJECTS folders of objects (separated by ":") besides the examples.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, openSync, readdirSync, readFileSync, readSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { ProfileStore } from '../../src/engine/api/profiles.ts';
import type { Engine } from '../../src/engine/api/index.ts';
import { loadObject, openObject, type LoadedObject, type LoadedProgram } from '../../src/engine/loader/index.ts';
import { verifyProgram, type VerifierPlatform, type VerifierResult } from '../../src/engine/verifier/index.ts';
import { encode, rawObject } from '../kernel/verifier-programs.ts';
import type { Row } from './main.ts';
import { WORST } from './worst.ts';

const ROUNDS = 5;
const WORST_ROUNDS = 2;
const ms = (n: number): string => `${n.toFixed(n < 10 ? 2 : 0)} ms`;

function best(rounds: number, body: () => void): number {
  let min = Infinity;
  for (let i = 0; i < rounds; i++) {
    const t0 = performance.now();
    body();
    min = Math.min(min, performance.now() - t0);
  }
  return min;
}

/** What a process of its own says of one worst case. */
interface Worst {
  readonly name: string;
  readonly processed: number;
  readonly ms: number;
  /** Time on a CPU of the thread that verifies. */
  readonly cpuMs: number;
  /** Longest time between two looks at whether the run is still wanted: the latest that a cancel is noticed. */
  readonly gapMs: number;
  readonly gapCpuMs: number;
  /** Megabytes: heap that is still in use at the end, and the most that the process ever had. */
  readonly heap: number;
  readonly peak: number;
}

/** Nanoseconds on a CPU: what others do on a busy machine does not count. Linux only; elsewhere the clock. */
function cpuClock(): () => number {
  const file = '/proc/thread-self/schedstat';
  if (!existsSync(file)) return () => performance.now();
  const fd = openSync(file, 'r');
  const buffer = Buffer.alloc(64);
  return () => {
    const text = buffer.toString('latin1', 0, readSync(fd, buffer, 0, 64, 0));
    return Number(text.slice(0, text.indexOf(' '))) / 1e6;
  };
}

function worst(index: number, platform: VerifierPlatform): Worst {
  const w = WORST[index];
  const { obj, prog } = rawObject(encode(w.insns), platform.btf, 'file_open');
  const cpu = cpuClock();
  const [t0, c0] = [performance.now(), cpu()];
  let [t, c, gapMs, gapCpuMs] = [t0, c0, 0, 0];
  const look = (): boolean => {
    const [now, nowCpu] = [performance.now(), cpu()];
    gapMs = Math.max(gapMs, now - t);
    gapCpuMs = Math.max(gapCpuMs, nowCpu - c);
    [t, c] = [now, nowCpu];
    return false;
  };
  const r = verifyProgram(obj, prog, platform, { cancelled: look });
  look();
  return {
    name: w.name,
    processed: r.insnsProcessed,
    ms: t - t0,
    cpuMs: c - c0,
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
    rows.push(
      {
        what: `worst case on ${kernel}: ${w.name}, ${w.processed} insns`,
        ours: ms(least((x) => x.ms)),
        peer: `${ms(least((x) => x.cpuMs))} on the CPU, ${ms((least((x) => x.cpuMs) / w.processed) * 1e6)} a million`,
        ratio: null,
        target: '< 3 s',
      },
      {
        what: '  cancelled at the latest after',
        ours: ms(least((x) => x.gapMs)),
        peer: `${ms(most((x) => x.gapCpuMs))} on the CPU`,
        ratio: null,
        target: '< 50 ms',
      },
      {
        what: '  most memory of the process',
        ours: `${most((x) => x.peak).toFixed(0)} MB`,
        peer: `heap in use at the end ${most((x) => x.heap).toFixed(0)} MB`,
        ratio: null,
        target: '< 500 MB',
      },
    );
  }
  return rows;
}

interface Subject {
  readonly file: string;
  readonly obj: LoadedObject;
  readonly prog: LoadedProgram;
}

function subjects(root: string, engine: Engine, store: ProfileStore, kernel: string, dir: string): Subject[] {
  const files: string[] = [];
  for (const e of ['shadow-guard/shadow_guard', 'egress-guard/egress_guard', 'exec-guard/exec_guard']) {
    const built = engine.build(join(root, 'assets/examples', `${e}.bpf.c`), kernel);
    if (built.object === null) continue;
    const file = join(dir, `${basename(e)}.bpf.o`);
    writeFileSync(file, built.object);
    files.push(file);
  }
  for (const folder of (process.env.LSMITH_BENCH_OBJECTS ?? '').split(':').filter((f) => f !== '' && existsSync(f))) {
    for (const name of readdirSync(folder).sort()) {
      const file = join(folder, name);
      if (name.endsWith('.o') && statSync(file).isFile()) files.push(file);
    }
  }
  const out: Subject[] = [];
  for (const file of files) {
    const opened = openObject(new Uint8Array(readFileSync(file)), basename(file));
    if (!opened.ok) continue;
    const loaded = loadObject(opened.value, store.get(kernel).profile);
    if (!loaded.ok) continue;
    for (const prog of loaded.value.programs) out.push({ file, obj: loaded.value, prog });
  }
  return out;
}

const LIMIT = 60_000;

/** Milliseconds of PREVAIL's analysis; null when it turned the program away before that, or does not know it. */
function prevail(binary: string, s: Subject, listing: number): number | null {
  let analysed = true;
  const took = best(ROUNDS, () => {
    const args = [s.file, s.prog.section, s.prog.name, '--include_groups', 'packet'];
    const r = spawnSync(binary, args, { timeout: LIMIT, encoding: 'utf8' });
    // A program that it does not get to analyse has an "error:" line instead.
    if (!/^(PASS|FAIL): /m.test(r.stdout)) analysed = false;
  });
  return analysed ? Math.max(0, took - listing) : null;
}

function prevailRows(list: readonly Subject[], platform: VerifierPlatform): Row[] {
  const binary = process.env.LSMITH_PREVAIL;
  if (binary === undefined || !existsSync(binary)) {
    return [{ what: 'verifier against PREVAIL', ours: '', peer: 'not here (LSMITH_PREVAIL)', ratio: null }];
  }
  const listings = new Map<string, number>();
  let faster = 0;
  let compared = 0;
  let apart = 0;
  let ours = 0;
  let first = 0;
  let theirs = 0;
  const accepted = { count: 0, ours: 0, theirs: 0 };
  for (const s of list) {
    let listing = listings.get(s.file);
    if (listing === undefined) {
      listing = best(ROUNDS, () => void spawnSync(binary, ['-l', s.file], { timeout: LIMIT }));
      listings.set(s.file, listing);
    }
    let result = null as VerifierResult | null;
    const once = best(1, () => {
      result = verifyProgram(s.obj, s.prog, platform);
    });
    if ((result?.insnsProcessed ?? 0) === 0) {
      apart++;
      continue;
    }
    const mine = best(ROUNDS, () => void verifyProgram(s.obj, s.prog, platform));
    const its = prevail(binary, s, listing);
    if (its === null) {
      apart++;
      continue;
    }
    if (result?.accepted) {
      accepted.count++;
      accepted.ours += mine;
      accepted.theirs += its;
    }
    compared++;
    if (mine < its) faster++;
    ours += mine;
    first += once;
    theirs += its;
  }
  const share = compared === 0 ? 0 : (100 * faster) / compared;
  return [
    {
      what: `verify ${compared} programs that both analyse`,
      ours: ms(ours),
      peer: `PREVAIL ${ms(theirs)}`,
      ratio: compared === 0 ? null : theirs / ours,
    },
    { what: '  the same, first run of each', ours: ms(first), peer: '', ratio: compared === 0 ? null : theirs / first },
    { what: '  share of programs where faster', ours: `${share.toFixed(0)} %`, peer: '', ratio: null },
    {
      what: `  the ${accepted.count} of them that we accept`,
      ours: ms(accepted.ours),
      peer: `PREVAIL ${ms(accepted.theirs)}`,
      ratio: accepted.count === 0 ? null : accepted.theirs / accepted.ours,
    },
    { what: '  not compared: one of the two does not analyse it', ours: `${apart}`, peer: '', ratio: null },
  ];
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

/** @param dir a folder for temporary files */
export function verifierRows(root: string, engine: Engine, kernel: string, dir: string): Row[] {
  const store = profiles(root, kernel);
  const { platform } = store.get(kernel);
  const list = subjects(root, engine, store, kernel, dir);
  const typical = list.filter((s) => s.file.startsWith(dir));
  const rows: Row[] = typical.map((s) => {
    const took = best(21, () => void verifyProgram(s.obj, s.prog, platform));
    return { what: `verify ${basename(s.file, '.bpf.o')}/${s.prog.name}`, ours: ms(took), peer: '', ratio: null };
  });
  return [...rows, ...['6.1', kernel].flatMap((k) => worstRows(k)), ...prevailRows(list, platform)];
}
