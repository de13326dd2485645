/**
 * The engine's one public face for its three users (app worker, CLI, tests): files in, reports out.
 * All results are plain data that structured clone can carry.
 */
import type { Explored } from './explored.ts';
import type { Diagnostic, QuickFix } from '../../base/index.ts';
import type { AttachSemantics, HookInfo, LsmStack, RunDiff, RunTrace } from '../lsm/index.ts';
import type { LineRecord } from '../loader/index.ts';
import type { Explanation } from '../verifier/index.ts';

/** Where the engine gets text and bytes from. Paths are `/`-separated, relative to the workspace or absolute. */
export interface FileProvider {
  /** Undefined when there is no such file. */
  read(path: string): Uint8Array | undefined;
}

export interface ProgramVerdict {
  readonly name: string;
  readonly section: string;
  readonly hook: string | null;
  readonly accepted: boolean;
  /** Kernel's final line, '' when accepted. */
  readonly message: string;
  /** C line, 0 when unknown. */
  readonly line: number;
  readonly insnsProcessed: number;
  readonly insnCount: number;
  readonly explanation: Explanation | null;
  readonly log: string;
  /** Times instructions of a C line were verified, `[line, visits]` by line; line 0 = of no line of this file. */
  readonly lineVisits: readonly (readonly [number, number])[];
  /** Only when it was asked for. */
  readonly states: Explored | null;
}

export interface CheckReport {
  readonly file: string;
  readonly kernel: string;
  readonly diagnostics: readonly Diagnostic[];
  readonly programs: readonly ProgramVerdict[];
  /** Milliseconds by stage, for the status bar. */
  readonly timings: { readonly compile: number; readonly load: number; readonly verify: number };
}

/** Edits that make one refused program acceptable, each proven. Found by code, place and message of the refusal. */
export interface RefusalFixes {
  readonly code: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  readonly fixes: readonly QuickFix[];
}

/** The explored tree of one program of a file, with what is needed to read it. */
export interface ProgramStates {
  /** All programs of the file. */
  readonly programs: readonly string[];
  /** Null when the file has none of that name, or does not compile. */
  readonly program: string | null;
  readonly accepted: boolean;
  readonly message: string;
  readonly states: Explored | null;
  /** Texts of the instructions that the tree names. */
  readonly texts: readonly (readonly [number, string])[];
}

export interface CheckOptions {
  /** The verifier's level-2 log. */
  readonly log?: boolean;
  /** The explored tree of each program. */
  readonly states?: boolean;
  /** Quick fixes for refused programs, which take longer than the check. */
  readonly fixes?: boolean;
}

export interface BuildReport {
  readonly diagnostics: readonly Diagnostic[];
  /** The ELF object, null when there were errors. */
  readonly object: Uint8Array | null;
}

/** One line of a listing: a C line or an instruction (bpftool prog dump xlated linum order). */
export type DumpLine =
  | { readonly kind: 'function'; readonly text: string }
  | { readonly kind: 'source'; readonly text: string; readonly record: LineRecord }
  | { readonly kind: 'insn'; readonly insn: number; readonly bytes: string; readonly text: string };

export interface ProgramDump {
  readonly name: string;
  readonly section: string;
  readonly lines: readonly DumpLine[];
}

export interface RunRequest {
  readonly scenario: string;
  /** Overrides the scenario's own; null = as the scenario or workspace says. */
  readonly kernel: string | null;
  readonly cmdline: string | null;
  readonly semantics: AttachSemantics;
}

export interface RunReport {
  readonly diagnostics: readonly Diagnostic[];
  /** Null when diagnostics have errors. */
  readonly trace: RunTrace | null;
}

export interface OrderVariant {
  readonly cmdline: string;
  readonly semantics: AttachSemantics;
  readonly trace: RunTrace;
  /** Against the baseline. */
  readonly diff: RunDiff;
}

export interface OrdersReport {
  readonly diagnostics: readonly Diagnostic[];
  readonly baseline: RunTrace | null;
  readonly variants: readonly OrderVariant[];
}

export interface OrdersRequest extends RunRequest {
  /** Command lines to try; empty = every distinct order of the modules in the baseline's stack that rules allow. */
  readonly cmdlines: readonly string[];
  /** Semantics to try beside the baseline's; empty = all four. */
  readonly allSemantics: readonly AttachSemantics[];
}

export interface ProfileSummary {
  readonly id: string;
  readonly release: string;
  readonly types: number;
  readonly hooks: number;
  readonly configLsm: string;
}

/** A helper as an editor shows it. */
export interface HelperSummary {
  readonly id: number;
  /** With prefix: `bpf_d_path`. */
  readonly name: string;
  /** C prototype. */
  readonly prototype: string;
  /** Which lsm programs this kernel lets call it. */
  readonly lsm: 'all' | 'sleepable' | 'none';
}

/** The engine. Synchronous and pure but for the caches it keeps; `profiles` must be loaded before use. */
export interface Engine {
  /** Ids of the profiles; none is loaded for it. */
  kernels(): readonly string[];
  /** Loads all profiles. */
  profiles(): readonly ProfileSummary[];
  check(file: string, kernel: string, opts?: CheckOptions): CheckReport;
  /**
   * Quick fixes for refused programs; see `FixFinder.find`. Work is done in steps, so that who asks may do something else
   * in between, or lose interest.
   */
  fixes(file: string, kernel: string, line: number | null): Generator<void, readonly RefusalFixes[]>;
  /** @param program null = the first that is refused, else the first */
  states(file: string, kernel: string, program: string | null): ProgramStates;
  build(file: string, kernel: string): BuildReport;
  dump(
    file: string,
    kernel: string,
  ): { readonly diagnostics: readonly Diagnostic[]; readonly programs: readonly ProgramDump[] };
  hooks(kernel: string): readonly HookInfo[];
  /** All helpers in the order of their numbers. */
  helpers(kernel: string): readonly HelperSummary[];
  /** C definition of a struct, union, enum or typedef of the kernel; null when it has none of that name. */
  typeDefinition(name: string, kernel: string): string | null;
  lsmOrder(kernel: string, cmdline: string): LsmStack;
  run(request: RunRequest): RunReport;
  orders(request: OrdersRequest): OrdersReport;
  /** Diagnostics of a scenario or `lsmith.yaml` file. */
  checkYaml(file: string): readonly Diagnostic[];
}
