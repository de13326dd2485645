/** Quick fixes for refused programs, each proven: the edited file compiles, and the program is accepted. */
import type { QuickFix } from '../../base/index.ts';
import type { TranslationUnit } from '../c/index.ts';
import { loadObject, openObject, type LoadedObject, type LoadedProgram } from '../loader/index.ts';
import { applyFix, proposeRepairs } from '../repair/index.ts';
import { verifyProgram, type VerifierResult } from '../verifier/index.ts';
import type { ReadyProfile } from './profiles.ts';

/** Fixes offered for one refusal. */
const ENOUGH = 3;
/** A proposal that makes the verifier process more instructions than about this is not offered. */
const PATIENCE = 30_000;

export interface RefusedPolicy {
  readonly file: string;
  readonly text: string;
  readonly unit: TranslationUnit;
  readonly object: LoadedObject;
  readonly kernel: ReadyProfile;
  /** Compiles the file as if `text` stood in it; null when it has errors. */
  compile(text: string): Uint8Array | null;
}

/** What the edited text makes of the program; null when there is no such program any more. */
function judge(p: RefusedPolicy, program: LoadedProgram, text: string): VerifierResult | null {
  const bytes = p.compile(text);
  if (bytes === null) return null;
  const opened = openObject(bytes, p.object.name);
  if (!opened.ok) return null;
  const loaded = loadObject(opened.value, p.kernel.profile);
  if (!loaded.ok || (loaded.value.problems ?? []).some((x) => x.severity === 'error')) return null;
  const same = loaded.value.programs.find((x) => x.name === program.name);
  if (same === undefined) return null;
  return verifyProgram(loaded.value, same, p.kernel.platform, { patience: PATIENCE, explain: false });
}

/** Fixes for one refusal, best first. One step for each proposal that is tried: whoever asked may stop in between. */
export function* repairs(
  p: RefusedPolicy,
  program: LoadedProgram,
  result: VerifierResult,
): Generator<void, readonly QuickFix[]> {
  const hook = program.attach.hook === null ? undefined : p.kernel.platform.hook(program.attach.hook);
  const proposals = proposeRepairs({
    unit: p.unit,
    file: p.file,
    text: p.text,
    object: p.object,
    program,
    result,
    returnRange: hook?.returnRange ?? null,
  });
  const proven: QuickFix[] = [];
  /** The program still has another mistake, but this one is gone. */
  const further: QuickFix[] = [];
  const seen = new Set<string>();
  for (const fix of proposals) {
    const text = applyFix(p.text, fix);
    if (seen.has(text)) continue;
    seen.add(text);
    yield;
    const after = judge(p, program, text);
    if (after === null) continue;
    if (after.accepted) proven.push(fix);
    else if (after.explanation?.id !== 'cancelled' && isFurther(result, after)) further.push(fix);
    if (proven.length >= ENOUGH) break;
  }
  return proven.length > 0 ? proven : further.slice(0, 1);
}

/** Refused for another reason, and later. */
const isFurther = (before: VerifierResult, after: VerifierResult): boolean =>
  after.explanation?.id !== before.explanation?.id &&
  after.insnsProcessed > before.insnsProcessed &&
  (after.line?.line ?? 0) > (before.line?.line ?? 0);
