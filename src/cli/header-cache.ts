/** The bundled headers as the compiler reads them, on disk. A header that was changed since is read again all the same. */
import { HeaderTables, makeHeaderTables, type HeaderSource } from '../engine/api/index.ts';
import { readCached, writeCached } from './cache.ts';

/** @param build names this build of the code: another one cannot read them */
export function cachedHeaderTables(root: string, build: string, headers: HeaderSource): HeaderTables | undefined {
  const name = `headers-${build}.bin`;
  const cached = readCached(root, name);
  const opened = cached === null ? null : HeaderTables.open(cached);
  if (opened !== null) return opened;
  const made = makeHeaderTables(headers);
  writeCached(root, name, made);
  return HeaderTables.open(made) ?? undefined;
}
