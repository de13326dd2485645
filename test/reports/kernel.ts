/**
 * `npm run report:kernel -- --dir DIR`: every program of the objects in a folder, by our verifier and by the real kernel:
 * verdict, errno, last line of the log and processed instructions. Reads objects, fetches nothing.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import type { ReadyProfile } from '../../src/engine/api/profiles.ts';
import { loadObject, openObject } from '../../src/engine/loader/index.ts';
import { verifyProgram } from '../../src/engine/verifier/index.ts';
import {
  bootGuest,
  KERNEL_IDS,
  loadVerdicts,
  prepareLab,
  type KernelId,
  type ObjectVerdict,
} from '../../src/lab/index.ts';
import { profile } from './selftests.ts';

const HELP = `Usage: npm run report:kernel -- --dir DIR [options]
  --dir DIR       objects (*.o), in folders of any depth (may be repeated)
  --kernel ID     default 6.12
  --only TEXT     only files whose path contains TEXT (may be repeated)
  --except TEXT   not those (may be repeated)
  --answers FILE  keeps what the kernel said; objects that stand in it are not asked again
  --known         asks nothing, only compares with what FILE has
  --list          one line per program that does not agree`;

/** The guest's processors: the verifier knows how many there are. */
const GUEST_CPUS = 1;
/** CPU time for one program, µs: what takes longer is given up. */
const PATIENCE = 20e6;

interface Options {
  readonly dir: string[];
  readonly only: string[];
  readonly except: string[];
  kernel: KernelId;
  answers: string | null;
  known: boolean;
  list: boolean;
}

function parseArgs(args: readonly string[]): Options | null {
  const o: Options = { dir: [], only: [], except: [], kernel: '6.12', answers: null, known: false, list: false };
  for (let i = 0; i < args.length; i++) {
    const a = args[i];
    if (a === '--list' || a === '--known') o[a === '--list' ? 'list' : 'known'] = true;
    else {
      const value = args[++i];
      if (value === undefined) return null;
      const kernel = KERNEL_IDS.find((k) => k === value);
      if (a === '--dir') o.dir.push(value);
      else if (a === '--only') o.only.push(value);
      else if (a === '--except') o.except.push(value);
      else if (a === '--answers') o.answers = value;
      else if (a === '--kernel' && kernel !== undefined) o.kernel = kernel;
      else return null;
    }
  }
  const folders = o.dir.every((d) => statSync(d, { throwIfNoEntry: false })?.isDirectory());
  return o.dir.length > 0 && folders ? o : null;
}

/** What one side says of a program. */
interface Answer {
  readonly accepted: boolean;
  readonly errno: number;
  /** Last line of the log; why it was not loaded where the verifier never saw it. */
  readonly words: string;
  /** -1: the verifier did not see it. */
  readonly processed: number;
}

/** By program; what stands under '*' holds for the whole object. */
type Answers = Readonly<Record<string, Answer>>;

export type Outcome = 'agree' | 'other words' | 'false accept' | 'false reject' | 'not verified' | 'no answer';

/** The kernel's answer beside ours. A program that neither verifier saw, or the kernel's loader refused, says nothing. */
export function compare(ours: Answer | undefined, kernel: Answer | undefined): Outcome {
  if (kernel === undefined || ours === undefined) return 'no answer';
  if (kernel.processed < 0 && !kernel.accepted && kernel.words.startsWith('libbpf:')) return 'not verified';
  if (ours.accepted !== kernel.accepted) return ours.accepted ? 'false accept' : 'false reject';
  return ours.accepted || (ours.words === kernel.words && ours.errno === kernel.errno) ? 'agree' : 'other words';
}

function* objects(dir: string): Generator<string> {
  for (const e of readdirSync(dir, { withFileTypes: true })) {
    const p = join(dir, e.name);
    if (e.isDirectory()) yield* objects(p);
    else if (e.name.endsWith('.o')) yield p;
  }
}

const firstLine = (s: string): string => s.split('\n')[0];
const STATISTICS = /^(processed |insns processed |stack depth|verification time|max_states|mark_read)/;

function lastLine(log: string): string {
  // One message of 7.2 has no end of line.
  const lines = log
    .replace(/verification time \d+ usec/, '')
    .split('\n')
    .filter((l) => l.trim() !== '' && !STATISTICS.test(l));
  return lines.at(-1) ?? '';
}

function oursOf(name: string, bytes: Uint8Array, ready: ReadyProfile): Answers {
  const refused = (words: string): Answer => ({ accepted: false, errno: 0, words, processed: -1 });
  const opened = openObject(bytes, name);
  if (!opened.ok) return { '*': refused(opened.error[0]?.message ?? '') };
  const loaded = loadObject(opened.value, { ...ready.profile, config: ready.profile.facts.config });
  if (!loaded.ok) return { '*': refused(loaded.error[0]?.message ?? '') };
  const out: Record<string, Answer> = {};
  for (const p of loaded.value.problems ?? []) if (p.program !== undefined) out[p.program] = refused(p.message);
  for (const prog of loaded.value.programs) {
    const start = process.cpuUsage().user;
    const cancelled = (): boolean => process.cpuUsage().user - start > PATIENCE;
    try {
      const r = verifyProgram(
        loaded.value,
        prog,
        { ...ready.platform, cpus: GUEST_CPUS },
        { cancelled, explain: false, logLevel: 1 },
      );
      const words = r.accepted ? '' : lastLine(r.log) || r.message;
      out[prog.name] = { accepted: r.accepted, errno: r.errno, words, processed: r.insnsProcessed };
    } catch (error) {
      out[prog.name] = refused(`internal error: ${String(error)}`);
    }
  }
  return out;
}

/**
 * What libbpf does with a program that the verifier accepted may fail all the same: a program array whose other programs were
 * not loaded with it. The log has the statistics and nothing else then.
 */
const VERIFIED = /failed to initialize slot/;
/** libbpf puts its own words about a relocation where the verifier complains of the instruction that it left there. */
const RELOCATION = /^failed to resolve CO-RE relocation /;
const POISONED = 'invalid func unknown#195896080';

function kernelsOf(v: ObjectVerdict): Answers {
  const out: Record<string, Answer> = {};
  if (v.openError !== null)
    out['*'] = { accepted: false, errno: 0, words: `libbpf: ${firstLine(v.openError)}`, processed: -1 };
  for (const p of v.programs) {
    const accepted = p.accepted || (p.processed >= 0 && lastLine(p.log) === '' && VERIFIED.test(p.libbpf));
    const last = lastLine(p.log);
    const words = accepted ? '' : RELOCATION.test(last) ? POISONED : last || `libbpf: ${firstLine(p.libbpf)}`;
    out[p.name] = { accepted, errno: accepted ? 0 : p.errno, words, processed: p.processed };
  }
  return out;
}

const keyOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex').slice(0, 16);

/** Asks the guest of every object that has no answer yet; what takes too long gets none. */
async function askKernel(
  files: readonly { readonly name: string; readonly bytes: Uint8Array; readonly clean: boolean }[],
  kernel: KernelId,
  known: Map<string, Answers>,
  save: () => void,
): Promise<void> {
  const wanted = files.filter((f) => !known.has(keyOf(f.bytes)));
  if (wanted.length === 0) return;
  const lab = prepareLab();
  if (!lab.ok) throw new Error(lab.reason);
  const boot = (): ReturnType<typeof bootGuest> => bootGuest({ kernel, cmdline: 'lsm=bpf', lab: lab.lab });
  let guest = await boot();
  try {
    for (const { name, bytes, clean } of wanted) {
      try {
        const options = { level: 5, logCap: 3000, attach: false, together: clean };
        const [v] = await loadVerdicts(guest, [{ name: basename(name).replace(/(\.bpf)?\.o$/, ''), bytes }], options);
        known.set(keyOf(bytes), kernelsOf(v));
      } catch (error) {
        console.error(`no answer: ${name}: ${firstLine(String(error))}`);
        known.set(keyOf(bytes), {});
        guest.close();
        guest = await boot();
      }
      save();
    }
  } finally {
    guest.close();
  }
}

export async function main(root: string, args: readonly string[]): Promise<number> {
  const o = parseArgs(args);
  if (o === null) {
    console.error(HELP);
    return 2;
  }
  const has = (list: readonly string[], name: string): boolean => list.some((t) => name.includes(t));
  const ready = profile(root, o.kernel);
  const files = o.dir
    .flatMap((dir) => [...objects(dir)].map((file) => ({ file, name: relative(dir, file) })))
    .filter(({ name }) => (o.only.length === 0 || has(o.only, name)) && !has(o.except, name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ file, name }) => {
      const bytes = readFileSync(file);
      const ours = oursOf(name, bytes, ready);
      return { name, bytes, ours, clean: Object.values(ours).every((a) => a.accepted) };
    });
  const known = new Map<string, Answers>();
  const answers = o.answers;
  if (answers !== null && existsSync(answers))
    for (const [k, v] of Object.entries(JSON.parse(readFileSync(answers, 'utf8')) as Record<string, Answers>))
      known.set(k, v);
  if (!o.known)
    await askKernel(files, o.kernel, known, () => {
      if (answers !== null) writeFileSync(answers, JSON.stringify(Object.fromEntries(known)));
    });
  const asked = o.known ? files.filter((f) => known.has(keyOf(f.bytes))) : files;
  report(asked, known, o);
  return 0;
}

function report(
  files: readonly { readonly name: string; readonly bytes: Uint8Array; readonly ours: Answers }[],
  known: ReadonlyMap<string, Answers>,
  o: Options,
): void {
  const counts = new Map<Outcome, number>();
  let accepted = 0;
  let close = 0;
  let same = 0;
  for (const { name, bytes, ours } of files) {
    const kernel = known.get(keyOf(bytes)) ?? {};
    const names = new Set([...Object.keys(kernel), ...Object.keys(ours)]);
    if (names.size > 1) names.delete('*');
    for (const program of names) {
      const mine = ours[program] ?? ours['*'];
      const theirs = kernel[program] ?? kernel['*'];
      const outcome = compare(mine, theirs);
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
      let far = false;
      if (mine?.accepted && theirs?.accepted && mine.processed >= 0 && theirs.processed >= 0) {
        accepted++;
        same += +(mine.processed === theirs.processed);
        far = Math.abs(mine.processed - theirs.processed) > theirs.processed / 10;
        close += +!far;
      }
      if (!o.list || (outcome === 'agree' && !far)) continue;
      const text = (a: Answer | undefined): string =>
        a === undefined ? '-' : a.accepted ? `accepted, ${a.processed} processed` : `errno ${a.errno}: ${a.words}`;
      console.log(`${far && outcome === 'agree' ? 'count' : outcome}: ${name} ${program}`);
      console.log(`    ours:   ${text(mine)}\n    kernel: ${text(theirs)}`);
    }
  }
  const total = [...counts.values()].reduce((a, b) => a + b, 0);
  console.log(`\n${total} programs of ${files.length} objects, kernel ${o.kernel}`);
  for (const [outcome, n] of [...counts].sort()) console.log(`${String(n).padStart(6)}  ${outcome}`);
  console.log(`processed instructions of ${accepted} accepted programs: ${same} the same, ${close} within 10 %`);
}
