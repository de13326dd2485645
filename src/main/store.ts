/** Small JSON files that survive a crash in the middle of writing. */
import { mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

let counter = 0;
const temporary = (file: string): string => `${file}.${process.pid}-${counter++}.tmp`;

/** Writes beside the file, flushes, then renames over it: a reader sees the old text or the new, never half. */
export async function writeAtomic(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const mode = await stat(file).then(
    (s) => s.mode & 0o777,
    () => 0o644,
  );
  const tmp = temporary(file);
  try {
    const handle = await open(tmp, 'w', mode);
    try {
      await handle.writeFile(text, 'utf8');
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(tmp, file);
  } catch (error) {
    await rm(tmp, { force: true });
    throw error;
  }
}

export function writeJsonSync(file: string, value: unknown): void {
  mkdirSync(dirname(file), { recursive: true });
  const tmp = temporary(file);
  writeFileSync(tmp, JSON.stringify(value, null, 1));
  renameSync(tmp, file);
}

/** Null when the file is missing or damaged; a damaged one is set aside, not overwritten silently. */
export function readJsonSync(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return null;
  }
  try {
    return JSON.parse(text);
  } catch {
    renameSync(file, `${file}.damaged`);
    return null;
  }
}

export const removeSync = (file: string): void => rmSync(file, { force: true });
