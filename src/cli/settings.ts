/** What -I and -D amount to. */
import type { CompileSettings } from '../engine/api/index.ts';
import { UsageError } from './exit.ts';

export interface CompileOptions {
  readonly include?: readonly string[];
  readonly define?: readonly string[];
}

/** @throws UsageError for a define without a proper name */
export function compileSettings(o: CompileOptions): CompileSettings {
  const defines: Record<string, string> = {};
  for (const d of o.define ?? []) {
    const m = /^([A-Za-z_]\w*)(?:=(.*))?$/s.exec(d);
    if (m === null) throw new UsageError(`-D ${d}: a macro is NAME or NAME=text`);
    defines[m[1]] = m[2] ?? '1';
  }
  return { includeDirs: o.include ?? [], defines };
}
