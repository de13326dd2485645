/** Clocks of the benchmarks. */

export const ms = (n: number): string => `${n.toFixed(n < 10 ? 2 : 0)} ms`;

/** Least time of some rounds, by the wall clock or another. */
export function best(rounds: number, body: () => void, now: () => number = () => performance.now()): number {
  let min = Infinity;
  for (let i = 0; i < rounds; i++) {
    const t0 = now();
    body();
    min = Math.min(min, now() - t0);
  }
  return min;
}

/** Milliseconds that this process was on CPUs, with all its threads: what others do on a busy machine does not count. */
export function cpuClock(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
