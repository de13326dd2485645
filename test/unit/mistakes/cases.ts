/**
 * Cases of test/data/mistakes-c: sources with what the compiler must say written below the line it says it of.
 *
 *     //// title (bare)                  a new case; `bare`: without the includes that the others begin with
 *     return conut;
 *     //~ 9-14 error c/code: message     columns of the line above (end exclusive; `9-+1:3` ends one line below)
 *     //~ explained: text
 *     //~ note: text
 *     //~ fix: title => clean            applied, nothing is left; `gone`: this finding is gone, others remain
 *     //~ [6.1] ...                      on that kernel only
 */
import { readFileSync } from 'node:fs';
import type { Diagnostic, QuickFix } from '../../../src/base/index.ts';
import { bench, root } from '../api/support.ts';

export const KERNELS = ['6.1', '6.12'];
export const FILES = ['c', 'bpf', 'policy'].map((f) => `test/data/mistakes-c/${f}.c`);

const PRELUDE = `#include "vmlinux.h"
#include <errno.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
char LICENSE[] SEC("license") = "GPL";
`;
const PRELUDE_LINES = PRELUDE.split('\n').length - 1;

export interface Case {
  readonly file: string;
  readonly title: string;
  /** The header line as written. */
  readonly header: string;
  /** Without annotations. */
  readonly source: readonly string[];
  /** With annotations. */
  readonly written: readonly string[];
  /** Plain C: clang can be asked about it. */
  readonly plain: boolean;
  readonly bare: boolean;
}

export function readCases(file: string): readonly Case[] {
  const out: (Omit<Case, 'source' | 'written'> & { source: string[]; written: string[] })[] = [];
  for (const line of readFileSync(`${root}/${file}`, 'utf8').trimEnd().split('\n')) {
    const start = /^\/\/\/\/ (.*?)( \(bare\))?$/.exec(line);
    if (start) {
      const plain = !file.endsWith('policy.c');
      out.push({
        file,
        title: start[1],
        header: line,
        source: [],
        written: [],
        plain,
        bare: plain || start[2] !== undefined,
      });
    } else {
      const c = out.at(-1)!;
      c.written.push(line);
      if (!line.startsWith('//~')) c.source.push(line);
    }
  }
  for (const c of out) for (const list of [c.source, c.written]) while (list.at(-1) === '') list.pop();
  return out;
}

/** The text that is compiled. */
export const textOf = (c: Case): string => (c.bare ? '' : PRELUDE) + c.source.join('\n') + '\n';

const shared = bench();

export function check(text: string, kernel: string): readonly Diagnostic[] {
  const path = 'mistake.bpf.c';
  shared.put(path, text);
  const { diagnostics } = shared.engine.check(path, kernel, { fixes: true });
  return diagnostics;
}

export function apply(text: string, fix: QuickFix): string {
  const lines = text.split('\n');
  const starts = [0];
  for (const l of lines) starts.push(starts.at(-1)! + l.length + 1);
  const at = (line: number, column: number): number => starts[line - 1]! + column - 1;
  let out = text;
  const edits = [...fix.edits].sort((a, b) => at(b.range.line, b.range.column) - at(a.range.line, a.range.column));
  for (const { range: r, text: t } of edits) {
    out = out.slice(0, at(r.line, r.column)) + t + out.slice(at(r.endLine, r.endColumn));
  }
  return out;
}

/** What became of a finding after its fix. */
function outcome(d: Diagnostic, fixed: string, kernel: string): string {
  const left = check(fixed, kernel);
  if (left.length === 0) return 'clean';
  const same = left.some((x) => x.code === d.code && x.message === d.message);
  return same ? 'STILL THERE' : 'gone';
}

/** Annotations by line of the source (0: in front of it). */
function annotations(c: Case, kernel: string): Map<number, string[]> {
  const text = textOf(c);
  const shift = c.bare ? 0 : PRELUDE_LINES;
  const out = new Map<number, string[]>();
  for (const d of check(text, kernel)) {
    const { line, column, endLine, endColumn } = d.range;
    const end = endLine === line ? `${endColumn}` : `+${endLine - line}:${endColumn}`;
    const at = d.range.file === 'mistake.bpf.c' ? Math.max(0, line - shift) : 0;
    const list = out.get(at) ?? [];
    out.set(at, list);
    const where =
      d.range.file !== 'mistake.bpf.c' ? `${d.range.file}:${line} ` : line - shift < 1 ? `line ${line - shift} ` : '';
    list.push(`${where}${column}-${end} ${d.severity} ${d.code}: ${d.message}`);
    const ours = /^(c|policy|codegen)\/|^loader\/no-such-hook/.test(d.code);
    if (ours && d.explanation !== undefined) list.push(`  explained: ${d.explanation}`);
    for (const n of d.notes ?? []) {
      if (!d.code.startsWith('verifier/')) list.push(`  note: ${n.message}`);
    }
    for (const f of d.fixes ?? []) list.push(`  fix: ${f.title} => ${outcome(d, apply(text, f), kernel)}`);
  }
  return out;
}

/** The case as it must be written for what the compiler says today. */
export function annotate(c: Case): string[] {
  const byKernel = KERNELS.map((k) => annotations(c, k));
  const out: string[] = [];
  for (let line = 0; line <= c.source.length; line++) {
    if (line > 0) out.push(c.source[line - 1]!);
    const [a, b] = byKernel.map((m) => m.get(line) ?? []);
    if (a.join('\n') === b.join('\n')) out.push(...a.map((t) => `//~ ${t}`));
    else byKernel.forEach((m, i) => out.push(...(m.get(line) ?? []).map((t) => `//~ [${KERNELS[i]}] ${t}`)));
  }
  return out;
}
