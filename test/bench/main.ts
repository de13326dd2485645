/** All benchmarks: the compiler against clang, a keystroke in a big policy, interpreter speed. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEngine } from '../../src/cli/context.ts';
import { compileRows } from './compile.ts';
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
    const verifier = verifierRows(root, openEngine(root), KERNEL, dir);
    const others = args.includes('--verifier') ? [] : [...compileRows(root, dir), ...interpreterRows()];
    const rows = [profileRow(root), ...others, ...verifier];
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
