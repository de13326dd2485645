/** Monaco: workers, languages, themes. Loaded once. */
import * as monaco from 'monaco-editor/editor/editor.api.js';
import 'monaco-editor/features/register.all.js';
import 'monaco-editor/languages/definitions/yaml/register.js';
import 'monaco-editor/languages/definitions/markdown/register.js';
import EditorWorker from 'monaco-editor/editor/editor.worker.js?worker';

self.MonacoEnvironment = { getWorker: () => new EditorWorker() };

const TYPES = [
  'int',
  'char',
  'short',
  'long',
  'void',
  'unsigned',
  'signed',
  'bool',
  'float',
  'double',
  'size_t',
  'ssize_t',
  'pid_t',
  'uid_t',
  'gid_t',
  'umode_t',
  'loff_t',
  ...['u8', 'u16', 'u32', 'u64', 's8', 's16', 's32', 's64'].flatMap((t) => [t, `__${t}`]),
  '__be16',
  '__be32',
  '__be64',
  '__le16',
  '__le32',
  '__wsum',
  '__sum16',
];

/** C as BPF authors write it: kernel types, helpers, BPF macros and map definitions stand out. */
const c: monaco.languages.IMonarchLanguage = {
  keywords: [
    'auto',
    'break',
    'case',
    'const',
    'continue',
    'default',
    'do',
    'else',
    'enum',
    'extern',
    'for',
    'goto',
    'if',
    'inline',
    'register',
    'return',
    'sizeof',
    'static',
    'struct',
    'switch',
    'typedef',
    'union',
    'volatile',
    'while',
    'typeof',
    '__typeof__',
    '__attribute__',
    '_Static_assert',
    '__always_inline',
    '__noinline',
    '__weak',
    '__hidden',
    '__ksym',
    '__kconfig',
  ],
  types: TYPES,
  constants: ['true', 'false', 'NULL'],
  tokenizer: {
    root: [
      [/^\s*#\s*include/, { token: 'keyword.directive', next: '@include' }],
      [/^\s*#\s*\w+/, 'keyword.directive'],
      [/\b(SEC)(\s*\(\s*)("[^"]*")/, ['macro', 'delimiter', 'section']],
      [
        /\b(BPF_PROG2?|BPF_CORE_READ\w*|BPF_PROBE_READ\w*|__uint|__type|__array|__ulong|bpf_core_\w+|BPF_ANY|BPF_NOEXIST|BPF_EXIST|BPF_F_\w+|BPF_MAP_TYPE_\w+)\b/,
        'macro',
      ],
      [/\bbpf_\w+(?=\s*\()/, 'helper'],
      [/\b(struct|union|enum)(\s+)([A-Za-z_]\w*)/, ['keyword', 'white', 'type']],
      [/\b[A-Z][A-Z0-9_]{2,}\b/, { cases: { '@constants': 'constant', '@default': 'constant' } }],
      [/[A-Za-z_]\w*(?=\s*\()/, { cases: { '@keywords': 'keyword', '@types': 'type', '@default': 'function' } }],
      [
        /[A-Za-z_]\w*/,
        { cases: { '@keywords': 'keyword', '@types': 'type', '@constants': 'constant', '@default': 'identifier' } },
      ],
      { include: '@whitespace' },
      [/[{}()[\]]/, '@brackets'],
      [/0[xX][0-9a-fA-F]+[uUlL]*/, 'number.hex'],
      [/\d+[uUlL]*/, 'number'],
      [/"([^"\\]|\\.)*$/, 'string.invalid'],
      [/"/, 'string', '@string'],
      [/'(\\.|[^'\\])+'/, 'string'],
      [/[;,.:?]/, 'delimiter'],
      [/[-+*/%&|^!~<>=]+/, 'operator'],
    ],
    include: [
      [/[<"][^>"]*[>"]/, 'string', '@pop'],
      [/\s+/, 'white'],
      [/./, '', '@pop'],
    ],
    whitespace: [
      [/\s+/, 'white'],
      [/\/\*/, 'comment', '@comment'],
      [/\/\/.*$/, 'comment'],
    ],
    comment: [
      [/[^/*]+/, 'comment'],
      [/\*\//, 'comment', '@pop'],
      [/[/*]/, 'comment'],
    ],
    string: [
      [/[^\\"]+/, 'string'],
      [/\\./, 'string.escape'],
      [/"/, 'string', '@pop'],
    ],
  },
};

monaco.languages.register({ id: 'c', extensions: ['.c', '.h'] });
monaco.languages.setMonarchTokensProvider('c', c);
monaco.languages.setLanguageConfiguration('c', {
  comments: { lineComment: '//', blockComment: ['/*', '*/'] },
  brackets: [
    ['{', '}'],
    ['[', ']'],
    ['(', ')'],
  ],
  autoClosingPairs: [
    { open: '{', close: '}' },
    { open: '[', close: ']' },
    { open: '(', close: ')' },
    { open: '"', close: '"', notIn: ['string', 'comment'] },
  ],
  surroundingPairs: [
    { open: '(', close: ')' },
    { open: '"', close: '"' },
    { open: '{', close: '}' },
  ],
});

const rules = (p: Record<string, string>): monaco.editor.ITokenThemeRule[] =>
  Object.entries(p).map(([token, foreground]) => ({
    token,
    foreground,
    ...(token === 'comment' ? { fontStyle: 'italic' } : {}),
  }));

monaco.editor.defineTheme('lsmith-dark', {
  base: 'vs-dark',
  inherit: true,
  rules: rules({
    comment: '8b949e',
    keyword: '7fb1ec',
    'keyword.directive': 'a5a9f0',
    type: '6cc7c0',
    macro: 'd4b06a',
    section: 'd4b06a',
    helper: 'dcd29a',
    function: 'd7dae0',
    constant: 'b9c7a0',
    number: 'b9c7a0',
    string: 'c59a80',
    identifier: 'd7dae0',
    operator: 'b4bac4',
    delimiter: 'b4bac4',
  }),
  colors: {
    'editor.background': '#16181d',
    'editor.foreground': '#d7dae0',
    'editorLineNumber.foreground': '#7d8590',
    'editorLineNumber.activeForeground': '#d7dae0',
    'editor.lineHighlightBackground': '#1d2026',
    'editor.lineHighlightBorder': '#00000000',
    'editorWidget.background': '#1f2229',
    'editorWidget.border': '#3a3f49',
    'editorCodeLens.foreground': '#9aa2ad',
    focusBorder: '#5b9bea',
    'editorGutter.background': '#16181d',
  },
});
monaco.editor.defineTheme('lsmith-light', {
  base: 'vs',
  inherit: true,
  rules: rules({
    comment: '606873',
    keyword: '1a5fb4',
    'keyword.directive': '6a3fb5',
    type: '0b6e6a',
    macro: '8a5a00',
    section: '8a5a00',
    helper: '6b5900',
    function: '1f2328',
    constant: '3f6212',
    number: '3f6212',
    string: '9a3b1d',
    identifier: '1f2328',
    operator: '444c56',
    delimiter: '444c56',
  }),
  colors: {
    'editor.background': '#fdfdfe',
    'editor.foreground': '#1f2328',
    'editorLineNumber.foreground': '#6e7781',
    'editorLineNumber.activeForeground': '#1f2328',
    'editor.lineHighlightBackground': '#f1f3f6',
    'editor.lineHighlightBorder': '#00000000',
    'editorCodeLens.foreground': '#59636e',
    focusBorder: '#1a66c9',
  },
});

export { monaco };
