/** A log file in the user's data folder, kept below 1 MB (the one before it is kept too). */
import { appendFileSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { userFile } from './paths.ts';

export type Level = 'info' | 'warn' | 'error';

export function log(level: Level, message: string): void {
  const file = userFile('logs', 'main.log');
  try {
    mkdirSync(dirname(file), { recursive: true });
    try {
      if (statSync(file).size > 1 << 20) renameSync(file, `${file}.1`);
    } catch {
      // not there yet
    }
    appendFileSync(file, `${new Date().toISOString()} ${level} ${message}\n`);
  } catch {
    // A full disk must not take the app down with it.
  }
}
