/** Text for people: diagnostics, traces, differences. */
import type { Diagnostic, Reason, Reasons } from '../base/index.ts';
import type { HookCall, ModuleCall, ProgramCall, RunDiff, RunTrace, StepTrace } from '../engine/lsm/index.ts';

/** `file:line:col: error: message [code]`, then what to know and do. */
export function diagnosticText(d: Diagnostic): string {
  const { file, line, column } = d.range;
  const out = [`${file}:${line}:${column}: ${d.severity}: ${d.message} [${d.code}]`];
  if (d.reasons !== undefined) out.push(...reasonsText(d.reasons));
  else if (d.explanation !== undefined) out.push(...d.explanation.split('\n').map((l) => `    ${l}`));
  for (const n of d.reasons === undefined ? (d.notes ?? []) : []) {
    const at = n.range ? `${n.range.file}:${n.range.line}:${n.range.column}: ` : '    ';
    out.push(`${at}note: ${n.message}`);
  }
  for (const f of d.fixes ?? []) {
    const edits = f.edits.map((e) => {
      const r = e.range;
      return `${r.line}:${r.column}-${r.endLine}:${r.endColumn} ${JSON.stringify(e.text)}`;
    });
    out.push(`    fix-it: ${f.title}: ${edits.join(', ')}`);
  }
  return out.join('\n');
}

/** Why a program was refused, each place as `file:line:col`. */
function reasonsText(r: Reasons): string[] {
  const at = (x: Reason): string =>
    x.range === undefined
      ? x.insn < 0
        ? ''
        : `instruction ${x.insn}: `
      : `${x.range.file}:${x.range.line}:${x.range.column}: `;
  return [
    `    ${r.text}`,
    `    required: ${r.required}`,
    `    known:    ${r.known}`,
    ...(r.lost === null ? [] : [`    lost at:  ${at(r.lost)}${r.lost.message}`]),
    ...r.related.filter((x) => x.insn !== r.lost?.insn).map((x) => `    see also: ${at(x)}${x.message}`),
    ...r.path.map((x, i) => `    ${i === 0 ? 'path:    ' : '         '} ${at(x)}${x.message}`),
    `    change:   ${r.change}`,
  ];
}

/** Columns padded to their widest cell. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const r of rows) r.forEach((c, i) => (widths[i] = Math.max(widths[i] ?? 0, c.length)));
  return rows
    .map((r) =>
      r
        .map((c, i) => (i === r.length - 1 ? c : c.padEnd(widths[i])))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function programText(p: ProgramCall): string[] {
  if (p.state === 'not-called') return [`        ${p.program} — not called (${p.because})`];
  const out = [`        ${p.program} = ${p.ret}  (${p.insns} instructions)`];
  for (const m of p.maps) {
    if (m.op === 'lookup')
      out.push(`          ${m.map}[${m.keyText}] ${m.found ? `found ${m.after ?? m.before ?? ''}` : 'not found'}`);
    else if (m.op === 'reserve') out.push(`          ${m.map}: ${m.found ? 'reserved' : 'full'}`);
    else
      out.push(
        `          ${m.map}${m.keyText === '' ? '' : `[${m.keyText}]`} ${m.op}: ${m.before ?? '—'} → ${m.after ?? '—'}`,
      );
  }
  for (const r of p.records) out.push(`          ${r.map} record: ${r.text ?? r.bytes}`);
  for (const l of p.printk) out.push(`          printk: ${l}`);
  if (p.fault !== null) out.push(`          FAULT: ${p.fault}`);
  return out;
}

const MARK: Readonly<Record<ModuleCall['state'], string>> = {
  called: '●',
  skipped: '○',
  'no-hook': '·',
  'not-modelled': '?',
};

function moduleText(m: ModuleCall): string[] {
  const what =
    m.state === 'called'
      ? `${m.ret ?? 'void'}${m.reason === null ? '' : `  (${m.reason})`}`
      : m.state === 'skipped'
        ? `not called, because of ${m.because}`
        : m.state === 'not-modelled'
          ? 'has this hook; not modelled, taken as allowing'
          : 'has no such hook';
  return [`      ${MARK[m.state]} ${m.module.padEnd(11)} ${what}`, ...m.programs.flatMap(programText)];
}

function hookText(h: HookCall, verbose: boolean): string[] {
  const args = h.args.map((a) => `${a.name}=${a.text}`).join(', ');
  const by = h.decidedBy === null ? '' : `  by ${h.decidedBy}`;
  const out = [`    ${h.hook}(${args}) = ${h.ret ?? 'void'}${by}`];
  for (const m of h.modules) if (verbose || m.state !== 'no-hook') out.push(...moduleText(m));
  for (const o of h.overrides) out.push(`      ↷ ${o.by} turned ${o.from} into ${o.to}`);
  return out;
}

function stepText(s: StepTrace, verbose: boolean): string {
  const by = s.decidedBy === null ? '' : `   decided by ${s.decidedBy}`;
  const out = [`${s.index + 1}. ${s.task}: ${s.text}${by}`];
  for (const h of s.hooks) out.push(...hookText(h, verbose));
  for (const n of s.notModelled) out.push(`    ? not modelled: ${n}`);
  for (const e of s.expectations) out.push(`    ${e.ok ? '✓' : '✗'} ${e.text}${e.ok ? '' : ` — was ${e.actual}`}`);
  return out.join('\n');
}

/** @param verbose also list modules without the hook */
export function traceText(t: RunTrace, verbose: boolean): string {
  const out = [`${t.scenario}`, `kernel ${t.kernel}, ${t.semantics}, stack ${t.stack.text}`];
  for (const p of t.programs) if (!p.attached) out.push(`not attached: ${p.policy}:${p.program} — ${p.why}`);
  out.push('', ...t.steps.map((s) => stepText(s, verbose)), '');
  for (const m of t.maps) {
    if (m.entries.length > 0)
      out.push(
        `map ${m.policy}/${m.map} (${m.type})`,
        ...m.entries.map((e) => (e.key === '' ? `  ${e.value}` : `  ${e.key} = ${e.value}`)),
      );
  }
  return out.join('\n');
}

export function diffText(d: RunDiff): string {
  if (d.count === 0) return '  nothing changes';
  const rows: string[][] = [];
  for (const s of d.steps)
    for (const c of s.changes) rows.push([`  step ${s.index + 1}`, c.what, c.subject, `${c.before} → ${c.after}`]);
  for (const m of d.maps)
    rows.push(['  map', '', m.map, `${m.before.replaceAll('\n', '; ')} → ${m.after.replaceAll('\n', '; ')}`]);
  return table(rows);
}
