/** The listing: C lines interleaved with the instructions made from them, in step with the editor's cursor. */
import { useEffect, useMemo, useRef, useState } from 'react';
import { useVirtualizer } from '@tanstack/react-virtual';
import type { DumpLine } from '../../../engine/api/index.ts';
import {
  get,
  isPolicy,
  openDocument,
  refreshDump,
  registerCommand,
  registerView,
  set,
  showBesideEditors,
  use,
  baseName,
} from '../../workbench/index.ts';
import { Button, Empty } from '../../ui/icon.tsx';

type Line =
  | { readonly kind: 'title'; readonly text: string; readonly c: number; readonly program: string }
  | (DumpLine & { readonly c: number; readonly program: string });

function Instructions() {
  const dump = use((s) => s.dump);
  const active = use((s) => s.active);
  const cursor = use((s) => s.cursor);
  const program = use((s) => s.selection?.program ?? null);
  const [hover, setHover] = useState(0);
  const scroll = useRef<HTMLDivElement>(null);
  const lines = useMemo(() => {
    const out: Line[] = [];
    for (const p of dump?.programs ?? []) {
      out.push({ kind: 'title', text: `${p.name}  ${p.section}`, c: 0, program: p.name });
      let c = 0;
      for (const l of p.lines) {
        if (l.kind === 'source') c = l.record.line;
        if (l.kind === 'function') c = 0;
        out.push({ ...l, c, program: p.name });
      }
    }
    return out;
  }, [dump]);
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => 19,
    overscan: 20,
  });
  const here = active !== null && active === dump?.file ? (cursor?.line ?? 0) : 0;
  useEffect(() => {
    if (active !== null && isPolicy(active) && active !== dump?.file) refreshDump(active);
  }, [active, dump?.file]);
  const insn = use((s) => s.insn);
  const isChosen = (l: Line): boolean =>
    insn !== null &&
    l.kind === 'insn' &&
    insn.file === dump?.file &&
    insn.program === l.program &&
    insn.insn === l.insn;
  useEffect(() => {
    if (insn === null || insn.by === 'instructions' || insn.file !== dump?.file) return;
    const i = lines.findIndex((l) => l.kind === 'insn' && l.program === insn.program && l.insn === insn.insn);
    if (i >= 0) virtual.scrollToIndex(i, { align: 'auto' });
  }, [insn, lines, dump?.file, virtual]);
  const own = useRef(false);
  useEffect(() => {
    if (own.current) {
      own.current = false;
      return;
    }
    const i = here > 0 ? lines.findIndex((l) => l.c === here && l.kind !== 'function') : -1;
    if (i >= 0) virtual.scrollToIndex(i, { align: 'center' });
  }, [here, lines, virtual]);
  useEffect(() => {
    const i = program ? lines.findIndex((l) => l.kind === 'title' && l.text.startsWith(program)) : -1;
    if (i >= 0) virtual.scrollToIndex(i, { align: 'start' });
  }, [program, lines, virtual]);
  if (!dump || dump.programs.length === 0)
    return (
      <Empty
        title="No instructions yet"
        action={
          <Button
            primary
            icon="symbol-method"
            label="Compile the open policy"
            onPress={() => {
              const a = get().active;
              if (a) refreshDump(a);
            }}
          />
        }
      >
        The BPF instructions of a policy appear here with the C lines they come from.
      </Empty>
    );
  const count = dump.programs.reduce((n, p) => n + p.lines.filter((l) => l.kind === 'insn').length, 0);
  return (
    <div className="panel">
      <div className="panel-bar">
        <span className="ellipsis grow">
          {baseName(dump.file)} · {dump.programs.length} {dump.programs.length === 1 ? 'program' : 'programs'} · {count}{' '}
          instructions
        </span>
        {dump.stale && <span className="sev-warning">of the last text that compiled</span>}
      </div>
      <div className="listing mono" ref={scroll} tabIndex={0} role="group" aria-label="Instructions">
        <div style={{ height: virtual.getTotalSize(), position: 'relative' }}>
          {virtual.getVirtualItems().map((v) => {
            const l = lines[v.index];
            const lit = l.c > 0 && (l.c === here || l.c === hover);
            return (
              <div
                key={v.key}
                className={`asm asm-${l.kind}${lit ? ' lit' : ''}${isChosen(l) ? ' chosen' : ''}`}
                style={{ transform: `translateY(${v.start}px)` }}
                onMouseEnter={() => setHover(l.c)}
                onMouseLeave={() => setHover(0)}
                onClick={() => {
                  if (l.kind === 'insn')
                    set({ insn: { file: dump.file, program: l.program, insn: l.insn, by: 'instructions' } });
                  if (l.c > 0) {
                    own.current = true;
                    void openDocument(dump.file, { line: l.c, column: 1 });
                  }
                }}
              >
                {l.kind === 'insn' ? (
                  <>
                    <span className="asm-no">{l.insn}</span>
                    <span className="asm-bytes" title={l.bytes}>
                      {l.bytes}
                    </span>
                    <span className="asm-text">{l.text.replace(/^\s*\d+:\s*/, '')}</span>
                  </>
                ) : l.kind === 'source' ? (
                  <>
                    <span className="asm-no">{l.c}</span>
                    <span className="asm-text">{l.record.text.trim()}</span>
                  </>
                ) : (
                  <span className="asm-text">{l.text}</span>
                )}
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

registerView({
  id: 'instructions',
  title: 'Instructions',
  icon: 'symbol-method',
  place: 'editor',
  component: Instructions,
});
registerCommand({
  id: 'editor.instructions',
  title: 'Show Instructions',
  category: 'Editor',
  key: 'Ctrl+I',
  run: () => {
    const a = get().active;
    if (a !== null && isPolicy(a)) refreshDump(a);
    showBesideEditors('instructions');
  },
});
