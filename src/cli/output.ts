/** Writing without `process.stdout`, whose streams take longer to set up than a policy takes to compile. */
import { writeSync } from 'node:fs';

/** Writes all of the text, and returns when it is written. */
export function emit(fd: 1 | 2, text: string): void {
  let rest: Uint8Array = new TextEncoder().encode(text);
  try {
    while (rest.length > 0) rest = rest.subarray(writeSync(fd, rest));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Whoever reads has had enough.
    if (code === 'EPIPE') return;
    if (code !== 'EAGAIN') throw error;
    // Somebody made it non-blocking: the stream knows how to wait.
    (fd === 1 ? process.stdout : process.stderr).write(rest);
  }
}
