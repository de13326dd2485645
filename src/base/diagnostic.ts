/** A place in a source file. Lines and columns count from 1; columns are UTF-16 code units; the end is exclusive. */
export interface SourceRange {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

export type Severity = 'error' | 'warning' | 'info' | 'hint';

export interface DiagnosticNote {
  readonly message: string;
  readonly range?: SourceRange;
}

/** An edit that is likely what the author meant. */
export interface QuickFix {
  readonly title: string;
  readonly edits: readonly { readonly range: SourceRange; readonly text: string }[];
}

/** A place that has a part in a refusal. */
export interface Reason {
  /** Instruction of the program; -1 = before its first. */
  readonly insn: number;
  readonly range?: SourceRange;
  readonly message: string;
}

/** Why the verifier refused a program. */
export interface Reasons {
  readonly id: string;
  readonly text: string;
  /** What the refused instruction needs. */
  readonly required: string;
  /** What the verifier knew instead. */
  readonly known: string;
  /** Where on the path the knowledge was lost, or the value began without it; null = nothing was lost. */
  readonly lost: (Reason & { readonly kind: string }) | null;
  readonly related: readonly Reason[];
  /** The branches that led to it, oldest first. */
  readonly path: readonly (Reason & {
    readonly condition: string;
    /** Does the condition hold on this path? Null = the line does not tell. */
    readonly holds: boolean | null;
    readonly taken: boolean;
    readonly times: number;
  })[];
  /** What to do about it. */
  readonly change: string;
}

/** Anything LSMith says about a file: compiler, loader, verifier and scenario reader all speak this. */
export interface Diagnostic {
  readonly severity: Severity;
  /** Stable id, `area/slug`, e.g. `c/unknown-identifier`, `verifier/null-deref`. */
  readonly code: string;
  /** One line. For the verifier: the kernel's own final words. */
  readonly message: string;
  readonly range: SourceRange;
  /** What to know and what to do, in plain English (verifier and loader findings always have one). */
  readonly explanation?: string;
  readonly notes?: readonly DiagnosticNote[];
  readonly fixes?: readonly QuickFix[];
  /** For refusals of the verifier. */
  readonly reasons?: Reasons;
}
