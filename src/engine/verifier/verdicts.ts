/** Verdicts kept from one verification of an object to the next: what was not changed is not verified again. */
import type { LoadedObject } from '../loader/index.ts';
import { InputKeys, linesText } from './input-key.ts';
import type { VerifierPlatform, VerifierResult, VerifyOptions } from './types.ts';
import { verifyProgram } from './verify.ts';

/** Bytes of keys and results that are kept. */
const MAX_BYTES = 24_000_000;

interface Kept {
  readonly result: VerifierResult;
  /** Of a refusal, whose explanation names lines: these. */
  readonly lines: string | null;
  readonly bytes: number;
}

/** For one platform object each: a kernel's answers are its own. */
export class VerdictCache {
  /** By what the verdict depends on; the latest used last. */
  readonly #kept = new Map<string, Kept>();
  readonly #platforms: VerifierPlatform[] = [];
  #bytes = 0;

  /** Memory that keys and results take, about. */
  get bytes(): number {
    return this.#bytes;
  }

  /** As `verifyObject` with default options: the same results, those that were known being the same objects. */
  verifyObject(
    obj: LoadedObject,
    platform: VerifierPlatform,
    cancelled?: VerifyOptions['cancelled'],
  ): VerifierResult[] {
    const keys = new InputKeys(obj);
    // What ended early, or was explained in a hurry, is not what there is to say.
    let hurried = false;
    const opts = cancelled === undefined ? {} : { cancelled: (n: number) => (hurried = cancelled(n) || hurried) };
    const kernel = `${this.#number(platform)}\n`;
    return obj.programs.map((p) => {
      const key = kernel + keys.of(p);
      const known = this.#kept.get(key);
      if (known !== undefined && (known.lines === null || known.lines === linesText(p))) {
        this.#kept.delete(key);
        this.#kept.set(key, known);
        return known.result;
      }
      const result = verifyProgram(obj, p, platform, opts);
      if (!hurried) this.#keep(key, result, result.accepted ? null : linesText(p));
      return result;
    });
  }

  #number(platform: VerifierPlatform): number {
    const n = this.#platforms.indexOf(platform);
    return n >= 0 ? n : this.#platforms.push(platform) - 1;
  }

  #keep(key: string, result: VerifierResult, lines: string | null): void {
    this.#drop(key);
    const bytes = 2 * (key.length + (lines?.length ?? 0)) + result.visits.byteLength + 500;
    if (bytes > MAX_BYTES / 4) return;
    this.#kept.set(key, { result, lines, bytes });
    this.#bytes += bytes;
    for (const old of this.#kept.keys()) {
      if (this.#bytes <= MAX_BYTES) break;
      this.#drop(old);
    }
  }

  #drop(key: string): void {
    const kept = this.#kept.get(key);
    if (kept === undefined) return;
    this.#kept.delete(key);
    this.#bytes -= kept.bytes;
  }
}
