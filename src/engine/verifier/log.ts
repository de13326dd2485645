/**
 * The verifier's log, in the kernel's format. Level 1 keeps the current path only, level 2 everything. Behaviour follows
 * kernel/bpf/log.c: after an instruction the registers and stack slots that it touched are printed behind it, in a column.
 */
import type { LineRecord } from '../loader/index.ts';

/** Column of the state behind an instruction; longer instructions push it on in steps. */
const COLUMN = 40;
const STEP = 8;

/** Spaces from a position to the column where what is said of an instruction stands (bpf_vlog_alignment()). */
export function padFrom(position: number): string {
  const column = Math.ceil(Math.max(position + STEP / 2, COLUMN) / STEP) * STEP;
  return ' '.repeat(column - position - 1);
}

/** Characters of a log that are kept: a million instructions fill more than a machine has memory for. The end matters. */
const KEPT = 1 << 26;
/** Pieces that are put together at a time: one long text takes a fraction of the memory of its pieces. */
const PIECES = 4096;

export class Log {
  readonly level: 0 | 1 | 2;
  private readonly kept: number;
  /** Long texts, then pieces. */
  private blocks: string[] = [];
  private parts: string[] = [];
  /** Characters that were written, and how many of them from the start on are gone. */
  private size = 0;
  private dropped = 0;
  /** C line printed last, so that it is not repeated. */
  lastLine: LineRecord | null = null;
  /** Where the last instruction's line ended, and its length: the state goes behind it if nothing came since. */
  private insnEnd = -1;
  private insnLength = 0;
  /** Touched since the last print: registers as bits, stack slots as two words of bits. */
  private regs = 0;
  private slotsLo = 0;
  private slotsHi = 0;

  /** @param kept characters that are kept; of what is longer the end, as Linux does since 6.4 */
  constructor(level: 0 | 1 | 2, kept = KEPT) {
    this.level = level;
    this.kept = kept;
  }

  get length(): number {
    return this.size;
  }

  /** Writes without newline. */
  put(s: string): void {
    if (this.level === 0 || s === '') return;
    this.parts.push(s);
    this.size += s.length;
    if (this.parts.length >= PIECES) this.gather();
  }

  private gather(): void {
    this.blocks.push(this.parts.join(''));
    this.parts = [];
    while (this.blocks.length > 1 && this.size - this.dropped - this.blocks[0].length >= this.kept)
      this.dropped += this.blocks.shift()!.length;
  }

  line(s: string): void {
    if (this.level === 0) return;
    this.put(s);
    this.put('\n');
  }

  /** An instruction's own line. */
  insn(s: string): void {
    this.line(s);
    this.insnEnd = this.size;
    this.insnLength = s.length + 1;
  }

  /** The touched part of the state: behind its instruction, or on a line that begins with the instruction's number. */
  state(at: number, text: string): void {
    if (this.level === 0) return;
    if (this.insnEnd === this.size && this.size > 0) {
      this.cut(this.size - 1);
      this.put(`${padFrom(this.insnLength)};`);
    } else this.put(`${at}:`);
    this.line(text);
    this.clean();
  }

  touchReg(regno: number): void {
    this.regs |= 1 << regno;
  }

  touchSlot(n: number): void {
    if (n < 32) this.slotsLo |= 1 << n;
    else this.slotsHi |= 1 << (n & 31);
  }

  touchAll(): void {
    this.regs = this.slotsLo = this.slotsHi = -1;
  }

  get touched(): boolean {
    return (this.regs | this.slotsLo | this.slotsHi) !== 0;
  }

  hasReg(regno: number): boolean {
    return (this.regs & (1 << regno)) !== 0;
  }

  hasSlot(n: number): boolean {
    return ((n < 32 ? this.slotsLo : this.slotsHi) & (1 << (n & 31))) !== 0;
  }

  private clean(): void {
    this.regs = this.slotsLo = this.slotsHi = 0;
  }

  /** Forgets what was written after a position: the abandoned path of level 1. */
  cut(length: number): void {
    while (this.size > length) {
      const last = this.parts.pop() ?? this.blocks.pop();
      if (last === undefined) {
        this.size = this.dropped = length;
        return;
      }
      this.size -= last.length;
      if (this.size < length) this.put(last.slice(0, length - this.size));
    }
  }

  toString(): string {
    const text = [...this.blocks, ...this.parts].join('');
    if (this.dropped === 0) return text;
    const start = text.indexOf('\n') + 1;
    return `; ${this.dropped + start} characters of the log are left out before this\n${text.slice(start)}`;
  }
}
