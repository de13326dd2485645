/** Sets of half stack slots (four bytes each) by instruction: read, surely written, and read later, in one frame. */

/** Words of 32 bits: 128 halves of 512 bytes. */
const WORDS = 4;
const HALVES = 128;
export const HALF = 4;

/** A set of halves; half 0 is the one next to the frame pointer. */
export type Halves = Uint32Array;

export const allHalves = (): Halves => new Uint32Array(WORDS).fill(0xffff_ffff);

export const noHalves = (): Halves => new Uint32Array(WORDS);

export function halvesBetween(lo: number, hi: number): Halves {
  const out = noHalves();
  for (let h = lo; h <= hi && h < HALVES; h++) out[h >> 5] |= 1 << (h & 31);
  return out;
}

/** Both halves of a stack slot, as bits: 1 for the upper four bytes, 2 for the lower. */
export const halvesOfSlot = (set: Halves, slot: number): number => (set[slot >> 4] >>> ((slot & 15) * 2)) & 3;
export const hasHalf = (set: Halves, h: number): boolean => (set[h >> 5] & (1 << (h & 31))) !== 0;
export const sameHalves = (a: Halves, b: Halves): boolean =>
  a[0] === b[0] && a[1] === b[1] && a[2] === b[2] && a[3] === b[3];
export const isEmpty = (set: Halves): boolean => (set[0] | set[1] | set[2] | set[3]) === 0;

/** For the instructions of one function, by their place in it. */
export class FrameMasks {
  readonly reads: Uint32Array;
  readonly writes: Uint32Array;
  readonly live: Uint32Array;

  constructor(count: number) {
    this.reads = new Uint32Array(count * WORDS);
    this.writes = new Uint32Array(count * WORDS);
    this.live = new Uint32Array(count * WORDS);
  }

  read(at: number, set: Halves): void {
    for (let w = 0; w < WORDS; w++) this.reads[at * WORDS + w] |= set[w];
  }

  write(at: number, set: Halves): void {
    for (let w = 0; w < WORDS; w++) this.writes[at * WORDS + w] |= set[w];
  }

  readAt(at: number): Halves {
    return this.reads.subarray(at * WORDS, at * WORDS + WORDS);
  }

  writtenAt(at: number): Halves {
    return this.writes.subarray(at * WORDS, at * WORDS + WORDS);
  }

  liveAt(at: number): Halves {
    return this.live.subarray(at * WORDS, at * WORDS + WORDS);
  }

  addLive(at: number, to: Halves): void {
    for (let w = 0; w < WORDS; w++) to[w] |= this.live[at * WORDS + w];
  }

  /** From what is live at the instructions that may come next: did anything change? */
  update(at: number, after: Halves): boolean {
    let changed = false;
    for (let w = 0; w < WORDS; w++) {
      const k = at * WORDS + w;
      const before = ((after[w] & ~this.writes[k]) | this.reads[k]) >>> 0;
      if (before === this.live[k]) continue;
      this.live[k] = before;
      changed = true;
    }
    return changed;
  }

  /** Takes in what another look at the function found: read by either, written by both (null = nothing was touched). */
  merge(other: FrameMasks | null): void {
    for (let k = 0; k < this.reads.length; k++) {
      this.writes[k] &= other === null ? 0 : other.writes[k];
      if (other !== null) this.reads[k] |= other.reads[k];
    }
  }
}
