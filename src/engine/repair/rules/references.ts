/** What was acquired must be released, once, on every path. */
import type { QuickFix } from '../../../base/index.ts';
import type { CallExpr, Expr, Stmt } from '../../c/index.ts';
import { insertAfter, insertBefore, remove } from '../edits.ts';
import { bare, expressions, placeAt, places, type Place } from '../tree.ts';
import { fix, type Edit, type Refused } from '../types.ts';

/** Who gives back what a function gave: with `&argument` for objects that live on the stack. */
const RELEASES: Readonly<Record<string, { readonly by: string; readonly more?: string; readonly argument?: number }>> =
  {
    bpf_ringbuf_reserve: { by: 'bpf_ringbuf_discard', more: ', 0' },
    bpf_ringbuf_reserve_dynptr: { by: 'bpf_ringbuf_discard_dynptr', more: ', 0', argument: 3 },
    bpf_task_acquire: { by: 'bpf_task_release' },
    bpf_task_from_pid: { by: 'bpf_task_release' },
    bpf_cgroup_acquire: { by: 'bpf_cgroup_release' },
    bpf_cgroup_from_id: { by: 'bpf_cgroup_release' },
    bpf_cgroup_ancestor: { by: 'bpf_cgroup_release' },
    bpf_get_task_exe_file: { by: 'bpf_put_file' },
    bpf_cpumask_create: { by: 'bpf_cpumask_release' },
    bpf_cpumask_acquire: { by: 'bpf_cpumask_release' },
    bpf_obj_new_impl: { by: 'bpf_obj_drop' },
    bpf_kptr_xchg: { by: 'bpf_obj_drop' },
    bpf_iter_num_new: { by: 'bpf_iter_num_destroy', argument: 0 },
    bpf_iter_task_new: { by: 'bpf_iter_task_destroy', argument: 0 },
    bpf_iter_css_new: { by: 'bpf_iter_css_destroy', argument: 0 },
  };
/** Pairs that take no object, or the same one. */
const PAIRS: Readonly<Record<string, string>> = {
  bpf_spin_lock: 'bpf_spin_unlock',
  bpf_rcu_read_lock: 'bpf_rcu_read_unlock',
  bpf_preempt_disable: 'bpf_preempt_enable',
};

const nameOf = (c: CallExpr): string =>
  c.target.kind === 'helper' ? c.target.name : c.target.kind === 'function' ? c.target.decl.name : '';

function* callsIn(s: Stmt): Generator<CallExpr> {
  for (const e of expressions(s)) if (e.kind === 'call') yield e;
}

/** The name that receives the value of a call. */
function receiver(s: Stmt): string | null {
  if (s.kind === 'decl') return s.vars.at(-1)?.name ?? null;
  for (const e of expressions(s)) {
    if (e.kind !== 'assign') continue;
    const to = bare(e.target);
    if (to.kind === 'var') return to.decl.name;
  }
  return null;
}

/** `bpf_ringbuf_discard(e, 0);` for what was acquired at the place. */
function releaseText(r: Refused, at: Place): string | null {
  for (const c of callsIn(at.stmt)) {
    const release = RELEASES[nameOf(c)] as (typeof RELEASES)[string] | undefined;
    if (release === undefined) continue;
    const object = release.argument === undefined ? receiver(at.stmt) : argText(r, c.args[release.argument]);
    if (object !== null) return `${release.by}(${object}${release.more ?? ''});`;
  }
  return null;
}

const argText = (r: Refused, e: Expr | undefined): string | null => (e === undefined ? null : r.source.textOf(bare(e)));

/** Returns behind a line, last first; and each of them alone before all together. */
function beforeReturns(r: Refused, after: number, line: string, title: string): QuickFix[] {
  if (r.func === null) return [];
  const returns = places(r.func).filter((p) => {
    const at = r.source.range(p.stmt);
    return p.stmt.kind === 'return' && at !== null && at.line > after;
  });
  const edits = returns.map((p) => insertBefore(r.source, p, [line])).filter((e): e is Edit[] => e !== null);
  const out = edits.map((e) => fix(title, ...e)).reverse();
  if (edits.length > 1) {
    // The first return behind an acquisition is often the one for "there was none".
    out.push(fix(title, ...edits.slice(1).flat()));
    out.push(fix(title, ...edits.flat()));
  }
  return out;
}

export function release(r: Refused): readonly QuickFix[] {
  const at = r.result.explanation?.related[0]?.insn ?? -1;
  const lines = r.program.lines;
  let acquired: Place | null = null;
  let after = 0;
  if (at >= 0 && r.func !== null) {
    const record = lines.filter((l) => l.insn <= at).at(-1);
    if (record !== undefined) {
      acquired = placeAt(r.func, r.source, record.line, record.column);
      after = record.line;
    }
  }
  if (acquired === null && r.func !== null) {
    acquired = places(r.func).find((p) => p.stmt.kind !== 'compound' && releaseText(r, p) !== null) ?? null;
    after = acquired === null ? 0 : (r.source.range(acquired.stmt)?.line ?? 0);
  }
  if (acquired === null) return [];
  const line = releaseText(r, acquired);
  if (line === null) return [];
  const submit = line.includes('discard') ? [line.replace('discard', 'submit')] : [];
  const title = (l: string): string => `Add ${l.slice(0, -1)}`;
  return [...submit, line].flatMap((l) => beforeReturns(r, after, l, title(l)));
}

/** A second release, or a use behind the release. */
export function removeCall(r: Refused): readonly QuickFix[] {
  if (r.place?.stmt.kind !== 'expr') return [];
  const edit = remove(r.source, r.place);
  const text = r.source.textOf(r.place.stmt);
  return edit === null || text === null ? [] : [fix(`Remove ${text.replace(/\s+/g, ' ').replace(/;$/, '')}`, edit)];
}

/** Locks and read-side sections that a path leaves open. */
export function unlock(r: Refused): readonly QuickFix[] {
  if (r.func === null) return [];
  const out: QuickFix[] = [];
  for (const p of places(r.func)) {
    if (p.stmt.kind !== 'expr') continue;
    for (const c of callsIn(p.stmt)) {
      const by = PAIRS[nameOf(c)] as string | undefined;
      if (by === undefined) continue;
      const line = `${by}(${argText(r, c.args[0]) ?? ''});`;
      out.push(...beforeReturns(r, r.source.range(p.stmt)?.line ?? 0, line, `Add ${line.slice(0, -1)}`));
    }
  }
  return out;
}

/** A call while the lock is held: the lock is released around it. */
export function unlockAround(r: Refused): readonly QuickFix[] {
  if (r.func === null || r.place === null) return [];
  for (const p of places(r.func)) {
    if (p.stmt.kind !== 'expr') continue;
    for (const c of callsIn(p.stmt)) {
      const by = PAIRS[nameOf(c)] as string | undefined;
      if (by === undefined) continue;
      const arg = argText(r, c.args[0]) ?? '';
      const before = insertBefore(r.source, r.place, [`${by}(${arg});`]);
      const after = insertAfter(r.source, r.place, `${nameOf(c)}(${arg});`);
      if (before !== null && after !== null) return [fix('Release the lock around this call', ...before, after)];
    }
  }
  return [];
}
