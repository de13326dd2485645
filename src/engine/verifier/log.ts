/** The verifier's log, in the kernel's format. Level 1 keeps the current path only, level 2 everything. */
export class Log {
  readonly level: 0 | 1 | 2;
  private text = '';
  /** C line printed last, so that it is not repeated. */
  lastLine = '';

  constructor(level: 0 | 1 | 2) {
    this.level = level;
  }

  get length(): number {
    return this.text.length;
  }

  /** Writes without newline. */
  put(s: string): void {
    if (this.level > 0) this.text += s;
  }

  line(s: string): void {
    if (this.level > 0) this.text += s + '\n';
  }

  /** Forgets what was written after a position: the abandoned path of level 1. */
  cut(length: number): void {
    this.text = this.text.slice(0, length);
  }

  toString(): string {
    return this.text;
  }
}
