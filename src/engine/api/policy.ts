/** One policy file through compiler, loader and verifier, with what was done kept until the text changes. */
import type { Diagnostic } from '../../base/index.ts';
import type { TranslationUnit } from '../c/index.ts';
import { loadObject, openObject, type LoadedObject, type LoadProblem } from '../loader/index.ts';
import { VerdictCache, verifyObject, type VerifierResult } from '../verifier/index.ts';
import { Cancelled } from './cancelled.ts';
import { lintPolicy, LintMemory, withFixes, type PolicyFacts } from '../lint/index.ts';
import type { PolicyCompiler } from './compile.ts';
import type { ReadyProfile } from './profiles.ts';
import { lineRange, refusalDiagnostic, sectionRange } from './refusals.ts';

/** What is known of one file for one kernel. Later stages are null when an earlier one failed. */
export interface PolicyState {
  readonly diagnostics: readonly Diagnostic[];
  /** The ELF object: compiled, or the file itself. */
  readonly bytes: Uint8Array | null;
  readonly object: LoadedObject | null;
  /** In the order of `object.programs`. */
  readonly results: readonly VerifierResult[];
  /** Refusals among the diagnostics, by the place of their program in `results`. */
  readonly refusals: readonly { readonly program: number; readonly diagnostic: Diagnostic }[];
  /** What the file was compiled from and to; null for objects. */
  readonly source: { readonly text: string; readonly unit: TranslationUnit } | null;
  readonly timings: { readonly compile: number; readonly load: number; readonly verify: number };
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

export interface CheckerOptions {
  readonly compiler: PolicyCompiler;
  /** Every kernel profile, read when asked for: what another kernel has is part of an explanation. */
  readonly profiles: () => readonly ReadyProfile[];
  /** Is what is being done not wanted any more? Then `Cancelled` is thrown. */
  readonly cancelled?: ((insnsProcessed: number) => boolean) | undefined;
  /** Milliseconds, for the timings; not part of any result that is compared. */
  readonly now: () => number;
}

export class PolicyChecker {
  readonly #compiler: PolicyCompiler;
  readonly #now: () => number;
  readonly #cancelled: ((insnsProcessed: number) => boolean) | undefined;
  readonly #profiles: () => readonly ReadyProfile[];
  readonly #verdicts = new VerdictCache();
  readonly #lint = new LintMemory();

  constructor(options: CheckerOptions) {
    this.#compiler = options.compiler;
    this.#now = options.now;
    this.#cancelled = options.cancelled;
    this.#profiles = options.profiles;
  }

  /** What lint is told of the kernel and of the others. */
  #facts(kernel: ReadyProfile): PolicyFacts {
    const { id } = kernel.profile;
    return {
      kernel: id,
      hooks: kernel.hooks,
      others: () => this.#others(id).map((p) => ({ kernel: p.profile.id, hooks: p.hooks })),
    };
  }

  #others(id: string): readonly ReadyProfile[] {
    return this.#profiles().filter((p) => p.profile.id !== id);
  }

  /**
   * All stages.
   * @param logLevel of the verifier's log
   * @param recordStates keep the explored tree of each program
   */
  check(file: string, kernel: ReadyProfile, logLevel: 0 | 1 | 2, recordStates = false): PolicyState {
    const t0 = this.#now();
    const { id, btf } = kernel.profile;
    const built = this.#compiler.build(file, { id, btf }, () =>
      this.#others(id).map((p) => ({ kernel: p.profile.id, btf: p.profile.btf })),
    );
    const { unit } = built;
    const facts = this.#facts(kernel);
    const diagnostics: Diagnostic[] = [];
    const say = (d: Diagnostic, about: { readonly program?: string; readonly section?: string }): void => {
      diagnostics.push(unit === null ? d : withFixes(d, about, unit, facts));
    };
    for (const d of built.diagnostics) say(d, {});
    if (unit !== null) diagnostics.push(...lintPolicy(unit, facts, this.#lint));
    const text = this.#compiler.text(file);
    const refusals: { program: number; diagnostic: Diagnostic }[] = [];
    const t1 = this.#now();
    const end = (object: LoadedObject | null, results: readonly VerifierResult[], t2: number): PolicyState => ({
      diagnostics,
      bytes: built.bytes,
      object,
      results,
      refusals,
      source: unit === null || text === null ? null : { text, unit },
      timings: { compile: t1 - t0, load: t2 - t1, verify: this.#now() - t2 },
    });
    if (built.bytes === null) return end(null, [], t1);
    const name = file.slice(file.lastIndexOf('/') + 1).replace(/\.bpf\.(c|o)$|\.[co]$/, '');
    const opened = openObject(built.bytes, name);
    if (!opened.ok) {
      for (const p of opened.error) say(problemDiagnostic(file, text, p), p);
      return end(null, [], this.#now());
    }
    const loaded = loadObject(opened.value, kernel.profile);
    if (!loaded.ok) {
      for (const p of loaded.error) say(problemDiagnostic(file, text, p), p);
      return end(null, [], this.#now());
    }
    const t2 = this.#now();
    const object = loaded.value;
    const cancelled = this.#cancelled;
    const results =
      logLevel === 0 && !recordStates
        ? this.#verdicts.verifyObject(object, kernel.platform, cancelled)
        : verifyObject(object, kernel.platform, {
            logLevel,
            recordStates,
            ...(cancelled === undefined ? {} : { cancelled }),
          });
    if (results.some((r) => r.explanation?.id === 'cancelled')) throw new Cancelled();
    const problems = object.problems ?? [];
    for (const p of problems) say(problemDiagnostic(file, text, p), p);
    // What the loader cannot attach, the kernel refuses too; the loader knows better why.
    const explained = new Set(problems.flatMap((p) => (p.severity === 'error' ? (p.program ?? []) : [])));
    results.forEach((r, i) => {
      const program = object.programs[i];
      if (r.accepted || explained.has(program.name)) return;
      say(refusalDiagnostic({ file, text, unit }, program, r), { program: r.program });
      refusals.push({ program: i, diagnostic: diagnostics[diagnostics.length - 1] });
    });
    return end(object, results, t2);
  }
}
