/** The compiler against clang: latency as a process and in a warm engine, keystrokes, size of the code. */
import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { openEngine } from '../../src/cli/context.ts';
import type { Engine } from '../../src/engine/api/index.ts';
import type { Row } from './main.ts';
import { bigPolicy, KEYSTROKES } from './policy.ts';

const EXAMPLES = ['shadow-guard/shadow_guard', 'egress-guard/egress_guard', 'exec-guard/exec_guard'];
const KERNEL = '6.12';
/** Rounds in which everything runs once, so that what else the machine does hits all alike. */
const ROUNDS = 7;
const WARM_PER_ROUND = 8;

const median = (xs: readonly number[]): number => [...xs].sort((a, b) => a - b)[xs.length >> 1];
const ms = (n: number): string => `${n.toFixed(n < 10 ? 2 : 0)} ms`;

function timed(body: () => unknown): number {
  const t0 = performance.now();
  body();
  return performance.now() - t0;
}

/** An engine over files in memory, as the app's worker has them. */
class Memory {
  readonly #files = new Map<string, Uint8Array>();
  readonly #encoder = new TextEncoder();
  readonly engine: Engine;
  constructor(root: string) {
    this.engine = openEngine(root, undefined, { read: (path) => this.#files.get(path) });
  }
  put(path: string, content: string | Uint8Array): void {
    this.#files.set(path, typeof content === 'string' ? this.#encoder.encode(content) : content);
  }
}

interface Clang {
  /** The genuine vmlinux.h. */
  readonly header: Uint8Array;
  compile(file: string): string;
}

/** clang with a vmlinux.h that bpftool made of the profile's own BTF. Null where a tool is missing. */
function clangSetup(root: string, dir: string): Clang | null {
  const btf = join(dir, 'kernel.btf');
  writeFileSync(btf, gunzipSync(readFileSync(join(root, `assets/profiles/${KERNEL}/btf.gz`))));
  const made = spawnSync('bpftool', ['btf', 'dump', 'file', btf, 'format', 'c'], { maxBuffer: 1 << 28 });
  if (made.status !== 0 || spawnSync('clang-19', ['--version']).status !== 0) return null;
  writeFileSync(join(dir, 'vmlinux.h'), made.stdout);
  return {
    header: new Uint8Array(made.stdout),
    compile(file) {
      const out = join(dir, 'clang.bpf.o');
      const args = ['-O2', '-g', '-target', 'bpf', '-D__TARGET_ARCH_x86', '-I', dir, '-c', file, '-o', out];
      const r = spawnSync('clang-19', args);
      if (r.status !== 0) throw new Error(`clang: ${String(r.stderr)}`);
      return out;
    },
  };
}

const instructions = (engine: Engine, file: string): number =>
  engine.check(file, KERNEL).programs.reduce((n, p) => n + p.insnCount, 0);

const against = (theirs: number | null, mine: number): Pick<Row, 'peer' | 'ratio'> =>
  theirs === null
    ? { peer: 'no clang-19 here', ratio: null }
    : { peer: `clang-19 ${ms(theirs)}`, ratio: theirs / mine };

/** As a user calls it. */
function lsmithBuild(root: string, source: string, dir: string): void {
  const r = spawnSync(join(root, 'bin/lsmith'), ['build', source, '-o', join(dir, 'ours.bpf.o')], { encoding: 'utf8' });
  if (r.status !== 0) throw new Error(`lsmith build ${source}: ${r.stderr}`);
}

/** The first call of an installation, which fills its caches, and what nobody can be faster than: a process of Node that does nothing. */
function startRows(root: string, dir: string): Row[] {
  const installed = join(dir, 'installed');
  for (const part of ['bin', 'assets/headers', `assets/profiles/${KERNEL}`])
    cpSync(join(root, part), join(installed, part), { recursive: true });
  cpSync(join(root, 'out/cli'), join(installed, 'out/cli'), {
    recursive: true,
    filter: (path) => !path.endsWith('.code'),
  });
  const source = join(root, 'assets/examples', `${EXAMPLES[0]}.bpf.c`);
  const empty = join(dir, 'empty.cjs');
  writeFileSync(empty, '');
  const first: number[] = [];
  const bare: number[] = [];
  const { NODE_EXTRA_CA_CERTS: _certificates, ...env } = process.env;
  for (let round = 0; round < ROUNDS; round++) {
    rmSync(join(installed, 'out/cache'), { recursive: true, force: true });
    for (const name of readdirSync(join(installed, 'out/cli')))
      if (name.endsWith('.code')) rmSync(join(installed, 'out/cli', name));
    first.push(timed(() => lsmithBuild(installed, source, dir)));
    bare.push(timed(() => spawnSync(process.execPath, [empty], { env })));
  }
  return [
    { what: 'compile, as a process, first call ever', ours: ms(median(first)), peer: '', ratio: null },
    { what: '  a Node process that does nothing', ours: ms(median(bare)), peer: '', ratio: null },
  ];
}

function exampleRows(root: string, dir: string, memory: Memory, clang: Clang | null, example: string): Row[] {
  const source = join(root, 'assets/examples', `${example}.bpf.c`);
  const text = readFileSync(source, 'utf8');
  const name = basename(example);
  const times = { warm: [] as number[], genuine: [] as number[], ours: [] as number[], theirs: [] as number[] };
  let edits = 0;
  // The text is another one each time, so that no cache of ours answers.
  const build = (folder: string): number => {
    const file = `${folder}/${name}.bpf.c`;
    edits++;
    memory.put(file, text.replace('return 0;', `return ${-edits} * 0;`));
    return timed(() => {
      if (memory.engine.build(file, KERNEL).object === null) throw new Error(`${file} does not compile`);
    });
  };
  for (let i = 0; i < WARM_PER_ROUND; i++) {
    build('plain');
    if (clang) build('genuine');
  }
  const asProcess = (): number => timed(() => lsmithBuild(root, source, dir));
  // The caches are full from now on: the call that fills them has a row of its own.
  asProcess();
  for (let round = 0; round < ROUNDS; round++) {
    if (clang) times.theirs.push(timed(() => clang.compile(source)));
    times.ours.push(asProcess());
    for (let i = 0; i < WARM_PER_ROUND; i++) {
      times.warm.push(build('plain'));
      if (clang) times.genuine.push(build('genuine'));
    }
  }
  const theirs = clang ? median(times.theirs) : null;
  const row = (what: string, mine: number, target: string): Row => ({
    what: `${name}: ${what}`,
    ours: ms(mine),
    ...against(theirs, mine),
    target,
  });
  const rows = [
    row('compile, warm', median(times.warm), '≥ 20×'),
    row('compile, as a process', median(times.ours), '≥ 3×'),
  ];
  if (clang) {
    rows.push(row('compile, warm, genuine vmlinux.h', median(times.genuine), '≥ 3×'));
    memory.put('theirs.bpf.o', new Uint8Array(readFileSync(clang.compile(source))));
    const mine = instructions(memory.engine, `plain/${name}.bpf.c`);
    const peer = instructions(memory.engine, 'theirs.bpf.o');
    rows.push({
      what: `${name}: instructions`,
      ours: String(mine),
      peer: `clang-19 ${peer}`,
      ratio: mine / peer,
      target: '≤ 1.10×',
    });
  }
  return rows;
}

/** Everything that a keystroke costs in the worker: front end, code, lint, loading, verification. */
function keystrokeRows(memory: Memory): Row[] {
  const text = bigPolicy();
  const file = 'plain/thousand.bpf.c';
  const times: number[] = [];
  const stages = { compile: [] as number[], load: [] as number[], verify: [] as number[] };
  const kinds = Object.entries(KEYSTROKES).map(([name, kind]) => ({ name, ...kind, times: [] as number[] }));
  // Two keystrokes of each kind in a row: the first from the text as it was, the second from a text of its own kind.
  const warmUp = 140;
  for (let i = 0; i < warmUp + 420; i++) {
    const kind = kinds[(i >> 1) % kinds.length];
    // Between kinds the text is as it was, untimed: no kind pays for undoing the one before it.
    if (i % 2 === 0) {
      memory.put(file, text);
      memory.engine.check(file, KERNEL);
    }
    memory.put(file, kind.type(text, i));
    const t0 = performance.now();
    const report = memory.engine.check(file, KERNEL);
    const t = performance.now() - t0;
    const fine = report.diagnostics.length === 0 && report.programs.every((p) => p.accepted);
    if (fine === (kind.wrong?.(i) ?? false)) {
      throw new Error(`the policy of 1,000 lines, ${kind.name}: ${JSON.stringify(report.diagnostics[0])}`);
    }
    if (i < warmUp) continue;
    times.push(t);
    kind.times.push(t);
    for (const s of ['compile', 'load', 'verify'] as const) stages[s].push(report.timings[s]);
  }
  const parts = (['compile', 'load', 'verify'] as const).map((s) => `${s} ${ms(median(stages[s]))}`).join(', ');
  const p95 = (xs: readonly number[]): number => [...xs].sort((a, b) => a - b)[Math.floor(xs.length * 0.95)];
  const row = (what: string, list: readonly number[]): Row => ({
    what,
    ours: ms(median(list)),
    peer: `p95 ${ms(p95(list))}, best ${ms(Math.min(...list))}`,
    ratio: null,
    target: '< 16 ms',
  });
  return [
    row(`keystroke, ${text.split('\n').length} lines`, times),
    { what: '  of it', ours: '', peer: parts, ratio: null },
    ...kinds.map((k) => row(`  ${k.name}`, k.times)),
  ];
}

/** @param dir a scratch folder */
export function compileRows(root: string, dir: string): Row[] {
  const clang = clangSetup(root, dir);
  const memory = new Memory(root);
  if (clang) memory.put('genuine/vmlinux.h', clang.header);
  const examples = EXAMPLES.flatMap((e) => exampleRows(root, dir, memory, clang, e));
  return [...examples, ...startRows(root, dir), ...keystrokeRows(memory)];
}
