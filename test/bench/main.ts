/**
 * `npm run bench`: ratios against a peer in one run on one machine: the compiler against clang, a keystroke in a big policy,
 * interpreter speed, the verifier, the code of public policies. Prints a table, with `--json` for machines;
 * `--profile`, `--compile`, `--vm`, `--policies` and `--verifier` ask for parts of it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEngine } from '../../src/cli/context.ts';
import { compileRows } from './compile.ts';
import { policyRows } from './policies.ts';
import { verifierRows, worstAlone } from './verifier.ts';
import { interpreterRows } from './vm.ts';

const KERNEL = '6.12';

export interface Row {
  readonly what: string;
  readonly ours: string;
  readonly peer: string;
  /** How many times faster (of sizes: bigger) ours is; null where there is no peer. */
  readonly ratio: number | null;
  /** What the project asks for. */
  readonly target?: string;
}

function profileRow(root: string): Row {
  const t0 = performance.now();
  openEngine(root).hooks('6.12');
  return { what: 'load profile 6.12', ours: `${(performance.now() - t0).toFixed(0)} ms`, peer: '', ratio: null };
}

export async function main(root: string, args: readonly string[]): Promise<void> {
  if (args[0] === '--worst') return worstAlone(root, args.slice(1));
  const dir = mkdtempSync(join(tmpdir(), 'lsmith-bench-'));
  try {
    const parts: Readonly<Record<string, () => Row[] | Promise<Row[]>>> = {
      '--profile': () => [profileRow(root)],
      '--compile': () => compileRows(root, dir),
      '--vm': () => interpreterRows(),
      '--policies': () => policyRows(root, KERNEL),
      '--verifier': () => verifierRows(root, openEngine(root), KERNEL, dir),
    };
    const wanted = Object.keys(parts).filter((name) => args.includes(name));
    const rows: Row[] = [];
    for (const name of wanted.length > 0 ? wanted : Object.keys(parts)) rows.push(...(await parts[name]()));
    if (args.includes('--json')) console.log(JSON.stringify(rows, null, 2));
    else
      for (const r of rows) {
        const ratio = r.ratio === null ? '' : `${r.ratio.toFixed(r.ratio < 10 ? 2 : 1)}×`;
        const target = r.target === undefined ? '' : `(target ${r.target})`;
        console.log(`${r.what.padEnd(46)} ${r.ours.padStart(9)}  ${r.peer.padEnd(20)} ${ratio.padStart(7)} ${target}`);
      }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
