/** The random stream that a generated program is made of. */

/** `count` uniform choices from a seed (mulberry32). */
export function choices(count: number, seed: number): number[] {
  let state = seed >>> 0;
  return Array.from({ length: count }, () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  });
}

/** Choices; after the stream has ended everything is the first alternative. */
export class Choices {
  readonly #stream: readonly number[];
  #at = 0;
  constructor(stream: readonly number[]) {
    this.#stream = stream;
  }
  get over(): boolean {
    return this.#at >= this.#stream.length;
  }
  below(n: number): number {
    return this.over ? 0 : this.#stream[this.#at++] % n;
  }
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)];
  }
  /** In another order. */
  shuffle<T>(items: readonly T[]): T[] {
    const out = [...items];
    for (let i = out.length - 1; i > 0; i--) {
      const k = this.below(i + 1);
      [out[i], out[k]] = [out[k], out[i]];
    }
    return out;
  }
}
