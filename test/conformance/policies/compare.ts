/** Public policies through both compilers, and what judges say of both objects. */
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { InnerMap, KernelId } from '../../../src/lab/index.ts';
import { compileWithClang, OurCompiler, vmlinuxFolder, type Headers } from './compile.ts';
import { measureOnKernel, measureOurs, openProfiles, type ObjectMeasure } from './measure.ts';
import type { Judge, Row } from './report.ts';
import type { Source } from './sources.ts';

export interface Comparison {
  readonly root: string;
  readonly sources: readonly Source[];
  /** Whose vmlinux.h is compiled with. */
  readonly types: string;
  readonly headers: Headers;
  /** Whose verdicts are asked. */
  readonly kernels: readonly KernelId[];
  /** Our verifier; without it our loader only. */
  readonly verify: boolean;
  /** The real kernels too. */
  readonly lab: boolean;
  readonly say: (text: string) => void;
}

export interface Measured {
  readonly row: Row;
  readonly which: 'ours' | 'clang';
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly inner: readonly InnerMap[];
}

export interface Compared {
  readonly rows: readonly Row[];
  readonly judges: readonly Judge[];
  readonly objects: readonly Measured[];
}

export const judgeName = (kernel: string, verify: boolean): Judge =>
  verify ? `our verifier ${kernel}` : `our loader ${kernel}`;

/** Null when there is no bpftool to make a vmlinux.h. */
export async function comparePolicies(c: Comparison): Promise<Compared | null> {
  const { root, say } = c;
  const profiles = openProfiles(root);
  const vmlinux = vmlinuxFolder(gunzipSync(readFileSync(join(root, 'assets/profiles', c.types, 'btf.gz'))));
  if (vmlinux === null) return null;
  try {
    const ours = new OurCompiler(bundledHeaders(root), profiles.get(c.types).profile, c.headers, vmlinux);
    const rows: Row[] = [];
    const objects: Measured[] = [];
    for (const s of c.sources) {
      const a = ours.compile(s);
      const b = compileWithClang('clang-19', s, vmlinux, join(root, 'out/report-policies', c.types));
      const row: Row = {
        id: s.id,
        repo: s.repo,
        licence: s.licence,
        clangError: 'error' in b ? b.error : null,
        ourError: 'error' in a ? a.error : null,
        times: 'error' in a || 'error' in b ? null : { ours: a.ms, clang: b.ms },
        judged: new Map(),
      };
      rows.push(row);
      const name = basename(s.file).replace(/(\.bpf)?\.c$/, '');
      if (!('error' in a)) objects.push({ row, which: 'ours', name, bytes: a.bytes, inner: s.inner });
      if (!('error' in b)) objects.push({ row, which: 'clang', name, bytes: b.bytes, inner: s.inner });
      const told = (r: typeof a): string => ('error' in r ? r.error : `${r.ms.toFixed(0)} ms`);
      say(`${s.id}: ours ${told(a)}, clang ${told(b)}`);
    }
    const judges: Judge[] = [];
    for (const k of c.kernels) {
      const judge = judgeName(k, c.verify);
      judges.push(judge);
      for (const o of objects) {
        const t0 = performance.now();
        note(o, judge, measureOurs(o, profiles.get(k), c.verify));
        if (performance.now() - t0 > 5000) say(`${judge}, ${o.row.id} of ${o.which}: ${performance.now() - t0} ms`);
      }
      if (!c.lab) continue;
      const linux = `Linux ${k}`;
      judges.push(linux);
      const measured = await measureOnKernel(k, objects, (n) => say(`${linux}: ${n} of ${objects.length} objects`));
      objects.forEach((o, i) => note(o, linux, measured[i]));
    }
    return { rows, judges, objects };
  } finally {
    rmSync(vmlinux, { recursive: true, force: true });
  }
}

function note(o: Measured, judge: Judge, m: ObjectMeasure): void {
  const known = o.row.judged.get(judge) ?? { ours: null, clang: null };
  o.row.judged.set(judge, { ...known, [o.which]: m });
}

export function bundledHeaders(root: string): Map<string, string> {
  const home = join(root, 'assets/headers');
  const out = new Map<string, string>();
  const collect = (dir: string): void => {
    for (const name of readdirSync(dir)) {
      const path = join(dir, name);
      if (statSync(path).isDirectory()) collect(path);
      else out.set(relative(home, path), readFileSync(path, 'utf8'));
    }
  };
  collect(home);
  return out;
}
