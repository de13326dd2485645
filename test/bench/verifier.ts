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
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
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

function worstRows(platform: VerifierPlatform): Row[] {
  const rows: Row[] = [];
  for (const w of WORST) {
    const { obj, prog } = rawObject(encode(w.insns), platform.btf, 'file_open');
    let processed = 0;
    let peak = 0;
    let polls = 0;
    let gap = 0;
    const took = best(ROUNDS, () => {
      let last = performance.now();
      const r = verifyProgram(obj, prog, platform, {
        cancelled: () => {
          if (++polls % 64 === 0) peak = Math.max(peak, process.memoryUsage.rss());
          const now = performance.now();
          gap = Math.max(gap, now - last);
          last = now;
          return false;
        },
      });
      processed = r.insnsProcessed;
    });
    rows.push({
      what: `worst case: ${w.name}, ${processed} insns`,
      ours: ms(took),
      peer: `cancellable within ${ms(gap)}; ${(peak / 1e6).toFixed(0)} MB resident`,
      ratio: null,
    });
    rows.push({ what: '  per million instructions', ours: ms((took / processed) * 1e6), peer: '', ratio: null });
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

/** @param dir a folder for temporary files */
export function verifierRows(root: string, engine: Engine, kernel: string, dir: string): Row[] {
  const asset = (file: string): string => join(root, 'assets/profiles', kernel, file);
  const store = new ProfileStore([
    {
      id: kernel,
      json: () => JSON.parse(readFileSync(asset('profile.json'), 'utf8')) as unknown,
      btf: () => gunzipSync(readFileSync(asset('btf.gz'))),
    },
  ]);
  const { platform } = store.get(kernel);
  const list = subjects(root, engine, store, kernel, dir);
  const typical = list.filter((s) => s.file.startsWith(dir));
  const rows: Row[] = typical.map((s) => {
    const took = best(21, () => void verifyProgram(s.obj, s.prog, platform));
    return { what: `verify ${basename(s.file, '.bpf.o')}/${s.prog.name}`, ours: ms(took), peer: '', ratio: null };
  });
  return [...rows, ...worstRows(platform), ...prevailRows(list, platform)];
}
