/**
 * `npm run report:selftests -- --dir DIR`: compiled programs of the kernel's own selftests (tools/testing/selftests/bpf/progs)
 * against the verdict that each one expects of the verifier. Reads objects from a folder, fetches nothing.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { ProfileStore, type ReadyProfile } from '../../src/engine/api/profiles.ts';
import { loadObject, openObject, type LoadedObject } from '../../src/engine/loader/index.ts';
import { verifyProgram, type VerifierPlatform } from '../../src/engine/verifier/index.ts';
import { expectations, missingMessage, type Expectation } from './annotations.ts';

export type Outcome =
  | 'agree'
  | 'message'
  | 'false accept'
  | 'false reject'
  /** The program or its whole object did not get as far as the verifier. */
  | 'not loaded';

export interface Case {
  readonly file: string;
  readonly program: string;
  readonly section: string;
  readonly outcome: Outcome;
  readonly expected: string;
  readonly ours: string;
}

const HELP = `Usage: npm run report:selftests -- --dir DIR [options]
  --dir DIR      objects (*.o) compiled from the kernel's tools/testing/selftests/bpf/progs
  --only TEXT    only files whose name contains TEXT (may be repeated)
  --kernel ID    profile, default 6.12
  --list         one line per program that does not agree
  --markdown     the table as Markdown
  --json         everything, for machines`;

/** CPU time for one program, µs: what takes longer is given up. */
const PATIENCE = 20e6;

interface Options {
  dir: string;
  only: string[];
  kernel: string;
  list: boolean;
  markdown: boolean;
  json: boolean;
}

function parseArgs(args: readonly string[]): Options | null {
  const o: Options = { dir: '', only: [], kernel: '6.12', list: false, markdown: false, json: false };
  for (let i = 0; i < args.length; i++) {
    const a = args[i];
    if (a === '--dir') o.dir = args[++i] ?? '';
    else if (a === '--kernel') o.kernel = args[++i] ?? '';
    else if (a === '--only') o.only.push(args[++i] ?? '');
    else if (a === '--list' || a === '--markdown' || a === '--json') {
      o[a.slice(2) as 'list' | 'markdown' | 'json'] = true;
    } else return null;
  }
  return o.dir === '' ? null : o;
}

export function profile(root: string, id: string): ReadyProfile {
  const file = (name: string): Buffer => readFileSync(join(root, 'assets/profiles', id, name));
  return new ProfileStore([
    {
      id,
      json: () => JSON.parse(file('profile.json').toString()) as unknown,
      btf: () => gunzipSync(file('btf.gz')),
    },
  ]).get(id);
}

const stem = (file: string): string => basename(file).replace(/(\.bpf)?\.o$/, '');
const firstLine = (s: string): string => s.split('\n')[0];

/** Every annotated program of one object. */
export function casesOf(file: string, bytes: Uint8Array, ready: ReadyProfile): Case[] {
  const name = stem(file);
  const opened = openObject(bytes, name);
  if (!opened.ok) return [whole(name, firstLine(opened.error[0]?.message ?? ''))];
  const { btf, functions, programs } = opened.value;
  if (btf === null) return [];
  const wanted = expectations(btf);
  const loaded = loadObject(opened.value, { ...ready.profile, config: ready.profile.facts.config });
  const out: Case[] = [];
  for (const [program, e] of wanted) {
    const func = functions.find((f) => f.name === program);
    // Tags on subprograms and on types of other functions are no tests.
    if (func === undefined || func.section === '.text') continue;
    const base = { file: name, program, section: func.section, expected: expectedText(e) };
    if (!programs.some((p) => functions[p.func] === func)) {
      out.push({ ...base, outcome: 'not loaded', ours: 'program type is not modelled' });
      continue;
    }
    if (!loaded.ok) {
      out.push({ ...base, outcome: 'not loaded', ours: loaded.error[0]?.message ?? '' });
      continue;
    }
    out.push({ ...base, ...judge(loaded.value, program, e, ready.platform) });
  }
  return out;
}

const whole = (file: string, ours: string): Case => ({
  file,
  program: '*',
  section: '',
  outcome: 'not loaded',
  expected: 'an object that can be opened',
  ours,
});

const expectedText = (e: Expectation): string =>
  `${e.success ? 'success' : 'failure'}${e.messages.length > 0 ? `: ${e.messages.join(' | ')}` : ''}`;

/** What the kernel says when the function that a tracing program names is not in its BTF. */
const NO_HOOK = 'Tracing programs must provide btf_id';

function judge(
  obj: LoadedObject,
  program: string,
  e: Expectation,
  platform: VerifierPlatform,
): Pick<Case, 'outcome' | 'ours'> {
  const found = obj.programs.find((p) => p.name === program);
  if (found === undefined) {
    const why = obj.problems?.find((p) => p.program === program)?.message ?? 'left out by the loader';
    return { outcome: 'not loaded', ours: why };
  }
  const sleepable = found.attach.sleepable || e.flags.includes('BPF_F_SLEEPABLE');
  const prog = { ...found, attach: { ...found.attach, sleepable } };
  const start = process.cpuUsage().user;
  let r;
  try {
    r = verifyProgram(obj, prog, platform, {
      logLevel: e.logLevel & 2 ? 2 : 1,
      cancelled: () => process.cpuUsage().user - start > PATIENCE,
      logStats: (e.logLevel & 4) !== 0,
      strictAlignment: e.flags.includes('BPF_F_STRICT_ALIGNMENT'),
      testStateFreq: e.flags.includes('BPF_F_TEST_STATE_FREQ'),
    });
  } catch (error) {
    return { outcome: e.success ? 'false reject' : 'not loaded', ours: `internal error: ${String(error)}` };
  }
  // A function of bpf_testmod: this kernel does not have it either.
  if (r.message === NO_HOOK) return { outcome: 'not loaded', ours: r.message };
  const ours = r.accepted ? 'accepted' : `${r.message} (insn ${r.insn})`;
  if (r.accepted !== e.success) return { outcome: e.success ? 'false reject' : 'false accept', ours };
  const missing = missingMessage(r.log, e.messages);
  return missing === null ? { outcome: 'agree', ours } : { outcome: 'message', ours: `${ours}; log lacks: ${missing}` };
}

interface Row {
  readonly file: string;
  readonly counts: Readonly<Record<Outcome, number>>;
  readonly total: number;
}

function rowOf(file: string, cases: readonly Case[]): Row {
  const counts: Record<Outcome, number> = {
    agree: 0,
    message: 0,
    'false accept': 0,
    'false reject': 0,
    'not loaded': 0,
  };
  for (const c of cases) counts[c.outcome]++;
  return { file, counts, total: cases.length };
}

const COLUMNS: readonly Outcome[] = ['agree', 'message', 'false accept', 'false reject', 'not loaded'];
const percent = (n: number, of: number): string => (of === 0 ? '-' : `${((100 * n) / of).toFixed(1)} %`);

export function table(rows: readonly Row[], markdown: boolean): string {
  const heads = ['file', 'programs', ...COLUMNS.map((c) => (c === 'message' ? 'other words' : c)), 'verdicts agree'];
  const cells = rows.map((r) => [
    r.file,
    String(r.total),
    ...COLUMNS.map((c) => (r.counts[c] === 0 ? '' : String(r.counts[c]))),
    percent(r.counts.agree + r.counts.message, r.total),
  ]);
  if (markdown) {
    const line = (c: readonly string[]): string => `| ${c.join(' | ')} |`;
    return [line(heads), line(heads.map((_, i) => (i === 0 ? '---' : '---:'))), ...cells.map(line)].join('\n');
  }
  const width = heads.map((h, i) => Math.max(h.length, ...cells.map((c) => c[i].length)));
  const line = (c: readonly string[]): string =>
    c.map((x, i) => (i === 0 ? x.padEnd(width[i]) : x.padStart(width[i]))).join('  ');
  return [line(heads), ...cells.map(line)].join('\n');
}

function summary(cases: readonly Case[], files: number): string {
  const total = rowOf('', cases);
  const { counts } = total;
  const tried = total.total - counts['not loaded'];
  const verdicts = counts.agree + counts.message;
  return [
    `${total.total} annotated programs in ${files} files; ${counts['not loaded']} did not reach the verifier`,
    `verdict as expected: ${verdicts} (${percent(verdicts, total.total)} of all, ${percent(verdicts, tried)} of those verified)`,
    `verdict and words as expected: ${counts.agree} (${percent(counts.agree, total.total)})`,
    `false accepts: ${counts['false accept']}, false rejects: ${counts['false reject']}`,
  ].join('\n');
}

export function main(root: string, args: readonly string[]): number {
  const o = parseArgs(args);
  if (o === null || !statSync(o.dir, { throwIfNoEntry: false })?.isDirectory()) {
    console.error(HELP);
    return 2;
  }
  const files = readdirSync(o.dir)
    .filter((f) => f.endsWith('.o') && (o.only.length === 0 || o.only.some((t) => f.includes(t))))
    .sort();
  const ready = profile(root, o.kernel);
  const cases = files.flatMap((f) => casesOf(f, readFileSync(join(o.dir, f)), ready));
  const names = [...new Set(cases.map((c) => c.file))];
  const rows = names.map((n) =>
    rowOf(
      n,
      cases.filter((c) => c.file === n),
    ),
  );
  if (o.json) {
    console.log(JSON.stringify({ kernel: o.kernel, cases }, null, 1));
    return 0;
  }
  if (o.list) {
    for (const c of cases) {
      if (c.outcome === 'agree') continue;
      console.log(`${c.outcome}: ${c.file} ${c.program} (${c.section})`);
      console.log(`    expected: ${c.expected}\n    ours:     ${c.ours}`);
    }
  }
  console.log(table([...rows, { ...rowOf('all', cases) }], o.markdown));
  console.log(`\n${summary(cases, names.length)}`);
  return 0;
}
