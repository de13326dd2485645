/** All benchmarks: compile latency and keystroke-to-verdict against clang, interpreter speed. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { openEngine } from '../../src/cli/context.ts';
import type { Engine } from '../../src/engine/api/index.ts';
import { interpreterRows } from './vm.ts';

export interface Row {
  readonly what: string;
  readonly ours: string;
  readonly peer: string;
  /** How many times faster we are; null where there is no peer. */
  readonly ratio: number | null;
}

const EXAMPLES = ['shadow-guard/shadow_guard', 'egress-guard/egress_guard', 'exec-guard/exec_guard'];
const KERNEL = '6.12';

const median = (xs: readonly number[]): number => [...xs].sort((a, b) => a - b)[xs.length >> 1];
const ms = (n: number): string => `${n.toFixed(n < 10 ? 2 : 0)} ms`;

function timed(repeat: number, body: (round: number) => void): number {
  const times: number[] = [];
  for (let i = 0; i < repeat; i++) {
    const t0 = performance.now();
    body(i);
    times.push(performance.now() - t0);
  }
  return median(times);
}

/** vmlinux.h for clang, made by bpftool from the profile's own BTF. Null where a tool is missing. */
function clangSetup(root: string, dir: string): boolean {
  const btf = join(dir, 'kernel.btf');
  writeFileSync(btf, gunzipSync(readFileSync(join(root, `assets/profiles/${KERNEL}/btf.gz`))));
  const header = spawnSync('bpftool', ['btf', 'dump', 'file', btf, 'format', 'c'], { maxBuffer: 1 << 28 });
  if (header.status !== 0 || spawnSync('clang-19', ['--version']).status !== 0) return false;
  writeFileSync(join(dir, 'vmlinux.h'), header.stdout);
  return true;
}

const clang = (dir: string, file: string): void => {
  const args = ['-O2', '-g', '-target', 'bpf', '-D__TARGET_ARCH_x86', '-I', dir, '-c', file, '-o', join(dir, 'out.o')];
  const r = spawnSync('clang-19', args);
  if (r.status !== 0) throw new Error(`clang: ${String(r.stderr)}`);
};

function compileRows(root: string, engine: Engine, dir: string, haveClang: boolean): Row[] {
  const rows: Row[] = [];
  const plain = join(dir, 'plain');
  mkdirSync(plain);
  for (const e of EXAMPLES) {
    const source = join(root, 'assets/examples', `${e}.bpf.c`);
    const text = readFileSync(source, 'utf8');
    // The edit changes the text each time, so that no cache of ours answers.
    const round = (folder: string, body: (file: string) => unknown): number =>
      timed(21, (i) => {
        const edited = join(folder, basename(source));
        writeFileSync(edited, text.replace('return 0;', `return ${-i} * 0;`));
        body(edited);
      });
    const warm = round(plain, (f) => engine.build(f, KERNEL));
    // Beside it lies the genuine vmlinux.h, which wins over the virtual one.
    const genuine = haveClang ? round(dir, (f) => engine.build(f, KERNEL)) : null;
    const check = round(plain, (f) => engine.check(f, KERNEL));
    const ours = timed(
      3,
      () => void spawnSync('node', [join(root, 'bin/lsmith.mjs'), 'build', source, '-o', join(dir, 'o.o')]),
    );
    const theirs = haveClang ? timed(3, () => clang(dir, source)) : null;
    const ratio = (mine: number): number | null => (theirs === null ? null : theirs / mine);
    const peer = theirs === null ? 'no clang-19 here' : `clang-19 ${ms(theirs)}`;
    const name = basename(e);
    rows.push({ what: `compile ${name}, warm`, ours: ms(warm), peer, ratio: ratio(warm) });
    if (genuine !== null) {
      rows.push({ what: `compile ${name}, warm, genuine vmlinux.h`, ours: ms(genuine), peer, ratio: ratio(genuine) });
    }
    rows.push({ what: `compile ${name}, as a process`, ours: ms(ours), peer, ratio: ratio(ours) });
    rows.push({ what: `keystroke to verdict ${name}`, ours: ms(check), peer: '', ratio: null });
  }
  return rows;
}

export async function main(root: string, args: readonly string[]): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'lsmith-bench-'));
  try {
    const t0 = performance.now();
    const engine = openEngine(root);
    engine.hooks(KERNEL);
    const load = performance.now() - t0;
    const rows: Row[] = [
      { what: `load profile ${KERNEL}`, ours: ms(load), peer: '', ratio: null },
      ...compileRows(root, engine, dir, clangSetup(root, dir)),
      ...interpreterRows(),
    ];
    if (args.includes('--json')) console.log(JSON.stringify(rows, null, 2));
    else
      for (const r of rows)
        console.log(
          `${r.what.padEnd(46)} ${r.ours.padStart(12)}  ${r.peer.padEnd(20)} ${r.ratio === null ? '' : `${r.ratio.toFixed(1)}×`}`,
        );
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
