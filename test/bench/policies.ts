/**
 * The code of other people's policies, ours against clang's: instructions as they stand in the object, and as the verifier
 * walks them. LSMITH_POLICIES names the folder with the sources (`npm run report:policies -- --dir DIR --fetch` fills one);
 * with LSMITH_POLICIES_LAB=1 the real kernel counts what it walks instead of our verifier.
 */
import { existsSync } from 'node:fs';
import type { KernelId } from '../../src/lab/index.ts';
import { comparePolicies, judgeName } from '../conformance/policies/compare.ts';
import { OUTLIER, quality } from '../conformance/policies/report.ts';
import { findSources } from '../conformance/policies/sources.ts';
import type { Row } from './main.ts';

const TARGET = '≤ 1.10×';

export async function policyRows(root: string, kernel: KernelId): Promise<Row[]> {
  const dir = process.env.LSMITH_POLICIES;
  const absent = (why: string): Row[] => [
    { what: 'public policies', ours: '', peer: why, ratio: null, target: TARGET },
  ];
  if (dir === undefined || !existsSync(dir)) return absent('not here (LSMITH_POLICIES)');
  const lab = process.env.LSMITH_POLICIES_LAB === '1';
  const { found, missing } = findSources(root, dir);
  const compared = await comparePolicies({
    root,
    sources: found,
    types: kernel,
    headers: 'genuine',
    kernels: [kernel],
    verify: !lab,
    lab,
    say: () => {},
  });
  if (compared === null) return absent('no bpftool here');
  const judge = lab ? `Linux ${kernel}` : judgeName(kernel, true);
  const q = quality(compared.rows, judge);
  const theirs = compared.rows.filter((r) => r.clangError === null);
  const both = theirs.filter((r) => r.ourError === null);
  const mean = (what: string, of: 'static' | 'processed'): Row => ({
    what: `policies: ${what}, geometric mean`,
    ours: `${q.perObject[of].toFixed(3)}×`,
    peer: `of ${q.objects} objects; of programs:`,
    ratio: q.perProgram[of],
    target: TARGET,
  });
  return [
    {
      what: 'policies: compiled, of those that clang compiles',
      ours: String(both.length),
      peer: `clang-19 ${theirs.length}${missing.length > 0 ? `; ${missing.length} not here` : ''}`,
      ratio: null,
    },
    { what: `policies: programs that ${judge} accepts of both`, ours: String(q.programs), peer: '', ratio: null },
    mean('instructions', 'static'),
    mean(`instructions walked (${judge})`, 'processed'),
    {
      what: `policies: programs above ${OUTLIER}×`,
      ours: String(q.outliers.length),
      peer: '',
      ratio: null,
      target: '0',
    },
    ...q.outliers.map((o): Row => {
      const worse = o.static >= (o.processed || 0) ? 'insns' : 'processed';
      return {
        what: `  ${o.id} ${o.program}${worse === 'processed' ? ', walked' : ''}`,
        ours: String(o.ours[worse]),
        peer: `clang-19 ${o.clang[worse]}`,
        ratio: worse === 'insns' ? o.static : o.processed,
        target: `≤ ${OUTLIER}×`,
      };
    }),
  ];
}
