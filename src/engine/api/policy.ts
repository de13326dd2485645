/** One policy file through compiler, loader and verifier, with what was done kept until the text changes. */
import type { Diagnostic, SourceRange } from '../../base/index.ts';
import { createIncludeResolver, createFrontEndCache, type FrontEndCache } from '../c/index.ts';
import { compileC } from '../codegen/index.ts';
import { loadObject, openObject, type LineRecord, type LoadedObject, type LoadProblem } from '../loader/index.ts';
import { verifyObject, type VerifierResult } from '../verifier/index.ts';
import type { ReadyProfile } from './profiles.ts';
import type { FileProvider } from './types.ts';

/** What is known of one file for one kernel. Later stages are null when an earlier one failed. */
export interface PolicyState {
  readonly diagnostics: readonly Diagnostic[];
  /** The ELF object: compiled, or the file itself. */
  readonly bytes: Uint8Array | null;
  readonly object: LoadedObject | null;
  /** In the order of `object.programs`. */
  readonly results: readonly VerifierResult[];
  readonly timings: { readonly compile: number; readonly load: number; readonly verify: number };
}

const ELF_MAGIC = [0x7f, 0x45, 0x4c, 0x46];
const isElf = (bytes: Uint8Array): boolean => ELF_MAGIC.every((b, i) => bytes[i] === b);

const wholeFile = (file: string): SourceRange => ({ file, line: 1, column: 1, endLine: 1, endColumn: 1 });

function lineRange(file: string, at: LineRecord | null | undefined): SourceRange {
  if (!at) return wholeFile(file);
  const indent = at.text.length - at.text.trimStart().length;
  return {
    file,
    line: at.line,
    column: Math.max(1, at.column > 1 ? at.column : indent + 1),
    endLine: at.line,
    endColumn: Math.max(2, at.text.trimEnd().length + 1),
  };
}

const problemDiagnostic = (file: string, text: string | null, p: LoadProblem): Diagnostic => ({
  severity: p.severity,
  code: p.code,
  message: p.message,
  // What is about the program as a whole (its hook, its type) belongs to its SEC().
  range:
    p.section !== undefined && text !== null && (!p.line || p.insn === 0)
      ? sectionRange(file, text, p.section)
      : lineRange(file, p.line),
  explanation: p.explanation,
});

/** Line of `SEC("section")` in the source: where refusals that are not about an instruction belong. */
function sectionRange(file: string, text: string | null, section: string): SourceRange {
  if (text === null) return wholeFile(file);
  const at = text.indexOf(`SEC("${section}")`);
  if (at < 0) return wholeFile(file);
  const line = text.slice(0, at).split('\n').length;
  const column = at - text.lastIndexOf('\n', at - 1);
  return { file, line, column, endLine: line, endColumn: column + section.length + 7 };
}

function refusalDiagnostic(file: string, text: string | null, section: string, r: VerifierResult): Diagnostic {
  const e = r.explanation;
  const range = r.line === null ? sectionRange(file, text, section) : lineRange(file, r.line);
  return {
    severity: 'error',
    code: `verifier/${e?.id ?? 'refused'}`,
    message: r.message,
    range,
    ...(e === null ? {} : { explanation: e.advice === '' ? e.text : `${e.text}\n${e.advice}` }),
    notes: (e?.path ?? []).map((p) => ({ message: p.what, ...(p.line ? { range: lineRange(file, p.line) } : {}) })),
  };
}

/** Where a program's refusal shows: its line in the C file, 0 when unknown. */
export function refusalLine(file: string, text: string | null, section: string, r: VerifierResult): number {
  if (r.line !== null) return r.line.line;
  return text === null ? 0 : sectionRange(file, text, section).line;
}

export interface PolicyCompilerOptions {
  readonly files: FileProvider;
  /** Bundled headers by the name in #include. */
  readonly headers: ReadonlyMap<string, string>;
  /** Milliseconds, for the timings; not part of any result that is compared. */
  readonly now: () => number;
}

export class PolicyCompiler {
  readonly #o: PolicyCompilerOptions;
  readonly #cache: FrontEndCache = createFrontEndCache();

  constructor(options: PolicyCompilerOptions) {
    this.#o = options;
  }

  /** Source text, null for objects and missing files. */
  text(file: string): string | null {
    const bytes = this.#o.files.read(file);
    return bytes === undefined || isElf(bytes) ? null : new TextDecoder().decode(bytes);
  }

  /** Compiles C to an object; an ELF file is taken as it is. */
  build(
    file: string,
    kernel: ReadyProfile,
  ): { readonly diagnostics: readonly Diagnostic[]; readonly bytes: Uint8Array | null } {
    const bytes = this.#o.files.read(file);
    if (bytes === undefined) {
      const d: Diagnostic = {
        severity: 'error',
        code: 'file/missing',
        message: `no such file: ${file}`,
        range: wholeFile(file),
      };
      return { diagnostics: [d], bytes: null };
    }
    // What ends in .o is an object even when its magic is damaged: the loader says what is wrong with it.
    if (isElf(bytes) || file.endsWith('.o')) return { diagnostics: [], bytes };
    const decoder = new TextDecoder();
    const includes = createIncludeResolver({
      bundled: this.#o.headers,
      read: (path) => {
        const found = this.#o.files.read(path);
        return found === undefined ? undefined : decoder.decode(found);
      },
    });
    const { profile } = kernel;
    const out = compileC({
      file,
      text: decoder.decode(bytes),
      includes,
      profileBtf: profile.btf,
      target: { kernelVersion: profile.id },
      cache: this.#cache,
    });
    return { diagnostics: out.diagnostics, bytes: out.object };
  }

  /** All stages. @param logLevel of the verifier's log */
  check(file: string, kernel: ReadyProfile, logLevel: 0 | 1 | 2): PolicyState {
    const t0 = this.#o.now();
    const built = this.build(file, kernel);
    const t1 = this.#o.now();
    const diagnostics = [...built.diagnostics];
    const end = (object: LoadedObject | null, results: readonly VerifierResult[], t2: number): PolicyState => ({
      diagnostics,
      bytes: built.bytes,
      object,
      results,
      timings: { compile: t1 - t0, load: t2 - t1, verify: this.#o.now() - t2 },
    });
    if (built.bytes === null) return end(null, [], t1);
    const name = file.slice(file.lastIndexOf('/') + 1).replace(/\.bpf\.(c|o)$|\.[co]$/, '');
    const opened = openObject(built.bytes, name);
    if (!opened.ok) {
      diagnostics.push(...opened.error.map((p) => problemDiagnostic(file, this.text(file), p)));
      return end(null, [], this.#o.now());
    }
    const loaded = loadObject(opened.value, kernel.profile);
    if (!loaded.ok) {
      diagnostics.push(...loaded.error.map((p) => problemDiagnostic(file, this.text(file), p)));
      return end(null, [], this.#o.now());
    }
    const t2 = this.#o.now();
    const object = loaded.value;
    const results = verifyObject(object, kernel.platform, { logLevel });
    const text = this.text(file);
    const problems = object.problems ?? [];
    diagnostics.push(...problems.map((p) => problemDiagnostic(file, text, p)));
    // What the loader cannot attach, the kernel refuses too; the loader knows better why.
    const explained = new Set(problems.flatMap((p) => (p.severity === 'error' ? (p.program ?? []) : [])));
    results.forEach((r, i) => {
      if (!r.accepted && !explained.has(object.programs[i].name))
        diagnostics.push(refusalDiagnostic(file, text, object.programs[i].section, r));
    });
    return end(object, results, t2);
  }
}
