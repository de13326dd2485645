/**
 * `npm run report:sources -- --dir DIR --objects DIR`: sources of the kernel's selftests (tools/testing/selftests/bpf/progs),
 * or of any other project, through our compiler, unmodified, and every program beside the one in clang's object, by our
 * loader and verifier. Reads from folders, fetches nothing.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { bundledHeaders } from '../conformance/policies/compare.ts';
import { type Compiled, compileWithClang, OurCompiler, vmlinuxFolder } from '../conformance/policies/compile.ts';
import { measureOurs, openProfiles, type Verdict } from '../conformance/policies/measure.ts';
import type { Source } from '../conformance/policies/sources.ts';
import { type Likeness, type RunObject, runPolicies } from '../conformance/policies/runs.ts';

const HELP = `Usage: npm run report:sources -- --dir DIR [options]
  --dir DIR       sources (*.c)
  --include DIR   folder with headers (may be repeated)
  --objects DIR   what clang made of them (NAME.bpf.o)
  --clang DIR     or: compile them with clang-19 too, and keep its answers in DIR
  --define K=V    macro (may be repeated)
  --run yes       both objects in our VM as well: what they do must be alike
  --only REGEX    only files whose path matches; folders in DIR are looked into
  --kernel ID     profile, default 6.12`;

/** Several times as much to walk as clang's code counts as much from here on. */
const TOO_MUCH = 1.5;
/** Below that the number of instructions walked says little. */
const FEW = 60;

interface Options {
  dir: string;
  include: string[];
  objects: string | null;
  clang: string | null;
  run: boolean;
  defines: Record<string, string>;
  only: RegExp;
  kernel: string;
}

function parse(args: readonly string[]): Options | null {
  const o: Options = {
    dir: '',
    include: [],
    objects: null,
    clang: null,
    run: false,
    defines: {},
    only: /./,
    kernel: '6.12',
  };
  for (let i = 0; i < args.length; i += 2) {
    const value = args[i + 1];
    if (value === undefined) return null;
    if (args[i] === '--dir') o.dir = value;
    else if (args[i] === '--include') o.include.push(value);
    else if (args[i] === '--objects') o.objects = value;
    else if (args[i] === '--clang') o.clang = value;
    else if (args[i] === '--run') o.run = value === 'yes';
    else if (args[i] === '--define') o.defines[value.split('=')[0]] = value.split('=')[1] ?? '1';
    else if (args[i] === '--only') o.only = new RegExp(value);
    else if (args[i] === '--kernel') o.kernel = value;
    else return null;
  }
  return statSync(o.dir, { throwIfNoEntry: false })?.isDirectory() === true ? o : null;
}

/** How one program of ours does beside clang's; null when there is nothing to say. */
function difference(ours: Verdict | undefined, theirs: Verdict): string | null {
  if (ours === undefined) return 'is missing';
  if (theirs.accepted && !ours.accepted) return `OURS REFUSED: ${ours.reason}`;
  if (!theirs.accepted) return ours.accepted ? `only clang's refused: ${theirs.reason}` : null;
  const ratio = ours.processed / theirs.processed;
  return ratio > TOO_MUCH && ours.processed > FEW
    ? `walks ${ours.processed} instructions, clang's ${theirs.processed}`
    : null;
}

/** Sources in a folder and those below it, by path. */
const sourcesIn = (dir: string, only: RegExp): string[] =>
  readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((n) => n.endsWith('.c') && only.test(n)).sort(); // prettier-ignore

/** clang's object of a source: from the folder of objects, or made now. */
function clangs(o: Options, source: Source, name: string, vmlinux: string | null): Compiled | null {
  const object = o.objects === null ? '' : join(o.objects, name.replace(/\.c$/, '.bpf.o'));
  if (existsSync(object)) return { bytes: new Uint8Array(readFileSync(object)), ms: 0 };
  return o.clang === null || vmlinux === null ? null : compileWithClang('clang-19', source, vmlinux, o.clang);
}

export function main(root: string, args: readonly string[]): number {
  const o = parse(args);
  if (o === null) {
    console.error(HELP);
    return 2;
  }
  const kernel = openProfiles(root).get(o.kernel);
  const compiler = new OurCompiler(bundledHeaders(root), kernel.profile, 'bundled', null);
  const vmlinux =
    o.clang === null
      ? null
      : vmlinuxFolder(gunzipSync(readFileSync(join(root, 'assets/profiles', o.kernel, 'btf.gz'))));
  const files = sourcesIn(o.dir, o.only);
  let compiled = 0;
  let neither = 0;
  let programs = 0;
  const both = { count: 0, processed: 0, insns: 0 };
  const pairs: RunObject[] = [];
  for (const name of files) {
    const file = join(o.dir, name);
    const source = {
      ...{ id: name, repo: '', licence: '', inner: [] },
      file,
      includeDirs: [dirname(file), o.dir, ...o.include],
      defines: { __TARGET_ARCH_x86: '1', ...o.defines },
    };
    const made = compiler.compile(source);
    const clang = clangs(o, source, name, vmlinux);
    if (clang !== null && 'error' in clang) {
      neither++;
      if (!('error' in made)) console.log(`${name}: only clang does not compile it: ${clang.error}`);
      continue;
    }
    if ('error' in made) {
      console.log(`${name}: does not compile: ${made.error}`);
      continue;
    }
    compiled++;
    if (clang === null) continue;
    if (o.run)
      for (const [which, { bytes }] of [['ours', made], ['clang', clang]] as const) pairs.push({ row: source, which, name, bytes, inner: [] }); // prettier-ignore
    const ours = measureOurs({ name, bytes: made.bytes }, kernel, true);
    const theirs = measureOurs({ name, bytes: clang.bytes }, kernel, true);
    if (theirs.openError !== null || ours.openError !== null) {
      if (theirs.openError === null) console.log(`${name}: OURS REFUSED as a whole: ${ours.openError}`);
      continue;
    }
    for (const [program, theirVerdict] of theirs.programs) {
      const ourVerdict = ours.programs.get(program);
      programs++;
      const says = difference(ourVerdict, theirVerdict);
      if (says !== null) console.log(`${name} ${program}: ${says}`);
      if (ourVerdict?.accepted !== true || !theirVerdict.accepted) continue;
      both.count++;
      both.processed += Math.log(ourVerdict.processed / theirVerdict.processed);
      both.insns += Math.log(ourVerdict.insns / theirVerdict.insns);
    }
  }
  const mean = (sum: number): string => Math.exp(sum / Math.max(1, both.count)).toFixed(3);
  console.log(`${compiled} of ${files.length - neither} sources compile (of ${neither} more clang makes no object)`);
  console.log(
    `${programs} programs beside clang's, ${both.count} accepted from both: geometric mean of instructions walked ` +
      `${mean(both.processed)}, of instructions ${mean(both.insns)}`,
  );
  if (o.run) printRuns(runPolicies(root, kernel.profile, pairs));
  return 0;
}

function printRuns(runs: readonly Likeness[]): void {
  for (const r of runs) for (const d of r.differences) console.log(`${r.id}: ${d}`);
  const alike = runs.filter((r) => r.differences.length === 0).length;
  console.log(`${alike} of ${runs.length} pairs of objects do the same in our VM, on calls of the model or on zeroes`);
}
