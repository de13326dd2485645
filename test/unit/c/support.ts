/** Compiles source texts for the tests of the C front end. */
import {
  compileFrontEnd,
  createFrontEndCache,
  createIncludeResolver,
  type FrontEndResult,
  type FunctionDecl,
  type Stmt,
  type Expr,
} from '../../../src/engine/c/index.ts';
import { Diagnostics } from '../../../src/engine/c/diagnostics.ts';
import { definePredefined } from '../../../src/engine/c/predefined.ts';
import { Preprocessor } from '../../../src/engine/c/preprocessor.ts';
import { Sources } from '../../../src/engine/c/sources.ts';
import { T } from '../../../src/engine/c/tokens.ts';

const raw = import.meta.glob('../../../assets/headers/**/*.h', { query: '?raw', import: 'default', eager: true });
export const bundled = new Map(
  Object.entries(raw).map(([path, text]) => [path.split('/assets/headers/')[1]!, text as string]),
);
export const cache = createFrontEndCache();

export function compile(text: string, files: Record<string, string> = {}): FrontEndResult {
  const includes = createIncludeResolver({ bundled, read: (path) => files[path] });
  return compileFrontEnd({
    file: 'test.bpf.c',
    text,
    includes,
    profileBtf: null,
    target: { kernelVersion: '6.12' },
    cache,
  });
}

/** Compiles what must be free of findings. */
export function clean(text: string, files: Record<string, string> = {}): FrontEndResult {
  const r = compile(text, files);
  if (r.diagnostics.length > 0) {
    throw new Error(
      r.diagnostics.map((d) => `${d.range.file}:${d.range.line}:${d.range.column} ${d.code} ${d.message}`).join('\n'),
    );
  }
  return r;
}

/** `line:column-endLine:endColumn code`, one each. */
export const findings = (text: string, files: Record<string, string> = {}): string[] =>
  compile(text, files).diagnostics.map(
    (d) => `${d.range.line}:${d.range.column}-${d.range.endLine}:${d.range.endColumn} ${d.code}`,
  );

export function fn(r: FrontEndResult, name: string): FunctionDecl {
  const f = r.unit.functions.find((x) => x.name === name);
  if (f === undefined) throw new Error(`no function ${name}`);
  return f;
}

/** Value that `expr` folds to, via the image of a global. */
export function constant(expr: string, before = ''): bigint {
  const r = clean(`${before}\nunsigned long long probe = (unsigned long long)(${expr});`);
  const v = r.unit.variables.find((x) => x.name === 'probe')!;
  return new DataView(v.image!.bytes.buffer).getBigUint64(0, true);
}

/** Every expression below a statement, outermost first. */
export function expressions(root: Stmt | Expr): Expr[] {
  const out: Expr[] = [];
  const seen = new Set<object>();
  const visit = (node: unknown): void => {
    if (node === null || typeof node !== 'object' || seen.has(node)) return;
    seen.add(node);
    if (Array.isArray(node)) return node.forEach(visit);
    const n = node as Record<string, unknown>;
    if (typeof n['kind'] === 'string' && 'type' in n && 'loc' in n && !('nameLoc' in n)) out.push(n as unknown as Expr);
    for (const [key, value] of Object.entries(n)) if (key !== 'type' && key !== 'decl' && key !== 'field') visit(value);
  };
  visit(root);
  return out;
}

/** Only preprocesses: the spellings of all tokens (pragmas in their place, behind `#pragma`) and the errors. */
export function preprocess(
  file: string,
  files: Record<string, string>,
  includeDirs: readonly string[],
): { readonly tokens: string[]; readonly errors: string[] } {
  const sources = new Sources();
  const diagnostics = new Diagnostics(sources);
  const pp = new Preprocessor({
    sources,
    cache: cache.tokens,
    diagnostics,
    includes: createIncludeResolver({ bundled: new Map(), read: (path) => files[path], includeDirs }),
    hasVirtualVmlinux: false,
    onVirtualVmlinux: () => {},
  });
  const tokens: string[] = [];
  pp.onPragma = (words) => void tokens.push('#pragma', ...words.map((w) => w.text));
  pp.enter(file, files[file]!, 0, false);
  definePredefined(pp, {});
  for (let t = pp.next(); t.kind !== T.Eof; t = pp.next()) tokens.push(t.text);
  return { tokens, errors: diagnostics.list.filter((d) => d.severity === 'error').map((d) => d.message) };
}
