/** What the editor knows about C policies beyond the compiler: hovers, completions, quick fixes. */
import type { QuickFix, SourceRange } from '../../../base/index.ts';
import type { HelperSummary } from '../../../engine/api/index.ts';
import type { HookInfo } from '../../../engine/lsm/index.ts';
import { currentKernel, diagnosticsOf, findFixes, get, typeDefinition } from '../../workbench/index.ts';
import { monaco } from './monaco-setup.ts';

const pathOf = (model: monaco.editor.ITextModel): string => model.uri.path.slice(1);
const SECTION = /SEC\s*\(\s*"(?:\?)?(lsm(?:\.s)?|lsm_cgroup)\/([A-Za-z0-9_]*)/;
const fence = (code: string): monaco.IMarkdownString => ({ value: `\`\`\`c\n${code}\n\`\`\`` });

const hookSignature = (h: HookInfo): string => {
  const declare = (type: string, name: string): string => (type.endsWith('*') ? type + name : `${type} ${name}`);
  return `${h.returns} ${h.name}(${h.args.map((a) => declare(a.type, a.name)).join(', ') || 'void'})`;
};

function hookFacts(h: HookInfo, kernel: string): string {
  const others = h.modules.filter((m) => m !== 'bpf');
  const facts = [
    h.attachable ? `✓ attachable on ${kernel}` : `✗ not attachable on ${kernel}: ${h.refusedBecause ?? 'refused'}`,
    h.sleepable ? 'sleepable programs (`lsm.s/`) allowed' : 'no sleepable programs',
    ...(h.returnRange ? [`returns ${h.returnRange[0]} to ${h.returnRange[1]}`] : []),
    others.length > 0 ? `also implemented by ${others.join(', ')}` : 'no other module implements it',
  ];
  return facts.map((f) => `- ${f}`).join('\n');
}

const LSM_WORDS: Readonly<Record<HelperSummary['lsm'], string>> = {
  all: 'all lsm programs may call it',
  sleepable: 'only sleepable lsm programs (`lsm.s/`) may call it',
  none: 'lsm programs may not call it',
};
const helperFacts = (h: HelperSummary): string => `Helper #${h.id}: on ${currentKernel()}, ${LSM_WORDS[h.lsm]}.`;

/** Lines of a definition shown in a hover. */
const MAX_LINES = 48;
function shorten(definition: string): string {
  const lines = definition.split('\n');
  return lines.length <= MAX_LINES
    ? definition
    : [...lines.slice(0, MAX_LINES), `/* ${lines.length - MAX_LINES} more lines */`].join('\n');
}

monaco.languages.registerHoverProvider('c', {
  async provideHover(model, position) {
    const kernel = currentKernel();
    const line = model.getLineContent(position.lineNumber);
    const section = SECTION.exec(line);
    if (section) {
      const hook = get().hooks[kernel]?.find((h) => h.name === section[2]);
      if (!hook) return null;
      return {
        range: new monaco.Range(
          position.lineNumber,
          section.index + 1,
          position.lineNumber,
          section.index + 1 + section[0].length,
        ),
        contents: [fence(hookSignature(hook)), { value: hookFacts(hook, kernel) }],
      };
    }
    const word = model.getWordAtPosition(position);
    if (!word) return null;
    const range = new monaco.Range(position.lineNumber, word.startColumn, position.lineNumber, word.endColumn);
    const helper = get().helpers[kernel]?.find((h) => h.name === word.word);
    if (helper) return { range, contents: [fence(helper.prototype), { value: helperFacts(helper) }] };
    // Only words that can be nothing but a type: variables are often called as their struct is.
    const tagged = /\b(struct|union|enum)\s+$/.test(line.slice(0, word.startColumn - 1));
    if (!tagged && !/_t$|^__[usbl]\w*\d+$/.test(word.word)) return null;
    const definition = await typeDefinition(word.word).catch(() => null);
    return definition === null
      ? null
      : { range, contents: [fence(shorten(definition)), { value: `In the types of kernel ${kernel}` }] };
  },
});

monaco.languages.registerCompletionItemProvider('c', {
  triggerCharacters: ['/', '_'],
  provideCompletionItems(model, position) {
    const kernel = currentKernel();
    const before = model.getLineContent(position.lineNumber).slice(0, position.column - 1);
    const section = SECTION.exec(before);
    const at = (start: number): monaco.IRange => ({
      startLineNumber: position.lineNumber,
      startColumn: start,
      endLineNumber: position.lineNumber,
      endColumn: model.getWordAtPosition(position)?.endColumn ?? position.column,
    });
    if (section && section.index + section[0].length === before.length) {
      const sleepable = section[1] === 'lsm.s';
      const range = at(position.column - section[2].length);
      return {
        suggestions: (get().hooks[kernel] ?? [])
          .filter((h) => h.attachable && (!sleepable || h.sleepable))
          .map((h) => ({
            label: h.name,
            kind: monaco.languages.CompletionItemKind.Event,
            insertText: h.name,
            detail: hookSignature(h),
            documentation: { value: hookFacts(h, kernel) },
            range,
          })),
      };
    }
    const word = /\bbpf_\w*$/.exec(before);
    if (!word) return { suggestions: [] };
    const range = at(word.index + 1);
    return {
      suggestions: (get().helpers[kernel] ?? [])
        .filter((h) => h.lsm !== 'none')
        .map((h) => ({
          label: h.name,
          kind: monaco.languages.CompletionItemKind.Function,
          insertText: h.name,
          detail: h.prototype,
          documentation: { value: helperFacts(h) },
          range,
        })),
    };
  },
});

const toMonaco = (r: SourceRange): monaco.IRange => ({
  startLineNumber: r.line,
  startColumn: r.column,
  endLineNumber: r.endLine,
  endColumn: r.endColumn,
});

function workspaceEdit(fix: QuickFix): monaco.languages.WorkspaceEdit {
  return {
    edits: fix.edits.map((e) => ({
      resource: monaco.Uri.from({ scheme: 'workspace', path: `/${e.range.file}` }),
      versionId: undefined,
      textEdit: { range: toMonaco(e.range), text: e.text },
    })),
  };
}

monaco.languages.registerCodeActionProvider(['c', 'yaml'], {
  async provideCodeActions(model, range, context, token) {
    const path = pathOf(model);
    const here = diagnosticsOf(path).filter(
      (d) => d.range.line <= range.endLineNumber && d.range.endLine >= range.startLineNumber,
    );
    const gone = new AbortController();
    token.onCancellationRequested(() => gone.abort());
    const found = await Promise.all(here.map(async (d) => ({ d, fixes: await findFixes(d, gone.signal) })));
    const actions = found.flatMap(({ d, fixes }) =>
      fixes.map((fix) => ({
        title: fix.title,
        kind: 'quickfix',
        diagnostics: context.markers.filter((m) => m.startLineNumber === d.range.line),
        edit: workspaceEdit(fix),
        isPreferred: fixes.length === 1,
      })),
    );
    return { actions, dispose: () => {} };
  },
});
