import { useEffect, useRef, useState } from 'react';
import type { CheckReport } from '../../../engine/api/index.ts';
import type { Diagnostic } from '../../../base/index.ts';
import {
  currentKernel,
  documentOf,
  execute,
  get,
  isBeingChecked,
  isPolicy,
  isScenario,
  loadDocument,
  openDocuments,
  registerRevealer,
  set,
  store,
  use,
} from '../../workbench/index.ts';
import { Button, Empty } from '../../ui/icon.tsx';
import { budget, BUDGET_WIDTH } from './budget.ts';
import { monaco } from './monaco-setup.ts';

const SEVERITY = {
  error: monaco.MarkerSeverity.Error,
  warning: monaco.MarkerSeverity.Warning,
  info: monaco.MarkerSeverity.Info,
  hint: monaco.MarkerSeverity.Hint,
} as const;

/** Notes with a place (the macros around it, an earlier definition) as the list that Monaco shows under the message. */
const relatedTo = (d: Diagnostic): monaco.editor.IRelatedInformation[] =>
  (d.notes ?? []).flatMap((n) =>
    n.range === undefined
      ? []
      : [
          {
            resource: monaco.Uri.from({ scheme: 'workspace', path: `/${n.range.file}` }),
            message: n.message,
            startLineNumber: n.range.line,
            startColumn: n.range.column,
            endLineNumber: n.range.endLine,
            endColumn: n.range.endColumn,
          },
        ],
  );

function markersFor(path: string, model: monaco.editor.ITextModel, diagnostics: readonly Diagnostic[]): void {
  const last = model.getLineCount();
  monaco.editor.setModelMarkers(
    model,
    'lsmith',
    diagnostics
      .filter((d) => d.range.file === path)
      .map((d) => {
        const line = Math.min(Math.max(1, d.range.line), last);
        const endLine = Math.min(Math.max(line, d.range.endLine), last);
        // A finding of a whole line (verifier) is drawn under its text, not under its indentation.
        const start = d.range.column > 1 ? d.range.column : model.getLineFirstNonWhitespaceColumn(line) || 1;
        const end = endLine > line || d.range.endColumn > start ? d.range.endColumn : model.getLineMaxColumn(line);
        return {
          severity: SEVERITY[d.severity],
          message: d.explanation ? `${d.message}\n\n${d.explanation}` : d.message,
          code: d.code,
          source: 'lsmith',
          startLineNumber: line,
          startColumn: start,
          endLineNumber: endLine,
          endColumn: Math.max(end, start + 1),
          relatedInformation: relatedTo(d),
        };
      }),
  );
}

/** Keeps the markers of all open documents in step with the engine's answers. */
store.subscribe((s, before) => {
  const kernel = currentKernel(s);
  if (s.checks === before.checks && s.yaml === before.yaml && kernel === currentKernel(before)) return;
  for (const path of openDocuments()) {
    const model = documentOf(path)?.model;
    if (model && !model.isDisposed())
      markersFor(path, model, s.checks[path]?.[kernel]?.diagnostics ?? s.yaml[path] ?? []);
  }
});

const lensChange = new monaco.Emitter<monaco.languages.CodeLensProvider>();
store.subscribe((s, b) => {
  const { active } = s;
  const kernel = currentKernel(s);
  const turned = active !== null && isBeingChecked(s, active, kernel) !== isBeingChecked(b, active, kernel);
  if (turned || s.checks !== b.checks || s.run !== b.run || s.kernel !== b.kernel || s.scenario !== b.scenario)
    lensChange.fire(lens);
});

/** `SEC(...)` lines of the text, by program name: verdicts stand there even while line info is missing. */
function sectionLine(model: monaco.editor.ITextModel, name: string, section: string): number {
  const lines = model.getLinesContent();
  const byName = lines.findIndex(
    (l) => new RegExp(`\\b(BPF_PROG2?\\s*\\(\\s*)?${name}\\b\\s*[,(]`).test(l) && !/;\s*$/.test(l),
  );
  for (let i = byName; i >= Math.max(0, byName - 4); i--) if (/\bSEC\s*\(/.test(lines[i] ?? '')) return i + 1;
  const bySection = lines.findIndex((l) => l.includes(`SEC("${section}")`));
  return bySection >= 0 ? bySection + 1 : Math.max(1, byName + 1);
}

const pathOf = (model: monaco.editor.ITextModel): string => model.uri.path.slice(1);
const lens: monaco.languages.CodeLensProvider = {
  onDidChange: lensChange.event,
  provideCodeLenses(model) {
    const path = pathOf(model);
    const s = get();
    const kernel = currentKernel(s);
    const lenses: monaco.languages.CodeLens[] = [];
    const add = (line: number, title: string, command: string, argument?: string): void =>
      void lenses.push({
        range: { startLineNumber: line, startColumn: 1, endLineNumber: line, endColumn: 1 },
        id: `${line}:${title}`,
        command: { id: 'lsmith.execute', title, arguments: [command, argument] },
      });
    if (isPolicy(path)) {
      const report: CheckReport | undefined = s.checks[path]?.[kernel];
      const before = isBeingChecked(s, path, kernel) ? '… checking, before: ' : '';
      for (const p of report?.programs ?? []) {
        const line = sectionLine(model, p.name, p.section);
        add(
          line,
          `${before}${p.accepted ? `✓ accepted · ${p.insnCount} insns · ${kernel}` : `✗ refused by ${kernel}: ${p.message}`}`,
          p.accepted ? 'editor.instructions' : 'view.problems',
        );
        for (const [k, r] of Object.entries(s.checks[path] ?? {})) {
          const other = k === kernel ? undefined : r.programs.find((x) => x.name === p.name);
          if (other && other.accepted !== p.accepted)
            add(line, other.accepted ? `✓ accepted by ${k}` : `✗ refused by ${k}: ${other.message}`, 'run.kernel');
        }
        if (s.scenario !== null)
          add(line, `▸ Run ${s.scenario.replace(/^.*\//, '').replace(/\.scenario\.ya?ml$/, '')}`, 'run.scenario');
        add(line, 'Instructions', 'editor.instructions');
        add(line, 'States', 'editor.states', p.name);
      }
    }
    if (isScenario(path))
      add(
        1,
        s.run?.scenario === path && s.run.trace
          ? s.run.trace.passed
            ? '▸ Run again · ✓ expectations hold'
            : '▸ Run again · ✗ expectations fail'
          : '▸ Run scenario',
        'run.scenario',
        path,
      );
    return { lenses, dispose: () => {} };
  },
};
monaco.languages.registerCodeLensProvider(['c', 'yaml'], lens);
monaco.editor.registerCommand('lsmith.execute', (_accessor, id: string, argument?: string) => execute(id, argument));

const instances = new Map<string, monaco.editor.IStandaloneCodeEditor>();
export const editorOf = (path: string | null): monaco.editor.IStandaloneCodeEditor | undefined =>
  path === null ? undefined : instances.get(path);

/** C lines that ran in the selected decision. */
function coverage(path: string): monaco.editor.IModelDeltaDecoration[] {
  const s = get();
  const hook =
    typeof s.selection?.hook === 'number' ? s.run?.trace?.steps[s.selection.step]?.hooks[s.selection.hook] : undefined;
  const lines =
    hook?.modules
      .flatMap((m) => m.programs)
      .filter((p) => p.policy === path || path.endsWith(`/${p.policy}`))
      .flatMap((p) => Object.keys(p.lines).map(Number)) ?? [];
  return [...new Set(lines)].map((l) => ({
    range: new monaco.Range(l, 1, l, 1),
    options: {
      linesDecorationsClassName: 'ran-line',
      isWholeLine: true,
      hoverMessage: { value: 'Ran in the selected decision' },
    },
  }));
}

export function Editor({ config }: { config: unknown }) {
  const { path } = config as { path: string };
  const host = useRef<HTMLDivElement>(null);
  const [state, setState] = useState<'loading' | 'ready' | 'binary'>(documentOf(path) ? 'ready' : 'loading');
  const unchecked = use((s) => s.unchecked[path]);
  useEffect(() => {
    if (state !== 'loading') return;
    let alive = true;
    loadDocument(path).then(
      (d) => alive && setState(d ? 'ready' : 'binary'),
      () => alive && setState('binary'),
    );
    return () => {
      alive = false;
    };
  }, [path, state]);
  useEffect(() => {
    const element = host.current;
    const doc = documentOf(path);
    if (state !== 'ready' || !element || !doc) return;
    const s = get().settings;
    const editor = monaco.editor.create(element, {
      model: doc.model,
      automaticLayout: true,
      fontFamily: "'JetBrains Mono', 'DejaVu Sans Mono', monospace",
      fontLigatures: false,
      fontSize: s.fontSize,
      lineHeight: Math.round(s.fontSize * 1.5),
      minimap: { enabled: s.minimap },
      wordWrap: s.wordWrap ? 'on' : 'off',
      scrollBeyondLastLine: false,
      renderLineHighlight: 'line',
      smoothScrolling: false,
      cursorBlinking: 'solid',
      fixedOverflowWidgets: true,
      stickyScroll: { enabled: false },
      padding: { top: 8, bottom: 8 },
      lineNumbersMinChars: 4,
      lineDecorationsWidth: s.budget ? BUDGET_WIDTH : 10,
      folding: true,
      glyphMargin: false,
      overviewRulerBorder: false,
      ariaLabel: `Editor: ${path}`,
      renderWhitespace: 'none',
      guides: { indentation: false },
      codeLensFontFamily: 'Inter, system-ui, sans-serif',
      codeLensFontSize: 12,
      unicodeHighlight: { ambiguousCharacters: false },
      bracketPairColorization: { enabled: false },
      quickSuggestions: false,
      wordBasedSuggestions: 'currentDocument',
    });
    instances.set(path, editor);
    markersFor(path, doc.model, get().checks[path]?.[currentKernel()]?.diagnostics ?? get().yaml[path] ?? []);
    const decorations = editor.createDecorationsCollection(coverage(path));
    const gutter = editor.createDecorationsCollection(budget(path));
    const cursor = (): void => {
      const p = editor.getPosition();
      if (p) set({ active: path, cursor: { line: p.lineNumber, column: p.column } });
    };
    editor.onDidFocusEditorText(cursor);
    editor.onDidChangeCursorPosition(() => (editor.hasTextFocus() || get().active === path ? cursor() : undefined));
    const off = registerRevealer(path, (lineNumber, column, focus) => {
      editor.setPosition({ lineNumber, column });
      editor.revealLineInCenterIfOutsideViewport(lineNumber);
      if (focus) editor.focus();
    });
    // Its tab came to the front: the position that the status bar shows is this one's, with or without the focus.
    if (get().active === path) cursor();
    const stop = store.subscribe((now, before) => {
      if (now.active === path && before.active !== path) cursor();
      if (now.settings !== before.settings)
        editor.updateOptions({
          fontSize: now.settings.fontSize,
          lineHeight: Math.round(now.settings.fontSize * 1.5),
          minimap: { enabled: now.settings.minimap },
          wordWrap: now.settings.wordWrap ? 'on' : 'off',
          lineDecorationsWidth: now.settings.budget ? BUDGET_WIDTH : 10,
        });
      if (
        now.checks[path] !== before.checks[path] ||
        now.settings.budget !== before.settings.budget ||
        currentKernel(now) !== currentKernel(before)
      )
        gutter.set(budget(path));
      if (now.selection !== before.selection || now.run !== before.run) decorations.set(coverage(path));
    });
    if (get().active === path && document.activeElement === document.body) editor.focus();
    return () => {
      stop();
      off();
      if (instances.get(path) === editor) instances.delete(path);
      editor.dispose();
    };
  }, [path, state]);
  if (state === 'binary')
    return (
      <Empty
        title={`${path} is not text`}
        action={
          path.endsWith('.bpf.o') ? (
            <Button icon="symbol-method" label="Show its instructions" onPress={() => execute('editor.instructions')} />
          ) : undefined
        }
      >
        It is binary, too large, or no longer there. Nothing of it was changed.
      </Empty>
    );
  return (
    <div className="editor-wrap">
      {unchecked && (
        <div className="editor-note" role="status">
          <span className="codicon codicon-warning" aria-hidden="true" />
          <span className="grow">Not checked: {unchecked}</span>
          <Button label="Check now" onPress={() => execute('check.all')} />
        </div>
      )}
      <div className="editor-host" ref={host} />
    </div>
  );
}
